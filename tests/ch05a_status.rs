//! Chapter 5a: the status code says how it went, also of a broken request.

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch05a-status");

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A head of that many bytes, most of them in one field.
fn head_of(length: usize) -> String {
    let rest = "GET / HTTP/1.1\r\nCookie: \r\n\r\n".len();
    format!(
        "GET / HTTP/1.1\r\nCookie: {}\r\n\r\n",
        "c".repeat(length - rest)
    )
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
        "core: any other target is not found, and the status says so",
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
fn d1_lines_end_in_crlf() {
    let exchange = Server::start(CHAPTER).exchange(
        "D1: lines end in CRLF, also for a client that ends its own in LF",
        "GET / HTTP/1.0\n\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d2_a_head_of_8_kib() {
    let exchange = Server::start(CHAPTER).exchange("D2: a head may be 8 KiB long", head_of(8192));
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_request_line_of_two_words() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a request line of two words is a bad request",
        "GET /\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_control_character() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a control character in the request line is a bad request",
        "GET /\x07 HTTP/1.1\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_tls_hello() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a client that speaks TLS is told at once that this is no request",
        hostile::TLS_HELLO,
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_head_cut_off() {
    let exchange = Server::start(CHAPTER)
        .begin("D3: a head without its blank line is a bad request")
        .send("GET / HTTP/1.1\r\nHost: localhost\r\n")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_target_that_is_none() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a target that is neither a path, nor an address, nor * is a bad request",
        "GET hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_nothing_sent() {
    let exchange = Server::start(CHAPTER)
        .begin("D3: a client that sends nothing is no error")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d3_another_version() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: the first line that a client of HTTP/2 sends",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_target_too_long() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a request line over 8 KiB is too long",
        get(&format!("/{}", "a".repeat(9000))),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_head_too_long() {
    let exchange = Server::start(CHAPTER)
        .exchange("D3: a head of 8 KiB and a byte is too long", head_of(8193));
    assert_snapshot!(exchange);
}

#[test]
fn d8_a_refusal_reaches_a_client_that_is_still_sending() {
    let exchange = Server::start(CHAPTER)
        .begin("D8: a refusal reaches a client that goes on sending")
        .send("GET /\r\n\r\n")
        .receive_head()
        .send("x".repeat(200_000))
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
        server.begin("broken").send(broken).half_close().finish();
    }
    server.begin("closed without a byte").half_close().finish();
    the_page_is_served(&server);
    assert_snapshot!(server.log());
}

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    let agent = harness::agent();
    for (target, status, page) in [
        ("/", 200, "<h1>Welcome to the Home Page</h1>"),
        ("/hello", 200, "<h1>Hello, User!</h1>"),
        ("/other", 404, "<h1>404 Not Found</h1>"),
    ] {
        let mut response = agent.get(server.url(target)).call().unwrap();
        assert_eq!(response.status(), status);
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
    let exchange = hostile::a_silent_client(&server, "GET / HTTP/1.1\r\n", the_page_is_served);
    assert!(
        exchange.ends_with("< <h1>408 Request Timeout</h1>\n* the server closes\n"),
        "{exchange}"
    );
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch05a-solution")
}

#[test]
fn exercise_method_not_allowed() {
    let exchange = solution().exchange(
        "exercise: a method other than GET and HEAD is not allowed",
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nname=Ada",
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_any_target() {
    let exchange = solution().exchange(
        "exercise: a method is refused for every target, also one that is not found",
        "DELETE /other HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_case_counts() {
    let exchange = solution().exchange(
        "exercise: case matters in a method, so get is another than GET",
        "get /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_head() {
    let exchange = solution().exchange(
        "exercise: HEAD gets the head of what GET gets",
        "HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_head_not_found() {
    let exchange = solution().exchange(
        "exercise: HEAD gets no body where nothing is found either",
        "HEAD /other HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_request() {
    let exchange = solution().exchange(
        "exercise: what cannot be parsed gets the same answer as before",
        "DELETE /hello\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}
