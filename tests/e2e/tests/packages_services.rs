//! Packages of services that are called by `fetch`, in workflows in TypeScript. `packages` says how they are tested.

use dormouse_e2e::{Received, Reply};
use serde_json::{Value, json};

use crate::packages::{answer, jose, through_a_kill};

/// Returns the names of the flows of `tests/packages/services.ts`, with the result of each. The result is the same before the
/// kill and after it.
fn flows() -> Vec<(&'static str, Value)> {
    vec![
        (
            "slack",
            json!({"ts": "1.2", "channels": 2, "bad": "invalid_auth"}),
        ),
        ("octokit", json!({"made": 7, "all": [1, 2], "bad": 404})),
        (
            "supabase",
            json!({"got": [{"id": 1}], "put": {"id": 2}, "file": "files/k.txt"}),
        ),
        ("notion", json!({"page": "p1", "bad": "object_not_found"})),
        (
            "s3",
            json!({"put": "\"e1\"", "got": "hello", "keys": ["k1", "k2"], "bad": "NoSuchKey"}),
        ),
        (
            "axios",
            json!({
                "sent": {"type": "application/json", "auth": "Basic dTpw", "a": "1", "body": "{\"a\":1}", "query": "l%5B%5D=1&l%5B%5D=2"},
                "form": "multipart/form-data",
                "bad": ["ERR_BAD_REQUEST", 404, "Not Found"],
            }),
        ),
        ("neon", json!({"rows": [{"id": 1, "v": "x"}]})),
        (
            "jwt",
            json!({"plans": ["small", "small", "small"], "curve": "prime256v1", "bad": "JsonWebTokenError"}),
        ),
        (
            "luxon",
            json!({"later": "2026-02-28T10:00:00.000Z", "text": "Saturday, 31 January 2026", "hours": 48}),
        ),
        (
            "csv",
            json!({"rows": [{"a": "1", "b": "ONE"}, {"a": "2", "b": "TWO, THREE"}]}),
        ),
    ]
}

/// Answers like the service of each package. The first part of the path names the service.
fn services(request: &Received) -> Reply {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let (service, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    match service {
        "slack" => slack(request, rest),
        "github" => github(request, rest, query),
        "supabase" => supabase(request, rest),
        "notion" => notion(request),
        "s3" => s3(request, rest, query),
        "axios" => axios(request, rest, query),
        "neon" => neon(&request.json()),
        "pem" => Reply::status(200).body(jose()["pem"][rest].as_str().unwrap()),
        "csv" => Reply::status(200).body("a,b\n1,one\n2,\"two, three\"\n"),
        _ => Reply::status(200),
    }
}

fn refused(status: u16, body: &Value) -> Reply {
    Reply::status(status)
        .header("content-type", "application/json")
        .body(body.to_string())
}

fn slack(request: &Received, method: &str) -> Reply {
    let body = String::from_utf8_lossy(&request.body);
    let next = if body.contains("cursor=") { "" } else { "next" };
    answer(&match method {
        "chat.postMessage" => json!({"ok": true, "ts": "1.2"}),
        "conversations.list" => {
            json!({"ok": true, "channels": [{"id": "C"}], "response_metadata": {"next_cursor": next}})
        }
        _ => json!({"ok": false, "error": "invalid_auth"}),
    })
}

fn github(request: &Received, path: &str, query: &str) -> Reply {
    if path != "repos/a/b/issues" {
        return refused(404, &json!({"message": "Not Found"}));
    }
    if request.method == "POST" {
        assert_eq!(request.field("title"), "Hello");
        return refused(201, &json!({"number": 7}));
    }
    if query.contains("page=2") {
        return answer(&json!([{"number": 2}]));
    }
    let host = request.header("host").unwrap_or_default();
    let next = format!("<http://{host}/github/repos/a/b/issues?page=2>; rel=\"next\"");
    answer(&json!([{"number": 1}])).header("link", &next)
}

fn supabase(request: &Received, path: &str) -> Reply {
    if path.starts_with("storage/") {
        return answer(&json!({"Key": "files/k.txt", "Id": "1"}));
    }
    assert_eq!(request.header("apikey"), Some("key"));
    match request.method.as_str() {
        "GET" => answer(&json!([{"id": 1}])),
        _ => refused(201, &json!({"id": 2})),
    }
}

fn notion(request: &Received) -> Reply {
    if request.method == "POST" {
        return answer(&json!({"object": "page", "id": "p1"}));
    }
    let error =
        json!({"object": "error", "status": 404, "code": "object_not_found", "message": "none"});
    refused(404, &error)
}

fn s3(request: &Received, path: &str, query: &str) -> Reply {
    let xml = |status, body: &str| {
        Reply::status(status)
            .header("content-type", "application/xml")
            .body(body)
    };
    let authorization = request.header("authorization").unwrap_or_default();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 "));
    if request.method == "PUT" {
        return Reply::status(200).header("etag", "\"e1\"");
    }
    if query.contains("list-type=2") {
        return xml(
            200,
            "<ListBucketResult><Contents><Key>k1</Key></Contents><Contents><Key>k2</Key></Contents></ListBucketResult>",
        );
    }
    if path.ends_with("/nothing") {
        return xml(404, "<Error><Code>NoSuchKey</Code></Error>");
    }
    Reply::status(200).body("hello")
}

fn axios(request: &Received, path: &str, query: &str) -> Reply {
    if path == "nothing" {
        return refused(404, &json!({}));
    }
    answer(&json!({
        "type": request.header("content-type"),
        "auth": request.header("authorization"),
        "a": request.header("x-a"),
        "body": String::from_utf8_lossy(&request.body),
        "query": query,
    }))
}

fn neon(asked: &Value) -> Reply {
    answer(&json!({
        "command": "SELECT", "rowCount": 1, "rowAsArray": true, "rows": [["1", asked["params"][0]]],
        "fields": [{"name": "id", "dataTypeID": 23}, {"name": "v", "dataTypeID": 25}],
    }))
}

#[test]
fn packages_of_services_run_as_they_are_through_a_kill() {
    let flows = flows();
    let names: Vec<_> = flows.iter().map(|(name, _)| *name).collect();
    for ((name, output), (_, expected)) in through_a_kill("services.ts", &names, services)
        .iter()
        .zip(&flows)
    {
        assert_eq!(
            output,
            &json!({"first": expected, "second": expected}),
            "{name}"
        );
    }
}
