//! The OpenAPI document, and the page of the book that lists its routes.

use serde_json::{Value, json};

use super::super::{docs, routes};

fn document() -> String {
    docs::to_json(&routes().into_openapi())
}

#[test]
fn the_document_has_every_route() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut operations: Vec<String> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            operations.push(format!("{method} {path}"));
        }
    }
    operations.sort();
    let hooks = ["delete", "get", "head", "options", "patch", "post", "put"]
        .map(|method| format!("{method} /hooks/{{token}}"));
    let mut expected: Vec<String> = [
        "get /healthz",
        "get /metrics",
        "get /openapi.json",
        "get /readyz",
        "post /v1/events/{event}",
        "get /v1/backup",
        "get /v1/counts",
        "get /v1/runs",
        "get /v1/runs/{id}",
        "get /v1/runs/{id}/calls/{operation}/request",
        "get /v1/runs/{id}/input",
        "get /v1/runs/{id}/journal",
        "get /v1/runs/{id}/logs",
        "get /v1/runs/{id}/output",
        "get /v1/runs/{id}/webhooks",
        "post /v1/runs/actions",
        "post /v1/runs/{id}/cancel",
        "get /v1/runs/{id}/history",
        "post /v1/runs/{id}/retry",
        "post /v1/runs/{id}/move",
        "get /v1/workflows/{name}/settings",
        "put /v1/workflows/{name}/settings",
        "post /v1/runs/{id}/events/{event}",
        "post /v1/runs/{id}/restart",
        "post /v1/runs/{id}/pause",
        "get /v1/pause",
        "post /v1/pause",
        "post /v1/resume",
        "post /v1/workflows/{name}/check",
        "post /v1/workflows/{name}/move",
        "post /v1/workflows/{name}/pause",
        "post /v1/workflows/{name}/resume",
        "post /v1/runs/{id}/resume",
        "get /v1/providers",
        "get /v1/providers/{name}",
        "get /v1/secrets",
        "delete /v1/runs/{id}",
        "delete /v1/secrets/{name}",
        "get /v1/secrets/{name}",
        "patch /v1/secrets/{name}",
        "put /v1/secrets/{name}",
        "get /v1/triggers",
        "get /v1/triggers/{name}",
        "put /v1/triggers/{name}",
        "delete /v1/triggers/{name}",
        "post /v1/triggers/{name}/rotate",
        "post /v1/triggers/{name}/pause",
        "post /v1/triggers/{name}/resume",
        "post /v1/webhooks/forget",
        "get /v1/workflows",
        "delete /v1/workflows/{name}",
        "get /v1/workflows/{name}",
        "put /v1/workflows/{name}",
        "post /v1/workflows/{name}/runs",
    ]
    .map(str::to_owned)
    .into();
    expected.extend(hooks);
    expected.sort();
    assert_eq!(operations, expected);
}

#[test]
fn the_book_has_every_route() {
    let page = include_str!("../../../../../docs/reference/http-api.md");
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut rows = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap();
            let row = format!("| `{} {path}` | {summary} |", method.to_uppercase());
            if !path.starts_with("/hooks/") && !page.contains(&row) {
                rows.push(row);
            }
        }
    }
    assert!(
        rows.is_empty(),
        "docs/reference/http-api.md lacks:\n{}",
        rows.join("\n")
    );
}

#[test]
fn every_guarded_operation_says_what_it_refuses() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_open = operation["security"] == json!([{}]);
            let responses = &operation["responses"];
            let says = ["401", "403", "503"]
                .iter()
                .all(|status| responses[status].is_object());
            assert_eq!(says, !is_open, "{method} {path}");
        }
    }
}

#[test]
fn ids_of_operations_differ() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let ids: Vec<&str> = operations
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let different: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), different.len(), "{ids:?}");
}

#[test]
fn the_document_changes_only_on_purpose() {
    insta::assert_snapshot!(document());
}
