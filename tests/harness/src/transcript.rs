//! What went over the wire, as the snapshots hold it. It looks like this:
//!
//! ```text
//! * core: a page
//! > GET / HTTP/1.1\r\n
//! > \r\n
//! < HTTP/1.1 200 OK\r\n
//! < \r\n
//! * the server closes
//! ```
//!
//! The first line names the group and the title. `>` stands before what the
//! client sends, `<` before what the server sends, `=` before what the server
//! prints, and `*` before what else happens.

use std::fmt;

use crate::wire;

/// One exchange, or several that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// `core` for what the tutorial's listing does too, `exercise` for what an
    /// exercise asks for, else the difference that it shows, such as `D4`.
    pub group: String,
    /// What the exchange shows.
    pub title: String,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This many connections are opened before, and hold on without a word.
    Older(usize),
    /// The client sends these bytes in one write.
    Send(Vec<u8>),
    /// The client sends these bytes, each in a write of its own.
    SendOneByOne(Vec<u8>),
    /// The client says that it sends nothing more.
    HalfClose,
    /// The server sends these bytes.
    Receive(Vec<u8>),
    /// The server closes the connection.
    Closes,
    /// The server resets the connection.
    Resets,
    /// The client opens another connection.
    Another,
    /// The server has printed these bytes since the transcript began.
    Prints(Vec<u8>),
}

const ONE_BY_ONE: &str = "one byte at a time";
const HALF_CLOSE: &str = "the client half-closes";
const CLOSES: &str = "the server closes";
const RESETS: &str = "the server resets";
const ANOTHER: &str = "another connection";
const OLDER: &str = " older connections are open and silent";

impl Transcript {
    /// An empty transcript. The heading names group and title, as in
    /// `core: a page`.
    pub fn new(heading: &str) -> Self {
        let (group, title) = heading.split_once(": ").unwrap_or(("", heading));
        Self {
            group: group.to_owned(),
            title: title.to_owned(),
            steps: Vec::new(),
        }
    }

    /// Reads a transcript back that was displayed; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().peekable();
        let mut transcript = Self::new(lines.next()?.strip_prefix("* ")?);
        let mut one_by_one = false;
        while let Some(line) = lines.next() {
            let (kind, rest) = line.split_at_checked(2)?;
            if kind == "* " {
                match rest {
                    ONE_BY_ONE => one_by_one = true,
                    HALF_CLOSE => transcript.steps.push(Step::HalfClose),
                    CLOSES => transcript.steps.push(Step::Closes),
                    RESETS => transcript.steps.push(Step::Resets),
                    ANOTHER => transcript.steps.push(Step::Another),
                    _ => {
                        let count = rest.strip_suffix(OLDER)?.parse().ok()?;
                        transcript.steps.push(Step::Older(count));
                    }
                }
                continue;
            }
            let mut bytes = wire::read(rest)?;
            while let Some(next) = lines.next_if(|next| next.starts_with(kind)) {
                bytes.extend(wire::read(&next[2..])?);
            }
            transcript.steps.push(match kind {
                "> " if std::mem::take(&mut one_by_one) => Step::SendOneByOne(bytes),
                "> " => Step::Send(bytes),
                "< " => Step::Receive(bytes),
                "= " => Step::Prints(bytes),
                _ => return None,
            });
        }
        Some(transcript)
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "* {}: {}", self.group, self.title)?;
        for step in &self.steps {
            let (mark, bytes) = match step {
                Step::Send(bytes) => ('>', bytes),
                Step::SendOneByOne(bytes) => {
                    writeln!(formatter, "* {ONE_BY_ONE}")?;
                    ('>', bytes)
                }
                Step::Receive(bytes) => ('<', bytes),
                Step::Prints(bytes) => ('=', bytes),
                Step::Older(count) => {
                    writeln!(formatter, "* {count}{OLDER}")?;
                    continue;
                }
                Step::HalfClose => {
                    writeln!(formatter, "* {HALF_CLOSE}")?;
                    continue;
                }
                Step::Closes => {
                    writeln!(formatter, "* {CLOSES}")?;
                    continue;
                }
                Step::Resets => {
                    writeln!(formatter, "* {RESETS}")?;
                    continue;
                }
                Step::Another => {
                    writeln!(formatter, "* {ANOTHER}")?;
                    continue;
                }
            };
            for line in wire::show(bytes) {
                writeln!(formatter, "{mark} {line}")?;
            }
        }
        Ok(())
    }
}

/// What a server may choose itself, such as the date of a file. In a transcript
/// a placeholder stands for it: `[date]` for an HTTP date (RFC 9110 §5.6.7), and
/// `[address]` for the client's own address.
#[derive(Clone, Debug, Default)]
pub struct Placeholders {
    address: String,
    date: String,
}

impl Placeholders {
    /// Changes the client's address, for its next connection.
    pub fn set_address(&mut self, address: impl fmt::Display) {
        self.address = address.to_string();
    }

    /// Puts placeholders into what was received, and remembers what they stand
    /// for.
    pub fn put_in(&mut self, received: &[u8]) -> Vec<u8> {
        let received = replace(received, self.address.as_bytes(), b"[address]");
        match find_date(&received) {
            None => received,
            Some(start) => {
                let date = &received[start..start + DATE.len()];
                self.date = String::from_utf8_lossy(date).into_owned();
                replace(&received, self.date.as_bytes(), b"[date]")
            }
        }
    }

    /// Puts what was remembered in place of its placeholder, in what is to be
    /// sent.
    pub fn fill_in(&self, to_send: &[u8]) -> Vec<u8> {
        replace(to_send, b"[date]", self.date.as_bytes())
    }
}

/// The shape of a date: `a` for a letter, `0` for a digit, the rest as it is.
const DATE: &[u8] = b"aaa, 00 aaa 0000 00:00:00 GMT";

fn find_date(bytes: &[u8]) -> Option<usize> {
    bytes.windows(DATE.len()).position(|window| {
        window.iter().zip(DATE).all(|(byte, shape)| match shape {
            b'a' => byte.is_ascii_alphabetic(),
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        })
    })
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        match rest.strip_prefix(from) {
            Some(after) if !from.is_empty() => {
                replaced.extend(to);
                rest = after;
            }
            _ => {
                replaced.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_back() {
        let transcript = Transcript {
            group: "D5".to_owned(),
            title: "all there is: at once".to_owned(),
            steps: vec![
                Step::Older(4),
                Step::Send(b"GET / HTTP/1.1\r\n\r\n* core: not a heading".to_vec()),
                Step::Receive(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
                Step::SendOneByOne(b"a\n> b".to_vec()),
                Step::HalfClose,
                Step::Receive([b'x'; 9000].to_vec()),
                Step::Closes,
                Step::Another,
                Step::Resets,
                Step::Prints(b"1: GET /\n".to_vec()),
            ],
        };
        assert_eq!(Transcript::parse(&transcript.to_string()), Some(transcript));
    }

    #[test]
    fn what_is_no_transcript() {
        for text in [
            "",
            "--- standard output\n",
            "* core: a\n? b\n",
            "* core: a\n* b\n",
        ] {
            assert_eq!(Transcript::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn placeholders() {
        let mut placeholders = Placeholders::default();
        placeholders.set_address("127.0.0.1:50514");
        let received =
            b"Hello, 127.0.0.1:50514!\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        let put_in = placeholders.put_in(received);
        assert_eq!(put_in, b"Hello, [address]!\r\nLast-Modified: [date]\r\n");
        assert_eq!(
            placeholders.fill_in(b"If-Modified-Since: [date]\r\n"),
            b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        );
    }
}
