//! Chapter 12: what one client may cost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use harness::clients::read_some;
use harness::{Server, check_command_line, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch12-limits");

fn with_limits(limits: &str) -> Server {
    Server::start_with_limits(CHAPTER, limits)
}

/// A request with these field lines, each with its line end.
fn request(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

fn get(target: &str) -> String {
    request(&format!("GET {target}"), "")
}

const CLOSE: &str = "Connection: close\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A form for the guestbook.
fn sign(form: &str) -> String {
    let length = form.len();
    let fields = format!("{FORM}Content-Length: {length}\r\n");
    request("POST /guestbook", &fields) + form
}

/// The head of a form, of which less follows than it says.
fn form_of_10_bytes() -> String {
    request("POST /guestbook", &format!("{FORM}Content-Length: 10\r\n"))
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", request("GET /hello", CLOSE));
    assert!(exchange.contains("< <h1>Hello, User!</h1>"), "{exchange}");
}

/// Asks over a connection that stays, and gives the head of the answer.
fn ask(client: &mut TcpStream, target: &str) -> String {
    client
        .write_all(get(target).as_bytes())
        .expect("cannot ask");
    let mut received = String::new();
    while !received.ends_with("</h1>") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("no answer");
        received.push(char::from(byte[0]));
    }
    received
}

/// All that comes until the server closes.
fn rest(client: &mut TcpStream) -> String {
    let mut received = Vec::new();
    client.read_to_end(&mut received).expect("no end");
    String::from_utf8_lossy(&received).into_owned()
}

#[test]
fn all_that_came_before() {
    still_does_what_came_before("ch12-limits", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch12-limits", CHAPTER);
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn limits_that_are_none_end_it_with_a_sentence() {
    for (limits, names) in [
        ("connections", "\"connections\" is not NAME=NUMBER"),
        ("connections=0", "\"0\" is no number from 1 to"),
        ("log_lines=1000000000000000000", "is no number from 1 to"),
        ("idle=-1", "\"-1\" is no number of seconds"),
        ("idle=1e19", "\"1e19\" is no number of seconds"),
        ("patients=3", "there is no limit \"patients\""),
    ] {
        let mut command = Command::new(CHAPTER);
        command.arg("127.0.0.1:0").env("LIMITS", limits);
        let output = command.output().expect("it runs");
        let sentence = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{limits}: {sentence}");
        assert!(output.stdout.is_empty(), "{limits}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        assert!(sentence.starts_with("Error: LIMITS: "), "{sentence}");
        assert!(sentence.contains(names), "{sentence}");
    }
}

#[cfg(unix)]
#[test]
fn limits_that_are_no_text_are_none() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let mut command = Command::new(CHAPTER);
    command
        .arg("127.0.0.1:0")
        .env("LIMITS", OsStr::from_bytes(b"idle=1\xff"));
    assert_eq!(command.output().expect("it runs").status.code(), Some(2));
}

// Connections

#[test]
fn one_connection_too_many() {
    let exchange = with_limits("connections=2")
        .begin_behind(
            2,
            "lesson: a client for whom there is no place is told at once when to come back",
        )
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn one_connection_too_many_of_one_client() {
    let exchange = with_limits("connections_of_one=2")
        .begin_behind(
            2,
            "lesson: a client that has its share of the connections is told to come back later",
        )
        .send(get("/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn the_last_place() {
    let exchange = with_limits("connections=2 connections_of_one=2")
        .begin_behind(1, "lesson: who takes the last place is served")
        .send(get("/hello"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn a_place_becomes_free() {
    let server = with_limits("connections=1");
    for _ in 0..20 {
        // The server notices a moment after its client that a connection has ended.
        let _served = loop {
            let mut client = server.connect();
            if is_served(&mut client) {
                break client;
            }
        };
        assert!(!is_served(&mut server.connect()), "there is one place");
    }
}

/// Whether this client gets a page, and not 503.
fn is_served(client: &mut TcpStream) -> bool {
    let _ = client.write_all(get("/hello").as_bytes());
    let mut received = String::new();
    let mut buffer = [0; 1024];
    while !received.ends_with("</h1>") {
        match read_some(client, &mut buffer).expect("no answer") {
            0 => {
                assert!(received.starts_with("HTTP/1.1 503 "), "{received}");
                return false;
            }
            length => received += &String::from_utf8_lossy(&buffer[..length]),
        }
    }
    assert!(received.starts_with("HTTP/1.1 200 "), "{received}");
    true
}

/// Each of them is told, and those who have a place are served meanwhile.
#[test]
fn a_flood_of_clients_without_a_place() {
    let server = with_limits("connections=1");
    let mut admitted = server.connect();
    ask(&mut admitted, "/hello");
    let crowd: Vec<TcpStream> = (0..200).map(|_| server.connect()).collect();
    ask(&mut admitted, "/hello");
    for mut client in crowd {
        let received = rest(&mut client);
        assert!(received.starts_with("HTTP/1.1 503 "), "{received}");
    }
    ask(&mut admitted, "/hello");
    // The log says so of each of them.
    server.wait_for_output(|printed| printed.matches("\"-\" 503 -\n").count() == 200);
}

/// What a client sends that nobody reads must not destroy what it was told.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = with_limits("connections=1");
    let mut admitted = server.connect();
    ask(&mut admitted, "/hello");
    for _ in 0..20 {
        let mut client = server.connect();
        let _ = client.write_all(&vec![b'x'; 10_000]);
        let received = rest(&mut client);
        assert!(
            received.ends_with("Content-Length: 0\r\n\r\n"),
            "{received}"
        );
    }
}

// Requests, and life

#[test]
fn the_last_request() {
    let exchange = with_limits("requests=2")
        .begin("lesson: the last request that a connection may have says close, and ends it")
        .send(get("/hello"))
        .receive()
        .send(get("/hello") + &get("/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn one_request_for_each_connection() {
    let exchange = with_limits("requests=1")
        .begin("lesson: where a connection may have one request, the first answer says close")
        .send(get("/hello"))
        .another()
        .send(get("/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn the_end_of_a_life() {
    let exchange = with_limits("life=0").exchange(
        "lesson: a connection that has lived long enough ends with its next answer",
        get("/hello"),
    );
    assert_snapshot!(exchange);
}

// Times. While a client runs into one, another one stays inside: for it something else
// counts.

#[test]
fn nothing_to_say() {
    let exchange = with_limits("idle=0.2")
        .begin("lesson: a client that has nothing to say is let go without a word")
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn nothing_more_to_say() {
    let server = with_limits("idle=0.2");
    let mut within_head = server.connect();
    within_head.write_all(b"GET /hello").expect("cannot send");
    let mut within_body = server.connect();
    let form = form_of_10_bytes();
    within_body.write_all(form.as_bytes()).expect("cannot send");
    let mut idle = server.connect();
    ask(&mut idle, "/hello");
    assert_eq!(rest(&mut idle), "");
    let end = format!(" HTTP/1.1\r\nHost: a\r\n{CLOSE}\r\n");
    within_head.write_all(end.as_bytes()).expect("cannot send");
    assert!(rest(&mut within_head).starts_with("HTTP/1.1 200 "));
    within_body.write_all(b"name=&m=12").expect("cannot send");
    // That is an answer to the whole of it.
    assert!(rest(&mut within_body).starts_with("HTTP/1.1 422 "));
}

#[test]
fn a_slow_head() {
    let exchange = with_limits("head=0.2").exchange(
        "lesson: a head that takes too long is answered with 408",
        "GET /hello HTTP/1.1\r\nHost: local",
    );
    assert_snapshot!(exchange);
}

#[test]
fn a_head_has_its_own_time() {
    let server = with_limits("head=0.2");
    let mut idle = server.connect();
    let mut slow = server.connect();
    slow.write_all(b"GET /hello").expect("cannot send");
    assert!(rest(&mut slow).starts_with("HTTP/1.1 408 "));
    ask(&mut idle, "/hello");
}

#[test]
fn a_body_in_silence() {
    let exchange = with_limits("inactivity=0.2").exchange(
        "lesson: a body of which nothing comes for too long is answered with 408",
        form_of_10_bytes() + "name=",
    );
    assert_snapshot!(exchange);
}

#[test]
fn a_slow_body() {
    let exchange = with_limits("body=0.2").exchange(
        "lesson: a body that takes too long is answered with 408",
        form_of_10_bytes() + "name=",
    );
    assert_snapshot!(exchange);
}

#[test]
fn a_body_has_its_own_time() {
    for limits in ["inactivity=0.2", "body=0.2"] {
        let server = with_limits(limits);
        let mut idle = server.connect();
        let mut within_head = server.connect();
        within_head.write_all(b"GET /hello").expect("cannot send");
        let mut slow = server.connect();
        let form = form_of_10_bytes();
        slow.write_all(form.as_bytes()).expect("cannot send");
        assert!(rest(&mut slow).starts_with("HTTP/1.1 408 "), "{limits}");
        ask(&mut idle, "/hello");
        let end = format!(" HTTP/1.1\r\nHost: a\r\n{CLOSE}\r\n");
        within_head.write_all(end.as_bytes()).expect("cannot send");
        assert!(
            rest(&mut within_head).starts_with("HTTP/1.1 200 "),
            "{limits}"
        );
    }
}

/// It is given up, and the log says how much there was for it to take.
#[test]
fn a_client_that_takes_nothing() {
    let server = with_limits("inactivity=0.2 idle=60");
    let mut idle = server.connect();
    let mut greedy = server.connect();
    let numbers = get("/numbers?to=100000000");
    greedy.write_all(numbers.as_bytes()).expect("cannot send");
    server.wait_for_output(|printed| printed.contains("\"GET /numbers?to=100000000 "));
    ask(&mut idle, "/hello");
}

/// It takes little at a time, and far longer in all than it may do nothing.
#[test]
#[ignore = "reads slowly for 5 s"]
fn a_client_that_takes_its_time() {
    let server = with_limits("inactivity=2 idle=2 head=2 body=2");
    let mut slow = server.connect();
    let numbers = request("GET /numbers?to=10000000", CLOSE);
    slow.write_all(numbers.as_bytes()).expect("cannot send");
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        slow.read_exact(&mut vec![0; 200_000]).expect("a part");
    }
    assert!(rest(&mut slow).ends_with("\n10000000\n\r\n0\r\n\r\n"));
}

#[test]
fn lingering() {
    let server = with_limits("linger=0.1");
    let mut client = server.connect();
    let request = request("GET /hello", CLOSE);
    client.write_all(request.as_bytes()).expect("cannot send");
    assert!(rest(&mut client).ends_with("</h1>"));
    // The server has half-closed, and does not wait for the client for ever: then
    // what it sends comes back as a reset.
    while client.write_all(b"x").is_ok() {}
}

// What the system allows

#[cfg(target_os = "linux")]
fn processor_time(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process()));
    let stat = stat.expect("the process runs");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11..13]
        .iter()
        .map(|ticks| ticks.parse::<u64>().expect("ticks"))
        .sum()
}

/// Where there is no file descriptor left, nobody more is accepted, and the server does
/// not spend its time on finding that out.
#[cfg(target_os = "linux")]
#[test]
fn no_file_descriptor_left() {
    let server = Server::start_with_open_files(CHAPTER, 20);
    let crowd: Vec<TcpStream> = (0..40).map(|_| server.connect()).collect();
    let tries = |printed: &str| printed.matches("cannot accept a connection").count();
    server.wait_for_errors(|printed| tries(printed) >= 1);
    let (before, tried_before) = (
        processor_time(&server),
        tries(&server.wait_for_errors(|_| true)),
    );
    server.wait_for_errors(|printed| tries(printed) >= tried_before + 20);
    // A hundredth of a second each. One that spins tries thousands of times in one.
    let spent = processor_time(&server) - before;
    assert!(spent <= 10, "{spent} hundredths of a second for 20 tries");
    drop(crowd);
    the_page_is_served(&server);
}

/// All clients send as long a body as they may, but for its last byte; then all of it;
/// and it is of the sort that takes the most to take apart.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_as_computed() {
    const CONNECTIONS: usize = 24;
    const MAX_BODY: usize = 1024 * 1024;
    let limits = format!("connections={CONNECTIONS} log_lines=100");
    let server = with_limits(&limits);
    let peak = || server.memory("VmHWM") * 1024;
    the_page_is_served(&server);
    let before = peak();
    let mut body = b"name=a&message=".to_vec();
    body.resize(MAX_BODY, 0xff);
    let head = request(
        "POST /guestbook",
        &format!("{FORM}Content-Length: {MAX_BODY}\r\n"),
    );
    let mut clients: Vec<TcpStream> = Vec::new();
    while clients.len() < CONNECTIONS {
        let mut client = server.connect();
        // The place of the client before may not be free yet.
        if client.write_all(head.as_bytes()).is_ok()
            && client.write_all(&body[..MAX_BODY - 1]).is_ok()
        {
            clients.push(client);
        }
    }
    for client in &mut clients {
        client
            .write_all(&body[MAX_BODY - 1..])
            .expect("cannot send");
    }
    for client in &mut clients {
        let mut status = [0; 12];
        client.read_exact(&mut status).expect("no answer");
        assert_eq!(&status, b"HTTP/1.1 422");
    }
    let taken = peak() - before;
    let computed = common::Limits::default()
        .but_for(&limits)
        .expect("limits")
        .memory();
    assert!(taken < computed, "{taken} of {computed} bytes");
    // They do hold their bodies: a sum that is many times too high would say nothing.
    assert!(taken > computed / 5, "{taken} of {computed} bytes");
}

// The access log

#[test]
fn access_log() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("lesson: each request has a line in the access log, in the Common Log Format")
        .send(get("/hello?name=Ada"))
        .receive()
        .send(sign("name=Ada&message=Hello"))
        .receive()
        .send(request("HEAD /hello", ""))
        .receive()
        .send(get("/pages/missing.html"))
        .receive()
        .send(get("/numbers?to=3"))
        .receive()
        .send(request("OPTIONS /hello", ""))
        .receive()
        .send(request("BREW /\"\\x1b\"", CLOSE))
        .finish();
    assert_snapshot!(server.add_lines_it_printed(7, &exchange));
}

#[test]
fn access_log_of_what_is_no_request() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin_anew("lesson: what is no request has its line in the access log too")
        .send("GET /hello HTTP/1.1\r\n\r\n")
        .another()
        .send("GET /\r\n\r\n")
        .finish();
    assert_snapshot!(server.add_lines_it_printed(2, &exchange));
}

#[test]
fn access_log_of_who_is_turned_away() {
    let server = with_limits("connections=1");
    let exchange = server
        .begin_behind(
            1,
            "lesson: who is turned away has a line in the access log too",
        )
        .finish();
    assert_snapshot!(server.add_lines_it_printed(1, &exchange));
}

/// What it was sent may hold anything; the log is a line for each request all the same.
#[test]
fn access_log_of_what_is_hostile() {
    let server = Server::start(CHAPTER);
    let long = "\"".repeat(7000);
    for target in [
        "/\u{1b}]0;x\u{7}",
        "/\u{202e}txt",
        "/a\" 200 1 \"b",
        &format!("/{long}"),
    ] {
        let line = format!("GET {target}");
        server.begin("hostile").send(request(&line, CLOSE)).finish();
    }
    let printed = server.wait_for_output(|printed| printed.lines().count() > 4);
    assert!(
        !printed.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{printed}"
    );
    let lines: Vec<&str> = printed.lines().skip(1).collect();
    assert_eq!(lines.len(), 4, "{printed}");
    for line in &lines {
        assert_eq!(line.matches('"').count(), 2, "{line}");
    }
    assert!(lines[3].contains(&"\\x22".repeat(7000)));
}

/// The bytes of an answer that was given up are those of its content that were sent.
#[test]
fn access_log_of_an_answer_that_was_cut_off() {
    let server = with_limits("inactivity=0.2");
    let mut client = server.connect();
    let numbers = get("/numbers?to=1000000000");
    client.write_all(numbers.as_bytes()).expect("cannot send");
    let printed = server.wait_for_output(|printed| printed.lines().count() > 1);
    let line = printed.lines().nth(1).expect("a line");
    let (_, bytes) = line.rsplit_once(' ').expect("bytes");
    let received = rest_of_what_came(&mut client);
    let (_, mut body) = received.split_once("\r\n\r\n").expect("a head");
    let mut content = 0;
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        content += size.min(rest.len());
        body = rest.get(size + 2..).unwrap_or_default();
    }
    assert_eq!(bytes, content.to_string());
}

/// All that had come when the connection broke.
fn rest_of_what_came(client: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let _ = client.read_to_end(&mut received);
    String::from_utf8_lossy(&received).into_owned()
}

#[test]
fn nobody_reads_the_log() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

#[test]
fn nobody_reads_what_went_wrong() {
    let server = Server::start_stalled(CHAPTER, "log_lines=1");
    hostile::nobody_reads_what_went_wrong(server, the_page_is_served);
}

/// Whoever has closed the log hears of it where errors go, once.
#[test]
fn a_log_that_is_closed_is_told_of() {
    let server = Server::start_unread(CHAPTER);
    let some_pages_are_served = || (0..20).for_each(|_| the_page_is_served(&server));
    // A program that another test starts has what we read from too, until it begins; so the
    // first line may still be written.
    some_pages_are_served();
    server.wait_for_errors(|told| told.contains("the access log cannot be written: "));
    some_pages_are_served();
    assert_eq!(server.wait_for_errors(|_| true).lines().count(), 1);
}

/// A reader that does not read costs lines, and no answer; once it reads again, it is
/// told how many.
#[test]
fn a_log_that_is_full_costs_lines_and_no_answer() {
    let mut server = Server::start_stalled(CHAPTER, "log_lines=1");
    let mut client = server.connect();
    let target = format!("/{}", "a".repeat(7000));
    // More than a pipe holds, and what waits before it.
    for _ in 0..200 {
        ask(&mut client, &target);
    }
    server.read_on();
    // The log tells of it with the next line that it can write.
    ask(&mut client, "/hello");
    let told = server.wait_for_errors(|told| told.contains(" lines of the access log were lost\n"));
    let lost: usize = told
        .lines()
        .filter_map(|line| line.split(' ').next()?.parse::<usize>().ok())
        .sum();
    assert!((1..200).contains(&lost), "{told}");
}

// Clients that mean no good

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), the_page_is_served);
}

#[test]
fn a_silent_crowd() {
    hostile::a_silent_crowd(&with_limits("connections_of_one=512"), the_page_is_served);
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch12-solution")
}

/// A form for the guestbook, and the end of the connection.
fn sign_and_close(fields: &str, form: &str) -> String {
    let length = form.len();
    let fields = format!("{fields}Content-Length: {length}\r\n{CLOSE}");
    request("POST /guestbook", &fields) + form
}

#[test]
fn exercise_the_sixth_entry() {
    let server = solution();
    let mut exchange = server.begin_anew(
        "exercise: the sixth entry of a client is one too many, also over another connection",
    );
    for number in 1..=6 {
        let form = format!("name=Ada&message=number+{number}");
        exchange = exchange.send(sign_and_close(FORM, &form)).another();
    }
    let exchange = exchange.send(request("GET /guestbook", CLOSE)).finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_over_one_connection() {
    let server = solution();
    let mut exchange = server
        .begin_anew("exercise: who is told to wait keeps its connection, and is served otherwise");
    for _ in 1..=6 {
        exchange = exchange.send(sign("name=Ada&message=Hello")).receive();
    }
    assert_snapshot!(exchange.send(get("/hello")).receive().stays_open());
}

#[test]
fn exercise_what_was_refused_counts() {
    let server = solution();
    let mut exchange = server.begin_anew("exercise: a try counts, whatever became of it before");
    for _ in 1..=3 {
        exchange = exchange.send(sign_and_close(FORM, "name=Ada")).another();
    }
    for _ in 4..=5 {
        let no_form = sign_and_close("Content-Type: text/plain\r\n", "Hello");
        exchange = exchange.send(no_form).another();
    }
    let exchange = exchange
        .send(sign_and_close(FORM, "name=Ada&message=Hello"))
        .another()
        .send(sign_and_close("Content-Type: text/plain\r\n", "Hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_who_reads_does_not_sign() {
    let server = solution();
    let mut exchange = server.begin_anew("exercise: to read the guestbook is no try");
    for _ in 1..=6 {
        exchange = exchange.send(request("HEAD /guestbook", CLOSE)).another();
    }
    let exchange = exchange
        .send(sign_and_close(FORM, "name=Ada&message=Hello"))
        .finish();
    assert_snapshot!(exchange);
}
