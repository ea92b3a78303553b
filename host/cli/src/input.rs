//! The bytes that a command sends: text of the command line, a file, or standard input.

use std::io::Read as _;

use serde::de::IgnoredAny;

use crate::error::CliError;

/// The media type of JSON.
const JSON: &str = "application/json";

/// JSON as it is written on a command line: an object and a text.
const EXAMPLE: &str = r#"'{"name": "Ada"}' or '"Ada"'"#;

/// Bytes and their media type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: String,
}

impl Input {
    /// Reads the input that `text` names: `@FILE` is a file, `-` is standard input, and anything else is the input
    /// itself. Without `content_type`, the media type is that of JSON.
    pub(crate) fn read(text: Option<&str>, content_type: Option<&str>) -> Result<Self, CliError> {
        let Some(text) = text else {
            let content_type = content_type.unwrap_or_default().to_owned();
            return Ok(Input {
                bytes: Vec::new(),
                content_type,
            });
        };
        let bytes = if let Some(path) = text.strip_prefix('@') {
            std::fs::read(path)
                .map_err(|error| CliError::Usage(format!("{path} cannot be read: {error}")))?
        } else if text == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map_err(|error| {
                CliError::Usage(format!("standard input cannot be read: {error}"))
            })?;
            bytes
        } else {
            text.as_bytes().to_vec()
        };
        Ok(Input {
            bytes,
            content_type: content_type.unwrap_or(JSON).to_owned(),
        })
    }

    /// Reads the input that the value `text` of an option names. If its media type is that of JSON, the input must be JSON
    /// or empty. The host checks this too, but its message cannot name the option or the file.
    pub(crate) fn read_checked(
        option: &str,
        text: Option<&str>,
        content_type: Option<&str>,
    ) -> Result<Self, CliError> {
        let input = Input::read(text, content_type)?;
        if input.content_type == JSON {
            check_json(&input.bytes).map_err(|error| {
                let (what, example) = match text.unwrap_or_default() {
                    "-" => ("standard input", ""),
                    text => match text.strip_prefix('@') {
                        Some(path) => (path, ""),
                        None => (option, EXAMPLE),
                    },
                };
                let mut why = format!("{what} is not JSON: {error}");
                if !example.is_empty() {
                    why += &format!("; give JSON in single quotes, such as {example}");
                }
                if content_type.is_none() {
                    why += "; --content-type names the media type of an input that is not JSON";
                }
                CliError::Usage(why)
            })?;
        }
        Ok(input)
    }
}

/// Checks that bytes are JSON or empty. Like the host, it accepts a byte order mark of UTF-8.
fn check_json(bytes: &[u8]) -> Result<(), serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(bytes).map(|_| ())
}

/// Removes one line break from the end, which editors and `echo` put there.
pub(crate) fn without_line_break(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn check(text: Option<&str>, content_type: Option<&str>, bytes: &[u8], expected: &str) {
        let expected = Input {
            bytes: bytes.to_vec(),
            content_type: expected.into(),
        };
        assert_eq!(Input::read(text, content_type).unwrap(), expected);
    }

    #[test]
    fn text_is_json_unless_a_content_type_is_given() {
        check(Some("{\"a\":1}"), None, b"{\"a\":1}", "application/json");
        check(Some("a"), Some("text/plain"), b"a", "text/plain");
        check(None, None, b"", "");
    }

    #[test]
    fn files_are_read_as_they_are() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"\xff\0").unwrap();
        let name = format!("@{}", file.path().display());
        check(Some(&name), Some("image/png"), b"\xff\0", "image/png");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Input::read(Some("@/no/such/file"), None).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/no/such/file cannot be read"),
            "{error}"
        );
    }

    #[test]
    fn an_input_that_is_not_json_is_refused_by_the_name_of_its_option_or_file() {
        let refused = |text: &str, content_type: Option<&str>| {
            let error = Input::read_checked("--data", Some(text), content_type).unwrap_err();
            (error.exit_code(), error.to_string())
        };
        assert_eq!(
            refused("{", None),
            (
                2,
                "--data is not JSON: EOF while parsing an object at line 1 column 1; give JSON in single quotes, such as \
                 '{\"name\": \"Ada\"}' or '\"Ada\"'; --content-type names the media type of an input that is not JSON"
                    .into()
            )
        );
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"\x89PNG").unwrap();
        let path = file.path().display().to_string();
        let (_, why) = refused(&format!("@{path}"), Some(JSON));
        assert_eq!(
            why,
            format!("{path} is not JSON: expected value at line 1 column 1")
        );
    }

    #[test]
    fn an_input_that_is_not_declared_as_json_may_be_anything_and_json_may_be_empty() {
        for (text, content_type) in [
            (Some("{"), Some("text/plain")),
            (Some(""), None),
            (Some("\u{feff}{}"), None),
            (None, None),
        ] {
            Input::read_checked("--input", text, content_type).unwrap();
        }
    }

    #[test]
    fn one_line_break_at_the_end_is_removed() {
        let check = |bytes: &str, expected: &str| {
            assert_eq!(without_line_break(bytes.into()), expected.as_bytes());
        };
        check("value", "value");
        check("value\n", "value");
        check("value\r\n", "value");
        check("value\n\n", "value\n");
        check("value\r", "value\r");
        check("\n", "");
    }
}
