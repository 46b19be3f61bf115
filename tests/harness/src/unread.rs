//! Whether a server on this machine has read what was sent to it.

#[cfg(target_os = "linux")]
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How often is looked.
const TICK: Duration = Duration::from_millis(1);

/// Waits until the other side of a connection, where it is on this machine and the system
/// tells, has read all that has arrived there, or for so long.
pub fn wait_until_read(own: SocketAddr, peer: SocketAddr, longest: Duration) {
    let deadline = Instant::now() + longest;
    while unread(own.port(), peer.port()) > 0 && Instant::now() < deadline {
        thread::sleep(TICK);
    }
}

/// How many bytes wait at the side that listens on a port, on the connection with another
/// one; 0 where that is not known.
#[cfg(target_os = "linux")]
fn unread(client: u16, server: u16) -> u64 {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::File::open(table).ok())
        .find_map(|table| unread_in(BufReader::new(table), client, server))
        .unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn unread(_: u16, _: u16) -> u64 {
    0
}

/// The same in a table of connections as Linux has it. Most of its lines, which may be
/// thousands, are of connections that are over, so that few of them are taken apart.
#[cfg(target_os = "linux")]
fn unread_in(table: impl BufRead, client: u16, server: u16) -> Option<u64> {
    let port_of_client = format!(":{client:04X} ");
    let lines = table.lines().map_while(Result::ok);
    lines
        .filter(|line| line.contains(&port_of_client))
        .find_map(|line| unread_on(&line, client, server))
}

/// The same on one line of it.
#[cfg(target_os = "linux")]
fn unread_on(line: &str, client: u16, server: u16) -> Option<u64> {
    let mut words = line.split_whitespace().skip(1);
    let mut port = || u16::from_str_radix(words.next()?.rsplit_once(':')?.1, 16).ok();
    let (local, remote) = (port()?, port()?);
    if (local, remote) != (server, client) {
        return None;
    }
    let (_, waiting) = words.nth(1)?.split_once(':')?;
    u64::from_str_radix(waiting, 16).ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_is_unread_is_counted() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else {
                continue;
            };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, peer) = listener.accept().unwrap();
            let unread = || unread(peer.port(), server.local_addr().unwrap().port());
            assert_eq!(unread(), 0);
            client.write_all(b"abc").unwrap();
            assert_eq!(unread(), 3, "{host}");
            let address = server.local_addr().unwrap();
            server.read_exact(&mut [0; 3]).unwrap();
            wait_until_read(peer, address, Duration::MAX / 4);
        }
    }
}
