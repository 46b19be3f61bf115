//! Chapter 18: the frames of HTTP/2 are read and logged.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use harness::clients::read_some;
use harness::http2::{self, OPENING};
use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const MIB: usize = 1024 * 1024;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch18-frames");

/// Frames in the notation, as bytes.
fn bytes(frames: &str) -> Vec<u8> {
    http2::bytes_of(&http2::read(frames).expect("these are frames"))
}

fn a_ping_is_answered(server: &Server) {
    let exchange = server
        .begin("core")
        .frames(OPENING)
        .frames("PING 0 0123456789abcdef")
        .receive()
        .stays_open();
    assert!(
        exchange.contains("\n< PING 0 0123456789abcdef ACK\n"),
        "{exchange}"
    );
}

#[test]
fn opening() {
    let exchange = Server::start(CHAPTER)
        .begin("core: both sides announce their settings, and each acknowledges the other's")
        .frames(OPENING)
        .receive()
        .frames("SETTINGS 0 ACK")
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn ping() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a PING comes back with its eight bytes")
        .frames(OPENING)
        .frames("PING 0 0123456789abcdef\nPING 0 ffffffffffffffff")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn ping_ack() {
    let exchange = Server::start(CHAPTER)
        .begin("core: the acknowledgement of a PING is not answered")
        .frames(OPENING)
        .frames("PING 0 0000000000000000 ACK\nPING 0 0000000000000001")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn request() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin("lesson: a request is printed as it came, and ends the connection")
        .frames(OPENING)
        .frames("WINDOW_UPDATE 0 1000\nPRIORITY 3 on=0 weight=201")
        .frames(http2::get(1, "/hello"))
        .receive()
        .frames("SETTINGS 0 ACK\nGOAWAY 0 last=0 NO_ERROR")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(7, &exchange));
}

#[test]
fn request_with_a_body() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin("lesson: what the client has sent behind its request is printed too")
        .frames(OPENING)
        .frames(http2::request(
            1,
            "POST",
            "/guestbook",
            "",
            Some("name=Ada"),
        ))
        .frames(http2::get(3, "/hello"))
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(6, &exchange));
}

#[test]
fn unknown_types_are_ignored() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a frame of an unknown type is ignored")
        .frames(OPENING)
        .frames("0x2a 0\n  [payload 01 02 03]\n0xff 5 0xff\n  [payload]\nPING 0 0000000000000002")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn unknown_flags_and_settings_are_ignored() {
    let exchange = Server::start(CHAPTER)
        .begin("core: unknown settings, undefined flags and the reserved bit are ignored")
        .frames("PREFACE\nSETTINGS 0 4660=7 MAX_CONCURRENT_STREAMS=0 0xfe")
        .frames("PING 0 0000000000000003 0xfe reserved")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn byte_by_byte() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a frame may come in many pieces")
        .frames_one_by_one(format!("{OPENING}PING 0 0000000000000004"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

/// Opens a connection with this behind the client's SETTINGS, which ends it.
fn ended_by(heading: &str, frames: &str) -> String {
    Server::start(CHAPTER)
        .begin(heading)
        .frames(OPENING)
        .frames(frames)
        .finish()
}

#[test]
fn frame_too_long() {
    let heading = "core: a frame longer than 16,384 bytes ends the connection";
    assert_snapshot!(ended_by(
        heading,
        "0x2a 0 length=16385\n  [payload 00*16385]"
    ));
}

#[test]
fn longest_frame() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a frame of 16,384 bytes is read")
        .frames(OPENING)
        .frames("0x2a 0\n  [payload 00*16384]\nPING 0 0000000000000005")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn settings_not_whole() {
    let heading = "core: the length of SETTINGS is a multiple of six";
    assert_snapshot!(ended_by(heading, "SETTINGS 0\n  [payload 00 04 00 00 00]"));
}

#[test]
fn settings_ack_with_a_payload() {
    let heading = "core: the acknowledgement of SETTINGS is empty";
    assert_snapshot!(ended_by(
        heading,
        "SETTINGS 0 ACK\n  [payload 00 04 00 00 00 01]"
    ));
}

#[test]
fn settings_of_a_stream() {
    let heading = "core: SETTINGS belongs to the connection";
    assert_snapshot!(ended_by(heading, "SETTINGS 1"));
}

#[test]
fn settings_out_of_range() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin("core: a setting has a value that it may have")
        .frames("PREFACE\nSETTINGS 0 ENABLE_PUSH=2")
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn ping_of_seven_bytes() {
    let heading = "core: PING has eight bytes";
    assert_snapshot!(ended_by(
        heading,
        "PING 0\n  [payload 01 02 03 04 05 06 07]"
    ));
}

#[test]
fn ping_of_a_stream() {
    let heading = "core: PING belongs to the connection";
    assert_snapshot!(ended_by(heading, "PING 1 0000000000000006"));
}

#[test]
fn window_update_of_nothing() {
    let heading = "core: WINDOW_UPDATE adds something";
    assert_snapshot!(ended_by(heading, "WINDOW_UPDATE 0 0"));
}

#[test]
fn window_update_of_three_bytes() {
    let heading = "core: WINDOW_UPDATE has four bytes";
    assert_snapshot!(ended_by(heading, "WINDOW_UPDATE 0\n  [payload 00 00 01]"));
}

#[test]
fn data_of_no_stream() {
    let heading = "core: DATA belongs to a stream";
    assert_snapshot!(ended_by(heading, "DATA 0 3\n  abc"));
}

#[test]
fn data_before_headers() {
    let heading = "core: a stream begins with HEADERS";
    assert_snapshot!(ended_by(heading, "DATA 1 3\n  abc"));
}

#[test]
fn continuation_before_headers() {
    let heading = "core: CONTINUATION follows HEADERS";
    assert_snapshot!(ended_by(
        heading,
        "CONTINUATION 1 END_HEADERS\n  :method: GET"
    ));
}

#[test]
fn push_promise() {
    let heading = "core: a client does not push";
    assert_snapshot!(ended_by(
        heading,
        "PUSH_PROMISE 1 promised=2 END_HEADERS\n  :method: GET"
    ));
}

#[test]
fn the_first_frame_is_settings() {
    let exchange = Server::start(CHAPTER)
        .begin("core: the first frame is SETTINGS")
        .frames("PREFACE\nPING 0 0000000000000007")
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn http_1() {
    let exchange = Server::start(CHAPTER).exchange(
        "robust: a client that speaks HTTP/1.1 hears so in HTTP/1.1",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn tls_hello() {
    let exchange = Server::start(CHAPTER).exchange(
        "robust: a client that speaks TLS is not kept waiting",
        hostile::TLS_HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    let connections: [&[u8]; 9] = [
        b"",
        b"PRI * HTTP/2",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\n\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        &bytes("PREFACE\nSETTINGS 0\nPING 0 00000000000000ff\n0x10 0\n  [payload 00 00 00 01]"),
        &bytes("PREFACE\nSETTINGS 0\n0x2a 0 length=5\n  [payload 01 02]"),
        &bytes("PREFACE\nSETTINGS 0\nPRIORITY 3\n  [payload 00 00 00 01]"),
    ];
    for (number, sent) in connections.iter().enumerate() {
        let exchange = server.begin(&format!("connection {number}"));
        exchange.send(sent).half_close().finish();
    }
    assert_snapshot!(server.log());
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), a_ping_is_answered);
}

/// What comes back does not depend on how TCP delivers what was sent.
#[test]
fn an_exchange_may_be_cut_anywhere() {
    let server = Server::start(CHAPTER);
    let sent = bytes(&format!(
        "{OPENING}PING 0 000000000000000d\n0x2a 0\n  [payload 00 01]\nPRIORITY 3 on=0 weight=1\n{}",
        http2::get(1, "/hello")
    ));
    let answer = |split: usize| {
        let (first, second) = sent.split_at(split);
        let mut client = server.connect();
        client.write_all(first).expect("cannot send");
        client.write_all(second).expect("cannot send");
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("an end");
        received
    };
    let whole = answer(0);
    assert!(whole.ends_with(b"field blocks are decoded from chapter 19 on"));
    for split in 1..sent.len() {
        assert_eq!(answer(split), whole, "{split}");
    }
}

/// A client's end of a connection on which this was sent, or as much of it as the server
/// takes.
fn client_that_sent(server: &Server, sent: &[u8]) -> TcpStream {
    let mut client = server.connect();
    client
        .set_write_timeout(Some(Duration::from_millis(300)))
        .expect("cannot limit a write");
    let _ = client.write_all(sent);
    client
}

#[test]
fn half_a_frame_holds_up_nobody() {
    let server = Server::start(CHAPTER);
    let opening = bytes(&format!("{OPENING}PING 0 0000000000000008"));
    let clients: Vec<_> = (0..=opening.len())
        .map(|length| client_that_sent(&server, &opening[..length]))
        .collect();
    a_ping_is_answered(&server);
    drop(clients);
    a_ping_is_answered(&server);
}

/// Frames without end that have to be answered, or to be looked at; none of what comes back
/// is read.
#[test]
fn floods_hold_up_nobody_and_take_no_memory() {
    let server = Server::start(CHAPTER);
    a_ping_is_answered(&server);
    #[cfg(target_os = "linux")]
    let before = harness::company::cost_of([server.process()]).expect("it tells");
    let mut clients = Vec::new();
    for (frame, length) in [
        ("PING 0 0000000000000009", 8 * MIB),
        ("SETTINGS 0", 8 * MIB),
        ("SETTINGS 0\n  [payload 12 34*16379]", MIB / 4),
        ("PING 0 0000000000000009 ACK", MIB / 4),
        ("SETTINGS 0 ACK", MIB / 4),
        ("WINDOW_UPDATE 0 1", MIB / 4),
        ("PRIORITY 3 on=0 weight=1", MIB / 4),
        ("GOAWAY 0 last=0 NO_ERROR", MIB / 4),
        ("0x2a 0\n  [payload]", MIB / 4),
        ("0x2a 0\n  [payload 00*16384]", 16 * MIB),
    ] {
        let frame = bytes(frame);
        let mut sent = bytes(OPENING);
        sent.extend(frame.repeat(length / frame.len()));
        clients.push(client_that_sent(&server, &sent));
        a_ping_is_answered(&server);
        #[cfg(target_os = "linux")]
        {
            let after = harness::company::cost_of([server.process()]).expect("it tells");
            let grown = after.kib.saturating_sub(before.kib);
            assert!(grown < 4 * 1024, "it takes {grown} KiB more");
        }
    }
    drop(clients);
    a_ping_is_answered(&server);
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_silent_client_is_let_go() {
    let server = Server::start(CHAPTER);
    let opening = bytes(OPENING);
    let ping = bytes("PING 0 000000000000000a");
    let clients: Vec<_> = [
        opening.clone(),
        [&opening[..], &ping[..4]].concat(),
        opening[..20].to_vec(),
        Vec::new(),
    ]
    .map(|sent| client_that_sent(&server, &sent))
    .into();
    a_ping_is_answered(&server);
    let ends = clients.into_iter().map(|mut client| {
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("an end");
        String::from_utf8_lossy(&received).into_owned()
    });
    let ends: Vec<String> = ends.collect();
    assert!(ends[0].ends_with("the connection's time is up"), "{ends:?}");
    assert!(
        ends[1].ends_with("the frame did not arrive in time"),
        "{ends:?}"
    );
    assert!(ends[2].starts_with("HTTP/1.1 408 "), "{ends:?}");
    assert_eq!(ends[3], "");
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_client_that_pings_without_end_is_let_go() {
    let server = Server::start(CHAPTER);
    let mut client = client_that_sent(&server, &bytes(OPENING));
    let ping = bytes("PING 0 000000000000000b");
    let mut received = [0; 65536];
    loop {
        let sent = client.write_all(&ping);
        if sent.is_err() || read_some(&mut client, &mut received).is_ok_and(|length| length == 0) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let errors = server.log();
    assert!(
        errors.contains("\nNO_ERROR: the connection's time is up\\n"),
        "{errors}"
    );
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, a_ping_is_answered);
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch18-solution")
}

#[test]
fn exercise_a_request_with_a_body() {
    let server = solution();
    let exchange = server
        .begin("exercise: a request with a body is a line of its own")
        .frames(OPENING)
        .frames(http2::request(1, "POST", "/guestbook", "", None).replace(" END_STREAM", ""))
        .frames(http2::data(1, "name=Ada", false) + &http2::data(1, "&text=Hi", true))
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(2, &exchange));
}

#[test]
fn exercise_in_the_order_of_the_numbers() {
    let server = solution();
    let exchange = server
        .begin("exercise: the lines are in the order of the numbers, whatever the type")
        .frames(OPENING)
        .frames("PRIORITY 11 on=0 weight=1\nPRIORITY 3 on=0 weight=1\n0x2a 101\n  [payload 00]")
        .frames("PRIORITY 3 on=11 weight=2\nPING 0 000000000000000c")
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(4, &exchange));
}

#[test]
fn exercise_padding() {
    let server = solution();
    let exchange = server
        .begin("exercise: padding is not data")
        .frames(OPENING)
        .frames(http2::request(1, "POST", "/guestbook", "", None).replace(" END_STREAM", ""))
        .frames("DATA 1 8 pad=10\n  name=Ada\nDATA 1 0 pad=0 END_STREAM")
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(2, &exchange));
}

#[test]
fn exercise_many_streams() {
    let server = solution();
    let priority = |stream: u32| format!("PRIORITY {stream} on=0 weight=1\n");
    let frames: String = (1..=25).map(|number| priority(2 * number + 1)).collect();
    let exchange = server
        .begin("exercise: twenty streams are counted one by one")
        .frames(OPENING)
        .frames(frames + &priority(7) + &priority(51))
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(21, &exchange));
}

#[test]
fn exercise_an_error() {
    let server = solution();
    let exchange = server
        .begin("exercise: what came before an error counts")
        .frames(OPENING)
        .receive()
        .frames("SETTINGS 0 ACK\nPRIORITY 3 on=0 weight=1\nPING 0\n  [payload 00]")
        .finish();
    assert_snapshot!(server.add_lines_it_printed(2, &exchange));
}

#[test]
fn exercise_another_connection() {
    let server = solution();
    let exchange = server
        .begin("exercise: each connection counts for itself")
        .frames(OPENING)
        .frames("PRIORITY 3 on=0 weight=1")
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .another()
        .frames(OPENING)
        .frames("PRIORITY 5 on=0 weight=1")
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(4, &exchange));
}

#[test]
fn exercise_no_frame() {
    let server = solution();
    let exchange = server
        .begin("exercise: a connection without a frame prints nothing")
        .frames("PREFACE")
        .half_close()
        .another()
        .frames(OPENING)
        .receive()
        .frames("SETTINGS 0 ACK")
        .half_close()
        .finish();
    assert_snapshot!(server.add_lines_it_printed(1, &exchange));
}
