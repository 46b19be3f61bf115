//! What a client sent, made safe for a terminal.

use std::fmt::Write;

/// What the client sent, as text for the log: bytes that are not UTF-8 become
/// `U+FFFD`, and control characters but CR, LF and TAB are shown escaped. A
/// terminal obeys control characters: it would clear the screen or change its
/// title for a client that sends the right ones.
///
/// ```
/// assert_eq!(common::printable(b"GET / HTTP/1.1\r\n"), "GET / HTTP/1.1\r\n");
/// assert_eq!(common::printable(b"\x1b[2J"), r"\u{1b}[2J");
/// ```
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() && !matches!(character, '\r' | '\n' | '\t') {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_but_three_gets_through() {
        for byte in 0..=0x7f_u8 {
            let shown = printable(&[byte]);
            let plain = matches!(byte, b'\r' | b'\n' | b'\t' | b' '..=b'~');
            assert_eq!(shown == char::from(byte).to_string(), plain, "{byte:#x}");
        }
    }

    #[test]
    fn more_than_ascii() {
        for (bytes, shown) in [
            ("grüße".as_bytes(), "grüße"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            ("\u{9b}2J".as_bytes(), r"\u{9b}2J"),
        ] {
            assert_eq!(printable(bytes), shown);
        }
    }
}
