//! The connection of HTTP/2 with many streams, as a value. What chapter 19 does for each
//! exchange, this does too, but for what windows allow now.

mod http2_exchanges;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::header::{HEADER_LENGTH, MAX_FRAME_SIZE};
use common::{ErrorCode, Frame, MultiplexedConnection, Setting, Wait};
use http2_exchanges::{
    Exchange, TIMES, at, block, corpus, data, get, headers, moved_up, opened, post, respond,
    settings, shown, window,
};

/// What differs from chapter 19, by the name of the exchange: what is longer than a window
/// waits, and nothing is refused for its length. Windows of the connection are not given back
/// by the byte, so these frames are left out everywhere.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "a body with padding, and an empty end",
        "WINDOW_UPDATE 1 +7, HEADERS 1 200, DATA 1 END POST /form name",
    ),
    (
        "frames that change nothing",
        "WINDOW_UPDATE 0 +983041, SETTINGS ACK, PING ACK, HEADERS 1 200, DATA 1 END GET /a",
    ),
    (
        "a response one byte longer",
        "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, DATA 1 16383",
    ),
    (
        "a response of unknown length",
        "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, DATA 1 16383",
    ),
    (
        "one that is too long",
        "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, DATA 1 16383",
    ),
    (
        "a source that ends early",
        "HEADERS 1 200, RST_STREAM 1 INTERNAL_ERROR",
    ),
    (
        "the connection's window is used up",
        "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, HEADERS 3 200, DATA 1 END 16383",
    ),
    (
        "the connection's window is raised",
        "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, HEADERS 3 200, DATA 1 END 16383, DATA 3 END GET /a",
    ),
    (
        "a small initial window",
        "SETTINGS ACK, HEADERS 1 200, DATA 1 GET /",
    ),
    (
        "a body that uses its window up",
        "HEADERS 3 200, DATA 3 END GET /a, GOAWAY 3 PROTOCOL_ERROR",
    ),
    (
        "a body that is announced to be too long",
        "HEADERS 3 200, DATA 3 END GET /a, GOAWAY 3 PROTOCOL_ERROR",
    ),
];

fn expected(exchange: &Exchange) -> String {
    let different = DIFFERENT.iter().find(|(name, _)| *name == exchange.name);
    without_windows(different.map_or(exchange.answered, |(_, answered)| answered))
}

fn without_windows(answered: &str) -> String {
    let kept = answered
        .split(", ")
        .filter(|line| !line.starts_with("WINDOW_UPDATE 0 "));
    kept.collect::<Vec<_>>().join(", ")
}

/// What comes back to a client that sends these pieces and then no more, and takes what it
/// gets as `take` says, which is told how many bytes there are.
fn answers(pieces: &[&[u8]], mut take: impl FnMut(usize) -> usize) -> Vec<u8> {
    let now = Instant::now();
    let mut connection = MultiplexedConnection::new(TIMES, now);
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let mut sent = Vec::new();
    loop {
        while let Some((stream, request)) = connection.next_request() {
            connection.answer(stream, &request, respond(&request));
        }
        let wait = connection.waits_for();
        if wait.wants_to_write() {
            let to_send = connection.to_send();
            let length = take(to_send.len());
            sent.extend_from_slice(&to_send[..length]);
            connection.sent(length, now);
        } else if matches!(wait, Wait::ToRead(_)) {
            connection.receive(pieces.next().unwrap_or(&&b""[..]), now);
        } else {
            return sent;
        }
    }
}

/// The lines by stream. The order of two streams is the server's matter, and so is into how
/// many frames it cuts a long content.
fn by_stream(shown: &str) -> BTreeMap<String, String> {
    let mut streams: BTreeMap<String, String> = BTreeMap::new();
    for line in shown.split(", ").filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let (Some(kind), Some(stream)) = (words.next(), words.next()) else {
            panic!("{line}");
        };
        let text = streams.entry(stream.to_owned()).or_default();
        let rest: Vec<&str> = words.collect();
        let number = |text: &str| text.parse::<usize>().ok();
        let length = rest.last().and_then(|last| number(last));
        let last = text.rsplit(" / ").next().unwrap_or_default().to_owned();
        match (last.strip_prefix("DATA ").and_then(number), length) {
            (Some(before), Some(length)) if kind == "DATA" => {
                text.truncate(text.len() - last.len());
                let end = if rest.len() == 2 { "END " } else { "" };
                *text += &format!("DATA {end}{}", before + length);
            }
            _ => *text += &format!(" / {kind} {}", rest.join(" ")),
        }
    }
    streams
}

fn all(length: usize) -> usize {
    length
}

#[test]
fn each_exchange_alone() {
    for exchange in corpus() {
        let alone = shown(&answers(&[&opened(&exchange.sent)], all));
        assert_eq!(
            without_windows(&alone),
            expected(&exchange),
            "{}",
            exchange.name
        );
    }
}

#[test]
fn each_exchange_cut_in_two_and_byte_by_byte() {
    for Exchange { name, sent, .. } in corpus() {
        let sent = opened(&sent);
        let get =
            |pieces: &[&[u8]], take: fn(usize) -> usize| by_stream(&shown(&answers(pieces, take)));
        let expected = get(&[&sent], all);
        // Of the long ones not every place is another one.
        for cut in (0..sent.len()).step_by(1 + sent.len() / 500) {
            let (first, second) = sent.split_at(cut);
            assert_eq!(get(&[first, second], all), expected, "{name}");
        }
        let bytes: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(get(&bytes, all), expected, "{name}");
        assert_eq!(get(&[&sent], |length| length.min(777)), expected, "{name}");
    }
}

/// A client that has acknowledged the settings.
struct Client {
    connection: MultiplexedConnection,
    began: Instant,
    /// All that it was sent.
    received: Vec<u8>,
    /// How much of what is shown was looked at.
    seen: usize,
}

impl Client {
    /// A client that has sent that, and taken what came back.
    fn new(sent: &[u8]) -> Self {
        let began = Instant::now();
        let connection = MultiplexedConnection::new(TIMES, began)
            .with_early_answers(|request| request.path() != "/early");
        let mut client = Self {
            connection,
            began,
            received: Vec::new(),
            seen: 0,
        };
        let first = opened(&Frame::SettingsAck.to_bytes());
        client.connection.receive(&first, began);
        client.takes(0);
        if !sent.is_empty() {
            client.sends(sent, 0);
        }
        client
    }

    fn at(&self, second: u64) -> Instant {
        at(self.began, second)
    }

    fn answers(&mut self) {
        while let Some((stream, request)) = self.connection.next_request() {
            self.connection.answer(stream, &request, respond(&request));
        }
    }

    /// Sends that in this second, and gives what comes back.
    fn sends(&mut self, sent: &[u8], second: u64) -> String {
        self.connection.receive(sent, self.at(second));
        self.takes(second)
    }

    /// What comes in this second.
    fn takes(&mut self, second: u64) -> String {
        loop {
            self.answers();
            let to_send = self.connection.to_send().to_vec();
            if to_send.is_empty() {
                break;
            }
            self.connection.sent(to_send.len(), self.at(second));
            self.received.extend(to_send);
        }
        let shown = shown(&self.received);
        let new = shown[self.seen..].trim_start_matches(", ").to_owned();
        self.seen = shown.len();
        new
    }

    /// Takes what is left of the frame that has come in part.
    fn takes_rest_of_frame(&mut self) {
        let mut rest = &self.received[..];
        while let Some([a, b, c]) = rest.first_chunk() {
            let length = HEADER_LENGTH + u32::from_be_bytes([0, *a, *b, *c]) as usize;
            match rest.get(length..) {
                Some(behind) => rest = behind,
                None => {
                    let missing = &self.connection.to_send()[..length - rest.len()];
                    return self.received.extend_from_slice(missing);
                }
            }
        }
    }

    /// What comes when nothing was sent until this second.
    fn waits_until(&mut self, second: u64) -> String {
        self.connection.time_passes(self.at(second));
        self.takes(second)
    }
}

fn reset(stream: u32) -> Vec<u8> {
    let code = ErrorCode::CANCEL;
    Frame::RstStream { stream, code }.to_bytes()
}

/// Between each two frames of an exchange comes a piece of a body on another stream. The
/// exchange is answered as before.
#[test]
fn another_stream_between_each_two_frames() {
    let mut tried = 0;
    for Exchange {
        name,
        sent,
        answered,
    } in corpus()
    {
        // Nothing may stand within a field block, and what ends the connection ends both.
        if answered.contains("GOAWAY") {
            continue;
        }
        let frames = moved_up(&sent);
        let expected = shown(&answers(&[&opened(&frames.concat())], all));
        if expected.contains("GOAWAY") {
            continue;
        }
        let mut between = post(1, &[]);
        let mut length = "POST /form ".len();
        for frame in &frames {
            let ends_block = !matches!(frame[3], 1 | 9) || frame[4] & 4 != 0;
            between.extend(frame);
            if ends_block {
                between.extend(data(1, false, &[b'x'; 77], 0));
                length += 77;
            }
        }
        between.extend(data(1, true, b"", 0));
        // The other response takes nothing of the connection's window away.
        let between = [window(0, length as u32), between].concat();
        let mut between = by_stream(&shown(&answers(&[&opened(&between)], all)));
        let mut expected = by_stream(&expected);
        let other = between.remove("1").expect("a response");
        assert!(other.contains(" / HEADERS 200 / DATA "), "{other}");
        for streams in [&mut between, &mut expected] {
            streams.retain(|stream, _| stream != "0");
        }
        assert_eq!(between, expected, "{name}");
        tried += 1;
    }
    assert!(tried > 50);
}

#[test]
fn a_long_body_may_come_once_there_is_room_for_it() {
    // So much may come of each body without more.
    let first = [post(1, &[]), data(1, false, &[b'x'; 8192], 0)].concat();
    let mut client = Client::new(&[]);
    // What is not announced may be as long as what is taken, and one byte longer.
    let left = 1024 * 1024 + 1 - 8192;
    let answered = client.sends(&first, 0);
    assert_eq!(answered, format!("WINDOW_UPDATE 1 +{left}"));
    let second = post(3, &[("content-length", "10000")]);
    assert_eq!(client.sends(&second, 0), "");
    let short = [post(5, &[]), data(5, true, b"x", 0)].concat();
    let answered = client.sends(&short, 0);
    assert_eq!(answered, "HEADERS 5 200, DATA 5 END POST /form x");
    // The next one has its turn when the first is over.
    assert_eq!(client.sends(&reset(1), 0), "WINDOW_UPDATE 3 +1808");
    // And when it is refused.
    assert_eq!(client.sends(&post(7, &[]), 5), "");
    let answered = client.waits_until(10);
    let granted = format!("WINDOW_UPDATE 7 +{left}, HEADERS 3 408, ");
    assert!(answered.starts_with(&granted), "{answered}");
}

#[test]
fn a_body_is_not_late_while_it_may_not_come() {
    let body = |stream| post(stream, &[("content-length", "700000")]);
    let mut client = Client::new(&body(1));
    let waits = [body(3), data(3, false, &[b'x'; 8192], 0)].concat();
    assert_eq!(client.sends(&waits, 0), "");
    for second in [9, 18, 27] {
        assert_eq!(client.sends(&data(1, false, b"x", 0), second), "");
        assert_eq!(client.waits_until(second), "");
    }
    // From here on it may come, and has the time of each body.
    assert_eq!(client.sends(&reset(1), 30), "WINDOW_UPDATE 3 +691808");
    assert_eq!(client.waits_until(39), "");
    let answered = client.waits_until(40);
    assert!(answered.starts_with("HEADERS 3 408"), "{answered}");
    // As a whole it has no more time than others.
    let mut client = Client::new(&body(1));
    assert_eq!(client.sends(&waits, 0), "");
    let mut late = (1..10).filter(|turn| {
        let second = 9 * turn;
        let sent = client.sends(&data(1, false, b"x", 0), second);
        (sent + &client.waits_until(second)).contains("HEADERS 3 408")
    });
    assert_eq!(late.next(), Some(7));
}

#[test]
fn a_body_that_is_too_long_is_refused_and_so_is_more_than_the_window() {
    let mut client = Client::new(&post(1, &[]));
    let mut answered = Vec::new();
    for _ in 0..64 {
        answered.push(client.sends(&data(1, false, &[b'x'; 16384], 0), 0));
    }
    // The window of the connection is given back in halves.
    answered.retain(|line| !line.is_empty());
    assert_eq!(answered, ["WINDOW_UPDATE 0 +524288"; 2]);
    assert_eq!(
        client.sends(&data(1, false, b"x", 0), 0),
        "HEADERS 1 413, DATA 1 END <h1>413 Content Too Large</h1>"
    );
    assert_eq!(
        client.sends(&data(1, false, b"x", 0), 0),
        "RST_STREAM 1 FLOW_CONTROL_ERROR"
    );
    let announced = post(3, &[("content-length", "1048577")]);
    let answered = client.sends(&announced, 0);
    assert!(answered.starts_with("HEADERS 3 413"), "{answered}");
}

#[test]
fn a_client_that_sends_more_than_the_connection_takes_is_sent_away() {
    // It has not acknowledged the settings, so nothing is given back.
    let mut sent = [post(1, &[]), post(3, &[])].concat();
    for _ in 0..2 {
        // Padding counts too.
        sent.extend(data(1, false, &[b'x'; MAX_FRAME_SIZE - 255], 255));
        sent.extend(data(3, false, &[b'x'; MAX_FRAME_SIZE], 0));
    }
    let answered = shown(&answers(&[&opened(&sent)], all));
    assert!(
        answered.ends_with("GOAWAY 3 FLOW_CONTROL_ERROR"),
        "{answered}"
    );
}

#[test]
fn windows_may_shrink_below_zero_and_wake_what_waits() {
    let initial = |size| settings(&[(Setting::INITIAL_WINDOW_SIZE, size)]);
    let mut client = Client::new(&get(1, "/long?70000"));
    // The connection's window was as large as that of the stream.
    let sent = [initial(65_000), window(0, 100_000)].concat();
    assert_eq!(client.sends(&sent, 0), "SETTINGS ACK");
    assert_eq!(client.sends(&window(1, 535), 0), "");
    assert_eq!(client.sends(&window(1, 1), 0), "DATA 1 x");
    assert_eq!(client.sends(&initial(65_002), 0), "SETTINGS ACK, DATA 1 xx");
    assert_eq!(client.sends(&window(1, 2_000), 0), "DATA 1 2000");
    assert_eq!(client.sends(&post(3, &[]), 0), "WINDOW_UPDATE 3 +1040385");
    let too_large = [window(3, 1), initial(0x7fff_ffff)].concat();
    let answered = client.sends(&too_large, 0);
    assert_eq!(answered, "GOAWAY 3 FLOW_CONTROL_ERROR");
}

/// Four long responses do not keep a short one waiting, and urgent ones come first.
#[test]
fn responses_take_turns() {
    let asks = |stream, priority| {
        let lines = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/long?40000"),
            (":authority", "a"),
            ("priority", priority),
        ];
        headers(stream, true, true, block(&lines))
    };
    let wide = settings(&[(Setting::INITIAL_WINDOW_SIZE, 1 << 30)]);
    let mut client = Client::new(&[window(0, 1 << 30), wide].concat());
    let began = client.began;
    let long = [1, 3, 5, 7].map(|stream| get(stream, "/long?9999999"));
    client.connection.receive(&long.concat(), began);
    client.answers();
    let others = [
        get(9, "/long?1000"),
        asks(11, "u=1"),
        asks(13, "u=1"),
        asks(15, "u=0, i"),
    ];
    client.connection.receive(&others.concat(), began);
    while client.received.len() < 500_000 {
        client.answers();
        let ready = client.connection.to_send();
        assert!(ready.len() <= 64 * 1024);
        let length = ready.len().min(10_000);
        client.received.extend_from_slice(&ready[..length]);
        client.connection.sent(length, began);
    }
    client.takes_rest_of_frame();
    let shown = shown(&client.received);
    let data = shown
        .split(", ")
        .filter_map(|line| line.strip_prefix("DATA "));
    let streams: Vec<&str> = data.filter_map(|line| line.split(' ').next()).collect();
    let turns = streams.join(" ");
    // What lay ready before the urgent ones came goes out first. Of those with the same
    // urgency, one that is of no use in parts is sent to its end.
    let behind = turns.split("15 15 15 11 11 11 13 13 13 ").nth(1);
    let behind = behind.unwrap_or_else(|| panic!("{turns}"));
    let next: Vec<&str> = behind.split(' ').take(5).collect();
    assert!(next.contains(&"9"), "{turns}");
    assert!(behind.contains("1 3 5 7 1 3 5 7"), "{turns}");
}

#[test]
fn an_answer_before_the_body_waits_a_moment_before_it_stops_the_client() {
    let lines = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/early"),
        (":authority", "a"),
    ];
    let early = headers(1, false, true, block(&lines));
    let mut client = Client::new(&[]);
    let answered = client.sends(&early, 0);
    assert_eq!(answered, "HEADERS 1 200, DATA 1 END POST /early ");
    assert_eq!(client.sends(&data(1, false, b"x", 0), 0), "");
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(1)));
    assert_eq!(client.waits_until(1), "RST_STREAM 1 NO_ERROR");
    // What was on its way is no fault.
    let late = [data(1, true, b"x", 0), get(3, "/a")].concat();
    let answered = client.sends(&late, 1);
    assert_eq!(answered, "HEADERS 3 200, DATA 3 END GET /a");
    // A client that sends its body is not stopped.
    let mut client = Client::new(&early);
    assert_eq!(client.sends(&data(1, true, b"x", 0), 0), "");
    assert!(!client.connection.has_begun());
    assert!(client.connection.take_refusal().is_none());
}

#[test]
fn an_idle_connection_is_told_to_go() {
    let mut client = Client::new(&get(1, "/a"));
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(100)));
    // What is no request does not give it more time.
    let ping = Frame::Ping([0; 8]).to_bytes();
    assert_eq!(client.sends(&ping, 50), "PING ACK");
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(100)));
    assert_eq!(client.waits_until(100), "GOAWAY 1 NO_ERROR");
    assert_eq!(
        client.connection.waits_for(),
        Wait::ToLinger(client.at(101))
    );
    assert!(client.connection.take_refusal().is_none());
}

#[test]
fn what_is_no_request_makes_an_idle_connection_no_younger() {
    // A frame that has begun may come to its end, but the next one has to come by then too.
    let ping = Frame::Ping([0; 8]).to_bytes();
    let mut client = Client::new(&ping[..16]);
    let next = [&ping[16..], &ping[..16]].concat();
    for second in [15, 30, 45, 60, 75, 90, 105] {
        assert_eq!(client.sends(&next, second), "PING ACK");
    }
    assert_eq!(client.waits_until(119), "");
    assert_eq!(client.waits_until(120), "GOAWAY 0 NO_ERROR");
    // A stream that is over is reset once more.
    let mut client = Client::new(&get(1, "/a"));
    assert_eq!(client.sends(&reset(1), 50), "");
    assert_eq!(client.waits_until(100), "GOAWAY 1 NO_ERROR");
}

#[test]
fn a_frame_a_body_and_a_window_have_their_time() {
    let mut client = Client::new(&[]);
    assert_eq!(client.sends(&get(1, "/a")[..12], 50), "");
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(70)));
    assert_eq!(client.waits_until(70), "GOAWAY 0 PROTOCOL_ERROR");

    let mut client = Client::new(&post(1, &[]));
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(10)));
    assert_eq!(client.sends(&data(1, false, b"x", 0), 9), "");
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(19)));
    let answered = client.waits_until(19);
    assert!(answered.starts_with("HEADERS 1 408"), "{answered}");

    let mut client = Client::new(&get(1, "/long?70000"));
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(10)));
    let more = [window(0, 9), window(1, 1)].concat();
    assert_eq!(client.sends(&more, 9), "DATA 1 x");
    assert_eq!(client.waits_until(10), "");
    assert_eq!(client.waits_until(11), "RST_STREAM 1 CANCEL");
    // The others are served as before.
    let answered = client.sends(&get(3, "/a"), 11);
    assert_eq!(answered, "HEADERS 3 200, DATA 3 END GET /a");
}

/// For how many seconds a client goes on that does this each second, ten minutes at the most.
fn lasts(mut client: Client, each_second: impl Fn(&mut MultiplexedConnection, Instant)) -> u64 {
    (1..=600)
        .find(|&second| {
            let now = client.at(second);
            each_second(&mut client.connection, now);
            let later = now + Duration::from_millis(500);
            client.connection.time_passes(later);
            let is_closed = client.connection.waits_for() == Wait::ToClose;
            let errors = std::iter::from_fn(|| client.connection.take_error());
            is_closed || errors.count() > 0
        })
        .unwrap_or(600)
}

#[test]
fn a_client_that_takes_a_response_byte_by_byte_comes_to_an_end() {
    // It is never silent for longer than a second. Only what it takes gives it more time.
    let long = get(1, "/long?9000000");
    for (bytes, at_least, at_most) in [(1, 9, 11), (120, 15, 25), (300, 600, 600)] {
        // By the stream's window, by that of the connection, and by what TCP takes.
        let takes_all = |connection: &mut MultiplexedConnection, opened: &[u8], now| {
            connection.receive(opened, now);
            assert!(connection.next_request().is_none());
            connection.sent(connection.to_send().len(), now);
        };
        let opened = [&window(0, 8_000_000), &long[..]].concat();
        let stream = lasts(Client::new(&opened), |connection, now| {
            takes_all(connection, &window(1, bytes), now);
        });
        let opened = [&settings(&[(4, 8_000_000)]), &long[..]].concat();
        let connection = lasts(Client::new(&opened), |connection, now| {
            takes_all(connection, &window(0, bytes), now);
        });
        let opened = [settings(&[(4, 8_000_000)]), window(0, 8_000_000)].concat();
        let mut client = Client::new(&opened);
        client.connection.receive(&long, client.began);
        client.answers();
        let transport = lasts(client, |connection, now| {
            connection.sent(bytes as usize, now);
        });
        for seconds in [stream, connection, transport] {
            let expected = at_least..=at_most;
            assert!(expected.contains(&seconds), "{bytes}: {seconds} s");
        }
    }
}

/// What a client holds up by its window is counted only while the server waits for that.
#[test]
fn the_time_of_one_wait_is_not_that_of_another() {
    // The connection's window was used up long ago, when nothing waited for it.
    let mut client = Client::new(&get(1, "/long?65535"));
    let answered = client.sends(&get(3, "/a"), 90);
    assert_eq!(answered, "HEADERS 3 200");
    assert_eq!(client.waits_until(99), "");
    let answered = client.sends(&window(0, 100), 99);
    assert_eq!(answered, "DATA 3 END GET /a");
    // It was used up once more, by a response that the client gave up after a while.
    let long = [settings(&[(4, 1 << 20)]), get(1, "/long?70000")].concat();
    let mut client = Client::new(&long);
    assert_eq!(client.waits_until(9), "");
    let opened = [reset(1), window(0, 2)].concat();
    assert_eq!(client.sends(&opened, 9), "");
    assert_eq!(client.sends(&get(3, "/a"), 12), "HEADERS 3 200, DATA 3 GE");
    assert_eq!(client.waits_until(21), "");
    assert_eq!(client.waits_until(22), "RST_STREAM 3 CANCEL");
    // What lies ready is taken slowly. The client cannot open the window before it has come.
    let mut client = Client::new(&[]);
    client
        .connection
        .receive(&get(1, "/long?70000"), client.began);
    client.answers();
    for second in 1..=30 {
        let part = client.connection.to_send().len().min(2200);
        client.connection.sent(part, client.at(second));
    }
    assert!(client.connection.to_send().is_empty());
    client.connection.time_passes(client.at(39));
    assert!(client.connection.take_error().is_none());
    client.connection.time_passes(client.at(40));
    assert!(client.connection.take_error().is_some());
}

/// Requests with long fields, or whose bodies do not come, are not kept by the hundred.
#[test]
fn what_waiting_requests_keep_is_bounded() {
    let long = "x".repeat(15_000);
    for (more, taken) in [
        (("x", "y"), 61..=63),
        (("x", &*long), 13..=14),
        (("content-length", "10"), 100..=100),
    ] {
        let mut client = Client::new(&[]);
        let many = (0..101).flat_map(|number| post(1 + 2 * number, &[more]));
        let answered = client.sends(&many.collect::<Vec<_>>(), 0);
        let refused = answered.matches(" REFUSED_STREAM").count();
        assert!(taken.contains(&(101 - refused)), "{refused} are refused");
        // Once one of them is answered, the next may come.
        assert!(client.sends(&data(1, true, &[], 0), 0).contains(" 1 "));
        let answered = client.sends(&get(301, "/a"), 0);
        assert_eq!(answered, "HEADERS 301 200, DATA 301 END GET /a");
    }
}

/// A client that sends requests and takes no response: what lies ready stays bounded.
#[test]
fn a_client_that_takes_nothing_is_not_read_any_further() {
    let mut client = Client::new(&window(0, 0x7000_0000));
    for number in 0..20_000 {
        if !client.connection.waits_for().wants_to_read() {
            break;
        }
        let pings = Frame::Ping([1; 8]).to_bytes().repeat(10);
        let sent = [get(1 + 2 * number, "/long?30000"), pings].concat();
        client.connection.receive(&sent, client.began);
        client.answers();
    }
    assert!(client.connection.to_send().len() < 200_000);
    assert_eq!(client.connection.waits_for(), Wait::ToWrite(client.at(10)));
    client.connection.time_passes(client.at(10));
    assert_eq!(client.connection.waits_for(), Wait::ToClose);
}

#[test]
fn more_streams_than_were_announced_are_refused_and_may_come_again() {
    let many: Vec<u8> = (0..101)
        .flat_map(|number| post(1 + 2 * number, &[]))
        .collect();
    let mut client = Client::new(&[]);
    let answered = client.sends(&many, 0);
    assert!(
        answered.ends_with("RST_STREAM 201 REFUSED_STREAM"),
        "{answered}"
    );
    let end = [
        data(1, true, b"", 0),
        post(301, &[]),
        data(301, true, b"", 0),
    ];
    let answered = client.sends(&end.concat(), 0);
    assert!(answered.contains("HEADERS 301 200"), "{answered}");
}

#[test]
fn the_last_requests_are_those_that_came_before_the_client_knew() {
    let mut client = Client::new(&post(1, &[]));
    client.connection.finish_after_current();
    client.connection.finish_after_current();
    assert_eq!(client.takes(0), "GOAWAY 2147483647 NO_ERROR, PING");
    // That was on its way.
    let answered = client.sends(&get(3, "/a"), 0);
    assert_eq!(answered, "HEADERS 3 200, DATA 3 END GET /a");
    let pong = Frame::PingAck(*b"last one").to_bytes();
    assert_eq!(client.sends(&pong, 0), "GOAWAY 3 NO_ERROR");
    let more = [get(5, "/b"), data(7, true, b"x", 0), data(1, true, b"x", 0)];
    let answered = client.sends(&more.concat(), 0);
    assert_eq!(answered, "HEADERS 1 200, DATA 1 END POST /form x");
    assert_eq!(client.connection.waits_for(), Wait::ToLinger(client.at(1)));
}

#[test]
fn a_client_that_does_not_confirm_the_end_is_not_waited_for() {
    let mut client = Client::new(&[]);
    client.connection.finish_after_current();
    assert_eq!(client.takes(0), "GOAWAY 2147483647 NO_ERROR, PING");
    assert_eq!(client.connection.waits_for(), Wait::ToRead(client.at(1)));
    assert_eq!(client.waits_until(1), "GOAWAY 0 NO_ERROR");
    assert_eq!(client.connection.waits_for(), Wait::ToLinger(client.at(2)));
}
