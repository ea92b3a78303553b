"""A client of httpx on durable calls."""

import unittest

import httpx
from dormouse.httpx import DurableTransport
from fake_host import FakeHost


class Transport(unittest.TestCase):
    def setUp(self):
        self.host = FakeHost()
        self.http = self.host.contract.http

    def begin(self, **options):
        async def program():
            async with httpx.AsyncClient(transport=DurableTransport()) as client:
                return await client.post("https://example.com/a", json={"n": 1}, **options)

        return self.host.run(program())

    def test_a_request_is_one_attempt_of_a_call(self):
        task = self.begin(headers={"x-a": "1"})
        step, request, options = self.host.begun[0].arguments
        self.assertEqual((step, request.method, request.url), ("POST example.com", "POST", "https://example.com/a"))
        names = [name.lower() for name, _ in request.headers]
        self.assertIn("x-a", names)
        for own in ("host", "connection", "content-length"):
            self.assertNotIn(own, names)
        self.assertEqual((options.retry.attempts, options.redirects, options.timeout), (1, 0, 1_800_000))
        self.host.end(1, self.host.contract.types.Response(200, [("content-type", b"application/json")], b'{"a":1}'))
        self.assertEqual(task.result().json(), {"a": 1})

    def test_one_that_a_stop_cut_off_is_sent_again_under_its_key(self):
        task = self.begin()
        self.host.fail(1, self.http.CallError_Interrupted())
        keys = [one.arguments[2].idempotency_key for one in self.host.begun]
        self.assertEqual((len(keys), keys[0]), (2, keys[1]))
        self.host.end(2, self.host.contract.types.Response(204, [], b""))
        self.assertEqual(task.result().status_code, 204)

    def test_errors_are_those_that_clients_know(self):
        for error, expected in (
            (self.http.CallError_Unreachable("refused"), httpx.ConnectError),
            (self.http.CallError_Denied("private"), httpx.ConnectError),
            (self.http.CallError_TimedOut(), httpx.ReadTimeout),
            (self.http.CallError_TooLarge(5), httpx.ReadError),
        ):
            task = self.begin()
            self.host.fail(len(self.host.begun), error)
            self.assertIsInstance(task.exception(), expected)


if __name__ == "__main__":
    unittest.main()
