//! A listening socket, and the connections that come in. Chapter 1 spells out
//! in its `main.rs` what [`listen`] and [`accept`] do for every later chapter.

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
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
/// An accept that fails, as where no file descriptor is left, is written to standard
/// error, and the wait goes on: nothing may end the server. Of a client that hung up
/// while it waited there is nothing to say. A write to the connection fails when it has
/// waited for 10 s; a short answer never waits.
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
    let (stream, address) = unless_it_failed(listener.accept(), say)?;
    // macOS and Windows refuse this where the client has hung up already.
    stream.set_write_timeout(Some(WRITE_TIMEOUT)).ok()?;
    Some((stream, canonical(address)))
}

/// What was accepted. Where that failed for all who wait, it says so and rests.
fn unless_it_failed<T>(accepted: io::Result<T>, say: impl FnOnce(String)) -> Option<T> {
    accepted
        .inspect_err(|error| {
            if !concerns_one_client(error.kind()) {
                say(format!("cannot accept a connection: {error}"));
                thread::sleep(REST);
            }
        })
        .ok()
}

/// Whether an `accept` that failed says nothing of those who wait behind, as where one hung
/// up while it waited.
pub fn concerns_one_client(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}

/// An address in the notation that a client has whatever the server listens on: to one that
/// takes IPv6, a client of IPv4 comes from an address such as `::ffff:192.0.2.1` (RFC 4291
/// §2.5.5.2).
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // It has a scope too, which says by which of our interfaces it came.
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_hung_up_costs_the_others_no_rest() {
        let said_of = |kind: ErrorKind| {
            let mut said = None;
            let accepted = unless_it_failed::<()>(Err(kind.into()), |words| said = Some(words));
            assert_eq!(accepted, None);
            said
        };
        for kind in [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted] {
            assert_eq!(said_of(kind), None);
        }
        let said = said_of(ErrorKind::OutOfMemory).unwrap();
        assert!(said.starts_with("cannot accept a connection: "), "{said}");
    }

    #[test]
    fn a_client_of_ipv4_has_one_notation() {
        for (address, expected) in [
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("[fe80::1%2]:80", "[fe80::1%2]:80"),
        ] {
            let address = canonical(address.parse().unwrap());
            assert_eq!(address.to_string(), expected);
        }
    }

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
