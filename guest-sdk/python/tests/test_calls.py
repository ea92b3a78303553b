"""Calls, webhooks, events and runs: what reaches the contract, and what comes of its answers."""

import base64
import gzip
import hmac
import os
import unittest
import zlib

from dormouse import (
    CallError, Context, Error, HttpStatusError, Response, RetryPolicy, SecretError, Signature, UsageError, secret,
)  # fmt: skip
from dormouse import _environment, _secrets
from dormouse.http import Headers
from fake_host import FakeHost


class WithHost(unittest.TestCase):
    def setUp(self):
        self.host = FakeHost()
        self.context = Context()
        self.http = self.host.contract.http
        self.types = self.host.contract.types

    def sent(self, coroutine):
        """The step, the request and the options of a call."""
        task = self.host.run(coroutine)
        if task.done():
            task.result()
        return self.host.begun[-1].arguments


class Calls(WithHost):
    def test_what_is_said_arrives(self):
        step, request, options = self.sent(
            self.context.post(
                "https://example.com/a?b=1#c",
                json={"n": 1},
                query={"q": ["x y", True], "none": None},
                headers={"X-One": "1"},
                timeout="10s",
                attempts=2,
                idempotency_key="key",
                redirects=0,
            )
        )
        self.assertEqual(step, "POST example.com")
        self.assertEqual((request.method, request.url), ("POST", "https://example.com/a?b=1&q=x+y&q=true#c"))
        self.assertEqual(request.headers, [("X-One", b"1"), ("content-type", b"application/json")])
        self.assertEqual(request.body, b'{"n":1}')
        self.assertEqual((options.timeout, options.idempotency_key, options.redirects), (10_000, "key", 0))
        self.assertEqual(options.retry, self.http.RetryPolicy(2, 86_400_000, 500, 2.0, 300_000))

    def test_the_host_decides_what_is_not_said(self):
        _, request, options = self.sent(self.context.get("https://example.com"))
        self.assertEqual((request.headers, request.body), ([], b""))
        self.assertEqual(options, self.http.CallOptions(None, None, None, 10, [], []))

    def test_bodies(self):
        for given, body, kind in (
            ({"form": {"a": "ü", "b": 2}}, b"a=%C3%BC&b=2", b"application/x-www-form-urlencoded"),
            ({"form": [("a", 1), ("a", 2)]}, b"a=1&a=2", b"application/x-www-form-urlencoded"),
            ({"text": "ü"}, "ü".encode(), b"text/plain; charset=utf-8"),
            ({"json": None}, b"null", b"application/json"),
            ({"json": 1, "headers": {"Content-Type": "application/x"}}, b"1", b"application/x"),
            ({"body": b"raw"}, b"raw", None),
        ):
            _, request, _ = self.sent(self.context.put("https://example.com", **given))
            kinds = [value for name, value in request.headers if name.lower() == "content-type"]
            self.assertEqual((request.body, kinds), (body, [] if kind is None else [kind]))

    def test_what_cannot_be_sent(self):
        for given, error in (
            ({"json": 1, "text": "a"}, UsageError),
            ({"form": 5}, UsageError),
            ({"query": {"a": {}}}, UsageError),
            ({"jsno": 1}, TypeError),
        ):
            with self.assertRaises(error):
                self.sent(self.context.get("https://example.com", **given))

    def test_a_url_that_cannot_be_read_is_the_hosts_to_refuse(self):
        for url, step in (("http://[x", "GET http://[x"), ("/a?b", "GET /a"), ("http://" + "ü" * 200, None)):
            name, request, _ = self.sent(self.context.get(url))
            self.assertEqual(request.url, url)
            self.assertLessEqual(len(name.encode()), 256)
            self.assertIn(step, (name, None))

    def test_none_is_an_option_that_is_not_given(self):
        options = dict.fromkeys(("form", "text", "body", "query", "headers", "basic_auth", "timeout", "retry", "redirects"))
        _, request, sent = self.sent(self.context.get("https://example.com", **options))
        self.assertEqual((request.headers, request.body, sent.retry, sent.redirects), ([], b"", None, 10))

    def test_a_policy_keeps_what_is_not_said_beside_it(self):
        policy = RetryPolicy(give_up_after=None, initial_delay="1s")
        _, _, options = self.sent(self.context.get("https://example.com", retry=policy, attempts=7))
        self.assertEqual(options.retry, self.http.RetryPolicy(7, None, 1_000, 2.0, 300_000))

    def test_errors_have_codes(self):
        failure = self.types.Failure("too-late", "the host was busy")
        for error, code, text in (
            (self.http.CallError_Denied("a private address"), "denied", "not allowed: a private address"),
            (self.http.CallError_Invalid("no"), "invalid", "cannot be sent as it is: no"),
            (self.http.CallError_TimedOut(), "timed-out", "did not answer in time"),
            (self.http.CallError_Unreachable("refused"), "unreachable", "cannot be reached: refused"),
            (self.http.CallError_TooLarge(5), "too-large", "larger than 5 bytes"),
            (self.http.CallError_Interrupted(), "interrupted", "may have arrived"),
            (self.http.CallError_Abandoned(), "abandoned", "gave the call up"),
            (self.http.CallError_Other(failure), "too-late", "the host was busy"),
        ):
            task = self.host.run(self.context.get("https://ann:pw@example.com/a?secret=1", step="ask"))
            self.host.fail(len(self.host.begun), error)
            raised = task.exception()
            self.assertIsInstance(raised, CallError)
            self.assertEqual(raised.code, code)
            self.assertEqual(raised.message.split(": ", 1)[0], "call `ask` (GET https://example.com/a)")
            self.assertIn(text, raised.message)

    def answered(self, status, body=b"", headers=()):
        task = self.host.run(self.context.get("https://example.com/a", step="ask"))
        self.host.end(len(self.host.begun), self.types.Response(status, list(headers), body))
        return task.result()

    def test_a_response(self):
        response = self.answered(200, b'{"a": [1]}', [("X-A", b"1"), ("x-a", b"2")])
        self.assertEqual((response.json(), response.json(dict[str, list[int]])), ({"a": [1]}, {"a": [1]}))
        self.assertEqual((response.header("x-A"), response.headers.get_all("X-a")), ("1", ["1", "2"]))
        self.assertIs(response.error_for_status(), response)
        with self.assertRaises(HttpStatusError) as raised:
            self.answered(404, b"not here").error_for_status()
        error = raised.exception
        self.assertEqual((error.code, error.status, error.response.body), ("http-status", 404, b"not here"))
        message = "call `ask` (GET https://example.com/a) was answered with status 404: not here"
        self.assertEqual(error.message, message)

    def test_encodings_are_undone(self):
        raw = zlib.compressobj(wbits=-15)
        for name, body in (
            (b"gzip", gzip.compress(b"hel") + gzip.compress(b"lo")),
            (b"deflate", zlib.compress(b"hello")),
            (b"deflate", raw.compress(b"hello") + raw.flush()),
            (b"gzip, gzip", gzip.compress(gzip.compress(b"hello"))),
            (b"identity", b"hello"),
        ):
            response = self.answered(200, body, [("Content-Encoding", name)])
            self.assertEqual(response.text(), "hello", name)
        for name, body, code in (
            (b"br", b"x", "unsupported-encoding"),
            (b"gzip", b"no gzip", "invalid-encoding"),
            (b"gzip", gzip.compress(b"hello")[:-4], "invalid-encoding"),
            (b"gzip", gzip.compress(bytes(20 << 20)), "too-large"),
        ):
            with self.assertRaises(Error) as raised:
                self.answered(200, body, [("Content-Encoding", name)]).text()
            self.assertEqual(raised.exception.code, code)


class Secrets(WithHost):
    @classmethod
    def setUpClass(cls):
        _secrets.install()

    def parts(self, **given):
        _, request, options = self.sent(self.context.post("https://example.com", **given))
        return request.headers, [(header.name, header.value) for header in options.secret_headers]

    def test_a_header_is_parted_at_its_secrets(self):
        text, hidden, group = self.http.ValuePart_Text, self.http.ValuePart_Secret, self.http.ValueGroup
        plain, secrets = self.parts(
            headers={"authorization": f'Token t="{secret("A_KEY")}"', "accept-encoding": "gzip", "x": "1"}
        )
        self.assertEqual(plain, [("x", b"1")])
        self.assertEqual(
            secrets,
            [("authorization", [group(None, [text('Token t="')]), group(None, [hidden("A_KEY")]), group(None, [text('"')])])],
        )
        _, secrets = self.parts(basic_auth=("ann", secret("A_KEY")))
        self.assertEqual(
            secrets,
            [("authorization", [group(None, [text("Basic ")]), group("base64", [text("ann:"), hidden("A_KEY")])])],
        )

    def test_a_secret_elsewhere_is_refused_by_name_and_logged(self):
        key = secret("A_KEY")
        for given in (
            {"json": {"key": key}},
            {"form": {"k": key}},
            {"query": {"k": key}},
            {"headers": {"a": key, "Range": "bytes=0-1"}},
        ):
            with self.assertRaisesRegex(SecretError, "the secret A_KEY "):
                self.sent(self.context.post("https://example.com", **given))
            self.assertEqual(self.host.logged[-1][0], "ERROR")
        for compute in (lambda: hmac.new(key.encode(), b"", "sha256"), lambda: hmac.digest(key.encode(), b"", "sha256")):
            with self.assertRaisesRegex(SecretError, "A_KEY was given to a computation"):
                compute()

    def test_a_name_is_one_that_the_host_takes(self):
        for name in ("", "a b", "x" * 65):
            with self.assertRaises(UsageError):
                secret(name)

    def test_what_has_no_secret_is_left_alone(self):
        self.assertEqual(base64.b64encode(b"ann:pw"), b"YW5uOnB3")
        self.assertEqual(hmac.new(b"key", b"", "md5").hexdigest(), "63530468a04e386459855da0063b6596")

    def test_the_environment_is_what_was_said(self):
        before = dict(os.environ)
        try:
            _environment.settle({"MODEL": "small"}, ["A_KEY"])
            os.environ["FROM_ELSEWHERE"] = "1"
            _environment.apply()
            self.assertNotIn("FROM_ELSEWHERE", os.environ)
            os.environ["SET_BY_A_MODULE"] = "1"
            _environment.keep()
            os.environ.clear()
            _environment.apply()
            self.assertEqual(os.environ.pop("SET_BY_A_MODULE"), "1")
            self.assertEqual(dict(os.environ), {"MODEL": "small", "A_KEY": secret("A_KEY")})
        finally:
            os.environ.clear()
            os.environ.update(before)


class Others(WithHost):
    def created(self, **options):
        self.host.answers["create_webhook"] = self.host.contract.webhooks.Webhook("w1", "https://host/hooks/t")
        hook = self.context.webhook("a", **options)
        self.assertEqual((hook.id, hook.url, repr(hook)), ("w1", "https://host/hooks/t", "<Webhook 'a'>"))
        return self.host.called[-1][2]

    def test_webhooks(self):
        webhooks = self.host.contract.webhooks
        self.assertEqual(self.created(), webhooks.WebhookOptions([], None, None, webhooks.Reply_Accepted(), []))
        options = self.created(methods=["get"], provider="stripe", secrets="one", tolerance="10m", cors="*", reply_within=5)
        self.assertEqual(
            options,
            webhooks.WebhookOptions(
                ["GET"],
                webhooks.Signature("stripe", ["one"], []),
                "stripe",
                webhooks.Reply_FromWorkflow(5_000),
                [("tolerance", "600000"), ("cors", "*")],
            ),
        )
        signature = Signature.hmac_sha256(["s"], "x-digest", prefix="sha256=")
        options = self.created(signature=signature, reply=Response(201, text="ok"))
        self.assertEqual(options.signature.settings, [("header", "x-digest"), ("prefix", "sha256=")])
        self.assertEqual(options.reply.value, self.types.Response(201, [("content-type", b"text/plain; charset=utf-8")], b"ok"))
        for bad in ({"secrets": ["a"]}, {"provider": "a", "handshake": "b"}, {"reply": Response(), "reply_within": 1}):
            with self.assertRaises(UsageError):
                self.context.webhook("a", **bad)

    def test_a_delivery(self):
        self.created()
        hook = self.host.run(self.awaited(self.context.webhook("a"))).result()
        task = self.host.run(hook.wait(timeout="5m"))
        self.assertEqual(self.host.begun[-1].arguments, ("a", "w1", 300_000))
        request = self.types.Request("POST", "https://host/hooks/t/x", [], b"a=1&a=2&b=")
        self.host.end(1, self.host.contract.webhooks.Delivery("d1", 5_000, request))
        delivery = task.result()
        self.assertEqual((delivery.form(), delivery.form_pairs()), ({"a": "2", "b": ""}, [("a", "1"), ("a", "2"), ("b", "")]))
        with self.assertRaisesRegex(Error, "the body sent to webhook `a` is not JSON"):
            delivery.json()
        delivery.respond(200, json={})
        self.assertEqual(self.host.called[-1][:3], ("respond", "a", "d1"))
        task = self.host.run(hook.wait(1))
        self.host.end(2, None)
        self.assertIsNone(task.result())

    async def awaited(self, what):
        return await what

    def test_runs(self):
        task = self.host.run(self.context.invoke("double", 4, labels="a:b", leave=True, type=int))
        step, workflow, payload, options = self.host.begun[0].arguments
        self.assertEqual((step, workflow, payload.body), ("double", "double", b"4"))
        self.assertEqual((options.when_parent_ends, options.settings), ("leave", [("label", "a:b")]))
        self.host.end(1, "run-1")
        runs = self.host.contract.runs
        self.host.end(2, runs.RunOutcome_Completed(self.types.Payload("application/json", b"8")))
        self.assertEqual(task.result(), 8)
        for outcome, status, code in (
            (runs.RunOutcome_Failed(self.types.Failure("a-code", "why")), "failed", "a-code"),
            (runs.RunOutcome_Cancelled("enough"), "cancelled", "cancelled"),
            (runs.RunOutcome_Gone(), "gone", "gone"),
            (runs.RunOutcome_Other(self.types.Failure("new-code", "why")), "failed", "new-code"),
        ):
            task = self.host.run(self.context.other_run("run-1").wait())
            self.host.end(len(self.host.begun), outcome)
            self.assertEqual(task.result().status, status)
            with self.assertRaises(Error) as raised:
                task.result().output()
            self.assertEqual(raised.exception.code, code)

    def test_a_step_is_computed_once_and_its_error_kept(self):
        Ok, Err = self.host.contract.Ok, self.host.contract.Err
        self.assertEqual(self.context.step("add", lambda: 2, int), 2)
        self.assertEqual(self.host.called[-1], ("finish", "add", Ok(self.types.Payload("application/json", b"2"))))

        def refused():
            raise Error("a-code", "no")

        with self.assertRaisesRegex(Error, "no"):
            self.context.step("refuse", refused)
        self.assertEqual(self.host.called[-1][2], Err(self.types.Failure("a-code", "no")))
        self.host.answers["begin"] = Ok(self.types.Payload("application/json", b"3"))
        self.assertEqual(self.context.step("add", self.fail, int), 3)

    def test_headers_keep_bytes(self):
        headers = Headers._from_contract([("x", b"\xe9\xff")])
        self.assertEqual(headers._to_contract(), [("x", b"\xe9\xff")])
        self.assertEqual(Headers({"x": "☃"})._to_contract(), [("x", "☃".encode())])


if __name__ == "__main__":
    unittest.main()
