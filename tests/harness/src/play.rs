//! Plays a transcript against a server: sends what it says, and collects what
//! comes back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::company::{Beside, Company, Cost, Wrong};
use crate::http2::{Piece, Talk, bytes_of};
use crate::response::{self, Answer, Asked};
use crate::transcript::{Again, Placeholders, Step, Transcript};
use crate::unread::wait_until_read;

/// How long a server may take for one step.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long a server may take to close a connection after its answer.
pub const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// How long a server may take to print what it has to say of an exchange.
const PRINT_PATIENCE: Duration = Duration::from_secs(2);

/// How much is received at the most, in bytes.
const MOST: usize = 16 * 1024 * 1024;

/// How long a client rests that sends byte by byte, that waits, or that looks
/// whether something comes that should not.
pub const REST: Duration = Duration::from_millis(50);

/// What is asked over a connection that should have stayed open. The answer does not
/// matter: only a connection that is open brings one.
pub const FURTHER: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// How long a server may leave unread what has come, before more is sent.
const UNREAD: Duration = Duration::from_secs(1);

/// How many bytes at the end of those that are sent one by one are looked at singly: the
/// end of a head is four bytes long, and each of them may come alone.
const END_OF_HEAD: usize = 4;

/// For how long a client may be silent that no server may take for gone. Chapter 12, which
/// first gives clients a limit, gives them twenty times as long.
pub const SILENCE: Duration = Duration::from_millis(500);

/// How long a server may take to hear that it is to stop.
const HEARD: Duration = Duration::from_secs(1);

/// A server to play against.
pub trait Host {
    /// Opens a connection.
    fn connect(&mut self) -> io::Result<Box<dyn Connection>>;

    /// Opens one that takes little at once, where the system lets it.
    ///
    /// # Errors
    /// Nobody listens there.
    fn connect_narrowly(&mut self) -> io::Result<Box<dyn Connection>> {
        self.connect()
    }

    /// Opens one without any patience.
    ///
    /// # Errors
    /// Nobody listens there.
    fn knock(&mut self) -> io::Result<Box<dyn Connection>> {
        self.connect()
    }

    /// What the server costs now; nothing where the system does not tell.
    fn cost(&self) -> Option<Cost> {
        None
    }

    /// Waits until the server that was told to stop has ended, and gives its exit code,
    /// which one that was ended by a signal does not have; nothing where it goes on.
    fn ended(&mut self) -> Option<Option<i32>> {
        Some(None)
    }

    /// Opens one with nothing between TCP and what is sent.
    fn connect_plainly(&mut self) -> io::Result<Box<dyn Connection>>;

    /// Tells the server to stop, and waits until it has noticed.
    ///
    /// # Errors
    /// It cannot be told.
    fn tell_to_stop(&mut self) -> io::Result<()>;

    /// Ends the server, where it is not about to end already, and starts it again.
    ///
    /// # Errors
    /// It does not stop, or not start.
    fn start_again(&mut self, how: Again) -> io::Result<()>;

    /// All that the server has printed so far; nothing where nobody sees it.
    fn all_printed(&self) -> Vec<u8>;

    /// What the server has printed since it had printed so many bytes. The line
    /// that names the port does not count.
    fn printed_since(&self, length: usize) -> Vec<u8>;
}

/// Waits until nobody is let in any more at an address. A server that does not close its
/// door when it is told to stop has had the time then to hear of it.
pub fn wait_until_closed(address: SocketAddr) {
    let deadline = Instant::now() + HEARD;
    while Instant::now() < deadline && TcpStream::connect(address).is_ok() {
        thread::sleep(REST / 10);
    }
}

/// A connection to a server, whatever carries it.
pub trait Connection: Read + Write {
    /// Lets each read end after so long.
    fn limit_reads(&self, time: Duration) -> io::Result<()>;
    /// Says that nothing more will be sent.
    fn half_close(&mut self) -> io::Result<()>;
    /// The client's own address.
    fn own_address(&self) -> io::Result<SocketAddr>;
    /// The server's address.
    fn peer_address(&self) -> io::Result<SocketAddr>;
    /// Lets the connection end in a reset.
    fn abandon(&self);
    /// Agrees with the server on HTTP/2, where that is done before anything is sent.
    fn speak_http2(&mut self) {}
    /// Whether TLS goes over it.
    fn is_sealed(&self) -> bool {
        false
    }
}

impl Connection for TcpStream {
    fn limit_reads(&self, time: Duration) -> io::Result<()> {
        match self.set_read_timeout(Some(time)) {
            // macOS takes no time limit for a connection that both sides have ended.
            Err(error) if error.kind() != ErrorKind::InvalidInput => Err(error),
            _ => Ok(()),
        }
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn own_address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn peer_address(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }

    fn abandon(&self) {
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

/// What came back.
pub struct Played {
    /// One for each connection of the transcript, up to the first that failed.
    pub connections: Vec<Conversation>,
    /// What the server printed meanwhile, where the transcript asks for it.
    pub printed: Vec<u8>,
}

impl Played {
    /// Whether something that had to come did not come in time.
    pub fn timed_out(&self) -> bool {
        self.connections
            .iter()
            .any(|conversation| matches!(conversation.end, End::TimedOut | End::Unanswered))
    }
}

/// What came back over one connection.
pub struct Conversation {
    /// The methods of the requests that were sent.
    pub methods: Vec<String>,
    /// What of these requests decides how they may be answered.
    pub asked: Vec<Asked>,
    /// Whether the last of them asks for the end of the connection.
    pub asks_to_close: bool,
    /// Whether the connection has to end where it is expected to.
    pub end_is_due: bool,
    /// Whether the client said that it sends nothing more.
    pub half_closes: bool,
    /// Whether another answer may be as good as the expected one.
    pub leaves_choices: bool,
    /// Whether a chapter of part two pins it.
    pub is_of_part_two: bool,
    /// What other clients, or the process, show to be wrong.
    pub wrong_beside: Option<Wrong>,
    /// Whether it went over TCP alone, to a server that speaks TLS.
    pub is_plain: bool,
    /// Whether the server was told to stop meanwhile.
    pub saw_a_stop: bool,
    /// What was expected to come, with what only now is known put in.
    pub expected: Vec<u8>,
    pub received: Vec<u8>,
    /// What went over it in frames, where it speaks HTTP/2.
    pub talk: Option<Talk>,
    pub end: End,
    /// The client's address, where it was connected.
    pub own_address: Option<SocketAddr>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server closed it.
    Closed,
    /// It is open, and may be.
    Open,
    /// It is open, although its end was due.
    HeldOpen,
    /// The server closed it where it should have stayed open.
    ClosedEarly,
    /// It seems to be open, but a further request over it got no answer.
    Unanswered,
    /// Something came, or the server closed, when so many bytes of a request had been
    /// sent.
    Early {
        sent: usize,
        of: usize,
        answered: bool,
    },
    /// The server reset it.
    Reset,
    /// It ended, but not in TLS, which went over it.
    Truncated,
    /// Nothing more came in time.
    TimedOut,
    /// It could not be opened.
    Refused,
    /// The server could not be ended and started again before it.
    NotAgain(Again),
    /// More came than any answer here is long.
    Endless,
}

/// Plays a transcript.
pub fn play(transcript: &Transcript, host: &mut dyn Host) -> Played {
    // Whether the line that names the port is right is for a new server to show.
    let printed_before = match transcript.names_the_port() {
        true => None,
        false => Some(host.printed_since(0).len()),
    };
    let mut connections = Vec::new();
    let mut printed = Vec::new();
    let mut placeholders = Placeholders::default();
    for steps in transcript.steps.split(|step| *step == Step::Another) {
        let mut conversation = converse(transcript, steps, host, &mut placeholders);
        if steps.contains(&Step::Repeats) {
            let deadline = Instant::now() + PATIENCE;
            while !is_so(&conversation) && Instant::now() < deadline {
                thread::sleep(REST);
                conversation = converse(transcript, steps, host, &mut placeholders);
            }
        }
        let went_on = matches!(conversation.end, End::Closed | End::Open | End::Reset);
        connections.push(conversation);
        if !went_on {
            break;
        }
    }
    if let Some(Step::Prints(expected)) = transcript.steps.last() {
        printed = wait_for_print(host, printed_before, expected);
    }
    Played {
        connections,
        printed,
    }
}

/// Whether the content of the last answer is that which was expected; the judge looks at
/// the rest.
fn is_so(conversation: &Conversation) -> bool {
    let content = |bytes: &[u8]| {
        let head = bytes.windows(4).rposition(|end| end == b"\r\n\r\n");
        head.map(|end| bytes[end..].to_vec())
    };
    conversation.end != End::Closed
        || content(&conversation.received) == content(&conversation.expected)
}

fn converse(
    transcript: &Transcript,
    steps: &[Step],
    host: &mut dyn Host,
    placeholders: &mut Placeholders,
) -> Conversation {
    // Frames hold no requests that could be read as text.
    let sent = match steps.contains(&Step::Http2) {
        true => Vec::new(),
        false => bytes_sent(steps),
    };
    let asked = response::asked(&sent);
    let asks_to_close = response::asks_to_close(&sent);
    // Whoever waits to send a body may go on with another request after a refusal.
    let waits = asked.last().is_some_and(|last| last.waits);
    let mut methods = response::methods(&sent);
    if steps.contains(&Step::HalfClose) {
        // What is cut off by that is answered too.
        methods.push(String::new());
    }
    let mut conversation = Conversation {
        methods,
        asked,
        asks_to_close,
        end_is_due: asks_to_close || transcript.ends_for_a_reason() && !waits,
        half_closes: steps.contains(&Step::HalfClose),
        leaves_choices: transcript.leaves_choices(),
        is_of_part_two: transcript.is_of_part_two(),
        wrong_beside: None,
        is_plain: steps.contains(&Step::Plain),
        saw_a_stop: steps.contains(&Step::ToldToStop),
        expected: bytes_received(steps),
        received: Vec::new(),
        talk: Talk::of(steps),
        end: End::Closed,
        own_address: None,
    };
    let played = try_connection(steps, host, placeholders, &mut conversation);
    conversation.end = played.unwrap_or_else(|error| match error.kind() {
        ErrorKind::ConnectionRefused => End::Refused,
        ErrorKind::FileTooLarge => End::Endless,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => End::TimedOut,
        // What TLS says of an end that may be somebody else's.
        ErrorKind::UnexpectedEof => End::Truncated,
        _ => End::Reset,
    });
    // For what the next connection sends.
    match &mut conversation.talk {
        Some(talk) => {
            talk.reader.end();
            let came: Vec<Piece> = talk.reader.pieces().cloned().collect();
            placeholders.put_into_frames(&came);
        }
        None => {
            placeholders.put_in(&conversation.received);
        }
    }
    conversation
}

/// All that is sent over one connection of a transcript.
pub fn bytes_sent(steps: &[Step]) -> Vec<u8> {
    let sent = steps.iter().filter_map(|step| match step {
        Step::Send(bytes) | Step::SendOneByOne(bytes) => Some(bytes.clone()),
        Step::SendFrames(frames) | Step::SendFramesOneByOne(frames) => Some(bytes_of(frames)),
        _ => None,
    });
    sent.collect::<Vec<_>>().concat()
}

/// All that is received over one connection of a transcript.
pub fn bytes_received(steps: &[Step]) -> Vec<u8> {
    let received = steps.iter().filter_map(|step| match step {
        Step::Receive(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    received.collect::<Vec<_>>().concat()
}

/// All frames that are received over one connection of a transcript.
fn frames_received(steps: &[Step]) -> Vec<Piece> {
    let received = steps.iter().filter_map(|step| match step {
        Step::ReceiveFrames(frames) => Some(frames.as_slice()),
        _ => None,
    });
    received.collect::<Vec<_>>().concat()
}

fn try_connection(
    steps: &[Step],
    host: &mut dyn Host,
    placeholders: &mut Placeholders,
    conversation: &mut Conversation,
) -> io::Result<End> {
    let silent = steps.iter().map(|step| match step {
        Step::Older(count) => *count,
        _ => 0,
    });
    let measures = steps.contains(&Step::Beside(Beside::CostLittle));
    let mut company = Company::new(measures.then_some(&*host), silent.sum(), PATIENCE);
    let mut older = Vec::new();
    let is_before = |step: &&Step| {
        !matches!(
            step,
            Step::Send(_)
                | Step::SendFrames(_)
                | Step::Receive(_)
                | Step::ReceiveFrames(_)
                | Step::ToldToStop
        )
    };
    let before = steps.iter().take_while(is_before).count();
    for step in &steps[..before] {
        match step {
            Step::Again(how) if host.start_again(*how).is_err() => {
                return Ok(End::NotAgain(*how));
            }
            Step::Older(count) => {
                for _ in 0..*count {
                    older.push(host.connect()?);
                }
            }
            Step::Gone(count) => come_and_go(host, *count)?,
            // It may take longer than a server waits for the first byte of a request.
            Step::Beside(beside) if *beside != Beside::Ends => {
                if let Err(wrong) = company.act(beside, host)? {
                    conversation.wrong_beside.get_or_insert(wrong);
                }
            }
            _ => {}
        }
    }
    let mut stream = match steps.contains(&Step::Plain) {
        true => host.connect_plainly()?,
        false => host.connect()?,
    };
    if steps.contains(&Step::Http2) {
        stream.speak_http2();
    }
    let own_address = stream.own_address()?;
    placeholders.set_address(own_address);
    conversation.own_address = Some(own_address);
    conversation.expected = placeholders.fill_in_address(&conversation.expected);
    let mut end = End::Closed;
    for (position, step) in steps.iter().enumerate() {
        // A server that has heard enough may close before all is sent; what it
        // has answered until then is what counts.
        match step {
            Step::Send(bytes) => {
                // To send may take an answer first, where keys have to be agreed on.
                stream.limit_reads(PATIENCE)?;
                let _ = stream.write_all(&placeholders.fill_in(bytes));
            }
            Step::SendOneByOne(bytes) => {
                stream.limit_reads(PATIENCE)?;
                let early = send_one_by_one(&mut *stream, bytes, &mut conversation.received)?;
                if let Some(early) = early {
                    end = early;
                    break;
                }
            }
            Step::SendFrames(frames) => {
                let frames = placeholders.fill_in_frames(frames, stream.is_sealed());
                if let Some(talk) = &mut conversation.talk {
                    talk.send(&mut *stream, frames)?;
                }
            }
            Step::SendFramesOneByOne(frames) => {
                let frames = placeholders.fill_in_frames(frames, stream.is_sealed());
                if let Some(talk) = &mut conversation.talk {
                    talk.send_one_by_one(&mut *stream, frames)?;
                }
            }
            Step::HalfClose => {
                let _ = stream.half_close();
            }
            Step::Waits => {
                has_been_read(&*stream);
                thread::sleep(REST);
            }
            Step::IsSilent => thread::sleep(SILENCE),
            Step::Gone(count) if position >= before => come_and_go(host, *count)?,
            Step::ToldToStop => {
                // What was sent first came before the signal, for a server that was busy too.
                has_been_read(&*stream);
                if host.tell_to_stop().is_err() {
                    return Ok(End::NotAgain(Again::Stopped));
                }
            }
            Step::Receive(_) => {
                let expected = bytes_received(&steps[..=position]);
                let expected = placeholders.fill_in_address(&expected);
                receive(&mut *stream, conversation, &expected)?;
                // For what is sent next.
                placeholders.put_in(&conversation.received);
            }
            Step::ReceiveFrames(_) => {
                let Conversation { talk, received, .. } = &mut *conversation;
                if let Some(talk) = talk {
                    talk.receive(
                        &mut *stream,
                        received,
                        &frames_received(&steps[..=position]),
                    )?;
                    let came: Vec<Piece> = talk.reader.pieces().cloned().collect();
                    placeholders.put_into_frames(&came);
                }
            }
            Step::StaysOpen if let Some(talk) = &mut conversation.talk => {
                end = talk.ask_once_more(&mut *stream, &mut conversation.received)?;
            }
            Step::Closes | Step::Resets if let Some(talk) = &mut conversation.talk => {
                end = talk.wait_for_the_end(&mut *stream, &mut conversation.received)?;
            }
            Step::StaysOpen => {
                end = match ending(&mut *stream, &mut conversation.received, 4 * REST) {
                    Ok(End::Open) => ask_once_more(&mut *stream, &mut conversation.received)?,
                    Err(error) if error.kind() == ErrorKind::FileTooLarge => return Err(error),
                    // A reset is no better than an end.
                    _ => End::ClosedEarly,
                };
            }
            Step::Closes | Step::Resets => {
                end = wait_for_the_end(&mut *stream, conversation)?;
            }
            Step::Beside(beside) if position >= before && *beside != Beside::Ends => {
                if let Err(wrong) = company.act(beside, host)? {
                    conversation.wrong_beside.get_or_insert(wrong);
                }
            }
            Step::Plain
            | Step::Http2
            | Step::Older(_)
            | Step::Gone(_)
            | Step::Beside(_)
            | Step::Anew
            | Step::Again(_)
            | Step::Limits(_)
            | Step::Another
            | Step::Repeats
            | Step::Prints(_) => {}
        }
    }
    // The side that closes first keeps the port for a minute (TIME_WAIT), and a
    // server that is started again may not get it then. A reset by the other side,
    // which can do no harm any more, spares it that.
    stream.abandon();
    if steps.contains(&Step::Beside(Beside::Ends)) {
        drop((stream, older));
        if let Err(wrong) = company.act(&Beside::Ends, host)? {
            conversation.wrong_beside.get_or_insert(wrong);
        }
    }
    Ok(end)
}

/// Lets so many clients come that are gone before the server can answer.
fn come_and_go(host: &mut dyn Host, count: usize) -> io::Result<()> {
    for _ in 0..count {
        host.connect()?.abandon();
    }
    Ok(())
}

/// Sends bytes, each in a write of its own, and says so where something more came back,
/// or the connection ended, before the last one.
fn send_one_by_one(
    stream: &mut dyn Connection,
    bytes: &[u8],
    received: &mut Vec<u8>,
) -> io::Result<Option<End>> {
    let before = received.len();
    // Bytes sent without a rest may arrive together.
    thread::sleep(REST);
    for (position, byte) in bytes.iter().enumerate() {
        let is_sent = stream.write_all(&[*byte]).is_ok();
        let sent = position + 1;
        let is_due = rests_behind(sent, bytes.len());
        if is_due {
            has_been_read(stream);
        }
        if !is_sent
            || is_due && (ending(stream, received, REST)? == End::Closed || received.len() > before)
        {
            return Ok(Some(End::Early {
                sent: if is_sent { sent } else { position },
                of: bytes.len(),
                answered: received.len() > before,
            }));
        }
    }
    Ok(None)
}

/// Whether a client that sends byte by byte rests when it has sent so many of them: behind
/// the first, in the middle, and behind each of the last but one.
pub fn rests_behind(sent: usize, of: usize) -> bool {
    sent < of && (sent == 1 || sent == of / 2 + 1 || sent + END_OF_HEAD > of)
}

/// Waits until the server has read what was sent, so that it cannot come together with
/// what is sent next.
pub fn has_been_read(stream: &dyn Connection) {
    if let (Ok(own), Ok(peer)) = (stream.own_address(), stream.peer_address()) {
        wait_until_read(own, peer, UNREAD);
    }
}

/// Asks a further request, which only a connection that is open brings an answer to, and
/// receives to the end. What comes behind that one answer was not asked for.
pub fn ask_once_more(stream: &mut dyn Connection, received: &mut Vec<u8>) -> io::Result<End> {
    let deadline = Instant::now() + PATIENCE;
    stream.limit_reads(PATIENCE)?;
    let _ = stream.write_all(FURTHER.as_bytes());
    let methods = response::methods(FURTHER.as_bytes());
    let mut came = Vec::new();
    loop {
        let answers = response::answers(&came, &methods, false);
        let last = answers.ok().and_then(|mut answers| answers.pop()?.last);
        if let Some(last) = last.filter(|last| last.is_whole) {
            let end = last.end;
            // A server that does not close now, as it was asked, has done no harm here.
            let _ = ending(stream, &mut came, CLOSE_PATIENCE);
            received.extend(&came[end..]);
            return Ok(End::Open);
        }
        match receive_some(stream, &mut came, deadline) {
            Ok(true) => {}
            Err(error) if error.kind() == ErrorKind::FileTooLarge => return Err(error),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                received.extend(came);
                return Ok(End::Unanswered);
            }
            // Also where the end of the connection is the end of that answer.
            Ok(false) | Err(_) => {
                let has_answered = came.starts_with(b"HTTP/");
                return Ok(if has_answered {
                    End::Open
                } else {
                    End::ClosedEarly
                });
            }
        }
    }
}

/// Receives until as much has come as is expected: as many heads and whole
/// answers, or, where it is no HTTP, as many bytes.
fn receive(
    stream: &mut dyn Connection,
    conversation: &mut Conversation,
    expected: &[u8],
) -> io::Result<()> {
    let methods = conversation.methods.clone();
    let progress = |bytes: &[u8]| {
        let answers = response::answers(bytes, &methods, false);
        answers.map_or(usize::MAX, |answers: Vec<Answer>| {
            response::progress(&answers)
        })
    };
    let is_http = expected.starts_with(b"HTTP/");
    let wanted = progress(expected);
    let has_come = |received: &[u8]| {
        if is_http {
            progress(received) >= wanted
        } else {
            received.len() >= expected.len()
        }
    };
    let deadline = Instant::now() + PATIENCE;
    let mut has_ended = false;
    while !has_ended && !has_come(&conversation.received) {
        has_ended = !receive_some(stream, &mut conversation.received, deadline)?;
    }
    Ok(())
}

/// Waits for the end of the connection: for what is left of the answer, and then
/// for as long as the end is due.
fn wait_for_the_end(
    stream: &mut dyn Connection,
    conversation: &mut Conversation,
) -> io::Result<End> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match announces_close(conversation) {
            Some(announces_close) => {
                let is_due = announces_close || conversation.end_is_due;
                let time = if is_due { CLOSE_PATIENCE } else { 2 * REST };
                return match ending(stream, &mut conversation.received, time)? {
                    End::Open if is_due => Ok(End::HeldOpen),
                    end => Ok(end),
                };
            }
            None if !receive_some(stream, &mut conversation.received, deadline)? => {
                return Ok(End::Closed);
            }
            None => {}
        }
    }
}

/// Whether the last answer says that the connection closes; `None` where it has not
/// come whole, so that more must come before the end.
fn announces_close(conversation: &Conversation) -> Option<bool> {
    let answers = response::answers(&conversation.received, &conversation.methods, false).ok()?;
    let last = answers.last()?.last.as_ref()?;
    last.is_whole.then(|| last.announces_close())
}

/// Receives what comes until the connection ends, or for so long.
fn ending(stream: &mut dyn Connection, received: &mut Vec<u8>, time: Duration) -> io::Result<End> {
    let deadline = Instant::now() + time;
    loop {
        match receive_some(stream, received, deadline) {
            Ok(true) => {}
            Ok(false) => return Ok(End::Closed),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                return Ok(End::Open);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Receives what has come, or waits for it; `false` where the server has closed.
pub fn receive_some(
    stream: &mut dyn Connection,
    received: &mut Vec<u8>,
    deadline: Instant,
) -> io::Result<bool> {
    let mut buffer = [0; 65536];
    let length = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.limit_reads(left)?;
        match stream.read(&mut buffer) {
            // A read that has a time limit is not taken up again after a signal.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    received.extend(&buffer[..length]);
    if received.len() > MOST {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(length > 0)
}

/// Waits for what the server is expected to print, or for as long as it may
/// take with it.
fn wait_for_print(host: &dyn Host, printed_before: Option<usize>, expected: &[u8]) -> Vec<u8> {
    let printed = || match printed_before {
        None => host.all_printed(),
        Some(length) => host.printed_since(length),
    };
    let deadline = Instant::now() + PRINT_PATIENCE;
    let lines = |printed: &[u8]| printed.iter().filter(|&&byte| byte == b'\n').count();
    loop {
        if lines(&printed()) >= lines(expected) || Instant::now() > deadline {
            // There may be more than there should be.
            thread::sleep(REST);
            return printed();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::net::TcpListener;
    use std::rc::Rc;

    const GET: &str = "GET / HTTP/1.1\r\n\r\n";
    const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
    const LAST_PAGE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na";
    const PAGE_TO_THE_END: &str = "HTTP/1.1 200 OK\r\n\r\na";

    /// What a server does.
    #[derive(Clone, Copy)]
    enum Deed {
        Says(&'static str),
        Closes,
        Resets,
        GoesOnForEver,
        /// A signal reaches the client while it waits.
        Interrupts,
    }
    use Deed::{Closes, GoesOnForEver, Interrupts, Resets, Says};

    /// A server without a network: what it does over each connection, and after how many
    /// bytes from the client. Then it is silent.
    #[derive(Default)]
    struct Scripted {
        connections: VecDeque<Vec<(usize, Deed)>>,
        /// What it saw and said, as a transcript would have it.
        log: Rc<RefCell<Vec<String>>>,
        cannot_start_again: bool,
        prints: &'static [&'static str],
        times_looked: Cell<usize>,
    }

    struct ScriptedConnection {
        deeds: VecDeque<(usize, Deed)>,
        heard: usize,
        is_over: bool,
        log: Rc<RefCell<Vec<String>>>,
    }

    impl Scripted {
        fn new(connections: &[&[(usize, Deed)]]) -> Self {
            Self {
                connections: connections.iter().map(|&deeds| deeds.into()).collect(),
                ..Self::default()
            }
        }

        fn log(&self) -> Vec<String> {
            self.log.take()
        }

        fn open(&mut self, word: &str) -> io::Result<Box<dyn Connection>> {
            let Some(deeds) = self.connections.pop_front() else {
                return Err(ErrorKind::ConnectionRefused.into());
            };
            self.log.borrow_mut().push(word.to_owned());
            Ok(Box::new(ScriptedConnection {
                deeds: deeds.into(),
                heard: 0,
                is_over: false,
                log: Rc::clone(&self.log),
            }))
        }
    }

    impl Host for Scripted {
        fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
            self.open("connects")
        }

        fn connect_plainly(&mut self) -> io::Result<Box<dyn Connection>> {
            self.open("connects plainly")
        }

        fn tell_to_stop(&mut self) -> io::Result<()> {
            self.log.borrow_mut().push("is told to stop".to_owned());
            match self.cannot_start_again {
                true => Err(ErrorKind::Other.into()),
                false => Ok(()),
            }
        }

        fn start_again(&mut self, how: Again) -> io::Result<()> {
            self.log.borrow_mut().push(format!("{how:?}"));
            match self.cannot_start_again {
                true => Err(ErrorKind::Other.into()),
                false => Ok(()),
            }
        }

        fn all_printed(&self) -> Vec<u8> {
            [b"Listening on port [port]...\n", &*self.printed_since(0)].concat()
        }

        /// There is one line more each time somebody looks.
        fn printed_since(&self, length: usize) -> Vec<u8> {
            let times = self.times_looked.get() + 1;
            self.times_looked.set(times);
            let lines = &self.prints[..times.min(self.prints.len())];
            lines.concat().into_bytes().split_off(length)
        }
    }

    impl Read for ScriptedConnection {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(&(after, deed)) = self.deeds.front() else {
                return Err(ErrorKind::WouldBlock.into());
            };
            if self.heard < after {
                return Err(ErrorKind::WouldBlock.into());
            }
            if let Says(text) = deed {
                self.deeds.pop_front();
                self.log.borrow_mut().push(format!("< {text}"));
                buffer[..text.len()].copy_from_slice(text.as_bytes());
                return Ok(text.len());
            }
            if let Interrupts = deed {
                self.deeds.pop_front();
                return Err(ErrorKind::Interrupted.into());
            }
            if let GoesOnForEver = deed {
                buffer.fill(b'\n');
                return Ok(buffer.len());
            }
            self.is_over = true;
            match deed {
                Resets => Err(ErrorKind::ConnectionReset.into()),
                _ => Ok(0),
            }
        }
    }

    impl Write for ScriptedConnection {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let is_gone = matches!(self.deeds.front(),
                Some(&(after, Closes | Resets)) if self.heard >= after);
            if self.is_over || is_gone {
                return Err(ErrorKind::BrokenPipe.into());
            }
            self.heard += bytes.len();
            let text = String::from_utf8_lossy(bytes);
            self.log.borrow_mut().push(format!("> {text}"));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Connection for ScriptedConnection {
        fn limit_reads(&self, _: Duration) -> io::Result<()> {
            Ok(())
        }

        fn half_close(&mut self) -> io::Result<()> {
            self.log.borrow_mut().push("half-closes".to_owned());
            Ok(())
        }

        fn own_address(&self) -> io::Result<SocketAddr> {
            Ok(SocketAddr::from(([127, 0, 0, 1], 50514)))
        }

        fn peer_address(&self) -> io::Result<SocketAddr> {
            Ok(SocketAddr::from(([127, 0, 0, 1], 0)))
        }

        fn abandon(&self) {
            self.log.borrow_mut().push("is gone".to_owned());
        }
    }

    fn transcript(steps: &[Step]) -> Transcript {
        let steps = steps.to_vec();
        Transcript {
            steps,
            ..Transcript::new("core: a test")
        }
    }

    fn send(text: &str) -> Step {
        Step::Send(text.into())
    }

    fn receive(text: &str) -> Step {
        Step::Receive(text.into())
    }

    /// How each connection ends, and what came over it.
    fn played(steps: &[Step], host: &mut Scripted) -> Vec<(End, String)> {
        let played = play(&transcript(steps), host);
        let connections = played.connections.into_iter();
        connections
            .map(|one| (one.end, String::from_utf8(one.received).unwrap()))
            .collect()
    }

    fn end_of(steps: &[Step], deeds: &[(usize, Deed)]) -> End {
        played(steps, &mut Scripted::new(&[deeds]))[0].0
    }

    #[test]
    fn one_answer_is_there_before_the_next_request_goes() {
        let (first, second) = PAGE.split_at(20);
        let mut host = Scripted::new(&[&[
            (GET.len(), Says(first)),
            (GET.len(), Says(second)),
            (2 * GET.len(), Says(LAST_PAGE)),
            (2 * GET.len(), Closes),
        ]]);
        let steps = [
            send(GET),
            receive(PAGE),
            send(GET),
            receive(LAST_PAGE),
            Step::Closes,
        ];
        let came = format!("{PAGE}{LAST_PAGE}");
        assert_eq!(played(&steps, &mut host), [(End::Closed, came)]);
        let sent = format!("> {GET}");
        assert_eq!(
            host.log(),
            [
                "connects",
                &sent,
                &format!("< {first}"),
                &format!("< {second}"),
                &sent,
                &format!("< {LAST_PAGE}"),
                "is gone"
            ]
        );
    }

    /// The answer to `HEAD` ends with its head, whatever its length says.
    #[test]
    fn what_was_asked_tells_where_an_answer_ends() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
        let ask = "HEAD / HTTP/1.1\r\n\r\n";
        let last = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
        let sent = ask.len() + last.len();
        let mut host =
            Scripted::new(&[&[(ask.len(), Says(head)), (sent, Says(PAGE)), (sent, Closes)]]);
        let steps = [
            Step::SendOneByOne(ask.into()),
            receive(head),
            send(last),
            receive(PAGE),
            Step::Closes,
        ];
        let played = play(&transcript(&steps), &mut host);
        let conversation = &played.connections[0];
        assert_eq!(conversation.end, End::Closed);
        assert_eq!(conversation.methods, ["HEAD", "GET"]);
        assert!(conversation.asks_to_close);
    }

    #[test]
    fn what_is_no_http_is_waited_for_to_its_last_byte() {
        let mut host = Scripted::new(&[&[(0, Says("Hel")), (0, Says("lo!")), (3, Closes)]]);
        let steps = [receive("Hello!"), send("Bye"), Step::Closes];
        assert_eq!(
            played(&steps, &mut host),
            [(End::Closed, "Hello!".to_owned())]
        );
        assert_eq!(
            host.log(),
            ["connects", "< Hel", "< lo!", "> Bye", "is gone"]
        );
    }

    #[test]
    fn how_a_connection_ends() {
        for (answer, then, step, end) in [
            (PAGE, None, Step::Closes, End::Open),
            (PAGE, Some(Closes), Step::Closes, End::Closed),
            (PAGE, Some(Resets), Step::Closes, End::Reset),
            (PAGE, None, Step::StaysOpen, End::Unanswered),
            (PAGE, Some(Closes), Step::StaysOpen, End::ClosedEarly),
            (PAGE, Some(Resets), Step::StaysOpen, End::ClosedEarly),
            (LAST_PAGE, None, Step::Closes, End::HeldOpen),
            (LAST_PAGE, Some(Closes), Step::Closes, End::Closed),
            (LAST_PAGE, Some(Resets), Step::Resets, End::Reset),
            (PAGE_TO_THE_END, None, Step::Closes, End::TimedOut),
            (PAGE_TO_THE_END, Some(Closes), Step::Closes, End::Closed),
            ("HTTP/1.1 200", None, Step::Closes, End::TimedOut),
            ("HTTP/1.1 200", Some(Closes), Step::Closes, End::Closed),
        ] {
            let mut deeds = vec![(GET.len(), Says(answer))];
            deeds.extend(then.map(|deed| (GET.len(), deed)));
            let steps = [send(GET), receive(PAGE), step];
            assert_eq!(end_of(&steps, &deeds), end, "{answer}");
        }
    }

    /// A further request proves it, however late the server closes.
    #[test]
    fn a_connection_that_stays_open_answers_once_more() {
        let further = GET.len() + FURTHER.len();
        let steps = [send(GET), receive(PAGE), Step::StaysOpen];
        for (deeds, end, came) in [
            (&[(further, Closes)][..], End::ClosedEarly, PAGE.to_owned()),
            (&[(further, Resets)], End::ClosedEarly, PAGE.to_owned()),
            (
                &[(further, Says(LAST_PAGE)), (further, Closes)],
                End::Open,
                PAGE.to_owned(),
            ),
            (&[(further, Says(PAGE))], End::Open, PAGE.to_owned()),
            (
                &[(further, Says(PAGE_TO_THE_END)), (further, Closes)],
                End::Open,
                PAGE.to_owned(),
            ),
            // An answer that nobody asked for comes before it.
            (
                &[(further, Says(PAGE)), (further, Says(LAST_PAGE))],
                End::Open,
                format!("{PAGE}{LAST_PAGE}"),
            ),
        ] {
            let deeds = [&[(GET.len(), Says(PAGE))], deeds].concat();
            let mut host = Scripted::new(&[&deeds]);
            assert_eq!(played(&steps, &mut host), [(end, came)]);
        }
    }

    /// They may take longer than a server waits for the first byte of a request.
    #[test]
    fn other_clients_come_before_the_connection() {
        const TAKEN: &str = "HTTP/1.1 303 See Other\r\n\r\n";
        let mut host = Scripted::new(&[&[(1, Says(TAKEN))], &[(3, Closes)]]);
        let entry = Step::Beside(Beside::Entries {
            count: 1,
            length: 0,
        });
        let steps = [entry, send("GET"), Step::Closes];
        assert_eq!(played(&steps, &mut host), [(End::Closed, String::new())]);
        let log = host.log();
        assert!(log[1].starts_with("> POST /guestbook "), "{}", log[1]);
        assert_eq!(log[3..], ["is gone", "connects", "> GET", "is gone"]);
    }

    #[test]
    fn a_signal_ends_no_wait() {
        let (first, second) = PAGE.split_at(20);
        let mut host = Scripted::new(&[&[
            (GET.len(), Interrupts),
            (GET.len(), Says(first)),
            (GET.len(), Interrupts),
            (GET.len(), Says(second)),
            (GET.len(), Interrupts),
            (GET.len(), Closes),
        ]]);
        let steps = [send(GET), receive(PAGE), Step::Closes];
        assert_eq!(played(&steps, &mut host), [(End::Closed, PAGE.to_owned())]);
    }

    #[test]
    fn an_answer_may_be_so_long() {
        let mut stream = ScriptedConnection {
            deeds: [(0, Says("a")), (0, Says("b"))].into(),
            heard: 0,
            is_over: false,
            log: Rc::default(),
        };
        let mut received = vec![0; 16 * 1024 * 1024 - 1];
        let deadline = Instant::now() + PATIENCE;
        assert!(receive_some(&mut stream, &mut received, deadline).unwrap());
        let error = receive_some(&mut stream, &mut received, deadline).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert_eq!(end_of(&[Step::Closes], &[(0, GoesOnForEver)]), End::Endless);
    }

    /// One read may bring a single byte, and a server that does not know that answers,
    /// or hangs up, too early.
    #[test]
    fn byte_by_byte() {
        let early = |sent: &str, deeds: &[(usize, Deed)]| {
            end_of(
                &[Step::SendOneByOne(sent.into()), receive(PAGE), Step::Closes],
                deeds,
            )
        };
        let middle = GET.len() / 2 + 1;
        let mut places = vec![1, middle];
        // Each byte of the end of the head may come alone.
        places.extend(GET.len() - 3..GET.len());
        for sent in places {
            for (deed, answered) in [(Says(PAGE), true), (Closes, false)] {
                let of = GET.len();
                let is_early = End::Early { sent, of, answered };
                assert_eq!(early(GET, &[(sent, deed)]), is_early);
            }
        }
        // Between these the client sees it when it sends on.
        assert!(matches!(
            early(GET, &[(3, Closes)]),
            End::Early { sent: 3, .. }
        ));
        for (text, sent) in [("GE", 1), ("GET", 2)] {
            let deeds = [(sent, Says(PAGE)), (sent, Closes)];
            assert!(matches!(early(text, &deeds), End::Early { .. }), "{text}");
        }
        for sent in ["G", "GE", "GET", GET] {
            let deeds = [(sent.len(), Says(PAGE)), (sent.len(), Closes)];
            assert_eq!(early(sent, &deeds), End::Closed, "{sent}");
        }

        let mut host = Scripted::new(&[&[]]);
        played(&[Step::SendOneByOne(b"GET".to_vec())], &mut host);
        assert_eq!(host.log(), ["connects", "> G", "> E", "> T", "is gone"]);
    }

    #[test]
    fn what_comes_before_a_connection_and_within_it() {
        let mut host = Scripted::new(&[&[], &[], &[], &[(0, Closes)]]);
        let steps = [
            Step::Again(Again::Killed),
            Step::Older(1),
            Step::Gone(2),
            Step::Plain,
            Step::HalfClose,
            Step::Closes,
        ];
        assert_eq!(played(&steps, &mut host), [(End::Closed, String::new())]);
        assert_eq!(
            host.log(),
            [
                "Killed",
                "connects",
                "connects",
                "is gone",
                "connects",
                "is gone",
                "connects plainly",
                "half-closes",
                "is gone"
            ]
        );
    }

    /// Those that are gone before the first byte come before the connection, others when
    /// it is their turn.
    #[test]
    fn who_comes_in_the_middle() {
        let mut host = Scripted::new(&[&[], &[(3, Closes)], &[]]);
        let steps = [
            Step::Gone(1),
            Step::Send(b"GE".to_vec()),
            Step::Gone(1),
            Step::Send(b"T".to_vec()),
            Step::Closes,
        ];
        assert_eq!(played(&steps, &mut host), [(End::Closed, String::new())]);
        assert_eq!(
            host.log(),
            [
                "connects", "is gone", "connects", "> GE", "connects", "is gone", "> T", "is gone"
            ]
        );
    }

    /// The client asks again until the answer is what it should be, and not for ever.
    #[test]
    fn until_it_is_so() {
        const NOT_YET: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb";
        let says = |answer| [(GET.len(), Says(answer)), (GET.len(), Closes)];
        let (not_yet, page) = (says(NOT_YET), says(PAGE));
        let mut host = Scripted::new(&[&not_yet, &not_yet, &page, &page]);
        let steps = [Step::Repeats, send(GET), receive(PAGE), Step::Closes];
        assert_eq!(played(&steps, &mut host), [(End::Closed, PAGE.to_owned())]);
        assert_eq!(host.connections.len(), 1, "it is not asked once more");
    }

    #[test]
    fn a_stop_in_the_middle() {
        let steps = [
            Step::Send(b"GET".to_vec()),
            Step::ToldToStop,
            Step::Send(b" /".to_vec()),
            Step::Closes,
        ];
        let mut host = Scripted::new(&[&[(5, Closes)]]);
        assert_eq!(played(&steps, &mut host), [(End::Closed, String::new())]);
        assert_eq!(
            host.log(),
            ["connects", "> GET", "is told to stop", ">  /", "is gone"]
        );
        let mut host = Scripted {
            cannot_start_again: true,
            ..Scripted::new(&[&[(5, Closes)]])
        };
        let ends = played(&steps, &mut host);
        assert_eq!(ends, [(End::NotAgain(Again::Stopped), String::new())]);
    }

    #[test]
    fn a_server_that_cannot_be_started_again_or_is_not_there() {
        let steps = [Step::Again(Again::Stopped), Step::Closes];
        let mut host = Scripted {
            cannot_start_again: true,
            ..Scripted::new(&[&[(0, Closes)]])
        };
        let ends = played(&steps, &mut host);
        assert_eq!(ends, [(End::NotAgain(Again::Stopped), String::new())]);
        let ends = played(&[Step::Closes], &mut Scripted::new(&[]));
        assert_eq!(ends, [(End::Refused, String::new())]);
    }

    #[test]
    fn a_connection_that_failed_is_the_last() {
        let steps = [Step::Closes, Step::Another, Step::Closes];
        for (deed, ends) in [
            (Some(Closes), &[End::Closed, End::Closed][..]),
            (Some(Resets), &[End::Reset, End::Closed]),
            (None, &[End::TimedOut]),
        ] {
            let first: Vec<(usize, Deed)> = deed.map(|deed| (0, deed)).into_iter().collect();
            let mut host = Scripted::new(&[&first, &[(0, Closes)]]);
            let played = play(&transcript(&steps), &mut host);
            let came: Vec<End> = played.connections.iter().map(|one| one.end).collect();
            assert_eq!(came, ends);
            assert_eq!(played.timed_out(), deed.is_none());
        }
    }

    /// What the server had printed before is of an exchange before, but where the first
    /// line counts. A line is one, however much longer than its placeholder a date is.
    #[test]
    fn what_the_server_prints_is_waited_for() {
        const EXPECTED: &str = "[date] /a\n[date] /b\n[date] /c\n[date] /d\n";
        const PRINTED: [&str; 5] = [
            "an exchange before\n",
            "[24/Nov/2026:23:45:41 +0000] /a\n",
            "[24/Nov/2026:23:45:41 +0000] /b\n",
            "[24/Nov/2026:23:45:42 +0000] /c\n",
            "[24/Nov/2026:23:45:42 +0000] /d\n",
        ];
        let port = "Listening on port [port]...\n";
        for (expected, printed) in [
            (EXPECTED.to_owned(), PRINTED[1..].concat()),
            (
                format!("{port}an exchange before\n{EXPECTED}"),
                format!("{port}{}", PRINTED.concat()),
            ),
        ] {
            let mut host = Scripted {
                prints: &PRINTED,
                ..Scripted::new(&[&[(0, Closes)]])
            };
            let steps = [Step::Closes, Step::Prints(expected.into())];
            let came = play(&transcript(&steps), &mut host).printed;
            assert_eq!(String::from_utf8(came).unwrap(), printed);
        }
    }

    /// A connection over TCP, and the other side of it.
    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (stream, listener.accept().unwrap().0)
    }

    #[test]
    fn over_tcp() {
        let (mut stream, mut other) = connected();
        // It stands for what macOS says of a connection that both sides have ended.
        stream.limit_reads(Duration::ZERO).unwrap();
        stream.limit_reads(Duration::from_millis(1)).unwrap();
        let kind = stream.read(&mut [0]).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut));
        stream.half_close().unwrap();
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
        other.write_all(b"not reset").unwrap();
        stream.read_exact(&mut [0; 9]).unwrap();

        let (stream, mut other) = connected();
        stream.abandon();
        drop(stream);
        let error = other.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}
