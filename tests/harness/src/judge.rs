//! Compares what came back with what was expected, and says in a sentence what
//! is wrong with it.

mod exercises;

use std::net::SocketAddr;

use crate::play::{CLOSE_PATIENCE, Conversation, End, PATIENCE, Played};
use crate::response::{Answer, Field, Framing, Malformed, Response, answers, shown};
use crate::transcript::{
    Again, Step, Transcript, is_placeholder, placeholder, without_date_of_log,
};

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

/// How a server ended.
pub struct Death {
    /// Its exit code and its last words, as the end of a sentence.
    pub words: String,
    /// Whether it ended of itself and found nothing wrong.
    pub is_regular: bool,
}

/// Judges what was played.
pub fn judge(transcript: &Transcript, played: &Played) -> Verdict {
    let mut notes = Vec::new();
    let mut failure = find_failure(transcript, played, &mut notes)
        .or_else(|| exercises::too_much(transcript, played));
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
    for (number, (steps, conversation)) in expected.zip(&played.connections).enumerate() {
        let asks = steps
            .iter()
            .any(|step| matches!(step, Step::Send(_) | Step::SendOneByOne(_)));
        if let Err(mut failure) = compare_connection(conversation, asks, notes) {
            failure.connection = number;
            if conversation.saw_a_stop {
                failure.advice = AT_A_STOP.to_owned();
            }
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
    if let Some(expected) = transcript.prints() {
        let addresses: Vec<SocketAddr> = played
            .connections
            .iter()
            .filter_map(|conversation| conversation.own_address)
            .collect();
        return compare_printed(expected, &played.printed, &addresses).err();
    }
    let forbidden = notes
        .iter()
        .position(|note| note.difference() == transcript.group)?;
    Some(Failure::noted(notes.remove(forbidden)))
}

/// What to try where an exchange fails in which the server is told to stop.
const AT_A_STOP: &str = "On SIGTERM, let nobody in any more, and finish what has begun: its \
                         answer says Connection: close (RFC 9112 section 9.6), and when the last \
                         of them is gone, end the process.";

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
    pub fn died(death: &Death) -> Self {
        let advice = if death.is_regular {
            "A server goes on to the next client. Is the loop around accept missing, or does \
             something leave it?"
        } else {
            "A server must outlive every client. Find what panicked or stopped it: an index \
             into an empty list, a word too few, an unwrap() of what a client sent."
        };
        Self::new(format!("the server ended{}", death.words), advice)
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::new(malformed.problem, malformed.advice).at(malformed.at)
    }
}

fn compare_connection(
    conversation: &Conversation,
    asks: bool,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let Conversation {
        expected,
        received,
        end,
        ..
    } = conversation;
    match end {
        End::Refused => {
            return Err(Failure::new(
                "connection refused: nothing listens there",
                "Is the server still running? A check before this one may have ended it.",
            )
            .stuck());
        }
        End::NotAgain(how) => return Err(not_again(*how)),
        End::Endless => {
            return Err(Failure::new(
                "the answer does not end",
                "Close the connection when the answer has been written.",
            )
            .stuck());
        }
        End::Early => {
            return Err(Failure::new(
                "the server answered, or hung up, before the request had come whole",
                "Read on until all of it has come: one read may bring a single byte.",
            ));
        }
        _ => {}
    }
    if expected.is_empty() {
        return compare_with_silence(received, asks, *end);
    }
    if received.is_empty() {
        return Err(no_answer(*end));
    }
    if !expected.starts_with(b"HTTP/") {
        return compare_bytes(expected, received, *end);
    }
    compare_answers(conversation, notes)?;
    match end {
        End::HeldOpen => Err(Failure::new(
            format!(
                "the answer says that the connection closes, but after {} s it is still open",
                CLOSE_PATIENCE.as_secs()
            ),
            "Who sends Connection: close closes when the answer has been written (RFC 9112 \
             section 9.6): in Rust, let the stream be dropped.",
        )
        .stuck()),
        End::TimedOut => Err(still_open()),
        End::ClosedEarly => Err(Failure::new(
            "the server closed the connection, which should have stayed open",
            "Wait for the next request: nothing said that this was the last one (RFC 9112 \
             section 9.3).",
        )),
        End::Reset => {
            notes.push(Note::LateReset);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Compares what is no HTTP yet.
fn compare_bytes(expected: &[u8], received: &[u8], end: End) -> Result<(), Failure> {
    if expected == received {
        return match end {
            End::TimedOut => Err(still_open()),
            _ => Ok(()),
        };
    }
    let with_crlf = String::from_utf8_lossy(received).replace('\n', "\r\n");
    let failure = if with_crlf.as_bytes() == expected {
        Failure::new(
            "the line ends in LF alone, and not in CRLF",
            "End it with \\r\\n: a carriage return, and then the line feed.",
        )
    } else {
        Failure::new(
            "what came back is something else than expected",
            "Compare the two from the byte named above on. [address] stands for the address of \
             the client's own socket.",
        )
    };
    Err(failure.at(first_difference(expected, received)))
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
        return Err(still_open());
    }
    Ok(())
}

fn not_again(how: Again) -> Failure {
    match how {
        Again::Stopped => Failure::new(
            "the server did not stop when it was asked, or did not start again",
            "On SIGTERM, finish what is under way and end the process. A new one has to find \
             its port free, and to read what the old one has written.",
        ),
        Again::Killed => Failure::new(
            "the server was ended by force, and did not start again",
            "Nothing ran at its end: a new one has to read whatever the old one has written by \
             then.",
        ),
    }
    .stuck()
}

fn still_open() -> Failure {
    Failure::new(
        format!(
            "after {} s the connection is still open",
            PATIENCE.as_secs()
        ),
        "Close the connection: in Rust, let the stream be dropped.",
    )
    .stuck()
}

fn told_to_go_on() -> Failure {
    Failure::new(
        "the client was told to go on, where a refusal was expected",
        "What is refused whatever its body is need not wait for it: look at the head, and \
         refuse instead of saying `100 Continue` (RFC 9110 section 10.1.1).",
    )
    .stuck()
}

fn no_answer(end: End) -> Failure {
    match end {
        End::TimedOut => Failure::new(
            format!("timed out after {} s without an answer", PATIENCE.as_secs()),
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

/// Compares what was printed, a line at a time. `[port]` stands for any number and
/// `[address]` for the client's address, in the notation of any language.
fn compare_printed(
    expected: &[u8],
    printed: &[u8],
    addresses: &[SocketAddr],
) -> Result<(), Failure> {
    let (expected, printed) = (
        String::from_utf8_lossy(expected).into_owned(),
        String::from_utf8_lossy(printed).into_owned(),
    );
    let mut addresses = addresses.iter();
    // Where the server runs under Windows, its lines may end in CRLF; `lines` takes
    // either.
    let mut printed = printed.lines();
    for (number, line) in expected.lines().enumerate() {
        let other = printed.next();
        let is_same = other.is_some_and(|other| {
            if let Some((before, after)) = line.split_once("[port]") {
                let port = other
                    .strip_prefix(before)
                    .and_then(|rest| rest.strip_suffix(after));
                port.is_some_and(|port| port.parse::<u16>().is_ok())
            } else if line.contains("[date]") {
                without_date_of_log(other) == line
            } else if let Some(before) = line.strip_suffix("[address]") {
                other.starts_with(before)
                    && addresses.next().is_some_and(|address| {
                        other.contains(&address.ip().to_string())
                            && other.contains(&address.port().to_string())
                    })
            } else {
                other == line
            }
        });
        if !is_same {
            let printed = other.map_or("nothing".to_owned(), |other| shown(other.as_bytes()));
            return Err(Failure::new(
                format!(
                    "line {} of what the server printed is {printed}, expected {}",
                    number + 1,
                    shown(line.as_bytes())
                ),
                "Print these lines to standard output, and no others.",
            ));
        }
    }
    match printed.next() {
        None => Ok(()),
        Some(more) => Err(Failure::new(
            format!("the server printed a line more: {}", shown(more.as_bytes())),
            "Print these lines to standard output, and no others.",
        )),
    }
}

fn first_difference(expected: &[u8], received: &[u8]) -> usize {
    let pairs = expected.iter().zip(received);
    pairs.take_while(|(a, b)| a == b).count()
}

fn compare_answers(conversation: &Conversation, notes: &mut Vec<Note>) -> Result<(), Failure> {
    let Conversation {
        methods,
        expected,
        received,
        end,
        ..
    } = conversation;
    let wanted = answers(expected, methods, true).map_err(|malformed| {
        Failure::new(
            format!("the snapshot is no HTTP: {}", malformed.problem),
            "Mend the snapshot.",
        )
    })?;
    let is_closed = !matches!(end, End::TimedOut | End::HeldOpen | End::Open);
    let methods = &methods[..methods.len().min(wanted.len())];
    let came = answers(received, methods, is_closed)?;
    for (number, wanted) in wanted.iter().enumerate() {
        let nothing = Answer::default();
        let answer = came.get(number).unwrap_or(&nothing);
        compare_answer(wanted, answer, conversation, notes).map_err(|failure| {
            match (failure.position, number) {
                (None, 1..) => failure.at(received.len()),
                _ => failure,
            }
        })?;
    }
    let end_of_answers = came
        .last()
        .and_then(|answer| answer.last.as_ref())
        .map_or(0, |last| last.end);
    let (more, is_head) = (
        received.len() - end_of_answers,
        methods.last().is_some_and(|method| method == "HEAD"),
    );
    match more {
        0 => Ok(()),
        _ if is_head => Err(Failure::new(
            format!("after the head {more} bytes more came, and the answer to HEAD has no body"),
            "Send the head that GET would get, and nothing behind it (RFC 9110 section 9.3.2).",
        )
        .at(end_of_answers)),
        _ => Err(Failure::new(
            format!("after the answer {more} bytes more came"),
            "Write nothing behind the body, and announce all of it: count the body's bytes for \
             Content-Length (RFC 9110 section 8.6).",
        )
        .at(end_of_answers)),
    }
}

/// Whether an answer has what is wanted of it; it may have more fields.
fn compare_answer(
    wanted: &Answer,
    answer: &Answer,
    conversation: &Conversation,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    let end = conversation.end;
    let codes = |answer: &Answer| {
        answer
            .interim
            .iter()
            .map(|one| one.status)
            .collect::<Vec<_>>()
    };
    let (wanted_codes, came_codes) = (codes(wanted), codes(answer));
    if wanted_codes != came_codes && (answer.last.is_some() || end != End::TimedOut) {
        return Err(Failure::new(
            format!(
                "before the answer came {}, expected {}",
                listed(&came_codes),
                listed(&wanted_codes)
            ),
            "A client that sends `Expect: 100-continue` waits for `HTTP/1.1 100 Continue` \
             and a blank line before it sends its body (RFC 9110 section 10.1.1).",
        )
        .at(answer.interim.first().map_or(0, |one| one.status_at - 9)));
    }
    let Some(wanted) = &wanted.last else {
        return Ok(());
    };
    let Some(response) = &answer.last else {
        let is_told_to_go_on = wanted_codes.is_empty() && came_codes == [100];
        return Err(match is_told_to_go_on && wanted.status >= 400 {
            true => told_to_go_on(),
            false => no_answer(end),
        });
    };
    compare_response(wanted, response, conversation, notes)?;
    if let Framing::Length(length) = response.framing
        && !response.is_whole
    {
        return Err(wrong_length(length, response.body.len()).at(response.body_at));
    }
    if !response.is_whole {
        return Err(Failure::new(
            format!(
                "the answer is right, but after {} s the connection is still open",
                PATIENCE.as_secs()
            ),
            "Without a Content-Length only the end of the connection says where the body ends \
             (RFC 9112 section 6.3): close it, which in Rust means to let the stream be dropped.",
        )
        .stuck());
    }
    compare_trailers(wanted, response)
}

/// Whether the fields behind the last chunk are those that are wanted, and no others.
fn compare_trailers(wanted: &Response, response: &Response) -> Result<(), Failure> {
    let find = |trailers: &[Field], name: &[u8]| {
        let found = trailers
            .iter()
            .find(|one| one.name.eq_ignore_ascii_case(name));
        found.map(|one| (one.value.to_vec(), one.value_at))
    };
    for Field { name, value, .. } in &wanted.trailers {
        let name_shown = String::from_utf8_lossy(name);
        let (problem, at) = match find(&response.trailers, name) {
            None => (format!("the trailer {name_shown} is missing"), response.end),
            Some((came, at)) if came != *value => {
                let (came, value) = (shown(&came), shown(value));
                let problem = format!("the trailer {name_shown} is {came}, expected {value}");
                (problem, at)
            }
            Some(_) => continue,
        };
        let advice = "A trailer is a field between the last chunk, whose size is 0, and the \
                      blank line behind it (RFC 9112 section 7.1.2).";
        return Err(Failure::new(problem, advice).at(at));
    }
    for trailer in &response.trailers {
        if find(&wanted.trailers, trailer.name).is_none() {
            let name = String::from_utf8_lossy(trailer.name);
            return Err(Failure::new(
                format!("the trailer {name} came, and nobody asked for it"),
                "Send trailers to a client that says `TE: trailers`, and to no other (RFC 9110 \
                 section 6.5.1).",
            )
            .at(trailer.value_at));
        }
    }
    Ok(())
}

fn wrong_length(length: usize, right: usize) -> Failure {
    Failure::new(
        format!("Content-Length is {length}, and the body has {right} bytes"),
        "Count the body's bytes, and nothing else: neither its characters nor the head \
         (RFC 9110 section 8.6).",
    )
}

fn listed(codes: &[u16]) -> String {
    match codes {
        [] => "nothing".to_owned(),
        _ => codes
            .iter()
            .map(u16::to_string)
            .collect::<Vec<_>>()
            .join(" and "),
    }
}

fn compare_response(
    wanted: &Response,
    response: &Response,
    conversation: &Conversation,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    if wanted.status != response.status {
        return Err(Failure::new(
            format!(
                "the status code is {}, expected {}",
                response.status, wanted.status
            ),
            "Look at the status line: RFC 9110 section 15 lists what each code means.",
        )
        .at(response.status_at));
    }
    if let Some(coding) = response.values(b"Content-Encoding").next()
        && wanted.values(b"Content-Encoding").next().is_none()
    {
        return Err(Failure::new(
            format!("Content-Encoding is {}, expected none", shown(coding.value)),
            "Send plain what the client does not want in that coding (RFC 9110 section 12.5.3).",
        )
        .at(coding.value_at));
    }
    for field in &wanted.fields {
        // Where no body came to be counted, nobody knows how long a coded one would be.
        if wanted.is_gzip() && field.name.eq_ignore_ascii_case(b"Content-Length") {
            continue;
        }
        // Who keeps the connection open has nothing to say of its end, and who closes
        // it because the client wants that need not.
        let may_be_silent = (conversation.end == End::Open || conversation.asks_to_close)
            && !response.announces_close();
        if !(may_be_silent && field.name.eq_ignore_ascii_case(b"Connection")) {
            compare_field(field, response)?;
        }
    }
    let mut promises = response.values(b"Strict-Transport-Security");
    if let Some(field) = promises.next().filter(|_| conversation.is_plain) {
        return Err(Failure::new(
            "Strict-Transport-Security came over plain HTTP",
            "Send that field over TLS alone: anybody on the way could have written it here \
             (RFC 6797 section 7.2).",
        )
        .at(field.value_at));
    }
    compare_body(wanted, response, notes)?;
    if response.has_line_feeds {
        notes.push(Note::LineFeeds);
    }
    Ok(())
}

fn compare_field(wanted: &Field, response: &Response) -> Result<(), Failure> {
    let name = String::from_utf8_lossy(wanted.name);
    // A length and chunks say the same, and never both (RFC 9112 section 6.2).
    let is_length = name.eq_ignore_ascii_case("Content-Length");
    if is_length && response.values(b"Transfer-Encoding").next().is_some() {
        return Ok(());
    }
    let mut came = response.values(wanted.name);
    let Some(field) = came.next() else {
        return Err(Failure::new(
            format!("the field {name} is missing"),
            format!(
                "Send the line `{name}: {}` between the status line and the blank line.",
                String::from_utf8_lossy(wanted.value)
            ),
        )
        .at(response.body_at));
    };
    if let Some(other) = came.find(|other| other.value != field.value) {
        return Err(Failure::new(
            format!(
                "{name} stands there twice, as {} and as {}",
                shown(field.value),
                shown(other.value)
            ),
            "Send that field once.",
        )
        .at(other.value_at));
    }
    // What counts a body is compared with the body.
    let counts = is_length && response.framing != Framing::NoBody;
    if counts || same_value(&name, wanted.value, field.value) {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "{name} is {}, expected {}",
            shown(field.value),
            shown(wanted.value)
        ),
        "Send that field with the expected value.",
    )
    .at(field.value_at))
}

/// Whether two values of a field mean the same. Case and order matter, but where
/// the definition of the field says otherwise.
fn same_value(name: &str, wanted: &[u8], came: &[u8]) -> bool {
    let parts = |value: &[u8], separator: u8| -> Vec<Vec<u8>> {
        let parts = value.split(|&byte| byte == separator);
        parts.map(|part| part.trim_ascii().to_vec()).collect()
    };
    let in_small_letters = |parts: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        parts.iter().map(|part| part.to_ascii_lowercase()).collect()
    };
    let sorted = |mut parts: Vec<Vec<u8>>| {
        parts.sort();
        parts
    };
    if is_placeholder(wanted) {
        return placeholder(name.as_bytes(), came) == Some(wanted);
    }
    match &*name.to_ascii_lowercase() {
        // Other parameters than those that are wanted may follow.
        "content-type" => {
            let (wanted, came) = (
                in_small_letters(parts(wanted, b';')),
                in_small_letters(parts(came, b';')),
            );
            wanted[0] == came[0] && wanted.iter().all(|one| came.contains(one))
        }
        // The first part is the cookie, the others its attributes (RFC 6265 section 4.1.1).
        "set-cookie" => {
            let (wanted, came) = (parts(wanted, b';'), parts(came, b';'));
            wanted[0] == came[0]
                && sorted(in_small_letters(wanted)) == sorted(in_small_letters(came))
        }
        "allow" => sorted(parts(wanted, b',')) == sorted(parts(came, b',')),
        "connection" | "transfer-encoding" | "content-encoding" | "accept-ranges" | "vary" => {
            in_small_letters(parts(wanted, b',')) == in_small_letters(parts(came, b','))
        }
        _ => wanted == came,
    }
}

fn compare_body(
    wanted: &Response,
    response: &Response,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    if wanted.is_gzip() && response.framing != Framing::NoBody {
        return compare_coded_body(wanted, response);
    }
    let (expected, body) = (&wanted.body, &response.body);
    // A refusal may say more than ours does (RFC 9110 section 15.5).
    let is_bare_refusal = expected.is_empty() && wanted.status >= 400;
    if expected == body || is_bare_refusal && response.framing != Framing::NoBody {
        return Ok(());
    }
    let in_rusts_notation: Vec<u8> = body
        .iter()
        .map(|&byte| if byte == b'\'' { b'"' } else { byte })
        .collect();
    if *expected == in_rusts_notation {
        notes.push(Note::PythonNotation);
        return Ok(());
    }
    let advice = "Compare the two bodies from the byte named above on.";
    let problem = if let Framing::Length(length) = response.framing
        && response.is_whole
        && expected.starts_with(body)
    {
        return Err(wrong_length(length, expected.len()).at(response.body_at));
    } else if body.is_empty() {
        "the body is empty".to_owned()
    } else if expected.starts_with(body) {
        format!(
            "the body ends after {} of {} bytes",
            body.len(),
            expected.len()
        )
    } else if body.starts_with(expected) {
        format!(
            "after the expected body {} bytes more came",
            body.len() - expected.len()
        )
    } else {
        "the body is another than expected".to_owned()
    };
    let position = response.body_at + first_difference(expected, body);
    Err(Failure::new(problem, advice).at(position))
}

fn compare_coded_body(wanted: &Response, response: &Response) -> Result<(), Failure> {
    let Some(decoded) = response.decoded() else {
        return Err(Failure::new(
            "the body says that it is gzip, and it is none, or not all of it",
            "Let the encoder finish: the end of gzip is a checksum and a length (RFC 1952).",
        )
        .at(response.body_at));
    };
    match wanted.decoded() {
        Some(expected) if expected == decoded => Ok(()),
        _ => Err(Failure::new(
            "what the body holds in gzip is another than expected",
            "Code all of the file, and nothing else.",
        )
        .at(response.body_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const WANTED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>A</h1>";

    fn conversation(
        wanted: impl Into<Vec<u8>>,
        received: impl Into<Vec<u8>>,
        end: End,
    ) -> Conversation {
        Conversation {
            methods: vec!["GET".to_owned()],
            asks_to_close: false,
            is_plain: false,
            saw_a_stop: false,
            expected: wanted.into(),
            received: received.into(),
            end,
            own_address: None,
        }
    }

    /// The problem and its position, or the notes.
    fn judged_as(
        method: &str,
        wanted: &str,
        received: &str,
        end: End,
    ) -> Result<Vec<Note>, (String, Option<usize>)> {
        let mut notes = Vec::new();
        let conversation = Conversation {
            methods: vec![method.to_owned()],
            asks_to_close: method == "GET, and close",
            ..conversation(wanted, received, end)
        };
        match compare_connection(&conversation, true, &mut notes) {
            Ok(()) => Ok(notes),
            Err(failure) => Err((failure.problem, failure.position)),
        }
    }

    fn judged(received: &str, end: End) -> Result<Vec<Note>, (String, Option<usize>)> {
        judged_as("GET", WANTED, received, end)
    }

    fn with(fields: &str, body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{fields}\r\n{body}")
    }

    #[test]
    fn what_passes() {
        for (received, end, notes) in [
            (WANTED.to_owned(), End::Closed, &[][..]),
            (
                "HTTP/1.0 200 Fine\r\ncontent-type:text/html\r\n\r\n<h1>A</h1>".to_owned(),
                End::Closed,
                &[],
            ),
            (
                "HTTP/1.1 200\r\nDate: now\r\nContent-Type: Text/HTML; charset=utf-8\r\n\r\n<h1>A</h1>".to_owned(),
                End::Closed,
                &[],
            ),
            (with("Content-Length: 10\r\n", "<h1>A</h1>"), End::Open, &[]),
            (
                with("Transfer-Encoding: chunked\r\n", "A\r\n<h1>A</h1>\r\n0\r\n\r\n"),
                End::Open,
                &[],
            ),
            (
                "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<h1>A</h1>".to_owned(),
                End::Closed,
                &[Note::LineFeeds],
            ),
            (WANTED.to_owned(), End::Reset, &[Note::LateReset]),
        ] {
            assert_eq!(judged(&received, end).unwrap(), notes, "{received:?}");
        }
    }

    /// A server that closes says so; one that keeps the connection need not.
    #[test]
    fn who_closes_says_so() {
        let wanted = with("Connection: close\r\nContent-Length: 10\r\n", "<h1>A</h1>");
        let persistent = with("Content-Length: 10\r\n", "<h1>A</h1>");
        let judged = |received: &str, end| judged_as("GET", &wanted, received, end);
        assert_eq!(judged(&wanted, End::Closed), Ok(vec![]));
        assert_eq!(judged(&persistent, End::Open), Ok(vec![]));
        let (problem, _) = judged(&persistent, End::Closed).unwrap_err();
        assert_eq!(problem, "the field Connection is missing");
        let asked = judged_as("GET, and close", &wanted, &persistent, End::Closed);
        assert_eq!(asked, Ok(vec![]));
    }

    /// A page that says what was wrong is as right as none.
    #[test]
    fn a_refusal_may_have_content() {
        let refusal = |status: &str, page: &str| {
            let length = page.len();
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{page}")
        };
        for (method, status, passes) in [
            ("GET", "400 Bad Request", true),
            ("HEAD", "400 Bad Request", false),
            ("GET", "303 See Other", false),
        ] {
            let (wanted, received) = (refusal(status, ""), refusal(status, "<h1>No</h1>"));
            let judged = judged_as(method, &wanted, &received, End::Closed);
            assert_eq!(judged.is_ok(), passes, "{method} {status}");
        }
    }

    #[test]
    fn a_length_and_chunks_say_the_same() {
        let wanted = with("Content-Length: 10\r\n", "<h1>A</h1>");
        let judged = |received: &str| judged_as("GET", &wanted, received, End::Closed);
        let chunks = "A\r\n<h1>A</h1>\r\n0\r\n\r\n";
        let chunked = with("Transfer-Encoding: chunked\r\n", chunks);
        assert_eq!(judged(&chunked), Ok(vec![]));
        let (problem, _) = judged(&with("", "<h1>A</h1>")).unwrap_err();
        assert_eq!(problem, "the field Content-Length is missing");
    }

    #[test]
    fn the_attributes_of_a_cookie_have_no_order() {
        let cookie = |value: &str| with(&format!("Set-Cookie: {value}\r\n"), "");
        let wanted = cookie("name=Ada; Path=/; HttpOnly");
        let judged = |value: &str| judged_as("GET", &wanted, &cookie(value), End::Closed);
        assert_eq!(judged("name=Ada;httponly; path=/"), Ok(vec![]));
        for other in [
            "name=ada; Path=/; HttpOnly",
            "Path=/; name=Ada; HttpOnly",
            "name=Ada; Path=/",
            "name=Ada; Path=/; HttpOnly; Domain=example.org",
        ] {
            assert!(judged(other).is_err(), "{other}");
        }
    }

    #[test]
    fn trailers() {
        let page = |trailers: &str| {
            let body = format!("A\r\n<h1>A</h1>\r\n0\r\n{trailers}\r\n");
            with("Transfer-Encoding: chunked\r\n", &body)
        };
        for (wanted, received, problem) in [
            ("", "", ""),
            ("Sum: 6\r\n", "sum:6\r\n", ""),
            ("Sum: 6\r\n", "", "the trailer Sum is missing"),
            (
                "Sum: 6\r\n",
                "Sum: 7\r\n",
                "the trailer Sum is \"7\", expected \"6\"",
            ),
            (
                "",
                "Sum: 6\r\n",
                "the trailer Sum came, and nobody asked for it",
            ),
            ("", "no field\r\n", "a line of the head is no field"),
        ] {
            let judged = judged_as("GET", &page(wanted), &page(received), End::Open);
            let failed = judged.err().map_or(String::new(), |(problem, _)| problem);
            assert_eq!(failed, problem, "{received:?}");
        }
    }

    #[test]
    fn any_tag_of_that_strength() {
        let answer = |tag: &str| with(&format!("ETag: {tag}\r\n"), "");
        for (wanted, came, passes) in [
            ("[tag]", "\"a\"", true),
            ("[tag]", "W/\"a\"", false),
            ("[tag]", "a", false),
            ("W/[tag]", "W/\"a\"", true),
            ("W/[tag]", "\"a\"", false),
            ("[date]", "\"a\"", false),
        ] {
            let judged = judged_as("GET", &answer(wanted), &answer(came), End::Closed);
            assert_eq!(judged.is_ok(), passes, "{wanted} {came}");
        }
    }

    #[test]
    fn what_is_coded_where_it_should_be_plain() {
        let coded = with("Content-Encoding: br\r\n", "");
        let (problem, _) = judged_as("HEAD", &with("", ""), &coded, End::Closed).unwrap_err();
        assert_eq!(problem, "Content-Encoding is \"br\", expected none");
    }

    #[test]
    fn gzip_counts_by_what_it_holds() {
        let coded = |text: &str, level| {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let answer = |body: &[u8]| {
            let fields = format!("Content-Encoding: gzip\r\nContent-Length: {}", body.len());
            [
                format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes(),
                body,
            ]
            .concat()
        };
        let judged = |method: &str, received: Vec<u8>| {
            let mut wanted = answer(&coded("aaaaaaaaaa", Compression::best()));
            if method == "HEAD" {
                wanted.truncate(wanted.len() - coded("aaaaaaaaaa", Compression::best()).len());
            }
            let conversation = Conversation {
                methods: vec![method.to_owned()],
                ..conversation(wanted, received, End::Closed)
            };
            let judged = compare_connection(&conversation, true, &mut Vec::new());
            judged.err().map(|failure| failure.problem)
        };
        let stored = coded("aaaaaaaaaa", Compression::none());
        assert_eq!(judged("GET", answer(&stored)), None);
        let head = answer(b"");
        assert_eq!(judged("HEAD", head), None);
        for (body, problem) in [
            (
                coded("aaaaaaaaab", Compression::none()),
                "another than expected",
            ),
            (
                stored[..stored.len() - 4].to_vec(),
                "it is none, or not all of it",
            ),
            (b"aaaaaaaaaa".to_vec(), "it is none, or not all of it"),
        ] {
            let found = judged("GET", answer(&body)).unwrap();
            assert!(found.contains(problem), "{found}");
        }
    }

    #[test]
    fn what_fails_and_where() {
        for (received, end, problem, position) in [
            ("".to_owned(), End::Closed, "closed without an answer", None),
            (
                "<h1>A</h1>".to_owned(),
                End::Closed,
                "does not begin with a status line",
                Some(1),
            ),
            (
                "HTTP/1.1 200OK\r\n\r\n".to_owned(),
                End::Closed,
                "a space is missing",
                Some(13),
            ),
            (
                WANTED.replace("\r\n\r\n", "\r\n"),
                End::Closed,
                "no blank line",
                Some(53),
            ),
            (
                WANTED.replace("200", "404"),
                End::Closed,
                "the status code is 404, expected 200",
                Some(10),
            ),
            (
                WANTED.replace("Content-Type", "Type"),
                End::Closed,
                "Content-Type is missing",
                Some(37),
            ),
            (
                WANTED.replace("html", "plain"),
                End::Closed,
                "\"text/plain\", expected \"text/html\"",
                Some(32),
            ),
            (
                with("Content-Type: text/plain\r\n", "<h1>A</h1>"),
                End::Closed,
                "stands there twice",
                Some(57),
            ),
            (
                WANTED.replace("A<", "B<"),
                End::Closed,
                "another than expected",
                Some(49),
            ),
            (
                WANTED.replace("A</h1>", ""),
                End::Closed,
                "ends after 4 of 10 bytes",
                Some(49),
            ),
            (
                format!("{WANTED}\n"),
                End::Closed,
                "after the expected body 1 bytes more came",
                Some(55),
            ),
            (
                with("Content-Length: 10\r\n", "<h1>A</h1>more"),
                End::Closed,
                "after the answer 4 bytes more came",
                Some(75),
            ),
            (
                with("Content-Length: 9\r\n", "<h1>A</h1>"),
                End::Closed,
                "is 9, and the body has 10 bytes",
                Some(64),
            ),
            (
                with("Content-Length: 11\r\n", "<h1>A</h1>"),
                End::Closed,
                "is 11, and the body has 10 bytes",
                Some(65),
            ),
            (
                with("Content-Length: 0\r\n", ""),
                End::Closed,
                "is 0, and the body has 10 bytes",
                Some(64),
            ),
            (
                format!("HTTP/1.1 100 Continue\r\n\r\n{WANTED}"),
                End::Closed,
                "before the answer came 100, expected nothing",
                Some(1),
            ),
            (
                WANTED.to_owned(),
                End::TimedOut,
                "the answer is right, but after 5 s",
                None,
            ),
            (
                "HTTP/1.1 102 Processing\r\n\r\n".to_owned(),
                End::Closed,
                "before the answer came 102, expected nothing",
                Some(1),
            ),
            (
                "HTTP/1.1 102 Processing\r\n\r\n".to_owned(),
                End::TimedOut,
                "timed out after 5 s without an answer",
                None,
            ),
            (
                with("Content-Length: 10\r\n", "<h1>A</h1>"),
                End::TimedOut,
                "after 5 s the connection is still open",
                None,
            ),
            (
                with("Connection: close\r\nContent-Length: 10\r\n", "<h1>A</h1>"),
                End::HeldOpen,
                "says that the connection closes",
                None,
            ),
            (
                with("Content-Length: 10\r\n", "<h1>A</h1>"),
                End::ClosedEarly,
                "should have stayed open",
                None,
            ),
            (
                WANTED.to_owned(),
                End::Early,
                "before the request had come whole",
                None,
            ),
            (WANTED.to_owned(), End::Endless, "does not end", None),
            (String::new(), End::Refused, "nothing listens there", None),
            (
                String::new(),
                End::NotAgain(Again::Stopped),
                "did not stop when it was asked",
                None,
            ),
            (
                String::new(),
                End::NotAgain(Again::Killed),
                "ended by force, and did not start again",
                None,
            ),
        ] {
            let (found, at) = judged(&received, end).unwrap_err();
            assert!(found.contains(problem), "{received:?}: {found}");
            assert_eq!(at, position, "{received:?}: {found}");
        }
    }

    /// Judges what came over two connections of an exchange of this group.
    fn judged_both(group: &str, second: Option<(&str, End)>) -> Verdict {
        let steps = [
            Step::Send(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            Step::Receive(WANTED.into()),
        ];
        let transcript = Transcript {
            group: group.to_owned(),
            title: String::new(),
            steps: [&steps[..], &[Step::Another], &steps[..]].concat(),
        };
        let mut connections = vec![conversation(WANTED, WANTED, End::Closed)];
        connections.extend(second.map(|(received, end)| conversation(WANTED, received, end)));
        let played = Played {
            connections,
            printed: Vec::new(),
        };
        judge(&transcript, &played)
    }

    #[test]
    fn several_connections() {
        assert!(
            judged_both("core", Some((WANTED, End::Closed)))
                .failure
                .is_none()
        );

        let verdict = judged_both("core", Some(("", End::TimedOut)));
        assert!(verdict.is_stuck());
        let failure = verdict.failure.unwrap();
        assert_eq!(failure.connection, 1);
        assert!(
            failure.problem.starts_with("timed out"),
            "{}",
            failure.problem
        );

        let verdict = judged_both("D8", Some(("", End::Reset)));
        assert!(!verdict.is_stuck());
        let failure = verdict.failure.unwrap();
        assert!(
            failure.problem.contains("reset without an answer"),
            "{}",
            failure.problem
        );
        assert!(
            failure.advice.starts_with("Half-close"),
            "{}",
            failure.advice
        );

        let failure = judged_both("core", None).failure.unwrap();
        assert!(
            failure.problem.contains("did not get to the end"),
            "{}",
            failure.problem
        );
    }

    /// What is wrong with the second of two answers stands behind the first one.
    #[test]
    fn the_second_answer_over_one_connection() {
        let page = with("Content-Length: 10\r\n", "<h1>A</h1>");
        let both = page.repeat(2);
        let judged = |received: &str| {
            let conversation = Conversation {
                methods: vec!["GET".to_owned(); 2],
                ..conversation(&*both, received, End::Closed)
            };
            let judged = compare_connection(&conversation, true, &mut Vec::new());
            judged.map_err(|failure| (failure.problem, failure.position))
        };
        assert_eq!(judged(&both), Ok(()));
        let (problem, position) = judged(&page).unwrap_err();
        assert_eq!(problem, "closed without an answer");
        assert_eq!(position, Some(page.len() + 1));
        let (_, position) = judged(&both.replacen("200", "404", 2)).unwrap_err();
        assert_eq!(position, Some(10));
        let (_, position) = judged(&format!("{page}{}", page.replace("200", "404"))).unwrap_err();
        assert_eq!(position, Some(page.len() + 10));
    }

    /// Who hangs up on a client that said something has left it unread; to one that
    /// only came to see a reset does no harm.
    #[test]
    fn a_reset_of_who_asked_and_of_who_did_not() {
        let transcript = Transcript {
            group: "core".to_owned(),
            title: String::new(),
            steps: vec![
                Step::Send(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
                Step::Closes,
                Step::Another,
                Step::Closes,
                Step::Another,
                Step::SendOneByOne(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
                Step::Closes,
            ],
        };
        for (ends, connection) in [
            ([End::Closed, End::Reset, End::Closed], None),
            ([End::Reset, End::Closed, End::Closed], Some(0)),
            ([End::Closed, End::Closed, End::Reset], Some(2)),
        ] {
            let played = Played {
                connections: ends.map(|end| conversation("", "", end)).into(),
                printed: Vec::new(),
            };
            let failure = judge(&transcript, &played).failure;
            assert_eq!(failure.map(|failure| failure.connection), connection);
        }
    }

    /// What a check is about says more than what went wrong in it.
    #[test]
    fn the_advice_names_what_the_check_is_about() {
        for (difference, words) in [
            ("D1", "End each line"),
            ("D2", "TCP carries a stream"),
            ("D3", "Expect anything"),
            ("D4", "&amp;"),
            ("D5", "as Content-Length says"),
            ("D6", "below pages/"),
            ("D7", "Print the map"),
            ("D8", "Half-close"),
            ("D9", "a thread of its own"),
            ("core", "Is a response written"),
        ] {
            let verdict = judged_both(difference, Some(("", End::Closed)));
            let advice = verdict.failure.unwrap().advice;
            assert!(advice.contains(words), "{difference}: {advice}");
        }
    }

    /// A note is let pass, unless the check is about that very difference.
    #[test]
    fn notes() {
        let line_feeds = WANTED.replace("\r\n", "\n");
        let verdict = judged_both("core", Some((&line_feeds, End::Closed)));
        assert!(verdict.failure.is_none());
        assert_eq!(verdict.notes, [Note::LineFeeds]);
        let failure = judged_both("D1", Some((&line_feeds, End::Closed)))
            .failure
            .unwrap();
        assert!(
            failure.problem.contains("lines end in LF"),
            "{}",
            failure.problem
        );
        let verdict = judged_both("D1", Some((WANTED, End::Reset)));
        assert!(verdict.failure.is_none());
        assert_eq!(verdict.notes, [Note::LateReset]);
    }

    #[test]
    fn pythons_quotation_marks_are_a_note() {
        let page = |quote: &str| with("", &format!("{{{quote}a{quote}: 1}}"));
        let notes = judged_as("GET", &page("\""), &page("'"), End::Closed).unwrap();
        assert_eq!(notes, [Note::PythonNotation]);
        assert!(judged_as("GET", &page("'"), &page("\""), End::Closed).is_err());
    }

    #[test]
    fn who_waits_to_be_told_to_continue() {
        let wanted = format!("HTTP/1.1 100 Continue\r\n\r\n{WANTED}");
        assert!(judged_as("POST", &wanted, &wanted, End::Closed).is_ok());
        let (problem, position) = judged_as("POST", &wanted, WANTED, End::Closed).unwrap_err();
        assert_eq!(problem, "before the answer came nothing, expected 100");
        assert_eq!(position, Some(1));
        let only_told = "HTTP/1.1 100 Continue\r\n\r\n";
        let (problem, _) = judged_as("POST", &wanted, only_told, End::TimedOut).unwrap_err();
        assert!(problem.starts_with("timed out"), "{problem}");
        let refusal = WANTED.replace("200 OK", "415 Unsupported Media Type");
        let (problem, _) = judged_as("POST", &refusal, only_told, End::TimedOut).unwrap_err();
        assert_eq!(
            problem,
            "the client was told to go on, where a refusal was expected"
        );
    }

    #[test]
    fn the_answer_to_head_has_no_body() {
        let wanted = with("Content-Length: 10\r\n", "");
        assert!(judged_as("HEAD", &wanted, &wanted, End::Open).is_ok());
        let with_body = with("Content-Length: 10\r\n", "<h1>A</h1>");
        let (problem, position) = judged_as("HEAD", &wanted, &with_body, End::Closed).unwrap_err();
        assert!(
            problem.contains("the answer to HEAD has no body"),
            "{problem}"
        );
        assert_eq!(position, Some(65));
        let other = with("Content-Length: 11\r\n", "");
        assert!(judged_as("HEAD", &wanted, &other, End::Open).is_err());
    }

    #[test]
    fn what_is_no_http_is_compared_to_the_byte() {
        let greeting = "Hello, 127.0.0.1:50514!\r\n";
        assert!(judged_as("", greeting, greeting, End::Closed).is_ok());
        for (received, end, problem, position) in [
            (
                "Hello, 127.0.0.1:50514!\n",
                End::Closed,
                "LF alone, and not in CRLF",
                Some(24),
            ),
            (
                "Hello, 127.0.0.1:8080!\r\n",
                End::Closed,
                "something else",
                Some(18),
            ),
            (greeting, End::TimedOut, "still open", None),
        ] {
            let (found, at) = judged_as("", greeting, received, end).unwrap_err();
            assert!(found.contains(problem), "{received:?}: {found}");
            assert_eq!(at, position);
        }
    }

    #[test]
    fn where_nothing_is_expected() {
        assert!(judged_as("", "", "", End::Closed).is_ok());
        for (received, end, problem) in [
            ("a word", End::Closed, "where nothing was expected"),
            ("", End::Reset, "before the request had been read"),
            ("", End::TimedOut, "still open"),
        ] {
            let (found, _) = judged_as("", "", received, end).unwrap_err();
            assert!(found.contains(problem), "{found}");
        }
    }

    #[test]
    fn values_that_mean_the_same() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (name, wanted, came, are_same) in [
            (
                "Content-Type",
                "text/html",
                "TEXT/HTML ;charset=utf-8",
                true,
            ),
            (
                "Content-Type",
                "text/html; charset=utf-8",
                "text/html;charset=UTF-8",
                true,
            ),
            (
                "Content-Type",
                "text/html; charset=utf-8",
                "text/html",
                false,
            ),
            ("Allow", "GET, HEAD", "HEAD,GET", true),
            ("Allow", "GET, HEAD", "get, head", false),
            ("Connection", "close", "Close", true),
            ("Location", "/a", "/A", false),
            ("Last-Modified", "[date]", date, true),
            ("Last-Modified", "[date]", "yesterday", false),
            ("Last-Modified", date, date, true),
        ] {
            let same = same_value(name, wanted.as_bytes(), came.as_bytes());
            assert_eq!(same, are_same, "{name}: {wanted} and {came}");
        }
    }

    #[test]
    fn what_is_printed() {
        let address = SocketAddr::from(([127, 0, 0, 1], 50514));
        let expected = b"Listening on port [port]...\nConnection from [address]\n";
        let is_right =
            |printed: &str| compare_printed(expected, printed.as_bytes(), &[address]).is_ok();
        assert!(is_right(
            "Listening on port 80...\nConnection from 127.0.0.1:50514\n"
        ));
        assert!(is_right(
            "Listening on port 80...\r\nConnection from ('127.0.0.1', 50514)\r\n"
        ));
        for printed in [
            "",
            "Listening on port 80...\n",
            "Listening on port eighty...\nConnection from 127.0.0.1:50514\n",
            "Listening at port 80...\nConnection from 127.0.0.1:50514\n",
            "Listening on port 80...\nConnection from 127.0.0.1:8080\n",
            "Listening on port 80...\n127.0.0.1:50514\n",
            "Listening on port 80...\nConnection from 127.0.0.1:50514\nand more\n",
        ] {
            assert!(!is_right(printed), "{printed:?}");
        }
    }

    #[test]
    fn what_is_printed_without_a_placeholder() {
        let judged = |printed: &str| compare_printed(b"GET /\n", printed.as_bytes(), &[]);
        assert!(judged("GET /\n").is_ok());
        let problem = judged("GET /a\n").err().unwrap().problem;
        let expected = "line 1 of what the server printed is \"GET /a\", expected \"GET /\"";
        assert_eq!(problem, expected);
    }

    #[test]
    fn what_is_printed_with_a_date() {
        let expected = "127.0.0.1 - - [date] \"GET / HTTP/1.1\" 200 10\n";
        let judged = |date: &str| {
            let printed = expected.replace("[date]", date);
            compare_printed(expected.as_bytes(), printed.as_bytes(), &[])
        };
        assert!(judged("[06/Nov/1994:08:49:37 +0000]").is_ok());
        let failure = judged("[yesterday]").err().unwrap();
        assert!(
            failure.problem.contains("[yesterday]"),
            "{}",
            failure.problem
        );
    }
}
