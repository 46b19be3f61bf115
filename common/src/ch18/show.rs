//! A frame as one line of text: its type, its stream, its flags, and what it holds.

use std::fmt::{self, Display, Formatter};

use crate::ch18::frame::Frame;
use crate::ch18::priority::Priority;

/// How many bytes of a payload are shown. A field block or a piece of a body may have
/// 16,384.
const SHOWN_BYTES: usize = 64;

/// How many settings of a frame are shown. There are about ten, but a client may send 2,730.
const SHOWN_SETTINGS: usize = 16;

impl Display for Frame {
    /// One line, whatever the client has sent: of its bytes, only printable ASCII characters
    /// are shown as they are.
    ///
    /// ```
    /// let frame = common::Frame::WindowUpdate { stream: 1, increment: 65_535 };
    /// assert_eq!(frame.to_string(), "WINDOW_UPDATE 1 65535");
    /// ```
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data {
                stream,
                end_stream,
                data,
                padding,
            } => {
                write!(to, "DATA {stream} {}", data.len())?;
                if let Some(padding) = padding.checked_sub(1) {
                    write!(to, " pad={padding}")?;
                }
                write!(to, "{}{}", flag(*end_stream, "END_STREAM"), Text(data))
            }
            Self::Headers {
                stream,
                end_stream,
                end_headers,
                priority,
                fragment,
            } => {
                write!(to, "HEADERS {stream}")?;
                if let Some(priority) = priority {
                    write!(to, " {priority}")?;
                }
                let end_stream = flag(*end_stream, "END_STREAM");
                let end_headers = flag(*end_headers, "END_HEADERS");
                write!(to, "{end_stream}{end_headers}{}", Hex(fragment))
            }
            Self::Priority { stream, priority } => write!(to, "PRIORITY {stream} {priority}"),
            Self::RstStream { stream, code } => write!(to, "RST_STREAM {stream} {code}"),
            Self::Settings(settings) => {
                write!(to, "SETTINGS 0")?;
                for setting in settings.iter().take(SHOWN_SETTINGS) {
                    write!(to, " {setting}")?;
                }
                to.write_str(ellipsis(settings, SHOWN_SETTINGS))
            }
            Self::SettingsAck => write!(to, "SETTINGS 0 ACK"),
            Self::Ping(data) => write!(to, "PING 0 {:016x}", u64::from_be_bytes(*data)),
            Self::PingAck(data) => write!(to, "PING 0 {:016x} ACK", u64::from_be_bytes(*data)),
            Self::GoAway {
                last_stream,
                code,
                debug_data,
            } => {
                let debug_data = Text(debug_data);
                write!(to, "GOAWAY 0 last={last_stream} {code}{debug_data}")
            }
            Self::WindowUpdate { stream, increment } => {
                write!(to, "WINDOW_UPDATE {stream} {increment}")
            }
            Self::Continuation {
                stream,
                end_headers,
                fragment,
            } => {
                let end_headers = flag(*end_headers, "END_HEADERS");
                write!(to, "CONTINUATION {stream}{end_headers}{}", Hex(fragment))
            }
            Self::Unknown {
                kind,
                flags,
                stream,
                payload,
            } => {
                write!(to, "{kind:#04x} {stream}")?;
                if *flags != 0 {
                    write!(to, " {flags:#04x}")?;
                }
                write!(to, "{}", Hex(payload))
            }
        }
    }
}

impl Display for Priority {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let weight = u16::from(self.weight) + 1;
        let exclusive = flag(self.exclusive, "exclusive");
        write!(to, "on={} weight={weight}{exclusive}", self.dependency)
    }
}

/// The name of a flag that is set, with a space before it.
fn flag(is_set: bool, name: &str) -> String {
    match is_set {
        true => format!(" {name}"),
        false => String::new(),
    }
}

/// What says that there is more than this many.
fn ellipsis<T>(all: &[T], shown: usize) -> &'static str {
    if all.len() > shown { " …" } else { "" }
}

/// Bytes as two hexadecimal digits each, behind a colon; nothing if there is no byte.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().take(SHOWN_BYTES).enumerate() {
            let before = if position == 0 { ": " } else { " " };
            write!(to, "{before}{byte:02x}")?;
        }
        to.write_str(ellipsis(self.0, SHOWN_BYTES))
    }
}

/// Bytes as text, behind a colon. All but printable ASCII characters are escaped, line ends
/// too, so that no client can write a line of the log of its own.
struct Text<'a>(&'a [u8]);

impl Display for Text<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN_BYTES)];
        if !shown.is_empty() {
            write!(to, ": {}", shown.escape_ascii())?;
        }
        to.write_str(ellipsis(self.0, SHOWN_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch18::http2_error::ErrorCode;
    use crate::ch18::settings::Setting;

    #[test]
    fn each_type_is_one_line() {
        let priority = Priority {
            exclusive: false,
            dependency: 11,
            weight: 15,
        };
        for (frame, line) in [
            (
                Frame::Data {
                    stream: 1,
                    end_stream: true,
                    data: b"name=Ada".to_vec(),
                    padding: 0,
                },
                "DATA 1 8 END_STREAM: name=Ada",
            ),
            (
                Frame::Data {
                    stream: 1,
                    end_stream: false,
                    data: Vec::new(),
                    padding: 3,
                },
                "DATA 1 0 pad=2",
            ),
            (
                Frame::Headers {
                    stream: 13,
                    end_stream: true,
                    end_headers: true,
                    priority: Some(priority),
                    fragment: b"\x82\x04".to_vec(),
                },
                "HEADERS 13 on=11 weight=16 END_STREAM END_HEADERS: 82 04",
            ),
            (
                Frame::Priority {
                    stream: 3,
                    priority: Priority {
                        exclusive: true,
                        ..priority
                    },
                },
                "PRIORITY 3 on=11 weight=16 exclusive",
            ),
            (
                Frame::RstStream {
                    stream: 1,
                    code: ErrorCode::CANCEL,
                },
                "RST_STREAM 1 CANCEL",
            ),
            (
                Frame::Settings(vec![
                    Setting { id: 2, value: 0 },
                    Setting { id: 99, value: 1 },
                ]),
                "SETTINGS 0 ENABLE_PUSH=0 99=1",
            ),
            (Frame::Settings(Vec::new()), "SETTINGS 0"),
            (Frame::SettingsAck, "SETTINGS 0 ACK"),
            (Frame::Ping(*b"\x00234567\xff"), "PING 0 00323334353637ff"),
            (Frame::PingAck([0; 8]), "PING 0 0000000000000000 ACK"),
            (
                Frame::GoAway {
                    last_stream: 5,
                    code: ErrorCode(0x99),
                    debug_data: b"bye".to_vec(),
                },
                "GOAWAY 0 last=5 0x99: bye",
            ),
            (
                Frame::WindowUpdate {
                    stream: 0,
                    increment: 9,
                },
                "WINDOW_UPDATE 0 9",
            ),
            (
                Frame::Continuation {
                    stream: 1,
                    end_headers: false,
                    fragment: Vec::new(),
                },
                "CONTINUATION 1",
            ),
            (
                Frame::Unknown {
                    kind: 0x10,
                    flags: 1,
                    stream: 0,
                    payload: b"u".to_vec(),
                },
                "0x10 0 0x01: 75",
            ),
        ] {
            assert_eq!(frame.to_string(), line);
        }
    }

    #[test]
    fn a_client_writes_no_line_of_the_log() {
        let frame = Frame::Data {
            stream: 1,
            end_stream: false,
            data: b"a\r\nFrame received: \x1b[2J\xc3\xbc\\".to_vec(),
            padding: 0,
        };
        let shown = r"a\r\nFrame received: \x1b[2J\xc3\xbc\\";
        assert_eq!(frame.to_string(), format!("DATA 1 26: {shown}"));
    }

    #[test]
    fn what_is_long_is_cut() {
        let bytes = vec![0; 16_384];
        let frame = Frame::Continuation {
            stream: 1,
            end_headers: true,
            fragment: bytes.clone(),
        };
        let line = frame.to_string();
        assert!(line.ends_with(" 00 00 …") && line.len() < 300, "{line}");
        let setting = Setting {
            id: 1,
            value: u32::MAX,
        };
        let line = Frame::Settings(vec![setting; 2730]).to_string();
        assert!(
            line.ends_with("=4294967295 …") && line.len() < 600,
            "{line}"
        );
    }
}
