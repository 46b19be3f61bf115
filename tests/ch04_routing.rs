//! Chapter 4: each path gets a page of its own, and a broken request none.

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch04-routing");

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", get("/hello"));
    assert!(exchange.contains("< <h1>Hello, User!</h1>\n"), "{exchange}");
}

#[test]
fn home_page() {
    let exchange = Server::start(CHAPTER).exchange("core: / is the home page", get("/"));
    assert_snapshot!(exchange);
}

#[test]
fn hello() {
    let exchange = Server::start(CHAPTER).exchange("core: /hello greets", get("/hello"));
    assert_snapshot!(exchange);
}

#[test]
fn not_found() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: any other target is not found, but the status says OK",
        get("/other"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn the_whole_target_counts() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: the target is compared whole, with its query",
        get("/hello?x=1"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn the_method_does_not_count() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: the method does not matter yet",
        "DELETE /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
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
        .send_one_by_one(get("/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_request_line_of_two_words_is_closed() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a request line of two words gets no answer",
        "GET /\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_target_that_is_none_is_closed() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a target that is neither a path, nor an address, nor * is closed",
        "GET hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
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
fn d3_nothing_sent_is_closed() {
    let exchange = Server::start(CHAPTER)
        .begin("D3: a client that sends nothing gets no answer")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
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
fn log() {
    let server = Server::start(CHAPTER);
    the_page_is_served(&server);
    for broken in [
        "GET /\r\n\r\n",
        "GET / HTTP/3.0\r\n\r\n",
        "GET /\x1b[2J HTTP/1.1\r\n\r\n",
    ] {
        server.exchange("broken", broken);
    }
    server.begin("closed without a byte").half_close().finish();
    the_page_is_served(&server);
    assert_snapshot!(server.log());
}

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    for (target, page) in [
        ("/", "<h1>Welcome to the Home Page</h1>"),
        ("/hello", "<h1>Hello, User!</h1>"),
        ("/other", "<h1>404 Not Found</h1>"),
    ] {
        let mut response = ureq::get(server.url(target)).call().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html");
        assert_eq!(response.body_mut().read_to_string().unwrap(), page);
    }
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
    let exchange = hostile::a_silent_client(&server, "", the_page_is_served);
    assert!(
        exchange.ends_with("silent\n* the server closes\n"),
        "{exchange}"
    );
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch04-solution")
}

#[test]
fn exercise_name() {
    let exchange = solution().exchange("exercise: /hello/NAME greets by name", get("/hello/Ada"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_name() {
    let exchange = solution().exchange("exercise: an empty name is not found", get("/hello/"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_markup() {
    let exchange = solution().exchange(
        "exercise: markup is no name, and does not come back",
        get("/hello/<script>alert(1)</script>"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_more_than_letters() {
    let exchange = solution().exchange(
        "exercise: a name is letters alone",
        get("/hello/Ada%20Lovelace"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_not_ascii() {
    let exchange = solution().exchange(
        "exercise: the letters are those of ASCII",
        get("/hello/Zoë"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_hello() {
    let exchange = solution().exchange("exercise: /hello stays as it was", get("/hello"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_digit() {
    let exchange = solution().exchange("exercise: a digit is no letter", get("/hello/Ada2"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_slash() {
    let exchange = solution().exchange("exercise: a slash is no letter", get("/hello/Ada/Bob"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_query() {
    let exchange = solution().exchange(
        "exercise: a query is no part of a name",
        get("/hello/Ada?times=3"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_encoded_letter() {
    let exchange = solution().exchange(
        "exercise: a letter that is percent-encoded is none here",
        get("/hello/%41da"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_slash() {
    let exchange = solution().exchange(
        "exercise: a name stands below /hello/, and not right behind /hello",
        get("/helloAda"),
    );
    assert_snapshot!(exchange);
}
