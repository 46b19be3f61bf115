//! The command line of a server that speaks TLS, or, to be looked at, TCP alone.

use std::env;
use std::ops::Deref;

use mio::net::TcpStream;

use crate::ch15::transport::Transport;
use crate::ch17::options::Options;
use crate::ch17::tls::Tls;

/// Makes the server speak TCP alone.
const PLAIN: &str = "--plain";

/// What the command line says; used as [`Options`].
pub struct ServerOptions {
    options: Options,
    /// Whether the server does without TLS, so that its bytes can be seen.
    pub is_plain: bool,
}

impl Deref for ServerOptions {
    type Target = Options;

    fn deref(&self) -> &Options {
        &self.options
    }
}

impl ServerOptions {
    /// Reads the command line as [`Options::read`] does, with one option more.
    pub fn read() -> Self {
        let (plain, others): (Vec<_>, Vec<_>) =
            env::args_os().partition(|argument| argument == PLAIN);
        let more = "With --plain it serves HTTP, without TLS.";
        Self {
            options: Options::read_from(others, more),
            is_plain: !plain.is_empty(),
        }
    }

    /// A transport over this connection, with TLS or without.
    ///
    /// # Errors
    /// As [`Tls::transport`].
    pub fn transport(&self, tls: &Tls, stream: TcpStream) -> anyhow::Result<Box<dyn Transport>> {
        match self.is_plain {
            true => Ok(Box::new(stream)),
            false => tls.transport(stream),
        }
    }
}
