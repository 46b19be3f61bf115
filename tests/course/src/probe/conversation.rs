//! Plays one case over one connection, and judges the answers as they come.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use harness::http2::Piece;
use harness::play::{self, Connection, REST, SILENCE};
use harness::response::{self, Framing, Malformed, Response};
use harness::transcript::Step;

use super::carrier::Carrier;
use super::cases::{Line, Wanted};
use super::facts::Facts;

/// How long a server is waited for at the least that has let wait before.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);

/// Where a server differs from what is right.
pub struct Departure {
    pub problem: String,
    /// The byte of what came, counted from 1.
    pub position: Option<usize>,
    /// Whether something came that is no HTTP, or is no right one.
    pub is_malformed: bool,
}

impl Departure {
    pub fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            position: None,
            is_malformed: false,
        }
    }

    fn at(self, position: usize) -> Self {
        Self {
            position: Some(position + 1),
            ..self
        }
    }
}

impl From<Malformed> for Departure {
    fn from(malformed: Malformed) -> Self {
        Self {
            is_malformed: true,
            ..Self::new(malformed.problem).at(malformed.at)
        }
    }
}

/// One case that was played.
pub struct Played {
    /// What was sent, with placeholders filled in.
    pub steps: Vec<Step>,
    /// What is to be said of a step, by its number: how many times its frames were sent.
    pub floods: Vec<(usize, String)>,
    /// Whether a plain request was sent behind it.
    pub went_on: bool,
    pub received: Vec<u8>,
    /// The same in frames, in a case of HTTP/2.
    pub frames: Option<Vec<Piece>>,
    /// The statuses that came, and whether the connection ended.
    pub came: String,
    pub departure: Option<Departure>,
}

/// An answer that came.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub version: [u8; 3],
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    pub framing: Framing,
    pub has_line_feeds: bool,
    pub has_second_space: bool,
    pub announces_close: bool,
    /// The status of an interim response before it, that was not asked for.
    pub interim: Option<u16>,
    at: usize,
}

impl Heard {
    /// What came as this response, in what was received from `at` on.
    fn new(response: &Response, received: &[u8], at: usize) -> Self {
        let mut version = *b"1.1";
        version.copy_from_slice(&received[response.status_at - 4..response.status_at - 1]);
        Self {
            status: response.status,
            version,
            fields: response
                .fields
                .iter()
                .map(|field| (field.name.to_vec(), field.value.to_vec()))
                .collect(),
            body: response.body.clone(),
            framing: response.framing,
            has_line_feeds: response.has_line_feeds,
            has_second_space: response.has_second_space,
            announces_close: response.announces_close(),
            interim: None,
            at,
        }
    }

    /// The values of all fields of that name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    pub fn field<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The elements of a field that is a list.
    pub fn elements<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
    }
}

/// Who asks a server, one connection after the other.
pub struct Prober {
    /// Where it may listen; the one that it was found at comes first.
    addresses: Vec<SocketAddr>,
    pub carrier: Carrier,
    /// How long it waits for an answer, and for the end of a connection. It is
    /// shortened for a server that lets it wait in vain.
    patience: Duration,
    close_patience: Duration,
    /// How long a frame the server takes.
    pub max_frame_size: usize,
    /// How many streams at a time it says that it takes.
    pub max_streams: Option<usize>,
}

/// What came next.
enum Next {
    Final(Heard),
    Interim(u16),
    Closed,
}

impl Prober {
    pub fn new(addresses: Vec<SocketAddr>, carrier: Carrier, patience: Duration) -> Self {
        Self {
            addresses,
            carrier,
            patience,
            close_patience: patience,
            max_frame_size: 0,
            max_streams: None,
        }
    }

    /// How long it waits for an answer.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Opens a connection to the first of the addresses that somebody is at.
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let stream = self.connect_plainly()?;
        self.carrier.carry(stream)
    }

    /// The same for HTTP/2.
    pub fn connect_for_frames(&mut self) -> io::Result<Box<dyn Connection>> {
        let stream = self.connect_plainly()?;
        self.carrier.carry_frames(stream)
    }

    fn connect_plainly(&mut self) -> io::Result<TcpStream> {
        let mut failed = ErrorKind::NotFound.into();
        for number in 0..self.addresses.len() {
            match TcpStream::connect_timeout(&self.addresses[number], play::PATIENCE) {
                Ok(stream) => {
                    self.addresses.swap(0, number);
                    return Ok(stream);
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Where the server was found, or is looked for first.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Sends a request over a connection of its own, and gives the final answer.
    ///
    /// # Errors
    /// Why there is none.
    pub fn ask(&mut self, request: &[u8]) -> Result<Heard, Departure> {
        let mut talk = Talk::open(self)?;
        talk.send(request);
        loop {
            match talk.next(false)? {
                Next::Final(heard) => {
                    talk.stream.abandon();
                    return Ok(heard);
                }
                Next::Interim(_) => {}
                Next::Closed => return Err(talk.nothing_came()),
            }
        }
    }

    /// Plays a case, whose placeholders must all stand for something.
    ///
    /// # Errors
    /// Why a placeholder does not.
    pub fn play(&mut self, lines: &[Line], facts: &Facts) -> Result<Played, &'static str> {
        let mut steps = Vec::new();
        for line in lines {
            if let Line::Step(step) = line {
                steps.push(match step {
                    Step::Send(bytes) => Step::Send(facts.fill(bytes)?),
                    Step::SendOneByOne(bytes) => Step::SendOneByOne(facts.fill(bytes)?),
                    other => other.clone(),
                });
            }
        }
        let mut played = Played {
            steps,
            floods: Vec::new(),
            went_on: false,
            received: Vec::new(),
            frames: None,
            came: String::new(),
            departure: None,
        };
        if let Err(departure) = self.converse(lines, facts, &mut played) {
            played.departure = Some(departure);
        }
        Ok(played)
    }

    fn converse(
        &mut self,
        lines: &[Line],
        facts: &Facts,
        played: &mut Played,
    ) -> Result<(), Departure> {
        let mut others = Vec::new();
        for step in &played.steps {
            if let Step::Older(count) | Step::Gone(count) = step {
                for _ in 0..*count {
                    let other = self.connect().map_err(|error| refused(&error))?;
                    match step {
                        Step::Gone(_) => other.abandon(),
                        _ => others.push(other),
                    }
                }
            }
        }
        let mut talk = Talk::open(self)?;
        let steps = played.steps.clone();
        let result = talk.run(lines, steps, facts, &mut played.went_on);
        let has_closed = talk.is_closed;
        let mut came: Vec<String> = talk.statuses.iter().map(u16::to_string).collect();
        if has_closed {
            came.push("closed".to_owned());
        }
        played.came = came.join(", ");
        played.received = std::mem::take(&mut talk.received);
        // As the player of the snapshots does: the side that closes first would keep
        // the port for a minute.
        talk.stream.abandon();
        result
    }
}

pub fn refused(error: &io::Error) -> Departure {
    Departure::new(format!("no connection could be opened: {error}"))
}

/// A connection, and what has happened on it.
struct Talk<'a> {
    prober: &'a mut Prober,
    stream: Box<dyn Connection>,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// Where the next answer begins.
    at: usize,
    /// How many final answers have come.
    answered: usize,
    statuses: Vec<u16>,
    is_closed: bool,
    has_ended_sending: bool,
    /// Whether the last answer says that the connection closes.
    announces_close: bool,
}

impl<'a> Talk<'a> {
    fn open(prober: &'a mut Prober) -> Result<Self, Departure> {
        let stream = prober.connect().map_err(|error| refused(&error))?;
        Ok(Self {
            prober,
            stream,
            sent: Vec::new(),
            received: Vec::new(),
            at: 0,
            answered: 0,
            statuses: Vec::new(),
            is_closed: false,
            has_ended_sending: false,
            announces_close: false,
        })
    }

    /// Sends bytes. A server that has heard enough may close before all is sent; what
    /// it has answered until then is what counts.
    fn send(&mut self, bytes: &[u8]) {
        self.sent.extend(bytes);
        let _ = self.stream.write_all(bytes);
    }

    fn run(
        &mut self,
        lines: &[Line],
        steps: Vec<Step>,
        facts: &Facts,
        went_on: &mut bool,
    ) -> Result<(), Departure> {
        let mut steps = steps.into_iter();
        let mut end = None;
        let mut heard: Vec<(&Wanted, Heard)> = Vec::new();
        let mut is_refused = false;
        let mut is_asked_for_body = false;
        for line in lines {
            let step = match line {
                Line::Answer(wanted) => {
                    match self.hear(wanted)? {
                        Some(Next::Final(answer)) => {
                            is_refused = wanted.has(100);
                            is_asked_for_body = false;
                            heard.push((wanted, answer));
                        }
                        Some(Next::Interim(_)) => is_asked_for_body = true,
                        Some(Next::Closed) | None => {}
                    }
                    // Who got a final answer in place of 100 sends no body any more.
                    if is_refused {
                        break;
                    }
                    continue;
                }
                Line::Step(_) => steps.next(),
                // A case of HTTP/2 is played elsewhere.
                Line::Frames(_) | Line::Flood(_) | Line::Upload(_) => continue,
            };
            match step {
                Some(Step::Send(bytes)) => self.send(&bytes),
                Some(Step::SendOneByOne(bytes)) => self.send_one_by_one(&bytes),
                Some(Step::HalfClose) => {
                    self.has_ended_sending = true;
                    let _ = self.stream.half_close();
                }
                Some(Step::Waits) => {
                    play::has_been_read(&*self.stream);
                    thread::sleep(REST);
                }
                Some(Step::IsSilent) => thread::sleep(SILENCE),
                Some(step @ (Step::Closes | Step::StaysOpen)) => end = Some(step),
                _ => {}
            }
        }
        // What is sent while a body is due would be taken for the body.
        if !is_refused && !is_asked_for_body {
            *went_on = self.finish(end.as_ref(), facts)?;
        }
        for (wanted, answer) in &heard {
            for demand in &wanted.demands {
                if let Some(problem) = demand.find_problem(answer, facts, self.is_closed) {
                    return Err(Departure::new(problem).at(answer.at));
                }
            }
        }
        Ok(())
    }

    /// Sends bytes, each in a write of its own, and rests where the player of the snapshots
    /// does: without that they may arrive together.
    fn send_one_by_one(&mut self, bytes: &[u8]) {
        for (position, byte) in bytes.iter().enumerate() {
            self.send(&[*byte]);
            if play::rests_behind(position + 1, bytes.len()) {
                play::has_been_read(&*self.stream);
                thread::sleep(REST);
            }
        }
    }

    /// Waits for an answer, and looks whether its status is a right one.
    fn hear(&mut self, wanted: &Wanted) -> Result<Option<Next>, Departure> {
        let mut interim = None;
        loop {
            match self.next(wanted.has(100))? {
                Next::Interim(status) if wanted.has(status) => {
                    return Ok(Some(Next::Interim(status)));
                }
                Next::Interim(status) => interim = Some(status),
                Next::Final(mut heard) => {
                    heard.interim = interim;
                    if !wanted.has(heard.status) {
                        self.hear_out()?;
                        let problem = format!("the status code is {}", heard.status);
                        return Err(Departure::new(problem).at(heard.at));
                    }
                    return Ok(Some(Next::Final(heard)));
                }
                Next::Closed if wanted.or_closed => return Ok(None),
                Next::Closed => return Err(self.nothing_came()),
            }
        }
    }

    /// Receives what still comes behind a wrong answer, as a second answer is what a
    /// report has to show: the end of the requests brings the end of the answers.
    fn hear_out(&mut self) -> Result<(), Departure> {
        let _ = self.stream.half_close();
        self.receive_to_end(self.prober.close_patience)?;
        if !self.is_closed {
            self.prober.close_patience = 2 * REST;
        }
        // That it ends now is what the half-close asked for.
        self.is_closed = false;
        Ok(())
    }

    /// What is wrong where the connection ended in place of an answer.
    fn nothing_came(&self) -> Departure {
        let problem = if self.received.len() > self.at {
            "the connection ended in the middle of an answer"
        } else {
            "the connection was closed without an answer"
        };
        Departure::new(problem).at(self.received.len())
    }

    /// The next response. An interim one is waited for only where it `may_be_interim`;
    /// else it is given once the final one has come.
    fn next(&mut self, may_be_interim: bool) -> Result<Next, Departure> {
        let methods = response::methods(&self.sent);
        let method = methods
            .get(self.answered)
            .cloned()
            .unwrap_or_else(|| "GET".to_owned());
        let deadline = Instant::now() + self.prober.patience;
        loop {
            let rest = &self.received[self.at..];
            let answers = response::answers(rest, std::slice::from_ref(&method), self.is_closed)
                .map_err(|malformed| Malformed {
                    at: malformed.at + self.at,
                    ..malformed
                })?;
            if let Some(answer) = answers.first() {
                if let Some(interim) = answer.interim.first()
                    && (may_be_interim || answer.is_whole())
                {
                    let status = interim.status;
                    self.at += interim.end;
                    self.statuses.push(status);
                    return Ok(Next::Interim(status));
                }
                if let Some(last) = answer.last.as_ref().filter(|last| last.is_whole) {
                    let heard = Heard::new(last, rest, self.at);
                    self.at += last.end;
                    self.answered += 1;
                    self.statuses.push(heard.status);
                    self.announces_close = heard.announces_close;
                    return Ok(Next::Final(heard));
                }
            }
            if self.is_closed {
                return match rest {
                    [] => Ok(Next::Closed),
                    _ => Err(self.nothing_came()),
                };
            }
            if !self.receive(deadline)? {
                self.prober.patience = (self.prober.patience / 2).max(LEAST_PATIENCE);
                let problem = if self.received.len() > self.at {
                    "the answer did not come to its end in time"
                } else {
                    "no answer came in time"
                };
                return Err(Departure::new(problem).at(self.received.len()));
            }
        }
    }

    /// Receives what has come, or waits for it; `false` where nothing came in time.
    fn receive(&mut self, deadline: Instant) -> Result<bool, Departure> {
        match play::receive_some(&mut *self.stream, &mut self.received, deadline) {
            Ok(is_open) => self.is_closed = !is_open,
            Err(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => return Ok(false),
                ErrorKind::FileTooLarge => {
                    return Err(Departure::new("the answer does not end"));
                }
                // A server that resets has closed too.
                _ => self.is_closed = true,
            },
        }
        Ok(true)
    }

    /// Receives until the connection ends, or for so long.
    fn receive_to_end(&mut self, time: Duration) -> Result<(), Departure> {
        let deadline = Instant::now() + time;
        while !self.is_closed && self.receive(deadline)? {}
        Ok(())
    }

    /// Looks whether the connection is as it should be behind the last answer, and that
    /// nothing more came: where it may be open, a plain request is sent over it. Gives
    /// whether it was.
    fn finish(&mut self, end: Option<&Step>, facts: &Facts) -> Result<bool, Departure> {
        let closes = matches!(end, Some(Step::Closes));
        let mut goes_on = false;
        if self.has_ended_sending || self.announces_close {
            let is_due = closes || self.announces_close;
            let time = if is_due {
                self.prober.close_patience
            } else {
                2 * REST
            };
            self.receive_to_end(time)?;
            if is_due && !self.is_closed {
                // Who does not close once will not close the next time either.
                self.prober.close_patience = 2 * REST;
            }
        } else if !self.is_closed {
            goes_on = true;
            self.send(facts.get("last").unwrap_or_default());
            let answered_before = self.answered;
            // It is behind whatever was sent before, so its own method counts.
            self.sent = facts.get("last").unwrap_or_default().to_vec();
            self.answered = 0;
            match self.next(false)? {
                Next::Final(heard) if heard.status / 100 == facts.page.status / 100 => {
                    if closes {
                        return Err(Departure::new(
                            "the connection stays open, where it has to be closed",
                        ));
                    }
                    // Where another request was seen, its answer came first.
                    let time = if heard.announces_close {
                        self.prober.close_patience
                    } else {
                        2 * REST
                    };
                    self.receive_to_end(time)?;
                    self.fail_if_more_came()?;
                    // That it ends now is what the plain request asked for.
                    self.is_closed = false;
                }
                Next::Final(heard) => {
                    return Err(Departure::new(format!(
                        "the plain request behind it got {}: something before it was not \
                         read, or read as a request",
                        heard.status
                    ))
                    .at(heard.at));
                }
                Next::Interim(status) => {
                    return Err(Departure::new(format!(
                        "an interim response, {status}, came"
                    )));
                }
                Next::Closed => self.answered = answered_before,
            }
        }
        self.fail_if_more_came()?;
        match end {
            Some(Step::Closes) if !self.is_closed => Err(Departure::new(
                "the connection stays open, where it has to be closed",
            )),
            Some(Step::StaysOpen) if self.is_closed => Err(Departure::new(
                "the connection was closed, where it should have stayed open",
            )),
            _ => Ok(goes_on),
        }
    }

    fn fail_if_more_came(&self) -> Result<(), Departure> {
        if self.received.len() == self.at {
            return Ok(());
        }
        let more = &self.received[self.at..];
        let problem = if more.starts_with(b"HTTP/") {
            "another answer came, although no further request was sent".to_owned()
        } else {
            format!("behind the last answer {} bytes more came", more.len())
        };
        Err(Departure::new(problem).at(self.at))
    }
}
