"""What the crate beside it does with `requests` and `questions`, in Python: `cargo xtask bench` compares the languages."""

from dormouse import Context, workflow


@workflow
async def waiter(ctx: Context, input: dict):
    if requests := input.get("requests", 0):
        hook = await ctx.webhook("requests")
        for _ in range(requests):
            await hook.wait()
    if questions := input.get("questions", 0):
        hook = await ctx.webhook("questions", reply_within="60s")
        for _ in range(questions):
            (await hook.wait()).respond(200)
