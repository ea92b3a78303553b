"""What Schemathesis cannot learn from the OpenAPI document: what an upload looks like, and what there is on the host.

`cargo xtask api-test` names both in the environment.
"""

import os
from itertools import count
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

COMPONENT = Path(os.environ["API_TEST_COMPONENT"]).read_bytes()
# What requests are about, and those that end something: if it were the same, all later ones would hear no more than
# that it is gone.
KEPT = {
    "id": os.environ["API_TEST_RUNS"].split(","),
    "name": os.environ["API_TEST_WORKFLOWS"].split(",")[:1],
    "token": os.environ["API_TEST_TOKENS"].split(","),
}
ENDED = {
    "id": os.environ["API_TEST_ENDED_RUNS"].split(","),
    "name": os.environ["API_TEST_WORKFLOWS"].split(",")[1:],
    "token": KEPT["token"],
}

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


REQUESTS = count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Has three of four requests mean something that there is, each in its turn: what is generated for a path is too
    much alike for that to decide. Requests come one at a time, so a seed gives the same ones again."""
    turn = next(REQUESTS)
    operation = f"{case.operation.method.upper()} {case.operation.path}"
    ends = operation.startswith("DELETE /v1/workflows/") or operation.endswith("/cancel")
    there = ENDED if ends else KEPT

    def meant(name, generated):
        if name not in there:
            return generated
        # What was seen in answers is generated as well, and so is what is to be kept.
        if turn % 4 == 0 and not (ends and generated in KEPT[name]):
            return generated
        return there[name][turn // 4 % len(there[name])]

    case.path_parameters = {
        name: meant(name, generated) for name, generated in (case.path_parameters or {}).items()
    }
