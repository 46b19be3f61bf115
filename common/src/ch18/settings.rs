//! The settings that each side announces to the other (RFC 9113 §6.5).

use std::fmt;

use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};

/// The largest size that a flow-control window may have (RFC 9113 §6.9.1).
pub const MAX_WINDOW_SIZE: u32 = 0x7fff_ffff;

/// One setting: what the side that sends it can take, or wants. It says nothing about what
/// that side will send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// One of the identifiers below, or one that later documents define.
    pub id: u16,
    pub value: u32,
}

impl Setting {
    /// How large the dynamic table may be that the other side's field blocks use, in
    /// bytes: 4,096 at first.
    pub const HEADER_TABLE_SIZE: u16 = 0x1;
    /// Whether a server may push responses: 1 at first.
    pub const ENABLE_PUSH: u16 = 0x2;
    /// How many streams the other side may have open at a time: without limit at first.
    pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    /// How many bytes of DATA each stream may carry before a WINDOW_UPDATE: 65,535 at
    /// first.
    pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
    /// The longest payload of a frame, in bytes: 16,384 at first.
    pub const MAX_FRAME_SIZE: u16 = 0x5;
    /// The longest header section that is taken, in bytes: without limit at first.
    pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// Whether CONNECT may ask for another protocol, such as WebSocket (RFC 8441 §3).
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
    /// Whether the priorities of RFC 7540 are left out (RFC 9218 §2.1).
    pub const NO_RFC7540_PRIORITIES: u16 = 0x9;
}

/// Splits the payload of a SETTINGS frame: six bytes each, a number and a value. Settings
/// with an unknown number are kept; the caller ignores them.
///
/// # Errors
/// A connection error: FRAME_SIZE_ERROR if the last setting is not whole, FLOW_CONTROL_ERROR
/// or PROTOCOL_ERROR if a value is not allowed (RFC 9113 §6.5.2).
pub fn parse_settings(payload: &[u8]) -> Result<Vec<Setting>, Http2Error> {
    let (settings, rest) = payload.as_chunks();
    if !rest.is_empty() {
        return Err(Http2Error::connection(
            ErrorCode::FRAME_SIZE_ERROR,
            "a setting in SETTINGS has not six bytes",
        ));
    }
    let settings = settings.iter().map(|&[a, b, c, d, e, f]| Setting {
        id: u16::from_be_bytes([a, b]),
        value: u32::from_be_bytes([c, d, e, f]),
    });
    settings.map(check).collect()
}

/// Accepts the values that a setting may have (RFC 9113 §6.5.2).
fn check(setting: Setting) -> Result<Setting, Http2Error> {
    match setting.id {
        Setting::ENABLE_PUSH if setting.value > 1 => {
            Err(protocol_error("ENABLE_PUSH is neither 0 nor 1"))
        }
        Setting::INITIAL_WINDOW_SIZE if setting.value > MAX_WINDOW_SIZE => {
            Err(Http2Error::connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                "INITIAL_WINDOW_SIZE is larger than 2,147,483,647",
            ))
        }
        Setting::MAX_FRAME_SIZE if !(0x4000..=0xff_ffff).contains(&setting.value) => Err(
            protocol_error("MAX_FRAME_SIZE is not between 16,384 and 16,777,215"),
        ),
        _ => Ok(setting),
    }
}

impl fmt::Display for Setting {
    /// `ENABLE_PUSH=0`, or `1232=7` if the setting is unknown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.id {
            Self::HEADER_TABLE_SIZE => "HEADER_TABLE_SIZE",
            Self::ENABLE_PUSH => "ENABLE_PUSH",
            Self::MAX_CONCURRENT_STREAMS => "MAX_CONCURRENT_STREAMS",
            Self::INITIAL_WINDOW_SIZE => "INITIAL_WINDOW_SIZE",
            Self::MAX_FRAME_SIZE => "MAX_FRAME_SIZE",
            Self::MAX_HEADER_LIST_SIZE => "MAX_HEADER_LIST_SIZE",
            Self::ENABLE_CONNECT_PROTOCOL => "ENABLE_CONNECT_PROTOCOL",
            Self::NO_RFC7540_PRIORITIES => "NO_RFC7540_PRIORITIES",
            unknown => return write!(formatter, "{unknown}={}", self.value),
        };
        write!(formatter, "{name}={}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: u16, value: u32) -> Result<Vec<Setting>, Http2Error> {
        parse_settings(&[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
    }

    #[test]
    fn what_a_setting_may_be() {
        let protocol = Some(ErrorCode::PROTOCOL_ERROR);
        let flow_control = Some(ErrorCode::FLOW_CONTROL_ERROR);
        for (id, value, refused, shown) in [
            (1, 0, None, "HEADER_TABLE_SIZE=0"),
            (1, u32::MAX, None, "HEADER_TABLE_SIZE=4294967295"),
            (2, 0, None, "ENABLE_PUSH=0"),
            (2, 1, None, "ENABLE_PUSH=1"),
            (2, 2, protocol, ""),
            (3, 0, None, "MAX_CONCURRENT_STREAMS=0"),
            (4, 0, None, "INITIAL_WINDOW_SIZE=0"),
            (4, 0x7fff_ffff, None, "INITIAL_WINDOW_SIZE=2147483647"),
            (4, 0x8000_0000, flow_control, ""),
            (5, 16_383, protocol, ""),
            (5, 16_384, None, "MAX_FRAME_SIZE=16384"),
            (5, 16_777_215, None, "MAX_FRAME_SIZE=16777215"),
            (5, 16_777_216, protocol, ""),
            (6, 9, None, "MAX_HEADER_LIST_SIZE=9"),
            (8, 1, None, "ENABLE_CONNECT_PROTOCOL=1"),
            (9, 1, None, "NO_RFC7540_PRIORITIES=1"),
            (0, 1, None, "0=1"),
            (0x4d0, 7, None, "1232=7"),
        ] {
            match (one(id, value), refused) {
                (Ok(settings), None) => {
                    assert_eq!(settings, [Setting { id, value }]);
                    assert_eq!(settings[0].to_string(), shown);
                }
                (Err(error), Some(code)) => {
                    assert_eq!((error.code, error.stream), (code, None), "{id} {value}");
                }
                (other, _) => panic!("{id} {value}: {other:?}"),
            }
        }
    }

    #[test]
    fn settings_come_in_sixes() {
        assert_eq!(parse_settings(b""), Ok(Vec::new()));
        assert_eq!(parse_settings(&[0; 12]).unwrap().len(), 2);
        for length in [1, 5, 7, 11] {
            let error = parse_settings(&vec![0; length]).unwrap_err();
            assert_eq!(error.code, ErrorCode::FRAME_SIZE_ERROR, "{length}");
        }
    }
}
