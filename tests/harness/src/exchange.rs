//! One connection, written down as it goes: `>` before what the client sends,
//! `<` before what the server sends, `*` before what else happens.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::wire;

/// A connection and what went over it so far.
pub struct Exchange {
    stream: TcpStream,
    transcript: String,
}

impl Exchange {
    pub(crate) fn begin(stream: TcpStream, title: &str) -> Self {
        let transcript = format!("* {title}\n");
        Self { stream, transcript }
    }

    /// Sends bytes in one write.
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stream.write_all(bytes.as_ref()).expect("cannot send");
        self.transcript += &wire::show("> ", bytes.as_ref());
        self
    }

    /// Sends bytes, each in a write of its own.
    pub fn send_one_by_one(mut self, bytes: impl AsRef<[u8]>) -> Self {
        for byte in bytes.as_ref() {
            self.stream.write_all(&[*byte]).expect("cannot send");
        }
        self.transcript += "* one byte at a time\n";
        self.transcript += &wire::show("> ", bytes.as_ref());
        self
    }

    /// Reads until an empty line has come, for an answer before the last one.
    pub fn receive_head(mut self) -> Self {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream
                .read_exact(&mut byte)
                .expect("cannot receive a head");
            received.extend(byte);
        }
        self.transcript += &wire::show("< ", &received);
        self
    }

    /// Says that the client will send nothing more.
    pub fn half_close(mut self) -> Self {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("cannot half-close");
        self.transcript += "* the client half-closes\n";
        self
    }

    /// Reads to the end of the connection, and gives the whole transcript.
    pub fn finish(mut self) -> String {
        let mut received = Vec::new();
        let end = match self.stream.read_to_end(&mut received) {
            Ok(_) => "* the server closes\n",
            Err(error) if error.kind() == ErrorKind::ConnectionReset => "* the server resets\n",
            Err(error) => panic!("{}no end of the answer: {error}", self.transcript),
        };
        self.transcript + &wire::show("< ", &received) + end
    }
}
