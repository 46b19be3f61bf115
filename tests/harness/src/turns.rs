//! What a server does that has few threads for many clients: each of them comes to its
//! turn, whatever the others do or leave undone.

use std::thread;

use socket2::SockRef;

use crate::Server;
use crate::clients::{
    ENDLESS, HALF_A_FORM, NO_HURRY, are_served, ask, clients, clients_who_read_no_further, get,
    last, rest, send,
};
#[cfg(target_os = "linux")]
use crate::clients::{answered_clients, wait_until};
use crate::company::Beside;

/// Asks for more at once than a turn may read, answer or send, and checks that what does
/// not fit is taken up where it stopped. It goes over TCP alone, as one sends while
/// another receives.
pub fn a_pipeline_of_many_turns(program: &str) {
    const REQUESTS: usize = 5000;
    let server = Server::start_with_limits(program, "requests=10000");
    let mut client = server.connect();
    let mut sender = client.try_clone().expect("another handle");
    thread::scope(|scope| {
        scope.spawn(move || {
            let numbers = 1..=REQUESTS;
            let requests = numbers.map(|number| get(&format!("/query?number={number}")));
            send(
                &mut sender,
                &(requests.collect::<String>() + &last("/hello")),
            );
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

/// A client that is served while many others are silent, slow to send and slow to read,
/// and what these cost then. The server has been asked before, so that what it takes for
/// its first answer does not count.
pub fn slow_crowd(server: &Server) -> String {
    let heading = "lesson: clients that are silent or slow cost no thread each, little memory, \
                   and nobody's time";
    server
        .begin(heading)
        .send(last("/hello"))
        .another_behind(100)
        .beside(Beside::HalfForms(40))
        .beside(Beside::Unread {
            count: 10,
            target: "/numbers?to=1500000".to_owned(),
        })
        .send(get("/hello"))
        .receive()
        .beside(Beside::CostLittle)
        .send(last("/query?name=Ada"))
        .finish()
}

/// Checks that an idle client costs no thread, whether it has asked before or not.
#[cfg(target_os = "linux")]
pub fn threads_do_not_grow_with_clients(program: &str, many: usize) {
    let server = Server::start_with_limits(program, NO_HURRY);
    are_served(&server, many);
    let before = server.threads();
    let mut silent = clients(&server, 100, "");
    let mut answered = answered_clients(&server, 100);
    assert_eq!(server.threads(), before);
    // They are all still there, and all the same to it.
    silent.iter_mut().chain(&mut answered).for_each(ask);
    assert_eq!(server.threads(), before);
}

/// Checks that idle clients cost little memory, and that those who come after they have
/// gone are given theirs.
#[cfg(target_os = "linux")]
pub fn a_crowd_costs_little_memory_and_leaves_little_behind(program: &str, many: usize) {
    // A test may have 1,024 files open.
    const CROWD: usize = 900;
    let limits = format!("{NO_HURRY} connections=1000 connections_of_one=1000");
    let server = Server::start_with_limits(program, &limits);
    are_served(&server, many);
    let (before, files) = (server.memory("VmRSS"), server.open_files());
    let grown = || server.memory("VmRSS").saturating_sub(before) / CROWD;
    let idle = answered_clients(&server, CROWD);
    let each = grown();
    assert!(each < 3, "{each} KiB for each of them");
    drop(idle);
    // There would be no room for both.
    wait_until("they have gone", || server.open_files() <= files);
    let _next = answered_clients(&server, CROWD);
    let each = grown();
    assert!(each < 4, "{each} KiB for each of the next ones");
}

/// Checks that those who have sent half of something hold up nobody.
pub fn slow_senders(program: &str, many: usize) {
    for beginning in ["GET /hello HTTP/1.1\r\nHo", HALF_A_FORM] {
        let server = Server::start_with_limits(program, NO_HURRY);
        let _slow = clients(&server, many, beginning);
        are_served(&server, many);
    }
}

/// Checks that those who do not take what they have asked for hold up nobody.
pub fn slow_readers(program: &str, many: usize) {
    let server = Server::start_with_limits(program, NO_HURRY);
    let _slow = clients_who_read_no_further(&server, many, &get(ENDLESS));
    are_served(&server, many);
}

/// Sends an urgent byte at each place of a request, at which a read of the server stops short
/// (RFC 9293 section 3.8.5), and checks that the rest is read too. No other event tells of it,
/// and nobody waits for a time to be over.
pub fn an_urgent_byte_within_a_request(program: &str) {
    let server = Server::start_with_limits(program, NO_HURRY);
    let request = last("/hello");
    for cut in 1..request.len() {
        let (before, behind) = request.split_at(cut);
        let mut client = server.connect();
        // From here on the server reads only what an event tells of.
        ask(&mut client);
        send(&mut client, before);
        let urgent = SockRef::from(&client).send_out_of_band(b"!");
        urgent.expect("cannot send an urgent byte");
        send(&mut client, behind);
        let answer = rest(&mut client);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{cut}: {answer}");
    }
}

/// Checks that an end is seen at once that comes with the last bytes. Nobody waits for a
/// time to be over: these are longer than the harness would.
pub fn an_end_that_comes_with_the_last_bytes(program: &str) {
    for sent in ["", "\r\n", &get("/hello"), &get("/hello").repeat(3)] {
        let limits = format!("{NO_HURRY} linger=600");
        let server = Server::start_with_limits(program, &limits);
        for mut client in clients(&server, 4, sent) {
            client.half_close().expect("cannot end");
            let answers = rest(&mut client).matches("HTTP/1.1 200 OK\r\n").count();
            assert_eq!(answers, sent.matches("GET").count(), "{sent}");
        }
    }
}
