//! Chapter 16: no thread waits for a client.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;

use harness::clients::{HALF_A_FORM, are_served, clients, get, last, read_some, send};
use harness::{
    Server, check_command_line, files, hostile, limits, still_does_what_came_before, turns,
};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch16-events");

/// Many more than there are loops, and a few for each.
const MANY: usize = 40;

/// So many bytes that no client gets to their end.
const A_TEBIBYTE: u64 = 1 << 40;

/// Over as many connections as there are loops and more.
fn many_are_served(server: &Server) {
    are_served(server, MANY);
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
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch16-events", CHAPTER);
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
            "lesson: answers of many turns come in order while other clients say nothing",
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

#[test]
fn a_slow_crowd() {
    let exchange = turns::slow_crowd(&Server::start(CHAPTER));
    assert_snapshot!(exchange);
}

#[test]
fn a_pipeline_of_many_turns() {
    turns::a_pipeline_of_many_turns(CHAPTER);
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
    many_are_served(&server);
    let mut piece = vec![0; 100_003];
    let mut has_moved = true;
    while has_moved {
        has_moved = false;
        for (client, received) in &mut clients {
            let read = read_some(client, &mut piece).expect("a piece");
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
fn a_crowd_costs_no_thread_and_little_memory() {
    turns::threads_do_not_grow_with_clients(CHAPTER, MANY);
    turns::a_crowd_costs_little_memory_and_leaves_little_behind(CHAPTER, MANY);
}

/// In each loop there is one of each kind that would have all of it.
#[test]
fn busy_clients_let_others_have_their_turn() {
    let folder = site_with_a_file_of(A_TEBIBYTE);
    let many = [("LIMITS", "requests=1000000")];
    let server = Server::start_in_with(CHAPTER, folder.path(), &many);
    let connected = || [(); 4].map(|()| server.connect());
    let (mut downloads, pipeliners) = (connected(), connected());
    for client in &mut downloads {
        send(client, &get("/pages/big.bin"));
    }
    let slow = clients(&server, 100, &get("/pages/big.bin"));
    thread::scope(|scope| {
        for client in downloads.iter().chain(&pipeliners) {
            let mut reader = client.try_clone().expect("another handle");
            scope.spawn(move || io::copy(&mut reader, &mut io::sink()));
        }
        for client in &pipeliners {
            let mut writer = client.try_clone().expect("another handle");
            let requests = get("/hello").repeat(100);
            scope.spawn(move || while writer.write_all(requests.as_bytes()).is_ok() {});
        }
        are_served(&server, 8);
        for client in downloads.iter().chain(&pipeliners) {
            client.shutdown(Shutdown::Both).expect("an end");
        }
    });
    drop(slow);
    many_are_served(&server);
}

#[test]
fn slow_clients_hold_no_loop() {
    turns::slow_senders(CHAPTER, MANY);
    turns::slow_readers(CHAPTER, MANY);
    files::a_client_that_never_reads_a_big_file_holds_nobody_else(CHAPTER, many_are_served);
}

#[test]
fn an_urgent_byte_holds_up_no_request() {
    turns::an_urgent_byte_within_a_request(CHAPTER);
}

#[test]
fn an_end_that_comes_with_the_last_bytes_is_seen_at_once() {
    turns::an_end_that_comes_with_the_last_bytes(CHAPTER);
}

#[test]
fn clients_that_change_their_mind_at_every_byte() {
    hostile::clients_that_change_their_mind_at_every_byte(CHAPTER);
}

#[test]
fn each_deadline_ends_its_client_in_every_loop() {
    limits::each_deadline_ends_its_client(CHAPTER, MANY);
    limits::a_client_that_takes_nothing_is_given_up(CHAPTER);
    limits::who_lingers_is_let_go(CHAPTER);
}

#[test]
fn no_place_left() {
    limits::no_place_left(CHAPTER, MANY);
}

#[cfg(target_os = "linux")]
#[test]
fn no_file_descriptor_left() {
    limits::no_file_descriptor_left(CHAPTER, 32);
}

#[test]
fn big_files() {
    files::a_big_file_arrives_whole_and_is_never_whole_in_memory(CHAPTER);
    files::a_big_answer_survives_a_byte_that_comes_late(CHAPTER);
}

#[test]
#[ignore = "reads slowly for 12 and 25 s"]
fn a_client_that_reads_slowly() {
    files::a_client_that_reads_slowly_gets_a_big_file_whole(CHAPTER);
    files::a_client_that_reads_more_slowly_gets_a_big_file_whole(CHAPTER);
}

#[test]
fn files_that_are_none() {
    files::nothing_leads_out_of_the_site(CHAPTER);
    #[cfg(unix)]
    files::links_and_what_is_no_file(CHAPTER);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), many_are_served);
}

#[test]
fn nobody_reads_the_log() {
    hostile::nobody_reads_the_log(CHAPTER, many_are_served);
}

#[test]
fn nobody_reads_what_went_wrong() {
    let server = Server::start_stalled(CHAPTER, "log_lines=1");
    hostile::nobody_reads_what_went_wrong(server, many_are_served);
}

#[test]
fn a_silent_crowd() {
    let server = Server::start_with_limits(CHAPTER, "connections_of_one=512");
    hostile::a_silent_crowd(&server, many_are_served);
}

#[test]
fn bodies_that_are_held_back() {
    let server = Server::start(CHAPTER);
    hostile::bodies_that_are_held_back(&server, HALF_A_FORM, many_are_served);
}

#[test]
fn real_clients() {
    harness::clients::real_clients(&Server::start(CHAPTER), 8);
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
        .send(primes(NEVER).replace("Host", "Connection: close\r\nHost"))
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
    many_are_served(&server);
    assert!(says("<h1>Counting the primes up to 1000000000000000</h1>"));
}

/// What chapter 13 promises, where there are signals.
#[cfg(unix)]
mod stop {
    use super::*;
    use harness::Signal::SIGTERM;
    use harness::clients::{ask, rest};
    use harness::stop;
    use std::net::TcpStream;

    #[test]
    fn a_server_that_nobody_uses() {
        stop::a_server_that_nobody_uses(CHAPTER);
    }

    #[test]
    fn who_has_knocked_before_the_signal_is_answered() {
        stop::who_has_knocked_before_the_signal_is_answered(CHAPTER, MANY);
    }

    #[test]
    fn what_has_begun_is_answered_in_every_loop_and_is_the_last() {
        // Whom a loop has answered, it has: others may be on their way to another one.
        stop::what_has_begun_is_answered_and_is_the_last(CHAPTER, MANY, ask);
    }

    #[test]
    fn long_answers_come_whole() {
        stop::long_answers_come_whole(CHAPTER, 8, |_| {});
    }

    /// All loops write to one log, and no line is lost or torn.
    #[test]
    fn the_log_has_a_line_for_each_request_of_each_loop() {
        let server = Server::start(CHAPTER);
        let mut clients = clients(&server, MANY, "");
        for (number, client) in clients.iter_mut().enumerate() {
            let request = last(&format!("/query?number={number}"));
            send(client, &request);
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
        stop::who_takes_too_long_is_cut_off(CHAPTER, MANY);
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
                many_are_served(&server);
                server.signal(SIGTERM);
                let end = server.ended();
                assert_eq!(end.code, Some(0), "{}", end.errors);
                assert!(end.errors.contains(" 0 are cut off"), "{}", end.errors);
            });
        }
    }

    #[test]
    fn who_asks_twice_is_obeyed_at_once() {
        stop::who_asks_twice_is_obeyed_at_once(CHAPTER, MANY);
    }
}

#[test]
fn exercise_to_the_end() {
    let close = |form| primes(form).replace("Host", "Connection: close\r\nHost");
    let exchange = solution()
        .begin_anew(
            "exercise: in the end it is known how many there are, and others may be counted",
        )
        .send(close("to=1009"))
        .another_until(&last("/primes"), "<h1>169 primes up to 1009</h1>")
        .another()
        .send(close("to=2000"))
        .another_until(&last("/primes"), "<h1>303 primes up to 2000</h1>")
        .another()
        .send(last("/primes").replacen("GET", "HEAD", 1))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_methods() {
    let exchange = solution().exchange(
        "exercise: the page has four methods",
        last("/primes").replacen("GET", "DELETE", 1),
    );
    assert_snapshot!(exchange);
}
