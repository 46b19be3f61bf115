//! Bytes as text that shows every one of them, and back.
//!
//! A line of the text is a line of the bytes, and its end stands there as
//! `\r\n` or `\n`. Control characters and bytes that are not UTF-8 are shown as
//! `\t` or `\x1b`, a backslash as `\\`, and one byte that is repeated often as
//! `\{A*9000}`.

use std::fmt::Write;

/// From how many repetitions on a byte is counted instead of written out.
const LONG_RUN: usize = 64;

/// Shows bytes, a line for each line of theirs.
pub fn show(bytes: &[u8]) -> Vec<String> {
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(show_line)
        .collect()
}

fn show_line(line: &[u8]) -> String {
    let mut shown = String::new();
    let mut plain_start = 0;
    let mut position = 0;
    for run in line.chunk_by(|a, b| a == b) {
        let run_start = position;
        position += run.len();
        if run.len() >= LONG_RUN {
            shown.push_str(&escape(&line[plain_start..run_start]));
            let _ = write!(shown, r"\{{{}*{}}}", escape(&run[..1]), run.len());
            plain_start = position;
        }
    }
    shown.push_str(&escape(&line[plain_start..]));
    shown
}

fn escape(bytes: &[u8]) -> String {
    let mut escaped = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' | '\r' | '\n' | '\t' => escaped.extend(character.escape_default()),
                _ if character.is_control() => {
                    let mut encoded = [0; 4];
                    for byte in character.encode_utf8(&mut encoded).bytes() {
                        let _ = write!(escaped, r"\x{byte:02x}");
                    }
                }
                _ => escaped.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(escaped, r"\x{byte:02x}");
        }
    }
    escaped
}

/// The bytes that [`show`] shows as this line; `None` where it shows nothing
/// like it.
pub fn read(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(backslash) = rest.find('\\') {
        bytes.extend(rest[..backslash].bytes());
        rest = &rest[backslash..];
        if let Some(run) = rest.strip_prefix(r"\{") {
            // The repeated byte comes first, and may itself be a brace.
            let (byte, after) = read_one(run)?;
            let (count, after) = after.strip_prefix('*')?.split_once('}')?;
            add_run(&mut bytes, byte, count)?;
            rest = after;
        } else {
            let (byte, after) = read_one(rest)?;
            bytes.push(byte);
            rest = after;
        }
    }
    bytes.extend(rest.bytes());
    Some(bytes)
}

/// Adds a byte so many times, at once: byte by byte, a megabyte takes long in a build that is
/// not optimised. `None` where the count is no number.
pub(crate) fn add_run(bytes: &mut Vec<u8>, byte: u8, count: &str) -> Option<()> {
    bytes.append(&mut vec![byte; count.parse().ok()?]);
    Some(())
}

fn read_one(text: &str) -> Option<(u8, &str)> {
    let Some(escape) = text.strip_prefix('\\') else {
        let (first, rest) = text.split_at_checked(1)?;
        return Some((first.as_bytes()[0], rest));
    };
    let (kind, rest) = escape.split_at_checked(1)?;
    match kind {
        "\\" => Some((b'\\', rest)),
        "r" => Some((b'\r', rest)),
        "n" => Some((b'\n', rest)),
        "t" => Some((b'\t', rest)),
        "x" => {
            let (digits, rest) = rest.split_at_checked(2)?;
            Some((u8::from_str_radix(digits, 16).ok()?, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_shown_and_read_back() {
        let long = ["ü".as_bytes(), &[0; 70], "ü\r\n".as_bytes()].concat();
        for (bytes, shown) in [
            (&b""[..], &[][..]),
            (b"GET /\r\n\r\n", &[r"GET /\r\n", r"\r\n"]),
            (b"a\nb", &[r"a\n", "b"]),
            (b"\\n\t\x1b\0\x7f", &[r"\\n\t\x1b\x00\x7f"]),
            ("ü€\u{9b}".as_bytes(), &[r"ü€\xc2\x9b"]),
            (b"\xff\xe2\x82x", &[r"\xff\xe2\x82x"]),
            (&[b'a'; 64], &[r"\{a*64}"]),
            (&[b'\\'; 64], &[r"\{\\*64}"]),
            (&[b'}'; 64], &[r"\{}*64}"]),
            (&[b'*'; 64], &[r"\{**64}"]),
            (&long, &[r"ü\{\x00*70}ü\r\n"]),
        ] {
            assert_eq!(show(bytes), shown);
            let read_back: Vec<u8> = shown.iter().flat_map(|line| read(line).unwrap()).collect();
            assert_eq!(read_back, bytes, "{shown:?}");
        }
        assert_eq!(show(&[b'a'; 63]), ["a".repeat(63)]);
    }

    #[test]
    fn what_is_never_shown_cannot_be_read() {
        for line in [
            r"\",
            r"\q",
            r"\x1",
            r"\xgg",
            r"\{a*",
            r"\{a*x}",
            r"\{ab*64}",
            r"\{}",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
