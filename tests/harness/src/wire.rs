//! Bytes as text that shows every one of them.
//!
//! A line of the text is a line of the bytes, and its end stands there as
//! `\r\n` or `\n`. Control characters and bytes that are not UTF-8 are shown as
//! `\t` or `\x1b`, a backslash as `\\`, and one byte that is repeated often as
//! `\{A*9000}`.

use std::fmt::Write;

/// From how many repetitions on a byte is counted instead of written out.
const LONG_RUN: usize = 64;

/// Shows bytes, each line behind `prefix`.
pub fn show(prefix: &str, bytes: &[u8]) -> String {
    let mut shown = String::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        shown.push_str(prefix);
        show_line(line, &mut shown);
        shown.push('\n');
    }
    shown
}

fn show_line(line: &[u8], shown: &mut String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_can_be_told_from_every_other() {
        for (bytes, shown) in [
            (&b""[..], ""),
            (b"GET /\r\n\r\n", "> GET /\\r\\n\n> \\r\\n\n"),
            (b"a\nb", "> a\\n\n> b\n"),
            (b"\\n\t\x1b\0\x7f", "> \\\\n\\t\\x1b\\x00\\x7f\n"),
            ("ü€\u{9b}".as_bytes(), "> ü€\\xc2\\x9b\n"),
            (b"\xff\xe2\x82x", "> \\xff\\xe2\\x82x\n"),
            (&[b'a'; 63], &format!("> {}\n", "a".repeat(63))),
            (&[b'a'; 64], "> \\{a*64}\n"),
            (&[b'\\'; 64], "> \\{\\\\*64}\n"),
        ] {
            assert_eq!(show("> ", bytes), shown);
        }
        let long = ["ü".as_bytes(), &[0; 70], "ü\r\n".as_bytes()].concat();
        assert_eq!(show("< ", &long), "< ü\\{\\x00*70}ü\\r\\n\n");
    }
}
