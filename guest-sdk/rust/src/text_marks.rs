//! Byte order marks, which some senders put before a text.

/// Returns a text in UTF-8 without its byte order mark. The error names another encoding's mark.
pub(crate) fn without_mark(body: &[u8]) -> Result<&[u8], String> {
    let other = match body {
        [0xef, 0xbb, 0xbf, text @ ..] => return Ok(text),
        // This mark is checked before that of UTF-16, which is its beginning.
        [0xff, 0xfe, 0, 0, ..] => "UTF-32 (FF FE 00 00)",
        [0, 0, 0xfe, 0xff, ..] => "UTF-32 (00 00 FE FF)",
        [0xff, 0xfe, ..] => "UTF-16 (FF FE)",
        [0xfe, 0xff, ..] => "UTF-16 (FE FF)",
        text => return Ok(text),
    };
    Err(format!(
        "begins with the byte order mark of {other}; only UTF-8 is read"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_utf_8_is_taken_away_once() {
        assert_eq!(without_mark(b"\xef\xbb\xbf{}"), Ok(b"{}".as_slice()));
        assert_eq!(without_mark(b"{}"), Ok(b"{}".as_slice()));
        assert_eq!(
            without_mark(b"\xef\xbb\xbf\xef\xbb\xbf1"),
            Ok(b"\xef\xbb\xbf1".as_slice())
        );
    }

    #[test]
    fn other_marks_are_named() {
        for (body, name) in [
            (b"\xff\xfe1\0".as_slice(), "UTF-16 (FF FE)"),
            (b"\xfe\xff\x001", "UTF-16 (FE FF)"),
            (b"\xff\xfe\0\x001\0\0\0", "UTF-32 (FF FE 00 00)"),
            (b"\0\0\xfe\xff\0\0\x001", "UTF-32 (00 00 FE FF)"),
        ] {
            let expected = format!("begins with the byte order mark of {name}; only UTF-8 is read");
            assert_eq!(without_mark(body), Err(expected));
        }
    }
}
