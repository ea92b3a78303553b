//! Errors that a workflow threw, and their texts for people.

use rquickjs::{Ctx, Exception, Object, Value};

use crate::bindings::Failure;
use crate::modules;

/// A value that was thrown.
#[derive(Debug, Clone)]
pub(crate) struct Thrown {
    /// The error's name, such as `TypeError`. Empty if the value is not an error.
    pub(crate) name: String,
    /// The error's own code, if it has one that the contract allows.
    pub(crate) code: Option<String>,
    /// The error's message. If the value is not an error, its JSON.
    pub(crate) message: String,
    /// The stack of the place where the error was made.
    pub(crate) stack: String,
    /// The text of the errors that caused the error.
    causes: String,
}

/// The errors that the language itself throws. They mean that the program has a mistake.
const PROGRAMMING: [&str; 4] = ["TypeError", "ReferenceError", "RangeError", "SyntaxError"];

impl Thrown {
    /// Takes the pending exception of the engine.
    pub(crate) fn caught(ctx: &Ctx<'_>) -> Self {
        Self::of(&ctx.catch())
    }

    /// Returns an error with this message that was not thrown by JavaScript.
    pub(crate) fn told(message: String) -> Self {
        Thrown {
            name: String::new(),
            code: None,
            message,
            stack: String::new(),
            causes: String::new(),
        }
    }

    /// Reads a value that was thrown.
    pub(crate) fn of(value: &Value<'_>) -> Self {
        Self::within(value, CAUSES)
    }

    /// Reads a value that was thrown, with at most `causes` levels of errors that caused it.
    fn within(value: &Value<'_>, causes: usize) -> Self {
        let Some(error) = value.as_object() else {
            return Self::told(shown(value));
        };
        let text = |key: &str| error.get::<_, Option<String>>(key).ok().flatten();
        let name = text("name").unwrap_or_default();
        Thrown {
            code: text("code").filter(|code| is_code(code)),
            message: advised(&name, text("message").unwrap_or_else(|| shown(value))),
            name,
            stack: stack(error),
            causes: causes
                .checked_sub(1)
                .map_or_else(String::new, |left| self::causes(error, left)),
        }
    }

    /// Returns whether the language itself threw the error, because the program has a mistake.
    pub(crate) fn is_programming(&self) -> bool {
        PROGRAMMING.contains(&self.name.as_str()) && self.code.is_none()
    }

    /// Returns the text for people: name, message, stack and causes.
    pub(crate) fn text(&self) -> String {
        let name = if self.name.is_empty() || self.name == "Error" {
            String::new()
        } else {
            format!("{}: ", self.name)
        };
        let stack = self.stack.trim_end();
        let stack = if stack.is_empty() {
            String::new()
        } else {
            format!("\n{stack}")
        };
        format!("{name}{}{stack}{}", self.message, self.causes)
    }

    /// Converts the error to the failure of the run.
    pub(crate) fn into_failure(self) -> Failure {
        Failure {
            code: self.code.clone().unwrap_or_else(|| "error".into()),
            message: self.text(),
        }
    }
}

/// Globals of browsers and other runtimes that a workflow does not have, each with what to do instead.
const ABSENT: [(&str, &str); 12] = [
    ("Temporal", "use Date, or a package"),
    (
        "WebAssembly",
        "a workflow is WebAssembly itself; use a package in JavaScript",
    ),
    ("Worker", "start another run: context.invoke"),
    ("MessageChannel", "use a promise"),
    ("BroadcastChannel", "send an event: context.notify"),
    (
        "EventSource",
        "a workflow has no sockets; use fetch, and a webhook for what comes",
    ),
    ("XMLHttpRequest", "use fetch"),
    ("CompressionStream", "use a package for it"),
    ("DecompressionStream", "use a package for it"),
    ("window", "a workflow is not a page in a browser"),
    ("document", "a workflow is not a page in a browser"),
    (
        "localStorage",
        "a workflow is not a page in a browser; what its function keeps in variables is durable",
    ),
];

/// Returns a message. If the program uses a global of [`ABSENT`], what to do is added to the message.
fn advised(name: &str, message: String) -> String {
    let missing = (name == "ReferenceError")
        .then(|| message.strip_suffix(" is not defined"))
        .flatten();
    let absent = missing.and_then(|missing| ABSENT.iter().find(|(absent, _)| *absent == missing));
    match absent {
        Some((_, instead)) => format!("{message}; {instead}"),
        None => message,
    }
}

/// How many levels of causes are shown, and how many errors of one `AggregateError`.
const CAUSES: usize = 4;

/// Returns the text of the errors that caused an error: its `cause`, and the errors of an `AggregateError`.
fn causes(error: &Object<'_>, left: usize) -> String {
    let told = |what: &str, value: &Value<'_>| {
        let text = Thrown::within(value, left).text();
        format!("\n{what}: {text}")
    };
    let cause: Option<Value<'_>> = error.get("cause").ok();
    let cause = cause.filter(|cause| !cause.is_undefined() && !cause.is_null());
    let cause = cause.map(|cause| told("caused by", &cause));
    let errors: Option<Vec<Value<'_>>> = error.get("errors").ok().flatten();
    let errors = errors.into_iter().flatten();
    let errors = errors.filter(Value::is_error).take(CAUSES);
    let errors = errors
        .enumerate()
        .map(|(place, error)| told(&format!("error {}", place + 1), &error));
    cause.into_iter().chain(errors).collect()
}

fn stack(error: &Object<'_>) -> String {
    let stack = Exception::from_object(error.clone()).and_then(|error| error.stack());
    let stack = stack.unwrap_or_default();
    // The frames of the runtime's own code mean nothing to the author.
    let lines = stack.lines().filter(|line| {
        ["(dormouse:", "(node:", "(native"]
            .iter()
            .all(|around| !line.contains(around))
    });
    lines
        .take(FRAMES)
        .map(in_source)
        .collect::<Vec<_>>()
        .join("\n")
}

/// How many frames of a stack are shown.
const FRAMES: usize = 10;

/// Returns a frame, `    at f (flow.js:3:7)` or `    at flow.js:3:7`, with the line of the author's file. If this is another
/// line, the text was compiled, and the column is left out.
fn in_source(frame: &str) -> String {
    let place = || {
        let (before, place, after) = match frame.rsplit_once('(') {
            Some((call, place)) => (format!("{call}("), place.trim_end_matches(')'), ")"),
            None => {
                let (indent, place) = frame.split_once("at ")?;
                (format!("{indent}at "), place, "")
            }
        };
        let mut parts = place.rsplitn(3, ':');
        let (column, line, file) = (
            parts.next()?,
            parts.next()?.parse::<usize>().ok()?,
            parts.next()?,
        );
        let found = modules::line(file, line);
        let column = if found == line {
            format!(":{column}")
        } else {
            String::new()
        };
        Some(format!("{before}{file}:{found}{column}{after}"))
    };
    place().unwrap_or_else(|| frame.to_owned())
}

/// Returns whether the contract allows a code: at most 64 lower-case letters, digits and hyphens.
fn is_code(code: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&code.len()) && code.bytes().all(is_letter)
}

fn shown(value: &Value<'_>) -> String {
    let text = value.ctx().json_stringify(value.clone()).ok().flatten();
    let text = text.and_then(|text| text.to_string().ok());
    text.unwrap_or_else(|| value.type_name().to_string())
}
