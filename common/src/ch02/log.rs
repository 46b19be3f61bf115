//! The log: what the server says of its clients, on standard output, and what
//! went wrong, on standard error. Whatever becomes of either, the server goes on:
//! where nobody reads it any more, or the disk that keeps it is full, a line is
//! lost and not an answer. (`println!` would end the thread, or the server.)

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::iter;
use std::sync::OnceLock;

/// Writes a line to the log: these words, a space, and, made [`printable`], what
/// a client sent or where it came from.
pub fn log(words: &str, sent: impl AsRef<[u8]>) {
    let line = format!("{words} {}\n", printable(sent.as_ref()));
    let _ = io::stdout().write_all(line.as_bytes());
}

/// Writes a line to the log of what went wrong: an error with its causes.
pub fn log_error(error: impl Display) {
    let line = format!("{error:#}\n");
    match TAKER.get() {
        Some(take) => take(&line),
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Who takes the lines of what went wrong. Until chapter 12 nobody does.
static TAKER: OnceLock<Box<Taker>> = OnceLock::new();

type Taker = dyn Fn(&str) + Send + Sync;

/// Lets somebody take these lines to standard error, who was not there before.
pub fn take_errors(take: impl Fn(&str) + Send + Sync + 'static) {
    TAKER.get_or_init(|| Box::new(take));
}

/// What the client sent, as text for the log: bytes that are not UTF-8 become
/// `U+FFFD`, and what could change how the log looks is shown escaped. A terminal
/// obeys control characters: it would clear the screen or change its title for a
/// client that sends the right ones. Of these, tabs and the ends of lines stay; a
/// CR alone would let a line be written over by what follows it, and goes.
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

/// The characters of a text, each with whether it leaves what stands around it as it is.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut characters = text.chars().peekable();
    iter::from_fn(move || {
        let character = characters.next()?;
        let is_harmless = match character {
            '\n' | '\t' => true,
            '\r' => characters.peek() == Some(&'\n'),
            _ => !character.is_control() && !turns_text_around(character),
        };
        Some((character, is_harmless))
    })
}

/// Whether this character changes the direction or the line of the text around
/// it, so that it would be read in another order than it was sent in.
fn turns_text_around(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_gets_through_but_tabs_and_line_ends() {
        for byte in 0..=0x7f_u8 {
            let shown = printable(&[byte]);
            let plain = matches!(byte, b'\n' | b'\t' | b' '..=b'~');
            assert_eq!(shown == char::from(byte).to_string(), plain, "{byte:#x}");
        }
        assert_eq!(printable(b"a\r\n\r\n\r"), "a\r\n\r\n\\r");
    }

    #[test]
    fn more_than_ascii() {
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
