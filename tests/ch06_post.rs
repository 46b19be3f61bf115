//! Chapter 6: the body of a POST request is read and shown.

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch06-post");

/// A POST request with these field lines, each with its line end, and a body.
fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}")
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", post("Content-Length: 8\r\n", "name=Ada"));
    assert!(
        exchange.contains("< <h1>POST Data Received:</h1><p>name=Ada</p>\n"),
        "{exchange}"
    );
}

#[test]
fn body() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: the body is shown",
        post(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n",
            "name=Ada",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn home_page() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: any other method gets the home page, whatever the target",
        "GET /any HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn no_length() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: a POST without Content-Length has an empty body",
        post("", ""),
    );
    assert_snapshot!(exchange);
}

#[test]
fn put() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: only POST is shown",
        "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nname=Ada",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d1_lines_end_in_crlf() {
    let exchange = Server::start(CHAPTER).exchange(
        "D1: lines end in CRLF, also for a client that ends its own in LF",
        "POST / HTTP/1.0\nContent-Length: 8\n\nname=Ada",
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_broken_request() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a request line of two words is a bad request",
        "POST /\r\n\r\n",
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
fn d3_space_before_the_colon() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: white space before the colon of a field is a bad request",
        post("Content-Length : 8\r\n", "name=Ada"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_folded_field() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: a field that goes on in the next line is a bad request",
        post("X: 1\r\n 2\r\n", ""),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d4_markup_is_escaped() {
    let exchange = Server::start(CHAPTER).exchange(
        "core, D4: markup in a body is shown and does not run",
        post(
            "Content-Length: 31\r\n",
            "<script>alert(\"1 & 2\")</script>",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d4_bytes_that_are_not_utf8() {
    let mut request = post("Content-Length: 4\r\n", "").into_bytes();
    request.extend(b"\xffA\xe9\0");
    let exchange = Server::start(CHAPTER).exchange(
        "D4: bytes that are not UTF-8 are shown as replacement characters",
        request,
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_body_in_pieces() {
    let exchange = Server::start(CHAPTER)
        .begin("D5: a body may come later than its head, and in pieces")
        .send(post("Content-Length: 8\r\n", ""))
        .send_one_by_one("name=Ada")
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_body_longer_than_one_read() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a body may be longer than one read",
        post("Content-Length: 100000\r\n", &"b".repeat(100_000)),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_body_of_1_mib() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a body may be 1 MiB long",
        post("Content-Length: 1048576\r\n", &"b".repeat(1_048_576)),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_body_over_1_mib() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: one byte more is too much, and is refused before it comes",
        post("Content-Length: 1048577\r\n", ""),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_more_than_announced() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: what follows the body is not part of it",
        post("Content-Length: 8\r\n", "name=Ada&x=1"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_less_than_announced() {
    let exchange = Server::start(CHAPTER)
        .begin("D5: a body that ends early is a bad request")
        .send(post("Content-Length: 9\r\n", "name=Ada"))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d5_expect_continue() {
    let exchange = Server::start(CHAPTER)
        .begin("D5: a client that waits is told to continue")
        .send(post("Content-Length: 8\r\nExpect: 100-continue\r\n", ""))
        .receive_head()
        .send("name=Ada")
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d5_expect_continue_with_too_long_a_body() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a client that waits is refused at once if its body is too long",
        post("Content-Length: 1048577\r\nExpect: 100-continue\r\n", ""),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_two_lengths() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: two lengths are a bad request",
        post("Content-Length: 8\r\nContent-Length: 4\r\n", "name=Ada"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_length_with_a_sign() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a length with a sign is a bad request",
        post("Content-Length: +8\r\n", "name=Ada"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_transfer_coding() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a transfer coding is not implemented",
        post(
            "Transfer-Encoding: chunked\r\n",
            "8\r\nname=Ada\r\n0\r\n\r\n",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_transfer_coding_without_an_end() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a transfer coding that does not end in chunked is a bad request",
        post("Transfer-Encoding: identity\r\n", "name=Ada"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_a_length_beyond_all_numbers() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a length too big for any number is too much too",
        post("Content-Length: 99999999999999999999\r\n", ""),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d5_an_expectation_in_quotation_marks() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: what stands between quotation marks is not expected",
        post(
            "Content-Length: 8\r\nExpect: a=\"x, 100-continue, y\"\r\n",
            "name=Ada",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn a_field_name_in_small_letters() {
    let exchange = Server::start(CHAPTER).exchange(
        "core: case does not matter in the name of a field",
        post("content-length: 8\r\n", "name=Ada"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d3_a_hundred_fields_and_one() {
    let exchange = Server::start(CHAPTER).exchange(
        "D3: more than a hundred fields are too many",
        post(&"X: 1\r\n".repeat(100), ""),
    );
    assert_snapshot!(exchange);
}

#[test]
#[ignore = "sends slowly for 13 s"]
fn a_client_that_sends_slowly_is_served() {
    let head = post("Content-Length: 1048576\r\n", "");
    let exchange = hostile::a_body_that_comes_slowly(&Server::start(CHAPTER), &head);
    assert!(exchange.contains("< HTTP/1.1 200 OK"), "{exchange}");
}

#[test]
fn d5_a_transfer_coding_and_a_length() {
    let exchange = Server::start(CHAPTER).exchange(
        "D5: a transfer coding beside a length is a bad request",
        post(
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "8\r\nname=Ada\r\n0\r\n\r\n",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn d8_a_refusal_reaches_a_client_that_is_still_sending() {
    let exchange = Server::start(CHAPTER)
        .begin("D8: a refusal reaches a client that goes on sending")
        .send(post("Content-Length: 2000000\r\n", ""))
        .receive_head()
        .send("b".repeat(2_000_000))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn d9_the_newest_of_several_connections_is_answered_first() {
    let exchange = Server::start(CHAPTER)
        .begin_behind(4, "D9: the newest of several connections is answered first")
        .send(post("Content-Length: 8\r\n", "name=Ada"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    the_page_is_served(&server);
    for broken in [
        post("Content-Length: 8, 8\r\n", ""),
        post("no colon\r\n", ""),
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
    let mut response = ureq::get(server.url("/")).call().unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(
        response.body_mut().read_to_string().unwrap(),
        "<h1>Welcome to the Home Page</h1>"
    );
    for (body, shown) in [("", ""), ("a <b>", "a &lt;b&gt;"), ("grüße", "grüße")] {
        let mut response = ureq::post(server.url("/")).send(body).unwrap();
        assert_eq!(
            response.body_mut().read_to_string().unwrap(),
            format!("<h1>POST Data Received:</h1><p>{shown}</p>")
        );
    }
}

#[test]
fn a_real_client_that_waits_to_be_told_to_continue() {
    let server = Server::start(CHAPTER);
    let agent = harness::agent();
    for (length, status) in [(1_048_576, 200), (1_048_577, 413)] {
        let response = agent
            .post(server.url("/"))
            .header("Expect", "100-continue")
            .send("b".repeat(length))
            .unwrap();
        assert_eq!(response.status(), status);
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
fn bodies_that_are_held_back() {
    let beginning = post("Content-Length: 1048576\r\n", "b");
    hostile::bodies_that_are_held_back(&Server::start(CHAPTER), &beginning, the_page_is_served);
}

#[test]
fn a_silent_crowd() {
    hostile::a_silent_crowd(&Server::start(CHAPTER), the_page_is_served);
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_silent_client_is_let_go() {
    let server = Server::start(CHAPTER);
    let exchange = hostile::a_silent_client(
        &server,
        &post("Content-Length: 8\r\n", "name"),
        the_page_is_served,
    );
    assert!(
        exchange.ends_with("< <h1>408 Request Timeout</h1>\n* the server closes\n"),
        "{exchange}"
    );
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch06-solution")
}

/// A POST request with a form.
fn form(body: &str) -> String {
    let fields = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
        body.len()
    );
    post(&fields, body)
}

#[test]
fn exercise_form() {
    let exchange = solution().exchange("exercise: a form with a name is greeted", form("name=Ada"));
    assert_snapshot!(exchange);
}

#[test]
fn exercise_decoded() {
    let exchange = solution().exchange(
        "exercise: + is a space, and percent-encoding is undone",
        form("name=Zo%C3%AB+%2B+Ada&times=3"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_decoded_last() {
    let exchange = solution().exchange(
        "exercise: what is decoded no longer separates anything",
        form("title=a%26name%3DBob&name=Ada%26Bob%3D2"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_escaped() {
    let exchange = solution().exchange(
        "exercise: markup is shown and does not run",
        form("name=%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_media_type() {
    let exchange = solution().exchange(
        "exercise: neither case nor parameters matter in a media type",
        post(
            "Content-Type: Application/X-WWW-Form-Urlencoded; charset=UTF-8\r\n\
             Content-Length: 8\r\n",
            "name=Ada",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_name() {
    let exchange = solution().exchange(
        "exercise: a form without a name is shown as it came",
        form("surname=Lovelace&name="),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_another_type() {
    let exchange = solution().exchange(
        "exercise: a body that is no form is shown as it came",
        post(
            "Content-Type: text/plain\r\nContent-Length: 8\r\n",
            "name=Ada",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_any_other_percent() {
    let exchange = solution().exchange(
        "exercise: a % without two digits behind it stays",
        form("name=100%+%zz+%c3%b6+%+1+%4"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_first_with_a_value() {
    let exchange = solution().exchange(
        "exercise: the first name that has a value counts",
        form("name=&name=Ada&name=Bob"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_encoded_name() {
    let exchange = solution().exchange(
        "exercise: what a parameter is called is decoded too",
        form("n%61me=Ada"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_equals() {
    let exchange = solution().exchange(
        "exercise: the first = separates, and no other",
        form("name=a=b"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_a_longer_type() {
    let exchange = solution().exchange(
        "exercise: a body of a type that begins like that of a form is no form",
        post(
            "Content-Type: application/x-www-form-urlencoded-not\r\nContent-Length: 8\r\n",
            "name=Ada",
        ),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_another_method() {
    let exchange = solution().exchange(
        "exercise: a form with another method than POST greets nobody",
        form("name=Ada").replacen("POST", "PUT", 1),
    );
    assert_snapshot!(exchange);
}
