//! The names of RFC 9113 for types, flags, settings and errors.

/// The types of frames (RFC 9113 §6).
pub mod kinds {
    pub const DATA: u8 = 0x00;
    pub const HEADERS: u8 = 0x01;
    pub const PRIORITY: u8 = 0x02;
    pub const RST_STREAM: u8 = 0x03;
    pub const SETTINGS: u8 = 0x04;
    pub const PUSH_PROMISE: u8 = 0x05;
    pub const PING: u8 = 0x06;
    pub const GOAWAY: u8 = 0x07;
    pub const WINDOW_UPDATE: u8 = 0x08;
    pub const CONTINUATION: u8 = 0x09;
}

/// The flags of frames.
pub mod flags {
    /// Of DATA and HEADERS.
    pub const END_STREAM: u8 = 0x01;
    /// Of SETTINGS and PING.
    pub const ACK: u8 = 0x01;
    /// Of HEADERS, PUSH_PROMISE and CONTINUATION.
    pub const END_HEADERS: u8 = 0x04;
    /// Of DATA, HEADERS and PUSH_PROMISE.
    pub const PADDED: u8 = 0x08;
    /// Of HEADERS.
    pub const PRIORITY: u8 = 0x20;
}

/// Settings (RFC 9113 §6.5.2).
pub mod setting {
    pub const ENABLE_PUSH: u16 = 0x02;
    pub const MAX_CONCURRENT_STREAMS: u16 = 0x03;
    pub const INITIAL_WINDOW_SIZE: u16 = 0x04;
    pub const MAX_FRAME_SIZE: u16 = 0x05;
}

const KINDS: [&str; 10] = [
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
];

/// RFC 9113 §7.
const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// RFC 9113 §6.5.2, from 1 on.
const SETTINGS: [&str; 6] = [
    "HEADER_TABLE_SIZE",
    "ENABLE_PUSH",
    "MAX_CONCURRENT_STREAMS",
    "INITIAL_WINDOW_SIZE",
    "MAX_FRAME_SIZE",
    "MAX_HEADER_LIST_SIZE",
];

/// A type by its name, or as `0x2a`.
pub fn kind_name(kind: u8) -> String {
    let name = KINDS.get(usize::from(kind));
    name.map_or_else(|| format!("0x{kind:02x}"), |name| (*name).to_owned())
}

pub fn kind_of(name: &str) -> Option<u8> {
    named(&KINDS, name).or_else(|| u8::from_str_radix(name.strip_prefix("0x")?, 16).ok())
}

/// An error by its name, or as a number.
pub fn error_name(code: u32) -> String {
    let name = usize::try_from(code).ok().and_then(|code| ERRORS.get(code));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

pub fn error_of(name: &str) -> Option<u32> {
    named(&ERRORS, name)
        .map(u32::from)
        .or_else(|| name.parse().ok())
}

pub fn setting_name(identifier: u16) -> String {
    let position = usize::from(identifier).checked_sub(1);
    let name = position.and_then(|position| SETTINGS.get(position));
    name.map_or_else(|| identifier.to_string(), |name| (*name).to_owned())
}

pub fn setting_of(name: &str) -> Option<u16> {
    let known = named(&SETTINGS, name).map(|position| u16::from(position) + 1);
    known.or_else(|| name.parse().ok())
}

fn named(names: &[&str], name: &str) -> Option<u8> {
    let position = names.iter().position(|known| *known == name)?;
    u8::try_from(position).ok()
}

/// The flags that have a name for frames of this type.
pub fn flags_of(kind: u8) -> &'static [(u8, &'static str)] {
    use flags::{ACK, END_HEADERS, END_STREAM, PADDED, PRIORITY};
    match kind {
        kinds::DATA => &[(END_STREAM, "END_STREAM"), (PADDED, "PADDED")],
        kinds::HEADERS => &[
            (END_STREAM, "END_STREAM"),
            (END_HEADERS, "END_HEADERS"),
            (PADDED, "PADDED"),
            (PRIORITY, "PRIORITY"),
        ],
        kinds::SETTINGS | kinds::PING => &[(ACK, "ACK")],
        kinds::PUSH_PROMISE => &[(END_HEADERS, "END_HEADERS"), (PADDED, "PADDED")],
        kinds::CONTINUATION => &[(END_HEADERS, "END_HEADERS")],
        _ => &[],
    }
}
