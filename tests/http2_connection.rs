//! The connection of HTTP/2 as a value: what each frame of a client leads to, and that the
//! answers are the same in whatever pieces the frames come. There is no socket here.

mod http2_exchanges;

use std::time::Instant;

use common::{Frame, Http2Connection, Setting, Timeouts, Wait};
use http2_exchanges::{
    Exchange, PREFACE, TIMES, at, continuation, corpus, data, get, headers, moved_up, opened, post,
    respond, settings, shown, window,
};

/// What comes back to a client that sends these pieces and then no more, and takes what it
/// gets as `take` says, which is told how many bytes there are.
fn answers(pieces: &[&[u8]], mut take: impl FnMut(usize) -> usize) -> Vec<u8> {
    let now = Instant::now();
    let mut connection = Http2Connection::new(TIMES, now);
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let mut sent = Vec::new();
    loop {
        while let Some((stream, request)) = connection.next_request() {
            connection.answer(stream, &request, respond(&request));
        }
        match connection.waits_for() {
            Wait::ToRead(_) => connection.receive(pieces.next().unwrap_or(&&b""[..]), now),
            Wait::ToWrite(_) | Wait::ToReadOrWrite(_) => {
                let to_send = connection.to_send();
                let length = take(to_send.len());
                sent.extend_from_slice(&to_send[..length]);
                connection.sent(length, now);
            }
            Wait::ToLinger(_) | Wait::ToClose => return sent,
        }
    }
}

fn all(length: usize) -> usize {
    length
}

#[test]
fn each_exchange_alone() {
    for Exchange {
        name,
        sent,
        answered,
    } in corpus()
    {
        let sent = opened(&sent);
        let alone = shown(&answers(&[&sent], all));
        assert_eq!(alone, answered, "{name}");
    }
}

#[test]
fn each_exchange_cut_in_two_and_byte_by_byte() {
    for Exchange { name, sent, .. } in corpus() {
        let sent = opened(&sent);
        let expected = shown(&answers(&[&sent], all));
        // Of the long ones not every place is another one.
        for cut in (0..sent.len()).step_by(1 + sent.len() / 500) {
            let (first, second) = sent.split_at(cut);
            assert_eq!(shown(&answers(&[first, second], all)), expected, "{name}");
        }
        let bytes: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(shown(&answers(&bytes, all)), expected, "{name}");
        let slowly = |length: usize| length.min(777);
        assert_eq!(shown(&answers(&[&sent], slowly)), expected, "{name}");
    }
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
        let mut between = post(1, &[]);
        for frame in &frames {
            let ends_block = !matches!(frame[3], 1 | 9) || frame[4] & 4 != 0;
            between.extend(frame);
            if ends_block {
                between.extend(data(1, false, &[b'x'; 777], 0));
            }
        }
        between.extend(data(1, true, &[b'x'; 777], 0));
        let between = shown(&answers(&[&opened(&between)], all));
        let is_other = |line: &&str| {
            *line != "WINDOW_UPDATE 0 +777"
                && !line.starts_with("HEADERS 1 ")
                && !line.starts_with("DATA 1 ")
        };
        let lines: Vec<&str> = between.split(", ").filter(is_other).collect();
        assert_eq!(lines.join(", "), expected, "{name}");
        tried += 1;
    }
    assert!(tried > 50);
}

/// A connection that has sent all it had to, and the moment at which it began.
fn open_connection(sent: &[u8]) -> (Http2Connection, Instant) {
    let began = Instant::now();
    let mut connection = Http2Connection::new(TIMES, began);
    connection.receive(&opened(sent), began);
    drain(&mut connection, began);
    (connection, began)
}

/// Answers what there is, and gives what is sent.
fn drain(connection: &mut Http2Connection, now: Instant) -> Vec<u8> {
    let mut sent = Vec::new();
    loop {
        while let Some((stream, request)) = connection.next_request() {
            connection.answer(stream, &request, respond(&request));
        }
        let to_send = connection.to_send().to_vec();
        if to_send.is_empty() {
            return sent;
        }
        assert!(connection.waits_for().wants_to_write(), "it is never sent");
        connection.sent(to_send.len(), now);
        sent.extend(to_send);
    }
}

#[test]
fn an_idle_connection_is_told_to_go() {
    let (mut connection, began) = open_connection(&get(1, "/a"));
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 100)));
    // What is no request does not give it more time, nor does the answer to that.
    connection.receive(&Frame::Ping([0; 8]).to_bytes(), at(began, 50));
    assert_eq!(drain(&mut connection, at(began, 50)).len(), 17);
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 100)));
    // A request does, from the moment on at which its response was taken.
    connection.receive(&get(3, "/a"), at(began, 55));
    drain(&mut connection, at(began, 60));
    connection.time_passes(at(began, 100));
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 160)));
    connection.time_passes(at(began, 160));
    // A client that takes its time to take it has its time to close from then on.
    let sent = drain(&mut connection, at(began, 165));
    assert_eq!(&sent[..13], b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x03");
    assert_eq!(connection.waits_for(), Wait::ToLinger(at(began, 166)));
    assert!(connection.take_error().is_none());
}

/// By default most times are the same.
#[test]
fn a_client_that_is_late_is_told() {
    for sent in [
        &b""[..],
        &get(1, "/a")[..12],
        &headers(1, true, false, Vec::new()),
        &post(1, &[]),
    ] {
        let began = Instant::now();
        let mut connection = Http2Connection::new(Timeouts::default(), began);
        connection.receive(&opened(sent), began);
        drain(&mut connection, began);
        let Wait::ToRead(until) = connection.waits_for() else {
            panic!("it waits for the client");
        };
        connection.time_passes(until);
        assert!(!drain(&mut connection, until).is_empty(), "{sent:?}");
    }
}

#[test]
fn a_silent_client_hears_nothing() {
    let began = Instant::now();
    let mut connection = Http2Connection::new(TIMES, began);
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 100)));
    connection.time_passes(at(began, 100));
    assert_eq!(connection.waits_for(), Wait::ToClose);
    assert!(connection.take_error().is_none());
}

#[test]
fn a_preface_a_frame_and_a_field_block_have_their_time() {
    let began = Instant::now();
    let mut connection = Http2Connection::new(TIMES, began);
    connection.receive(&PREFACE[..20], at(began, 50));
    assert!(connection.next_request().is_none());
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 70)));
    connection.time_passes(at(began, 70));
    let sent = drain(&mut connection, at(began, 70));
    assert!(sent.starts_with(b"HTTP/1.1 408 "));

    let (mut connection, began) = open_connection(&[]);
    connection.receive(&get(1, "/a")[..12], at(began, 50));
    assert!(connection.next_request().is_none());
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 70)));
    connection.time_passes(at(began, 70));
    let error = connection.take_error().unwrap().to_string();
    assert!(error.starts_with("PROTOCOL_ERROR: "), "{error}");

    // Fragments do not give the block more time.
    let (mut connection, began) = open_connection(&[]);
    connection.receive(&headers(1, true, false, Vec::new()), at(began, 50));
    for second in 50..70 {
        assert!(connection.next_request().is_none());
        assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 70)));
        connection.receive(&continuation(1, false, b""), at(began, second));
    }
    assert!(connection.next_request().is_none());
    connection.time_passes(at(began, 70));
    assert!(connection.take_error().is_some());
}

#[test]
fn a_body_has_its_time_and_the_connection_goes_on() {
    let (mut connection, began) = open_connection(&post(1, &[]));
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 10)));
    for second in (9..60).step_by(9) {
        connection.receive(&data(1, false, b"x", 0), at(began, second));
        drain(&mut connection, at(began, second));
        let until = (second + 10).min(60);
        assert_eq!(connection.waits_for(), Wait::ToRead(at(began, until)));
    }
    connection.time_passes(at(began, 60));
    drain(&mut connection, at(began, 60));
    let error = connection.take_error().unwrap().to_string();
    assert!(error.starts_with("408 "), "{error}");
    connection.receive(&get(3, "/a"), at(began, 61));
    assert_eq!(connection.next_request().unwrap().0, 3);
}

/// A client that sends requests and takes no response: what lies ready stays bounded.
#[test]
fn a_client_that_takes_nothing_is_not_read_any_further() {
    let (mut connection, began) = open_connection(&window(0, 0x7000_0000));
    let many: Vec<u8> = (0..1000)
        .flat_map(|number| get(1 + 2 * number, "/long?30000"))
        .collect();
    connection.receive(&many, began);
    let mut answered = 0;
    while let Some((stream, request)) = connection.next_request() {
        connection.answer(stream, &request, respond(&request));
        answered += 1;
    }
    assert_eq!(answered, 3);
    assert!(connection.to_send().len() < 100_000);
    assert_eq!(connection.waits_for(), Wait::ToWrite(at(began, 10)));
    connection.time_passes(at(began, 10));
    assert_eq!(connection.waits_for(), Wait::ToClose);
}

#[test]
fn more_streams_than_were_announced_are_refused_and_may_come_again() {
    let mut sent: Vec<u8> = (0..101)
        .flat_map(|number| post(1 + 2 * number, &[]))
        .collect();
    sent.extend(data(1, true, b"", 0));
    sent.extend(post(301, &[]));
    let answered = shown(&answers(&[&opened(&sent)], all));
    assert_eq!(
        answered,
        "RST_STREAM 201 REFUSED_STREAM, HEADERS 1 200, DATA 1 END POST /form , \
         GOAWAY 301 PROTOCOL_ERROR"
    );
}

#[test]
fn a_client_of_another_version_is_answered_in_its_own() {
    for (sent, status) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], "505"),
        (b"\x16\x03\x01", "400"),
        (b"PRI * HT", "400"),
    ] {
        let answered = String::from_utf8(answers(&[sent], all)).unwrap();
        assert!(
            answered.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answered}"
        );
        assert!(answered.contains("\r\nConnection: close\r\n"), "{answered}");
    }
}

#[test]
fn the_log_says_what_a_response_is_too_long_for() {
    let small = settings(&[(Setting::INITIAL_WINDOW_SIZE, 5)]);
    for (sent, problem) in [
        (
            [small, get(1, "/a")],
            "the response is longer than the client's window",
        ),
        (
            [window(0, 0x7000_0000), get(1, "/long?65536")],
            "the response is longer than 65,535 bytes",
        ),
    ] {
        let (mut connection, _) = open_connection(&sent.concat());
        let error = connection.take_error().unwrap().to_string();
        assert_eq!(error, format!("500 Internal Server Error: {problem}"));
    }
}

#[test]
fn an_interim_response_comes_first_and_only_for_the_request_under_way() {
    let (mut connection, began) = open_connection(&[]);
    connection.receive(&get(1, "/a"), began);
    let (stream, request) = connection.next_request().unwrap();
    connection.send_interim(3, "103", &[]);
    connection.send_interim(stream, "103", &[("link", "</a>")]);
    connection.answer(stream, &request, respond(&request));
    connection.send_interim(stream, "103", &[]);
    let answered = [
        &settings(&[])[..],
        &Frame::SettingsAck.to_bytes(),
        connection.to_send(),
    ];
    assert_eq!(
        shown(&answered.concat()),
        "HEADERS 1 103, HEADERS 1 200, DATA 1 END GET /a"
    );
}
