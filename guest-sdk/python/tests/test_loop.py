"""asyncio on the durable loop, with a host that the test plays."""

import asyncio
import unittest

from dormouse import Context
from dormouse._entry import run
from dormouse._errors import UsageError
from dormouse._workflow import Workflow
from fake_host import FakeHost


class Timers(unittest.TestCase):
    def setUp(self):
        self.host = FakeHost()

    def test_a_sleep_of_asyncio_is_a_durable_timer(self):
        task = self.host.run(asyncio.sleep(2.5, "woken"))
        [timer] = self.host.begun
        self.assertEqual((timer.name, timer.arguments), ("sleep_until", ("timer", 1_002_500)))
        self.host.end(1, at=1_002_500)
        self.assertEqual(task.result(), "woken")

    def test_a_timer_that_is_cleared_before_anything_waits_costs_nothing(self):
        async def program():
            async with asyncio.timeout(5):
                await asyncio.sleep(0)
            return await asyncio.wait_for(asyncio.sleep(0, "quick"), 5)

        self.assertEqual(self.host.run(program()).result(), "quick")
        self.assertEqual(self.host.begun, [])

    def test_what_is_due_runs_without_an_operation(self):
        order = []
        loop = self.host.loop
        loop.call_later(0, order.append, "later")
        loop.call_soon(order.append, "soon")
        loop.call_at(loop.time() - 5, order.append, "past")
        loop.call_later(0, order.append, "never").cancel()
        self.host.go_on()
        self.assertEqual(order, ["later", "soon", "past"])
        self.assertEqual(self.host.begun, [])

    def test_a_timer_that_is_cleared_while_it_waits_is_abandoned(self):
        handle = self.host.loop.call_later(5, self.fail, "it was cleared")
        self.host.go_on()
        handle.cancel()
        self.assertTrue(self.host.begun[0].abandoned)
        self.host.end_abandoned()
        self.assertEqual(self.host.loop.operations.open, {})

    def test_a_timer_for_the_end_of_time_is_no_operation(self):
        task = self.host.run(asyncio.wait_for(self.host.loop.create_future(), float("inf")))
        self.assertEqual((task.done(), self.host.begun), (False, []))

    def test_a_timeout_abandons_what_it_bounds(self):
        context = Context()

        async def program():
            try:
                async with asyncio.timeout(5):
                    await context.wait_for_event("never")
            except TimeoutError:
                return "too late"

        task = self.host.run(program())
        self.assertEqual(self.host.names(), ["wait_for_event", "sleep_until"])
        self.host.end(2, at=1_005_000)
        self.assertEqual(task.result(), "too late")
        self.assertTrue(self.host.begun[0].abandoned)

    def test_a_wait_that_is_over_abandons_its_timer(self):
        task = self.host.run(asyncio.wait_for(Context().wait_for_cancel(), 5))
        self.host.end(1, "enough")
        self.assertEqual(task.result(), "enough")
        self.assertTrue(self.host.begun[1].abandoned)


class Tasks(unittest.TestCase):
    def setUp(self):
        self.host = FakeHost()
        self.context = Context()

    def test_gather_begins_all_in_order_and_keeps_their_places(self):
        async def program():
            return await asyncio.gather(*(self.context.wait_for_event(name) for name in "abc"))

        task = self.host.run(program())
        self.assertEqual([one.arguments[1] for one in self.host.begun], ["a", "b", "c"])
        payload = self.host.contract.types.Payload
        for number, text in ((3, b"3"), (1, b"1"), (2, b"2")):
            self.host.end(number, payload("application/json", text))
        self.assertEqual([one.json() for one in task.result()], [1, 2, 3])

    def test_a_task_group_cancels_the_others_when_one_fails(self):
        async def bad():
            await self.context.sleep("a moment", 1)
            raise ValueError("bad")

        async def program():
            async with asyncio.TaskGroup() as group:
                group.create_task(self.context.sleep("a day", "1d"))
                group.create_task(bad())

        task = self.host.run(program())
        self.host.end(2)
        self.assertEqual([one.abandoned for one in self.host.begun], [True, False])
        self.assertIsInstance(task.exception(), ExceptionGroup)

    def test_queues_events_and_locks(self):
        async def worker(queue, lock, done, seen):
            while (item := await queue.get()) is not None:
                async with lock:
                    await self.context.sleep(f"item {item}", 1)
                    seen.append(item)
            done.set()

        async def program():
            queue, lock, done, seen = asyncio.Queue(), asyncio.Lock(), asyncio.Event(), []
            workers = [asyncio.create_task(worker(queue, lock, done, seen)) for _ in range(2)]
            for item in (1, 2, None, None):
                queue.put_nowait(item)
            await done.wait()
            await asyncio.gather(*workers)
            return seen

        task = self.host.run(program())
        self.assertEqual(self.host.names(), ["sleep"])
        self.host.end(1)
        self.host.end(2)
        self.assertEqual(task.result(), [1, 2])

    def test_a_task_that_is_cancelled_gives_its_operation_up(self):
        task = self.host.run(self.context.sleep("a day", "1d"))
        task.cancel()
        self.host.go_on()
        self.assertTrue(task.cancelled())
        self.assertTrue(self.host.begun[0].abandoned)
        # What comes of it is nobody's.
        self.host.end_abandoned()
        self.assertEqual(self.host.logged, [])

    def test_an_operation_begins_in_a_context_of_its_own(self):
        import contextvars

        async def program():
            return await asyncio.create_task(self.context.sleep("a", 1), context=contextvars.Context())

        task = self.host.run(program())
        self.host.end(1)
        self.assertIsNone(task.result())

    def test_functions_for_threads_run_at_once(self):
        self.assertEqual(self.host.run(asyncio.to_thread(sum, [1, 2])).result(), 3)

    def test_an_error_that_nobody_looks_at_is_logged(self):
        async def program():
            async def bad():
                raise ValueError("nobody caught this")

            task = asyncio.create_task(bad())
            await asyncio.sleep(0)
            del task

        self.host.run(program())
        [(level, message)] = self.host.logged
        self.assertEqual(level, "ERROR")
        self.assertIn("nobody caught this", message)

    def test_the_loop_cannot_be_run_from_within(self):
        with self.assertRaises(UsageError):
            self.host.loop.run_until_complete(None)


class Ends(unittest.TestCase):
    """What a run does when its function is at its end."""

    def setUp(self):
        self.host = FakeHost()

    def begin(self, function, body=b"", content_type="application/json"):
        given = self.host.contract.types.Payload(content_type, body)
        self.host.loop.operations._context = None
        return self.host.run(run(Workflow(function), given))

    def test_what_is_open_is_abandoned_and_awaited(self):
        async def flow(ctx):
            asyncio.create_task(ctx.sleep("a day", "1d"))
            asyncio.get_running_loop().call_later(50, print)
            await asyncio.sleep(0)
            return "done"

        task = self.begin(flow)
        self.assertFalse(task.done())
        # The timer had not begun.
        self.assertEqual([one.abandoned for one in self.host.begun], [True])
        self.host.end_abandoned()
        self.assertEqual(task.result().body, b'"done"')

    def test_tasks_that_are_left_are_cancelled_and_may_clean_up(self):
        async def flow(ctx):
            async def background():
                try:
                    await ctx.sleep("a day", "1d")
                finally:
                    await ctx.notify("stopped")

            asyncio.create_task(background())
            await asyncio.sleep(0)

        task = self.begin(flow)
        self.assertEqual(self.host.names(), ["sleep", "notify"])
        self.host.end(2, 1)
        self.host.end_abandoned()
        self.assertEqual(task.result().body, b"null")

    def test_an_error_fails_the_run_and_is_told_in_the_log(self):
        class Declined(Exception):
            code = "card-declined"

        async def flow(ctx):
            raise Declined("no money")

        failure = self.begin(flow).exception().value
        self.assertEqual((failure.code, failure.message), ("card-declined", "no money"))
        [(level, message)] = self.host.logged
        self.assertEqual(level, "ERROR")
        self.assertRegex(message, r'(?s)no money\n.*test_loop.py", line \d+, in flow\n    raise Declined')

    def test_input_that_does_not_fit(self):
        async def flow(ctx, input: dict[str, int]):
            return input

        failure = self.begin(flow, b'{"a": "b"}').exception().value
        self.assertEqual(failure.code, "invalid-input")
        self.assertEqual(failure.message, "the input does not fit: at `a`: expected a whole number, got 'b'")
        self.assertEqual(self.begin(flow, b'{"a": 1}').result().body, b'{"a":1}')

    def test_random_numbers_follow_from_the_host(self):
        async def flow(ctx):
            import random

            kept = ctx.step("draw", random.random)
            return [kept, random.random()]

        results = []
        for recorded in (None, "replayed"):
            self.host = FakeHost()
            finished = self.host.called
            self.host.answers["begin"] = lambda name: results[0] if recorded else None
            output = self.begin(flow).result().body
            results.append(finished[1][2] if recorded is None else output)
            results.append(output)
        # A step that is skipped draws nothing, and what is drawn after it is the same.
        self.assertEqual(results[1], results[2])
        self.assertEqual(len(results[1].split(b",")), 2)


if __name__ == "__main__":
    unittest.main()
