//! Files that a build leaves beside the `.wasm` file, or instead of it.

use crate::Invalid;

/// What the formats of native programs start with, and what they are called.
const NATIVE: [(&[u8], &str); 5] = [
    (b"\x7fELF", "ELF"),
    (b"\xcf\xfa\xed\xfe", "Mach-O"),
    (b"\xce\xfa\xed\xfe", "Mach-O"),
    (b"\xca\xfe\xba\xbe", "Mach-O"),
    (b"MZ", "PE"),
];

/// What the archives of `ar` start with. Some of Rust's hold only references to the object files.
const ARCHIVE: [&[u8]; 2] = [b"!<arch>\n", b"!<thin>\n"];

/// Why a file that is not Wasm is refused.
pub(crate) fn refuse(upload: &[u8]) -> Invalid {
    if ARCHIVE.iter().any(|start| upload.starts_with(start)) {
        return Invalid::Archive;
    }
    let native = NATIVE.iter().find(|(start, _)| upload.starts_with(start));
    native.map_or(Invalid::NotWasm, |(_, format)| Invalid::Native {
        format: (*format).to_owned(),
    })
}
