//! Chapter 1: a connection is accepted, logged and closed.

use std::io::Read;

use harness::{Server, check_command_line, hostile};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch01-socket");

fn a_connection_is_closed(server: &Server) {
    let received = server.connect().read_to_end(&mut Vec::new());
    assert_eq!(received.expect("the connection ends"), 0);
}

#[test]
fn connection() {
    let exchange = Server::start(CHAPTER)
        .begin("core: the connection is closed without a word")
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn prints_where_clients_come_from() {
    let server = Server::start(CHAPTER);
    let exchange = server
        .begin("core: the port is printed, and where each client comes from")
        .another()
        .finish();
    assert_snapshot!(server.add_all_it_printed(&exchange));
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    a_connection_is_closed(&server);
    a_connection_is_closed(&server);
    assert_snapshot!(server.log());
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), a_connection_is_closed);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, a_connection_is_closed);
}

fn solution() -> Server {
    Server::start_solution(CHAPTER, "ch01-solution")
}

#[test]
fn exercise_greeting() {
    let exchange = solution()
        .begin("exercise: the client is greeted with its own address")
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn exercise_two_clients() {
    let server = solution();
    let exchange = server
        .begin("exercise: each of two clients is greeted with its own address, and printed")
        .another()
        .finish();
    assert_snapshot!(server.add_all_it_printed(&exchange));
}

#[test]
fn exercise_clients_that_are_gone() {
    let exchange = solution()
        .begin("exercise: clients that are gone before their greeting end nothing")
        .gone(32)
        .another()
        .finish();
    assert_snapshot!(exchange);
}
