//! The log: requests on standard output, errors on standard error. If either is closed, or
//! the disk that it is written to is full, the line is lost and the server goes on.
//! (`println!` would panic, and so end the thread or the server.)

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::iter;
use std::sync::OnceLock;

/// Writes to the log, on standard output: these words, a space, and bytes that came from
/// the client, made [`printable`].
pub fn log(words: &str, sent: impl AsRef<[u8]>) {
    let line = format!("{words} {}\n", printable(sent.as_ref()));
    let _ = io::stdout().write_all(line.as_bytes());
}

/// Writes one line to standard error: an error with its causes.
pub fn log_error(error: impl Display) {
    let line = format!("{error:#}\n");
    match ERROR_WRITER.get() {
        Some(write) => write(&line),
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// What writes the lines of [`log_error`] instead. Chapter 12 is the first to set it.
static ERROR_WRITER: OnceLock<Box<ErrorWriter>> = OnceLock::new();

/// A function that takes one line, with its line feed.
type ErrorWriter = dyn Fn(&str) + Send + Sync;

/// Makes [`log_error`] give its lines to this function from now on, each with its line feed.
/// Only the first call counts.
pub fn take_errors(take: impl Fn(&str) + Send + Sync + 'static) {
    ERROR_WRITER.get_or_init(|| Box::new(take));
}

/// Bytes that came from the client, as text that is safe in a log. Bytes that are not UTF-8
/// become `U+FFFD`, and characters that could change how the log looks are escaped.
///
/// A terminal obeys control characters: a client could clear the screen or change the
/// window's title with them. Only tabs and line ends are kept. A CR without an LF is
/// escaped too, because the terminal would write over the line.
///
/// ```
/// assert_eq!(common::printable(b"GET / HTTP/1.1\r\n"), "GET / HTTP/1.1\r\n");
/// assert_eq!(common::printable(b"\x1b[2J"), r"\u{1b}[2J");
/// assert_eq!(common::printable(b"GET /bad\rGET /good"), r"GET /bad\rGET /good");
/// ```
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for (character, is_harmless) in characters(&String::from_utf8_lossy(bytes)) {
        if is_harmless {
            text.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", character.escape_default());
        }
    }
    text
}

/// The characters of a text, each with whether it leaves the text around it unchanged.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut characters = text.chars().peekable();
    iter::from_fn(move || {
        let character = characters.next()?;
        let is_harmless = match character {
            '\n' | '\t' => true,
            '\r' => characters.peek() == Some(&'\n'),
            _ => !character.is_control() && !reorders_text(character),
        };
        Some((character, is_harmless))
    })
}

/// Whether this character changes the direction of the text around it, or breaks its line,
/// so that it would be read in another order than it was sent in.
fn reorders_text(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tabs_and_line_ends_are_kept_of_the_control_characters() {
        for byte in 0..=0x7f_u8 {
            let shown = printable(&[byte]);
            let plain = matches!(byte, b'\n' | b'\t' | b' '..=b'~');
            assert_eq!(shown == char::from(byte).to_string(), plain, "{byte:#x}");
        }
        assert_eq!(printable(b"a\r\n\r\n\r"), "a\r\n\r\n\\r");
    }

    #[test]
    fn characters_beyond_ascii() {
        for (bytes, shown) in [
            ("grüße".as_bytes(), "grüße"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            ("\u{9b}2J".as_bytes(), r"\u{9b}2J"),
            ("\u{202e}dab/ TEG".as_bytes(), r"\u{202e}dab/ TEG"),
        ] {
            assert_eq!(printable(bytes), shown);
        }
    }
}
