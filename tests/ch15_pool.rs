//! Chapter 15: few threads for many connections.

use std::io::{Read, Write};
use std::net::TcpStream;

use harness::{Server, check_command_line, files, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch15-pool");

/// Many more than there are workers.
const MANY: usize = 5 * common::pool::WORKERS;

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The last request of a connection.
fn last(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// The head of a form, of which less follows than it says.
const HALF_A_FORM: &str = "POST /guestbook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 22\r\n\
                           Content-Type: application/x-www-form-urlencoded\r\n\r\nname=Ada&me";

fn with_limits(limits: &str) -> Server {
    Server::start_with(CHAPTER, &[("LIMITS", limits)])
}

fn the_page_is_served(server: &Server) {
    let exchange = server.exchange("core", last("/hello"));
    assert!(exchange.contains("< <h1>Hello, User!</h1>"), "{exchange}");
}

/// So many clients, each of which has sent this.
fn clients(server: &Server, count: usize, sent: &str) -> Vec<TcpStream> {
    let client = |_| {
        let mut client = server.connect();
        client.write_all(sent.as_bytes()).expect("cannot send");
        client
    };
    (0..count).map(client).collect()
}

/// Asks over a connection that stays.
fn ask(client: &mut TcpStream) {
    client
        .write_all(get("/hello").as_bytes())
        .expect("cannot send");
    let mut received = Vec::new();
    while !received.ends_with(b"</h1>") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("no answer");
        received.extend(byte);
    }
}

/// All that comes until the server closes.
fn rest(client: &mut TcpStream) -> String {
    let mut received = String::new();
    client.read_to_string(&mut received).expect("no end");
    received
}

/// How many threads a server has, and how many files it has open, in this order.
#[cfg(target_os = "linux")]
fn threads_and_files(server: &Server) -> [usize; 2] {
    ["task", "fd"].map(|what| {
        let entries = std::fs::read_dir(format!("/proc/{}/{what}", server.process()));
        entries.expect("the process runs").count()
    })
}

#[test]
fn it_does_what_the_chapters_before_it_do() {
    still_does_what_came_before("ch15-pool", CHAPTER);
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn behind_a_silent_crowd() {
    let exchange = Server::start(CHAPTER)
        .begin_behind(
            MANY,
            "robust: a client is served while many more than there are workers say nothing",
        )
        .send(get("/hello"))
        .receive()
        .send(get("/query?name=Ada"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

/// More than a turn may answer, read or send.
#[test]
fn a_pipeline_of_many_turns() {
    const REQUESTS: usize = 5000;
    let server = with_limits("requests=10000");
    let mut client = server.connect();
    let mut sender = client.try_clone().expect("another handle");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut requests: String = (1..=REQUESTS)
                .map(|number| get(&format!("/query?number={number}")))
                .collect();
            requests += &last("/hello");
            sender.write_all(requests.as_bytes()).expect("cannot send");
        });
        let received = rest(&mut client);
        let mut answers = received.split("<pre>").skip(1);
        for number in 1..=REQUESTS {
            let answer = answers.next().expect("an answer");
            let page = format!("{{\"number\": [\"{number}\"]}}</pre>");
            assert!(answer.starts_with(&page), "{number}: {answer}");
        }
        assert!(received.ends_with("<h1>Hello, User!</h1>"));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_connection_costs_no_thread() {
    let server = Server::start(CHAPTER);
    the_page_is_served(&server);
    let [before, _] = threads_and_files(&server);
    let mut silent = clients(&server, 100, "");
    let mut answered = clients(&server, 100, "");
    answered.iter_mut().for_each(ask);
    assert_eq!(threads_and_files(&server)[0], before);
    // They are all still there, and all the same to it.
    silent.iter_mut().chain(&mut answered).for_each(ask);
    assert_eq!(threads_and_files(&server)[0], before);
}

#[test]
fn slow_senders_hold_no_worker() {
    for beginning in ["GET /hello HTTP/1.1\r\nHo", HALF_A_FORM] {
        let server = Server::start(CHAPTER);
        let _slow = clients(&server, MANY, beginning);
        the_page_is_served(&server);
    }
}

#[test]
fn slow_readers_hold_no_worker() {
    let server = Server::start(CHAPTER);
    let mut slow = clients(&server, MANY, &get("/numbers?to=100000000"));
    for client in &mut slow {
        client.read_exact(&mut [0]).expect("a first byte");
    }
    the_page_is_served(&server);
    files::a_client_that_never_reads_a_big_file_holds_nobody_else(CHAPTER, the_page_is_served);
}

/// Those who always have more to do share the workers with those who have little.
#[test]
fn busy_clients_let_others_have_their_turn() {
    let server = Server::start(CHAPTER);
    let numbers = get("/numbers?to=100000000");
    std::thread::scope(|scope| {
        let busy = clients(&server, 2 * common::pool::WORKERS, &numbers);
        for client in &busy {
            let mut client = client.try_clone().expect("another handle");
            scope.spawn(move || while client.read(&mut [0; 65536]).is_ok_and(|read| read > 0) {});
        }
        for _ in 0..20 {
            the_page_is_served(&server);
        }
        for client in &busy {
            client.shutdown(std::net::Shutdown::Both).expect("an end");
        }
    });
}

/// Nobody waits here for a time to be over: these are longer than the harness would.
#[test]
fn an_end_that_comes_with_the_last_bytes_is_seen_at_once() {
    for sent in ["", "\r\n", &get("/hello"), &get("/hello").repeat(3)] {
        let server = with_limits("idle=600 linger=600 head=600");
        let mut client = server.connect();
        client.write_all(sent.as_bytes()).expect("cannot send");
        client
            .shutdown(std::net::Shutdown::Write)
            .expect("cannot end");
        let answers = rest(&mut client).matches("HTTP/1.1 200 OK\r\n").count();
        assert_eq!(answers, sent.matches("GET").count(), "{sent}");
    }
}

/// The whole of an exchange, up to each of its bytes.
#[test]
fn clients_that_change_their_mind_at_every_byte() {
    let server = Server::start(CHAPTER);
    the_page_is_served(&server);
    #[cfg(target_os = "linux")]
    let before = threads_and_files(&server);
    for sent in [get("/hello"), HALF_A_FORM.to_owned() + "ssage=Hello"] {
        for end in 0..=sent.len() {
            hostile::reset_after(&server, &sent[..end], 0);
        }
        for read in 1..100 {
            hostile::reset_after(&server, &sent, read);
        }
        the_page_is_served(&server);
    }
    #[cfg(target_os = "linux")]
    while threads_and_files(&server)
        .iter()
        .zip(before)
        .any(|(now, before)| *now > before)
    {
        std::thread::yield_now();
    }
}

#[test]
fn times() {
    for (limits, sent, answer) in [
        ("idle=0.1", String::new(), ""),
        ("idle=0.1", get("/hello"), "HTTP/1.1 200 "),
        ("head=0.1", "GET /hello".to_owned(), "HTTP/1.1 408 "),
        ("body=0.1", HALF_A_FORM.to_owned(), "HTTP/1.1 408 "),
        ("patience=0.1", HALF_A_FORM.to_owned(), "HTTP/1.1 408 "),
    ] {
        let server = with_limits(limits);
        for mut client in clients(&server, MANY, &sent) {
            let received = rest(&mut client);
            assert!(received.starts_with(answer), "{limits}: {received}");
            assert_eq!(received.is_empty(), answer.is_empty(), "{limits}");
        }
    }
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let server = with_limits("patience=0.1 connections=1");
    let mut greedy = server.connect();
    let numbers = get("/numbers?to=100000000");
    greedy.write_all(numbers.as_bytes()).expect("cannot send");
    greedy.read_exact(&mut [0]).expect("a first byte");
    // There is one place, and it becomes free.
    while !server
        .exchange("tries", last("/hello"))
        .contains("HTTP/1.1 200 ")
    {}
}

#[test]
fn who_lingers_is_let_go() {
    let server = with_limits("linger=0.1");
    let mut client = server.connect();
    client
        .write_all(last("/hello").as_bytes())
        .expect("cannot send");
    assert!(rest(&mut client).ends_with("</h1>"));
    while client.write_all(b"x").is_ok() {}
}

#[test]
fn no_place_left() {
    let server = with_limits("connections=3 connections_of_one=3");
    let mut admitted = clients(&server, 3, "");
    admitted.iter_mut().for_each(ask);
    for mut client in clients(&server, MANY, "") {
        let received = rest(&mut client);
        assert!(received.starts_with("HTTP/1.1 503 "), "{received}");
        assert!(received.contains("\r\nRetry-After: "), "{received}");
    }
    admitted.iter_mut().for_each(ask);
    drop(admitted);
    while !server
        .exchange("tries", last("/hello"))
        .contains("HTTP/1.1 200 ")
    {}
}

/// Where there is no file descriptor left, who is in is served, nobody else is let in,
/// and the server looks for one twenty times a second and no more.
#[cfg(target_os = "linux")]
#[test]
fn no_file_descriptor_left() {
    let server = Server::start_with_open_files(CHAPTER, 20);
    let began = std::time::Instant::now();
    let mut admitted = server.connect();
    ask(&mut admitted);
    let crowd = clients(&server, 40, "");
    for _ in 0..500 {
        ask(&mut admitted);
    }
    drop(crowd);
    the_page_is_served(&server);
    let most = began.elapsed().as_millis() / 50 + 1;
    let log = server.log();
    let tries = log.matches("cannot accept a connection").count();
    assert!((1..=most).contains(&(tries as u128)), "{tries}, {most}");
}

#[test]
fn big_files() {
    files::a_big_file_arrives_whole_and_is_never_whole_in_memory(CHAPTER);
    files::a_big_answer_survives_a_byte_that_comes_late(CHAPTER);
}

#[test]
#[ignore = "reads slowly for 12 s"]
fn a_client_that_reads_slowly() {
    files::a_client_that_reads_slowly_gets_a_big_file_whole(CHAPTER);
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_idle_ones_cost_little_memory() {
    let memory = |server: &Server| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.process()));
        let status = status.expect("the process runs");
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = memory
            .expect("Linux tells it")
            .trim()
            .trim_end_matches(" kB");
        kib.parse::<usize>().expect("KiB")
    };
    let server = with_limits("connections=1000 connections_of_one=1000");
    the_page_is_served(&server);
    let before = memory(&server);
    // A test may have 1,024 files open.
    let mut idle = clients(&server, 900, "");
    idle.iter_mut().for_each(ask);
    let each = memory(&server).saturating_sub(before) / 900;
    assert!(each < 3, "{each} KiB for each of them");
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), the_page_is_served);
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

#[test]
fn a_silent_crowd() {
    let server = with_limits("connections_of_one=512");
    hostile::a_silent_crowd(&server, the_page_is_served);
}

#[test]
fn bodies_that_are_held_back() {
    let server = Server::start(CHAPTER);
    hostile::bodies_that_are_held_back(&server, HALF_A_FORM, the_page_is_served);
}

#[test]
fn a_real_client() {
    let server = Server::start(CHAPTER);
    std::thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| {
                let agent: ureq::Agent = ureq::Agent::config_builder()
                    .http_status_as_error(false)
                    .build()
                    .into();
                for _ in 0..3 {
                    let mut hello = agent.get(server.url("/hello")).call().expect("an answer");
                    let page = hello.body_mut().read_to_string().expect("a page");
                    assert_eq!(page, "<h1>Hello, User!</h1>");
                    let form = [("name", "Ada"), ("message", "Hello")];
                    let signed = agent.post(server.url("/guestbook"));
                    let mut signed = signed.send_form(form).expect("an answer");
                    let page = signed.body_mut().read_to_string().expect("a page");
                    assert!(page.contains("<dt>Ada</dt>"), "{page}");
                }
            });
        }
    });
}

/// What chapter 13 promises, where there are signals.
#[cfg(unix)]
mod stop {
    use super::*;
    use harness::Signal::{SIGCONT, SIGINT, SIGSTOP, SIGTERM};
    use std::net::TcpListener;

    /// Asks the server to stop, and waits until it does: then an idle client is let go.
    fn ask_to_stop(server: &Server) {
        let mut idle = server.connect();
        ask(&mut idle);
        server.signal(SIGTERM);
        assert_eq!(rest(&mut idle), "");
    }

    fn has_stopped(server: Server, ended: usize, cut_off: usize) {
        let end = server.ended();
        let all = ended + cut_off;
        assert_eq!(
            end.errors,
            format!(
                "Stopped: {ended} of {all} connections have ended, {cut_off} are cut off; \
                 0 lines of the access log are lost\n"
            )
        );
        assert_eq!(end.code, Some(0));
    }

    #[test]
    fn a_server_that_nobody_uses() {
        for signal in [SIGTERM, SIGINT] {
            let server = Server::start(CHAPTER);
            server.signal(signal);
            has_stopped(server, 0, 0);
        }
    }

    /// They still wait to be accepted when the signal comes.
    #[test]
    fn who_has_knocked_before_the_signal_is_answered() {
        let server = Server::start(CHAPTER);
        server.signal(SIGSTOP);
        let mut waiting = clients(&server, MANY, &get("/hello"));
        server.signal(SIGTERM);
        server.signal(SIGCONT);
        for client in &mut waiting {
            let answer = rest(client);
            assert!(answer.ends_with("<h1>Hello, User!</h1>"), "{answer}");
        }
        drop(waiting);
        assert_eq!(server.ended().code, Some(0));
    }

    #[test]
    fn who_is_idle_is_let_go_without_a_byte() {
        let server = Server::start(CHAPTER);
        let mut silent = clients(&server, MANY, "");
        let mut answered = clients(&server, MANY, "");
        answered.iter_mut().for_each(ask);
        ask_to_stop(&server);
        for client in silent.iter_mut().chain(&mut answered) {
            assert_eq!(rest(client), "");
        }
        drop((silent, answered));
        has_stopped(server, 2 * MANY + 1, 0);
    }

    #[test]
    fn what_has_begun_is_answered_and_is_the_last() {
        let hello = get("/hello");
        let sign = HALF_A_FORM.to_owned() + "ssage=Hello";
        for (request, status) in [(&hello, "200 OK"), (&sign, "303 See Other")] {
            for cut in [1, request.len() / 2, request.len() - 1] {
                let server = Server::start(CHAPTER);
                let mut begun = clients(&server, MANY, &request[..cut]);
                // A server that has not read it yet would let them go as idle.
                let mut behind = server.connect();
                ask(&mut behind);
                ask_to_stop(&server);
                for client in &mut begun {
                    client
                        .write_all(&request.as_bytes()[cut..])
                        .expect("cannot send");
                    let answer = rest(client);
                    assert!(
                        answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                        "{answer}"
                    );
                    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
                }
                drop((begun, behind));
                has_stopped(server, MANY + 2, 0);
            }
        }
    }

    #[test]
    fn long_answers_come_whole_while_the_port_is_free_for_another() {
        const LAST: &str = "\n1000000\n\r\n0\r\n\r\n";
        let server = with_limits("stop=60 patience=60");
        let mut clients = clients(&server, MANY, &get("/numbers?to=1000000"));
        for client in &mut clients {
            client.read_exact(&mut [0]).expect("a first byte");
        }
        server.signal(SIGTERM);
        let _other = loop {
            match TcpListener::bind(server.address()) {
                Ok(listener) => break listener,
                Err(_) => std::thread::yield_now(),
            }
        };
        for client in &mut clients {
            assert!(rest(client).ends_with(LAST));
        }
        drop(clients);
        has_stopped(server, MANY, 0);
    }

    #[test]
    fn who_takes_too_long_is_cut_off() {
        let server = with_limits("stop=1");
        let mut unread = clients(&server, 2, &get("/numbers?to=100000000"));
        for client in &mut unread {
            client.read_exact(&mut [0]).expect("a first byte");
        }
        ask_to_stop(&server);
        has_stopped(server, 1, 2);
    }

    #[test]
    fn who_asks_twice_is_obeyed_at_once() {
        let server = with_limits("stop=60");
        let mut unread = clients(&server, 1, &get("/numbers?to=100000000"));
        unread[0].read_exact(&mut [0]).expect("a first byte");
        ask_to_stop(&server);
        // The first ones may still belong to the one before.
        while !server.ends_soon() {
            server.signal(SIGTERM);
        }
        assert_eq!(server.ended().code, Some(130));
    }
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch15-solution")
}

#[test]
fn exercise_divide() {
    let exchange = solution()
        .begin("exercise: a quotient is rounded towards zero")
        .send(get("/divide?a=7&b=2"))
        .receive()
        .send(get("/divide?b=-2&a=7"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_number() {
    let exchange = solution()
        .begin("exercise: what is no number of 64 bits, or is missing, is the client's mistake")
        .send(get("/divide?a=7&b=two"))
        .receive()
        .send(get("/divide?a=7"))
        .receive()
        .send(get("/divide?a=9223372036854775808&b=1"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_by_zero() {
    let exchange = solution()
        .begin("exercise: an answer that fails is answered with 500, and the connection stays")
        .send(get("/divide?a=7&b=0"))
        .receive()
        .send(get("/hello"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_the_other_way_to_fail() {
    let exchange = solution()
        .begin("exercise: so is one that fails in another way")
        .send(get("/divide?a=-9223372036854775808&b=-1"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_status() {
    let exchange = solution()
        .begin_anew(
            "exercise: the server knows how much it has answered, and how much of it failed",
        )
        .send(last("/status"))
        .another()
        .send(last("/divide?a=7&b=0"))
        .another()
        .send(last("/missing"))
        .another()
        .send(last("/status"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_more_than_there_are_workers() {
    let server = solution();
    let mut exchange =
        server.begin_anew("exercise: however many answers fail, there is somebody to answer");
    for _ in 0..2 * common::pool::WORKERS {
        exchange = exchange.send(last("/divide?a=7&b=0")).another();
    }
    assert_snapshot!(exchange.send(last("/status")).finish());
}

#[test]
fn exercise_what_stays() {
    let exchange = solution()
        .begin("exercise: the site is what it was")
        .send(get("/divided"))
        .receive()
        .send("DELETE /divide HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send(last("/hello"))
        .finish();
    assert_snapshot!(exchange);
}
