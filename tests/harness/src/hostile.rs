//! Clients that mean no good.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::Server;
#[cfg(target_os = "linux")]
use crate::clients::wait_until;
use crate::clients::{HALF_A_FORM, NO_HURRY, THE_OTHER_HALF, ask, get, read_some};

/// What a client does with its connection; what it gives back, it holds on to.
type Client = fn(TcpStream) -> Option<TcpStream>;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How a browser begins that tries HTTPS: with the first bytes of a TLS handshake.
pub const TLS_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// How many connections are held at once. A process on macOS has 256 file
/// descriptors to begin with.
const CROWD: usize = if cfg!(target_os = "macos") { 100 } else { 300 };

/// Lets each of these clients at the server, and checks after each one, while
/// those that hold on still do, that `next_client_is_served`.
///
/// None of them is silent: one that is may hold a server with one thread for
/// ten seconds. That is what [`a_silent_client`] and [`a_silent_crowd`] are for.
pub fn try_each(server: &Server, next_client_is_served: impl Fn(&Server)) {
    let clients: [(&str, Client); 9] = [
        ("closes without a word", |_| None),
        ("resets without a word", reset),
        ("sends noise", |stream| {
            let noise: Vec<u8> = (0..=255).cycle().take(100_000).collect();
            send(stream, &noise)
        }),
        ("sends empty lines without end", |stream| {
            send(stream, &b"\r\n".repeat(50_000))
        }),
        ("sends a head of 1 MiB", |stream| {
            let stream = send(stream, b"GET / HTTP/1.1\r\nX: ")?;
            send(stream, &vec![b'x'; 1024 * 1024])
        }),
        ("sends a request line of 1 MiB", |stream| {
            send(stream, &vec![b'x'; 1024 * 1024])
        }),
        ("resets in the middle of a request", |stream| {
            send(stream, &REQUEST[..20]).and_then(reset)
        }),
        ("resets as soon as it has asked", |stream| {
            send(stream, REQUEST).and_then(reset)
        }),
        ("asks and never reads", |stream| send(stream, REQUEST)),
    ];
    for (name, client) in clients {
        println!("a client that {name}");
        let held = client(server.connect());
        next_client_is_served(server);
        drop(held);
        next_client_is_served(server);
    }
}

/// Closes the pipes that a program prints into, and checks that even so
/// `next_client_is_served`, also after one that is a line of the other log.
pub fn nobody_reads_the_log(program: &str, next_client_is_served: impl Fn(&Server)) {
    let server = Server::start_unheard(program);
    next_client_is_served(&server);
    for request in [&b"no request\r\n\r\n"[..], b"GET /"] {
        drop(send(server.connect(), request));
        next_client_is_served(&server);
    }
}

/// Lets a server that was started by [`Server::start_stalled`] say of more requests what
/// is wrong with them than the pipe behind it has room for, checks that even so
/// `next_client_is_served`, and that whoever reads on is told how many lines were lost.
pub fn nobody_reads_what_went_wrong(mut server: Server, next_client_is_served: impl Fn(&Server)) {
    const BATCH: usize = 900;
    let refused = "GET /numbers?to=x HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(BATCH - 1);
    let last = "GET /numbers?to=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for _ in 0..5 {
        let mut stream = server.open();
        stream
            .write_all((refused.clone() + last).as_bytes())
            .expect("cannot send");
        let mut received = String::new();
        stream.read_to_string(&mut received).expect("no end");
        assert_eq!(received.matches("HTTP/1.1 400 ").count(), BATCH);
        next_client_is_served(&server);
    }
    server.read_on();
    server.wait_for_errors(|told| told.contains(" lines of the error log were lost\n"));
}

/// Sends the beginning of a request and then nothing, checks that even so
/// `next_client_is_served`, and gives what came back to the silent client.
pub fn a_silent_client(
    server: &Server,
    beginning: &str,
    next_client_is_served: impl Fn(&Server),
) -> String {
    let silent = server.begin("a client that falls silent").send(beginning);
    next_client_is_served(server);
    silent.finish()
}

/// Holds many connections in silence, and checks that meanwhile
/// `next_client_is_served`.
pub fn a_silent_crowd(server: &Server, next_client_is_served: impl Fn(&Server)) {
    let crowd: Vec<TcpStream> = (0..CROWD).map(|_| server.connect()).collect();
    next_client_is_served(server);
    for silent in &crowd {
        silent
            .set_nonblocking(true)
            .expect("cannot look at the connection");
        let mut silent = silent;
        let still_held = read_some(&mut silent, &mut [0]).expect_err("the server gave up a client");
        assert_eq!(still_held.kind(), std::io::ErrorKind::WouldBlock);
    }
}

/// Announces a body and holds it back, and checks that even so
/// `next_client_is_served`. Four clients do so, so that a server with one thread would
/// be too late for a test's patience.
pub fn bodies_that_are_held_back(
    server: &Server,
    beginning: &str,
    next_client_is_served: impl Fn(&Server),
) {
    let _held_back: Vec<_> = (0..4)
        .map(|_| server.begin("held back").send(beginning))
        .collect();
    next_client_is_served(server);
}

/// Sends a body of 1 MiB behind a head, slowly: it takes longer than a head may, and
/// less than a body may. Gives the exchange.
pub fn a_body_that_comes_slowly(server: &Server, head: &str) -> String {
    let mut exchange = server.begin("slow").send(head);
    for _ in 0..128 {
        thread::sleep(Duration::from_millis(100));
        exchange = exchange.send("b".repeat(8192));
    }
    exchange.finish()
}

/// Lets clients come that send all of an exchange up to each of its bytes, or read up to
/// each of the first ones of its answer, and are gone then with a reset; and checks that
/// the server has nothing of them in the end.
pub fn clients_that_change_their_mind_at_every_byte(program: &str) {
    let server = Server::start_with_limits(program, NO_HURRY);
    let mut first = server.open();
    ask(&mut first);
    #[cfg(target_os = "linux")]
    let before = (server.threads(), server.open_files());
    for sent in [get("/hello"), HALF_A_FORM.to_owned() + THE_OTHER_HALF] {
        for end in 0..=sent.len() {
            reset_after(&server, &sent[..end], 0);
        }
        for read in 1..100 {
            reset_after(&server, &sent, read);
        }
        ask(&mut first);
    }
    #[cfg(target_os = "linux")]
    wait_until("it has nothing of them any more", || {
        (server.threads(), server.open_files()) == before
    });
}

/// Lets a client come that sends this, reads so many bytes of what comes back, and is
/// gone then with a reset.
fn reset_after(server: &Server, sent: &str, read: usize) {
    let mut client = server.open();
    client.write_all(sent.as_bytes()).expect("cannot send");
    let mut received = vec![0; read];
    client.read_exact(&mut received).expect("cannot receive");
    client.abandon();
}

/// Sends what the server will take of it. One that has heard enough closes,
/// and then the rest cannot be sent.
fn send(mut stream: TcpStream, bytes: &[u8]) -> Option<TcpStream> {
    let _ = stream.write_all(bytes);
    Some(stream)
}

pub(crate) fn reset(stream: TcpStream) -> Option<TcpStream> {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("cannot make the connection end in a reset");
    None
}
