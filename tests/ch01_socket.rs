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
    let exchange = solution()
        .begin("exercise: each of two clients is greeted with its own address")
        .another()
        .finish();
    assert_snapshot!(exchange);
}
