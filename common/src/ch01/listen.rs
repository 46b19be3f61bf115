//! A listening socket, and the connections that it accepts. Chapter 1 spells out in its
//! `main.rs` what [`listen`] and [`accept`] do for every later chapter.

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::ch01::arguments::address;

/// How long [`accept`] pauses after a failure. If the process has no file descriptor left,
/// the next call fails at once too, and without a pause the server would do nothing but
/// report that.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a write waits for the client to read what was sent before.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Binds a listening socket to [`address`] and prints its port. With port 0 the system
/// chooses a free port, so only this line says which.
///
/// # Errors
/// The address is in use, is not one of this machine's, or needs a privilege. The message
/// names the address and says what to do.
pub fn listen() -> anyhow::Result<TcpListener> {
    listen_on(&address())
}

/// Does what [`listen`] does, on the given address.
///
/// # Errors
/// The same as [`listen`].
pub fn listen_on(address: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let advice = advice(&error);
        anyhow::anyhow!("cannot listen on {address} ({error}); {advice}")
    })?;
    let port = listener.local_addr()?.port();
    let _ = writeln!(io::stdout(), "Listening on port {port}...");
    Ok(listener)
}

/// What the user can do if `bind` fails with this error, as the end of a sentence.
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

/// Waits for the next connection and gives it with the client's address.
///
/// No failure ends the server: it is written to standard error, and the wait goes on. A
/// client that closed its connection before it was accepted is not reported. A write to
/// the connection fails after it has waited for 10 s; a short response never waits.
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

/// Waits for one connection, as [`accept`] does, but returns `None` after a failure, which
/// it gives to `report`. So a caller can do something else before the next call.
pub fn try_accept(
    listener: &TcpListener,
    report: impl FnOnce(String),
) -> Option<(TcpStream, SocketAddr)> {
    let (stream, address) = ok_or_report(listener.accept(), report)?;
    // macOS and Windows refuse this if the client has closed the connection already.
    stream.set_write_timeout(Some(WRITE_TIMEOUT)).ok()?;
    Some((stream, canonical(address)))
}

/// What was accepted. A failure that concerns every client is reported, and followed by a
/// pause.
fn ok_or_report<T>(accepted: io::Result<T>, report: impl FnOnce(String)) -> Option<T> {
    accepted
        .inspect_err(|error| {
            if !concerns_one_client(error.kind()) {
                report(format!("cannot accept a connection: {error}"));
                thread::sleep(PAUSE);
            }
        })
        .ok()
}

/// Whether an error of `accept` concerns one client only, such as one that closed its
/// connection while it waited in the queue. The next call may succeed at once.
pub fn concerns_one_client(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}

/// The address in the same notation whatever the server listens on. A listener for IPv6
/// reports a client of IPv4 as `::ffff:192.0.2.1` or the like (RFC 4291 §2.5.5.2); here it
/// becomes `192.0.2.1`.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // It is kept whole, with its scope, which names the network interface.
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_gave_up_is_not_reported() {
        let report_of = |kind: ErrorKind| {
            let mut report = None;
            let accepted = ok_or_report::<()>(Err(kind.into()), |text| report = Some(text));
            assert_eq!(accepted, None);
            report
        };
        for kind in [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted] {
            assert_eq!(report_of(kind), None);
        }
        let report = report_of(ErrorKind::OutOfMemory).unwrap();
        assert!(
            report.starts_with("cannot accept a connection: "),
            "{report}"
        );
    }

    #[test]
    fn an_ipv4_client_has_one_notation() {
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
