//! Chapter 10: many requests over one connection.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

#[cfg(target_os = "linux")]
use harness::clients::wait_until;
use harness::clients::{get, last, read_some};
use harness::{Server, check_command_line, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch10-keepalive");

/// A POST request to the guestbook with these field lines, each with its line end.
fn post(fields: &str, body: &str) -> String {
    format!("POST /guestbook HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}")
}

/// The same with a form.
fn form(body: &str) -> String {
    let length = body.len();
    post(
        &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"),
        body,
    )
}

/// Sends requests in one piece, and reads to the end of the connection.
fn together(heading: &str, requests: impl AsRef<[u8]>) -> String {
    Server::start(CHAPTER).exchange(heading, requests)
}

/// Sends each of these when the one before it is answered, after which the connection
/// stays open.
fn in_turn(heading: &str, requests: &[&str]) -> String {
    let server = Server::start(CHAPTER);
    let begun = server.begin(heading);
    requests
        .iter()
        .fold(begun, |exchange, request| exchange.send(request).receive())
        .stays_open()
}

/// The same with a last one, after which the connection ends.
fn in_turn_and_last(heading: &str, requests: &[&str], last: &str) -> String {
    let server = Server::start(CHAPTER);
    let begun = server.begin(heading);
    let answered = requests
        .iter()
        .fold(begun, |exchange, request| exchange.send(request).receive());
    answered.send(last).finish()
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", last("/hello"));
    assert!(exchange.contains("< <h1>Hello, User!</h1>"), "{exchange}");
}

#[test]
fn what_came_before() {
    still_does_what_came_before("ch10-keepalive", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch10-keepalive", CHAPTER);
}

#[test]
fn one_request_after_another() {
    assert_snapshot!(in_turn(
        "core: after an answer the connection takes the next request",
        &[&get("/hello"), &get("/query?name=Ada")]
    ));
}

#[test]
fn pipelined() {
    let requests = [
        get("/hello"),
        get("/query?a=1"),
        get("/query?a=2"),
        get("/missing"),
        get("/query?a=3"),
        last("/query?a=4"),
    ];
    assert_snapshot!(together(
        "core: requests that come together are answered in their order",
        requests.concat(),
    ));
}

#[test]
fn a_small_page_behind_a_long_one() {
    let requests = get("/pages/favicon.svg") + &last("/hello");
    assert_snapshot!(together(
        "core: a short answer waits for the long one before it",
        requests,
    ));
}

#[test]
fn connection_close() {
    assert_snapshot!(in_turn_and_last(
        "core: after a request that says close, no other is answered",
        &[&last("/hello")],
        &last("/query?name=Ada")
    ));
}

#[test]
fn connection_close_and_more_at_once() {
    assert_snapshot!(together(
        "lesson: nor does one that came together with it spoil its answer",
        last("/hello") + &last("/query?name=Ada"),
    ));
}

#[test]
fn connection_close_among_others() {
    assert_snapshot!(together(
        "core: close may stand in a list, in any case",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: Keep-Alive, Close\r\n\r\n",
    ));
}

#[test]
fn http_1_0() {
    let request = "GET /hello HTTP/1.0\r\n\r\n";
    assert_snapshot!(in_turn_and_last(
        "core: a client of HTTP/1.0 that does not ask for more gets one answer",
        &[request],
        request
    ));
}

#[test]
fn http_1_0_keep_alive() {
    let request = "GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    assert_snapshot!(in_turn(
        "robust: a client of HTTP/1.0 may ask for the connection to stay",
        &[request, request]
    ));
}

#[test]
fn a_body_and_the_next_request() {
    assert_snapshot!(together(
        "core: the next request is what follows the body",
        form("name=Ada&message=Hello") + &last("/hello")
    ));
}

#[test]
fn a_body_that_looks_like_a_request() {
    let request = get("/query?is=no+request");
    assert_snapshot!(in_turn_and_last(
        "core: a body is no request, whatever it looks like",
        &[&post(
            &format!("Content-Length: {}\r\n", request.len()),
            &request,
        )],
        &last("/hello")
    ));
}

#[test]
fn a_body_that_nobody_wants() {
    let hidden = get("/query?is=no+request");
    let lines = [
        "GET /hello",
        "HEAD /hello",
        "GET /pages/missing.html",
        "PUT /hello",
        "OPTIONS /hello",
    ];
    let requests = lines.map(|line| {
        let length = hidden.len();
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{hidden}")
    });
    assert_snapshot!(in_turn_and_last(
        "core: a body that nobody wants is read all the same, and is no request",
        &requests.each_ref().map(String::as_str),
        &last("/hello")
    ));
}

#[test]
fn head_and_get() {
    assert_snapshot!(together(
        "core: the answer to HEAD ends with its head, and the next one follows",
        "HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned() + &last("/hello"),
    ));
}

#[test]
fn no_content_and_get() {
    assert_snapshot!(together(
        "core: an answer that cannot have content ends with its head too",
        "OPTIONS /hello HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned() + &last("/hello"),
    ));
}

#[test]
fn errors_that_keep_the_connection() {
    assert_snapshot!(in_turn(
        "robust: a request that is understood and refused is not the last",
        &[
            &get("/missing"),
            "DELETE /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
            &post("Content-Type: text/plain\r\nContent-Length: 5\r\n", "Hello",),
            &form("name=Ada"),
            &get("/hello")
        ]
    ));
}

#[test]
fn two_lengths_and_a_request() {
    let lengths = "Content-Length: 1\r\nContent-Length: 40\r\n";
    assert_snapshot!(in_turn_and_last(
        "core: after two lengths nobody knows where the next request begins",
        &[&get("/hello")],
        &post(lengths, &get("/hello"))
    ));
}

#[test]
fn a_broken_request_behind_a_whole_one() {
    assert_snapshot!(together(
        "lesson: what is no request is answered in its turn, and is the last",
        get("/hello") + "no request\r\n\r\n" + &get("/hello"),
    ));
}

#[test]
fn a_length_and_a_transfer_coding_and_a_request() {
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    assert_snapshot!(in_turn_and_last(
        "core: a length beside a transfer coding ends the connection",
        &[&get("/hello")],
        &(post(both, "0\r\n\r\n") + &get("/hello"))
    ));
}

#[test]
fn an_unknown_transfer_coding_and_a_request() {
    assert_snapshot!(in_turn_and_last(
        "lesson: so does a transfer coding that the server does not know",
        &[&get("/hello")],
        &post("Transfer-Encoding: gzip, chunked\r\n", &get("/hello"))
    ));
}

#[test]
fn a_refused_body_that_keeps_coming() {
    let exchange = Server::start(CHAPTER)
        .begin("robust, D8: a refusal reaches a client that goes on sending")
        .send(get("/hello"))
        .receive()
        .send(post("Content-Length: 2000000\r\n", ""))
        .receive_head()
        .send("b".repeat(2_000_000))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn empty_lines_between_requests() {
    assert_snapshot!(in_turn_and_last(
        "robust: empty lines before a request are skipped",
        &[&(get("/hello") + "\r\n")],
        &("\r\n\r\n".to_owned() + &last("/hello")),
    ));
}

#[test]
fn half_closed_behind_requests() {
    let exchange = Server::start(CHAPTER)
        .begin("lesson: who has asked and ends gets every answer, and then the end")
        .send(get("/hello") + &get("/query?a=1") + &get("/query?a=2"))
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn cut_off_behind_a_whole_request() {
    let exchange = Server::start(CHAPTER)
        .begin("robust: a request that ends early is answered behind the whole one")
        .send(get("/hello") + "GET /hel")
        .half_close()
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn byte_by_byte() {
    let exchange = Server::start(CHAPTER)
        .begin("core: each request may come byte by byte")
        .send_one_by_one(get("/hello"))
        .receive()
        .send_one_by_one(form("name=Ada"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn one_and_a_half_requests() {
    let second = get("/query?a=2");
    let (half, rest) = second.split_at(17);
    assert_snapshot!(in_turn(
        "core: half a request waits for the rest of it",
        &[&(get("/query?a=1") + half), rest]
    ));
}

#[test]
fn expect_continue_and_the_next_request() {
    let body = "name=Ada&message=Hello";
    let fields = format!(
        "Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n",
        body.len()
    );
    let exchange = Server::start(CHAPTER)
        .begin("core: a client that was told to continue goes on to its next request")
        .send(post(&fields, ""))
        .receive_head()
        .send(body)
        .receive()
        .send(get("/hello"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    let first = get("/hello") + &form("name=Ada") + &last("/pages/favicon.svg");
    server.exchange("three at once", first);
    let second = get("/hello") + "no request\r\n\r\n";
    server.exchange("one, and none", second);
    server.begin("closed without a byte").half_close().finish();
    the_page_is_served(&server);
    assert_snapshot!(server.log());
}

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    let agent = harness::agent();
    for _ in 0..3 {
        let mut hello = agent.get(server.url("/hello")).call().unwrap();
        let page = hello.body_mut().read_to_string().unwrap();
        assert_eq!(page, "<h1>Hello, User!</h1>");
        let head = agent.head(server.url("/hello")).call().unwrap();
        assert_eq!(head.status(), 200);
        let mut missing = agent.get(server.url("/missing")).call().unwrap();
        assert_eq!(missing.status(), 404);
        missing.body_mut().read_to_string().unwrap();
        let form = [("name", "Ada"), ("message", "Hello")];
        let signed = agent.post(server.url("/guestbook"));
        let mut signed = signed.send_form(form).unwrap();
        let page = signed.body_mut().read_to_string().unwrap();
        assert!(page.contains("<dt>Ada</dt>"), "{page}");
    }
    // Five each time: the client follows to the guestbook.
    let clients = server.clients();
    assert_eq!(clients.len(), 15);
    assert!(
        clients.iter().all(|client| *client == clients[0]),
        "{clients:?}"
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
fn a_silent_crowd() {
    hostile::a_silent_crowd(&Server::start(CHAPTER), the_page_is_served);
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_client_that_is_silent_after_its_answer_is_let_go_without_a_word() {
    let server = Server::start(CHAPTER);
    let silent = server.begin("silent").send(get("/hello")).receive();
    the_page_is_served(&server);
    let exchange = silent.finish();
    assert!(
        exchange.ends_with("< <h1>Hello, User!</h1>\n* the server closes\n"),
        "{exchange}"
    );
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_client_that_is_silent_within_a_request_hears_why_it_is_let_go() {
    let server = Server::start(CHAPTER);
    let form = form("name=Ada");
    for (beginning, end) in [
        ("GET /hello HTTP/1.1\r\n", r"< Content-Length: 0\r\n"),
        (
            "HEAD /hello HTTP/1.1\r\nContent-Length: 1\r\nHost: a\r\n\r\n",
            r"< Content-Length: 28\r\n",
        ),
        (
            form.trim_end_matches("Ada"),
            "< <h1>408 Request Timeout</h1>",
        ),
    ] {
        let silent = server.begin("silent").send(get("/hello")).receive();
        let silent = silent.send(beginning);
        the_page_is_served(&server);
        let exchange = silent.finish();
        assert!(
            exchange.contains(r"< HTTP/1.1 408 Request Timeout\r\n"),
            "{exchange}"
        );
        let lines: Vec<&str> = exchange.lines().rev().take(3).collect();
        assert_eq!(lines[0], "* the server closes", "{exchange}");
        assert!(lines.contains(&end), "{exchange}");
    }
}

#[test]
fn a_thousand_requests_whose_answers_nobody_reads() {
    let server = Server::start(CHAPTER);
    let mut client = server.connect();
    client
        .write_all(get("/hello").repeat(1000).as_bytes())
        .unwrap();
    the_page_is_served(&server);
    // They are there all the same, for who reads them after all.
    client.write_all(last("/missing").as_bytes()).unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received.matches("HTTP/1.1 200 OK\r\n").count(), 1000);
    assert!(received.ends_with("<h1>404 Not Found</h1>"));
}

#[test]
fn a_client_that_never_reads_is_not_read_from_any_further() {
    // More than any system keeps for both ends of a connection.
    const TOO_MUCH: usize = 128 * 1024 * 1024;
    let server = Server::start(CHAPTER);
    let mut client = server.connect();
    client
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    // Each answer is much longer than its request.
    let requests = get("/pages/exchange.svg").repeat(1000);
    let mut sent = 0;
    let error = loop {
        match client.write(requests.as_bytes()) {
            Ok(length) => sent += length,
            // A signal ends a write that has a time limit, too.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break error,
        }
        assert!(sent < TOO_MUCH, "the server reads on and on");
    };
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    the_page_is_served(&server);
}

/// Sends so many requests over so many connections, each of which has a client.
#[cfg(target_os = "linux")]
fn ask_over_connections(server: &Server, connections: usize, requests: usize) {
    const TOGETHER: usize = 50;
    let sent = get("/hello").repeat(TOGETHER);
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (mut client, sent) = (server.connect(), sent.clone());
            std::thread::spawn(move || {
                let mut answers = Vec::new();
                for _ in 0..requests / connections / TOGETHER {
                    client
                        .write_all(sent.as_bytes())
                        .expect("the server answers");
                    let mut answer = vec![0; 65536];
                    while answers.windows(5).filter(|end| end == b"</h1>").count() < TOGETHER {
                        let length =
                            read_some(&mut client, &mut answer).expect("the server answers");
                        assert!(length > 0, "the connection ended");
                        answers.extend_from_slice(&answer[..length]);
                    }
                    answers.clear();
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("the server answers");
    }
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "takes half a minute"]
fn nothing_is_kept_of_two_hundred_thousand_requests() {
    let server = Server::start(CHAPTER);
    // What the process needs once, such as memory for so many threads at a time, it
    // has after these.
    ask_over_connections(&server, 100, 200_000);
    let possessions = || {
        wait_until("its threads have ended", || server.threads() == 1);
        let files = server.open_files();
        (server.memory("VmRSS"), files)
    };
    let nothing_is_kept = || {
        let before = possessions();
        ask_over_connections(&server, 100, 200_000);
        let after = possessions();
        println!("memory in KiB, open files: before {before:?}, after {after:?}");
        assert_eq!(before.1, after.1);
        after.0 < before.0 + 1024
    };
    // On a busy machine more threads may take memory at a time than before, once; what is kept
    // of requests comes each time.
    assert!((0..3).any(|_| nothing_is_kept()));
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch10-solution")
}

#[test]
fn exercise_count() {
    let exchange = solution()
        .begin("exercise: the first request of a connection is number 1, the next one 2")
        .send(get("/hello?name=Ada"))
        .receive()
        .send(get("/count"))
        .receive()
        .send(get("/count"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_every_request_counts() {
    let others = get("/hello")
        + &get("/missing")
        + "HEAD /count HTTP/1.1\r\nHost: localhost\r\n\r\n"
        + "DELETE /count HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let exchange = solution().exchange(
        "exercise: every request counts, also one that gets an error",
        others + &last("/count?what=ever"),
    );
    assert_snapshot!(exchange);
}

/// A form for the guestbook, and a body that is none.
fn bodies() -> String {
    let form = "POST /guestbook HTTP/1.1\r\nHost: localhost\r\n\
        Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 22\r\n\r\n\
        name=Ada&message=Hello";
    let no_form = "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n\
        GET / HTTP/1";
    form.to_owned() + no_form
}

#[test]
fn exercise_bodies() {
    let exchange = solution().exchange(
        "exercise: a body counts, and an empty line before a request",
        bodies() + "\r\n" + &get("/count") + &last("/count"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_in_other_pieces() {
    let bodies = bodies();
    let (begin, rest) = bodies.split_at(bodies.len() - 10);
    let exchange = solution()
        .begin("exercise: it does not matter in which pieces the requests come")
        .send(get("/hello") + begin)
        .waits()
        .send(rest.to_owned() + "GET /co")
        .waits()
        .send("unt HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned() + &get("/count"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_byte_by_byte() {
    let exchange = solution()
        .begin("exercise: a request may come byte by byte")
        .send(get("/hello"))
        .receive()
        .send_one_by_one(last("/count"))
        .finish();
    assert_snapshot!(exchange);
}

/// What is sent at once is more than is read at once.
#[test]
fn exercise_many_at_once() {
    let exchange = solution().exchange(
        "exercise: however many requests come at once, each is counted where it ends",
        "HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3)
            + "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n"
            + &"b".repeat(70_000)
            + &last("/count"),
    );
    assert_snapshot!(exchange);
}

#[test]
fn exercise_each_connection_counts_for_itself() {
    let exchange = solution()
        .begin_behind(2, "exercise: each connection counts for itself")
        .send(get("/hello") + &last("/count"))
        .another()
        .send(last("/count"))
        .another()
        .send(get("/count"))
        .receive()
        .gone(2)
        .waits()
        .send(get("/count") + &last("/count"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_what_stays() {
    let exchange = solution().exchange(
        "exercise: the site is what it was",
        get("/hello") + &get("/county") + &last("/query?count"),
    );
    assert_snapshot!(exchange);
}
