//! Compares what came back with what was expected, and says in a sentence what
//! is wrong with it.

use harness::transcript::{Step, Transcript};

use crate::play::{Connection, End, PATIENCE, Played};

/// What became of one check.
pub struct Verdict {
    pub failure: Option<Failure>,
    /// Where the server does as the tutorial does, and not as this workspace.
    pub notes: Vec<Note>,
}

impl Verdict {
    /// Whether the server is in no state for another check.
    pub fn is_stuck(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.stuck)
    }
}

/// A difference that is let pass, unless the check is about that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    LineFeeds,
    PythonNotation,
    LateReset,
}

impl Note {
    /// The difference it stands for.
    pub fn difference(self) -> &'static str {
        match self {
            Self::LineFeeds => "D1",
            Self::PythonNotation => "D7",
            Self::LateReset => "D8",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::LineFeeds => "lines end in LF; RFC 9112 section 2.2 asks for CRLF",
            Self::PythonNotation => "strings stand in Python's quotation marks",
            Self::LateReset => {
                "the connection ends in a reset, which can destroy the answer; \
                 RFC 9112 section 9.6 says how to close"
            }
        }
    }
}

/// What is wrong.
pub struct Failure {
    /// What was found.
    pub problem: String,
    /// The likely cause, and what to try next.
    pub advice: String,
    /// The first byte, counted from 1, in which what came back over this
    /// connection is not what was expected.
    pub position: Option<usize>,
    /// The connection of the transcript, counted from 0, that went wrong.
    pub connection: usize,
    /// Whether the server waits for something that does not come any more.
    stuck: bool,
}

/// Judges what was played.
pub fn judge(transcript: &Transcript, played: &Played) -> Verdict {
    let mut notes = Vec::new();
    let mut failure = find_failure(transcript, played, &mut notes);
    if let (Some(failure), Some(advice)) = (&mut failure, advice_on(&transcript.group)) {
        failure.advice = advice.to_owned();
    }
    notes.sort();
    notes.dedup();
    Verdict { failure, notes }
}

/// What to try where a check of one of the differences fails.
fn advice_on(difference: &str) -> Option<&'static str> {
    Some(match difference {
        "D1" => "End each line of the head with \\r\\n, and the head with one more.",
        "D2" => {
            "TCP carries a stream: one read may bring less than the head, or more. Read on until \
             the blank line has come (RFC 9112 section 2.2)."
        }
        "D3" => {
            "Expect anything: no byte at all, too few words, too many bytes. Refuse what is no \
             request with its status code, close, and go on to the next client \
             (RFC 9110 section 15.5)."
        }
        "D4" => "Write &, < and > as &amp;, &lt; and &gt; where a client's text goes into a page.",
        "D5" => {
            "Read as many bytes of body as Content-Length says, and refuse a length that is none \
             (RFC 9112 section 6.3)."
        }
        "D6" => {
            "Serve only regular files whose real path lies below pages/, byte for byte, with the \
             type of their extension."
        }
        "D7" => "Print the map as Rust's {:?} does, names in the order they came in.",
        "D8" => {
            "Half-close, and read off what the client still sends before you close: bytes that \
             are left unread make the close a reset, and that can destroy the answer \
             (RFC 9112 section 9.6)."
        }
        "D9" => "Serve each connection in a thread of its own, as chapter 5b does.",
        _ => return None,
    })
}

fn find_failure(
    transcript: &Transcript,
    played: &Played,
    notes: &mut Vec<Note>,
) -> Option<Failure> {
    let expected = transcript.steps.split(|step| *step == Step::Another);
    for (number, (steps, connection)) in expected.zip(&played.connections).enumerate() {
        let asks = steps
            .iter()
            .any(|step| matches!(step, Step::Send(_) | Step::SendOneByOne(_)));
        if let Err(mut failure) =
            compare_connection(&bytes_received(steps), asks, connection, notes)
        {
            failure.connection = number;
            return Some(failure);
        }
    }
    let connections = 1 + transcript
        .steps
        .iter()
        .filter(|step| **step == Step::Another)
        .count();
    if played.connections.len() < connections {
        return Some(Failure::new(
            "the server did not get to the end of this exchange",
            "It takes several connections, one after the other.",
        ));
    }
    if let Some(Step::Prints(expected)) = transcript.steps.last() {
        return compare_printed(expected, &played.printed).err();
    }
    let forbidden = notes
        .iter()
        .position(|note| note.difference() == transcript.group)?;
    Some(Failure::noted(notes.remove(forbidden)))
}

/// All that is received over one connection of a transcript.
pub fn bytes_received(steps: &[Step]) -> Vec<u8> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Receive(bytes) => Some(bytes.as_slice()),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat()
}

impl Failure {
    fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            advice: advice.into(),
            position: None,
            connection: 0,
            stuck: false,
        }
    }

    fn at(self, position: usize) -> Self {
        Self {
            position: Some(position + 1),
            ..self
        }
    }

    fn stuck(self) -> Self {
        Self {
            stuck: true,
            ..self
        }
    }

    /// A difference that may not be let pass.
    pub fn noted(note: Note) -> Self {
        Self::new(
            note.sentence(),
            advice_on(note.difference()).unwrap_or_default(),
        )
    }

    /// The server has ended, whatever it answered before.
    pub fn died(last_words: &str) -> Self {
        Self::new(
            format!("the server ended{last_words}"),
            "A server must outlive every client. Find what panicked or stopped it: an index \
             into an empty list, a word too few, an unwrap() of what a client sent.",
        )
    }
}

fn compare_connection(
    expected: &[u8],
    asks: bool,
    connection: &Connection,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let received = &connection.received;
    if connection.end == End::Refused {
        return Err(Failure::new(
            "connection refused: nothing listens there",
            "Is the server still running? A check before this one may have ended it.",
        )
        .stuck());
    }
    if connection.end == End::Endless {
        return Err(Failure::new(
            "the answer does not end",
            "Close the connection when the answer has been written.",
        )
        .stuck());
    }
    if expected.is_empty() {
        return compare_with_silence(received, asks, connection.end);
    }
    if received.is_empty() {
        return Err(no_answer(connection.end));
    }
    if !expected.starts_with(b"HTTP/") {
        return compare_bytes(expected, received);
    }
    let wanted = Response::parse(expected).map_err(|_| {
        Failure::new(
            "the snapshot holds no response",
            "Mend the snapshot: it is not HTTP.",
        )
    })?;
    let response = Response::parse(received)?;
    wanted.compare(&response, notes)?;
    match connection.end {
        End::TimedOut => Err(Failure::new(
            format!(
                "the answer is right, but after {} s the connection is still open",
                seconds()
            ),
            "Without a Content-Length only the end of the connection says where the body ends \
             (RFC 9112 section 6.3): close it, which in Rust means to let the stream be dropped.",
        )
        .stuck()),
        End::Reset => {
            notes.push(Note::LateReset);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Compares what is no HTTP yet.
fn compare_bytes(expected: &[u8], received: &[u8]) -> Result<(), Failure> {
    if expected == received {
        return Ok(());
    }
    Err(Failure::new(
        "what came back is something else than expected",
        "Compare the two from the byte named above on. [address] stands for the address of the \
         client's own socket.",
    )
    .at(first_difference(expected, received)))
}

fn compare_with_silence(received: &[u8], asks: bool, end: End) -> Result<(), Failure> {
    if !received.is_empty() {
        return Err(Failure::new(
            "the server answered, where nothing was expected but the end of the connection",
            "Close the connection without writing to it.",
        )
        .at(0));
    }
    if asks && end == End::Reset {
        return Err(Failure::new(
            "the connection was closed before the request had been read",
            "Read the request to its blank line, and close then: bytes that are left unread make \
             the close a reset.",
        ));
    }
    if end == End::TimedOut {
        return Err(Failure::new(
            format!("after {} s the connection is still open", seconds()),
            "Close the connection: in Rust, let the stream be dropped.",
        )
        .stuck());
    }
    Ok(())
}

fn no_answer(end: End) -> Failure {
    match end {
        End::TimedOut => Failure::new(
            format!("timed out after {} s without an answer", seconds()),
            "Does the server wait for more than the client sends? The blank line ends the head; \
             after it, only Content-Length bytes of body follow. Or does it still serve \
             somebody else?",
        )
        .stuck(),
        End::Reset => Failure::new(
            "the connection was reset without an answer",
            "A reset comes from closing a connection with bytes unread, or from a server that \
             died. Read the whole request before you close.",
        ),
        _ => Failure::new(
            "closed without an answer",
            "Is a response written before the stream is dropped? Does an error end the function \
             early?",
        ),
    }
}

fn compare_printed(expected: &[u8], printed: &[u8]) -> Result<(), Failure> {
    // Where the server runs under Windows, its lines may end in CRLF.
    let printed = String::from_utf8_lossy(printed).replace("\r\n", "\n");
    if printed.as_bytes() == expected {
        return Ok(());
    }
    Err(Failure::new(
        "the server printed something else than expected",
        "Print these lines to standard output, and nothing else after the first line.",
    ))
}

fn seconds() -> u64 {
    PATIENCE.as_secs()
}

fn first_difference(expected: &[u8], received: &[u8]) -> usize {
    let pairs = expected.iter().zip(received);
    pairs.take_while(|(a, b)| a == b).count()
}

/// A response taken apart, with the place of each part in the bytes received.
struct Response<'a> {
    interim: Vec<u16>,
    status: u16,
    status_at: usize,
    fields: Vec<Field>,
    body: &'a [u8],
    body_at: usize,
    ends_in_line_feeds: bool,
}

struct Field {
    name: String,
    value: String,
    value_at: usize,
}

/// Whether a response has said how long its body is, and has come whole.
pub fn response_is_complete(received: &[u8]) -> bool {
    let Ok(response) = Response::parse(received) else {
        return false;
    };
    response
        .field("content-length")
        .and_then(|field| field.value.parse().ok())
        .is_some_and(|length: usize| response.body.len() >= length)
}

impl<'a> Response<'a> {
    fn parse(received: &'a [u8]) -> Result<Self, Failure> {
        let mut interim = Vec::new();
        let mut head_at = 0;
        loop {
            let rest = &received[head_at..];
            let Some(head_length) = head_length(rest) else {
                let at = if rest.starts_with(b"HTTP/") {
                    received.len()
                } else {
                    head_at
                };
                return Err(no_whole_head(rest).at(at));
            };
            let head = String::from_utf8_lossy(&rest[..head_length]);
            let status = parse_status(&head).ok_or_else(|| not_http().at(head_at))?;
            if (100..200).contains(&status) {
                interim.push(status);
                head_at += head_length;
                continue;
            }
            return Ok(Self {
                interim,
                status,
                status_at: head_at + "HTTP/1.1 ".len(),
                fields: parse_fields(&head, head_at)?,
                body: &rest[head_length..],
                body_at: head_at + head_length,
                ends_in_line_feeds: head.lines().count() > head.matches("\r\n").count(),
            });
        }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// Whether another response has what this one has; it may have more fields.
    fn compare(&self, response: &Response, notes: &mut Vec<Note>) -> Result<(), Failure> {
        if self.interim != response.interim {
            return Err(Failure::new(
                format!(
                    "before the answer came {}, expected {}",
                    codes(&response.interim),
                    codes(&self.interim)
                ),
                "A client that sends `Expect: 100-continue` waits for `HTTP/1.1 100 Continue` \
                 and a blank line before it sends its body (RFC 9110 section 10.1.1).",
            )
            .at(0));
        }
        if self.status != response.status {
            return Err(Failure::new(
                format!(
                    "the status code is {}, expected {}",
                    response.status, self.status
                ),
                "Look at the status line: RFC 9110 section 15 lists what each code means.",
            )
            .at(response.status_at));
        }
        for wanted in &self.fields {
            let Some(field) = response.field(&wanted.name) else {
                return Err(Failure::new(
                    format!("the field {} is missing", wanted.name),
                    format!(
                        "Send the line `{}: {}` between the status line and the blank line.",
                        wanted.name, wanted.value
                    ),
                )
                .at(response.body_at));
            };
            if !same_value(wanted, field) {
                return Err(Failure::new(
                    format!(
                        "{} is {:?}, expected {:?}",
                        wanted.name, field.value, wanted.value
                    ),
                    "Send that field with the expected value.",
                )
                .at(field.value_at));
            }
        }
        response.check_framing(!self.body.is_empty())?;
        self.compare_body(response, notes)?;
        if response.ends_in_line_feeds {
            notes.push(Note::LineFeeds);
        }
        Ok(())
    }

    /// Whether the head says the truth about the body, where there is to be one.
    fn check_framing(&self, has_body: bool) -> Result<(), Failure> {
        if self.field("transfer-encoding").is_some() {
            return Err(Failure::new(
                "the body comes in a transfer coding",
                "These checks read none: send Content-Length, or let the end of the connection be \
                 that of the body (RFC 9112 section 6.3).",
            ));
        }
        let is_length = |field: &&Field| field.name.eq_ignore_ascii_case("content-length");
        let length = self.body.len();
        let is_wrong = |field: &&Field| field.value != length.to_string();
        match self.fields.iter().filter(is_length).find(is_wrong) {
            Some(field) if has_body => Err(Failure::new(
                format!(
                    "Content-Length is {:?}, and the body has {length} bytes",
                    field.value
                ),
                "Count the bytes of the body, and nothing else (RFC 9110 section 8.6).",
            )
            .at(field.value_at)),
            _ => Ok(()),
        }
    }

    fn compare_body(&self, response: &Response, notes: &mut Vec<Note>) -> Result<(), Failure> {
        let at = response.body_at + first_difference(self.body, response.body);
        if self.body == response.body {
            return Ok(());
        }
        let in_rusts_notation: Vec<u8> = response
            .body
            .iter()
            .map(|&byte| if byte == b'\'' { b'"' } else { byte })
            .collect();
        if self.body == in_rusts_notation {
            notes.push(Note::PythonNotation);
            return Ok(());
        }
        let problem = if response.body.is_empty() {
            "the body is empty".to_owned()
        } else if self.body.starts_with(response.body) {
            format!(
                "the body ends after {} of {} bytes",
                response.body.len(),
                self.body.len()
            )
        } else if response.body.starts_with(self.body) {
            format!(
                "after the expected body {} bytes more came",
                response.body.len() - self.body.len()
            )
        } else {
            "the body is another than expected".to_owned()
        };
        Err(Failure::new(
            problem,
            "Compare the two bodies from the byte named above on.",
        )
        .at(at))
    }
}

fn same_value(wanted: &Field, field: &Field) -> bool {
    if wanted.name.eq_ignore_ascii_case("content-type") {
        // A charset or another parameter may follow.
        let media_type = field.value.split(';').next().unwrap_or_default().trim_end();
        return media_type.eq_ignore_ascii_case(&wanted.value);
    }
    field.value.eq_ignore_ascii_case(&wanted.value)
}

fn codes(interim: &[u16]) -> String {
    match interim {
        [] => "nothing".to_owned(),
        _ => interim
            .iter()
            .map(u16::to_string)
            .collect::<Vec<_>>()
            .join(" and "),
    }
}

/// The length of a head with its blank line; its lines may end in LF alone.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (position, &byte) in bytes.iter().enumerate() {
        if byte == b'\n' {
            if matches!(&bytes[line_start..position], b"" | b"\r") {
                return Some(position + 1);
            }
            line_start = position + 1;
        }
    }
    None
}

fn no_whole_head(received: &[u8]) -> Failure {
    if !received.starts_with(b"HTTP/") {
        return not_http();
    }
    Failure::new(
        "no blank line after the fields",
        "The head of a response ends in an empty line: write \\r\\n twice after the last field, \
         and the body behind it (RFC 9112 section 2.1).",
    )
}

fn not_http() -> Failure {
    Failure::new(
        "what came back does not begin with a status line",
        "A response begins with a line like `HTTP/1.1 200 OK` (RFC 9112 section 4).",
    )
}

fn parse_status(head: &str) -> Option<u16> {
    let rest = head.strip_prefix("HTTP/1.")?;
    let (minor, rest) = rest.split_once(' ')?;
    if minor.len() != 1 || !minor.starts_with(|digit: char| digit.is_ascii_digit()) {
        return None;
    }
    let code = rest.get(..3)?;
    let follows = rest[3..].chars().next();
    if !matches!(follows, Some(' ' | '\r' | '\n')) {
        return None;
    }
    code.parse().ok()
}

fn parse_fields(head: &str, head_at: usize) -> Result<Vec<Field>, Failure> {
    let mut fields = Vec::new();
    let mut line_at = head_at;
    for line in head.split_inclusive('\n') {
        let is_first = line_at == head_at;
        let start = line_at;
        line_at += line.len();
        if is_first || line.trim_end().is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(Failure::new(
                "a line of the head is no field",
                "Between the status line and the blank line each line is a name, a colon and a \
                 value (RFC 9112 section 5).",
            )
            .at(start));
        };
        let value_at = start + name.len() + 1 + (value.len() - value.trim_start().len());
        fields.push(Field {
            name: name.to_owned(),
            value: value.trim().to_owned(),
            value_at,
        });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>A</h1>";

    /// The problem and its position, or the notes.
    fn judged(received: &str, end: End) -> Result<Vec<Note>, (String, Option<usize>)> {
        let mut notes = Vec::new();
        let connection = Connection {
            received: received.into(),
            end,
        };
        match compare_connection(WANTED.as_bytes(), true, &connection, &mut notes) {
            Ok(()) => Ok(notes),
            Err(failure) => Err((failure.problem, failure.position)),
        }
    }

    #[test]
    fn what_passes() {
        for (received, notes) in [
            (WANTED, &[][..]),
            (
                "HTTP/1.0 200 Fine\r\ncontent-type:text/html\r\n\r\n<h1>A</h1>",
                &[],
            ),
            (
                "HTTP/1.1 200\r\nDate: now\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<h1>A</h1>",
                &[],
            ),
            (
                "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<h1>A</h1>",
                &[Note::LineFeeds],
            ),
        ] {
            assert_eq!(
                judged(received, End::Closed).unwrap(),
                notes,
                "{received:?}"
            );
        }
        assert_eq!(judged(WANTED, End::Reset).unwrap(), [Note::LateReset]);
    }

    #[test]
    fn what_fails_and_where() {
        for (received, problem, position) in [
            ("", "closed without an answer", None),
            (
                "<h1>A</h1>",
                "what came back does not begin with a status line",
                Some(1),
            ),
            (
                "HTTP/1.1 OK\r\n\r\n",
                "what came back does not begin with a status line",
                Some(1),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n<h1>A</h1>",
                "no blank line after the fields",
                Some(53),
            ),
            (
                "HTTP/1.1 404 OK\r\nContent-Type: text/html\r\n\r\n<h1>A</h1>",
                "the status code is 404, expected 200",
                Some(10),
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\n<h1>A</h1>",
                "the field Content-Type is missing",
                Some(20),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n<h1>A</h1>",
                "Content-Type is \"text/plain\", expected \"text/html\"",
                Some(32),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>B</h1>",
                "the body is another than expected",
                Some(49),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>",
                "the body ends after 4 of 10 bytes",
                Some(49),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>A</h1>\n",
                "after the expected body 1 bytes more came",
                Some(55),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
                "before the answer came 100, expected nothing",
                Some(1),
            ),
        ] {
            let judged = judged(received, End::Closed).unwrap_err();
            assert_eq!(judged, (problem.to_owned(), position), "{received:?}");
        }
    }
}
