//! The access log: a line for each request in the Common Log Format, which most servers write
//! and most tools read.
//!
//! ```text
//! 127.0.0.1 - - [24/Nov/2026:23:45:41 +0000] "GET /hello HTTP/1.1" 200 21
//! ```

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::ch02::error::RequestError;
use crate::ch09::date::{Now, http_date};
use crate::ch09::request::Request;
use crate::ch09::response::{Response, Watcher};
use crate::ch12::log_writer::LogWriter;

/// How many bytes are reserved for a line: enough for one with a short target. A longer line
/// is moved as it grows. Small pieces of memory are quicker to allocate and to free, and there
/// is one for each response that is being sent.
const SHORT_LINE: usize = 96;

/// The access log. Clones write to the same one.
#[derive(Clone)]
pub struct AccessLog(LogWriter);

impl AccessLog {
    /// Starts the thread that writes the lines. `most_lines` of the usual length may wait.
    ///
    /// # Errors
    /// The system cannot start the thread.
    pub fn start(most_lines: usize, output: impl Write + Send + 'static) -> io::Result<Self> {
        LogWriter::start("access log", most_lines, output).map(Self)
    }

    /// Waits until all lines are written, for `time` at the most. Gives how many lines were
    /// lost and not reported, or are still to be written.
    pub fn finish(&self, time: Duration) -> u64 {
        self.0.finish(time)
    }

    /// The same response, to a request that came at `now`. Its line is written when the
    /// response has been sent, or has been given up, and says how much content was sent.
    pub fn watch(
        &self,
        client: &str,
        request: &Request,
        response: Response,
        now: Instant,
    ) -> Response {
        let mut line = start_of_line(client, now);
        add_printable(&mut line, &request.method);
        line.push(' ');
        add_printable(&mut line, &request.target);
        line.push(' ');
        line += &request.version;
        add_status(&mut line, response.status);
        response.watched_by(PendingLine {
            line,
            length: 0,
            lines: self.0.clone(),
        })
    }

    /// Writes the line of a client that was refused before its request was whole.
    pub fn refused(&self, client: &str, refusal: &RequestError) {
        let mut line = start_of_line(client, Instant::now());
        line.push('-');
        add_status(&mut line, refusal.status);
        line += "-\n";
        self.0.add(line.as_bytes());
    }
}

/// A line up to its request line.
fn start_of_line(client: &str, now: Instant) -> String {
    static NOW: Now = Now::new(log_date);
    let mut line = String::with_capacity(SHORT_LINE);
    line += client;
    line += " - - [";
    NOW.add_to(&mut line, now);
    line += "] \"";
    line
}

/// A date, given in seconds since 1970, as the format writes it.
fn log_date(seconds: u64) -> String {
    match http_date(seconds).split(' ').collect::<Vec<_>>()[..] {
        [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
        _ => String::new(),
    }
}

/// Ends the request line, and adds the status code.
fn add_status(line: &mut String, status: &str) {
    *line += "\" ";
    *line += status.split(' ').next().unwrap_or_default();
    line.push(' ');
}

/// Adds what a client sent, so that it stays one word of one line. A byte that is not
/// printable ASCII, a space, a quotation mark and a backslash are written like `\x22`, so two
/// different targets never look the same.
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

/// The line of a response that is being sent. It is written when this is dropped.
struct PendingLine {
    line: String,
    /// How many bytes of content have been sent.
    length: u64,
    lines: LogWriter,
}

impl Watcher for PendingLine {
    fn sent(&mut self, length: u64) {
        self.length += length;
    }
}

impl Drop for PendingLine {
    fn drop(&mut self) {
        let line = &mut self.line;
        // Writing to a String cannot fail.
        let _ = match self.length {
            0 => line.write_str("-\n"),
            length => writeln!(line, "{length}"),
        };
        self.lines.add(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch09::response::Body;
    use crate::ch10::connection::Connection;
    use crate::ch10::response_writer::ResponseWriter;
    use crate::ch10::wait::Timeouts;
    use std::sync::{Arc, Mutex};

    const CLIENT: &str = "127.0.0.1";

    /// Keeps what is written to it.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written into the log, without the dates.
    fn written(write: impl FnOnce(&AccessLog)) -> String {
        let kept = Kept::default();
        let log = AccessLog::start(1, kept.clone()).unwrap();
        write(&log);
        assert_eq!(log.finish(Duration::from_secs(60)), 0);
        let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines = written.lines().map(|line| {
            let (before, rest) = line.split_once('[').unwrap();
            let (date, after) = rest.split_once(']').unwrap();
            assert_eq!(date.len(), "24/Nov/2026:23:45:41 +0000".len(), "{date}");
            format!("{before}[]{after}\n")
        });
        lines.collect()
    }

    fn request(line: &str) -> Request {
        Request::from_head(format!("{line}\r\nHost: a\r\n\r\n").as_bytes()).unwrap()
    }

    /// A connection with chunks, whose one request has been answered.
    fn answering(line: &str, response: Response, log: Option<&AccessLog>) -> (Connection, Instant) {
        let now = Instant::now();
        let mut connection = Connection::new(Timeouts::default(), now).with_chunks();
        connection.receive(format!("{line}\r\nHost: a\r\n\r\n").as_bytes(), now);
        let request = connection.next_request().unwrap();
        let response = match log {
            Some(log) => log.watch(CLIENT, &request, response, now),
            None => response,
        };
        connection.answer(&request, response);
        (connection, now)
    }

    /// The end of the line of a response of which `most` bytes are sent, `step` at a time.
    fn line_of(line: &str, response: Response, most: usize, step: usize) -> String {
        let written = written(|log| {
            let (mut connection, now) = answering(line, response, Some(log));
            let mut left = most;
            while left > 0 {
                let length = connection.to_send().unwrap().len().min(step).min(left);
                if length == 0 {
                    break;
                }
                connection.sent(length, now);
                left -= length;
            }
        });
        let (_, end) = written.split_once(" - - [] ").unwrap();
        end.to_owned()
    }

    fn page(length: usize) -> Response {
        Response::html("200 OK", "x".repeat(length))
    }

    fn unknown(length: usize) -> Response {
        let body = Body::of_unknown_length(io::Cursor::new(vec![b'5'; length]));
        Response::new("200 OK", "text/plain", body)
    }

    #[test]
    fn lines_of_requests() {
        const GET: &str = "GET /a?b HTTP/1.1";
        for (line, response, end) in [
            (GET, page(5), "\"GET /a?b HTTP/1.1\" 200 5\n"),
            (GET, page(0), "\"GET /a?b HTTP/1.1\" 200 -\n"),
            (GET, page(300_000), "\"GET /a?b HTTP/1.1\" 200 300000\n"),
            (GET, unknown(5), "\"GET /a?b HTTP/1.1\" 200 5\n"),
            (GET, unknown(0), "\"GET /a?b HTTP/1.1\" 200 -\n"),
            (GET, unknown(300_000), "\"GET /a?b HTTP/1.1\" 200 300000\n"),
            ("GET / HTTP/1.0", unknown(5), "\"GET / HTTP/1.0\" 200 5\n"),
            ("HEAD / HTTP/1.1", page(5), "\"HEAD / HTTP/1.1\" 200 -\n"),
            ("HEAD / HTTP/1.1", unknown(5), "\"HEAD / HTTP/1.1\" 200 -\n"),
            (
                GET,
                Response::empty("304 Not Modified"),
                "\"GET /a?b HTTP/1.1\" 304 -\n",
            ),
            (
                "GET /\"b\u{202e} HTTP/1.1",
                page(1),
                "\"GET /\\x22b\\xe2\\x80\\xae HTTP/1.1\" 200 1\n",
            ),
        ] {
            assert_eq!(line_of(line, response, usize::MAX, usize::MAX), end);
        }
    }

    /// Where a connection breaks, the line counts what was sent, and not what lay ready.
    #[test]
    fn lines_of_what_broke_off() {
        const LENGTH: usize = 40_000;
        for (make, around) in [
            (page as fn(usize) -> Response, 0),
            // It has three chunks, and each of the first two a size of four digits.
            (unknown, 16),
        ] {
            let (mut connection, _) = answering("GET / HTTP/1.1", make(LENGTH), None);
            let to_send = String::from_utf8_lossy(connection.to_send().unwrap());
            let head = to_send.find("\r\n\r\n").unwrap() + 4;
            for (most, sent) in [
                (head / 2, "-".to_owned()),
                (head, "-".to_owned()),
                (head + 1000, (1000 - 6 * around.min(1)).to_string()),
                (
                    head + 35_000,
                    (35_000 - around - 6 * around.min(1)).to_string(),
                ),
            ] {
                for step in [1, 7, 16 * 1024, usize::MAX] {
                    let end = line_of("GET / HTTP/1.1", make(LENGTH), most, step);
                    assert_eq!(end, format!("\"GET / HTTP/1.1\" 200 {sent}\n"));
                }
            }
        }
    }

    #[test]
    fn each_has_its_line_in_the_order_of_their_requests() {
        let written = written(|log| {
            let (mut writer, now) = (ResponseWriter::default(), Instant::now());
            for number in 1..=9 {
                let request = request(&format!("GET /{number} HTTP/1.1"));
                let response = log.watch(CLIENT, &request, page(number), now);
                writer.add_response(response, None, false, now);
                // A response without a watcher has no line.
                writer.add_response(page(3), None, false, now);
            }
            while !writer.is_done() {
                let length = writer.to_send().unwrap().len().min(50);
                writer.sent(length);
            }
        });
        let expected = (1..=9)
            .map(|number| format!("127.0.0.1 - - [] \"GET /{number} HTTP/1.1\" 200 {number}\n"));
        assert_eq!(written, expected.collect::<String>());
    }

    #[test]
    fn the_line_of_a_refused_request() {
        let refusal = RequestError::new("400 Bad Request", "no reason");
        let written = written(|log| log.refused(CLIENT, &refusal));
        assert_eq!(written, "127.0.0.1 - - [] \"-\" 400 -\n");
    }
}
