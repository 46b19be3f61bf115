//! What other clients do, and the process, while an exchange is played.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::clients::{HALF_A_FORM, get, last};
use crate::play::{Connection, Host, PATIENCE, receive_some};
use crate::response::{answers, shown};

/// How long clients pause. A write that may take a second takes a part of it first, and
/// perhaps a little more the next time, so that it is over after three.
const PAUSE: Duration = Duration::from_secs(4);

/// How long a newcomer waits for an answer that should not come.
const NEWCOMERS_PATIENCE: Duration = Duration::from_millis(300);

/// How little a client takes at once that is slow to read, in bytes.
#[cfg(target_os = "linux")]
const NARROW: u32 = 536;

/// How much memory a server may take for all of these clients, in KiB: far more than
/// buffers for each of them, and less than their answers are long.
const MOST_KIB: usize = 64 * 1024;

/// How often is looked how much memory there is, and what is no growth, in KiB.
const GROWTH_LOOK: Duration = Duration::from_millis(200);
const STANDS_STILL: usize = 512;

/// What happens beside the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Clients have written so many entries into the guestbook, each its number and so many
    /// characters that have to be escaped.
    Entries { count: usize, length: usize },
    /// So many clients have sent half of a form, and wait.
    HalfForms(usize),
    /// So many clients have asked for this, and read nothing of the answer but its first byte.
    Unread { count: usize, target: String },
    /// These clients go on reading, and have to get all of it.
    ReadOn,
    /// Nothing happens for some seconds.
    Pause,
    /// All of these clients, and those that are silent, may not cost a thread each, nor
    /// much memory.
    CostLittle,
    /// Another client comes, and may not be served any more.
    Newcomer,
    /// The process has to end, and to say that all went well.
    Ends,
}

const ENTRIES: &str = " entries are written, each its number and ";
const AMPERSANDS: &str = " ampersands";
const HALF_FORMS: &str = " other clients have sent half of a form, and wait";
const UNREAD: &str = " other clients read nothing of ";
const READ_ON: &str = "these clients read on, and each of them gets all of it";
const PAUSES: &str = "nothing happens for some seconds";
const COST_LITTLE: &str = "these clients cost no thread each, and little memory";
const NEWCOMER: &str = "a newcomer is not served any more";
const ENDS: &str = "the process ends, and says that all went well";

impl Beside {
    /// It in words, as a transcript has it.
    pub fn words(&self) -> String {
        match self {
            Self::Entries { count, length } => {
                format!("{count}{ENTRIES}{length}{AMPERSANDS}")
            }
            Self::HalfForms(count) => format!("{count}{HALF_FORMS}"),
            Self::Unread { count, target } => format!("{count}{UNREAD}{target}"),
            Self::ReadOn => READ_ON.to_owned(),
            Self::Pause => PAUSES.to_owned(),
            Self::CostLittle => COST_LITTLE.to_owned(),
            Self::Newcomer => NEWCOMER.to_owned(),
            Self::Ends => ENDS.to_owned(),
        }
    }

    /// Reads these words back.
    pub fn parse(words: &str) -> Option<Self> {
        Some(match words {
            READ_ON => Self::ReadOn,
            PAUSES => Self::Pause,
            COST_LITTLE => Self::CostLittle,
            NEWCOMER => Self::Newcomer,
            ENDS => Self::Ends,
            _ => {
                let (count, rest) = words.split_at_checked(words.find(' ')?)?;
                let count = count.parse().ok()?;
                if let Some(length) = rest.strip_prefix(ENTRIES) {
                    let length = length.strip_suffix(AMPERSANDS)?.parse().ok()?;
                    Self::Entries { count, length }
                } else if let Some(target) = rest.strip_prefix(UNREAD) {
                    let target = target.to_owned();
                    Self::Unread { count, target }
                } else if rest == HALF_FORMS {
                    Self::HalfForms(count)
                } else {
                    return None;
                }
            }
        })
    }
}

/// What a server costs at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub threads: usize,
    /// The memory that is in use, in KiB.
    pub kib: usize,
}

/// What these processes cost together, where the system tells.
pub fn cost_of(processes: impl IntoIterator<Item = u32>) -> Option<Cost> {
    let of_one = |process: u32| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<usize>().ok()
        };
        Some((number("Threads:")?, number("VmRSS:")?))
    };
    let mut all = processes.into_iter().filter_map(of_one).peekable();
    all.peek()?;
    let sum = all.fold(Cost::default(), |sum, (threads, kib)| Cost {
        threads: sum.threads + threads,
        kib: sum.kib + kib,
    });
    Some(sum)
}

/// What is wrong beside the exchange, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub problem: String,
    pub advice: &'static str,
}

/// The other clients.
pub struct Company {
    /// How long the server may take for what one of them waits for.
    patience: Duration,
    /// What the server cost before they came.
    before: Option<Cost>,
    /// How many of them there are, silent ones included.
    clients: usize,
    half: Vec<Box<dyn Connection>>,
    unread: Vec<Unread>,
}

/// A client that has asked, and has read no more than the first byte.
struct Unread {
    client: Box<dyn Connection>,
    target: String,
    received: Vec<u8>,
}

impl Company {
    /// Nobody yet, but for so many silent clients that are about to come. Without a
    /// `host` it is not asked what they cost.
    pub fn new(host: Option<&dyn Host>, silent: usize, patience: Duration) -> Self {
        Self {
            patience,
            before: host.and_then(Host::cost),
            clients: silent,
            half: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Lets it happen, and says what is wrong then.
    ///
    /// # Errors
    /// The server cannot be connected to.
    pub fn act(&mut self, beside: &Beside, host: &mut dyn Host) -> io::Result<Result<(), Wrong>> {
        match beside {
            Beside::Entries { count, length } => {
                for number in 1..=*count {
                    let mut client = host.connect()?;
                    if let Err(wrong) = write_entry(&mut *client, number, *length, self.patience)? {
                        return Ok(Err(wrong));
                    }
                }
            }
            Beside::HalfForms(count) => {
                for _ in 0..*count {
                    let mut client = host.connect()?;
                    client.write_all(HALF_A_FORM.as_bytes())?;
                    self.half.push(client);
                }
                self.clients += count;
            }
            Beside::Unread { count, target } => {
                for _ in 0..*count {
                    let mut client = host.connect_narrowly()?;
                    client.write_all(last(target).as_bytes())?;
                    self.unread.push(Unread {
                        client,
                        target: target.clone(),
                        received: Vec::new(),
                    });
                }
                self.wait_for_first_bytes();
                self.clients += count;
            }
            Beside::ReadOn => return Ok(self.read_on()),
            Beside::Pause => thread::sleep(PAUSE),
            Beside::CostLittle => return Ok(self.cost_little(host)),
            Beside::Newcomer => return Ok(not_let_in(host)),
            Beside::Ends => return Ok(ends_well(host)),
        }
        Ok(Ok(()))
    }

    /// Waits until all that was asked for has begun to come, or for as long as a server
    /// may take.
    fn wait_for_first_bytes(&mut self) {
        let deadline = Instant::now() + self.patience;
        for unread in self.unread.iter_mut().filter(|one| one.received.is_empty()) {
            let mut first = [0];
            let left = deadline.saturating_duration_since(Instant::now());
            let is_limited = !left.is_zero() && unread.client.limit_reads(left).is_ok();
            if is_limited && unread.client.read_exact(&mut first).is_ok() {
                unread.received.extend(first);
            }
        }
    }

    fn read_on(&mut self) -> Result<(), Wrong> {
        let wrong = |came: usize, target: &str, how: &str| Wrong {
            problem: format!(
                "a client that was slow to read {target} got {came} bytes of it, and then {how}"
            ),
            advice: "Write all of an answer, however long the client rests: a write that takes \
                     less than all of it is gone on with, and a pause is no error as long as the \
                     client's time is not over.",
        };
        for unread in self.unread.drain(..) {
            let Unread {
                mut client,
                target,
                mut received,
            } = unread;
            let deadline = Instant::now() + 2 * self.patience;
            let how = loop {
                match receive_some(&mut *client, &mut received, deadline) {
                    Ok(true) => {}
                    Ok(false) => break "the end of the connection",
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => break "a reset",
                    Err(_) => break "nothing more",
                }
            };
            let methods = ["GET".to_owned()];
            let answers = answers(&received, &methods, true).unwrap_or_default();
            let last = answers.first().and_then(|answer| answer.last.as_ref());
            let is_whole = last.is_some_and(|last| {
                last.is_whole && last.status == 200 && is_all(&last.body, &target)
            });
            if !is_whole {
                return Err(wrong(received.len(), &target, how));
            }
        }
        Ok(())
    }

    fn cost_little(&self, host: &dyn Host) -> Result<(), Wrong> {
        let (Some(before), Some(now)) = (self.before, cost_when_done(host, self.patience)) else {
            return Ok(());
        };
        let threads = now.threads.saturating_sub(before.threads);
        let kib = now.kib.saturating_sub(before.kib);
        let clients = self.clients;
        if threads > clients / 4 {
            return Err(Wrong {
                problem: format!(
                    "{clients} clients that are silent or slow cost {threads} threads or processes"
                ),
                advice: "A connection that waits needs no thread: let the system say which ones \
                         are ready, and serve those with a few threads, or with one.",
            });
        }
        if kib > MOST_KIB {
            return Err(Wrong {
                problem: format!(
                    "{clients} clients that are silent or slow cost {} MiB of memory",
                    kib / 1024
                ),
                advice: "Make an answer as the client takes it, a piece at a time, and let a \
                         connection have a buffer when there is something to put there.",
            });
        }
        Ok(())
    }
}

/// What the server costs when its memory grows no more: answers that nobody takes may be
/// made for a while.
fn cost_when_done(host: &dyn Host, patience: Duration) -> Option<Cost> {
    let deadline = Instant::now() + patience;
    let mut before = host.cost()?;
    loop {
        thread::sleep(GROWTH_LOOK);
        let now = host.cost()?;
        if now.kib < before.kib + STANDS_STILL || Instant::now() > deadline {
            return Some(now);
        }
        before = now;
    }
}

/// Whether this is all of a page. Of the numbers it is known.
fn is_all(body: &[u8], target: &str) -> bool {
    let last = target.strip_prefix("/numbers?to=");
    last.is_none_or(|last| body.ends_with(format!("\n{last}\n").as_bytes()))
}

fn write_entry(
    client: &mut dyn Connection,
    number: usize,
    length: usize,
    patience: Duration,
) -> io::Result<Result<(), Wrong>> {
    let message = format!("{number}{}", "%26".repeat(length));
    let body = format!("name=Ada&message={message}");
    let head = "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    client.write_all(request.as_bytes())?;
    let mut received = Vec::new();
    let deadline = Instant::now() + patience;
    let end = loop {
        if received.ends_with(b"\r\n\r\n") {
            break String::new();
        }
        match receive_some(client, &mut received, deadline) {
            Ok(true) => {}
            Ok(false) => break " before the server closed the connection".to_owned(),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                break format!(" within {} s", patience.as_secs());
            }
            Err(error) => break format!(" before the connection broke ({error})"),
        }
    };
    client.abandon();
    let taken = received.starts_with(b"HTTP/1.") && received.get(9..12) == Some(b"303");
    Ok(match taken {
        true => Ok(()),
        false => Err(Wrong {
            problem: format!(
                "entry {number} of the guestbook was not answered with 303: {} came{end}",
                first_line(&received)
            ),
            advice: "Each form is an entry, however many there are already: the oldest one goes \
                     when there are more than a hundred.",
        }),
    })
}

/// The first line of what came, as a message has it.
fn first_line(received: &[u8]) -> String {
    let line = received.split_inclusive(|&byte| byte == b'\n').next();
    line.map_or_else(|| "nothing".to_owned(), shown)
}

fn not_let_in(host: &mut dyn Host) -> Result<(), Wrong> {
    let ask = || -> io::Result<Vec<u8>> {
        let mut client = host.knock()?;
        client.write_all(get("/hello").as_bytes())?;
        let mut received = Vec::new();
        receive_some(
            &mut *client,
            &mut received,
            Instant::now() + NEWCOMERS_PATIENCE,
        )?;
        client.abandon();
        Ok(received)
    };
    let mut ask = ask;
    match ask() {
        Ok(received) if received.get(8..10) == Some(b" 2") => Err(Wrong {
            problem: "a client that came after the signal was let in and served".to_owned(),
            advice: "On SIGTERM, close the listening socket first: whoever comes then finds out \
                     at once that nobody listens, and goes to another server.",
        }),
        _ => Ok(()),
    }
}

fn ends_well(host: &mut dyn Host) -> Result<(), Wrong> {
    match host.ended() {
        None => Err(Wrong {
            problem: "the last client has gone, but the process does not end".to_owned(),
            advice: "On SIGTERM, finish what has begun, and when the last connection has ended, \
                     leave main. Does a thread still wait in accept?",
        }),
        Some(Some(code)) if code != 0 => Err(Wrong {
            problem: format!("the process ended with exit code {code}"),
            advice: "A stop that was asked for is no failure: end with exit code 0, or a service \
                     manager starts the server again.",
        }),
        Some(_) => Ok(()),
    }
}

/// Connects to an address as a client that takes little at once, where the system lets it.
/// Its server has to wait for it after 100 KB, and not after some megabytes.
///
/// # Errors
/// Nobody listens there.
pub fn connect_narrowly(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_mss(NARROW)?;
        socket.set_recv_buffer_size(4096)?;
    }
    socket.connect(&address.into())?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// The answer that counts, and what is said of others.
    #[test]
    fn what_comes_for_an_entry() {
        for (answer, problem) in [
            ("HTTP/1.1 303 See Other\r\nLocation: /guestbook\r\n\r\n", ""),
            (
                "HTTP/1.1 408 Request Timeout\r\n\r\n",
                "\"HTTP/1.1 408 Request Timeout\\r\\n\" came",
            ),
            (
                "HTTP",
                "\"HTTP\" came before the server closed the connection",
            ),
            ("", "nothing came before the connection broke ("),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            let answering = thread::spawn(move || {
                // A request that is left unread makes the end a reset.
                let most = if answer.is_empty() { 1 } else { 4096 };
                let _ = server.read(&mut vec![0; most])?;
                server.write_all(answer.as_bytes())
            });
            let written = write_entry(&mut client, 65, 0, PATIENCE).unwrap();
            answering.join().unwrap().unwrap();
            let told = written.map_or_else(|wrong| wrong.problem, |()| String::new());
            let told =
                told.trim_start_matches("entry 65 of the guestbook was not answered with 303: ");
            assert!(told.starts_with(problem), "{told}");
            assert_eq!(told.is_empty(), problem.is_empty());
        }
    }

    #[test]
    fn an_entry_is_waited_for_as_long_as_it_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let written = write_entry(&mut client, 65, 0, Duration::ZERO).unwrap();
        let problem = written.unwrap_err().problem;
        assert!(problem.ends_with(": nothing came within 0 s"), "{problem}");
    }

    #[test]
    fn words_are_read_back() {
        for beside in [
            Beside::Entries {
                count: 101,
                length: 3,
            },
            Beside::HalfForms(40),
            Beside::Unread {
                count: 10,
                target: "/numbers?to=3".to_owned(),
            },
            Beside::ReadOn,
            Beside::Pause,
            Beside::CostLittle,
            Beside::Newcomer,
            Beside::Ends,
        ] {
            assert_eq!(Beside::parse(&beside.words()), Some(beside));
        }
        assert_eq!(Beside::parse("3 older connections are open"), None);
        assert_eq!(Beside::parse("some words"), None);
    }
}
