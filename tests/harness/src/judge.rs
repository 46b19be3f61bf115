//! Compares what came back with what was expected, and says in a sentence what
//! is wrong with it.

mod exercises;
mod frames;

use std::net::SocketAddr;

use crate::play::{CLOSE_PATIENCE, Conversation, End, PATIENCE, Played};
use crate::response::{Answer, Asked, Field, Framing, Malformed, Response, answers, shown};
use crate::transcript::{Again, Step, Transcript, is_placeholder, placeholder};
use crate::{choices, diagnosis};

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
    fault: Fault,
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
    if let Some(failure) = &mut failure
        && let Some((_, advice)) = transcript
            .difference()
            .and_then(advice_on)
            .filter(|(faults, _)| faults.contains(&failure.fault))
    {
        failure.advice = advice.to_owned();
    }
    notes.sort();
    notes.dedup();
    Verdict { failure, notes }
}

/// What went wrong, as far as the advice depends on it that stands for a whole difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// No answer came, or the connection ended.
    Silence,
    Status,
    Body,
    /// A difference that is noted, and may not be let pass.
    Noted,
    /// What has an advice of its own.
    Other,
}

/// The faults that one of the differences is about, and what to try where one of these is
/// found in its checks. Any other has its own advice.
fn advice_on(difference: &str) -> Option<(&'static [Fault], &'static str)> {
    use Fault::{Body, Noted, Silence, Status};
    Some(match difference {
        "D1" => (
            &[Noted],
            "End each line of the head with \\r\\n, and the head with one more.",
        ),
        "D2" => (
            &[Silence],
            "TCP carries a stream: one read may bring less than the head, or more. Read on until \
             the blank line has come (RFC 9112 section 2.2).",
        ),
        "D3" => (
            &[Silence, Status],
            "Expect anything: no byte at all, too few words, too many bytes. Refuse what is no \
             request with its status code, close, and go on to the next client \
             (RFC 9110 section 15.5).",
        ),
        "D5" => (
            &[Silence, Status, Body],
            "Read as many bytes of body as Content-Length says, and refuse a length that is none \
             (RFC 9112 section 6.3).",
        ),
        "D6" => (
            &[Status, Body],
            "Serve only regular files whose real path lies below pages/, byte for byte, with the \
             type of their extension.",
        ),
        "D7" => (
            &[Noted, Body],
            "Print the map as Rust's {:?} does, names in the order they came in.",
        ),
        "D8" => (
            &[Silence, Noted],
            "Half-close, and read off what the client still sends before you close: bytes that \
             are left unread make the close a reset, and that can destroy the answer \
             (RFC 9112 section 9.6).",
        ),
        "D9" => (
            &[Silence],
            "Serve each connection in a thread of its own, as chapter 5b does.",
        ),
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
        let asks = steps.iter().any(Step::is_sent);
        let compared = compare_connection(conversation, asks, notes);
        let beside = conversation.wrong_beside.as_ref();
        let is_beside = compared.is_ok();
        let compared = compared.and_then(|()| match beside {
            Some(wrong) => Err(Failure::new(&*wrong.problem, wrong.advice).stuck()),
            None => Ok(()),
        });
        if let Err(mut failure) = compared {
            failure.connection = number;
            if conversation.saw_a_stop && !is_beside {
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
        .position(|note| Some(note.difference()) == transcript.difference())?;
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
            fault: Fault::Other,
        }
    }

    fn said((problem, advice): diagnosis::Words) -> Self {
        Self::new(problem, advice)
    }

    fn of(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    fn stuck_if(self, stuck: bool) -> Self {
        Self { stuck, ..self }
    }

    fn at(self, position: usize) -> Self {
        Self {
            position: Some(position + 1),
            ..self
        }
    }

    /// Where the value of a field is first another than this one.
    fn at_value(self, field: &Field, wanted: &[u8]) -> Self {
        self.at(field.value_at + first_difference(wanted, field.value))
    }

    fn stuck(self) -> Self {
        Self {
            stuck: true,
            ..self
        }
    }

    /// A difference that may not be let pass.
    pub fn noted(note: Note) -> Self {
        let advice = advice_on(note.difference()).map_or("", |(_, advice)| advice);
        Self::new(note.sentence(), advice).of(Fault::Noted)
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
        End::Early { sent, of, answered } => return Err(early(*sent, *of, *answered)),
        _ => {}
    }
    if let Some(talk) = &conversation.talk {
        return frames::compare(conversation, talk, notes);
    }
    if expected.is_empty() {
        return compare_with_silence(received, asks, *end);
    }
    if received.is_empty() && closes_without_a_word(conversation) {
        return Ok(());
    }
    if received.is_empty() {
        return Err(no_answer(*end));
    }
    if !expected.starts_with(b"HTTP/") {
        return compare_bytes(expected, received, *end);
    }
    compare_answers(conversation, notes)?;
    match end {
        End::HeldOpen if !announces_close(conversation) => Err(Failure::new(
            format!(
                "the connection had to end with that answer, but after {} s it is still open",
                CLOSE_PATIENCE.as_secs()
            ),
            "Close it where the client asks for that, with Connection: close or with HTTP/1.0, \
             where nobody can tell where the next request begins, and where a limit is \
             reached (RFC 9112 section 9.6).",
        )
        .stuck()),
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
        End::Truncated => Err(Failure::new(
            "the connection ended without a close_notify",
            "Say the end in TLS too, before the end of TCP: without it, the client cannot tell \
             it from the work of somebody who cut the line (RFC 8446 section 6.1).",
        )),
        End::ClosedEarly => Err(Failure::new(
            "the server closed the connection, which should have stayed open",
            "Wait for the next request: nothing said that this was the last one (RFC 9112 \
             section 9.3).",
        )),
        End::Unanswered => Err(Failure::new(
            format!(
                "the connection stays open, but a further request over it got no answer within \
                 {} s",
                PATIENCE.as_secs()
            ),
            "Read the next request from the same connection when the answer has been written, \
             and answer it (RFC 9112 section 9.3).",
        )
        .stuck()),
        End::Reset => {
            notes.push(Note::LateReset);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether the server may have closed instead of this answer: RFC 9112 lets it do that
/// with a request that was cut off (section 8), or that took too long (section 9.5). And
/// whoever makes no tunnels, or speaks TLS alone, need not say so.
fn closes_without_a_word(conversation: &Conversation) -> bool {
    let Conversation {
        expected,
        methods,
        end,
        leaves_choices,
        half_closes,
        is_plain,
        ..
    } = conversation;
    let wanted = answers(expected, methods, true).unwrap_or_default();
    let status = match &*wanted {
        [only] => only.last.as_ref().map(|last| last.status),
        _ => None,
    };
    let is_connect = methods.first().is_some_and(|method| method == "CONNECT");
    *leaves_choices
        && matches!(end, End::Closed | End::Reset)
        && (status == Some(408)
            || is_connect
            || *is_plain && status == Some(400)
            || *half_closes && status == Some(400))
}

/// Whether the last answer that came says that the connection closes.
fn announces_close(conversation: &Conversation) -> bool {
    let came = answers(&conversation.received, &conversation.methods, false);
    let last = came
        .ok()
        .and_then(|mut answers| answers.pop())
        .and_then(|answer| answer.last.map(|last| last.announces_close()));
    last.unwrap_or(false)
}

/// The request came byte by byte, and the server did not wait for all of it.
fn early(sent: usize, of: usize, answered: bool) -> Failure {
    let did = match answered {
        true => "answered",
        false => "closed the connection",
    };
    Failure::new(
        format!(
            "the server {did} when {sent} of the {of} bytes had come, each in a write of its own"
        ),
        "Read on until all of it has come: one read may bring a single byte.",
    )
    .of(Fault::Silence)
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
        )
        .of(Fault::Silence));
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
    .of(Fault::Silence)
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
    let failure = match end {
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
    };
    failure.of(Fault::Silence)
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
            } else if line.contains(" [date] ") {
                choices::wrong_in_log(line, other).is_none()
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
            let wrong_in_log = other
                .filter(|_| line.contains(" [date] "))
                .and_then(|other| choices::wrong_in_log(line, other));
            if let Some(wrong) = wrong_in_log {
                return Err(Failure::new(
                    format!("line {} of the access log, {printed}, {wrong}", number + 1),
                    "Each answer has its line, in the order in which the answers were sent, in \
                     the Common Log Format: `ADDRESS - - [DATE] \"REQUEST LINE\" STATUS BYTES`.",
                ));
            }
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
    let is_closed = !matches!(
        end,
        End::TimedOut | End::HeldOpen | End::Open | End::Unanswered
    );
    let methods = &methods[..methods.len().min(wanted.len())];
    let came = answers(received, methods, is_closed)?;
    let responses = came
        .iter()
        .flat_map(|one| one.interim.iter().chain(&one.last));
    if let Some(misplaced) = responses.filter_map(|one| one.misplaced.as_ref()).next() {
        return Err(misplaced.clone().into());
    }
    for (number, wanted) in wanted.iter().enumerate() {
        let nothing = Answer::default();
        let answer = came.get(number).unwrap_or(&nothing);
        let asked = conversation.asked.get(number).cloned().unwrap_or_default();
        if number > 0 && number >= came.len() {
            let words = diagnosis::of_a_later_answer(number, came.last(), *end);
            return Err(Failure::said(words)
                .of(Fault::Silence)
                .stuck_if(*end == End::TimedOut)
                .at(received.len()));
        }
        compare_answer(wanted, answer, &asked, conversation, notes).map_err(|failure| {
            match (failure.position, number) {
                (None, 1..) => failure.at(received.len()),
                _ => failure,
            }
        })?;
    }
    let before_the_last = came.len().saturating_sub(1);
    let too_early = came[..before_the_last].iter().find_map(|answer| {
        let last = answer.last.as_ref()?;
        last.says_close().then_some(last.status_at)
    });
    if let Some(at) = too_early {
        return Err(Failure::new(
            "an answer says Connection: close, and another one follows it",
            "Say close with the last answer alone: a client that reads it sends nothing more \
             over that connection (RFC 9112 section 9.6).",
        )
        .at(at));
    }
    let last = came.last().and_then(|answer| answer.last.as_ref());
    let method = methods.last().map_or("", |method| method);
    match last {
        Some(last) if last.end < received.len() => {
            Err(last.is_followed_by(&received[last.end..], method).into())
        }
        _ => Ok(()),
    }
}

/// Whether an answer has what is wanted of it; it may have more fields.
fn compare_answer(
    wanted: &Answer,
    answer: &Answer,
    asked: &Asked,
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
    compare_response(wanted, response, asked, conversation, notes)?;
    if let Framing::Length(length) = response.framing
        && !response.is_whole
    {
        return Err(wrong_length(length, response.body.len(), response));
    }
    if !response.is_whole
        && let Some(words) = diagnosis::of_an_unfinished_body(response, end, PATIENCE.as_secs())
    {
        return Err(Failure::said(words)
            .stuck_if(end == End::TimedOut)
            .at(response.end));
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
                let at = at + first_difference(value, &came);
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

fn wrong_length(length: usize, right: usize, response: &Response) -> Failure {
    let failure = Failure::new(
        format!("Content-Length is {length}, and the body has {right} bytes"),
        "Count the body's bytes, and nothing else: neither its characters nor the head \
         (RFC 9110 section 8.6).",
    );
    match response.values(b"Content-Length").next() {
        Some(field) => failure.at_value(field, right.to_string().as_bytes()),
        None => failure,
    }
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
    asked: &Asked,
    conversation: &Conversation,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    if let Some(coding) = response.values(b"Transfer-Encoding").next()
        && asked.is_of_http_1_0
    {
        return Err(Failure::new(
            "Transfer-Encoding came in the answer to a client of HTTP/1.0, which knows no chunks",
            "Send such a client what you have, and close the connection behind it (RFC 9112 \
             section 6.1).",
        )
        .at(coding.value_at));
    }
    let leaves_choices = conversation.leaves_choices;
    // The client that asks for several parts may get each of them, or all of the file.
    if leaves_choices && wanted.status == 200 && response.status == 206 && asked.wants_parts {
        return match choices::are_parts_of(&wanted.body, response) {
            true => Ok(()),
            false => Err(Failure::new(
                "the parts are not those of the file",
                "Send all of it instead, or each part behind a Content-Range of its own in \
                 multipart/byteranges (RFC 9110 section 14.6).",
            )
            .at(response.body_at)),
        };
    }
    let is_status_as_good =
        leaves_choices && choices::is_status_as_good(wanted.status, response.status, asked);
    if wanted.status != response.status && !is_status_as_good {
        return Err(Failure::new(
            format!(
                "the status code is {}, expected {}",
                response.status, wanted.status
            ),
            diagnosis::of_status(wanted.status),
        )
        .of(Fault::Status)
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
        // Who keeps a connection open that need not end has nothing to say of its end, and
        // who closes it because the client wants that need not.
        let may_be_silent = match conversation.end {
            End::Open => !conversation.end_is_due,
            _ => conversation.asks_to_close,
        } && !response.announces_close();
        if may_be_silent && field.name.eq_ignore_ascii_case(b"Connection") {
            continue;
        }
        let name = String::from_utf8_lossy(field.name);
        let came = response.values(field.name).next();
        let is_a_choice = leaves_choices
            && match came {
                None => choices::may_be_missing(&name, wanted, response, asked),
                Some(came) => {
                    let values = (field.value, came.value);
                    choices::means_the_same(&name, wanted, values, asked).unwrap_or(false)
                }
            };
        if !is_a_choice {
            compare_field(field, response)?;
        }
    }
    if let Some((problem, date)) = conversation
        .is_of_part_two
        .then(|| choices::wrong_date(response))
        .flatten()
    {
        return Err(Failure::new(
            problem,
            "It is the time at which the answer was made, in GMT: ask the clock for it each \
             time (RFC 9110 section 6.6.1).",
        )
        .at(date.value_at));
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
    compare_body(wanted, response, leaves_choices, notes)?;
    if response.has_line_feeds && conversation.is_of_part_two {
        return Err(Failure::noted(Note::LineFeeds).at(response.status_at));
    }
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
    let (expected, advice) = diagnosis::of_field(&name, wanted.value);
    let mut came = response.values(wanted.name);
    let Some(field) = came.next() else {
        return Err(Failure::new(
            format!("the field {name} is missing"),
            advice + " It stands between the status line and the blank line.",
        )
        .at(response.body_at - 1));
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
        format!("{name} is {}, expected {expected}", shown(field.value)),
        advice,
    )
    .at_value(field, wanted.value))
}

/// Whether two values of a field mean the same. Case and order matter, but where
/// the definition of the field says otherwise.
fn same_value(name: &str, wanted: &[u8], came: &[u8]) -> bool {
    let parts = |value: &[u8], separator: u8| -> Vec<Vec<u8>> {
        let parts = value.split(|&byte| byte == separator);
        let unquoted = |part: &[u8]| {
            let part = part.iter().filter(|&&byte| byte != b'"');
            part.copied().collect::<Vec<u8>>()
        };
        parts.map(|part| unquoted(part.trim_ascii())).collect()
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
    leaves_choices: bool,
    notes: &mut Vec<Note>,
) -> Result<(), Failure> {
    if wanted.is_gzip() && response.framing != Framing::NoBody {
        return compare_coded_body(wanted, response);
    }
    let (expected, body) = (&wanted.body, &response.body);
    // What explains a status may say more than ours does, or nothing, and in other words
    // (RFC 9110 sections 15.4.4 and 15.5).
    let is_an_explanation = match leaves_choices {
        true => wanted.status >= 300 || wanted.status == 204,
        false => expected.is_empty() && wanted.status >= 400,
    };
    let may_have_content = response.framing != Framing::NoBody || body.is_empty();
    if expected == body || is_an_explanation && may_have_content {
        return Ok(());
    }
    let (expected_shown, body_shown) = (choices::as_shown(expected), choices::as_shown(body));
    if expected_shown == body_shown {
        return Ok(());
    }
    let in_rusts_notation: Vec<u8> = body_shown
        .iter()
        .map(|&byte| if byte == b'\'' { b'"' } else { byte })
        .collect();
    if expected_shown == choices::as_shown(&in_rusts_notation) {
        notes.push(Note::PythonNotation);
        return Ok(());
    }
    let (differs, advice) = diagnosis::of_body(expected, body);
    let problem = if let Framing::Length(length) = response.framing
        && response.is_whole
        && expected.starts_with(body)
    {
        return Err(wrong_length(length, expected.len(), response));
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
        differs
    };
    let position = response.body_at + first_difference(expected, body);
    Err(Failure::new(problem, advice).of(Fault::Body).at(position))
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
            asked: vec![Asked {
                method: "GET".to_owned(),
                ..Asked::default()
            }],
            asks_to_close: false,
            end_is_due: false,
            half_closes: false,
            leaves_choices: false,
            is_of_part_two: false,
            wrong_beside: None,
            is_plain: false,
            saw_a_stop: false,
            expected: wanted.into(),
            received: received.into(),
            talk: None,
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
    fn what_says_close_is_the_last() {
        let page = with("Connection: close\r\nContent-Length: 10\r\n", "<h1>A</h1>");
        let plain = with("Content-Length: 10\r\n", "<h1>A</h1>");
        let conversation = Conversation {
            methods: vec!["GET".to_owned(); 2],
            ..conversation(plain.repeat(2), page.clone() + &page, End::Closed)
        };
        let judged = compare_connection(&conversation, true, &mut Vec::new());
        let problem = judged.err().map(|failure| failure.problem);
        let expected = "an answer says Connection: close, and another one follows it";
        assert_eq!(problem.as_deref(), Some(expected));
    }

    /// What another server may do, where the check leaves it the choice, and where not.
    #[test]
    fn choices_are_left_where_they_are() {
        let refusal =
            with("Content-Length: 10\r\n", "<h1>A</h1>").replace("200 OK", "404 Not Found");
        let bare = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        for (leaves_choices, passes) in [(true, true), (false, false)] {
            let conversation = Conversation {
                leaves_choices,
                ..conversation(&*refusal, bare, End::Closed)
            };
            let judged = compare_connection(&conversation, true, &mut Vec::new());
            assert_eq!(judged.is_ok(), passes);
        }
    }

    /// A connection that has to end is not forgiven where it stays open.
    #[test]
    fn an_end_that_is_due() {
        let wanted = with("Connection: close\r\nContent-Length: 10\r\n", "<h1>A</h1>");
        let plain = with("Content-Length: 10\r\n", "<h1>A</h1>");
        let conversation = Conversation {
            asks_to_close: true,
            end_is_due: true,
            ..conversation(&*wanted, &*plain, End::HeldOpen)
        };
        let judged = compare_connection(&conversation, true, &mut Vec::new());
        let problem = judged
            .err()
            .map(|failure| failure.problem)
            .unwrap_or_default();
        assert!(
            problem.starts_with("the connection had to end"),
            "{problem}"
        );
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
                Some(36),
            ),
            (
                WANTED.replace("html", "plain"),
                End::Closed,
                "\"text/plain\", expected \"text/html\"",
                Some(37),
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
                "4 bytes more came behind the 10 bytes that Content-Length announces: \"more\"",
                Some(75),
            ),
            (
                with("Content-Length: 9\r\n", "<h1>A</h1>"),
                End::Closed,
                "is 9, and the body has 10 bytes",
                Some(59),
            ),
            (
                with("Content-Length: 11\r\n", "<h1>A</h1>"),
                End::Closed,
                "is 11, and the body has 10 bytes",
                Some(60),
            ),
            (
                with("Content-Length: 0\r\n", ""),
                End::Closed,
                "is 0, and the body has 10 bytes",
                Some(59),
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
                End::Early {
                    sent: 1,
                    of: 9,
                    answered: true,
                },
                "the server answered when 1 of the 9 bytes had come",
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
            chapter: 0,
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
        let seen = "the first request was answered, and then the server closed the connection";
        assert_eq!(problem, format!("request 2 got no answer: {seen}"));
        assert_eq!(position, Some(page.len() + 1));
        let last = with("Connection: close\r\nContent-Length: 10\r\n", "<h1>A</h1>");
        let (problem, _) = judged(&last).unwrap_err();
        assert!(
            problem.contains("the answer said Connection: close"),
            "{problem}"
        );
        let (problem, _) = judged(&format!("{page}<h1>More</h1>")).unwrap_err();
        let seen = "13 bytes more came behind the 10 bytes that Content-Length announces";
        assert!(problem.starts_with(seen), "{problem}");
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
            chapter: 0,
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

    /// What a check is about says more than what went wrong in it, where that is what went
    /// wrong; else it would send the learner elsewhere.
    #[test]
    fn the_advice_names_what_the_check_is_about() {
        let line_feeds = WANTED.replace("\r\n", "\n");
        let other_status = WANTED.replace("200 OK", "404 Not Found");
        let other_body = WANTED.replace("<h1>A", "<h1>B");
        for (difference, received, words) in [
            ("D1", &*line_feeds, "End each line"),
            ("D1", "", "Is a response written"),
            ("D1", &other_status, "200 stands for this"),
            ("D2", "", "TCP carries a stream"),
            ("D2", &other_body, "Compare the two bodies"),
            ("D3", "", "Expect anything"),
            ("D3", &other_status, "Expect anything"),
            ("D4", "", "Is a response written"),
            ("D5", &other_body, "as Content-Length says"),
            ("D6", &other_status, "below pages/"),
            ("D6", "", "Is a response written"),
            ("D7", &other_body, "Print the map"),
            ("D8", "", "Half-close"),
            ("D9", "", "a thread of its own"),
            ("D9", &other_status, "200 stands for this"),
            ("core", "", "Is a response written"),
        ] {
            let verdict = judged_both(difference, Some((received, End::Closed)));
            let advice = verdict.failure.unwrap().advice;
            assert!(advice.contains(words), "{difference}: {advice}");
        }
    }

    /// A body in chunks ends with the last of them, and with nothing else.
    #[test]
    fn a_last_chunk_that_is_missing() {
        let wanted = with(
            "Transfer-Encoding: chunked\r\n",
            "A\r\n<h1>A</h1>\r\n0\r\n\r\n",
        );
        let cut = wanted.strip_suffix("0\r\n\r\n").unwrap();
        for (end, then) in [
            (End::Closed, "and then the server closed the connection"),
            (End::TimedOut, "and then nothing more came within 5 s"),
        ] {
            let (problem, _) = judged_as("GET", &wanted, cut, end).unwrap_err();
            let seen = "the last chunk is missing: chunks with 10 bytes came, ";
            assert_eq!(problem, format!("{seen}{then}"));
        }
    }

    /// What follows an answer without content is said to do so.
    #[test]
    fn content_behind_an_answer_that_has_none() {
        let not_modified = "HTTP/1.1 304 Not Modified\r\n\r\n";
        let received = format!("{not_modified}<h1>A</h1>");
        for requests in [1, 2] {
            let conversation = Conversation {
                methods: vec!["GET".to_owned(); requests],
                ..conversation(not_modified.repeat(requests), &*received, End::Closed)
            };
            let judged = compare_connection(&conversation, true, &mut Vec::new());
            let problem = judged.unwrap_err().problem;
            let seen = "10 bytes more came behind the head of an answer with status 304, which \
                        has no content: \"<h1>A</h1>\"";
            assert_eq!(problem, seen);
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

    /// Not where the field begins, of which a part may be as it should be.
    #[test]
    fn a_wrong_field_is_shown_where_it_is_another() {
        let with_connection = |value| with(&format!("Connection: {value}\r\n"), "<h1>A</h1>");
        let wanted = with_connection("close");
        let begins_at = wanted.find("close").unwrap() + 1;
        for (value, agree) in [
            ("closed", 5),
            ("clos", 4),
            ("close, x", 5),
            ("keep-alive", 0),
        ] {
            let received = with_connection(value);
            let (problem, at) = judged_as("GET", &wanted, &received, End::Closed).unwrap_err();
            let expected = format!("Connection is \"{value}\", expected \"close\"");
            assert_eq!((problem, at), (expected, Some(begins_at + agree)));
            let at = at.unwrap() - 1;
            assert_ne!(received.as_bytes()[at], wanted.as_bytes()[at]);
        }
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
        assert!(failure.problem.contains("yesterday"), "{}", failure.problem);
    }
}
