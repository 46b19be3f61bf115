//! Chapter 20: many requests at once, in HTTP/2.

use std::io::{Read, Write};
use std::sync::Arc;

#[cfg(unix)]
use harness::clients::NO_HURRY;
use harness::clients::real_clients;
use harness::http2::{self, OPENING, data, get};
use harness::tls::rustls::{self, ClientConfig};
use harness::tls::{Sealed, config};
use harness::{Exchange, Server, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch20-streams");

const FORM: &str = "content-type: application/x-www-form-urlencoded\n";

const GET: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// More clients than there are loops on most machines.
const SOME: usize = 16;

fn start() -> Server {
    Server::start(CHAPTER)
}

/// A request whose body is to come.
fn begun(stream: u32, method: &str, path: &str, fields: &str) -> String {
    http2::request(stream, method, path, fields, None).replacen(" END_STREAM", "", 1)
}

/// The client's settings, with how much of each response it takes at first.
fn window(initial: u32) -> String {
    format!("PREFACE\nSETTINGS 0 INITIAL_WINDOW_SIZE={initial}\n")
}

fn the_page_is_served(server: &Server) {
    the_page_is_served_over(server.begin("core"));
}

fn the_page_is_served_over(exchange: Exchange) {
    let exchange = exchange
        .frames(OPENING)
        .frames(get(1, "/hello"))
        .receive()
        .stays_open();
    assert!(exchange.contains("<   <h1>Hello, User!</h1>"), "{exchange}");
}

#[test]
fn what_earlier_chapters_do() {
    still_does_what_came_before("ch20-streams", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch20-streams", CHAPTER);
}

// Streams

#[test]
fn two_at_once() {
    let exchange = start()
        .begin("lesson: a request is answered while the body of another one comes")
        .frames(OPENING)
        .frames(begun(1, "POST", "/guestbook", FORM))
        .frames(data(1, "name=Ada&", false))
        .frames(get(3, "/hello"))
        .receive()
        .frames(data(1, "message=Hello", true))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn early_answer() {
    let exchange = start()
        .begin("lesson: an answer that needs no body comes before it")
        .frames(OPENING)
        .frames(begun(1, "PUT", "/hello", ""))
        .receive_frames(4)
        .frames(data(1, "not needed", true))
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn unknown_length() {
    let exchange = start()
        .begin("core: a response whose length is not known ends with its stream")
        .frames(OPENING)
        .frames(get(1, "/numbers?to=3"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn part_of_a_file() {
    let range = http2::request(1, "GET", "/pages/style.css", "range: bytes=0-8\n", None);
    let exchange = start()
        .begin("core: a part of a file")
        .frames(OPENING)
        .frames(range)
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn not_modified() {
    let asks = http2::request(1, "GET", "/", "if-none-match: *\n", None);
    let exchange = start()
        .begin("core: 304 has no content")
        .frames(OPENING)
        .frames(asks)
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

// Windows

#[test]
fn longest_response() {
    let exchange = start()
        .begin("lesson: a response that does not fit into the window waits for more of it")
        .frames(window(5))
        .frames(get(1, "/hello"))
        .receive_frames(4)
        .frames("WINDOW_UPDATE 1 10")
        .receive_frames(1)
        .frames("WINDOW_UPDATE 1 100")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn windows_of_open_streams() {
    let exchange = start()
        .begin("lesson: a setting changes the windows of responses that have begun")
        .frames(window(5))
        .frames(get(1, "/hello"))
        .receive_frames(4)
        .frames("SETTINGS 0 INITIAL_WINDOW_SIZE=2\nWINDOW_UPDATE 1 3\n")
        .receive_frames(1)
        .frames("WINDOW_UPDATE 1 1")
        .receive_frames(1)
        .frames("SETTINGS 0 INITIAL_WINDOW_SIZE=100")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn urgent_first() {
    let with = |stream, path, priority: &str| {
        let field = format!("priority: {priority}\n");
        http2::request(stream, "GET", path, &field, None)
    };
    let exchange = start()
        .begin("robust: the more urgent response comes first")
        .frames(window(0))
        .frames(with(1, "/hello", "u=5") + &with(3, "/hello", "u=0"))
        .receive_frames(4)
        .frames("SETTINGS 0 INITIAL_WINDOW_SIZE=100")
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn body_too_large() {
    let form = begun(
        1,
        "POST",
        "/guestbook",
        &format!("{FORM}content-length: 1048577\n"),
    );
    let exchange = start()
        .begin("core: a body of more than 1 MiB is refused")
        .frames(OPENING)
        .frames(form)
        .frames(get(3, "/hello"))
        .receive_frames(6)
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn window_for_a_long_body() {
    let form = begun(
        1,
        "POST",
        "/guestbook",
        &format!("{FORM}content-length: 10000\n"),
    );
    let exchange = start()
        .begin("robust: a long body gets a window as long as it is")
        .frames(OPENING)
        .receive_frames(2)
        .frames("SETTINGS 0 ACK")
        .frames(form)
        .receive_frames(2)
        .stays_open();
    assert_snapshot!(exchange);
}

// Versions

#[test]
fn http_1() {
    assert_snapshot!(start().exchange(
        "core: a client of HTTP/1.1 is served on the same port",
        GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    ));
}

/// In place of what chapter 18 says to such a client.
#[test]
fn tls_hello() {
    assert_snapshot!(start().exchange(
        "robust: a client that speaks TLS is told at once that this is no request",
        hostile::TLS_HELLO,
    ));
}

/// What a client that offers these protocols gets over the one that is chosen.
fn chosen(server: &Server, offered: &[&str], sent: &[u8]) -> std::io::Result<(String, Vec<u8>)> {
    let mut config: ClientConfig = config(rustls::ALL_VERSIONS);
    config.alpn_protocols = offered.iter().map(|name| name.as_bytes().into()).collect();
    let mut client = Sealed::over(server.connect(), Arc::new(config));
    client.write_all(sent)?;
    let mut received = vec![0; 24];
    client.read_exact(&mut received)?;
    let chosen = client.tls().alpn_protocol().unwrap_or_default();
    Ok((String::from_utf8_lossy(chosen).into_owned(), received))
}

#[test]
fn the_version_is_the_best_that_both_speak() {
    let server = start();
    let http2 = [http2::PREFACE, b"\0\0\0\x04\0\0\0\0\0"].concat();
    for (offered, name) in [
        (&["h2"][..], "h2"),
        (&["http/1.1", "h2"], "h2"),
        (&["http/1.1"], "http/1.1"),
        (&["http/1.0"], "http/1.0"),
        (&["spdy/1", "http/1.0", "http/1.1"], "http/1.1"),
        (&[], ""),
    ] {
        let sent = if name == "h2" {
            &*http2
        } else {
            GET.as_bytes()
        };
        let (chosen, received) = chosen(&server, offered, sent).expect("an answer");
        assert_eq!(chosen, name, "{offered:?}");
        assert_eq!(received.starts_with(b"HTTP/1.1 200"), name != "h2");
    }
    let error = chosen(&server, &["spdy/1"], GET.as_bytes()).expect_err("no such protocol");
    assert!(
        error.to_string().contains("NoApplicationProtocol"),
        "{error}"
    );
    the_page_is_served(&server);
}

#[test]
fn over_tcp_alone_the_preface_tells() {
    let server = Server::start_told(CHAPTER, &["--plain"]);
    the_page_is_served_over(server.begin("core").plainly());
    let byte_by_byte = server
        .begin("core")
        .plainly()
        .frames_one_by_one(OPENING)
        .receive()
        .stays_open();
    assert!(byte_by_byte.contains("< SETTINGS 0 ACK"), "{byte_by_byte}");
    for sent in [GET, "POST /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut client = server.connect();
        let closing = sent.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        for byte in closing.bytes() {
            client.write_all(&[byte]).expect("the server reads");
        }
        let mut received = String::new();
        client.read_to_string(&mut received).expect("an answer");
        assert!(received.starts_with("HTTP/1.1 "), "{received}");
    }
}

#[test]
fn one_port_for_both_versions_at_once() {
    let server = Server::start_told(CHAPTER, &["--plain"]);
    std::thread::scope(|scope| {
        scope.spawn(|| real_clients(&server, SOME));
        for _ in 0..SOME {
            scope.spawn(|| the_page_is_served_over(server.begin("core").plainly()));
        }
    });
}

// What clients may do

#[test]
fn hostile_clients() {
    hostile::try_each(&start(), the_page_is_served);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

#[test]
fn the_last_request_of_a_connection() {
    let server = Server::start_with_limits(CHAPTER, "requests=1");
    let exchange = server
        .begin("robust: a connection that has had its requests ends, and loses none")
        .frames(OPENING)
        .frames(get(1, "/hello") + &get(3, "/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[cfg(unix)]
#[test]
fn a_request_under_way_at_the_stop_is_answered() {
    let server = Server::start_with_limits(CHAPTER, NO_HURRY);
    let exchange = server
        .begin("core")
        .frames(OPENING)
        .frames(begun(1, "POST", "/guestbook", FORM))
        .receive_frames(2)
        .tell_to_stop()
        .frames(data(1, "name=Ada&message=Hello", true))
        .finish();
    assert!(exchange.contains("<   :status: 303"), "{exchange}");
    assert!(
        exchange.contains("< GOAWAY 0 last=2147483647 NO_ERROR"),
        "{exchange}"
    );
    assert!(
        exchange.contains("< GOAWAY 0 last=1 NO_ERROR"),
        "{exchange}"
    );
    let end = server.ended();
    assert!(end.errors.contains(", 0 are cut off;"), "{}", end.errors);
}

#[test]
fn log() {
    let server = start();
    server
        .begin("core")
        .frames(OPENING)
        .frames(get(1, "/hello") + &get(3, "/nothing"))
        .frames(http2::request(5, "HEAD", "/hello", "", None))
        .frames(http2::request(
            7,
            "POST",
            "/guestbook",
            FORM,
            Some("name=Ada&message=Hello"),
        ))
        .receive()
        .stays_open();
    server.exchange(
        "core",
        GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    );
    server
        .begin("core")
        .frames(OPENING)
        .frames(get(2, "/hello"))
        .finish();
    let printed = server.wait_for_output(|printed| printed.lines().count() == 7);
    let lines = printed.lines().skip(1);
    let lines: Vec<&str> = lines.filter_map(|line| line.split("] ").nth(1)).collect();
    assert_eq!(
        lines,
        [
            "\"GET /hello HTTP/2.0\" 200 21",
            "\"GET /nothing HTTP/2.0\" 404 22",
            "\"HEAD /hello HTTP/2.0\" 200 -",
            "\"POST /guestbook HTTP/2.0\" 303 -",
            "\"GET /hello HTTP/1.1\" 200 21",
            "\"-\" 400 -",
        ]
    );
    let problem = "400 Bad Request: a client begins a stream with an even number\n";
    server.wait_for_errors(|errors| errors.contains(problem));
}

// The exercise

/// Asks what is under way, with a window for the response to that alone.
fn asked() -> String {
    get(5, "/streams") + "WINDOW_UPDATE 5 1000\n"
}

/// An exchange in which two responses wait for a window.
fn exercise<'a>(server: &'a Server, heading: &str) -> Exchange<'a> {
    server
        .begin_anew(heading)
        .frames(window(5))
        .frames(get(1, "/hello") + &get(3, "/numbers?to=9"))
        .receive_frames(6)
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch20-solution")
}

#[test]
fn exercise_none() {
    let exchange = solution()
        .begin_anew("exercise: where nothing is under way the page is empty")
        .frames(OPENING)
        .frames(get(1, "/streams"))
        .receive()
        .frames(get(3, "/hello") + &get(5, "/streams"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_two() {
    let heading = "exercise: the responses under way, and how much of each was read";
    let exchange = exercise(&solution(), heading)
        .frames(asked())
        .receive_frames(2)
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_more() {
    let exchange = exercise(
        &solution(),
        "exercise: the number grows when a window opens",
    )
    .frames("WINDOW_UPDATE 3 4")
    .receive_frames(1)
    .frames(asked())
    .receive_frames(2)
    .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_sent() {
    let heading = "exercise: a response that was sent is not shown";
    let exchange = exercise(&solution(), heading)
        .frames("WINDOW_UPDATE 1 100")
        .receive_frames(1)
        .frames(asked())
        .receive_frames(2)
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_reset() {
    let heading = "exercise: a response that the client has given up is not shown";
    let exchange = exercise(&solution(), heading)
        .frames("RST_STREAM 1 CANCEL\n")
        .frames(asked())
        .receive_frames(2)
        .stays_open();
    assert_snapshot!(exchange);
}
