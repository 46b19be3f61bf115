//! Chapter 3: every request gets the same page.

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch03-response");
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const PAGE: &str = "<html><body><h1>Hello, World!</h1></body></html>";

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", REQUEST);
    assert!(exchange.contains(PAGE), "{exchange}");
    assert!(exchange.ends_with("closes\n"), "{exchange}");
}

#[test]
fn page() {
    let exchange = Server::start(CHAPTER).exchange("core: a page", REQUEST);
    assert_snapshot!(exchange);
}

#[test]
fn page_for_any_head() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: the request does not matter yet",
        "BREW coffee HTCPCP/1.0\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d1_lines_end_in_crlf() {
    let exchange = Server::start(CHAPTER).exchange(
        "D1: lines end in CRLF, also for a client that ends its own in LF",
        "GET / HTTP/1.0\n\n",
    );
    assert_snapshot!(exchange);
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
fn d2_an_empty_line_first_is_skipped() {
    let exchange = Server::start(CHAPTER).exchange(
        "D2: an empty line before the request line is skipped",
        format!("\r\n{REQUEST}"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d2_a_head_of_8_kib() {
    let exchange = Server::start(CHAPTER).exchange(
        "D2: a head may be 8 KiB long",
        format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n",
            "c".repeat(8147)
        ),
    );
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
fn d8_an_unread_body_does_not_destroy_the_answer() {
    let exchange = Server::start(CHAPTER)
        .begin("D8: a body that nobody reads does not destroy the answer")
        .send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
        .send("b".repeat(200_000))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d8_the_answer_comes_before_the_client_has_sent_all() {
    let exchange = Server::start(CHAPTER)
        .begin("D8: a body that comes after the answer does not destroy it")
        .send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n")
        .receive_head()
        .send("name=Ada")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    the_page_is_served(&server);
    server.begin("closed without a byte").half_close().finish();
    server
        .begin("cut off")
        .send("GET / HTTP/1.1\r\n")
        .half_close()
        .finish();
    the_page_is_served(&server);
    assert_snapshot!(server.log());
}

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    let mut response = ureq::get(server.url("/any/path")).call().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.body_mut().read_to_string().unwrap(), PAGE);

    let mut response = ureq::post(server.url("/")).send("a body").unwrap();
    assert_eq!(response.body_mut().read_to_string().unwrap(), PAGE);
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), the_page_is_served);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_silent_client_is_let_go() {
    let server = Server::start(CHAPTER);
    let exchange = hostile::a_silent_client(&server, "GET / HTTP/1.1\r\n", the_page_is_served);
    assert!(
        exchange.ends_with("1.1\\r\\n\n* the server closes\n"),
        "{exchange}"
    );
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch03-solution")
}

#[test]
fn exercise_length() {
    let exchange = solution().exchange(
        "exercise: the length of the body is announced, and the end of the connection",
        REQUEST,
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_length_of_a_longer_page() {
    let exchange = solution().exchange(
        "exercise: the length grows with the page",
        format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
            "x".repeat(1000)
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_length_of_the_answer() {
    let exchange = solution().exchange(
        "exercise: the length is that of the answer, whatever that of the request",
        "POST /any HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nname=Ada",
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_length_in_bytes() {
    let exchange = solution().exchange(
        "exercise: the head of the request is counted in bytes too",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: öö\r\n\r\n",
    );
    assert_snapshot!(exchange);
}
