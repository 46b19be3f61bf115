//! The access log: a line for each request, as most servers write it and most tools
//! read it (the Common Log Format).
//!
//! ```text
//! 127.0.0.1 - - [24/Nov/2026:23:45:41 +0000] "GET /hello HTTP/1.1" 200 21
//! ```

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::date;
use crate::error::RequestError;
use crate::log::log_error;
use crate::request::Request;
use crate::response::Response;

/// How often is looked whether all lines are written.
const TICK: Duration = Duration::from_millis(5);

/// How long lines may gather before they are written together. A thread that woke for
/// each of them would cost more than the answer that it tells of.
const GATHER: Duration = Duration::from_millis(5);

/// How much is written at once, in bytes: all lines that wait, up to this.
const PIECE: usize = 64 * 1024;

/// Where the lines go. A thread of its own writes them, so nobody waits for whoever
/// reads them: where too many wait already, a line is lost, and counted.
#[derive(Clone)]
pub struct AccessLog {
    lines: SyncSender<String>,
    most_bytes: usize,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicU64,
    waiting_bytes: AtomicUsize,
    lost: AtomicU64,
}

impl AccessLog {
    /// Starts the thread. As many lines as that may wait, but no more [bytes](most_bytes)
    /// than as many of the usual length have: a line may be a hundred times as long.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(most_lines: usize, output: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, to_write) = sync_channel(most_lines);
        let log = Self {
            lines,
            most_bytes: most_bytes(most_lines),
            counts: Arc::default(),
        };
        let counts = Arc::clone(&log.counts);
        thread::Builder::new().spawn(move || write_all(&to_write, output, &counts))?;
        Ok(log)
    }

    /// How many lines were lost and not told of yet.
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written, but no longer than that, and gives how many
    /// were lost, or still are to be written.
    pub fn finish(&self, time: Duration) -> u64 {
        let deadline = Instant::now() + time;
        let waiting = || self.counts.waiting.load(Ordering::Relaxed);
        while waiting() > 0 && Instant::now() < deadline {
            thread::sleep(TICK);
        }
        self.lost() + waiting()
    }

    /// The same response. When its content has been read, or will not be, the line is
    /// written, and so says how much it was.
    pub fn watch(&self, client: IpAddr, request: &Request, mut response: Response) -> Response {
        let mut line = start_of_line(client);
        add_printable(&mut line, &request.method);
        line.push(' ');
        add_printable(&mut line, &request.target);
        line.push(' ');
        line += &request.version;
        let watched = Watched {
            source: response.body.source,
            length: 0,
            line: end_of_request(line, response.status),
            log: self.clone(),
        };
        response.body.source = Box::new(watched);
        response
    }

    /// Writes the line of a client that was refused before it had a request.
    pub fn refused(&self, client: IpAddr, refusal: &RequestError) {
        let line = start_of_line(client) + "-";
        self.write(end_of_request(line, refusal.status) + "-\n");
    }

    fn write(&self, line: String) {
        let length = line.len();
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        let before = self
            .counts
            .waiting_bytes
            .fetch_add(length, Ordering::Relaxed);
        if before + length > self.most_bytes || self.lines.try_send(line).is_err() {
            self.counts.written(1, length);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Counts {
    fn written(&self, lines: u64, bytes: usize) {
        self.waiting.fetch_sub(lines, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// How long a line mostly is, in bytes.
const USUAL_LINE: usize = 128;

/// How many bytes may wait, where so many lines may. One line finds room in any case.
pub fn most_bytes(most_lines: usize) -> usize {
    (most_lines * USUAL_LINE).max(PIECE)
}

/// A line up to its request.
fn start_of_line(client: IpAddr) -> String {
    let mut line = String::with_capacity(USUAL_LINE);
    // Writing to a String cannot fail.
    let _ = write!(line, "{client} - - [");
    add_now(&mut line);
    line += "] \"";
    line
}

/// The same line with all but its last word.
fn end_of_request(mut line: String, status: &str) -> String {
    line += "\" ";
    line += status.split(' ').next().unwrap_or_default();
    line.push(' ');
    line
}

/// Adds what a client sent, so that it stays one word of one line.
/// Every other byte is shown as `\x22` is, the backslash too, so that two different
/// targets never look the same.
fn add_printable(line: &mut String, sent: &str) {
    let is_plain = |byte| matches!(byte, b'!'..=b'~') && !b"\"\\".contains(&byte);
    if sent.bytes().all(is_plain) {
        *line += sent;
        return;
    }
    for byte in sent.bytes() {
        if is_plain(byte) {
            line.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
}

/// Adds the present moment, in the order that the format has.
fn add_now(line: &mut String) {
    let mut date = String::new();
    date::add_now(&mut date);
    if let [_, day, month, year, time, _] = date.split(' ').collect::<Vec<_>>()[..] {
        for part in [day, "/", month, "/", year, ":", time, " +0000"] {
            *line += part;
        }
    }
}

/// The content of a response, counted as it is read.
struct Watched {
    source: Box<dyn Read + Send>,
    length: u64,
    line: String,
    log: AccessLog,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.length += length as u64;
        Ok(length)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.log.write(match self.length {
            0 => line + "-\n",
            length => format!("{line}{length}\n"),
        });
    }
}

fn write_all(to_write: &Receiver<String>, mut output: impl Write, counts: &Counts) {
    let mut is_broken = false;
    while let Ok(mut piece) = to_write.recv() {
        let mut lines = 1;
        thread::sleep(GATHER);
        while piece.len() < PIECE
            && let Ok(line) = to_write.try_recv()
        {
            piece += &line;
            lines += 1;
        }
        let written = output
            .write_all(piece.as_bytes())
            .and_then(|()| output.flush());
        if let Err(error) = &written {
            counts.lost.fetch_add(lines, Ordering::Relaxed);
            // Once is enough.
            if !is_broken {
                log_error(format_args!("the access log cannot be written: {error}"));
            }
        } else if let lost @ 1.. = counts.lost.swap(0, Ordering::Relaxed) {
            log_error(format_args!("{lost} lines of the access log were lost"));
        }
        is_broken = written.is_err();
        counts.written(lines, piece.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// Passes on what is written to it.
    struct Reader(Sender<String>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.send(text).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(most_lines: usize) -> (AccessLog, Receiver<String>) {
        let (sender, receiver) = channel();
        (
            AccessLog::start(most_lines, Reader(sender)).unwrap(),
            receiver,
        )
    }

    fn request(target: &str) -> Request {
        Request::from_head(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).unwrap()
    }

    /// A line without its date.
    fn without_date(line: &str) -> String {
        let (before, rest) = line.split_once('[').unwrap();
        let (date, after) = rest.split_once(']').unwrap();
        assert_eq!(date.len(), "24/Nov/2026:23:45:41 +0000".len(), "{date}");
        format!("{before}[]{after}")
    }

    #[test]
    fn lines_of_requests() {
        for (target, read, line) in [
            ("/a?b", usize::MAX, "\"GET /a?b HTTP/1.0\" 200 5\n"),
            ("/a", 0, "\"GET /a HTTP/1.0\" 200 -\n"),
            ("/a", 2, "\"GET /a HTTP/1.0\" 200 2\n"),
            (
                "/\"b\u{202e}",
                0,
                "\"GET /\\x22b\\xe2\\x80\\xae HTTP/1.0\" 200 -\n",
            ),
        ] {
            let (log, written) = log(1);
            let response = Response::html("200 OK", "12345");
            let mut response = log.watch(CLIENT, &request(target), response);
            let mut content = vec![0; read.min(100)];
            let _ = response.body.source.read(&mut content).unwrap();
            drop(response);
            let expected = format!("127.0.0.1 - - [] {line}");
            assert_eq!(without_date(&written.recv().unwrap()), expected);
        }
    }

    #[test]
    fn the_line_of_a_refused_request() {
        let (log, written) = log(1);
        log.refused(CLIENT, &RequestError::new("400 Bad Request", "no reason"));
        let line = without_date(&written.recv().unwrap());
        assert_eq!(line, "127.0.0.1 - - [] \"-\" 400 -\n");
    }

    /// Writes nothing until it is let.
    struct Blocked(Receiver<()>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_costs_lines_and_not_a_wait() {
        let (_let_go, blocked) = channel();
        let log = AccessLog::start(3, Blocked(blocked)).unwrap();
        for _ in 0..100 {
            log.write("line\n".to_owned());
        }
        // Three wait, and some before them are being written.
        assert!((90..=97).contains(&log.lost()), "{}", log.lost());
    }

    #[test]
    fn long_lines_take_no_more_room_than_short_ones() {
        let (_let_go, blocked) = channel();
        let log = AccessLog::start(1000, Blocked(blocked)).unwrap();
        for _ in 0..10 {
            log.write("a".repeat(USUAL_LINE * 300));
        }
        assert_eq!(log.lost(), 7);
    }

    #[test]
    fn a_log_that_is_closed_counts_what_it_loses() {
        let (log, written) = log(100);
        drop(written);
        for _ in 0..10 {
            log.write("line\n".to_owned());
        }
        assert_eq!(log.finish(Duration::from_secs(60)), 10);
    }

    #[test]
    fn the_end_waits_for_the_last_line() {
        let (log, written) = log(100);
        for _ in 0..100 {
            log.write("line\n".to_owned());
        }
        assert_eq!(log.finish(Duration::from_secs(60)), 0);
        let lines: String = written.try_iter().collect();
        assert_eq!(lines.lines().count(), 100);
    }
}
