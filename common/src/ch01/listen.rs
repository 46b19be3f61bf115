//! A listening socket, and the connections that come in. Chapter 1 spells out
//! in its `main.rs` what [`listen`] and [`accept`] do for every later chapter.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::ch01::arguments::address;

/// How long [`accept`] rests after a failure. Where the process has no file
/// descriptor left, the next call fails at once too: without a rest the server
/// would spend all its time on saying so.
const REST: Duration = Duration::from_millis(50);

/// How long a write waits for a client to make room for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Binds a listening socket to [`address`] and prints its port, which tells a
/// client that gave port 0 where to go.
///
/// # Errors
/// The address is taken, not one of this machine's, or not allowed. The
/// message names it and says what to do.
pub fn listen() -> anyhow::Result<TcpListener> {
    listen_on(&address())
}

/// The same, with an address that is known.
///
/// # Errors
/// The same.
pub fn listen_on(address: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let advice = advice(&error);
        anyhow::anyhow!("cannot listen on {address} ({error}); {advice}")
    })?;
    let port = listener.local_addr()?.port();
    let _ = writeln!(io::stdout(), "Listening on port {port}...");
    Ok(listener)
}

/// What to do about an address that cannot be listened on.
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "stop the program that uses it, or give another address, such as 127.0.0.1:8081"
        }
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address; give one that it has, such as 127.0.0.1:8081"
        }
        ErrorKind::PermissionDenied => {
            "the system keeps that port for itself, as most do below 1024; \
             give another one, such as 127.0.0.1:8081"
        }
        _ => "give an address that is known here, such as 127.0.0.1:8081",
    }
}

/// Waits for the next client, and gives its connection and its address.
///
/// An accept that fails (no file descriptor left; a client that hung up while
/// it waited) is written to standard error, and the wait goes on: no client may
/// end the server. A write to the connection fails when it has waited for 10 s;
/// a short answer never waits.
pub fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        let accepted = try_accept(listener, |failure| {
            let _ = writeln!(io::stderr(), "{failure}");
        });
        if let Some(connection) = accepted {
            return connection;
        }
    }
}

/// Does the same, but lets its caller say what has failed, and look around after it.
pub fn try_accept(
    listener: &TcpListener,
    say: impl FnOnce(String),
) -> Option<(TcpStream, SocketAddr)> {
    let accepted = listener.accept().and_then(|(stream, address)| {
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        Ok((stream, address))
    });
    accepted
        .inspect_err(|error| {
            say(format!("cannot accept a connection: {error}"));
            thread::sleep(REST);
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_the_error() {
        for (kind, words) in [
            (ErrorKind::AddrInUse, "stop the program"),
            (ErrorKind::AddrNotAvailable, "has no such address"),
            (ErrorKind::PermissionDenied, "below 1024"),
            (ErrorKind::Other, "known here"),
        ] {
            let advice = advice(&kind.into());
            assert!(advice.contains(words), "{kind}: {advice}");
            assert!(advice.ends_with("such as 127.0.0.1:8081"), "{advice}");
        }
    }
}
