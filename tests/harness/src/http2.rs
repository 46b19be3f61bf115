//! HTTP/2 on the wire (RFC 9113), written down a line for each frame.
//!
//! A connection that speaks it has the line `* HTTP/2` before anything that goes over it.
//! Behind `>` and `<` stand frames then, and not bytes:
//!
//! ```text
//! * core: a page
//! * HTTP/2
//! > PREFACE
//! > SETTINGS 0 ENABLE_PUSH=0
//! > HEADERS 1 END_STREAM END_HEADERS
//! >   :method: GET
//! >   :scheme: http
//! >   :path: /hello
//! >   :authority: localhost
//! < SETTINGS 0 MAX_CONCURRENT_STREAMS=1
//! < SETTINGS 0 ACK
//! < HEADERS 1 END_HEADERS
//! <   :status: 200
//! <   content-length: 21
//! < DATA 1 21 END_STREAM
//! <   <h1>Hello, User!</h1>
//! > SETTINGS 0 ACK
//! * the connection stays open
//! ```
//!
//! A frame is its type, its stream, and what else is in it, all by the names of RFC 9113:
//!
//! | line | what it says |
//! |---|---|
//! | `PREFACE` | the 24 bytes that a client begins with |
//! | `DATA 1 21 END_STREAM` | the number of bytes, which are shown below, two spaces further in |
//! | `HEADERS 1 END_STREAM END_HEADERS` | below, a field line each |
//! | `HEADERS 1 on=3 weight=16 exclusive END_HEADERS` | the same with a priority, and the flag `PRIORITY` |
//! | `CONTINUATION 1 END_HEADERS` | below, a field line each |
//! | `PRIORITY 3 on=1 weight=16` | |
//! | `RST_STREAM 1 CANCEL` | an error, by its name, or as a number where it has none |
//! | `SETTINGS 0 MAX_FRAME_SIZE=16384 9=1` | settings, by their names or numbers |
//! | `SETTINGS 0 ACK` | |
//! | `PUSH_PROMISE 1 promised=2 END_HEADERS` | below, a field line each |
//! | `PING 0 0011223344556677 ACK` | eight bytes in hexadecimal |
//! | `GOAWAY 0 last=1 NO_ERROR` | below, the debug data, where there is some |
//! | `WINDOW_UPDATE 1 1000` | the increment |
//! | `0x2a 0` | a type without a name; below, its payload, in hexadecimal as below or as text |
//! | `BYTES` | what is no frame; below, the bytes |
//!
//! What is sent may be wrong on purpose, and is written with these words too:
//!
//! | word | what it says |
//! |---|---|
//! | `pad=10` | ten bytes of padding, and the flag `PADDED` |
//! | `0x08` | a flag that has no name for this type |
//! | `length=5` | the head announces five bytes, whatever follows |
//! | `reserved` | the bit before the number of the stream is set |
//! | `[payload 00 ff*8]` | below: the whole payload in hexadecimal, whatever the type; `ff*8` is `ff` eight times |
//!
//! Bytes of `DATA`, debug data and `BYTES` are in the notation of [`crate::wire`], and so
//! are names and values of fields. What is sent is written into its field block in the
//! plainest way: a field line that is in the static table by its index, any other as a
//! literal without indexing, whose name is an index where the static table has it, and
//! without Huffman coding. Another way stands before the field line:
//!
//! | field line | what it says (RFC 7541) |
//! |---|---|
//! | `[indexing] name: value` | a literal with incremental indexing (§6.2.1) |
//! | `[never] name: value` | a literal that is never indexed (§6.2.3) |
//! | `[huffman] name: value` | its strings in Huffman coding; also `[indexing huffman]`, `[never huffman]` |
//! | `[literal] name: value` | a literal without indexing, though it stands in the static table |
//! | `[index 62]` | an indexed field line (§6.1), with no look at whether there is one |
//! | `[size 0]` | a dynamic table size update (§6.3) |
//! | `[block 82 86]` | bytes of the field block in hexadecimal |
//!
//! What is received shows the decoded field lines below the frame that ends the field
//! block, whatever the encoding was. The frames of one `>` are sent in one write, but
//! where `* the next write` stands between them.
//!
//! Over TLS, where ALPN names `h2`, `:scheme: http` is sent as `https`: so the exchanges of a
//! chapter that speaks TCP alone are played against a later one too.
//!
//! # In a test
//!
//! [`Exchange::frames`] sends frames in this notation, without the `> `:
//!
//! ```no_run
//! use harness::{Server, http2};
//!
//! let exchange = Server::start("…")
//!     .begin("core: a page")
//!     .frames(http2::OPENING)
//!     .frames(http2::get(1, "/hello"))
//!     .receive()
//!     .frames("SETTINGS 0 ACK")
//!     .stays_open();
//! ```
//!
//! [`Exchange::receive`] reads until the server's SETTINGS have come, every SETTINGS and
//! PING has its acknowledgement, and each request whose end was sent has its whole answer,
//! RST_STREAM or GOAWAY. [`Exchange::stays_open`] sends a PING that is not written down and
//! wants its acknowledgement, [`Exchange::finish`] reads to the end of the connection.
//!
//! HPACK is read by the crate loona-hpack, and Huffman coding is written by
//! httlib-huffman; the frames are this module's own.
//!
//! [`Exchange::frames`]: crate::Exchange::frames
//! [`Exchange::receive`]: crate::Exchange::receive
//! [`Exchange::stays_open`]: crate::Exchange::stays_open
//! [`Exchange::finish`]: crate::Exchange::finish

mod block;
mod frame;
mod message;
mod names;
mod notation;
mod progress;
mod reader;
mod rules;
mod talk;

pub use block::{FieldLine, Indexing};
pub use frame::{Frame, Payload, Piece, Priority, bytes_of, with_values};
pub use message::{Message, field, streams};
pub use names::{error_name, flags, kinds, setting};
pub use notation::{read, show};
pub use progress::Progress;
pub use reader::{Reader, Received};
pub use rules::broken_rule;
pub use talk::{OPAQUE, Talk};

/// What a client begins a connection with (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The preface of a client and the settings behind it, in the notation: one that wants no
/// pushes, as most clients do not.
pub const OPENING: &str = "PREFACE\nSETTINGS 0 ENABLE_PUSH=0\n";

/// A request without a body, in the notation.
pub fn get(stream: u32, path: &str) -> String {
    request(stream, "GET", path, "", None)
}

/// A request in the notation, with more field lines, each with its line end, and the body,
/// where it has one, in one DATA frame.
pub fn request(stream: u32, method: &str, path: &str, fields: &str, body: Option<&str>) -> String {
    let end = if body.is_none() { " END_STREAM" } else { "" };
    let mut frames = format!(
        "HEADERS {stream}{end} END_HEADERS\n  :method: {method}\n  :scheme: http\n  \
         :path: {path}\n  :authority: localhost\n"
    );
    for field in fields.lines() {
        frames += &format!("  {field}\n");
    }
    if let Some(body) = body {
        frames += &data(stream, body, true);
    }
    frames
}

/// A DATA frame in the notation.
pub fn data(stream: u32, body: &str, is_last: bool) -> String {
    let end = if is_last { " END_STREAM" } else { "" };
    let mut frame = format!("DATA {stream} {}{end}\n", body.len());
    for line in crate::wire::show(body.as_bytes()) {
        frame += &format!("  {line}\n");
    }
    frame
}
