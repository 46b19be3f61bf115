//! Chapter 15: few threads for many connections.

use std::io::{self, Write};
use std::net::Shutdown;
use std::thread;

use harness::clients::{HALF_A_FORM, are_served, get};
use harness::{
    Server, check_command_line, files, hostile, limits, still_does_what_came_before, turns,
};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch15-pool");

/// Many more than there are workers.
const MANY: usize = 5 * common::pool::WORKERS;

/// More than there are workers.
const SOME: usize = 2 * common::pool::WORKERS;

fn many_are_served(server: &Server) {
    are_served(server, MANY);
}

#[test]
fn it_does_what_the_chapters_before_it_do() {
    still_does_what_came_before("ch15-pool", CHAPTER);
}

#[test]
#[ignore = "a client rests for some seconds"]
fn a_client_may_still_rest() {
    harness::a_client_may_still_rest("ch15-pool", CHAPTER);
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
            "lesson: a client is served while many more than there are workers say nothing",
        )
        .send(get("/hello"))
        .receive()
        .send(get("/query?name=Ada"))
        .receive()
        .stays_open();
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

#[cfg(target_os = "linux")]
#[test]
fn an_idle_connection_costs_no_thread_and_little_memory() {
    turns::threads_do_not_grow_with_clients(CHAPTER, MANY);
    turns::a_crowd_costs_little_memory_and_leaves_little_behind(CHAPTER, MANY);
}

#[test]
fn slow_clients_hold_no_worker() {
    turns::slow_senders(CHAPTER, MANY);
    turns::slow_readers(CHAPTER, MANY);
    files::a_client_that_never_reads_a_big_file_holds_nobody_else(CHAPTER, many_are_served);
}

/// Those who always have more to do share the workers with those who have little.
#[test]
fn busy_clients_let_others_have_their_turn() {
    let server = Server::start(CHAPTER);
    let busy: Vec<_> = (0..SOME).map(|_| server.connect()).collect();
    thread::scope(|scope| {
        for mut client in &busy {
            let numbers = get("/numbers?to=100000000");
            client.write_all(numbers.as_bytes()).expect("cannot ask");
            scope.spawn(move || io::copy(&mut client, &mut io::sink()));
        }
        for _ in 0..20 {
            are_served(&server, 1);
        }
        for client in &busy {
            client.shutdown(Shutdown::Both).expect("an end");
        }
    });
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
fn times() {
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
    limits::no_file_descriptor_left(CHAPTER, 20);
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
fn a_real_client() {
    harness::clients::real_clients(&Server::start(CHAPTER), MANY);
}

/// What chapter 13 promises, where there are signals.
#[cfg(unix)]
mod stop {
    use super::*;
    use harness::clients::{ask, clients, rest, wait_until};
    use harness::stop::{self, ask_to_stop, has_stopped};
    use std::net::TcpListener;

    #[test]
    fn a_server_that_nobody_uses() {
        stop::a_server_that_nobody_uses(CHAPTER);
    }

    #[test]
    fn who_has_knocked_before_the_signal_is_answered() {
        stop::who_has_knocked_before_the_signal_is_answered(CHAPTER, MANY);
    }

    #[test]
    fn who_is_idle_is_let_go_without_a_byte() {
        let server = Server::start(CHAPTER);
        let mut silent = clients(&server, MANY, "");
        let mut answered = clients(&server, MANY, "");
        answered.iter_mut().for_each(ask);
        ask_to_stop(&server, 1);
        for client in silent.iter_mut().chain(&mut answered) {
            assert_eq!(rest(client), "");
        }
        drop((silent, answered));
        has_stopped(server, 2 * MANY + 1, 0);
    }

    #[test]
    fn what_has_begun_is_answered_and_is_the_last() {
        stop::what_has_begun_is_answered_and_is_the_last(CHAPTER, MANY, |_| {});
    }

    #[test]
    fn long_answers_come_whole_while_the_port_is_free_for_another() {
        stop::long_answers_come_whole(CHAPTER, SOME, |server| {
            wait_until("the port is free", || {
                TcpListener::bind(server.address()).is_ok()
            });
        });
    }

    #[test]
    fn who_takes_too_long_is_cut_off() {
        stop::who_takes_too_long_is_cut_off(CHAPTER, MANY);
    }

    #[test]
    fn who_asks_twice_is_obeyed_at_once() {
        stop::who_asks_twice_is_obeyed_at_once(CHAPTER, 1);
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
        .send(harness::clients::last("/status"))
        .another()
        .send(harness::clients::last("/divide?a=7&b=0"))
        .another()
        .send(harness::clients::last("/missing"))
        .another()
        .send(harness::clients::last("/status"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_more_than_there_are_workers() {
    let server = solution();
    let mut exchange =
        server.begin_anew("exercise: however many answers fail, there is somebody to answer");
    for _ in 0..2 * common::pool::WORKERS {
        exchange = exchange
            .send(harness::clients::last("/divide?a=7&b=0"))
            .another();
    }
    assert_snapshot!(exchange.send(harness::clients::last("/status")).finish());
}

#[test]
fn exercise_what_stays() {
    let exchange = solution()
        .begin("exercise: the site is what it was")
        .send(get("/divided"))
        .receive()
        .send("DELETE /divide HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send(harness::clients::last("/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_large_numbers() {
    let exchange = solution()
        .begin("exercise: all numbers of 64 bits are divided, to the last digit")
        .send(get("/divide?a=-7&b=2"))
        .receive()
        .send(get("/divide?a=9223372036854775807&b=-1"))
        .receive()
        .send(get("/divide?a=-9223372036854775808&b=1"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_refusals_count() {
    let exchange = solution()
        .begin_anew("exercise: an answer that refuses something counts, and has not failed")
        .send(get("/divide?a=7"))
        .receive()
        .send("DELETE /divide HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send("HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .receive()
        .send(get("/status"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}
