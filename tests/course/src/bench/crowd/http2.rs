//! What a client sends and receives in HTTP/2, in the frames of the harness.

use std::io;

use harness::http2::{
    self, FieldLine, Frame, OPENING, Payload, bytes_of, error_name, flags, kinds,
};

use super::answer::Heard;

/// The longest payload that a server may send where the client has not allowed more.
const LONGEST_PAYLOAD: usize = 16_384;

/// So much content the server may send before it waits for a WINDOW_UPDATE.
const WINDOW: u32 = 65_535;

/// `:status: 200`, by its index in the static table (RFC 7541, Appendix A).
const STATUS_200: u8 = 0x80 | 8;

/// The bits that a dynamic table size update begins with (RFC 7541 §6.3).
const SIZE_UPDATE: u8 = 0x20;

/// What a connection begins with.
pub fn opening() -> Vec<u8> {
    written(OPENING)
}

/// A request, with the number of its stream left open.
pub fn request(is_sealed: bool) -> Vec<u8> {
    let scheme = if is_sealed { "https" } else { "http" };
    written(&http2::get(0, "/hello").replace(":scheme: http", &format!(":scheme: {scheme}")))
}

fn written(notation: &str) -> Vec<u8> {
    bytes_of(&http2::read(notation).expect("the harness reads what it has written"))
}

/// What a client knows of its connection.
pub struct Http2 {
    next_stream: u32,
    /// How much content has come since the server's window was opened.
    came: u32,
}

impl Http2 {
    pub fn new() -> Self {
        Self {
            next_stream: 1,
            came: 0,
        }
    }

    /// Gives a request the number of its stream.
    pub fn number(&mut self, request: &mut [u8]) {
        request[5..9].copy_from_slice(&self.next_stream.to_be_bytes());
        self.next_stream += 2;
    }

    /// Looks at all frames that have come whole, and adds to what is to be sent what the
    /// server waits for. Each answer has to be a success, or nothing was measured.
    pub fn hear(&mut self, received: &[u8], to_send: &mut Vec<u8>) -> io::Result<Heard> {
        let mut heard = Heard::default();
        while let Some((head, rest)) = received[heard.length..].split_first_chunk::<9>() {
            let [a, b, c, kind, flags, stream @ ..] = *head;
            let length = u32::from_be_bytes([0, a, b, c]);
            if length as usize > LONGEST_PAYLOAD {
                let line = received.split(|&byte| byte == b'\r').next();
                let line = String::from_utf8_lossy(line.unwrap_or_default());
                return Err(io::Error::other(format!("{line:?} is no frame of HTTP/2")));
            }
            let Some(payload) = rest.get(..length as usize) else {
                break;
            };
            heard.length += head.len() + payload.len();
            if kind == kinds::DATA {
                self.came += length;
            } else {
                let stream = u32::from_be_bytes(stream);
                answer(&Frame::read(kind, flags, stream, payload), to_send)?;
            }
            let ends_stream = flags & flags::END_STREAM != 0;
            heard.answers +=
                usize::from(matches!(kind, kinds::DATA | kinds::HEADERS) && ends_stream);
        }
        if self.came > WINDOW / 2 {
            let update = Payload::WindowUpdate(self.came);
            Frame::new(kinds::WINDOW_UPDATE, 0, 0, update).write(to_send);
            self.came = 0;
        }
        Ok(heard)
    }
}

/// Adds to what is to be sent what a frame asks for.
fn answer(frame: &Frame, to_send: &mut Vec<u8>) -> io::Result<()> {
    let no_answer = |what: &str, error| {
        let error = error_name(error);
        Err(io::Error::other(format!("it {what} with {error}")))
    };
    let is_acknowledged = frame.has(flags::ACK);
    match &frame.payload {
        Payload::Headers { block, .. } if !is_success(block) => {
            Err(io::Error::other("it does not answer with :status: 200"))
        }
        Payload::Settings(_) if !is_acknowledged => {
            let acknowledged = Payload::Settings(Vec::new());
            Frame::new(kinds::SETTINGS, flags::ACK, 0, acknowledged).write(to_send);
            Ok(())
        }
        Payload::Ping(opaque) if !is_acknowledged => {
            let acknowledged = Payload::Ping(*opaque);
            Frame::new(kinds::PING, flags::ACK, 0, acknowledged).write(to_send);
            Ok(())
        }
        Payload::RstStream(error) => no_answer("resets a stream", *error),
        Payload::GoAway { error, .. } if *error != 0 => no_answer("ends a connection", *error),
        // The server says that it has answered as many requests as one connection may have.
        // It closes, and the client connects anew.
        _ => Ok(()),
    }
}

/// Whether a field section begins with a success. All servers write that by its index, but may
/// change the size of the dynamic table before it (RFC 7541 §6.3).
fn is_success(block: &[FieldLine]) -> bool {
    let [FieldLine::Bytes(block)] = block else {
        return false;
    };
    let mut bytes = block.iter();
    let mut first = bytes.next();
    while let Some(&byte) = first
        && byte & 0xe0 == SIZE_UPDATE
    {
        // What does not fit into five bits goes on, up to a byte whose first bit is not set.
        if byte & 0x1f == 0x1f {
            bytes.find(|&&byte| byte < 0x80);
        }
        first = bytes.next();
    }
    first == Some(&STATUS_200)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of what a server sends, in the notation of the harness, and what is to be
    /// sent for it.
    fn heard(frames: &str) -> io::Result<(Heard, Vec<u8>)> {
        let mut to_send = Vec::new();
        let heard = Http2::new().hear(&written(frames), &mut to_send)?;
        Ok((heard, to_send))
    }

    const ANSWER: &str = "HEADERS 1 END_HEADERS\n  :status: 200\n\
                          DATA 1 2 END_STREAM\n  ab\n";

    #[test]
    fn an_answer_ends_with_its_stream() {
        let bytes = written(&ANSWER.repeat(2));
        let (heard, to_send) = heard(&ANSWER.repeat(2)).unwrap();
        assert_eq!((heard.answers, heard.length), (2, bytes.len()));
        assert!(to_send.is_empty());
        for length in 0..bytes.len() {
            let heard = Http2::new()
                .hear(&bytes[..length], &mut Vec::new())
                .unwrap();
            assert_eq!(
                heard.answers,
                usize::from(length >= bytes.len() / 2),
                "{length}"
            );
        }
    }

    #[test]
    fn a_table_may_become_smaller_before_the_status() {
        for size in [0, 30, 31, 4096] {
            let answer =
                format!("HEADERS 1 END_STREAM END_HEADERS\n  [size {size}]\n  :status: 200\n");
            assert_eq!(heard(&answer).unwrap().0.answers, 1, "{size}");
        }
    }

    #[test]
    fn the_server_gets_what_it_waits_for() {
        let (_, to_send) =
            heard("SETTINGS 0 MAX_CONCURRENT_STREAMS=100\nSETTINGS 0 ACK\n").unwrap();
        assert_eq!(to_send, written("SETTINGS 0 ACK\n"));
        let (_, to_send) = heard("PING 0 0011223344556677\nPING 0 0011223344556677 ACK\n").unwrap();
        assert_eq!(to_send, written("PING 0 0011223344556677 ACK\n"));
        let piece = http2::data(1, &"a".repeat(16_000), false);
        assert!(heard(&piece.repeat(2)).unwrap().1.is_empty());
        let (_, to_send) = heard(&piece.repeat(3)).unwrap();
        assert_eq!(to_send, written("WINDOW_UPDATE 0 48000\n"));
    }

    #[test]
    fn requests_have_streams_of_their_own() {
        let mut http2 = Http2::new();
        for stream in [1, 3, 5] {
            let mut request = request(false);
            http2.number(&mut request);
            assert_eq!(request, written(&http2::get(stream, "/hello")));
        }
    }

    #[test]
    fn what_is_no_success_is_an_error() {
        for (frames, problem) in [
            (
                "HEADERS 1 END_STREAM END_HEADERS\n  :status: 404\n",
                "it does not answer with :status: 200",
            ),
            (
                "RST_STREAM 1 REFUSED_STREAM\n",
                "it resets a stream with REFUSED_STREAM",
            ),
            (
                "GOAWAY 0 last=1 ENHANCE_YOUR_CALM\n",
                "it ends a connection with ENHANCE_YOUR_CALM",
            ),
            (
                "BYTES\n  HTTP/1.1 505 HTTP Version Not Supported\\r\\n\n",
                "\"HTTP/1.1 505 HTTP Version Not Supported\" is no frame of HTTP/2",
            ),
        ] {
            assert_eq!(heard(frames).unwrap_err().to_string(), problem);
        }
        assert!(heard("GOAWAY 0 last=1 NO_ERROR\n").is_ok());
    }
}
