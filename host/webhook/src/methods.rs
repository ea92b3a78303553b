//! Checks the methods that a webhook may ask for.

/// Methods that never reach a run: the host answers them itself, or no client sends them.
const REFUSED: [&str; 4] = ["HEAD", "OPTIONS", "CONNECT", "TRACE"];

/// The largest number of methods in a list, and the longest name of one in bytes. Nobody needs
/// more.
const METHODS: usize = 32;
const METHOD_LENGTH: usize = 32;

/// Checks the methods that an author or an operator asks for.
///
/// # Errors
/// When one of them is never delivered. The sentence says what to change.
pub fn check_methods(methods: &[String]) -> Result<(), String> {
    if methods.len() > METHODS {
        return Err(format!(
            "{} methods were given; there can be at most {METHODS}",
            methods.len()
        ));
    }
    for method in methods {
        if REFUSED.contains(&method.as_str()) {
            return Err(format!(
                "the method {method} was given, which is never delivered: the host answers it itself. Take it off the list"
            ));
        }
        if !is_method(method) {
            let shown: String = method.chars().take(METHOD_LENGTH).collect();
            return Err(format!(
                "the method {shown:?} was given; a method is a word in capitals, such as `POST`"
            ));
        }
    }
    Ok(())
}

/// Returns whether a text is a token of RFC 9110 without lower-case letters.
fn is_method(method: &str) -> bool {
    let is_token = |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    (1..=METHOD_LENGTH).contains(&method.len()) && method.bytes().all(is_token)
}
