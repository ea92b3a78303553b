//! Undoes the `Content-Encoding` of a body (RFC 9110, section 8.4), with a limit on the size of the result.

use std::borrow::Cow;
use std::io;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use std::io::Read;

use crate::error::{Error, Result};
use crate::headers::Headers;

/// The size up to which `json`, `text` and `form` decode a body: 16 MiB. This is also the host's default limit for a
/// body before it is decoded. `decoded` has a limit of its own.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # fn example(delivery: &Delivery) -> Result<()> {
/// let table = delivery.decoded(4 * dormouse_sdk::DECODED_LIMIT)?;
/// # Ok(())
/// # }
/// ```
pub const DECODED_LIMIT: usize = 16 << 20;

/// The largest number of encodings of one body that are undone. More than one is rare, and each could multiply the
/// work.
const MOST_ENCODINGS: usize = 3;

/// The encodings that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Returns the body without its encodings. `what` names the body in an error.
pub(crate) fn decode<'a>(
    what: &str,
    headers: &Headers,
    body: &'a [u8],
    limit: usize,
) -> Result<Cow<'a, [u8]>> {
    let encodings = encodings(what, headers)?;
    // A response to HEAD names the encoding of the body that it does not have.
    if body.is_empty() {
        return Ok(Cow::Borrowed(body));
    }
    let mut decoded = Cow::Borrowed(body);
    for encoding in encodings.into_iter().rev() {
        decoded = Cow::Owned(undo(what, encoding, &decoded, limit)?);
    }
    Ok(decoded)
}

/// Returns the name of the encoding that a body seems to have, for the error about a body whose encoding was not
/// declared.
pub(crate) fn looks_like(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    }
}

/// Returns the encodings of a body in the order in which they were applied.
fn encodings(what: &str, headers: &Headers) -> Result<Vec<Encoding>> {
    let mut found = Vec::new();
    for value in headers.get_all("content-encoding") {
        for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            found.push(match () {
                () if name.is_empty() || is("identity") => continue,
                () if is("gzip") || is("x-gzip") => Encoding::Gzip,
                () if is("deflate") => Encoding::Deflate,
                () if is("br") => Encoding::Brotli,
                () if is("zstd") => Encoding::Zstd,
                () => return Err(unknown(what, name)),
            });
        }
    }
    if found.len() > MOST_ENCODINGS {
        return Err(Error::new(
            "unsupported-encoding",
            format!(
                "{what} has {} encodings on top of each other; at most {MOST_ENCODINGS} are decoded",
                found.len()
            ),
        ));
    }
    Ok(found)
}

fn unknown(what: &str, name: &[u8]) -> Error {
    let shown: String = String::from_utf8_lossy(name).chars().take(40).collect();
    Error::new(
        "unsupported-encoding",
        format!(
            "{what} has the Content-Encoding {shown:?}; gzip, deflate, br and zstd are decoded, and the bytes as they \
             came are in `body`"
        ),
    )
}

fn undo(what: &str, encoding: Encoding, body: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut decoded = Vec::new();
    let read = match encoding {
        Encoding::Gzip => read_gzip(body, limit, &mut decoded),
        Encoding::Deflate => read_deflate(body, limit, &mut decoded),
        Encoding::Brotli => read_brotli(body, limit, &mut decoded),
        Encoding::Zstd => read_zstd(body, limit, &mut decoded),
    };
    let name = encoding.name();
    match read {
        Ok(()) => Ok(decoded),
        Err(DecodeError::TooLarge) => Err(Error::new(
            "too-large",
            format!(
                "{what} has {} bytes in {name} and more than {limit} when decoded, which is the limit; `decoded` takes \
                 another",
                body.len()
            ),
        )),
        Err(DecodeError::LeftOut(feature)) => Err(Error::new(
            "unsupported-encoding",
            format!(
                "{what} has the Content-Encoding {name}, and this workflow is built without the feature `{feature}` of \
                 dormouse-sdk"
            ),
        )),
        Err(DecodeError::Invalid(reason)) => Err(Error::new(
            "invalid-encoding",
            format!(
                "{what} has the Content-Encoding {name}, but its bytes are not valid {name}: {reason}"
            ),
        )),
    }
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Encoding::Gzip => "gzip",
            Encoding::Deflate => "deflate",
            Encoding::Brotli => "br",
            Encoding::Zstd => "zstd",
        }
    }
}

/// Why a body cannot be decoded. The features of the crate decide which of these can occur.
#[allow(dead_code)]
enum DecodeError {
    TooLarge,
    /// The feature that reads the encoding is disabled.
    LeftOut(&'static str),
    Invalid(String),
}

impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        DecodeError::Invalid(error.to_string())
    }
}

/// Reads to the end, but never more than `limit` bytes into `decoded` in total.
#[cfg(any(feature = "gzip", feature = "zstd"))]
fn read_up_to(reader: impl Read, limit: usize, decoded: &mut Vec<u8>) -> Result<(), DecodeError> {
    let room = limit.saturating_sub(decoded.len()) as u64;
    let read = reader.take(room.saturating_add(1)).read_to_end(decoded)?;
    if read as u64 > room {
        return Err(DecodeError::TooLarge);
    }
    Ok(())
}

#[cfg(feature = "gzip")]
fn read_gzip(body: &[u8], limit: usize, decoded: &mut Vec<u8>) -> Result<(), DecodeError> {
    read_up_to(flate2::read::MultiGzDecoder::new(body), limit, decoded)
}

/// Decodes `deflate`. The encoding is zlib's format, but some senders leave out zlib's header.
#[cfg(feature = "gzip")]
fn read_deflate(body: &[u8], limit: usize, decoded: &mut Vec<u8>) -> Result<(), DecodeError> {
    let has_header = match body {
        [first, second, ..] => {
            first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
        }
        _ => false,
    };
    if has_header {
        read_up_to(flate2::read::ZlibDecoder::new(body), limit, decoded)
    } else {
        read_up_to(flate2::read::DeflateDecoder::new(body), limit, decoded)
    }
}

/// Decodes `br`. Windows of brotli are at most 16 MiB large. Its extension to larger windows, which would take a
/// gigabyte, is not part of the encoding `br`, and is refused.
#[cfg(feature = "br")]
fn read_brotli(body: &[u8], limit: usize, decoded: &mut Vec<u8>) -> Result<(), DecodeError> {
    use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut left, mut read, mut written) = (body.len(), 0, 0);
    let mut piece = [0; 4096];
    loop {
        let (mut room, mut end) = (piece.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            body,
            &mut room,
            &mut end,
            &mut piece,
            &mut written,
            &mut state,
        );
        decoded.extend_from_slice(&piece[..end]);
        if decoded.len() > limit {
            return Err(DecodeError::TooLarge);
        }
        match result {
            BrotliResult::ResultSuccess => return Ok(()),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => {
                return Err(DecodeError::Invalid("it is cut off".into()));
            }
            BrotliResult::ResultFailure => {
                return Err(DecodeError::Invalid("it cannot be decoded".into()));
            }
        }
    }
}

/// Decodes `zstd`. A body in zstd is a series of frames, some of which are skipped.
#[cfg(feature = "zstd")]
fn read_zstd(mut body: &[u8], limit: usize, decoded: &mut Vec<u8>) -> Result<(), DecodeError> {
    use ruzstd::decoding::StreamingDecoder;
    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

    // Browsers accept windows of up to 8 MiB (RFC 9659). The window of a frame in a single segment has the size of the
    // frame.
    let window = (limit as u64).max(8 << 20);
    while !body.is_empty() {
        match StreamingDecoder::new_with_max_window_size(&mut body, window) {
            Ok(decoder) => read_up_to(decoder, limit, decoded)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                body = body
                    .get(length..)
                    .ok_or_else(|| DecodeError::Invalid("it is cut off".into()))?;
            }
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => return Err(DecodeError::TooLarge),
            Err(error) => return Err(DecodeError::Invalid(error.to_string())),
        }
    }
    Ok(())
}

#[cfg(not(feature = "gzip"))]
fn read_gzip(_: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), DecodeError> {
    Err(DecodeError::LeftOut("gzip"))
}

#[cfg(not(feature = "gzip"))]
fn read_deflate(_: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), DecodeError> {
    Err(DecodeError::LeftOut("gzip"))
}

#[cfg(not(feature = "br"))]
fn read_brotli(_: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), DecodeError> {
    Err(DecodeError::LeftOut("br"))
}

#[cfg(not(feature = "zstd"))]
fn read_zstd(_: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), DecodeError> {
    Err(DecodeError::LeftOut("zstd"))
}

#[cfg(test)]
#[cfg(all(feature = "br", feature = "gzip", feature = "zstd"))]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const PLAIN: &[u8] = br#"{"text":"hello hello hello hello","n":1}"#;

    /// `PLAIN`, compressed by `brotli` of Node.js 20.
    const BROTLI: &str =
        "8b13807b2274657874223a2268656c6c6f2068656c6c6f2068656c6c6f2068656c6c6f222c226e223a317d03";

    /// 17 MiB of zeros, compressed by `brotli` of Node.js 20.
    const BROTLI_ZEROS: &str =
        "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd5ffdff3ffe0980382c00d0bd7f00";

    /// `PLAIN`, compressed by zstd 1.5.4.
    const ZSTD: &str =
        "28b52ffd2428ed0000b87b2274657874223a2268656c6c6f20222c226e223a317d0100994b1d26de9efc";

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits = hexadecimal.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn raw_deflate(plain: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    /// Returns a zstd frame of blocks that each repeat a zero.
    fn zstd_zeros(mebibytes: usize) -> Vec<u8> {
        // Magic number, a descriptor without a content size, and a window of 1 MiB.
        let mut frame = bytes("28b52ffd0050");
        for block in 1..=mebibytes * 8 {
            let last = u32::from(block == mebibytes * 8);
            let header: u32 = (128 << 10) << 3 | 1 << 1 | last;
            frame.extend(&header.to_le_bytes()[..3]);
            frame.push(0);
        }
        frame
    }

    fn check(encoding: &str, body: &[u8], expected: &[u8]) {
        let headers = Headers::from_iter([("Content-Encoding", encoding)]);
        let decoded = decode("the body", &headers, body, DECODED_LIMIT);
        assert!(decoded.unwrap() == expected, "{encoding}");
    }

    fn refused(encoding: &str, body: &[u8], limit: usize) -> Error {
        let headers = Headers::from_iter([("content-encoding", encoding)]);
        decode("the body", &headers, body, limit).unwrap_err()
    }

    #[test]
    fn each_encoding_is_undone() {
        check("gzip", &gzip(PLAIN), PLAIN);
        check("X-GZip", &gzip(PLAIN), PLAIN);
        check("deflate", &zlib(PLAIN), PLAIN);
        check("deflate", &raw_deflate(PLAIN), PLAIN);
        check("br", &bytes(BROTLI), PLAIN);
        check("zstd", &bytes(ZSTD), PLAIN);
    }

    #[test]
    fn a_body_without_an_encoding_is_not_touched() {
        check("identity", PLAIN, PLAIN);
        check("", PLAIN, PLAIN);
        check("gzip", b"", b"");
        let untouched = decode("the body", &Headers::default(), PLAIN, 0).unwrap();
        assert!(matches!(untouched, Cow::Borrowed(PLAIN)));
    }

    #[test]
    fn encodings_on_top_of_each_other_are_undone_from_the_last() {
        check("identity, deflate , gzip", &gzip(&zlib(PLAIN)), PLAIN);
        check("br, gzip", &gzip(&bytes(BROTLI)), PLAIN);
    }

    #[test]
    fn several_members_and_frames_are_one_body() {
        check("gzip", &[gzip(b"a"), gzip(b"b")].concat(), b"ab");
        let skipped = bytes("502a4d1803000000ffffff");
        let frames = [skipped.clone(), bytes(ZSTD), skipped, bytes(ZSTD)].concat();
        check("zstd", &frames, &[PLAIN, PLAIN].concat());
    }

    #[test]
    fn the_size_of_a_decoded_body_is_limited() {
        let zeros = vec![0; 17 << 20];
        for (encoding, bomb) in [
            ("gzip", gzip(&zeros)),
            ("deflate", zlib(&zeros)),
            ("deflate", raw_deflate(&zeros)),
            ("br", bytes(BROTLI_ZEROS)),
            ("zstd", zstd_zeros(17)),
        ] {
            let error = refused(encoding, &bomb, DECODED_LIMIT);
            assert_eq!(error.code(), "too-large", "{encoding}: {error}");
            let expected = format!(
                "the body has {} bytes in {encoding} and more than 16777216 when decoded, which is the limit; `decoded` \
                 takes another",
                bomb.len()
            );
            assert_eq!(error.message(), expected);
            let headers = Headers::from_iter([("content-encoding", encoding)]);
            let decoded = decode("the body", &headers, &bomb, 17 << 20).unwrap();
            assert!(decoded == zeros, "{encoding}");
        }
        // The limit holds for all members and frames together, and for the result between two encodings.
        let twice = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(refused("gzip", &twice, 3).code(), "too-large");
        let frames = [bytes(ZSTD), bytes(ZSTD)].concat();
        assert_eq!(refused("zstd", &frames, 79).code(), "too-large");
        let within = gzip(&gzip(&zeros));
        assert_eq!(refused("gzip, gzip", &within, 1_000).code(), "too-large");
    }

    #[test]
    fn windows_that_would_take_much_memory_are_refused() {
        // A window of 2 GiB, and a frame that says that it has 2 GiB in a single segment.
        for frame in ["28b52ffd00a8", "28b52ffda000000080"] {
            let error = refused("zstd", &bytes(frame), DECODED_LIMIT);
            assert_eq!(error.code(), "too-large", "{error}");
        }
        // The beginning of brotli's large windows.
        let error = refused("br", &bytes("119e03"), DECODED_LIMIT);
        assert_eq!(error.code(), "invalid-encoding", "{error}");
    }

    #[test]
    fn bodies_that_are_not_what_they_say() {
        for (encoding, whole) in [
            ("gzip", gzip(PLAIN)),
            ("deflate", zlib(PLAIN)),
            ("br", bytes(BROTLI)),
            ("zstd", bytes(ZSTD)),
        ] {
            for body in [PLAIN, &whole[..whole.len() / 2]] {
                let error = refused(encoding, body, DECODED_LIMIT);
                assert_eq!(error.code(), "invalid-encoding", "{encoding}: {error}");
                let expected = format!(
                    "the body has the Content-Encoding {encoding}, but its bytes are not valid {encoding}: "
                );
                assert!(error.message().starts_with(&expected), "{error}");
            }
        }
    }

    #[test]
    fn other_encodings_are_named() {
        let error = refused("gzip, Compress", PLAIN, DECODED_LIMIT);
        assert_eq!(error.code(), "unsupported-encoding");
        let expected = "the body has the Content-Encoding \"Compress\"; gzip, deflate, br and zstd are decoded";
        assert!(error.message().starts_with(expected), "{error}");
        let error = refused("gzip,gzip,gzip,gzip", PLAIN, DECODED_LIMIT);
        assert_eq!(error.code(), "unsupported-encoding", "{error}");
    }
}
