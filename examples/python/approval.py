"""Asks several people at the same time, reminds each of them once, and gives up at a deadline.

dormouse-py build examples/python/approval.py
dormouse deploy approval approval.wasm
dormouse start approval --input '{"mail_url": "http://127.0.0.1:9000/mail", "people": ["ann", "ben"], "subject": "New laptop"}'
"""

import asyncio
from dataclasses import dataclass, field

from dormouse import Context, workflow


@dataclass
class Input:
    mail_url: str
    subject: str
    people: list[str] = field(default_factory=list)
    reminder: str = "1d"
    deadline_seconds: float = 7 * 86_400


@workflow
async def approval(ctx: Context, input: Input) -> dict:
    try:
        async with asyncio.timeout(input.deadline_seconds):
            answers = await asyncio.gather(*(answer_of(ctx, input, person) for person in input.people))
    except TimeoutError:
        return {"decision": "none"}
    return {"decision": "approved" if all(answers) else "refused"}


async def answer_of(ctx: Context, input: Input, person: str) -> bool:
    """Whether a person agrees."""
    hook = await ctx.webhook(f"answer of {person}")

    async def tell(text: str) -> None:
        mail = {"to": person, "subject": input.subject, "text": text, "answerUrl": hook.url}
        (await ctx.post(input.mail_url, json=mail, step=f"{text}, {person}")).error_for_status()

    await tell("please decide")
    answer = await hook.wait(timeout=input.reminder)
    if answer is None:
        await tell("please do not forget")
        answer = await hook.wait()
    return answer.json(dict)["approved"] is True
