//! What a server does at its limits, whatever carries the connections: chapter 12 sets
//! them, and each chapter after it keeps them in another way.

use std::io::Write;
#[cfg(target_os = "linux")]
use std::time::Instant;

use crate::Server;
#[cfg(target_os = "linux")]
use crate::clients::are_served;
use crate::clients::{
    ENDLESS, HALF_A_FORM, a_place_becomes_free, ask, clients, clients_who_read_no_further, get,
    last, rest,
};

/// Checks for each time limit that it ends each of many clients, with the answer that it
/// should.
pub fn each_deadline_ends_its_client(program: &str, many: usize) {
    for (limits, sent, answer) in [
        // Half a second, as a client must have asked before it is over.
        ("idle=0.5", String::new(), ""),
        ("idle=0.5", get("/hello"), "HTTP/1.1 200 "),
        ("head=0.1", "GET /hello".to_owned(), "HTTP/1.1 408 "),
        ("body=0.1", HALF_A_FORM.to_owned(), "HTTP/1.1 408 "),
        ("inactivity=0.1", HALF_A_FORM.to_owned(), "HTTP/1.1 408 "),
        ("life=0.000001", get("/hello"), "HTTP/1.1 200 "),
    ] {
        let server = Server::start_with_limits(program, limits);
        for mut client in clients(&server, many, &sent) {
            let received = rest(&mut client);
            assert!(received.starts_with(answer), "{limits}: {received}");
            assert_eq!(received.is_empty(), answer.is_empty(), "{limits}");
        }
    }
}

/// Checks that a client that takes nothing of its answer is given up.
pub fn a_client_that_takes_nothing_is_given_up(program: &str) {
    let server = Server::start_with_limits(program, "inactivity=0.1 connections=1");
    let _greedy = clients_who_read_no_further(&server, 1, &get(ENDLESS));
    // There is one place.
    a_place_becomes_free(&server);
}

/// Checks that a server that has answered and half-closed does not wait for its clients
/// for ever.
pub fn who_lingers_is_let_go(program: &str) {
    let server = Server::start_with_limits(program, "linger=0.1");
    for mut client in clients(&server, 4, &last("/hello")) {
        assert!(rest(&mut client).ends_with("</h1>"));
        // What is sent then comes back as a reset.
        while client.write_all(b"x").is_ok() {}
    }
}

/// Checks that those for whom there is no place are told so, those who have one keep it,
/// and it is free again after them.
pub fn no_place_left(program: &str, many: usize) {
    let server = Server::start_with_limits(program, "connections=3 connections_of_one=3");
    let mut admitted = clients(&server, 3, "");
    admitted.iter_mut().for_each(ask);
    for mut client in clients(&server, many, "") {
        let received = rest(&mut client);
        assert!(received.starts_with("HTTP/1.1 503 "), "{received}");
        assert!(received.contains("\r\nRetry-After: "), "{received}");
    }
    admitted.iter_mut().for_each(ask);
    drop(admitted);
    a_place_becomes_free(&server);
}

/// Leaves a server room for so many files and sockets, which are a few more than it has
/// of its own, and checks that who is in is served, nobody else is let in, and the server
/// looks for one twenty times a second and no more.
#[cfg(target_os = "linux")]
pub fn no_file_descriptor_left(program: &str, files: usize) {
    let server = Server::start_with_open_files(program, files);
    let began = Instant::now();
    let mut admitted = server.open();
    ask(&mut admitted);
    let crowd = clients(&server, 2 * files, "");
    server.wait_for_errors(|errors| errors.contains("cannot accept a connection"));
    for _ in 0..500 {
        ask(&mut admitted);
    }
    drop(crowd);
    are_served(&server, 1);
    let most = began.elapsed().as_millis() / 50 + 1;
    let log = server.log();
    let tries = log.matches("cannot accept a connection").count();
    assert!((1..=most).contains(&(tries as u128)), "{tries}, {most}");
}
