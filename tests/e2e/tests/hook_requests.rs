//! A request as the run sees it: all of it, byte for byte.

use dormouse_e2e::{Host, Run, body, bytes, header_values, json_body, post, raw, request};
use serde_json::{Value, json};

fn waiting_run(host: &Host) -> (Run, String) {
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let hook = run.hook("a");
    (run, hook)
}

fn delivery(run: &Run) -> Value {
    run.output()[1].clone()
}

#[test]
fn binary_bodies_arrive_byte_for_byte() {
    let sent: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let host = Host::start();
    let (run, hook) = waiting_run(&host);
    let upload = request("POST", hook).header("content-type", "application/octet-stream");
    upload.body(&sent).send().expect(202);
    let delivery = delivery(&run);
    assert_eq!(bytes(&delivery["body"]), sent);
    let media_types = header_values(&delivery["headers"], "content-type");
    assert_eq!(media_types, [b"application/octet-stream"]);
}

#[test]
fn an_empty_body_is_a_body() {
    let host = Host::start();
    let (run, hook) = waiting_run(&host);
    post(hook, "").expect(202);
    assert_eq!(body(&delivery(&run)), "");
}

#[test]
fn a_body_in_chunks_is_one_body() {
    let host = Host::start();
    let (run, hook) = waiting_run(&host);
    let (authority, target) = raw::split(&hook);
    let mut connection = raw::Connection::to(&hook);
    connection.send(format!(
        "POST {target} HTTP/1.1\r\nHost: {authority}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    connection.send("5\r\nhello\r\n");
    connection.send("7\r\n, there\r\n0\r\n\r\n");
    connection.answer().expect(202);
    assert_eq!(body(&delivery(&run)), "hello, there");
}

#[test]
fn a_client_that_expects_100_is_told_to_send_its_body() {
    let host = Host::with(&["--body-limit", "1000"]);
    let (run, hook) = waiting_run(&host);
    let (authority, target) = raw::split(&hook);
    let ask = |length: u32| {
        let mut connection = raw::Connection::to(&hook);
        connection.send(format!(
            "POST {target} HTTP/1.1\r\nHost: {authority}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        ));
        connection
    };
    ask(1_001).answer().expect(413);
    let mut connection = ask(4);
    connection.answer().expect(100);
    connection.send("body");
    connection.answer().expect(202);
    assert_eq!(body(&delivery(&run)), "body");
}

#[test]
fn repeated_headers_keep_their_order_and_their_bytes() {
    let host = Host::start();
    let (run, hook) = waiting_run(&host);
    let lines: [&[u8]; 6] = [
        b"X-Zulu: 1",
        b"X-Signature: t=1,v1=first",
        b"X-Alpha: \xff\xfe not UTF-8",
        b"x-signature: t=2,v1=second",
        b"Cookie: session=kept",
        b"X-Signature:",
    ];
    raw::exchange("POST", &hook, &lines, b"").expect(202);

    let headers = &delivery(&run)["headers"];
    let signatures = header_values(headers, "x-signature");
    assert_eq!(
        signatures,
        [b"t=1,v1=first".as_slice(), b"t=2,v1=second", b""]
    );
    assert_eq!(header_values(headers, "x-alpha"), [b"\xff\xfe not UTF-8"]);
    // A caller's credentials are the run's business, which may have to check them.
    assert_eq!(header_values(headers, "cookie"), [b"session=kept"]);

    let names = headers
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header[0].as_str().unwrap());
    let mut own: Vec<&str> = names.filter(|name| name.starts_with("x-")).collect();
    own.dedup();
    assert_eq!(
        own,
        ["x-zulu", "x-signature", "x-alpha"],
        "in the order of their first lines"
    );
}

#[test]
fn a_sub_path_and_a_query_reach_the_run_raw() {
    let host = Host::start();
    host.deploy("script", "script");
    let rests = [
        "/orders/42",
        "?state=ok",
        "/",
        "/a%20b/%2F//c/../d?q=%41&q=b;c&empty&plus=+",
        "/%F0%9F%90%AD?%",
        "/%ff%zz/%",
    ];
    for rest in rests {
        let (run, hook) = waiting_run(&host);
        let url = format!("{hook}{rest}");
        raw::exchange("POST", &url, &[], b"").expect(202);
        assert_eq!(delivery(&run)["url"], url);
    }
}

#[test]
fn the_url_that_a_run_sees_begins_with_the_public_one() {
    let settings = ["--public-url", "https://hooks.example/base/"];
    let host = Host::with(&settings);
    let (run, hook) = waiting_run(&host);
    let token = hook
        .strip_prefix("https://hooks.example/base/hooks/")
        .unwrap();
    post(format!("{}/hooks/{token}/sub?q", host.url()), "").expect(202);
    assert_eq!(delivery(&run)["url"], format!("{hook}/sub?q"));
}

#[test]
fn the_methods_by_default_are_post_put_patch_and_delete() {
    let host = Host::start();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let (run, hook) = waiting_run(&host);
        request(method, hook).body(r#"{"by":1}"#).send().expect(202);
        let delivery = delivery(&run);
        assert_eq!(delivery["method"], method);
        assert_eq!(json_body(&delivery), json!({"by": 1}));
    }
}

#[test]
fn a_webhook_that_asks_for_get_takes_it_and_no_other() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"methods": ["GET"]}}, {"wait": "a"},
    ]}));
    let hook = run.hook("a");
    let refused = post(&hook, "").expect_problem(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    request("GET", format!("{hook}?clicked=yes"))
        .send()
        .expect(202);
    let delivery = delivery(&run);
    assert_eq!(delivery["method"], "GET");
    assert_eq!(delivery["url"], format!("{hook}?clicked=yes"));
}
