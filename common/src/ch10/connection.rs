//! What a server knows of one connection, as a value: bytes go in, bytes come out,
//! and it says what it waits for. It has neither a socket nor a clock. Its caller, a
//! thread or an event loop, has both: it does the waiting and tells the time.

use std::io;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch06::body::expects_continue;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch10::body_decoder::{BodyEncoder, DecoderFor, EncoderFor, by_length};
use crate::ch10::persistence::wants_to_persist;
use crate::ch10::request_reader::{ReadEvent, RequestReader};
use crate::ch10::response_writer::ResponseWriter;
use crate::ch10::states::{Ending, KeepAlive, Reading};
use crate::ch10::wait::{Timeouts, Wait};

/// One connection.
///
/// ```
/// let now = std::time::Instant::now();
/// let mut connection = common::Connection::new(common::Timeouts::default(), now);
/// connection.receive(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2), now);
/// while let Some(request) = connection.next_request() {
///     connection.answer(&request, common::Response::html("200 OK", "page"));
/// }
/// let answers = String::from_utf8_lossy(connection.to_send()?);
/// assert_eq!(answers.matches("\r\n\r\npage").count(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Connection {
    timeouts: Timeouts,
    decoder_for: DecoderFor,
    encoder_for: EncoderFor,
    pub(crate) needs_body: fn(&Request) -> bool,
    /// The time that the caller told last.
    pub(crate) now: Instant,
    /// When the current wait began: for a request, its head, its body, or the end.
    pub(crate) since: Instant,
    /// When the client last sent or took something.
    pub(crate) moved: Instant,
    pub(crate) reading: Reading,
    pub(crate) reader: RequestReader,
    writer: ResponseWriter,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) refusal: Option<RequestError>,
}

impl Connection {
    /// A connection that has just been accepted. Its bodies end as [`by_length`] says.
    pub fn new(timeouts: Timeouts, now: Instant) -> Self {
        Self {
            timeouts,
            decoder_for: by_length,
            encoder_for: |_| None,
            needs_body: |_| true,
            now,
            since: now,
            moved: now,
            reading: Reading::Open,
            reader: RequestReader::default(),
            writer: ResponseWriter::default(),
            keep_alive: KeepAlive::Open,
            refusal: None,
        }
    }

    /// The same, with another way to find the end of requests' bodies, and to show the end
    /// of responses whose length is not known.
    pub fn with_framing(self, decoder_for: DecoderFor, encoder_for: EncoderFor) -> Self {
        Self {
            decoder_for,
            encoder_for,
            ..self
        }
    }

    /// Takes what the client has sent; an empty slice is the end of its stream. A caller
    /// that keeps to [`Connection::waits_for`] reads only when no whole request lies here.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        (self.now, self.moved) = (now, now);
        if bytes.is_empty() {
            self.reading = Reading::Ended;
        }
        if !self.is_over() {
            let was_idle = self.reader.is_idle();
            self.reader.add(bytes);
            if was_idle && !self.reader.is_idle() {
                self.since = now;
            }
        }
    }

    /// Tells the connection the time if nothing else has happened.
    pub fn time_passes(&mut self, now: Instant) {
        self.now = now;
    }

    /// Makes the request under way the last. If there is none, the connection ends.
    pub fn finish_after_current(&mut self) {
        if self.keep_alive == KeepAlive::Open {
            self.keep_alive = KeepAlive::FinishAfterCurrent;
        }
    }

    /// Whether no more requests are taken.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.keep_alive, KeepAlive::Over(_))
    }

    /// Whether the client has begun a request that has not come whole.
    pub fn has_begun(&self) -> bool {
        !self.reader.is_idle()
    }

    /// The next request that has come whole. What is not a request is refused here.
    pub fn next_request(&mut self) -> Option<Request> {
        while !self.is_over() && self.writer.has_room() {
            match self.reader.advance(self.decoder_for) {
                Ok(ReadEvent::Nothing) => {
                    self.give_up();
                    return None;
                }
                Ok(came) => {
                    (self.since, self.moved) = (self.now, self.now);
                    let request = match came {
                        ReadEvent::Request(request) => Some(request),
                        ReadEvent::Head => self.expect_body(),
                        _ => None,
                    };
                    if request.is_some() {
                        return request;
                    }
                }
                Err(refused) => self.refuse(refused),
            }
        }
        None
    }

    /// Tells a client that waits for it to send the body, or gives the request at once if
    /// its body is not needed. A client that waits may then send the body or not, and the
    /// body could not be told from the next request: so this request is the last.
    fn expect_body(&mut self) -> Option<Request> {
        let request = self.reader.head()?;
        let waits = expects_continue(&request.line(), &request.fields);
        if !(self.needs_body)(request) {
            if waits {
                self.finish_after_current();
            }
            return self.reader.take_head();
        }
        if waits {
            self.writer.add(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        None
    }

    /// Answers a request. The connection ends with the response if the client wants that,
    /// or if nothing else shows where the response ends.
    pub fn answer(&mut self, request: &Request, mut response: Response) {
        let has_length = response.body.length.is_some();
        let encoder = (!has_length).then(|| (self.encoder_for)(request)).flatten();
        if let Some(encoder) = &encoder {
            response = response.with("Transfer-Encoding", encoder.name());
            if let Some(trailers) = encoder.trailers() {
                response = response.with("Trailer", trailers);
            }
        }
        let shows_its_end = has_length || encoder.is_some();
        if self.keep_alive != KeepAlive::Open || !wants_to_persist(request) || !shows_its_end {
            self.keep_alive = KeepAlive::Over(Ending::Linger);
        } else if request.version == "HTTP/1.0" {
            response = response.with("Connection", "keep-alive");
        }
        self.send(response, encoder, request.method == "HEAD");
    }

    pub(crate) fn send(
        &mut self,
        mut response: Response,
        encoder: Option<Box<dyn BodyEncoder>>,
        is_head: bool,
    ) {
        if self.is_over() {
            response = response.with("Connection", "close");
        }
        self.writer
            .add_response(response, encoder, is_head, self.now);
    }

    /// The bytes to be sent next.
    ///
    /// # Errors
    /// As [`ResponseWriter::to_send`].
    pub fn to_send(&mut self) -> io::Result<&[u8]> {
        self.writer.to_send()
    }

    /// Tells how many of these bytes the client has taken.
    pub fn sent(&mut self, length: usize, now: Instant) {
        self.writer.sent(length);
        (self.now, self.since, self.moved) = (now, now, now);
    }

    /// What the connection waits for, once [`Connection::next_request`] gives nothing.
    pub fn waits_for(&self) -> Wait {
        let (timeouts, now, since) = (self.timeouts, self.now, self.since);
        if !self.writer.is_done() {
            return Wait::ToWrite(self.moved + timeouts.inactivity).or_close(now);
        }
        if let KeepAlive::Over(ending) = self.keep_alive {
            return match (ending, self.reading) {
                (Ending::Linger, Reading::Open) => {
                    Wait::ToLinger(since + timeouts.linger).or_close(now)
                }
                _ => Wait::ToClose,
            };
        }
        Wait::ToRead(if self.reader.is_within_body() {
            (since + timeouts.body).min(self.moved + timeouts.inactivity)
        } else if self.reader.is_idle() {
            since + timeouts.idle
        } else {
            since + timeouts.head
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch09::response::Body;
    use crate::ch10::response_writer::ROOM;
    use std::time::Duration;

    const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const POST: &str = "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";

    /// They all differ, so that a wait tells which of them it comes from.
    const TIMES: Timeouts = Timeouts {
        idle: Duration::from_secs(100),
        head: Duration::from_secs(20),
        body: Duration::from_secs(60),
        inactivity: Duration::from_secs(10),
        linger: Duration::from_secs(1),
    };

    /// A connection, and the moment at which it was accepted. All other moments are given
    /// in seconds from then.
    struct Tried {
        connection: Connection,
        accepted: Instant,
    }

    impl Tried {
        fn new() -> Self {
            let accepted = Instant::now();
            let connection = Connection::new(TIMES, accepted);
            Self {
                connection,
                accepted,
            }
        }

        fn answering_early() -> Self {
            let mut tried = Self::new();
            tried.connection.needs_body = |_| false;
            tried
        }

        fn at(&self, second: u64) -> Instant {
            self.accepted + Duration::from_secs(second)
        }

        /// Answers each request that is there with what it says.
        fn answer_all(&mut self) {
            while let Some(request) = self.connection.next_request() {
                let body = String::from_utf8_lossy(&request.body);
                let page = format!("{} {} {body}.", request.method, request.target);
                let response = Response::html("200 OK", page);
                self.connection.answer(&request, response);
            }
        }

        fn receive(&mut self, second: u64, bytes: impl AsRef<[u8]>) {
            self.connection.receive(bytes.as_ref(), self.at(second));
            self.answer_all();
        }

        fn wait_until(&mut self, second: u64) {
            self.connection.time_passes(self.at(second));
            self.answer_all();
        }

        /// Sends all there is to send, and gives it.
        fn send(&mut self, second: u64) -> String {
            let mut sent = Vec::new();
            while let Wait::ToWrite(_) = self.connection.waits_for() {
                let to_send = self.connection.to_send().unwrap().to_vec();
                self.connection.sent(to_send.len(), self.at(second));
                sent.extend(to_send);
                self.answer_all();
            }
            String::from_utf8(sent).unwrap()
        }

        #[track_caller]
        fn waits(&self, expected: fn(Instant) -> Wait, second: u64) {
            assert_eq!(self.connection.waits_for(), expected(self.at(second)));
        }

        #[track_caller]
        pub(crate) fn is_over(&self) {
            assert_eq!(self.connection.waits_for(), Wait::ToClose);
        }

        /// The status codes of all that is sent.
        fn codes(&mut self, second: u64) -> Vec<String> {
            let sent = self.send(second);
            let answers = sent.split("HTTP/1.1 ").skip(1);
            answers.map(|answer| answer[..3].to_owned()).collect()
        }
    }

    #[test]
    fn one_request_after_another() {
        let mut tried = Tried::new();
        tried.waits(Wait::ToRead, 100);
        tried.receive(5, GET);
        tried.waits(Wait::ToWrite, 15);
        assert!(tried.send(7).ends_with("\r\n\r\nGET /a ."));
        tried.waits(Wait::ToRead, 107);
        tried.receive(50, POST);
        tried.receive(51, "123");
        let sent = tried.send(52);
        assert!(sent.ends_with("\r\n\r\nPOST /b 123."), "{sent}");
        assert!(!sent.contains("Connection: "), "{sent}");
        tried.waits(Wait::ToRead, 152);
    }

    #[test]
    fn an_idle_connection_ends_without_a_response() {
        for received in ["", "\r\n\r\n"] {
            let mut tried = Tried::new();
            tried.receive(1, GET);
            tried.send(1);
            if !received.is_empty() {
                tried.receive(60, received);
            }
            // To look at it does not give it more time.
            for second in 61..101 {
                tried.wait_until(second);
                tried.waits(Wait::ToRead, 101);
            }
            tried.wait_until(101);
            tried.is_over();
            assert_eq!(tried.connection.take_refusal(), None);
        }
    }

    #[test]
    fn a_head_has_its_time_from_the_first_byte_on() {
        let mut tried = Tried::new();
        tried.receive(50, "GET /");
        tried.waits(Wait::ToRead, 70);
        tried.receive(69, "a HTTP");
        tried.waits(Wait::ToRead, 70);
        tried.wait_until(70);
        let sent = tried.send(71);
        assert!(sent.starts_with("HTTP/1.1 408 "), "{sent}");
        assert!(sent.ends_with("Connection: close\r\nContent-Length: 0\r\n\r\n"));
        tried.waits(Wait::ToLinger, 72);
        tried.receive(71, "/1.1\r\n\r\n");
        tried.waits(Wait::ToLinger, 72);
        tried.wait_until(72);
        tried.is_over();
    }

    #[test]
    fn what_begins_a_request() {
        for (received, has_begun) in [
            ("\r\n", false),
            ("G", true),
            (GET, false),
            (POST, true),
            (&[GET, "\r\nG"].concat(), true),
        ] {
            let mut tried = Tried::new();
            assert!(!tried.connection.has_begun());
            tried.receive(1, received);
            assert_eq!(tried.connection.has_begun(), has_begun, "{received:?}");
        }
    }

    #[test]
    fn the_time_of_half_a_request_begins_when_those_before_are_answered() {
        let mut tried = Tried::new();
        tried.receive(1, format!("{GET}GET"));
        tried.send(8);
        tried.waits(Wait::ToRead, 28);
    }

    #[test]
    fn a_body_has_to_go_on_and_to_come_to_an_end() {
        let mut tried = Tried::new();
        tried.receive(
            3,
            "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n",
        );
        tried.waits(Wait::ToRead, 13);
        for second in (12..60).step_by(9) {
            tried.receive(second, "1");
            tried.waits(Wait::ToRead, (second + 10).min(63));
        }
        tried.wait_until(63);
        let sent = tried.send(63);
        assert!(sent.starts_with("HTTP/1.1 408 "), "{sent}");
        assert!(sent.ends_with("<h1>408 Request Timeout</h1>"), "{sent}");

        let mut tried = Tried::new();
        tried.receive(3, POST);
        tried.wait_until(13);
        assert_eq!(tried.codes(13), ["408"]);
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        let mut tried = Tried::new();
        tried.receive(1, GET);
        tried.waits(Wait::ToWrite, 11);
        tried.connection.sent(5, tried.at(10));
        tried.waits(Wait::ToWrite, 20);
        tried.wait_until(20);
        tried.is_over();
    }

    #[test]
    fn a_client_that_has_ended_gets_what_it_asked_for() {
        for (received, codes) in [
            ("".to_owned(), &[][..]),
            ("\r\n".to_owned(), &[]),
            (format!("{GET}{GET}"), &["200", "200"]),
            (format!("{GET}GET"), &["200", "400"]),
            (format!("{GET}{POST}12"), &["200", "400"]),
        ] {
            let mut tried = Tried::new();
            tried.connection.receive(received.as_bytes(), tried.at(1));
            tried.receive(1, "");
            assert_eq!(tried.codes(2), codes, "{received}");
            tried.is_over();
        }
    }

    #[test]
    fn which_connections_stay_and_which_clients_are_told() {
        for (head, told, stays) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n", None, true),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n",
                Some("close"),
                false,
            ),
            ("GET / HTTP/1.0\r\n", Some("close"), false),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\n",
                Some("keep-alive"),
                true,
            ),
        ] {
            let mut tried = Tried::new();
            tried.receive(1, format!("{head}\r\n{GET}"));
            let sent = tried.send(2);
            let (first, _) = sent.split_once("\r\n\r\n").unwrap();
            let connection = first.split_once("\r\nConnection: ");
            let connection = connection.and_then(|(_, rest)| rest.lines().next());
            assert_eq!(connection, told, "{head}");
            assert_eq!(
                sent.matches("HTTP/1.1 200 OK").count(),
                1 + usize::from(stays)
            );
            if stays {
                tried.waits(Wait::ToRead, 102);
            } else {
                tried.waits(Wait::ToLinger, 3);
            }
        }
    }

    #[test]
    fn what_is_no_request_is_the_last() {
        for (request, code, has_content) in [
            ("no request\r\n\r\n", "400", true),
            ("GET / HTTP/1.1\r\n\r\n", "400", true),
            ("HEAD / HTTP/1.1\r\n\r\n", "400", false),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505", true),
            (&format!("GET /{}", "a".repeat(8192)), "414", false),
            (&POST.replace('3', "3, 4"), "400", true),
            (&POST.replace('3', "1048577"), "413", true),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "501",
                true,
            ),
        ] {
            let mut tried = Tried::new();
            tried.receive(1, format!("{GET}{request}{GET}"));
            let for_the_log = tried.connection.refusal().cloned();
            let refusal = tried.connection.take_refusal().unwrap();
            assert_eq!(for_the_log.as_ref(), Some(&refusal));
            assert!(refusal.status.starts_with(code), "{request}: {refusal}");
            assert_eq!(tried.connection.take_refusal(), None, "{request}");
            let sent = tried.send(2);
            let (_, answer) = sent.split_once("GET /a .HTTP/1.1 ").unwrap();
            assert!(answer.starts_with(code), "{request}: {answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            assert_eq!(answer.ends_with("</h1>"), has_content, "{answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 0, "{answer}");
            tried.waits(Wait::ToLinger, 3);
        }
    }

    #[test]
    fn answers_lie_behind_each_other_and_the_last_ends_them() {
        let mut tried = Tried::new();
        let last = GET.replace("Host", "Connection: close\r\nHost");
        tried.receive(1, format!("{GET}{POST}123{last}{GET}"));
        let to_send = String::from_utf8_lossy(tried.connection.to_send().unwrap()).into_owned();
        let bodies: Vec<&str> = to_send
            .split("\r\n\r\n")
            .skip(1)
            .filter_map(|body| body.split("HTTP/").next())
            .collect();
        assert_eq!(bodies, ["GET /a .", "POST /b 123.", "GET /a ."]);
    }

    #[test]
    fn a_client_that_only_asks_is_read_from_no_further() {
        let mut tried = Tried::new();
        tried
            .connection
            .receive(GET.repeat(100).as_bytes(), tried.at(1));
        let page = "a".repeat(ROOM / 4);
        let mut answered = 0;
        let mut answer_all = |connection: &mut Connection| {
            while let Some(request) = connection.next_request() {
                connection.answer(&request, Response::html("200 OK", &*page));
                answered += 1;
            }
            answered
        };
        // As many as there is room for, and not the hundred.
        assert_eq!(answer_all(&mut tried.connection), 4);
        tried.waits(Wait::ToWrite, 11);
        let length = tried.connection.to_send().unwrap().len();
        assert!(length <= ROOM, "{length}");
        // What the client has taken makes room.
        tried.connection.sent(length, tried.at(2));
        assert!(!tried.connection.to_send().unwrap().is_empty());
        assert_eq!(answer_all(&mut tried.connection), 8);
        tried.waits(Wait::ToWrite, 12);
    }

    #[test]
    fn a_response_that_breaks_off_ends_the_connection() {
        let mut tried = Tried::new();
        tried.connection.receive(GET.as_bytes(), tried.at(1));
        let request = tried.connection.next_request().unwrap();
        let body = Body {
            length: Some(5),
            source: Box::new(&b"1234"[..]),
        };
        let response = Response::new("200 OK", "text/plain", body);
        tried.connection.answer(&request, response);
        let to_send = tried.connection.to_send().unwrap();
        assert!(to_send.ends_with(b"\r\n\r\n1234"));
        let length = to_send.len();
        tried.connection.sent(length, tried.at(2));
        tried.waits(Wait::ToWrite, 12);
        assert!(tried.connection.to_send().is_err());
    }

    #[test]
    fn a_response_that_nothing_else_ends_is_the_last() {
        let mut tried = Tried::new();
        tried
            .connection
            .receive(GET.repeat(2).as_bytes(), tried.at(1));
        let request = tried.connection.next_request().unwrap();
        let body = Body::of_unknown_length(&b"1234"[..]);
        let response = Response::new("200 OK", "text/plain", body);
        tried.connection.answer(&request, response);
        assert_eq!(tried.connection.next_request(), None);
        let sent = tried.send(2);
        assert!(
            sent.ends_with("\r\nConnection: close\r\n\r\n1234"),
            "{sent}"
        );
        tried.waits(Wait::ToLinger, 3);
    }

    #[test]
    fn a_client_that_waits_is_told_to_continue() {
        let mut tried = Tried::new();
        tried.receive(1, POST.replace("Host", "Expect: 100-continue\r\nHost"));
        assert_eq!(tried.send(2), "HTTP/1.1 100 Continue\r\n\r\n");
        tried.waits(Wait::ToRead, 12);
        tried.receive(3, format!("123{GET}"));
        assert_eq!(tried.codes(4), ["200", "200"]);
        tried.waits(Wait::ToRead, 104);
    }

    #[test]
    fn a_body_that_is_not_needed_is_dropped() {
        let mut tried = Tried::answering_early();
        tried.receive(1, POST);
        let sent = tried.send(2);
        assert!(sent.ends_with("\r\n\r\nPOST /b ."), "{sent}");
        assert!(!sent.contains("Connection: "), "{sent}");
        tried.waits(Wait::ToRead, 12);
        tried.receive(3, format!("123{GET}"));
        assert!(tried.send(4).ends_with("\r\n\r\nGET /a ."));
        tried.waits(Wait::ToRead, 104);
    }

    #[test]
    fn a_request_answered_early_gets_no_second_answer() {
        for is_silent in [true, false] {
            let mut tried = Tried::answering_early();
            tried.receive(1, POST);
            assert_eq!(tried.codes(2), ["200"]);
            if is_silent {
                tried.wait_until(12);
                tried.waits(Wait::ToLinger, 13);
            } else {
                tried.receive(3, "");
                tried.is_over();
            }
            assert_eq!(tried.send(12), "");
            assert!(
                tried.connection.refusal().is_none(),
                "no log tells of an answer that was not sent"
            );
        }
    }

    #[test]
    fn a_client_that_waits_and_is_answered_early_gets_no_other_answer() {
        let mut tried = Tried::answering_early();
        let waits = POST.replace("Host", "Expect: 100-continue\r\nHost");
        tried.receive(1, format!("{waits}123{GET}"));
        let sent = tried.send(2);
        assert!(sent.starts_with("HTTP/1.1 200 "), "{sent}");
        assert!(sent.ends_with("Connection: close\r\nContent-Length: 9\r\n\r\nPOST /b ."));
        tried.waits(Wait::ToLinger, 3);
    }

    #[test]
    fn a_connection_that_finishes_ends_with_the_request_under_way() {
        for (received, codes) in [
            ("", &[][..]),
            ("\r\n", &[]),
            ("GET /a HTTP/1.1\r\n", &["200"]),
        ] {
            let mut tried = Tried::new();
            if !received.is_empty() {
                tried.receive(1, received);
            }
            tried.connection.finish_after_current();
            tried.wait_until(2);
            if !codes.is_empty() {
                tried.receive(3, format!("Host: a\r\n\r\n{GET}"));
            }
            assert_eq!(tried.codes(4), codes, "{received}");
            // A request may be on its way, and a reset would hide that it was not taken.
            let closes = if codes.is_empty() { 3 } else { 5 };
            tried.waits(Wait::ToLinger, closes);
        }
    }
}
