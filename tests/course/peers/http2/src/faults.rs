//! Faults of a client, one at a time, and what RFC 9113 wants to become of each.

use crate::client::PREFACE;
use crate::random::Random;
use crate::script::{Expected, Script};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

const PROTOCOL: &[u32] = &[PROTOCOL_ERROR];
const SIZE: &[u32] = &[FRAME_SIZE_ERROR];
const FLOW: &[u32] = &[FLOW_CONTROL_ERROR];
const CLOSED: &[u32] = &[STREAM_CLOSED];
const COMPRESSION: &[u32] = &[COMPRESSION_ERROR];

/// A frame that is wrong wherever it stands: type, flags, whether it names a stream that is
/// idle, payload, and the codes with which the connection may end.
#[rustfmt::skip]
const OF_THE_CONNECTION: &[(u8, u8, bool, &[u8], &[u32])] = &[
    (0, 0, false, b"abc", PROTOCOL),
    (0, 0, true, b"abc", PROTOCOL),
    (0, 8, true, b"", &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
    (0, 8, true, b"\x04abc", PROTOCOL),
    (1, 5, false, b"\x82\x84\x86\x41\x01a", PROTOCOL),
    (1, 0x0d, true, b"\x09\x82", PROTOCOL),
    (1, 0x25, true, b"\0\0\0\0", SIZE),
    (1, 5, true, b"\x80", COMPRESSION),
    (1, 5, true, b"\xff\xff\x01", COMPRESSION),
    (1, 5, true, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", COMPRESSION),
    (1, 5, true, b"\x82\x84\x86\x41\x81\xff", COMPRESSION),
    (1, 5, true, b"\x82\x84\x86\x41\x05a", COMPRESSION),
    (1, 5, true, b"\x82\x3f\xe1\x1f", COMPRESSION),
    (1, 5, true, b"\x3f\xe2\x1f\x82", COMPRESSION),
    (2, 0, false, b"\0\0\0\0\x09", PROTOCOL),
    (3, 0, false, b"\0\0\0\x08", PROTOCOL),
    (3, 0, true, b"\0\0\0\x08", PROTOCOL),
    (3, 0, true, b"\0\0\x08", &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
    (4, 0, true, b"", PROTOCOL),
    (4, 0, false, b"\0\x04\0\0\0", SIZE),
    (4, 1, false, b"\0\x04\0\0\0\0", SIZE),
    (4, 0, false, b"\0\x02\0\0\0\x02", PROTOCOL),
    (4, 0, false, b"\0\x04\x80\0\0\0", FLOW),
    (4, 0, false, b"\0\x05\0\0\x3f\xff", PROTOCOL),
    (4, 0, false, b"\0\x05\x01\0\0\0", PROTOCOL),
    (5, 4, true, b"\0\0\0\x02\x82\x84\x86", PROTOCOL),
    (5, 4, false, b"\0\0\0\x02\x82\x84\x86", PROTOCOL),
    (6, 0, false, b"1234567", SIZE),
    (6, 1, false, b"123456789", SIZE),
    (6, 0, true, b"12345678", PROTOCOL),
    (7, 0, false, b"\0\0\0\x01\0\0\0", SIZE),
    (7, 0, true, b"\0\0\0\x01\0\0\0\0", PROTOCOL),
    (8, 0, false, b"\0\0\x01", SIZE),
    (8, 0, false, b"\0\0\0\0", PROTOCOL),
    (8, 0, false, b"\x80\0\0\0", PROTOCOL),
    (8, 0, true, b"\0\0\0\x01", PROTOCOL),
    (8, 0, true, b"\0\0\0\0", PROTOCOL),
    (9, 4, false, b"\x82", PROTOCOL),
    (9, 4, true, b"\x82", PROTOCOL),
];

/// Requests that are malformed: instead of, or besides, the lines of a good one.
#[rustfmt::skip]
const MALFORMED: &[(&[&str], &[(&str, &str)])] = &[
    (&[":method"], &[]),
    (&[":scheme"], &[]),
    (&[":path"], &[]),
    (&[":path"], &[(":path", "")]),
    (&[":path"], &[(":path", "a")]),
    (&[":path"], &[(":path", "*")]),
    (&[":path"], &[(":path", "/ HTTP/1.1")]),
    (&[":path"], &[(":path", "/\u{7f}")]),
    (&[":method"], &[(":method", "G T")]),
    (&[":method"], &[(":method", "")]),
    (&[":method"], &[(":method", "CONNECT")]),
    (&[], &[(":method", "GET")]),
    (&[], &[(":path", "/")]),
    (&[], &[(":authority", "a")]),
    (&[], &[(":status", "200")]),
    (&[], &[(":protocol", "websocket")]),
    (&[], &[(":", "a")]),
    (&[], &[("a", "b"), (":method", "GET")]),
    (&[":path"], &[("cookie", "b"), (":path", "/")]),
    (&[], &[("A", "b")]),
    (&[], &[("", "b")]),
    (&[], &[("a b", "c")]),
    (&[], &[("a:", "c")]),
    (&[], &[("a\r\nb", "c")]),
    (&[], &[("ä", "c")]),
    (&[], &[("a", "b\r\nc: d")]),
    (&[], &[("a", "b\0")]),
    (&[], &[("a", " b")]),
    (&[], &[("a", "b\t")]),
    (&[], &[("connection", "close")]),
    (&[], &[("keep-alive", "1")]),
    (&[], &[("proxy-connection", "a")]),
    (&[], &[("transfer-encoding", "chunked")]),
    (&[], &[("upgrade", "websocket")]),
    (&[], &[("te", "gzip")]),
    (&[], &[("host", "b")]),
    (&[], &[("content-length", "1")]),
    (&[], &[("content-length", "+0")]),
    (&[], &[("content-length", "0"), ("content-length", "1")]),
];

/// Requests that break rules of HTTP, and the status that says so.
#[rustfmt::skip]
const REFUSED: &[(&[&str], &[(&str, &str)], u16)] = &[
    (&[":authority"], &[], 400),
    (&[":authority"], &[(":authority", "a/b")], 400),
    (&[":authority"], &[(":authority", "user@a")], 400),
    (&[":authority"], &[("host", "a"), ("host", "a")], 400),
    (&[":path"], &[(":path", "/a#b")], 400),
    (&[":scheme"], &[(":scheme", "https")], 421),
    (&[":scheme"], &[(":scheme", "ftp")], 421),
    (&[], &[("content-length", "99999999999999999999")], 413),
];

/// Something else than the preface and SETTINGS to begin with.
pub fn opening(random: &mut Random, script: &mut Script) -> Expected {
    match random.below(4) {
        0 => {
            let at = random.below(PREFACE.len());
            script.bytes[at] ^= 1 << random.below(8);
        }
        1 => script.frame(6, 0, 0, b"12345678"),
        2 => script.frame(4, 1, 0, b""),
        _ => {
            script.request(random, true);
        }
    }
    Expected::Connection(PROTOCOL)
}

/// Adds a fault.
pub fn add(random: &mut Random, script: &mut Script) -> Expected {
    match random.below(6) {
        0 | 1 => {
            let fault = OF_THE_CONNECTION[random.below(OF_THE_CONNECTION.len())];
            let (kind, flags, has_stream, payload, codes) = fault;
            let stream = if has_stream { script.next + 100 } else { 0 };
            let stream = stream | u32::from(has_stream);
            script.frame(kind, flags, stream, payload);
            Expected::Connection(codes)
        }
        2 => {
            let (without, with) = MALFORMED[random.below(MALFORMED.len())];
            let stream = request(random, script, without, with);
            Expected::Stream(stream, PROTOCOL)
        }
        3 => {
            let (without, with, status) = REFUSED[random.below(REFUSED.len())];
            let stream = request(random, script, without, with);
            Expected::Status(stream, status)
        }
        4 => of_a_number(random, script),
        _ => of_a_stream(random, script),
    }
}

/// Adds a request without some of its lines, and with others.
fn request(
    random: &mut Random,
    script: &mut Script,
    without: &[&str],
    with: &[(&str, &str)],
) -> u32 {
    let good = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/known/5/a"),
        (":authority", "a"),
    ];
    let kept = good.iter().filter(|(name, _)| !without.contains(name));
    let (pseudo, rest): (Vec<_>, Vec<_>) = with
        .iter()
        .partition(|(name, _)| name.starts_with(':') && without.contains(name));
    let lines: Vec<(&str, &str)> = match with {
        // A pseudo-field behind others stays there.
        [("cookie", _), ..] => kept.chain(with).copied().collect(),
        _ => kept.copied().chain(pseudo).chain(rest).collect(),
    };
    let block = script.block(&lines);
    let stream = script.number(random);
    script.frame(1, 5, stream, &block);
    stream
}

/// Faults in numbers of streams and lengths of frames.
fn of_a_number(random: &mut Random, script: &mut Script) -> Expected {
    let block = b"\x82\x84\x86\x41\x01a";
    match random.below(6) {
        0 => {
            // The second is too much however much of the window is in use.
            script.frame(8, 0, 0, b"\x7f\xff\xff\xff");
            script.frame(8, 0, 0, b"\x7f\xff\xff\xff");
            Expected::Connection(FLOW)
        }
        1 => {
            let length = 16_385 + random.below(1 << 20) as u32;
            script.bytes.extend_from_slice(&length.to_be_bytes()[1..]);
            let kind = random.below(12) as u8;
            script.bytes.extend([kind, 0, 0, 0, 0, 1, 0, 0]);
            Expected::Connection(SIZE)
        }
        2 => {
            script.frame(1, 5, script.next + 1, block);
            Expected::Connection(PROTOCOL)
        }
        3 => {
            // One that was left out is closed with the next one (RFC 9113 §5.1.1).
            let left_out = script.next;
            script.next += 2;
            script.request(random, true);
            script.frame(1, 5, left_out, block);
            Expected::Connection(&[PROTOCOL_ERROR, STREAM_CLOSED])
        }
        4 => {
            let stream = script.number(random);
            script.frame(1, 1, stream, block);
            let others: [(u8, u32); 5] =
                [(6, 0), (0, stream), (1, stream), (9, stream + 2), (0xfa, 0)];
            let (kind, stream) = others[random.below(others.len())];
            script.frame(kind, 0, stream, b"12345678");
            Expected::Connection(PROTOCOL)
        }
        _ => {
            let stream = script.next | 1;
            script.next += 2;
            script.frame(2, 0, stream, b"\0\0\0\x01");
            Expected::Connection(SIZE)
        }
    }
}

/// Faults on a stream that is open, or was.
fn of_a_stream(random: &mut Random, script: &mut Script) -> Expected {
    let is_whole = random.below(4) == 0;
    let stream = script.number(random);
    let block = script.block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", ["/body/5/a", "/early/5/a"][random.below(2)]),
        (":authority", "a"),
    ]);
    script.frame(1, 4 | u8::from(is_whole), stream, &block);
    if is_whole {
        match random.below(2) {
            0 => {
                script.frame(0, 0, stream, b"abc");
                return Expected::Stream(stream, CLOSED);
            }
            _ => {
                script.frame(1, 5, stream, b"\0\x01a\x01b");
                return Expected::Either(stream, CLOSED);
            }
        }
    }
    match random.below(6) {
        0 => {
            script.frame(8, 0, stream, b"\0\0\0\0");
            Expected::Stream(stream, PROTOCOL)
        }
        1 => {
            script.frame(8, 0, stream, b"\x7f\xff\xff\xff");
            script.frame(8, 0, stream, b"\x7f\xff\xff\xff");
            Expected::Stream(stream, FLOW)
        }
        2 => {
            script.frame(2, 0, stream, b"\0\0\0\x01");
            Expected::Stream(stream, SIZE)
        }
        3 => {
            let trailers: [&[u8]; 4] = [
                b"\0\x01A\x01b",
                b"\x84",
                b"\0\x01a\x02b\n",
                b"\0\x0aconnection\x01b",
            ];
            script.frame(1, 5, stream, trailers[random.below(4)]);
            Expected::Stream(stream, PROTOCOL)
        }
        _ if random.below(2) == 0 || script.is_acknowledged => {
            script.frame(1, 4, stream, b"\0\x01a\x01b");
            Expected::Stream(stream, PROTOCOL)
        }
        _ => {
            // No window has been raised: so this is more than that of the connection.
            for _ in 0..5 {
                script.frame(0, 0, stream, &[b'x'; 16_384]);
            }
            Expected::Connection(FLOW)
        }
    }
}
