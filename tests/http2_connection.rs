//! The connection of HTTP/2 as a value: what each frame of a client leads to, and that the
//! answers are the same in whatever pieces the frames come. There is no socket here.

use std::time::{Duration, Instant};

use common::header::{FrameHeader, HEADER_LENGTH, MAX_FRAME_SIZE};
use common::string::encode_plain;
use common::{
    Body, ErrorCode, Frame, HpackDecoder, Http2Connection, Request, RequestError, Response,
    Setting, Timeouts, Wait,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// They all differ, so that a wait tells which of them it comes from.
const TIMES: Timeouts = Timeouts {
    idle: Duration::from_secs(100),
    head: Duration::from_secs(20),
    body: Duration::from_secs(60),
    inactivity: Duration::from_secs(10),
    linger: Duration::from_secs(1),
};

/// A field block, each line as a literal that joins no table.
fn block(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        encode_plain(name.as_bytes(), &mut block);
        encode_plain(value.as_bytes(), &mut block);
    }
    block
}

/// The pseudo-fields of a request, and more lines behind them.
fn lines<'a>(method: &'a str, path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<u8> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a"),
    ];
    block(&[&pseudo[..], more].concat())
}

fn headers(stream: u32, end_stream: bool, end_headers: bool, fragment: Vec<u8>) -> Vec<u8> {
    let frame = Frame::Headers {
        stream,
        end_stream,
        end_headers,
        priority: None,
        fragment,
    };
    frame.to_bytes()
}

fn continuation(stream: u32, end_headers: bool, fragment: &[u8]) -> Vec<u8> {
    let frame = Frame::Continuation {
        stream,
        end_headers,
        fragment: fragment.to_vec(),
    };
    frame.to_bytes()
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, true, true, lines("GET", path, &[]))
}

/// A request that ends with its fields.
fn with(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, true, true, lines("GET", "/", more))
}

fn post(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, false, true, lines("POST", "/form", more))
}

fn data(stream: u32, end_stream: bool, data: &[u8], padding: usize) -> Vec<u8> {
    let frame = Frame::Data {
        stream,
        end_stream,
        data: data.to_vec(),
        padding,
    };
    frame.to_bytes()
}

fn window(stream: u32, increment: u32) -> Vec<u8> {
    Frame::WindowUpdate { stream, increment }.to_bytes()
}

fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let setting = |&(id, value): &(u16, u32)| Setting { id, value };
    Frame::Settings(settings.iter().map(setting).collect()).to_bytes()
}

/// What a client sends behind its preface and SETTINGS, and what comes back, without dates.
struct Exchange {
    name: &'static str,
    sent: Vec<u8>,
    answered: &'static str,
}

fn exchange(name: &'static str, frames: &[Vec<u8>], answered: &'static str) -> Exchange {
    Exchange {
        name,
        sent: frames.concat(),
        answered,
    }
}

/// What each ends with where the connection stays, and where it ends.
fn corpus() -> Vec<Exchange> {
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
fn respond(request: &Request) -> Response {
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

/// What comes back to a client that sends these pieces and then no more, and takes what it
/// gets as `take` says, which is told how many bytes there are.
fn answers(pieces: &[&[u8]], mut take: impl FnMut(usize) -> usize) -> Vec<u8> {
    let now = Instant::now();
    let mut connection = Http2Connection::new(TIMES, now);
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let mut sent = Vec::new();
    loop {
        while let Some((stream, request)) = connection.next_request() {
            connection.answer(stream, &request, respond(&request));
        }
        match connection.waits_for() {
            Wait::ToRead(_) => connection.receive(pieces.next().unwrap_or(&&b""[..]), now),
            Wait::ToWrite(_) | Wait::ToReadOrWrite(_) => {
                let to_send = connection.to_send();
                let length = take(to_send.len());
                sent.extend_from_slice(&to_send[..length]);
                connection.sent(length, now);
            }
            Wait::ToLinger(_) | Wait::ToClose => return sent,
        }
    }
}

fn all(length: usize) -> usize {
    length
}

/// The frames that the server has sent, one behind the other, without its SETTINGS and the
/// first acknowledgement.
fn shown(mut sent: &[u8]) -> String {
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

fn opened(sent: &[u8]) -> Vec<u8> {
    [PREFACE, &settings(&[]), sent].concat()
}

#[test]
fn each_exchange_alone() {
    for Exchange {
        name,
        sent,
        answered,
    } in corpus()
    {
        let sent = opened(&sent);
        let alone = shown(&answers(&[&sent], all));
        assert_eq!(alone, answered, "{name}");
    }
}

#[test]
fn each_exchange_cut_in_two_and_byte_by_byte() {
    for Exchange { name, sent, .. } in corpus() {
        let sent = opened(&sent);
        let expected = shown(&answers(&[&sent], all));
        // Of the long ones not every place is another one.
        for cut in (0..sent.len()).step_by(1 + sent.len() / 500) {
            let (first, second) = sent.split_at(cut);
            assert_eq!(shown(&answers(&[first, second], all)), expected, "{name}");
        }
        let bytes: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(shown(&answers(&bytes, all)), expected, "{name}");
        let slowly = |length: usize| length.min(777);
        assert_eq!(shown(&answers(&[&sent], slowly)), expected, "{name}");
    }
}

/// The frames of an exchange, those of its streams moved up by two.
fn moved_up(mut sent: &[u8]) -> Vec<Vec<u8>> {
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

/// Between each two frames of an exchange comes a piece of a body on another stream. The
/// exchange is answered as before.
#[test]
fn another_stream_between_each_two_frames() {
    let mut tried = 0;
    for Exchange {
        name,
        sent,
        answered,
    } in corpus()
    {
        // Nothing may stand within a field block, and what ends the connection ends both.
        if answered.contains("GOAWAY") {
            continue;
        }
        let frames = moved_up(&sent);
        let expected = shown(&answers(&[&opened(&frames.concat())], all));
        let mut between = post(1, &[]);
        for frame in &frames {
            let ends_block = !matches!(frame[3], 1 | 9) || frame[4] & 4 != 0;
            between.extend(frame);
            if ends_block {
                between.extend(data(1, false, &[b'x'; 777], 0));
            }
        }
        between.extend(data(1, true, &[b'x'; 777], 0));
        let between = shown(&answers(&[&opened(&between)], all));
        let is_other = |line: &&str| {
            *line != "WINDOW_UPDATE 0 +777"
                && !line.starts_with("HEADERS 1 ")
                && !line.starts_with("DATA 1 ")
        };
        let lines: Vec<&str> = between.split(", ").filter(is_other).collect();
        assert_eq!(lines.join(", "), expected, "{name}");
        tried += 1;
    }
    assert!(tried > 50);
}

fn at(connection_began: Instant, second: u64) -> Instant {
    connection_began + Duration::from_secs(second)
}

/// A connection that has sent all it had to, and the moment at which it began.
fn open_connection(sent: &[u8]) -> (Http2Connection, Instant) {
    let began = Instant::now();
    let mut connection = Http2Connection::new(TIMES, began);
    connection.receive(&opened(sent), began);
    drain(&mut connection, began);
    (connection, began)
}

/// Answers what there is, and gives what is sent.
fn drain(connection: &mut Http2Connection, now: Instant) -> Vec<u8> {
    let mut sent = Vec::new();
    loop {
        while let Some((stream, request)) = connection.next_request() {
            connection.answer(stream, &request, respond(&request));
        }
        let to_send = connection.to_send().to_vec();
        if to_send.is_empty() {
            return sent;
        }
        assert!(connection.waits_for().wants_to_write(), "it is never sent");
        connection.sent(to_send.len(), now);
        sent.extend(to_send);
    }
}

#[test]
fn an_idle_connection_is_told_to_go() {
    let (mut connection, began) = open_connection(&get(1, "/a"));
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 100)));
    // What is no request does not give it more time, nor does the answer to that.
    connection.receive(&Frame::Ping([0; 8]).to_bytes(), at(began, 50));
    assert_eq!(drain(&mut connection, at(began, 50)).len(), 17);
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 100)));
    // A request does, from the moment on at which its response was taken.
    connection.receive(&get(3, "/a"), at(began, 55));
    drain(&mut connection, at(began, 60));
    connection.time_passes(at(began, 100));
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 160)));
    connection.time_passes(at(began, 160));
    // A client that takes its time to take it has its time to close from then on.
    let sent = drain(&mut connection, at(began, 165));
    assert_eq!(&sent[..13], b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x03");
    assert_eq!(connection.waits_for(), Wait::ToLinger(at(began, 166)));
    assert!(connection.take_error().is_none());
}

/// By default most times are the same.
#[test]
fn a_client_that_is_late_is_told() {
    for sent in [
        &b""[..],
        &get(1, "/a")[..12],
        &headers(1, true, false, Vec::new()),
        &post(1, &[]),
    ] {
        let began = Instant::now();
        let mut connection = Http2Connection::new(Timeouts::default(), began);
        connection.receive(&opened(sent), began);
        drain(&mut connection, began);
        let Wait::ToRead(until) = connection.waits_for() else {
            panic!("it waits for the client");
        };
        connection.time_passes(until);
        assert!(!drain(&mut connection, until).is_empty(), "{sent:?}");
    }
}

#[test]
fn a_silent_client_hears_nothing() {
    let began = Instant::now();
    let mut connection = Http2Connection::new(TIMES, began);
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 100)));
    connection.time_passes(at(began, 100));
    assert_eq!(connection.waits_for(), Wait::ToClose);
    assert!(connection.take_error().is_none());
}

#[test]
fn a_preface_a_frame_and_a_field_block_have_their_time() {
    let began = Instant::now();
    let mut connection = Http2Connection::new(TIMES, began);
    connection.receive(&PREFACE[..20], at(began, 50));
    assert!(connection.next_request().is_none());
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 70)));
    connection.time_passes(at(began, 70));
    let sent = drain(&mut connection, at(began, 70));
    assert!(sent.starts_with(b"HTTP/1.1 408 "));

    let (mut connection, began) = open_connection(&[]);
    connection.receive(&get(1, "/a")[..12], at(began, 50));
    assert!(connection.next_request().is_none());
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 70)));
    connection.time_passes(at(began, 70));
    let error = connection.take_error().unwrap().to_string();
    assert!(error.starts_with("PROTOCOL_ERROR: "), "{error}");

    // Fragments do not give the block more time.
    let (mut connection, began) = open_connection(&[]);
    connection.receive(&headers(1, true, false, Vec::new()), at(began, 50));
    for second in 50..70 {
        assert!(connection.next_request().is_none());
        assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 70)));
        connection.receive(&continuation(1, false, b""), at(began, second));
    }
    assert!(connection.next_request().is_none());
    connection.time_passes(at(began, 70));
    assert!(connection.take_error().is_some());
}

#[test]
fn a_body_has_its_time_and_the_connection_goes_on() {
    let (mut connection, began) = open_connection(&post(1, &[]));
    assert_eq!(connection.waits_for(), Wait::ToRead(at(began, 10)));
    for second in (9..60).step_by(9) {
        connection.receive(&data(1, false, b"x", 0), at(began, second));
        drain(&mut connection, at(began, second));
        let until = (second + 10).min(60);
        assert_eq!(connection.waits_for(), Wait::ToRead(at(began, until)));
    }
    connection.time_passes(at(began, 60));
    drain(&mut connection, at(began, 60));
    let error = connection.take_error().unwrap().to_string();
    assert!(error.starts_with("408 "), "{error}");
    connection.receive(&get(3, "/a"), at(began, 61));
    assert_eq!(connection.next_request().unwrap().0, 3);
}

/// A client that sends requests and takes no response: what lies ready stays bounded.
#[test]
fn a_client_that_takes_nothing_is_not_read_any_further() {
    let (mut connection, began) = open_connection(&window(0, 0x7000_0000));
    let many: Vec<u8> = (0..1000)
        .flat_map(|number| get(1 + 2 * number, "/long?30000"))
        .collect();
    connection.receive(&many, began);
    let mut answered = 0;
    while let Some((stream, request)) = connection.next_request() {
        connection.answer(stream, &request, respond(&request));
        answered += 1;
    }
    assert_eq!(answered, 3);
    assert!(connection.to_send().len() < 100_000);
    assert_eq!(connection.waits_for(), Wait::ToWrite(at(began, 10)));
    connection.time_passes(at(began, 10));
    assert_eq!(connection.waits_for(), Wait::ToClose);
}

#[test]
fn more_streams_than_were_announced_are_refused_and_may_come_again() {
    let mut sent: Vec<u8> = (0..101)
        .flat_map(|number| post(1 + 2 * number, &[]))
        .collect();
    sent.extend(data(1, true, b"", 0));
    sent.extend(post(301, &[]));
    let answered = shown(&answers(&[&opened(&sent)], all));
    assert_eq!(
        answered,
        "RST_STREAM 201 REFUSED_STREAM, HEADERS 1 200, DATA 1 END POST /form , \
         GOAWAY 301 PROTOCOL_ERROR"
    );
}

#[test]
fn a_client_of_another_version_is_answered_in_its_own() {
    for (sent, status) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], "505"),
        (b"\x16\x03\x01", "400"),
        (b"PRI * HT", "400"),
    ] {
        let answered = String::from_utf8(answers(&[sent], all)).unwrap();
        assert!(
            answered.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answered}"
        );
        assert!(answered.contains("\r\nConnection: close\r\n"), "{answered}");
    }
}

#[test]
fn an_interim_response_comes_first_and_only_for_the_request_under_way() {
    let (mut connection, began) = open_connection(&[]);
    connection.receive(&get(1, "/a"), began);
    let (stream, request) = connection.next_request().unwrap();
    connection.send_interim(3, "103", &[]);
    connection.send_interim(stream, "103", &[("link", "</a>")]);
    connection.answer(stream, &request, respond(&request));
    connection.send_interim(stream, "103", &[]);
    let answered = [
        &settings(&[])[..],
        &Frame::SettingsAck.to_bytes(),
        connection.to_send(),
    ];
    assert_eq!(
        shown(&answered.concat()),
        "HEADERS 1 103, HEADERS 1 200, DATA 1 END GET /a"
    );
}
