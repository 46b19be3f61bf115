//! Chapter 2: the head of a request is read and logged.

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch02-logging");
const REQUEST: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn a_request_is_read(server: &Server) {
    let exchange = server.exchange("core", REQUEST);
    assert!(
        exchange.ends_with("> \\r\\n\n* the server closes\n"),
        "{exchange}"
    );
}

#[test]
fn request() {
    let server = Server::start(CHAPTER);
    let exchange = server.exchange(
        "core: the request is read and printed, and nothing answered",
        REQUEST,
    );
    assert_snapshot!(server.add_what_it_printed(&exchange));
}

#[test]
fn d2_a_head_is_read_to_its_blank_line() {
    let exchange = Server::start(CHAPTER)
        .begin("D2: a head may come in many pieces")
        .send_one_by_one(REQUEST)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_tls_hello_is_closed() {
    let server = Server::start(CHAPTER);
    let exchange = server.exchange(
        "D3: a client that speaks TLS is not kept waiting",
        hostile::TLS_HELLO,
    );
    assert_snapshot!(exchange);
    let log = server.log();
    assert!(log.contains("does not begin with a method"), "{log}");
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    server.exchange("a head", REQUEST);
    server.exchange("a head with bare LF and a long line", {
        format!("GET / HTTP/1.0\nCookie: {}\n\n", "c".repeat(2000))
    });
    server.exchange(
        "control characters",
        "GET /\x1b[2J\x07\t\u{9b}\r HTTP/1.1\r\n\r\n",
    );
    server.exchange("no UTF-8", b"GET /gr\xfc\xdfe HTTP/1.1\r\n\r\n");
    server.begin("closed without a byte").half_close().finish();
    server
        .begin("cut off")
        .send("GET / HTTP/1.1\r\n")
        .half_close()
        .finish();
    server.exchange("too long", vec![b'x'; 8192]);
    assert_snapshot!(server.log());
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), a_request_is_read);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, a_request_is_read);
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_silent_client_is_let_go() {
    let server = Server::start(CHAPTER);
    let exchange = hostile::a_silent_client(&server, "", a_request_is_read);
    assert!(
        exchange.ends_with("silent\n* the server closes\n"),
        "{exchange}"
    );
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch02-solution")
}

#[test]
fn exercise_numbered_requests() {
    let server = solution();
    let exchange = server
        .begin("exercise: each request is a line with its number, method and target")
        .send(REQUEST)
        .another()
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .another()
        .send("DELETE /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .finish();
    assert_snapshot!(server.add_what_it_printed(&exchange));
}

#[test]
fn exercise_nothing_sent() {
    let server = solution();
    let exchange = server
        .begin("exercise: a client that sends no whole head does not count")
        .half_close()
        .another()
        .send("GET /cut HTTP/1.1\r\n")
        .half_close()
        .another()
        .send(REQUEST)
        .finish();
    assert_snapshot!(server.add_what_it_printed(&exchange));
}

#[test]
fn exercise_one_word() {
    let server = solution();
    let exchange = server
        .begin("exercise: a request line of fewer than two words is a question mark")
        .send("GET\r\nHost: localhost\r\n\r\n")
        .another()
        .send(REQUEST)
        .finish();
    assert_snapshot!(server.add_what_it_printed(&exchange));
}

#[test]
fn exercise_control_characters() {
    let server = solution();
    let exchange = server.exchange(
        "exercise: control characters do not reach the terminal",
        "GET /\x1b[2J\x07 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(server.add_what_it_printed(&exchange));
}

#[test]
fn exercise_white_space() {
    let server = solution();
    let exchange = server
        .begin("exercise: white space between the words may be more than one space")
        .send("GET  /two HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .another()
        .send("GET\t/tab\tHTTP/1.1\r\nHost: localhost\r\n\r\n")
        .finish();
    assert_snapshot!(server.add_what_it_printed(&exchange));
}

#[test]
fn exercise_not_ascii() {
    let server = solution();
    let exchange = server.exchange(
        "exercise: letters that are not ASCII do no harm",
        "GET /Zoë HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(server.add_what_it_printed(&exchange));
}
