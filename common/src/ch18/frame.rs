//! The frames of HTTP/2, out of bytes and back (RFC 9113 §6).

use crate::ch18::header::{FrameHeader, WITHOUT_RESERVED_BIT, flag, kind};
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch18::priority::Priority;
use crate::ch18::settings::{Setting, parse_settings};

/// A frame. Frames of the connection have no stream; it is 0 on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A part of a body (RFC 9113 §6.1). `padding` is how many bytes of the payload are not
    /// data: they count as data does wherever DATA is counted.
    Data {
        stream: u32,
        end_stream: bool,
        data: Vec<u8>,
        padding: usize,
    },
    /// The first part of a header section, or all of it, as a field block fragment. It opens
    /// a stream, or holds trailers (§6.2).
    Headers {
        stream: u32,
        end_stream: bool,
        end_headers: bool,
        priority: Option<Priority>,
        fragment: Vec<u8>,
    },
    /// How important a stream is. RFC 9113 gave that up; clients may still send it (§6.3).
    Priority { stream: u32, priority: Priority },
    /// The stream ends at once (§6.4).
    RstStream { stream: u32, code: ErrorCode },
    /// What the side that sends it can take (§6.5).
    Settings(Vec<Setting>),
    /// What the other side has announced is observed from now on (§6.5.3).
    SettingsAck,
    /// The other side has to send the eight bytes back (§6.7).
    Ping([u8; 8]),
    /// The eight bytes of a PING, sent back (§6.7).
    PingAck([u8; 8]),
    /// The connection ends. Streams above `last_stream` were not looked at (§6.8).
    GoAway {
        last_stream: u32,
        code: ErrorCode,
        debug_data: Vec<u8>,
    },
    /// So many more bytes of DATA may come, over the stream, or over the connection if the
    /// stream is 0 (§6.9).
    WindowUpdate { stream: u32, increment: u32 },
    /// The next part of a header section (§6.10).
    Continuation {
        stream: u32,
        end_headers: bool,
        fragment: Vec<u8>,
    },
    /// A frame of a type that is not in RFC 9113. It has to be ignored (§5.5).
    Unknown {
        kind: u8,
        flags: u8,
        stream: u32,
        payload: Vec<u8>,
    },
}

impl Frame {
    /// Reads a frame out of its header and its whole payload, of as many bytes as the header
    /// says. What a client must not send to a server is an error too.
    ///
    /// # Errors
    /// What RFC 9113 §6 says of the type: PROTOCOL_ERROR if a frame of the connection has a
    /// stream or any other has none, FRAME_SIZE_ERROR if the payload is too short or too
    /// long. After an error that concerns a stream, the next frame may be read.
    pub fn parse(header: FrameHeader, payload: &[u8]) -> Result<Self, Http2Error> {
        check_stream(&header)?;
        let stream = header.stream;
        Ok(match header.kind {
            kind::DATA => {
                let data = without_padding(&header, payload)?;
                Self::Data {
                    stream,
                    end_stream: header.has(flag::END_STREAM),
                    data: data.to_vec(),
                    padding: payload.len() - data.len(),
                }
            }
            kind::HEADERS => headers(&header, payload)?,
            kind::PRIORITY => match payload.first_chunk() {
                Some(priority) if payload.len() == 5 => Self::Priority {
                    stream,
                    priority: Priority::parse(priority),
                },
                _ => {
                    let error = wrong_size("PRIORITY has not five bytes");
                    return Err(error.of_stream(stream));
                }
            },
            kind::RST_STREAM => Self::RstStream {
                stream,
                code: ErrorCode(number(payload, "RST_STREAM has not four bytes")?),
            },
            kind::SETTINGS if !header.has(flag::ACK) => Self::Settings(parse_settings(payload)?),
            kind::SETTINGS if payload.is_empty() => Self::SettingsAck,
            kind::SETTINGS => return Err(wrong_size("a SETTINGS acknowledgement has a payload")),
            kind::PUSH_PROMISE => return Err(protocol_error("a client sends PUSH_PROMISE")),
            kind::PING => {
                let data = payload.try_into();
                let data = data.map_err(|_| wrong_size("PING has not eight bytes"))?;
                match header.has(flag::ACK) {
                    true => Self::PingAck(data),
                    false => Self::Ping(data),
                }
            }
            kind::GOAWAY => go_away(payload)?,
            kind::WINDOW_UPDATE => window_update(stream, payload)?,
            kind::CONTINUATION => Self::Continuation {
                stream,
                end_headers: header.has(flag::END_HEADERS),
                fragment: payload.to_vec(),
            },
            kind => Self::Unknown {
                kind,
                flags: header.flags,
                stream,
                payload: payload.to_vec(),
            },
        })
    }
}

impl Frame {
    /// The stream that the frame belongs to; 0 is the connection.
    pub fn stream(&self) -> u32 {
        match self {
            Self::Data { stream, .. }
            | Self::Headers { stream, .. }
            | Self::Priority { stream, .. }
            | Self::RstStream { stream, .. }
            | Self::WindowUpdate { stream, .. }
            | Self::Continuation { stream, .. }
            | Self::Unknown { stream, .. } => *stream,
            Self::Settings(_)
            | Self::SettingsAck
            | Self::Ping(_)
            | Self::PingAck(_)
            | Self::GoAway { .. } => 0,
        }
    }
}

/// Whether a frame of this type may have this stream (RFC 9113 §6): SETTINGS, PING and
/// GOAWAY belong to the connection, WINDOW_UPDATE to either, all others to a stream.
fn check_stream(header: &FrameHeader) -> Result<(), Http2Error> {
    match (header.kind, header.stream) {
        (kind::WINDOW_UPDATE, _) => Ok(()),
        (kind::SETTINGS | kind::PING | kind::GOAWAY, 0) => Ok(()),
        (kind::SETTINGS | kind::PING | kind::GOAWAY, _) => {
            Err(protocol_error("a frame of the connection names a stream"))
        }
        (kind::DATA..=kind::CONTINUATION, 0) => {
            Err(protocol_error("a frame of a stream names none"))
        }
        _ => Ok(()),
    }
}

/// The payload of DATA or HEADERS without what the flag PADDED adds: a byte with the length
/// of the padding before it, and the padding behind it (RFC 9113 §6.1).
fn without_padding<'a>(header: &FrameHeader, payload: &'a [u8]) -> Result<&'a [u8], Http2Error> {
    if !header.has(flag::PADDED) {
        return Ok(payload);
    }
    let Some((&padding, rest)) = payload.split_first() else {
        return Err(wrong_size("a padded frame has no length of its padding"));
    };
    match rest.len().checked_sub(padding.into()) {
        Some(length) => Ok(&rest[..length]),
        None => Err(protocol_error("the padding is longer than its frame")),
    }
}

fn headers(header: &FrameHeader, payload: &[u8]) -> Result<Frame, Http2Error> {
    let mut fragment = without_padding(header, payload)?;
    let mut priority = None;
    if header.has(flag::PRIORITY) {
        let Some((first, rest)) = fragment.split_first_chunk() else {
            return Err(wrong_size("HEADERS ends within its priority"));
        };
        priority = Some(Priority::parse(first));
        fragment = rest;
    }
    Ok(Frame::Headers {
        stream: header.stream,
        end_stream: header.has(flag::END_STREAM),
        end_headers: header.has(flag::END_HEADERS),
        priority,
        fragment: fragment.to_vec(),
    })
}

fn go_away(payload: &[u8]) -> Result<Frame, Http2Error> {
    let Some((&[a, b, c, d, e, f, g, h], debug_data)) = payload.split_first_chunk() else {
        return Err(wrong_size("GOAWAY has less than eight bytes"));
    };
    Ok(Frame::GoAway {
        last_stream: u32::from_be_bytes([a, b, c, d]) & WITHOUT_RESERVED_BIT,
        code: ErrorCode(u32::from_be_bytes([e, f, g, h])),
        debug_data: debug_data.to_vec(),
    })
}

fn window_update(stream: u32, payload: &[u8]) -> Result<Frame, Http2Error> {
    let increment = number(payload, "WINDOW_UPDATE has not four bytes")? & WITHOUT_RESERVED_BIT;
    match (increment, stream) {
        (0, 0) => Err(protocol_error("WINDOW_UPDATE adds nothing")),
        (0, stream) => Err(protocol_error("WINDOW_UPDATE adds nothing").of_stream(stream)),
        (increment, stream) => Ok(Frame::WindowUpdate { stream, increment }),
    }
}

/// The payload as one number of 32 bits.
fn number(payload: &[u8], problem: &'static str) -> Result<u32, Http2Error> {
    let bytes = payload.try_into().map_err(|_| wrong_size(problem))?;
    Ok(u32::from_be_bytes(bytes))
}

fn wrong_size(problem: &'static str) -> Http2Error {
    Http2Error::connection(ErrorCode::FRAME_SIZE_ERROR, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client sends it.
    fn parse(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Frame, Http2Error> {
        let header = FrameHeader {
            length: payload.len(),
            kind,
            flags,
            stream,
        };
        Frame::parse(header, payload)
    }

    #[test]
    fn data() {
        let data = |end_stream, data: &[u8], padding| {
            Ok(Frame::Data {
                stream: 1,
                end_stream,
                data: data.to_vec(),
                padding,
            })
        };
        assert_eq!(parse(0, 0, 1, b"abc"), data(false, b"abc", 0));
        assert_eq!(parse(0, 1, 1, b""), data(true, b"", 0));
        assert_eq!(parse(0, 8, 1, b"\x02abc\0\0"), data(false, b"abc", 3));
        assert_eq!(parse(0, 9, 1, b"\x05abcde"), data(true, b"", 6));
        assert_eq!(parse(0, 8, 1, b"\0abc"), data(false, b"abc", 1));
        // Flags that DATA does not define.
        assert_eq!(parse(0, 0xf6, 1, b"abc"), data(false, b"abc", 0));
    }

    #[test]
    fn headers() {
        let headers = |end_stream, end_headers, priority, fragment: &[u8]| {
            Ok(Frame::Headers {
                stream: 3,
                end_stream,
                end_headers,
                priority,
                fragment: fragment.to_vec(),
            })
        };
        let priority = Some(Priority {
            exclusive: true,
            dependency: 1,
            weight: 15,
        });
        let five = b"\x80\0\0\x01\x0f";
        assert_eq!(parse(1, 5, 3, b"\x82"), headers(true, true, None, b"\x82"));
        assert_eq!(parse(1, 0, 3, b""), headers(false, false, None, b""));
        assert_eq!(
            parse(1, 0x24, 3, &[five, &b"\x82"[..]].concat()),
            headers(false, true, priority, b"\x82")
        );
        assert_eq!(
            parse(1, 0x28, 3, &[b"\x01", &five[..], b"\x82\0"].concat()),
            headers(false, false, priority, b"\x82")
        );
    }

    #[test]
    fn the_other_types() {
        let priority = Priority {
            exclusive: false,
            dependency: 0,
            weight: 200,
        };
        let code = ErrorCode::CANCEL;
        for (kind, flags, stream, payload, frame) in [
            (
                2,
                0,
                3,
                &b"\0\0\0\0\xc8"[..],
                Frame::Priority {
                    stream: 3,
                    priority,
                },
            ),
            (3, 0, 3, b"\0\0\0\x08", Frame::RstStream { stream: 3, code }),
            (
                4,
                0,
                0,
                b"\0\x03\0\0\0\x64",
                Frame::Settings(vec![Setting { id: 3, value: 100 }]),
            ),
            (4, 1, 0, b"", Frame::SettingsAck),
            (6, 0, 0, b"12345678", Frame::Ping(*b"12345678")),
            (6, 1, 0, b"12345678", Frame::PingAck(*b"12345678")),
            (
                7,
                0,
                0,
                b"\x80\0\0\x05\0\0\0\x08bye",
                Frame::GoAway {
                    last_stream: 5,
                    code,
                    debug_data: b"bye".to_vec(),
                },
            ),
            (
                8,
                0,
                0,
                b"\x80\0\x01\0",
                Frame::WindowUpdate {
                    stream: 0,
                    increment: 256,
                },
            ),
            (
                8,
                0,
                7,
                b"\x7f\xff\xff\xff",
                Frame::WindowUpdate {
                    stream: 7,
                    increment: 0x7fff_ffff,
                },
            ),
            (
                9,
                4,
                3,
                b"\x82",
                Frame::Continuation {
                    stream: 3,
                    end_headers: true,
                    fragment: b"\x82".to_vec(),
                },
            ),
            (
                0xa,
                7,
                0,
                b"?",
                Frame::Unknown {
                    kind: 0xa,
                    flags: 7,
                    stream: 0,
                    payload: b"?".to_vec(),
                },
            ),
            (
                0xff,
                0,
                9,
                b"",
                Frame::Unknown {
                    kind: 0xff,
                    flags: 0,
                    stream: 9,
                    payload: Vec::new(),
                },
            ),
        ] {
            assert_eq!(parse(kind, flags, stream, payload), Ok(frame), "{kind}");
        }
    }

    /// What each type takes, by length of its payload, and how an error of that is called.
    #[test]
    fn each_length_is_checked_against_its_type() {
        let size = Some(ErrorCode::FRAME_SIZE_ERROR);
        for (kind, flags, stream, allowed) in [
            (2, 0, 3, &[5][..]),
            (3, 0, 3, &[4]),
            (4, 0, 0, &[0, 6, 12, 18]),
            (4, 1, 0, &[0]),
            (6, 0, 0, &[8]),
            (6, 1, 0, &[8]),
            (7, 0, 0, &[8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
            (8, 0, 0, &[4]),
            (8, 0, 3, &[4]),
        ] {
            for length in 0..20 {
                let parsed = parse(kind, flags, stream, &[1, 1, 1, 1].repeat(5)[..length]);
                let code = parsed.as_ref().err().map(|error| error.code);
                let expected = if allowed.contains(&length) {
                    None
                } else {
                    size
                };
                assert_eq!(code, expected, "type {kind} of {length} bytes");
                // Only PRIORITY concerns no other stream and not the connection.
                let of_stream = parsed.err().and_then(|error| error.stream);
                assert_eq!(of_stream, expected.filter(|_| kind == 2).map(|_| 3));
            }
        }
        // Any length, but for what the flags add.
        for length in 0..20 {
            assert!(parse(0, 0, 1, &vec![0; length]).is_ok());
            assert!(parse(9, 0, 1, &vec![0; length]).is_ok());
            assert!(parse(0xbe, 0xff, 0, &vec![0; length]).is_ok());
            assert_eq!(parse(0, 8, 1, &vec![0; length]).is_ok(), length >= 1);
            assert_eq!(parse(1, 0x20, 1, &vec![0; length]).is_ok(), length >= 5);
            assert_eq!(parse(1, 0x28, 1, &vec![0; length]).is_ok(), length >= 6);
        }
    }

    #[test]
    fn the_padding_fits_into_its_frame() {
        for (kind, flags, payload, is_ok) in [
            (0, 8, &b"\x03abc"[..], true),
            (0, 8, b"\x04abc", false),
            (0, 8, b"\xffabc", false),
            (1, 8, b"\x03abc", true),
            (1, 8, b"\x04abc", false),
            (1, 0x28, b"\x01\0\0\0\0\0p", true),
            (1, 0x28, b"\x08\0\0\0\0\0p", false),
        ] {
            match parse(kind, flags, 1, payload) {
                Ok(_) => assert!(is_ok, "{payload:?}"),
                Err(error) => {
                    assert_eq!(error.code, ErrorCode::PROTOCOL_ERROR);
                    assert_eq!((error.stream, is_ok), (None, false), "{payload:?}");
                }
            }
        }
        // The padding leaves no room for the priority.
        let error = parse(1, 0x28, 1, b"\x02\0\0\0\0\0p").unwrap_err();
        assert_eq!(error.code, ErrorCode::FRAME_SIZE_ERROR);
    }

    #[test]
    fn a_frame_belongs_to_a_stream_or_to_the_connection() {
        for (kind, payload, of_stream, of_connection) in [
            (0, &b""[..], true, false),
            (1, b"", true, false),
            (2, b"\0\0\0\0\0", true, false),
            (3, b"\0\0\0\0", true, false),
            (4, b"", false, true),
            (6, b"12345678", false, true),
            (7, b"12345678", false, true),
            (8, b"\0\0\0\x01", true, true),
            (9, b"", true, false),
            (0x10, b"", true, true),
        ] {
            for (stream, is_ok) in [(1, of_stream), (0, of_connection)] {
                match parse(kind, 0, stream, payload) {
                    Ok(_) => assert!(is_ok, "{kind} {stream}"),
                    Err(error) => {
                        assert_eq!(error.code, ErrorCode::PROTOCOL_ERROR);
                        assert_eq!((error.stream, is_ok), (None, false), "{kind} {stream}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_window_grows_by_something() {
        for (stream, of_stream) in [(0, None), (5, Some(5))] {
            for nothing in [b"\0\0\0\0", b"\x80\0\0\0"] {
                let error = parse(8, 0, stream, nothing).unwrap_err();
                assert_eq!(error.code, ErrorCode::PROTOCOL_ERROR);
                assert_eq!(error.stream, of_stream);
            }
        }
    }

    #[test]
    fn a_client_does_not_push() {
        let error = parse(5, 4, 1, b"\0\0\0\x02\x82").unwrap_err();
        assert_eq!(
            (error.code, error.stream),
            (ErrorCode::PROTOCOL_ERROR, None)
        );
    }
}
