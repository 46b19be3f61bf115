//! Clients of the site of part two, one or many at once, over whatever the chapter speaks.

use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::play::Connection;
use crate::{PATIENCE, Server, agent};

/// A client's connection.
pub type Client = Box<dyn Connection>;

/// The beginning of a form for the guestbook, of which less follows than it says.
pub const HALF_A_FORM: &str = "POST /guestbook HTTP/1.1\r\nHost: localhost\r\n\
                               Content-Length: 22\r\n\
                               Content-Type: application/x-www-form-urlencoded\r\n\r\n\
                               name=Ada&me";

/// What is missing of it.
pub const THE_OTHER_HALF: &str = "ssage=Hello";

/// Limits that leave every client its time, for what is not about time. A machine that is
/// busy with other things makes each of them slow.
pub const NO_HURRY: &str = "idle=600 head=600 body=600 inactivity=600 stop=600";

/// A page that ends only after hundreds of megabytes.
pub const ENDLESS: &str = "/numbers?to=100000000";

/// What `/hello` is.
const PAGE: &str = "<h1>Hello, User!</h1>";

/// How long it takes until something is looked at again that is waited for. It leaves the
/// processor to whom it is waited for.
const LOOK: Duration = Duration::from_millis(2);

/// A request after which the connection may stay.
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The last request of a connection.
pub fn last(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// Lets so many clients that others have written use the site at the same time.
pub fn real_clients(server: &Server, count: usize) {
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let agent = agent();
                for _ in 0..3 {
                    let mut hello = agent.get(server.url("/hello")).call().expect("an answer");
                    let page = hello.body_mut().read_to_string().expect("a page");
                    assert_eq!(page, PAGE);
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

/// So many clients, each of which has sent this.
pub fn clients(server: &Server, count: usize, sent: &str) -> Vec<Client> {
    let client = |_| {
        let mut client = server.open();
        send(&mut client, sent);
        client
    };
    (0..count).map(client).collect()
}

/// So many clients, each of which has sent this, and to each of which the answer has begun
/// to come.
pub fn clients_who_read_no_further(server: &Server, count: usize, sent: &str) -> Vec<Client> {
    let mut clients = clients(server, count, sent);
    for client in &mut clients {
        client.read_exact(&mut [0]).expect("a first byte");
    }
    clients
}

pub fn send(client: &mut impl Write, bytes: &str) {
    client.write_all(bytes.as_bytes()).expect("cannot send");
}

/// So many clients who have asked for a page and have got it, and stay. They ask at once,
/// so that none of them is idle while others are answered.
pub fn answered_clients(server: &Server, count: usize) -> Vec<Client> {
    let mut clients = clients(server, count, &get("/hello"));
    clients.iter_mut().for_each(receive_the_page);
    clients
}

/// Asks for a page over a connection that stays, and waits for all of it.
pub fn ask(client: &mut (impl Read + Write)) {
    send(client, &get("/hello"));
    receive_the_page(client);
}

fn receive_the_page(client: &mut impl Read) {
    let mut received = Vec::new();
    let mut piece = [0; 1024];
    while !received.ends_with(PAGE.as_bytes()) {
        let length = read_some(client, &mut piece).expect("no answer");
        let so_far = String::from_utf8_lossy(&received);
        assert!(length > 0, "no more than {so_far:?}");
        received.extend_from_slice(&piece[..length]);
    }
}

/// Reads once. A signal ends a read that has a time limit, and this takes it up again.
///
/// # Errors
/// What the connection reports otherwise.
pub fn read_some(client: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match client.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// All that comes until the server closes, as it should.
pub fn rest(client: &mut impl Read) -> String {
    let mut received = String::new();
    client.read_to_string(&mut received).expect("no end");
    received
}

/// Checks that so many clients at once are served.
pub fn are_served(server: &Server, count: usize) {
    drop(answered_clients(server, count));
}

/// Waits until a client is let in and served.
pub fn a_place_becomes_free(server: &Server) {
    wait_until("a client is let in", || {
        let tries = server.exchange("tries", last("/hello"));
        tries.contains("HTTP/1.1 200 ")
    });
}

/// Waits until it is so, and fails where it does not come to that.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_taken_up_again_after_a_signal() {
        struct Interrupted(Option<ErrorKind>);
        impl Read for Interrupted {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.take() {
                    Some(kind) => Err(kind.into()),
                    None => (&b"page"[..]).read(buffer),
                }
            }
        }
        let mut piece = [0; 9];
        let mut read = |kind| read_some(&mut Interrupted(Some(kind)), &mut piece);
        assert_eq!(read(ErrorKind::Interrupted).unwrap(), 4);
        let error = read(ErrorKind::TimedOut).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
