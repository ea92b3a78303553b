//! The forms of a script, as they are written in JSON.

use std::collections::BTreeMap;

use dormouse_sdk::Value;
use serde::Deserialize;

/// A form, which may contain other forms.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Script(pub(crate) Form);

/// The forms, named after the key that distinguishes each.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Form {
    Seq {
        seq: Vec<Script>,
    },
    Join {
        join: Vec<Script>,
    },
    Race {
        race: Vec<Script>,
    },
    Repeat {
        repeat: u32,
        r#do: Box<Script>,
    },
    Webhook {
        webhook: String,
        #[serde(default)]
        options: WebhookOptions,
    },
    Wait {
        wait: String,
        ms: Option<u64>,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    Close {
        close: String,
    },
    Respond {
        respond: ResponseForm,
    },
    Call {
        call: CallForm,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    Sleep {
        sleep: u64,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    SleepUntil {
        #[serde(rename = "sleep-until")]
        instant: u64,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    Event {
        event: String,
        ms: Option<u64>,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    Notify {
        notify: String,
        run: Option<String>,
        #[serde(default)]
        body: Value,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    Start {
        start: StartForm,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    Invoke {
        invoke: InvokeForm,
        #[serde(rename = "as")]
        step: Option<String>,
    },
    AwaitRun {
        #[serde(rename = "await-run")]
        run: String,
        ms: Option<u64>,
    },
    CancelRun {
        #[serde(rename = "cancel-run")]
        run: String,
        grace: Option<u64>,
        reason: Option<String>,
    },
    WaitCancel {
        #[serde(rename = "wait-cancel")]
        ms: Option<u64>,
    },
    /// Continues as new with another script.
    Continue {
        r#continue: Value,
        #[serde(default)]
        keep: Vec<String>,
        #[serde(default)]
        on_current_version: bool,
    },
    /// Does a script in each of this many generations, and returns all results.
    Generations {
        generations: u32,
        r#do: Value,
        #[serde(default)]
        keep: Vec<String>,
        /// The results of the earlier generations.
        #[serde(default)]
        results: Vec<Value>,
    },
    Fail {
        fail: FailForm,
    },
    /// Does one script on some versions of the program, and another on all others.
    Version {
        version: BTreeMap<String, Script>,
        r#else: Box<Script>,
    },
    Step {
        step: String,
        value: Value,
    },
    Abandon {
        abandon: String,
    },
    Log {
        log: String,
    },
    Label {
        label: BTreeMap<String, String>,
    },
    Random {
        random: usize,
    },
    Order {
        order: Vec<String>,
    },
    Now {
        now: True,
    },
    Headers {
        headers: True,
    },
    Request {
        request: True,
    },
    Spin {
        spin: True,
    },
    Grow {
        grow: usize,
    },
    Trap {
        trap: String,
    },
}

const NAMES: [&str; 34] = [
    "seq",
    "join",
    "race",
    "repeat",
    "webhook",
    "wait",
    "close",
    "respond",
    "call",
    "sleep",
    "sleep-until",
    "event",
    "notify",
    "start",
    "invoke",
    "await-run",
    "cancel-run",
    "wait-cancel",
    "continue",
    "generations",
    "fail",
    "version",
    "step",
    "abandon",
    "log",
    "label",
    "random",
    "order",
    "now",
    "headers",
    "request",
    "spin",
    "grow",
    "trap",
];

/// `{"wait": "a", "ms": 5}` is read as serde writes an enum: `{"wait": {"wait": "a", "ms": 5}}`.
impl TryFrom<Value> for Script {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let Some(name) = NAMES.into_iter().find(|name| value.get(name).is_some()) else {
            return Err(format!(
                "`{value}` is none of the forms {}",
                NAMES.join(", ")
            ));
        };
        let tagged = Value::from_iter([(name, value)]);
        let form = Form::deserialize(tagged).map_err(|error| format!("`{name}`: {error}"))?;
        Ok(Self(form))
    }
}

/// The value of a key for which only `true` makes sense.
#[derive(Debug, Deserialize)]
#[serde(try_from = "bool")]
pub(crate) struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value {
            Ok(Self)
        } else {
            Err("only `true` makes sense here")
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartForm {
    pub(crate) workflow: String,
    #[serde(default)]
    pub(crate) input: Value,
    #[serde(default)]
    pub(crate) leave: bool,
    pub(crate) version: Option<String>,
    pub(crate) timeout_ms: Option<u64>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvokeForm {
    pub(crate) workflow: String,
    #[serde(default)]
    pub(crate) input: Value,
    #[serde(default)]
    pub(crate) or_fail: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailForm {
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallForm {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: HeadersForm,
    pub(crate) body: Option<Value>,
    pub(crate) attempts: Option<u32>,
    pub(crate) give_up_after_ms: Option<u64>,
    #[serde(default)]
    pub(crate) error_for_status: bool,
    pub(crate) delay_ms: Option<u64>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) redirects: Option<u32>,
    pub(crate) idempotency_key: Option<String>,
    /// The name of the header, the prefix, and the name of the secret.
    #[serde(default)]
    pub(crate) secret_headers: Vec<(String, String, String)>,
}

fn get() -> String {
    "GET".into()
}

/// `[["name", "value"], …]` where order or repeats matter, `{"name": "value", …}` otherwise.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "headers are pairs of strings in an array, or an object of strings"
)]
pub(crate) enum HeadersForm {
    Pairs(Vec<(String, String)>),
    Object(BTreeMap<String, String>),
}

impl Default for HeadersForm {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

impl HeadersForm {
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Pairs(pairs) => pairs
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect(),
            Self::Object(object) => object
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponseForm {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: HeadersForm,
    pub(crate) body: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebhookOptions {
    pub(crate) methods: Vec<String>,
    pub(crate) reply: Reply,
    pub(crate) handshake: Handshake,
    pub(crate) signature: Option<SignatureForm>,
    pub(crate) provider: Option<ProviderForm>,
    pub(crate) description: Option<String>,
    pub(crate) tolerance: Option<u64>,
    pub(crate) cors: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderForm {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    #[default]
    Accepted,
    Fixed(ResponseForm),
    FromWorkflow(u64),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Handshake {
    #[default]
    None,
    Slack,
    Meta,
    MicrosoftGraph,
    Websub,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureForm {
    pub(crate) scheme: Scheme,
    pub(crate) secrets: Vec<String>,
    pub(crate) header: Option<String>,
    pub(crate) prefix: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scheme {
    StandardWebhooks,
    Github,
    Stripe,
    Slack,
    HmacSha256,
}

#[cfg(test)]
mod tests {
    use dormouse_sdk::{json, serde_json};

    use super::*;

    fn parse(value: Value) -> Result<Script, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    fn check_error(value: Value, expected: &str) {
        assert_eq!(parse(value).unwrap_err(), expected);
    }

    #[test]
    fn every_form_is_read() {
        let forms = json!([
            { "seq": [{ "join": [] }, { "race": [] }] },
            { "repeat": 3, "do": { "log": "again" } },
            { "webhook": "a" },
            { "webhook": "a", "options": {
                "methods": ["GET"],
                "reply": { "fixed": { "status": 200, "headers": { "a": "b" }, "body": "ok" } },
                "handshake": "microsoft-graph",
                "signature": { "scheme": "hmac-sha256", "secrets": ["s"], "header": "x" },
            } },
            { "webhook": "a", "options": { "reply": "accepted" } },
            { "webhook": "a", "options": {
                "provider": { "name": "acme", "secrets": ["s"], "settings": { "header": "x" } },
                "description": "name = \"acme\"", "tolerance": 600000, "cors": ["https://app.example"],
            } },
            { "webhook": "a", "options": { "reply": { "from-workflow": 5000 } } },
            { "wait": "a" },
            { "wait": "a", "ms": null, "as": "again" },
            { "close": "a" },
            { "respond": { "status": 200, "body": { "ok": true } } },
            { "call": { "url": "http://x" } },
            { "call": { "method": "POST", "url": "http://x", "headers": [["a", "b"]], "body": 1,
                "attempts": 1, "give_up_after_ms": 10, "error_for_status": true, "delay_ms": 10, "timeout_ms": 10, "redirects": 0,
                "idempotency_key": "k", "secret_headers": [["authorization", "Bearer ", "s"]] }, "as": "first" },
            { "sleep": 5 },
            { "sleep-until": 5, "as": "midnight" },
            { "event": "e", "ms": 5 },
            { "notify": "e", "run": null, "body": [1] },
            { "start": { "workflow": "w", "input": [1], "leave": true, "version": null, "timeout_ms": 5, "labels": { "k": "v" } }, "as": "c" },
            { "invoke": { "workflow": "w", "or_fail": true } },
            { "await-run": "c", "ms": 5 },
            { "cancel-run": "c", "grace": 5, "reason": "r" },
            { "wait-cancel": null },
            { "continue": { "log": "again" }, "keep": ["a"], "on_current_version": true },
            { "generations": 3, "do": { "wait": "a" }, "keep": ["a"], "results": [] },
            { "fail": { "code": "c", "message": "m" } },
            { "version": { "00": { "log": "old" } }, "else": { "log": "new" } },
            { "step": "s", "value": null },
            { "abandon": "s" },
            { "log": "hello" },
            { "label": { "k": "v" } },
            { "random": 8 },
            { "order": ["a", "b"] },
            { "now": true },
            { "headers": true },
            { "request": true },
            { "spin": true },
            { "grow": 65536 },
            { "trap": "over" },
        ]);
        for form in forms.as_array().unwrap() {
            if let Err(error) = parse(form.clone()) {
                panic!("{form}: {error}");
            }
        }
    }

    #[test]
    fn a_mistake_is_named() {
        check_error(
            json!({ "wiat": "a" }),
            "`{\"wiat\":\"a\"}` is none of the forms seq, join, race, repeat, webhook, wait, close, \
             respond, call, sleep, sleep-until, event, notify, start, invoke, await-run, cancel-run, wait-cancel, \
             continue, generations, fail, version, step, abandon, log, label, random, order, now, headers, \
             request, spin, grow, trap",
        );
        check_error(
            json!({ "wait": "a", "sm": 5 }),
            "`wait`: unknown field `sm`, expected one of `wait`, `ms`, `as`",
        );
        check_error(
            json!({ "seq": [{ "sleep": "5" }] }),
            "`seq`: `sleep`: invalid type: string \"5\", expected u64",
        );
        check_error(
            json!({ "now": false }),
            "`now`: only `true` makes sense here",
        );
        check_error(json!({ "step": "s" }), "`step`: missing field `value`");
        check_error(
            json!({ "call": { "url": "http://x", "headers": 5 } }),
            "`call`: headers are pairs of strings in an array, or an object of strings",
        );
    }
}
