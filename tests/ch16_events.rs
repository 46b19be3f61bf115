//! Chapter 16: no thread waits for a client.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use harness::{Server, check_command_line, files, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch16-events");

/// Many more than there are loops, and a few for each.
const MANY: usize = 40;

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

/// So many bytes that no client gets to their end.
const A_TEBIBYTE: u64 = 1 << 40;

fn with_limits(limits: &str) -> Server {
    Server::start_with(CHAPTER, &[("LIMITS", limits)])
}

/// A page, over as many connections as there are loops and more.
fn the_page_is_served(server: &Server) {
    for mut client in clients(server, MANY, "") {
        ask(&mut client);
    }
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
    while !received.ends_with(b"<h1>Hello, User!</h1>") {
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
        let entries = fs::read_dir(format!("/proc/{}/{what}", server.process()));
        entries.expect("the process runs").count()
    })
}

/// What Linux says of a process, such as `VmRSS`, in KiB.
#[cfg(target_os = "linux")]
fn memory(server: &Server, what: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process()));
    let status = status.expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kib = line.and_then(|line| line.strip_prefix(":")?.trim().strip_suffix(" kB"));
    kib.expect("Linux tells it").parse().expect("KiB")
}

/// A folder with a file in it that has that many bytes and takes no room.
fn site_with_a_file_of(length: u64) -> tempfile::TempDir {
    let folder = files::site();
    let file = fs::File::create(folder.path().join("pages/big.bin"));
    file.and_then(|file| file.set_len(length)).expect("a file");
    folder
}

#[test]
fn it_does_what_the_chapters_before_it_do() {
    still_does_what_came_before("ch16-events", CHAPTER);
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn pipelined_to_several_loops() {
    // The older ones take a place in each loop, and this one comes behind them.
    let exchange = Server::start(CHAPTER)
        .begin_behind(
            MANY,
            "robust: answers of many turns come in order while other clients say nothing",
        )
        .send(format!(
            "{}HEAD /numbers?to=100000000 HTTP/1.1\r\nHost: localhost\r\n\r\n{}",
            get("/hello"),
            get("/numbers?to=3")
        ))
        .receive()
        .send(last("/query?name=Ada"))
        .finish();
    assert_snapshot!(exchange);
}

/// More than a turn may answer, read or send: what does not fit is taken up where it
/// stopped.
#[test]
fn a_pipeline_of_many_turns() {
    const REQUESTS: usize = 5000;
    let server = with_limits("requests=10000");
    let mut client = server.connect();
    let mut sender = client.try_clone().expect("another handle");
    thread::scope(|scope| {
        scope.spawn(move || {
            let requests: String = (1..=REQUESTS)
                .map(|number| get(&format!("/query?number={number}")))
                .collect();
            let requests = requests + &last("/hello");
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

/// All of them fill their sockets before the first one takes a byte, and then each takes
/// a piece in turn.
#[test]
fn writes_are_taken_up_where_they_stopped() {
    const LENGTH: u64 = 8 << 20;
    let folder = site_with_a_file_of(0);
    let bytes: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
    fs::write(folder.path().join("pages/big.bin"), &bytes).expect("a file");
    let server = Server::start_in(CHAPTER, folder.path());
    let clients = clients(&server, 8, &last("/pages/big.bin"));
    let mut clients: Vec<_> = clients.into_iter().map(|one| (one, Vec::new())).collect();
    the_page_is_served(&server);
    let mut piece = vec![0; 100_003];
    let mut has_moved = true;
    while has_moved {
        has_moved = false;
        for (client, received) in &mut clients {
            let read = client.read(&mut piece).expect("a piece");
            received.extend_from_slice(&piece[..read]);
            has_moved |= read > 0;
        }
    }
    for (_, received) in clients {
        assert!(received.ends_with(&bytes));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn threads_do_not_grow_with_clients() {
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

/// In each loop there is one of each kind that would have all of it.
#[test]
fn busy_clients_let_others_have_their_turn() {
    let folder = site_with_a_file_of(A_TEBIBYTE);
    let many = [("LIMITS", "requests=1000000")];
    let server = Server::start_in_with(CHAPTER, folder.path(), &many);
    let downloads = clients(&server, 4, &get("/pages/big.bin"));
    let pipeliners = clients(&server, 4, "");
    let slow = clients(&server, 100, &get("/pages/big.bin"));
    thread::scope(|scope| {
        for client in downloads.iter().chain(&pipeliners) {
            let mut reader = client.try_clone().expect("another handle");
            scope.spawn(move || while reader.read(&mut [0; 65536]).is_ok_and(|read| read > 0) {});
        }
        for client in &pipeliners {
            let mut writer = client.try_clone().expect("another handle");
            let requests = get("/hello").repeat(100);
            scope.spawn(move || while writer.write_all(requests.as_bytes()).is_ok() {});
        }
        clients(&server, 8, "").iter_mut().for_each(ask);
        for client in downloads.iter().chain(&pipeliners) {
            client.shutdown(Shutdown::Both).expect("an end");
        }
    });
    drop(slow);
    the_page_is_served(&server);
}

#[test]
fn slow_senders_hold_no_loop() {
    for beginning in ["GET /hello HTTP/1.1\r\nHo", HALF_A_FORM] {
        let server = Server::start(CHAPTER);
        let _slow = clients(&server, MANY, beginning);
        the_page_is_served(&server);
    }
}

#[test]
fn slow_readers_hold_no_loop() {
    let server = Server::start(CHAPTER);
    let mut slow = clients(&server, MANY, &get("/numbers?to=100000000"));
    for client in &mut slow {
        client.read_exact(&mut [0]).expect("a first byte");
    }
    the_page_is_served(&server);
    files::a_client_that_never_reads_a_big_file_holds_nobody_else(CHAPTER, the_page_is_served);
}

/// Nobody waits here for a time to be over: these are longer than the harness would.
#[test]
fn an_end_that_comes_with_the_last_bytes_is_seen_at_once() {
    for sent in ["", "\r\n", &get("/hello"), &get("/hello").repeat(3)] {
        let server = with_limits("idle=600 linger=600 head=600");
        for mut client in clients(&server, 4, sent) {
            client.shutdown(Shutdown::Write).expect("cannot end");
            let answers = rest(&mut client).matches("HTTP/1.1 200 OK\r\n").count();
            assert_eq!(answers, sent.matches("GET").count(), "{sent}");
        }
    }
}

/// The whole of an exchange, up to each of its bytes.
#[test]
fn clients_that_change_their_mind_at_every_byte() {
    let server = Server::start(CHAPTER);
    let mut first = server.connect();
    ask(&mut first);
    #[cfg(target_os = "linux")]
    let before = threads_and_files(&server);
    for sent in [get("/hello"), HALF_A_FORM.to_owned() + "ssage=Hello"] {
        for end in 0..=sent.len() {
            hostile::reset_after(&server, &sent[..end], 0);
        }
        for read in 1..100 {
            hostile::reset_after(&server, &sent, read);
        }
        ask(&mut first);
    }
    #[cfg(target_os = "linux")]
    while threads_and_files(&server) != before {
        thread::yield_now();
    }
}

#[test]
fn each_deadline_ends_its_client_in_every_loop() {
    for (limits, sent, answer) in [
        ("idle=0.1", String::new(), ""),
        ("idle=0.1", get("/hello"), "HTTP/1.1 200 "),
        ("head=0.1", "GET /hello".to_owned(), "HTTP/1.1 408 "),
        ("body=0.1", HALF_A_FORM.to_owned(), "HTTP/1.1 408 "),
        ("patience=0.1", HALF_A_FORM.to_owned(), "HTTP/1.1 408 "),
        ("life=0.000001", get("/hello"), "HTTP/1.1 200 "),
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
    a_place_becomes_free(&server);
}

#[test]
fn who_lingers_is_let_go() {
    let server = with_limits("linger=0.1");
    for mut client in clients(&server, 4, &last("/hello")) {
        assert!(rest(&mut client).ends_with("</h1>"));
        while client.write_all(b"x").is_ok() {}
    }
}

fn a_place_becomes_free(server: &Server) {
    let tries = || server.exchange("tries", last("/hello"));
    while !tries().contains("HTTP/1.1 200 ") {}
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
    a_place_becomes_free(&server);
}

/// Where there is no file descriptor left, who is in is served, nobody else is let in,
/// and the server looks for one twenty times a second and no more.
#[cfg(target_os = "linux")]
#[test]
fn no_file_descriptor_left() {
    let server = Server::start_with_open_files(CHAPTER, 32);
    let began = std::time::Instant::now();
    let mut admitted = server.connect();
    ask(&mut admitted);
    let crowd = clients(&server, 60, "");
    for _ in 0..500 {
        ask(&mut admitted);
    }
    drop(crowd);
    ask(&mut server.connect());
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

#[test]
fn files_that_are_none() {
    files::nothing_leads_out(CHAPTER, |target| {
        if target.starts_with('/') || target.starts_with("http://") {
            "404 Not Found"
        } else if target.starts_with("file://") {
            "421 Misdirected Request"
        } else {
            "400 Bad Request"
        }
    });
    #[cfg(unix)]
    files::links_and_what_is_no_file(CHAPTER);
}

#[cfg(target_os = "linux")]
#[test]
fn a_crowd_costs_little_memory_and_leaves_little_behind() {
    let server = with_limits("connections=1000 connections_of_one=1000");
    the_page_is_served(&server);
    let before = memory(&server, "VmRSS");
    // A test may have 1,024 files open.
    let mut idle = clients(&server, 900, "");
    idle.iter_mut().for_each(ask);
    let each = memory(&server, "VmRSS").saturating_sub(before) / 900;
    assert!(each < 3, "{each} KiB for each of them");
    drop(idle);
    let mut idle = clients(&server, 900, "");
    idle.iter_mut().for_each(ask);
    let again = memory(&server, "VmRSS").saturating_sub(before) / 900;
    assert!(again < 4, "{again} KiB for each of the next ones");
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
fn real_clients() {
    let server = Server::start(CHAPTER);
    thread::scope(|scope| {
        for _ in 0..8 {
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

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch16-solution")
}

/// Sends a form to `/primes`.
fn primes(form: &str) -> String {
    let length = form.len();
    format!(
        "POST /primes HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
    )
}

/// So many are not counted before the check is over.
const NEVER: &str = "to=1000000000000000";

#[test]
fn exercise_few() {
    let exchange = solution()
        .begin_anew("exercise: few primes are counted at once")
        .send(primes("to=100"))
        .receive()
        .send(primes("to=1000"))
        .receive()
        .send(primes("to=0"))
        .receive()
        .send(primes("to=2"))
        .receive()
        .send(last("/primes"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_many() {
    let exchange = solution()
        .begin_anew("exercise: many primes are counted while the server goes on")
        .send(primes(NEVER))
        .receive()
        .send(get("/hello"))
        .receive()
        .send(last("/primes"))
        .another()
        .send(last("/primes"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_one_at_a_time() {
    let exchange = solution()
        .begin_anew("exercise: one count at a time is enough, but for the small ones")
        .send(primes(NEVER))
        .receive()
        .another()
        .send(primes("to=1001"))
        .receive()
        .send(primes("to=10"))
        .receive()
        .send(last("/primes"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_no_number() {
    let server = solution();
    let mut exchange = server.begin_anew("exercise: what is no number is a bad request");
    for form in [
        "to=many",
        "to=-1",
        "to=18446744073709551616",
        "to=",
        "from=1",
    ] {
        exchange = exchange.send(primes(form)).receive();
    }
    let no_form = primes("to=100").replace("application/x-www-form-urlencoded", "text/plain");
    let exchange = exchange.send(no_form).receive();
    assert_snapshot!(exchange.send(last("/hello")).finish());
}

#[test]
fn exercise_none_yet() {
    let exchange = solution()
        .begin_anew("exercise: before any are counted there is nothing to tell")
        .send(last("/primes"))
        .finish();
    assert_snapshot!(exchange);
}

/// While it counts, every client of every loop is served, and in the end it has counted.
#[test]
fn exercise_to_the_end_and_then_again() {
    let server = solution();
    let accepted = |form: &str| {
        let form = primes(form).replace("Host", "Connection: close\r\nHost");
        server
            .exchange("accepted", form)
            .contains("< HTTP/1.1 202 ")
    };
    let says = |page: &str| server.exchange("says", last("/primes")).contains(page);
    assert!(accepted("to=1001"));
    while !says("<h1>168 primes up to 1001</h1>") {}
    assert!(accepted(NEVER));
    the_page_is_served(&server);
    assert!(says("<h1>Counting the primes up to 1000000000000000</h1>"));
}

/// What chapter 13 promises, where there are signals.
#[cfg(unix)]
mod stop {
    use super::*;
    use harness::Signal::{SIGCONT, SIGINT, SIGSTOP, SIGTERM};

    /// Asks the server to stop, and waits until all of its loops do: then those who are
    /// idle are let go, in each of them.
    fn ask_to_stop(server: &Server) {
        let mut idle = clients(server, MANY, "");
        idle.iter_mut().for_each(ask);
        server.signal(SIGTERM);
        idle.iter_mut().for_each(|idle| assert_eq!(rest(idle), ""));
    }

    fn has_stopped(server: Server, ended: usize, cut_off: usize) {
        let end = server.ended();
        let all = ended + cut_off;
        let said = format!(
            "Stopped: {ended} of {all} connections have ended, {cut_off} are cut off; \
             0 lines of the access log are lost\n"
        );
        assert_eq!(end.errors, said);
        assert_eq!(end.code, Some(0));
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
    fn a_server_that_nobody_uses() {
        for signal in [SIGTERM, SIGINT] {
            let server = Server::start(CHAPTER);
            server.signal(signal);
            has_stopped(server, 0, 0);
        }
    }

    #[test]
    fn what_has_begun_is_answered_in_every_loop_and_is_the_last() {
        let hello = get("/hello");
        let sign = HALF_A_FORM.to_owned() + "ssage=Hello";
        for (request, status) in [(&hello, "200 OK"), (&sign, "303 See Other")] {
            for cut in [1, request.len() / 2, request.len() - 1] {
                let server = Server::start(CHAPTER);
                let mut begun = clients(&server, MANY, "");
                // A server that has not read it yet would let them go as idle.
                for client in &mut begun {
                    ask(client);
                    client
                        .write_all(&request.as_bytes()[..cut])
                        .expect("a part");
                }
                ask_to_stop(&server);
                for client in &mut begun {
                    client
                        .write_all(&request.as_bytes()[cut..])
                        .expect("cannot send");
                    let answer = rest(client);
                    let status_line = format!("HTTP/1.1 {status}\r\n");
                    assert!(answer.starts_with(&status_line), "{answer}");
                    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
                }
                drop(begun);
                has_stopped(server, 2 * MANY, 0);
            }
        }
    }

    #[test]
    fn long_answers_come_whole() {
        const LAST: &str = "\n1000000\n\r\n0\r\n\r\n";
        let server = with_limits("stop=600");
        let mut clients = clients(&server, 8, &get("/numbers?to=1000000"));
        for client in &mut clients {
            client.read_exact(&mut [0]).expect("a first byte");
        }
        server.signal(SIGTERM);
        for client in &mut clients {
            assert!(rest(client).ends_with(LAST));
        }
        drop(clients);
        has_stopped(server, 8, 0);
    }

    /// All loops write to one log, and no line is lost or torn.
    #[test]
    fn the_log_has_a_line_for_each_request_of_each_loop() {
        let server = Server::start(CHAPTER);
        let mut clients = clients(&server, MANY, "");
        for (number, client) in clients.iter_mut().enumerate() {
            let request = last(&format!("/query?number={number}"));
            client.write_all(request.as_bytes()).expect("cannot send");
        }
        for client in &mut clients {
            rest(client);
        }
        drop(clients);
        server.signal(SIGTERM);
        let log = server.ended().output;
        assert_eq!(log.lines().count(), MANY, "{log}");
        for number in 0..MANY {
            let request = format!("\"GET /query?number={number} HTTP/1.1\" 200 ");
            let lines = log.lines().filter(|line| line.contains(&request));
            let lines: Vec<&str> = lines.collect();
            assert!(
                matches!(lines[..], [line] if line.starts_with("127.0.0.1 - - [")),
                "{log}"
            );
        }
    }

    #[test]
    fn who_takes_too_long_is_cut_off_in_every_loop() {
        let server = with_limits("stop=0.3");
        let mut unread = clients(&server, MANY, &get("/numbers?to=100000000"));
        for client in &mut unread {
            client.read_exact(&mut [0]).expect("a first byte");
        }
        ask_to_stop(&server);
        has_stopped(server, MANY, MANY);
    }

    /// Some are let in while the server is asked to stop: each of them is served, or
    /// hears that it is not, and the server ends well.
    #[test]
    fn a_crowd_at_the_door_when_it_closes() {
        for _ in 0..10 {
            let server = Server::start(CHAPTER);
            let address = server.address();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(move || {
                        while let Ok(mut client) = TcpStream::connect(address) {
                            let mut received = Vec::new();
                            let sent = client.write_all(last("/hello").as_bytes());
                            if sent.is_ok() && client.read_to_end(&mut received).is_ok() {
                                let all = String::from_utf8_lossy(&received);
                                assert!(all.is_empty() || all.ends_with("</h1>"), "{all}");
                            }
                        }
                    });
                }
                the_page_is_served(&server);
                server.signal(SIGTERM);
                let end = server.ended();
                assert_eq!(end.code, Some(0), "{}", end.errors);
                assert!(end.errors.contains(" 0 are cut off"), "{}", end.errors);
            });
        }
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
