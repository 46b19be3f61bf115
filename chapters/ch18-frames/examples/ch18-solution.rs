//! Chapter 18, exercise: each stream of a connection is one line of the log.
//!
//!     cargo run -p ch18-frames --example ch18-solution

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use common::{ErrorCode, Frame, Http2Error};

/// How many streams of a connection are counted each for itself.
const MAX_STREAMS: usize = 20;

/// What has come over a stream.
#[derive(Default)]
struct Count {
    frames: u64,
    data: usize,
}

/// What has come over a connection.
#[derive(Default)]
struct Counts {
    streams: BTreeMap<u32, Count>,
    others: Count,
}

impl Counts {
    fn add(&mut self, frame: &Frame) {
        let stream = frame.stream();
        let has_room = self.streams.len() < MAX_STREAMS;
        let count = match has_room || self.streams.contains_key(&stream) {
            true => self.streams.entry(stream).or_default(),
            false => &mut self.others,
        };
        count.frames += 1;
        if let Frame::Data { data, .. } = frame {
            count.data += data.len();
        }
    }

    fn log(&self) {
        for (stream, Count { frames, data }) in &self.streams {
            common::log(
                &format!("{stream}:"),
                format!("frames {frames}, data {data}"),
            );
        }
        let Count { frames, data } = self.others;
        if frames > 0 {
            common::log("others:", format!("frames {frames}, data {data}"));
        }
    }
}

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, _) = common::accept(&listener);
        let thread = thread::Builder::new().spawn(move || {
            let mut counts = Counts::default();
            let result = handle_connection(&stream, &mut counts);
            counts.log();
            if let Err(error) = result {
                common::go_away(&stream, &error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_connection(mut stream: &TcpStream, counts: &mut Counts) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    if !common::read_preface(&mut reader)? {
        return Ok(());
    }
    stream.write_all(&Frame::Settings(Vec::new()).to_bytes())?;

    let mut next = common::read_settings(&mut reader)?;
    while let Some(frame) = next {
        counts.add(&frame);
        match frame {
            Frame::Settings(_) => stream.write_all(&Frame::SettingsAck.to_bytes())?,
            Frame::Ping(data) => stream.write_all(&Frame::PingAck(data).to_bytes())?,
            Frame::Headers { .. } => return refuse_request(stream, reader, counts),
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
/// What the client has sent behind it still counts.
fn refuse_request(
    mut stream: &TcpStream,
    mut reader: impl Read,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let error = Http2Error::connection(
        ErrorCode::COMPRESSION_ERROR,
        "field blocks are decoded from chapter 19 on",
    );
    stream.write_all(&Frame::from(error).to_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    while let Ok(Some(frame)) = common::read_frame(&mut reader) {
        counts.add(&frame);
    }
    common::linger(stream);
    Ok(())
}
