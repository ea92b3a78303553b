//! Errors that a workflow threw, as people read them.

use rquickjs::{Ctx, Exception, Object, Value};

use crate::bindings::Failure;
use crate::modules;

/// What was thrown.
#[derive(Debug, Clone)]
pub(crate) struct Thrown {
    /// `TypeError` and the like. Empty where it is no error.
    pub(crate) name: String,
    /// The error's own code, where it has one.
    pub(crate) code: Option<String>,
    /// What it says.
    pub(crate) message: String,
    /// Where it was made.
    pub(crate) stack: String,
}

/// The errors that the language itself throws: a mistake in the program.
const PROGRAMMING: [&str; 4] = ["TypeError", "ReferenceError", "RangeError", "SyntaxError"];

impl Thrown {
    /// Takes the exception that is pending.
    pub(crate) fn caught(ctx: &Ctx<'_>) -> Self {
        Self::of(&ctx.catch())
    }

    /// Reads a value that was thrown.
    pub(crate) fn of(value: &Value<'_>) -> Self {
        let Some(error) = value.as_object() else {
            return Thrown {
                name: String::new(),
                code: None,
                message: shown(value),
                stack: String::new(),
            };
        };
        let text = |key: &str| error.get::<_, Option<String>>(key).ok().flatten();
        Thrown {
            name: text("name").unwrap_or_default(),
            code: text("code").filter(|code| is_code(code)),
            message: text("message").unwrap_or_else(|| shown(value)),
            stack: stack(error),
        }
    }

    /// Whether the language threw it by itself: the program is wrong, and not the world.
    pub(crate) fn is_programming(&self) -> bool {
        PROGRAMMING.contains(&self.name.as_str()) && self.code.is_none()
    }

    /// What a person is told.
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
        format!("{name}{}{stack}", self.message)
    }

    /// The failure of the run.
    pub(crate) fn into_failure(self) -> Failure {
        Failure {
            code: self.code.clone().unwrap_or_else(|| "error".into()),
            message: self.text(),
        }
    }
}

fn stack(error: &Object<'_>) -> String {
    let stack = Exception::from_object(error.clone()).and_then(|error| error.stack());
    let stack = stack.unwrap_or_default();
    // The frames of what is around the workflow say nothing to its author.
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

/// How many frames people are shown.
const FRAMES: usize = 10;

/// A frame, `    at f (flow.js:3:7)`, with the line of the author's file. Its column is that of other text, and is left out
/// where the line is another.
fn in_source(frame: &str) -> String {
    let place = || {
        let (call, place) = frame.rsplit_once('(')?;
        let mut parts = place.trim_end_matches(')').rsplitn(3, ':');
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
        Some(format!("{call}({file}:{found}{column})"))
    };
    place().unwrap_or_else(|| frame.to_owned())
}

/// A code of the contract: short, in lower case with hyphens.
fn is_code(code: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&code.len()) && code.bytes().all(is_letter)
}

fn shown(value: &Value<'_>) -> String {
    let text = value.ctx().json_stringify(value.clone()).ok().flatten();
    let text = text.and_then(|text| text.to_string().ok());
    text.unwrap_or_else(|| value.type_name().to_string())
}
