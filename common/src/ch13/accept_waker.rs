//! Wakes a thread that waits in `accept`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// How long the connection may take to be established.
const CONNECT_TIME: Duration = Duration::from_millis(100);

/// A connection from the server to itself. It makes `accept` return, which a thread that has
/// set a variable cannot. The socket is made at the beginning, because a server that is to
/// stop may have no file descriptor left.
pub struct AcceptWaker {
    socket: Socket,
    address: SocketAddr,
}

impl AcceptWaker {
    /// A waker for the socket that listens on this address.
    ///
    /// # Errors
    /// The system cannot make a socket.
    pub fn of(listener: SocketAddr) -> io::Result<Self> {
        let address = within_reach(listener);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        Ok(Self { socket, address })
    }

    /// Whether a connection from this address is the waker's own.
    pub fn is(&self, client: SocketAddr) -> bool {
        let own = self.socket.local_addr().ok();
        own.and_then(|own| own.as_socket()) == Some(client)
    }

    /// Connects, so that `accept` returns.
    pub fn wake(&self) {
        // This fails where the backlog is full, and then `accept` is not waiting.
        let address = self.address.into();
        let _ = self.socket.connect_timeout(&address, CONNECT_TIME);
    }
}

/// The address at which this machine can connect to a listener: `0.0.0.0` and `[::]` stand
/// for all of its addresses, so a client needs another one.
fn within_reach(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_address_within_reach() {
        for (address, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[fe80::1%2]:80", "[fe80::1%2]:80"),
        ] {
            let address = within_reach(address.parse().unwrap());
            assert_eq!(address.to_string(), reached);
        }
    }

    #[test]
    fn the_waker_is_not_taken_for_a_client() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let waker = AcceptWaker::of(address).unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        waker.wake();
        let accepted = [(); 2].map(|()| waker.is(listener.accept().unwrap().1));
        assert_eq!(accepted, [false, true]);
    }
}
