//! Chapter 5b: chapter 3's page again, and many clients at once.

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch05b-threads");
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
        "core: the request does not matter, as in chapter 3",
        "BREW coffee HTCPCP/1.0\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn the_newest_of_several_connections_is_answered_first() {
    let exchange = Server::start(CHAPTER)
        .begin_behind(
            4,
            "core: the newest of several connections is answered first",
        )
        .send(REQUEST)
        .finish();
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
fn real_clients_at_once() {
    let server = Server::start(CHAPTER);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let url = server.url(&format!("/{number}"));
            scope.spawn(move || {
                for _ in 0..20 {
                    let mut response = ureq::get(&url).call().unwrap();
                    assert_eq!(response.status(), 200);
                    assert_eq!(response.body_mut().read_to_string().unwrap(), PAGE);
                }
            });
        }
    });
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
fn a_silent_crowd() {
    hostile::a_silent_crowd(&Server::start(CHAPTER), the_page_is_served);
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
    Server::start_solution(CHAPTER, "ch05b-solution")
}

#[test]
fn exercise_eighth() {
    let exchange = solution()
        .begin_behind(7, "exercise: the eighth connection is served")
        .send(REQUEST)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_ninth() {
    let exchange = solution()
        .begin_behind(8, "exercise: the ninth connection is refused")
        .send(REQUEST)
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_refused_at_once() {
    let exchange = solution()
        .begin_behind(
            8,
            "exercise: the refusal comes before the request, and survives it",
        )
        .receive_head()
        .send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
        .send("b".repeat(200_000))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_one_after_another() {
    let server = solution();
    let mut exchange = server.begin("exercise: a client that has left does not count");
    for _ in 0..9 {
        exchange = exchange.send(REQUEST).another();
    }
    assert_snapshot!(exchange.send(REQUEST).finish());
}

#[test]
fn exercise_left_without_a_request() {
    let server = solution();
    let mut exchange =
        server.begin("exercise: a client that has left without a request does not count");
    for _ in 0..9 {
        exchange = exchange.half_close().another();
    }
    assert_snapshot!(exchange.send(REQUEST).finish());
}

#[test]
fn exercise_many_refused() {
    let exchange = solution()
        .begin_behind(
            24,
            "exercise: clients that were refused and are silent hold nobody up",
        )
        .send(REQUEST)
        .finish();
    assert_snapshot!(exchange);
}
