//! What chapter 13 promises of a stop, for those chapters that keep the promise in
//! another way.

#[cfg(target_os = "linux")]
use crate::Signal::SIGHUP;
use crate::Signal::{SIGCONT, SIGINT, SIGSTOP, SIGTERM};
#[cfg(target_os = "linux")]
use crate::clients::are_served;
use crate::clients::{
    Client, ENDLESS, HALF_A_FORM, NO_HURRY, THE_OTHER_HALF, answered_clients, clients,
    clients_who_read_no_further, get, rest, send, wait_until,
};
use crate::{Ended, Server};

/// Asks the server to stop, and waits until each of its threads does: then those who are
/// idle are let go without a byte. As many come as are surely with each of them.
pub fn ask_to_stop(server: &Server, many: usize) {
    let idle = answered_clients(server, many);
    server.signal(SIGTERM);
    for mut idle in idle {
        assert_eq!(rest(&mut idle), "");
    }
}

/// Waits until the server has ended as it should after one signal, and checks what it
/// says then of its connections.
pub fn has_stopped(server: Server, ended: usize, cut_off: usize) -> Ended {
    let end = ended_well(server);
    assert_eq!(said(&end), stopped(ended, ended + cut_off));
    end
}

fn ended_well(server: Server) -> Ended {
    let end = server.ended();
    assert_eq!(end.code, Some(0), "{}", end.errors);
    end
}

/// What a server has said of its stop.
fn said(end: &Ended) -> &str {
    match end.errors.split_once('\n') {
        // Chapter 17 says so as it starts.
        Some((first, rest)) if first.starts_with("The certificate is ") => rest,
        _ => &end.errors,
    }
}

fn stopped(ended: usize, all: usize) -> String {
    format!(
        "Stopped: {ended} of {all} connections have ended, {} are cut off; \
         0 lines of the access log are lost\n",
        all - ended
    )
}

pub fn a_server_that_nobody_uses(program: &str) {
    for signal in [SIGTERM, SIGINT] {
        let server = Server::start(program);
        server.signal(signal);
        has_stopped(server, 0, 0);
    }
}

/// Checks that a server goes on that is started to ignore signals, and ends by another one.
#[cfg(target_os = "linux")]
pub fn a_signal_that_was_ignored_stays_ignored(program: &str) {
    let server = Server::start_ignoring(program, "HUP INT");
    server.signal(SIGHUP);
    server.signal(SIGINT);
    // Some look only ten times a second whether they are to stop.
    assert!((0..6).all(|_| !server.ends_soon()));
    are_served(&server, 1);
    server.signal(SIGTERM);
    ended_well(server);
}

/// Checks that those are answered who still wait to be accepted when the signal comes.
pub fn who_has_knocked_before_the_signal_is_answered(program: &str, many: usize) {
    let server = Server::start(program);
    server.signal(SIGSTOP);
    let mut waiting = clients(&server, many, &get("/hello"));
    server.signal(SIGTERM);
    server.signal(SIGCONT);
    for client in &mut waiting {
        let answer = rest(client);
        assert!(answer.ends_with("<h1>Hello, User!</h1>"), "{answer}");
    }
    drop(waiting);
    assert_eq!(server.ended().code, Some(0));
}

/// Checks that a request of which a part has come is answered, and that the answer says
/// that it is the last one. Each client does this before it begins.
pub fn what_has_begun_is_answered_and_is_the_last(
    program: &str,
    many: usize,
    before: impl Fn(&mut Client),
) {
    let hello = get("/hello");
    let sign = HALF_A_FORM.to_owned() + THE_OTHER_HALF;
    for (request, status) in [(&hello, "200 OK"), (&sign, "303 See Other")] {
        for cut in [1, request.len() / 2, request.len() - 1] {
            let server = Server::start_with_limits(program, NO_HURRY);
            let mut begun = clients(&server, many, "");
            for client in &mut begun {
                before(client);
                send(client, &request[..cut]);
            }
            // A server that has not read it yet would let them go as idle.
            ask_to_stop(&server, many);
            for client in &mut begun {
                send(client, &request[cut..]);
                let answer = rest(client);
                let status_line = format!("HTTP/1.1 {status}\r\n");
                assert!(answer.starts_with(&status_line), "{answer}");
                assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            }
            drop(begun);
            has_stopped(server, 2 * many, 0);
        }
    }
}

/// Checks that long answers that have begun come whole. `meanwhile` is called while they
/// are under way.
pub fn long_answers_come_whole(program: &str, many: usize, meanwhile: impl Fn(&Server)) {
    let server = Server::start_with_limits(program, NO_HURRY);
    let mut clients = clients_who_read_no_further(&server, many, &get("/numbers?to=1000000"));
    server.signal(SIGTERM);
    meanwhile(&server);
    for client in &mut clients {
        assert!(rest(client).ends_with("\n1000000\n\r\n0\r\n\r\n"));
    }
    drop(clients);
    has_stopped(server, many, 0);
}

/// Checks that those are cut off who take longer than they may.
pub fn who_takes_too_long_is_cut_off(program: &str, many: usize) {
    let server = Server::start_with_limits(program, &format!("{NO_HURRY} stop=1"));
    let _unread = clients_who_read_no_further(&server, many, &get(ENDLESS));
    ask_to_stop(&server, many);
    let end = ended_well(server);
    // Where the machine is busy, some who were idle hang up too late.
    let is_possible = |ended| said(&end) == stopped(ended, 2 * many);
    assert!((0..=many).any(is_possible), "{}", end.errors);
}

/// Checks that a second signal ends the server, whatever is under way.
pub fn who_asks_twice_is_obeyed_at_once(program: &str, many: usize) {
    let server = Server::start_with_limits(program, NO_HURRY);
    let _unread = clients_who_read_no_further(&server, 1, &get(ENDLESS));
    ask_to_stop(&server, many);
    // The first ones may still belong to the one before.
    wait_until("it has ended", || {
        server.signal(SIGTERM);
        server.ends_soon()
    });
    assert_eq!(server.ended().code, Some(130));
}
