//! Frames as the bytes that go over the wire (RFC 9113 §6).

use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, HEADER_LENGTH, flag, kind};
use crate::ch18::http2_error::Http2Error;

impl Frame {
    /// The frame's header and payload. The payload must not be longer than the other side
    /// takes, which is [`MAX_FRAME_SIZE`](crate::ch18::header::MAX_FRAME_SIZE) if it has not
    /// announced more.
    ///
    /// ```
    /// let ping = common::Frame::PingAck(*b"12345678");
    /// assert_eq!(ping.to_bytes(), b"\x00\x00\x08\x06\x01\x00\x00\x00\x0012345678");
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        let (kind, flags) = self.write_payload(&mut payload);
        let header = FrameHeader {
            length: payload.len(),
            kind,
            flags,
            stream: self.stream(),
        };
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + payload.len());
        bytes.extend(header.to_bytes());
        bytes.extend(payload);
        bytes
    }

    /// Writes the payload, and gives the type and the flags.
    fn write_payload(&self, payload: &mut Vec<u8>) -> (u8, u8) {
        let if_set = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        match self {
            Self::Data {
                end_stream,
                data,
                padding,
                ..
            } => {
                let mut flags = if_set(*end_stream, flag::END_STREAM);
                // Of the bytes that are not data, the first says how many follow them.
                if let Some(behind) = padding.checked_sub(1) {
                    flags |= flag::PADDED;
                    payload.push(behind as u8);
                }
                payload.extend(data);
                payload.resize(data.len() + padding, 0);
                (kind::DATA, flags)
            }
            Self::Headers {
                end_stream,
                end_headers,
                priority,
                fragment,
                ..
            } => {
                payload.extend(priority.iter().flat_map(|priority| priority.to_bytes()));
                payload.extend(fragment);
                let flags = if_set(*end_stream, flag::END_STREAM)
                    | if_set(*end_headers, flag::END_HEADERS)
                    | if_set(priority.is_some(), flag::PRIORITY);
                (kind::HEADERS, flags)
            }
            Self::Priority { priority, .. } => {
                payload.extend(priority.to_bytes());
                (kind::PRIORITY, 0)
            }
            Self::RstStream { code, .. } => {
                payload.extend(code.0.to_be_bytes());
                (kind::RST_STREAM, 0)
            }
            Self::Settings(settings) => {
                for setting in settings {
                    payload.extend(setting.id.to_be_bytes());
                    payload.extend(setting.value.to_be_bytes());
                }
                (kind::SETTINGS, 0)
            }
            Self::SettingsAck => (kind::SETTINGS, flag::ACK),
            Self::Ping(data) => {
                payload.extend(data);
                (kind::PING, 0)
            }
            Self::PingAck(data) => {
                payload.extend(data);
                (kind::PING, flag::ACK)
            }
            Self::GoAway {
                last_stream,
                code,
                debug_data,
            } => {
                payload.extend(last_stream.to_be_bytes());
                payload.extend(code.0.to_be_bytes());
                payload.extend(debug_data);
                (kind::GOAWAY, 0)
            }
            Self::WindowUpdate { increment, .. } => {
                payload.extend(increment.to_be_bytes());
                (kind::WINDOW_UPDATE, 0)
            }
            Self::Continuation {
                end_headers,
                fragment,
                ..
            } => {
                payload.extend(fragment);
                let flags = if_set(*end_headers, flag::END_HEADERS);
                (kind::CONTINUATION, flags)
            }
            Self::Unknown {
                kind,
                flags,
                payload: unknown,
                ..
            } => {
                payload.extend(unknown);
                (*kind, *flags)
            }
        }
    }
}

/// The GOAWAY that tells the client of an error. The server that calls this has done
/// nothing for any stream of the connection, and ends all of it, even if only one stream is
/// at fault: RFC 9113 §5.4.1 leaves that to it.
impl From<Http2Error> for Frame {
    fn from(error: Http2Error) -> Self {
        Self::GoAway {
            last_stream: 0,
            code: error.code,
            debug_data: error.problem.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch18::http2_error::ErrorCode;
    use crate::ch18::priority::Priority;
    use crate::ch18::settings::Setting;

    /// A generator of numbers that are the same in each run (xorshift).
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }
    }

    fn read(bytes: &[u8]) -> Result<Frame, Http2Error> {
        let (header, payload) = bytes.split_first_chunk().unwrap();
        let header = FrameHeader::parse(header)?;
        assert_eq!(header.length, payload.len());
        Frame::parse(header, payload)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let priority = Priority {
            exclusive: true,
            dependency: 0x7fff_ffff,
            weight: 255,
        };
        let settings = [(4, 7), (0x4d0, u32::MAX)];
        for frame in [
            Frame::Data {
                stream: 1,
                end_stream: true,
                data: b"name=Ada".to_vec(),
                padding: 0,
            },
            Frame::Data {
                stream: 1,
                end_stream: false,
                data: Vec::new(),
                padding: 256,
            },
            Frame::Headers {
                stream: 3,
                end_stream: false,
                end_headers: true,
                priority: Some(priority),
                fragment: b"\x82\x86".to_vec(),
            },
            Frame::Priority {
                stream: 5,
                priority,
            },
            Frame::RstStream {
                stream: 5,
                code: ErrorCode::STREAM_CLOSED,
            },
            Frame::Settings(settings.map(|(id, value)| Setting { id, value }).into()),
            Frame::SettingsAck,
            Frame::Ping(*b"12345678"),
            Frame::PingAck(*b"12345678"),
            Frame::GoAway {
                last_stream: 9,
                code: ErrorCode::ENHANCE_YOUR_CALM,
                debug_data: b"slowly".to_vec(),
            },
            Frame::WindowUpdate {
                stream: 0,
                increment: 1,
            },
            Frame::Continuation {
                stream: 3,
                end_headers: false,
                fragment: Vec::new(),
            },
            Frame::Unknown {
                kind: 0x10,
                flags: 0x80,
                stream: 0,
                payload: b"u=1".to_vec(),
            },
        ] {
            assert_eq!(read(&frame.to_bytes()), Ok(frame));
        }
    }

    /// Whatever comes is a frame or an error, and what a frame writes it reads again.
    #[test]
    fn random_frames() {
        let mut numbers = Numbers(18);
        for _ in 0..20_000 {
            let length = numbers.next() as usize % 24;
            let mut payload: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
            if let Some(first) = payload.first_mut() {
                // Paddings of a length that may fit.
                *first %= 16;
            }
            let header = FrameHeader {
                length,
                kind: numbers.next() as u8 % 12,
                flags: numbers.next() as u8,
                stream: numbers.next() as u32 % 3,
            };
            if let Ok(frame) = Frame::parse(header, &payload) {
                assert!(frame.to_string().is_ascii(), "{frame}");
                let again = read(&frame.to_bytes());
                assert_eq!(again, Ok(frame), "{header:?} {payload:?}");
            }
        }
    }
}
