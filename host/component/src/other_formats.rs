//! Recognises files that a build makes beside the `.wasm` file, or instead of it.

use crate::Invalid;

/// The first bytes of native programs, and the name of each format.
const NATIVE: [(&[u8], &str); 5] = [
    (b"\x7fELF", "ELF"),
    (b"\xcf\xfa\xed\xfe", "Mach-O"),
    (b"\xce\xfa\xed\xfe", "Mach-O"),
    (b"\xca\xfe\xba\xbe", "Mach-O"),
    (b"MZ", "PE"),
];

/// The first bytes of archives of `ar`. The second kind contains only references to object files, as some archives of
/// Rust do.
const ARCHIVE: [&[u8]; 2] = [b"!<arch>\n", b"!<thin>\n"];

/// Returns why a file that is not Wasm is refused.
pub(crate) fn refuse(upload: &[u8]) -> Invalid {
    if ARCHIVE.iter().any(|start| upload.starts_with(start)) {
        return Invalid::Archive;
    }
    let native = NATIVE.iter().find(|(start, _)| upload.starts_with(start));
    native.map_or(Invalid::NotWasm, |(_, format)| Invalid::Native {
        format: (*format).to_owned(),
    })
}
