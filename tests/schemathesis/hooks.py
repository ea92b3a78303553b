"""What Schemathesis cannot learn from the OpenAPI document: what an upload looks like, and what there is on the host.

`cargo xtask api-test` names both in the environment.
"""

import os
from pathlib import Path
from zlib import crc32

import schemathesis
from hypothesis import strategies as st

COMPONENT = Path(os.environ["API_TEST_COMPONENT"]).read_bytes()
RUNS = os.environ["API_TEST_RUNS"].split(",")
WORKFLOW = os.environ["API_TEST_WORKFLOW"]

PLACES = st.integers(0, len(COMPONENT) - 1)

# Nothing like a component, one, one that was cut off, and one with a byte that is another.
schemathesis.openapi.media_type(
    "application/wasm",
    st.one_of(
        st.binary(max_size=64),
        st.just(COMPONENT),
        PLACES.map(lambda place: COMPONENT[:place]),
        st.tuples(PLACES, st.binary(min_size=1, max_size=1)).map(
            lambda flaw: COMPONENT[: flaw[0]] + flaw[1] + COMPONENT[flaw[0] + 1 :]
        ),
    ),
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Has three of four requests mean something that there is. Which ones follows from what was generated, so that a
    seed gives the same requests again."""
    parameters = case.path_parameters or {}
    for name, generated in parameters.items():
        chosen = crc32(str(generated).encode("utf-8", "surrogatepass"))
        if chosen % 4 == 0:
            continue
        if name == "id":
            parameters[name] = RUNS[chosen // 4 % len(RUNS)]
        elif name == "name":
            parameters[name] = WORKFLOW
