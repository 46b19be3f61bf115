//! Plays a transcript against a server: sends what it says, and collects what
//! comes back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use harness::transcript::{Placeholders, Step, Transcript};
use socket2::SockRef;

use crate::judge::response_is_complete;
use crate::target::Target;

/// How long a server may take for one connection.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How much is received at the most, in bytes.
const MOST: usize = 16 * 1024 * 1024;

/// How long a client that sends byte by byte rests between them.
const REST: Duration = Duration::from_millis(50);

/// What came back.
pub struct Played {
    /// One for each connection of the transcript, up to the first that failed.
    pub connections: Vec<Connection>,
    /// What the server printed meanwhile, where the transcript asks for it.
    pub printed: Vec<u8>,
}

/// What came back over one connection.
pub struct Connection {
    pub received: Vec<u8>,
    pub end: End,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server closed it, or has sent as much as it announced.
    Closed,
    /// The server reset it.
    Reset,
    /// Nothing more came in time.
    TimedOut,
    /// It could not be opened.
    Refused,
    /// More came than any answer here is long.
    Endless,
}

/// Plays a transcript.
pub fn play(transcript: &Transcript, target: &mut Target) -> Played {
    let printed_before = target.printed_length();
    let mut connections = Vec::new();
    let mut printed = Vec::new();
    let mut placeholders = Placeholders::default();
    for steps in transcript.steps.split(|step| *step == Step::Another) {
        let connection = play_connection(steps, target, &mut placeholders);
        let went_on = matches!(connection.end, End::Closed | End::Reset);
        connections.push(connection);
        if !went_on {
            break;
        }
    }
    if let Some(Step::Prints(expected)) = transcript.steps.last() {
        printed = wait_for_print(target, printed_before, expected);
    }
    Played {
        connections,
        printed,
    }
}

fn play_connection(
    steps: &[Step],
    target: &mut Target,
    placeholders: &mut Placeholders,
) -> Connection {
    let mut received = Vec::new();
    let end = match try_connection(steps, target, placeholders, &mut received) {
        Ok(()) => End::Closed,
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused => End::Refused,
            ErrorKind::FileTooLarge => End::Endless,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => End::TimedOut,
            _ => End::Reset,
        },
    };
    Connection {
        received: placeholders.put_in(&received),
        end,
    }
}

fn try_connection(
    steps: &[Step],
    target: &mut Target,
    placeholders: &mut Placeholders,
    received: &mut Vec<u8>,
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut older = Vec::new();
    if let Some(Step::Older(count)) = steps.first() {
        for _ in 0..*count {
            older.push(target.connect()?);
        }
    }
    let mut stream = target.connect()?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    placeholders.set_address(stream.local_addr()?);
    for (position, step) in steps.iter().enumerate() {
        // A server that has heard enough may close before all is sent; what it
        // has answered until then is what counts.
        match step {
            Step::Send(bytes) => {
                let _ = stream.write_all(&placeholders.fill_in(bytes));
            }
            Step::SendOneByOne(bytes) => {
                // Bytes sent without a rest may arrive together.
                thread::sleep(REST);
                for (position, byte) in bytes.iter().enumerate() {
                    if stream.write_all(&[*byte]).is_err() {
                        break;
                    }
                    if position == 0 || position == bytes.len() / 2 {
                        thread::sleep(REST);
                        if has_closed(&stream)? {
                            spare_the_port(&stream);
                            return Err(ErrorKind::ConnectionReset.into());
                        }
                    }
                }
            }
            Step::HalfClose => {
                let _ = stream.shutdown(Shutdown::Write);
            }
            Step::Receive(_) if steps[position + 1..].iter().any(is_sent) => {
                // Byte by byte, so that nothing behind the head is taken.
                receive(&mut stream, received, deadline, 1, ends_a_head)?;
            }
            _ => {}
        }
    }
    receive(&mut stream, received, deadline, 65536, response_is_complete)?;
    spare_the_port(&stream);
    Ok(())
}

/// The side that closes first keeps the port for a minute (TIME_WAIT), and a
/// server that is started again may not get it then. A reset by the other side,
/// which can do no harm any more, spares it that.
fn spare_the_port(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Whether the server has closed before all was sent, without an answer.
fn has_closed(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let closed = matches!(stream.peek(&mut [0]), Ok(0));
    stream.set_nonblocking(false)?;
    Ok(closed)
}

fn is_sent(step: &Step) -> bool {
    matches!(
        step,
        Step::Send(_) | Step::SendOneByOne(_) | Step::HalfClose
    )
}

fn ends_a_head(received: &[u8]) -> bool {
    received.ends_with(b"\r\n\r\n") || received.ends_with(b"\n\n")
}

/// Receives up to `at_once` bytes at a time until the server closes, or until
/// `enough` has come.
fn receive(
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
    deadline: Instant,
    at_once: usize,
    enough: fn(&[u8]) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; at_once];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match stream.set_read_timeout(Some(left)) {
            // macOS takes no time limit for a connection that both sides have ended.
            Err(error) if error.kind() != ErrorKind::InvalidInput => return Err(error),
            _ => {}
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => received.extend(&buffer[..length]),
        }
        if received.len() > MOST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if enough(received) {
            return Ok(());
        }
    }
}

/// Waits for what the server is expected to print, or for as long as it may
/// take with it.
fn wait_for_print(target: &Target, printed_before: usize, expected: &[u8]) -> Vec<u8> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let printed = target.printed_since(printed_before);
        if printed.len() >= expected.len() || Instant::now() > deadline {
            // There may be more than there should be.
            thread::sleep(REST);
            return target.printed_since(printed_before);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
