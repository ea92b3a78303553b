//! Parts of scripts that many tests need. See the scripted guest's README for the others.

use dormouse_e2e::{Run, Service};
use serde_json::{Value, json};

/// Sends a service the URL of webhook `a`.
pub(crate) fn send_url(service: &Service) -> Value {
    json!({"call": {"method": "POST", "url": service.url(), "body": {"webhookUrl": "${a.url}"}}})
}

/// Returns a webhook, and this many waits one after the other, once the event `go` has come.
pub(crate) fn waits_after_go(count: usize) -> Value {
    json!({"seq": [
        {"webhook": "a"},
        {"event": "go"},
        {"repeat": count, "do": {"wait": "a"}},
    ]})
}

/// The same, with these options.
pub(crate) fn waits_after_go_with(options: &Value, count: usize) -> Value {
    json!({"seq": [
        {"webhook": "a", "options": options},
        {"event": "go"},
        {"repeat": count, "do": {"wait": "a"}},
    ]})
}

/// Returns the use that lets the scripted guest's webhooks check requests by a secret.
pub(crate) fn verifying() -> Value {
    json!([{"workflow": "script", "verify": true}])
}

/// Sends the event `go`, after which the run goes on.
#[track_caller]
pub(crate) fn go(run: &Run) {
    run.notify("go", "").expect(202);
}
