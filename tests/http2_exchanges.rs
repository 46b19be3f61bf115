//! What clients of HTTP/2 send, and what comes back: for the tests of chapters 19 and 20.

use std::time::{Duration, Instant};

use common::header::{FrameHeader, HEADER_LENGTH, MAX_FRAME_SIZE};
use common::string::encode_plain;
use common::{
    Body, ErrorCode, Frame, HpackDecoder, Request, RequestError, Response, Setting, Timeouts,
};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// They all differ, so that a wait tells which of them it comes from.
pub const TIMES: Timeouts = Timeouts {
    idle: Duration::from_secs(100),
    head: Duration::from_secs(20),
    body: Duration::from_secs(60),
    inactivity: Duration::from_secs(10),
    linger: Duration::from_secs(1),
};

/// A field block, each line as a literal that joins no table.
pub fn block(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        encode_plain(name.as_bytes(), &mut block);
        encode_plain(value.as_bytes(), &mut block);
    }
    block
}

/// The pseudo-fields of a request, and more lines behind them.
pub fn lines<'a>(method: &'a str, path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<u8> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a"),
    ];
    block(&[&pseudo[..], more].concat())
}

pub fn headers(stream: u32, end_stream: bool, end_headers: bool, fragment: Vec<u8>) -> Vec<u8> {
    let frame = Frame::Headers {
        stream,
        end_stream,
        end_headers,
        priority: None,
        fragment,
    };
    frame.to_bytes()
}

pub fn continuation(stream: u32, end_headers: bool, fragment: &[u8]) -> Vec<u8> {
    let frame = Frame::Continuation {
        stream,
        end_headers,
        fragment: fragment.to_vec(),
    };
    frame.to_bytes()
}

pub fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, true, true, lines("GET", path, &[]))
}

/// A request that ends with its fields.
pub fn with(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, true, true, lines("GET", "/", more))
}

pub fn post(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, false, true, lines("POST", "/form", more))
}

pub fn data(stream: u32, end_stream: bool, data: &[u8], padding: usize) -> Vec<u8> {
    let frame = Frame::Data {
        stream,
        end_stream,
        data: data.to_vec(),
        padding,
    };
    frame.to_bytes()
}

pub fn window(stream: u32, increment: u32) -> Vec<u8> {
    Frame::WindowUpdate { stream, increment }.to_bytes()
}

pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let setting = |&(id, value): &(u16, u32)| Setting { id, value };
    Frame::Settings(settings.iter().map(setting).collect()).to_bytes()
}

/// What a client sends behind its preface and SETTINGS, and what comes back, without dates.
pub struct Exchange {
    pub name: &'static str,
    pub sent: Vec<u8>,
    pub answered: &'static str,
}

pub fn exchange(name: &'static str, frames: &[Vec<u8>], answered: &'static str) -> Exchange {
    Exchange {
        name,
        sent: frames.concat(),
        answered,
    }
}

/// What each ends with where the connection stays, and where it ends.
pub fn corpus() -> Vec<Exchange> {
    let malformed = |name, lines: &[(&str, &str)]| {
        let frames = [headers(1, true, true, block(lines)), get(3, "/a")];
        exchange(
            name,
            &frames,
            "RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        )
    };
    let wrong_field = |name, more: &[(&str, &str)]| {
        exchange(
            name,
            &[with(1, more), get(3, "/a")],
            "RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        )
    };
    let ends = |name, frames: &[Vec<u8>], answered| exchange(name, frames, answered);
    let long = "x".repeat(MAX_FRAME_SIZE);
    let whole = lines("GET", "/a", &[("x", "y")]);
    let mut corpus = vec![
        exchange(
            "a page",
            &[get(1, "/a")],
            "HEADERS 1 200, DATA 1 END GET /a",
        ),
        exchange(
            "one after the other",
            &[get(1, "/a"), get(3, "/b"), get(9, "/c")],
            "HEADERS 1 200, DATA 1 END GET /a, HEADERS 3 200, DATA 3 END GET /b, HEADERS 9 200, \
             DATA 9 END GET /c",
        ),
        exchange(
            "HEAD",
            &[headers(1, true, true, lines("HEAD", "/a", &[]))],
            "HEADERS 1 END 200",
        ),
        exchange("no content", &[get(1, "/nothing")], "HEADERS 1 END 204"),
        exchange(
            "an error",
            &[get(1, "/error")],
            "HEADERS 1 422, DATA 1 END <h1>422 Unprocessable Content</h1>",
        ),
        exchange(
            "CONNECT",
            &[headers(
                1,
                true,
                true,
                block(&[(":method", "CONNECT"), (":authority", "a:80")]),
            )],
            "HEADERS 1 200, DATA 1 END CONNECT a:80",
        ),
        exchange(
            "OPTIONS *",
            &[headers(1, true, true, lines("OPTIONS", "*", &[]))],
            "HEADERS 1 200, DATA 1 END OPTIONS *",
        ),
        exchange(
            "Host instead of :authority",
            &[headers(
                1,
                true,
                true,
                block(&[
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":path", "/host"),
                    ("host", "b"),
                ]),
            )],
            "HEADERS 1 200, DATA 1 END b",
        ),
        exchange(
            "Host beside :authority",
            &[with(1, &[("host", "A")])],
            "HEADERS 1 200, DATA 1 END GET /",
        ),
        exchange(
            "cookies one by one",
            &[headers(
                1,
                true,
                true,
                lines(
                    "GET",
                    "/cookie",
                    &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")],
                ),
            )],
            "HEADERS 1 200, DATA 1 END a=1; b=2",
        ),
        exchange(
            "TE: trailers",
            &[with(1, &[("te", "trailers")])],
            "HEADERS 1 200, DATA 1 END GET /",
        ),
        exchange(
            "a block in three frames, one of them empty",
            &[
                headers(1, true, false, whole[..9].to_vec()),
                continuation(1, false, b""),
                continuation(1, true, &whole[9..]),
            ],
            "HEADERS 1 200, DATA 1 END GET /a",
        ),
        exchange(
            "a body",
            &[
                post(1, &[]),
                data(1, false, b"na", 0),
                data(1, true, b"me", 0),
            ],
            "WINDOW_UPDATE 0 +2, WINDOW_UPDATE 0 +2, HEADERS 1 200, DATA 1 END POST /form name",
        ),
        exchange(
            "a body with padding, and an empty end",
            &[
                post(1, &[]),
                data(1, false, b"name", 7),
                data(1, true, b"", 0),
            ],
            "WINDOW_UPDATE 0 +11, HEADERS 1 200, DATA 1 END POST /form name",
        ),
        exchange(
            "two bodies that come at a time",
            &[
                post(1, &[]),
                post(3, &[]),
                data(3, false, b"th", 0),
                data(1, true, b"one", 0),
                data(3, true, b"ree", 0),
            ],
            "WINDOW_UPDATE 0 +2, WINDOW_UPDATE 0 +3, HEADERS 1 200, DATA 1 END POST /form one, \
             WINDOW_UPDATE 0 +3, HEADERS 3 200, DATA 3 END POST /form three",
        ),
        exchange(
            "trailers",
            &[
                post(1, &[]),
                data(1, false, b"name", 0),
                headers(1, true, true, block(&[("x-sum", "1")])),
            ],
            "WINDOW_UPDATE 0 +4, HEADERS 1 200, DATA 1 END POST /form name",
        ),
        exchange(
            "content-length that is right",
            &[
                post(1, &[("content-length", "4")]),
                data(1, true, b"name", 0),
            ],
            "WINDOW_UPDATE 0 +4, HEADERS 1 200, DATA 1 END POST /form name",
        ),
        exchange(
            "a client that waits to continue",
            &[
                post(1, &[("expect", "100-continue")]),
                data(1, true, b"name", 0),
            ],
            "HEADERS 1 100, WINDOW_UPDATE 0 +4, HEADERS 1 200, DATA 1 END POST /form name",
        ),
        exchange(
            "frames that change nothing",
            &[
                Frame::PingAck([1; 8]).to_bytes(),
                Frame::SettingsAck.to_bytes(),
                b"\0\0\x05\x02\0\0\0\0\x05\0\0\0\0\x10".to_vec(),
                b"\0\0\x03\xfe\xff\0\0\0\0abc".to_vec(),
                Frame::GoAway {
                    last_stream: 0,
                    code: ErrorCode::NO_ERROR,
                    debug_data: Vec::new(),
                }
                .to_bytes(),
                settings(&[(0x4d0, 7), (Setting::HEADER_TABLE_SIZE, 0)]),
                Frame::Ping(*b"12345678").to_bytes(),
                get(1, "/a"),
            ],
            "SETTINGS ACK, PING ACK, HEADERS 1 200, DATA 1 END GET /a",
        ),
        exchange(
            "a stream that the client resets",
            &[
                post(1, &[]),
                Frame::RstStream {
                    stream: 1,
                    code: ErrorCode::CANCEL,
                }
                .to_bytes(),
                get(3, "/a"),
            ],
            "HEADERS 3 200, DATA 3 END GET /a",
        ),
        // Windows.
        exchange(
            "a response as long as the window",
            &[get(1, "/long?65535")],
            "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, DATA 1 END 16383",
        ),
        exchange(
            "a response one byte longer",
            &[get(1, "/long?65536")],
            "HEADERS 1 END 500",
        ),
        exchange(
            "a response of unknown length",
            &[get(1, "/unknown?65535")],
            "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, DATA 1 END 16383",
        ),
        exchange(
            "one that is too long",
            &[get(1, "/unknown?65536")],
            "HEADERS 1 END 500",
        ),
        exchange(
            "a source that ends early",
            &[get(1, "/short")],
            "HEADERS 1 END 500",
        ),
        exchange(
            "the connection's window is used up",
            &[get(1, "/long?65535"), get(3, "/a")],
            "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, DATA 1 END 16383, HEADERS 3 END 500",
        ),
        exchange(
            "the connection's window is raised",
            &[get(1, "/long?65535"), window(0, 6), get(3, "/a")],
            "HEADERS 1 200, DATA 1 16384, DATA 1 16384, DATA 1 16384, DATA 1 END 16383, HEADERS 3 200, \
             DATA 3 END GET /a",
        ),
        exchange(
            "a small initial window",
            &[settings(&[(Setting::INITIAL_WINDOW_SIZE, 5)]), get(1, "/a")],
            "SETTINGS ACK, HEADERS 1 END 500",
        ),
        exchange(
            "a small initial window that is raised for the stream",
            &[
                settings(&[(Setting::INITIAL_WINDOW_SIZE, 5)]),
                post(1, &[]),
                window(1, 9),
                data(1, true, b"", 0),
            ],
            "SETTINGS ACK, HEADERS 1 200, DATA 1 END POST /form ",
        ),
        exchange(
            "a stream's window that is too large",
            &[post(1, &[]), window(1, 0x7fff_ffff), get(3, "/a")],
            "RST_STREAM 1 FLOW_CONTROL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        ),
        ends(
            "SETTINGS makes a stream's window too large",
            &[
                post(1, &[]),
                window(1, 0x7fff_0000),
                settings(&[(Setting::INITIAL_WINDOW_SIZE, 0xffff)]),
                settings(&[(Setting::INITIAL_WINDOW_SIZE, 0x1_0000)]),
            ],
            "SETTINGS ACK, GOAWAY 1 FLOW_CONTROL_ERROR",
        ),
        ends(
            "the connection's window is too large",
            &[window(0, 0x7fff_ffff)],
            "GOAWAY 0 FLOW_CONTROL_ERROR",
        ),
        exchange(
            "a body that uses its window up",
            &[
                post(1, &[]),
                data(1, false, &[b'x'; MAX_FRAME_SIZE], 0),
                data(1, false, &[b'x'; MAX_FRAME_SIZE], 0),
                data(1, false, &[b'x'; MAX_FRAME_SIZE], 0),
                data(1, false, &[b'x'; MAX_FRAME_SIZE - 1], 0),
                get(3, "/a"),
            ],
            "WINDOW_UPDATE 0 +16384, WINDOW_UPDATE 0 +16384, WINDOW_UPDATE 0 +16384, \
             WINDOW_UPDATE 0 +16383, HEADERS 1 413, DATA 1 END <h1>413 Content Too Large</h1>, \
             RST_STREAM 1 NO_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        ),
        exchange(
            "a body that is announced to be too long",
            &[
                post(1, &[("content-length", "65536")]),
                data(1, false, b"x", 0),
                get(3, "/a"),
            ],
            "HEADERS 1 413, DATA 1 END <h1>413 Content Too Large</h1>, RST_STREAM 1 NO_ERROR, \
             WINDOW_UPDATE 0 +1, HEADERS 3 200, DATA 3 END GET /a",
        ),
        // Malformed messages.
        exchange(
            "content-length and a longer body",
            &[
                post(1, &[("content-length", "3")]),
                data(1, true, b"name", 0),
                get(3, "/a"),
            ],
            "WINDOW_UPDATE 0 +4, RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        ),
        exchange(
            "content-length and a shorter body",
            &[
                post(1, &[("content-length", "5")]),
                data(1, true, b"name", 0),
                get(3, "/a"),
            ],
            "WINDOW_UPDATE 0 +4, RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        ),
        wrong_field("content-length without a body", &[("content-length", "5")]),
        wrong_field(
            "content-length twice",
            &[("content-length", "0"), ("content-length", "0")],
        ),
        wrong_field(
            "content-length that is no number",
            &[("content-length", "+0")],
        ),
        malformed(
            "no :method",
            &[(":scheme", "http"), (":path", "/"), (":authority", "a")],
        ),
        malformed(
            "no :scheme",
            &[(":method", "GET"), (":path", "/"), (":authority", "a")],
        ),
        malformed(
            "no :path",
            &[(":method", "GET"), (":scheme", "http"), (":authority", "a")],
        ),
        malformed(
            "an empty :path",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", ""),
                (":authority", "a"),
            ],
        ),
        malformed(
            "a :path that is none",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "a"),
                (":authority", "a"),
            ],
        ),
        malformed(
            "* without OPTIONS",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "*"),
                (":authority", "a"),
            ],
        ),
        malformed(
            "a space in the :path",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/ a"),
                (":authority", "a"),
            ],
        ),
        malformed(
            "a method that is no token",
            &[
                (":method", "G T"),
                (":scheme", "http"),
                (":path", "/"),
                (":authority", "a"),
            ],
        ),
        malformed(
            "CONNECT with a path",
            &[
                (":method", "CONNECT"),
                (":scheme", "http"),
                (":path", "/"),
                (":authority", "a"),
            ],
        ),
        wrong_field("a pseudo-field twice", &[(":path", "/b")]),
        wrong_field("a pseudo-field of responses", &[(":status", "200")]),
        wrong_field("an unknown pseudo-field", &[(":protocol", "websocket")]),
        wrong_field(
            "a pseudo-field behind a field",
            &[("x", "y"), (":path", "/b")],
        ),
        malformed(
            "one behind a cookie",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/"),
                ("cookie", "a=1"),
                (":authority", "a"),
            ],
        ),
        wrong_field("upper case", &[("X-a", "y")]),
        wrong_field("an empty name", &[("", "y")]),
        wrong_field("a space in a name", &[("x a", "y")]),
        wrong_field("a colon in a name", &[("x:a", "y")]),
        wrong_field("a line end in a value", &[("x", "a\r\nb: c")]),
        wrong_field("NUL in a value", &[("x", "a\0")]),
        wrong_field("a space before a value", &[("x", " a")]),
        wrong_field("a tab behind a value", &[("x", "a\t")]),
        wrong_field("connection", &[("connection", "close")]),
        wrong_field("keep-alive", &[("keep-alive", "timeout=5")]),
        wrong_field("proxy-connection", &[("proxy-connection", "keep-alive")]),
        wrong_field("transfer-encoding", &[("transfer-encoding", "chunked")]),
        wrong_field("upgrade", &[("upgrade", "h2c")]),
        wrong_field("te", &[("te", "trailers, gzip")]),
        wrong_field("another Host", &[("host", "b")]),
        exchange(
            "a pseudo-field in trailers",
            &[
                post(1, &[]),
                headers(1, true, true, block(&[(":path", "/")])),
                get(3, "/a"),
            ],
            "RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        ),
        exchange(
            "trailers without an end",
            &[
                post(1, &[]),
                headers(1, false, true, block(&[("x", "y")])),
                get(3, "/a"),
            ],
            "RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
        ),
        exchange(
            "what is sent on a stream that was reset",
            &[
                post(1, &[("te", "gzip")]),
                data(1, false, b"name", 0),
                headers(1, true, true, block(&[("x", "y")])),
                window(1, 5),
                get(3, "/a"),
            ],
            "RST_STREAM 1 PROTOCOL_ERROR, WINDOW_UPDATE 0 +4, HEADERS 3 200, DATA 3 END GET /a",
        ),
        // Requests that are refused as those of HTTP/1.1 are.
        exchange(
            "no host",
            &[headers(
                1,
                true,
                true,
                block(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]),
            )],
            "HEADERS 1 400, DATA 1 END <h1>400 Bad Request</h1>",
        ),
        exchange(
            "an authority with a port alone",
            &[headers(
                1,
                true,
                true,
                block(&[
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":path", "/host"),
                    (":authority", ":80"),
                ]),
            )],
            "HEADERS 1 400, DATA 1 END <h1>400 Bad Request</h1>",
        ),
        exchange(
            "Host with a port alone",
            &[headers(
                1,
                true,
                true,
                block(&[
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":path", "/host"),
                    ("host", ":80"),
                ]),
            )],
            "HEADERS 1 400, DATA 1 END <h1>400 Bad Request</h1>",
        ),
        exchange(
            "an authority that is no host, for HEAD",
            &[headers(
                1,
                true,
                true,
                block(&[
                    (":method", "HEAD"),
                    (":scheme", "http"),
                    (":path", "/"),
                    (":authority", "a@b"),
                ]),
            )],
            "HEADERS 1 END 400",
        ),
        exchange(
            "a fragment",
            &[get(1, "/#a")],
            "HEADERS 1 400, DATA 1 END <h1>400 Bad Request</h1>",
        ),
        exchange(
            "a control character",
            &[with(1, &[("x", "\u{1}")])],
            "HEADERS 1 400, DATA 1 END <h1>400 Bad Request</h1>",
        ),
        exchange(
            "another scheme",
            &[headers(
                1,
                true,
                true,
                block(&[
                    (":method", "GET"),
                    (":scheme", "https"),
                    (":path", "/"),
                    (":authority", "a"),
                ]),
            )],
            "HEADERS 1 421, DATA 1 END <h1>421 Misdirected Request</h1>",
        ),
        exchange(
            "too many fields",
            &[with(1, &[("x", "y"); 101])],
            "HEADERS 1 431, DATA 1 END <h1>431 Request Header Fields Too Large</h1>",
        ),
        exchange(
            "a section that is too large, and the next one",
            &[
                headers(
                    1,
                    true,
                    false,
                    lines("GET", "/", &[("x", &long[..8000]), ("y", &long[..8000])]),
                ),
                continuation(1, false, &block(&[("z", &long[..8000])])),
                // It joins the table, although the section is refused.
                continuation(1, true, b"\x40\x01k\x01v"),
                headers(
                    3,
                    true,
                    true,
                    [lines("GET", "/k", &[]), b"\xbe".to_vec()].concat(),
                ),
            ],
            "HEADERS 1 431, DATA 1 END <h1>431 Request Header Fields Too Large</h1>, HEADERS 3 200, \
             DATA 3 END v",
        ),
        // What ends the connection.
        ends(
            "an index beyond the tables",
            &[headers(1, true, true, vec![0xbe])],
            "GOAWAY 0 COMPRESSION_ERROR",
        ),
        ends(
            "a block that is cut off",
            &[headers(1, true, true, vec![0x40])],
            "GOAWAY 0 COMPRESSION_ERROR",
        ),
        ends(
            "a block without end",
            &[
                headers(1, true, false, vec![0; MAX_FRAME_SIZE]),
                continuation(1, false, &[0; MAX_FRAME_SIZE]),
            ],
            "GOAWAY 0 ENHANCE_YOUR_CALM",
        ),
        ends(
            "another frame within a block",
            &[
                headers(1, true, false, Vec::new()),
                Frame::Ping([0; 8]).to_bytes(),
            ],
            "GOAWAY 0 PROTOCOL_ERROR",
        ),
        ends(
            "an unknown frame within a block",
            &[
                headers(1, true, false, Vec::new()),
                b"\0\0\0\xfe\0\0\0\0\x01".to_vec(),
            ],
            "GOAWAY 0 PROTOCOL_ERROR",
        ),
        ends(
            "CONTINUATION of another stream",
            &[
                headers(1, true, false, Vec::new()),
                continuation(3, true, b""),
            ],
            "GOAWAY 0 PROTOCOL_ERROR",
        ),
        ends(
            "CONTINUATION of nothing",
            &[get(1, "/a"), continuation(1, true, b"")],
            "HEADERS 1 200, DATA 1 END GET /a, GOAWAY 1 PROTOCOL_ERROR",
        ),
        ends("an even stream", &[get(2, "/a")], "GOAWAY 0 PROTOCOL_ERROR"),
        ends(
            "an even stream below one that is over",
            &[get(5, "/a"), get(2, "/b")],
            "HEADERS 5 200, DATA 5 END GET /a, GOAWAY 5 PROTOCOL_ERROR",
        ),
        ends(
            "DATA on an even stream below one that is over",
            &[get(5, "/a"), data(2, true, b"a", 0)],
            "HEADERS 5 200, DATA 5 END GET /a, WINDOW_UPDATE 0 +1, GOAWAY 5 PROTOCOL_ERROR",
        ),
        ends(
            "WINDOW_UPDATE on an even stream below one that is over",
            &[get(5, "/a"), window(2, 1)],
            "HEADERS 5 200, DATA 5 END GET /a, GOAWAY 5 PROTOCOL_ERROR",
        ),
        ends(
            "a stream that is over",
            &[get(3, "/a"), get(3, "/b")],
            "HEADERS 3 200, DATA 3 END GET /a, GOAWAY 3 STREAM_CLOSED",
        ),
        ends(
            "a lower stream",
            &[get(3, "/a"), get(1, "/b")],
            "HEADERS 3 200, DATA 3 END GET /a, GOAWAY 3 STREAM_CLOSED",
        ),
        ends(
            "DATA on an idle stream",
            &[data(1, true, b"a", 0)],
            "WINDOW_UPDATE 0 +1, GOAWAY 0 PROTOCOL_ERROR",
        ),
        ends(
            "WINDOW_UPDATE on an idle stream",
            &[window(1, 1)],
            "GOAWAY 0 PROTOCOL_ERROR",
        ),
        ends(
            "WINDOW_UPDATE that adds nothing on an idle stream",
            &[window(1, 0)],
            "GOAWAY 0 PROTOCOL_ERROR",
        ),
        ends(
            "PRIORITY that is too short on an idle stream",
            &[b"\0\0\x01\x02\0\0\0\0\x01a".to_vec()],
            "GOAWAY 0 FRAME_SIZE_ERROR",
        ),
        ends(
            "RST_STREAM on an idle stream",
            &[Frame::RstStream {
                stream: 1,
                code: ErrorCode::CANCEL,
            }
            .to_bytes()],
            "GOAWAY 0 PROTOCOL_ERROR",
        ),
        ends(
            "a frame that is too long",
            &[b"\0\x40\x01\0\0\0\0\0\x01".to_vec()],
            "GOAWAY 0 FRAME_SIZE_ERROR",
        ),
        ends(
            "a frame that is cut off",
            &[get(1, "/a"), get(3, "/b")[..20].to_vec()],
            "HEADERS 1 200, DATA 1 END GET /a, GOAWAY 1 PROTOCOL_ERROR",
        ),
        ends(
            "a body that is cut off",
            &[post(1, &[]), data(1, false, b"n", 0)],
            "WINDOW_UPDATE 0 +1, GOAWAY 1 PROTOCOL_ERROR",
        ),
    ];
    corpus.push(exchange(
        "errors on a stream that was reset",
        &[
            with(1, &[("X", "y")]),
            window(1, 0),
            b"\0\0\x01\x02\0\0\0\0\x01a".to_vec(),
            get(3, "/a"),
        ],
        "RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, DATA 3 END GET /a",
    ));
    corpus.push(exchange(
        "two errors on a stream that is over",
        &[get(1, "/a"), window(1, 0), window(1, 0), get(3, "/a")],
        "HEADERS 1 200, DATA 1 END GET /a, RST_STREAM 1 PROTOCOL_ERROR, HEADERS 3 200, \
         DATA 3 END GET /a",
    ));
    corpus.push(exchange(
        "DATA on a stream that is over",
        &[get(1, "/a"), data(1, true, b"a", 0), get(3, "/a")],
        "HEADERS 1 200, DATA 1 END GET /a, WINDOW_UPDATE 0 +1, RST_STREAM 1 STREAM_CLOSED, \
         HEADERS 3 200, DATA 3 END GET /a",
    ));
    corpus
}

/// A response that shows what was understood.
pub fn respond(request: &Request) -> Response {
    let (path, number) = match request.target.split_once('?') {
        Some((path, number)) => (path, number.parse().unwrap_or(0)),
        None => (&*request.target, 0),
    };
    let first = |name| request.fields.values(name).collect::<Vec<_>>().join("|");
    match path {
        "/error" => RequestError::new("422 Unprocessable Content", "no reason").into(),
        "/nothing" => Response::empty("204 No Content"),
        "/long" => Response::html("200 OK", "x".repeat(number)),
        "/unknown" => {
            let content = std::io::Cursor::new("x".repeat(number));
            Response::new("200 OK", "text/plain", Body::of_unknown_length(content))
        }
        "/short" => {
            let body = Body {
                length: Some(5),
                source: Box::new(&b"1234"[..]),
            };
            Response::new("200 OK", "text/plain", body)
        }
        "/cookie" => Response::html("200 OK", first("cookie")),
        "/host" => Response::html("200 OK", request.authority().to_owned()),
        "/k" => Response::html("200 OK", first("k")),
        _ if !request.body.is_empty() || request.method == "POST" => {
            let body = String::from_utf8_lossy(&request.body);
            Response::html("200 OK", format!("{request} {body}"))
        }
        _ => Response::html("200 OK", request.to_string()),
    }
}

/// The frames that the server has sent, one behind the other, without its SETTINGS and the
/// first acknowledgement.
pub fn shown(mut sent: &[u8]) -> String {
    let mut decoder = HpackDecoder::new(4096, 1 << 20);
    let mut shown = Vec::new();
    while let Some((header, rest)) = sent.split_first_chunk::<HEADER_LENGTH>() {
        let header = FrameHeader::parse(header).expect("a frame header");
        let (payload, behind) = rest.split_at(header.length);
        sent = behind;
        let end = |is_end: bool| if is_end { " END" } else { "" };
        shown.push(match Frame::parse(header, payload).expect("a frame") {
            Frame::Headers {
                stream,
                end_stream,
                end_headers: true,
                fragment,
                ..
            } => {
                let section = decoder.decode(&fragment).expect("a field block");
                let (name, status) = section.lines().next().expect("a status");
                assert_eq!(name, b":status");
                let status = String::from_utf8_lossy(status);
                format!("HEADERS {stream}{} {status}", end(end_stream))
            }
            Frame::Data {
                stream,
                end_stream,
                data,
                ..
            } => {
                let text = match data.len() {
                    100.. => data.len().to_string(),
                    _ => String::from_utf8(data).expect("it is text"),
                };
                format!("DATA {stream}{} {text}", end(end_stream))
            }
            Frame::SettingsAck => "SETTINGS ACK".to_owned(),
            Frame::Settings(_) => "SETTINGS".to_owned(),
            Frame::Ping(_) => "PING".to_owned(),
            Frame::PingAck(_) => "PING ACK".to_owned(),
            Frame::RstStream { stream, code } => format!("RST_STREAM {stream} {code}"),
            Frame::WindowUpdate { stream, increment } => {
                format!("WINDOW_UPDATE {stream} +{increment}")
            }
            Frame::GoAway {
                last_stream, code, ..
            } => format!("GOAWAY {last_stream} {code}"),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(shown[..2], ["SETTINGS", "SETTINGS ACK"]);
    shown[2..].join(", ")
}

pub fn opened(sent: &[u8]) -> Vec<u8> {
    [PREFACE, &settings(&[]), sent].concat()
}

/// The frames of an exchange, those of its streams moved up by two.
pub fn moved_up(mut sent: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(header) = sent.first_chunk::<HEADER_LENGTH>() {
        let mut header = FrameHeader::parse(header).expect("a frame header");
        let (frame, behind) = sent.split_at(HEADER_LENGTH + header.length);
        sent = behind;
        if header.stream != 0 {
            header.stream += 2;
        }
        let moved = [&header.to_bytes(), &frame[HEADER_LENGTH..]];
        frames.push(moved.concat());
    }
    frames
}

pub fn at(connection_began: Instant, second: u64) -> Instant {
    connection_began + Duration::from_secs(second)
}
