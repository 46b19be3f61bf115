//! Chapter 8: the query of the target is taken apart and shown.

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch08-query");

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", get("/?name=Ada"));
    let page = r#"< <h1>Query Parameters</h1><pre>{"name": ["Ada"]}</pre>"#;
    assert!(exchange.contains(page), "{exchange}");
}

#[test]
fn one_parameter() {
    let exchange = Server::start(CHAPTER).exchange("core: one parameter", get("/?name=Ada"));
    assert_snapshot!(exchange);
}

#[test]
fn no_query() {
    let exchange = Server::start(CHAPTER).exchange("core: no query, no parameters", get("/"));
    assert_snapshot!(exchange);
}

#[test]
fn any_path() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: neither the path nor an empty value matters",
        get("/any/path?name="),
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
fn d3_a_broken_request() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a request line of two words is a bad request",
        "GET /?name=Ada\r\n\r\n",
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
fn d3_nothing_sent() {
    let exchange = Server::start(CHAPTER)
        .begin("D3: a client that sends nothing is no error")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d3_too_many_parameters() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: more than a thousand parameters are a bad request",
        get(&format!("/?{}", "&".repeat(1000))),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d4_markup_is_escaped() {
    let exchange = Server::start(CHAPTER).exchange(
        "core, D4: markup in a query is shown and does not run",
        get("/?name=<script>alert(1)</script>&%3Cb%3E=%26amp;"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d7_names_in_order_of_arrival() {
    let exchange = Server::start(CHAPTER).exchange(
        "D7: names stand in the order they came in, each with all its values",
        get("/?zoe=1&ada=2&zoe=3"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d7_decoded_as_python_does() {
    let exchange = Server::start(CHAPTER).exchange(
        "D7: decoded as Python's parse_qs does",
        get("/?full+name=Ada%20Lovelace&empty=&flag&=nameless&a=1;b=2&rate=100%&bad=%ff&euro=%E2%82%AC"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d7_characters_that_rust_escapes() {
    let exchange = Server::start(CHAPTER).exchange(
        "D7: quotation marks and control characters are shown as Rust writes them",
        get("/?a=%22%5C%00%0D%0A%1B"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d8_an_answer_survives_what_was_left_unread() {
    let exchange = Server::start(CHAPTER)
        .begin("D8: what follows the request does not destroy the answer")
        .send([get("/").into_bytes(), vec![b'x'; 20_000]].concat())
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d9_the_newest_of_several_connections_is_answered_first() {
    let exchange = Server::start(CHAPTER)
        .begin_behind(4, "D9: the newest of several connections is answered first")
        .send(get("/?name=Ada"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    for request in [get("/?name=Ada"), "GET /\r\n\r\n".to_owned()] {
        server.begin("logged").send(request).half_close().finish();
    }
    server.begin("closed without a byte").half_close().finish();
    assert_snapshot!(server.log());
}

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    let mut response = ureq::get(server.url("/greet"))
        .query("name", "Ada & Bob")
        .query("name", "Zoë")
        .call()
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(
        response.body_mut().read_to_string().unwrap(),
        r#"<h1>Query Parameters</h1><pre>{"name": ["Ada &amp; Bob", "Zoë"]}</pre>"#
    );
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
fn as_many_parameters_as_are_read() {
    let parameters: Vec<String> = (0..1000).map(|number| format!("{number}=x")).collect();
    let exchange =
        Server::start(CHAPTER).exchange("many", get(&format!("/?{}", parameters.join("&"))));
    assert!(exchange.contains(r#""0": ["x"], "1": ["x"]"#), "{exchange}");
    assert!(exchange.contains(r#""999": ["x"]}"#), "{exchange}");
}

#[test]
fn a_silent_crowd() {
    hostile::a_silent_crowd(&Server::start(CHAPTER), the_page_is_served);
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch08-solution")
}

#[test]
fn exercise_greeting() {
    let exchange = solution().exchange(
        "exercise: /greet greets as often as it is told to",
        get("/greet?name=Ada&times=3"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_defaults() {
    let exchange = solution().exchange("exercise: the world is greeted once", get("/greet"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_ten_times() {
    let exchange = solution().exchange("exercise: times may be 10", get("/greet?times=10"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_eleven_times() {
    let exchange = solution().exchange("exercise: times may not be 11", get("/greet?times=11"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_never() {
    let exchange = solution().exchange("exercise: times may not be 0", get("/greet?times=0"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_number() {
    let exchange = solution().exchange(
        "exercise: times that is no number is a bad request",
        get("/greet?name=Ada&times=three"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_markup_is_escaped() {
    let exchange = solution().exchange(
        "exercise: markup is shown and does not run",
        get("/greet?name=%3Cb%3EAda+%26+Bob%3C/b%3E&times=2"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_first_value() {
    let exchange = solution().exchange(
        "exercise: of several values the first counts",
        get("/greet?times=2&name=Ada&name=Bob&times=99"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_other_paths() {
    let exchange = solution().exchange(
        "exercise: every other path shows its parameters",
        get("/greeting?name=Ada&times=99"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_without_a_value() {
    let exchange = solution().exchange(
        "exercise: a parameter without a value is as good as missing",
        get("/greet?times=&name="),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_whole_number() {
    let exchange = solution().exchange(
        "exercise: times that is no whole number is a bad request",
        get("/greet?times=2.5"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_very_often() {
    let exchange = solution().exchange(
        "exercise: times may not be 257 either",
        get("/greet?times=257"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_less_than_never() {
    let exchange = solution().exchange(
        "exercise: times may not be negative",
        get("/greet?times=-1"),
    );
    assert_snapshot!(exchange);
}
