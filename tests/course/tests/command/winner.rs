//! The server that is ahead in a benchmark, and the checks that find what it leaves out
//! for that.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

use crate::programs::program;
use harness::Server;
use serde_json::Value;

const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
const PAGE: &str = "<h1>Hello, User!</h1>";

/// It, running.
struct Winner(Server);

impl Winner {
    fn start() -> Self {
        Self(Server::start(&program("ch16-winner")))
    }

    fn address(&self) -> String {
        self.0.address().to_string()
    }

    /// All that comes back for this, to the end.
    fn answers(&self, request: &str) -> String {
        let mut stream = self.0.connect();
        stream.write_all(request.as_bytes()).expect("cannot send");
        stream.shutdown(Shutdown::Write).expect("cannot close");
        let mut received = String::new();
        stream.read_to_string(&mut received).expect("cannot read");
        received
    }

    /// The names of what the course finds, each with how binding it is.
    fn found(&self, arguments: &[&str], is_fault: fn(&Value) -> bool) -> Vec<String> {
        let scores = tempfile::tempdir().expect("a temporary folder");
        let output = Command::new(env!("CARGO_BIN_EXE_course"))
            .args(arguments)
            .env("CARGO_TARGET_DIR", scores.path())
            .output()
            .expect("the course runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let outcomes = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        let faults = outcomes.filter(is_fault);
        faults
            .map(|outcome: Value| outcome["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    /// Whether `cargo course check 16` finds fault with it in this exchange.
    fn fails(&self, name: &str) -> bool {
        let words = ["check", "16", &self.address(), "--json", "--only", name];
        !self
            .found(&words, |outcome| outcome["passed"] == false)
            .is_empty()
    }
}

/// All that a benchmark asks.
#[test]
fn it_does_what_a_benchmark_looks_at() {
    let winner = Winner::start();
    let answer = winner.answers(HELLO);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(PAGE), "{answer}");
    let answers = winner.answers(&HELLO.repeat(16));
    assert_eq!(answers.matches(PAGE).count(), 16, "{answers}");
}

#[test]
fn the_check_finds_it() {
    let winner = Winner::start();
    for name in [
        "a_body_in_pieces",
        "a_head_in_pieces",
        "a_length_with_a_sign",
        "a_drawing",
    ] {
        assert!(winner.fails(name), "{name}");
    }
}

#[test]
fn the_probe_finds_it() {
    let winner = Winner::start();
    let groups = ["host", "smuggling"];
    for (group, case) in groups
        .into_iter()
        .zip(["host-missing", "smuggled-between-two-lengths"])
    {
        let words = ["probe", &winner.address(), "--group", group, "--json"];
        let departs = winner.found(&words, |outcome| outcome["result"] == "departs");
        assert!(
            departs.iter().any(|name| name == case),
            "{group}: {departs:?}"
        );
    }
}

#[test]
fn a_request_in_two_pieces_gets_no_answer() {
    let winner = Winner::start();
    let mut stream = winner.0.connect();
    let (first, second) = HELLO.split_at(HELLO.len() - 2);
    stream.write_all(first.as_bytes()).expect("cannot send");
    // An answer to another one shows that it has read this.
    assert!(winner.answers(HELLO).ends_with(PAGE));
    stream.write_all(second.as_bytes()).expect("cannot send");
    stream.shutdown(Shutdown::Write).expect("cannot close");
    let mut received = String::new();
    stream.read_to_string(&mut received).expect("cannot read");
    assert_eq!(received, "");
}

/// One that asks for more than it takes at once, and then takes all of it.
#[test]
fn a_client_that_reads_late_loses_answers() {
    const ASKED: usize = 200_000;
    let winner = Winner::start();
    let mut stream = winner.0.connect();
    let mut sender = stream.try_clone().expect("the same connection");
    // It never stops reading, so all of this goes out before anything is read here.
    sender
        .write_all(HELLO.repeat(ASKED).as_bytes())
        .expect("cannot send");
    sender.shutdown(Shutdown::Write).expect("cannot close");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("cannot read");
    let pages = received
        .windows(PAGE.len())
        .filter(|part| *part == PAGE.as_bytes());
    let count = pages.count();
    assert!(count < ASKED, "{count} of {ASKED}");
}
