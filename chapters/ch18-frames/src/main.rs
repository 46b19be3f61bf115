//! Chapter 18: read the frames of HTTP/2 and log them.
//!
//!     cargo run -p ch18-frames

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use common::{ErrorCode, Frame, Http2Error};

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, address) = common::accept(&listener);
        common::log("Connection from", address.to_string());
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream) {
                common::go_away(&stream, &error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_connection(mut stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    if !common::read_preface(&mut reader)? {
        return Ok(());
    }
    stream.write_all(&Frame::Settings(Vec::new()).to_bytes())?;

    let mut next = common::read_settings(&mut reader)?;
    while let Some(frame) = next {
        common::log("Frame received:", frame.to_string());
        match frame {
            Frame::Settings(_) => stream.write_all(&Frame::SettingsAck.to_bytes())?,
            Frame::Ping(data) => stream.write_all(&Frame::PingAck(data).to_bytes())?,
            Frame::Headers { .. } => return refuse_request(stream, reader),
            // A stream begins with HEADERS (RFC 9113 §5.1), and none has come yet.
            Frame::Data { .. }
            | Frame::RstStream { .. }
            | Frame::WindowUpdate { stream: 1.., .. }
            | Frame::Continuation { .. } => return Err(no_stream().into()),
            _ => {}
        }
        next = common::read_frame(&mut reader)?;
    }
    Ok(())
}

/// The error of a frame for a stream that does not exist.
fn no_stream() -> Http2Error {
    Http2Error::connection(
        ErrorCode::PROTOCOL_ERROR,
        "the frame's stream has not begun with HEADERS",
    )
}

/// A server that does not decode a field block has to end the connection (RFC 9113 §4.3).
/// What the client has sent behind it is still logged.
fn refuse_request(mut stream: &TcpStream, mut reader: impl Read) -> anyhow::Result<()> {
    let error = Http2Error::connection(
        ErrorCode::COMPRESSION_ERROR,
        "field blocks are decoded from chapter 19 on",
    );
    stream.write_all(&Frame::from(error).to_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    while let Ok(Some(frame)) = common::read_frame(&mut reader) {
        common::log("Frame received:", frame.to_string());
    }
    common::linger(stream);
    Ok(())
}
