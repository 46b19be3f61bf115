//! Chapter 19: the fields of HTTP/2 are decoded, and requests are answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use harness::http2::{self, OPENING, data, get};
use harness::{Server, check_command_line, hostile, still_does_what_came_before};
use insta::assert_snapshot;

const CHAPTER: &str = env!("CARGO_BIN_EXE_ch19-hpack");

/// The pseudo-fields of a request for `/hello`.
const HELLO: &str = "  :method: GET\n  :scheme: http\n  :path: /hello\n  :authority: localhost\n";

const FORM: &str = "content-type: application/x-www-form-urlencoded\n";

/// A form whose body is to come, with these field lines besides.
fn begun(stream: u32, fields: &str) -> String {
    let fields = format!("{FORM}{fields}");
    http2::request(stream, "POST", "/guestbook", &fields, None).replacen(" END_STREAM", "", 1)
}

/// HEADERS with the end of the stream, and these lines, two spaces before each.
fn headers(stream: u32, lines: &str) -> String {
    format!("HEADERS {stream} END_STREAM END_HEADERS\n{lines}")
}

/// What comes back for frames behind the opening, on a connection that stays open.
fn answered(heading: &str, frames: &str) -> String {
    Server::start(CHAPTER)
        .begin(heading)
        .frames(OPENING)
        .frames(frames)
        .receive()
        .frames("SETTINGS 0 ACK")
        .stays_open()
}

/// The same for frames that end their connection.
fn ended_by(heading: &str, frames: &str) -> String {
    Server::start(CHAPTER)
        .begin(heading)
        .frames(OPENING)
        .frames(frames)
        .finish()
}

/// A request that is no message of HTTP/2 (RFC 9113 §8.1.1), and one that is: the stream of
/// the first is reset, and the second is answered.
fn malformed(heading: &str, lines: &str) -> String {
    answered(heading, &(headers(1, lines) + &get(3, "/hello")))
}

/// A request with one more line.
fn malformed_by(heading: &str, line: &str) -> String {
    malformed(heading, &format!("{HELLO}  {line}\n"))
}

fn the_page_is_served(server: &Server) {
    let exchange = server
        .begin("core")
        .frames(OPENING)
        .frames(get(1, "/hello"))
        .receive()
        .stays_open();
    assert!(exchange.contains("<   <h1>Hello, User!</h1>"), "{exchange}");
}

#[test]
fn what_came_before() {
    still_does_what_came_before("ch19-hpack", CHAPTER);
}

// Requests and responses

#[test]
fn request() {
    assert_snapshot!(answered("core: a page", &get(1, "/hello")));
}

#[test]
fn head() {
    let head = http2::request(1, "HEAD", "/hello", "", None);
    assert_snapshot!(answered("core: HEAD gets the fields alone", &head));
}

#[test]
fn not_found() {
    assert_snapshot!(answered("core: what is not there", &get(1, "/nothing")));
}

#[test]
fn one_after_the_other() {
    let three = [
        get(1, "/hello"),
        get(3, "/query?name=Ada"),
        get(7, "/hello"),
    ];
    assert_snapshot!(answered(
        "core: three requests over one connection",
        &three.concat()
    ));
}

#[test]
fn request_with_a_body() {
    let form = http2::request(
        1,
        "POST",
        "/guestbook",
        FORM,
        Some("name=Ada&message=Hello"),
    );
    let exchange = Server::start(CHAPTER)
        .begin_anew("core: a form is taken, and the page has the entry")
        .frames(OPENING)
        .frames(form)
        .receive()
        .frames(get(3, "/guestbook"))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn body_in_pieces() {
    let frames = begun(1, "")
        + "DATA 1 8 pad=5\n  name=Ada\nDATA 1 0\nDATA 1 14\n  &message=Hello\n"
        + "HEADERS 1 END_STREAM END_HEADERS\n  x-sum: 1\n";
    assert_snapshot!(answered(
        "core: a body in pieces, with padding, and with trailers behind it",
        &frames
    ));
}

#[test]
fn two_bodies_at_a_time() {
    let frames = [
        begun(1, ""),
        begun(3, ""),
        data(3, "name=Bob&", false),
        data(1, "name=Ada&message=Hello", true),
        data(3, "message=Hello", true),
    ];
    assert_snapshot!(answered(
        "core: the bodies of two requests come at a time",
        &frames.concat()
    ));
}

#[test]
fn priority_and_padding() {
    let frames = format!(
        "PRIORITY 5 on=0 weight=201\n\
         HEADERS 1 on=5 weight=16 exclusive END_STREAM END_HEADERS pad=9\n{HELLO}"
    );
    assert_snapshot!(answered(
        "core: a priority and padding change nothing",
        &frames
    ));
}

#[test]
fn continuation() {
    let frames = "HEADERS 1 END_STREAM\n  :method: GET\n  :scheme: http\n\
                  CONTINUATION 1\n\
                  CONTINUATION 1 END_HEADERS\n  :path: /hello\n  :authority: localhost\n";
    assert_snapshot!(answered(
        "core: a field block may go on in CONTINUATION",
        frames
    ));
}

#[test]
fn byte_by_byte() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a request may come in many pieces")
        .frames_one_by_one(format!("{OPENING}{}", get(1, "/hello")))
        .receive()
        .stays_open();
    assert_snapshot!(exchange);
}

#[test]
fn host() {
    let lines = "  :method: GET\n  :scheme: http\n  :path: /hello\n  host: localhost\n";
    assert_snapshot!(answered(
        "core: Host may stand for :authority",
        &headers(1, lines)
    ));
}

#[test]
fn reset_by_the_client() {
    let frames = begun(1, "") + "RST_STREAM 1 CANCEL\n" + &get(3, "/hello");
    assert_snapshot!(answered(
        "core: a client may reset its stream, and the others go on",
        &frames
    ));
}

// Header compression

#[test]
fn dynamic_table() {
    let first = "  [indexing] :path: /hello\n  :method: GET\n  :scheme: http\n  \
                 [indexing huffman] :authority: localhost\n";
    let again = "  :method: GET\n  :scheme: http\n  [index 63]\n  [index 62]\n";
    assert_snapshot!(answered(
        "core: a field that was sent before is named by its index",
        &(headers(1, first) + &headers(3, again))
    ));
}

#[test]
fn huffman() {
    let lines = "  :method: GET\n  :scheme: http\n  [huffman] :path: /query?name=Zoë^~<|>\n  \
                 [never huffman] :authority: localhost\n";
    assert_snapshot!(answered(
        "core: strings may be in the Huffman code",
        &headers(1, lines)
    ));
}

#[test]
fn size_updates() {
    let first = "  :method: GET\n  :scheme: http\n  [indexing] :path: /hello\n  \
                 :authority: localhost\n";
    let second = format!("  [size 0]\n  [size 4096]\n{first}");
    let third = "  :method: GET\n  :scheme: http\n  [index 62]\n  :authority: localhost\n";
    assert_snapshot!(answered(
        "core: a block may begin with two size updates, which empty the table",
        &(headers(1, first) + &headers(3, &second) + &headers(5, third))
    ));
}

#[test]
fn a_refused_request_changes_the_table() {
    let first = "  :method: GET\n  :scheme: http\n  [indexing] :path: /hello\n  \
                 :authority: localhost\n  te: gzip\n";
    let second = "  :method: GET\n  :scheme: http\n  [index 62]\n  :authority: localhost\n";
    assert_snapshot!(answered(
        "core: the fields of a request that is refused join the table too",
        &(headers(1, first) + &headers(3, second))
    ));
}

#[test]
fn no_table_for_the_server() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a client may want no dynamic table for what it receives")
        .frames("PREFACE\nSETTINGS 0 HEADER_TABLE_SIZE=0 ENABLE_PUSH=0")
        .frames(get(1, "/hello") + &get(3, "/hello"))
        .receive()
        .frames("SETTINGS 0 ACK")
        .stays_open();
    assert_snapshot!(exchange);
}

/// A field block that cannot be decoded ends the connection.
fn wrong_block(heading: &str, lines: &str) -> String {
    ended_by(heading, &headers(1, &format!("{HELLO}{lines}\n")))
}

#[test]
fn index_0() {
    assert_snapshot!(wrong_block("core: there is no index 0", "  [index 0]"));
}

#[test]
fn index_beyond() {
    let heading = "core: an index names a field that is in a table";
    assert_snapshot!(wrong_block(heading, "  [index 62]"));
}

#[test]
fn size_update_too_large() {
    let lines = format!("  [size 4097]\n{HELLO}");
    let heading = "core: the table is not larger than the server has said";
    assert_snapshot!(ended_by(heading, &headers(1, &lines)));
}

#[test]
fn size_update_within() {
    let heading = "core: the size changes at the beginning of a block";
    assert_snapshot!(wrong_block(heading, "  [size 0]"));
}

#[test]
fn padding_not_ones() {
    let heading = "core: a Huffman code is padded with ones";
    assert_snapshot!(wrong_block(heading, "  [block 00 81 18 01 61]"));
}

#[test]
fn padding_of_an_octet() {
    let heading = "core: a Huffman code is padded with less than eight bits";
    assert_snapshot!(wrong_block(heading, "  [block 00 82 1f ff 01 61]"));
}

#[test]
fn end_symbol() {
    let heading = "core: no string contains the end symbol of the Huffman code";
    assert_snapshot!(wrong_block(heading, "  [block 00 84 ff ff ff ff 01 61]"));
}

#[test]
fn integer_too_large() {
    let heading = "core: an integer has an end, and a size that can be";
    assert_snapshot!(wrong_block(heading, "  [block ff*20]"));
}

#[test]
fn string_cut_off() {
    let heading = "core: a string does not go on behind its block";
    assert_snapshot!(wrong_block(heading, "  [block 00 01 61 05 62]"));
}

// Messages that are malformed

#[test]
fn upper_case() {
    let heading = "core: names are in lower case";
    assert_snapshot!(malformed_by(heading, "X-Name: a"));
}

#[test]
fn pseudo_field_twice() {
    let heading = "core: a pseudo-field is there once";
    assert_snapshot!(malformed_by(heading, ":path: /query"));
}

#[test]
fn pseudo_field_unknown() {
    let heading = "core: a request has no pseudo-fields of its own making";
    assert_snapshot!(malformed_by(heading, ":version: 2"));
}

#[test]
fn pseudo_field_of_responses() {
    let heading = "core: a request has no :status";
    assert_snapshot!(malformed_by(heading, ":status: 200"));
}

#[test]
fn pseudo_field_behind_a_field() {
    let lines = "  :method: GET\n  :scheme: http\n  x: y\n  :path: /hello\n  \
                 :authority: localhost\n";
    let heading = "core: pseudo-fields stand before all others";
    assert_snapshot!(malformed(heading, lines));
}

#[test]
fn no_path() {
    let lines = "  :method: GET\n  :scheme: http\n  :authority: localhost\n";
    assert_snapshot!(malformed("core: a request has a :path", lines));
}

#[test]
fn empty_path() {
    let lines = "  :method: GET\n  :scheme: http\n  :path: \n  :authority: localhost\n";
    assert_snapshot!(malformed("core: the :path is not empty", lines));
}

#[test]
fn no_method() {
    let lines = "  :scheme: http\n  :path: /hello\n  :authority: localhost\n";
    assert_snapshot!(malformed("core: a request has a :method", lines));
}

#[test]
fn no_scheme() {
    let lines = "  :method: GET\n  :path: /hello\n  :authority: localhost\n";
    assert_snapshot!(malformed("core: a request has a :scheme", lines));
}

#[test]
fn connection_field() {
    let heading = "core: fields that speak of one connection of HTTP/1.1 are refused";
    assert_snapshot!(malformed_by(heading, "connection: close"));
}

#[test]
fn transfer_encoding() {
    let heading = "core: there is no transfer coding";
    assert_snapshot!(malformed_by(heading, "transfer-encoding: chunked"));
}

#[test]
fn te() {
    let heading = "core: TE says nothing but trailers";
    let frames = headers(1, &format!("{HELLO}  te: trailers\n"))
        + &headers(3, &format!("{HELLO}  te: gzip\n"));
    assert_snapshot!(answered(heading, &frames));
}

#[test]
fn line_end_in_a_value() {
    let heading = "core: no value holds a line end";
    assert_snapshot!(malformed_by(heading, "x: a\\r\\nb"));
}

#[test]
fn longer_than_announced() {
    let form = http2::request(
        1,
        "POST",
        "/guestbook",
        &format!("{FORM}content-length: 3\n"),
        Some("name"),
    );
    let heading = "core: a body is not longer than content-length says";
    assert_snapshot!(answered(heading, &(form + &get(3, "/hello"))));
}

#[test]
fn shorter_than_announced() {
    let form = http2::request(
        1,
        "POST",
        "/guestbook",
        &format!("{FORM}content-length: 5\n"),
        Some("name"),
    );
    let heading = "core: a body is not shorter than content-length says";
    assert_snapshot!(answered(heading, &(form + &get(3, "/hello"))));
}

#[test]
fn pseudo_field_in_trailers() {
    let frames = begun(1, "") + &headers(1, "  :path: /hello\n") + &get(3, "/hello");
    let heading = "core: there is no pseudo-field in trailers";
    assert_snapshot!(answered(heading, &frames));
}

// Streams and their states

#[test]
fn even_stream() {
    let heading = "core: a client's streams have odd numbers";
    assert_snapshot!(ended_by(heading, &get(2, "/hello")));
}

#[test]
fn stream_used_again() {
    let exchange = Server::start(CHAPTER)
        .begin("core: a stream has one request")
        .frames(OPENING)
        .frames(get(1, "/hello"))
        .receive()
        .frames(get(1, "/hello"))
        .finish();
    assert_snapshot!(exchange);
}

#[test]
fn frame_within_a_block() {
    let frames = "HEADERS 1 END_STREAM\n  :method: GET\nPING 0 0000000000000001\n";
    let heading = "core: nothing stands within a field block";
    assert_snapshot!(ended_by(heading, frames));
}

#[test]
fn continuation_of_another_stream() {
    let frames = "HEADERS 1 END_STREAM\n  :method: GET\nCONTINUATION 3 END_HEADERS\n  :path: /\n";
    let heading = "core: CONTINUATION goes on with the block of its own stream";
    assert_snapshot!(ended_by(heading, frames));
}

#[test]
fn window_too_large() {
    let heading = "core: the connection's window has a largest size";
    assert_snapshot!(ended_by(heading, "WINDOW_UPDATE 0 2147483647"));
}

// What this server does of its own

#[test]
fn longest_response() {
    // The numbers to 12,774 are 65,538 bytes.
    assert_snapshot!(answered(
        "lesson: a response that does not fit into the window is not sent",
        &get(1, "/numbers?to=12774")
    ));
}

#[test]
fn section_too_large() {
    let long = "x".repeat(9000);
    let frames = format!(
        "HEADERS 1 END_STREAM\n{HELLO}  a: {long}\nCONTINUATION 1 END_HEADERS\n  b: {long}\n"
    );
    assert_snapshot!(answered(
        "robust: a field section that is too large gets 431",
        &(frames + &get(3, "/hello"))
    ));
}

#[test]
fn small_on_the_wire_and_huge() {
    let lines = format!(
        "{HELLO}  [indexing] a: {}\n  [block be*4000]\n",
        "x".repeat(4000)
    );
    assert_snapshot!(answered(
        "robust: 8 KiB on the wire that stand for 16 MB get 431",
        &(headers(1, &lines) + &get(3, "/hello"))
    ));
}

#[test]
fn block_without_end() {
    let block = "  [block 00*16384]\n";
    let frames = format!("HEADERS 1 END_STREAM\n{block}CONTINUATION 1\n{block}");
    assert_snapshot!(ended_by(
        "robust: a field block without end ends the connection",
        &frames
    ));
}

#[test]
fn body_too_large() {
    let frames = begun(1, "content-length: 65536\n") + &get(3, "/hello");
    assert_snapshot!(answered(
        "lesson: a body that does not fit into the window is refused",
        &frames
    ));
}

#[test]
fn http_1() {
    let exchange = Server::start(CHAPTER).exchange(
        "robust: a client that speaks HTTP/1.1 hears so in HTTP/1.1",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_snapshot!(exchange);
}

#[test]
fn hostile_clients() {
    hostile::try_each(&Server::start(CHAPTER), the_page_is_served);
}

#[test]
fn a_log_that_nobody_reads_costs_no_answer() {
    hostile::nobody_reads_the_log(CHAPTER, the_page_is_served);
}

#[test]
fn a_silent_crowd() {
    hostile::a_silent_crowd(&Server::start(CHAPTER), the_page_is_served);
}

/// Frames in the notation, as bytes.
fn bytes(frames: &str) -> Vec<u8> {
    http2::bytes_of(&http2::read(frames).expect("these are frames"))
}

/// A client's end of a connection on which this was sent, or as much of it as the server
/// takes.
fn client_that_sent(server: &Server, sent: &[u8]) -> TcpStream {
    let mut client = server.connect();
    client
        .set_write_timeout(Some(Duration::from_millis(300)))
        .expect("cannot limit a write");
    let _ = client.write_all(sent);
    client
}

/// The frames of stream 1, moved to another one.
fn on_stream(stream: u32, mut frames: Vec<u8>) -> Vec<u8> {
    let mut start = 0;
    while start < frames.len() {
        let header = &mut frames[start..start + 9];
        if header[5..] == [0, 0, 0, 1] {
            header[5..].copy_from_slice(&stream.to_be_bytes());
        }
        start += 9 + u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
    }
    frames
}

#[test]
fn half_a_request_holds_up_nobody() {
    let server = Server::start(CHAPTER);
    let sent = bytes(&format!(
        "{OPENING}{}",
        begun(1, "") + &data(1, "name=Ada", true)
    ));
    let clients: Vec<_> = (0..sent.len())
        .step_by(7)
        .map(|length| client_that_sent(&server, &sent[..length]))
        .collect();
    the_page_is_served(&server);
    drop(clients);
    the_page_is_served(&server);
}

/// How much memory a server may take for one client, in KiB: a hundred bodies that have not
/// come whole, each as long as a window, and as much again for how vectors grow.
#[cfg(target_os = "linux")]
const MOST_KIB: usize = 2 * 100 * 64;

const MIB: usize = 1024 * 1024;

/// Clients that send without end, and read nothing of what comes back.
#[test]
fn floods_hold_up_nobody_and_take_bounded_memory() {
    let server = Server::start(CHAPTER);
    the_page_is_served(&server);
    #[cfg(target_os = "linux")]
    let before = harness::company::cost_of([server.process()]).expect("it tells");
    let hello = format!("HEADERS 1 END_STREAM END_HEADERS\n{HELLO}");
    let form = begun(1, "");
    let body = "DATA 1\n  [payload 78*16000]\n".repeat(4);
    let mut clients = Vec::new();
    // Each is repeated, on another stream each time, but for the field block without end.
    for (frames, length) in [
        (hello.clone(), MIB / 4),
        (hello + "RST_STREAM 1 CANCEL", MIB / 4),
        (form.clone() + &body, 8 * MIB),
        (form + "RST_STREAM 1 CANCEL", MIB / 4),
        ("PING 0 0000000000000001".to_owned(), MIB),
        ("SETTINGS 0 HEADER_TABLE_SIZE=0".to_owned(), MIB),
        ("CONTINUATION 1".to_owned(), MIB / 4),
    ] {
        let mut sent = bytes(OPENING);
        let goes_on = frames.starts_with("CONTINUATION");
        if goes_on {
            sent.extend(bytes("HEADERS 1"));
        }
        let frames = bytes(&frames);
        for number in 0.. {
            let stream = if goes_on { 1 } else { 2 * number + 1 };
            sent.extend(on_stream(stream, frames.clone()));
            if sent.len() >= length {
                break;
            }
        }
        clients.push(client_that_sent(&server, &sent));
        the_page_is_served(&server);
        #[cfg(target_os = "linux")]
        {
            let after = harness::company::cost_of([server.process()]).expect("it tells");
            let grown = after.kib.saturating_sub(before.kib);
            let most = MOST_KIB * clients.len();
            assert!(grown < most, "it takes {grown} KiB more");
        }
    }
    drop(clients);
    the_page_is_served(&server);
}

#[test]
#[ignore = "waits for the 10 s that a client is given"]
fn a_silent_client_is_let_go() {
    let server = Server::start(CHAPTER);
    let opening = bytes(OPENING);
    let asked = bytes(&(OPENING.to_owned() + &begun(1, "")));
    let clients: Vec<_> = [
        opening.clone(),
        asked[..asked.len() - 4].to_vec(),
        asked,
        opening[..20].to_vec(),
        Vec::new(),
    ]
    .map(|sent| client_that_sent(&server, &sent))
    .into();
    the_page_is_served(&server);
    let ends = clients.into_iter().map(|mut client| {
        let mut received = Vec::new();
        client.read_to_end(&mut received).expect("an end");
        String::from_utf8_lossy(&received).into_owned()
    });
    let ends: Vec<String> = ends.collect();
    assert!(ends[0].contains("\u{0}\u{8}\u{7}"), "{ends:?}");
    assert!(
        ends[1].ends_with("a frame or a field block did not come in time"),
        "{ends:?}"
    );
    assert!(ends[2].contains("<h1>408 Request Timeout</h1>"), "{ends:?}");
    assert!(ends[3].starts_with("HTTP/1.1 408 "), "{ends:?}");
    assert_eq!(ends[4], "");
}

#[test]
fn log() {
    let server = Server::start(CHAPTER);
    for frames in [
        get(1, "/query?name=Ada"),
        get(1, "/nothing"),
        http2::request(1, "POST", "/guestbook", FORM, Some("name=Ada")),
        headers(1, &format!("{HELLO}  te: gzip\n")),
        get(1, "/#a"),
        get(1, "/numbers?to=100000"),
        get(1, "/\u{1b}[2J"),
        get(1, "/\u{202e}"),
    ] {
        server
            .begin("logged")
            .frames(OPENING)
            .frames(frames)
            .half_close()
            .finish();
    }
    server.begin("closed without a byte").half_close().finish();
    for sent in ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n"] {
        server.begin("logged").send(sent).half_close().finish();
    }
    assert_snapshot!(server.log());
}

#[test]
fn command_line() {
    check_command_line(CHAPTER);
}

fn exercise(heading: &str, frames: &str) -> String {
    Server::start_solution(CHAPTER, "ch19-solution")
        .begin_anew(heading)
        .frames(OPENING)
        .frames(frames)
        .receive()
        .stays_open()
}

#[test]
fn exercise_hint() {
    let heading = "exercise: the home page comes behind a hint";
    assert_snapshot!(exercise(heading, &get(1, "/")));
}

#[test]
fn exercise_site() {
    let heading = "exercise: the page about the site comes behind a hint";
    assert_snapshot!(exercise(heading, &get(1, "/pages/site.html")));
}

#[test]
fn exercise_query() {
    let heading = "exercise: a query changes nothing";
    assert_snapshot!(exercise(heading, &get(1, "/pages/site.html?from=mail")));
}

#[test]
fn exercise_each() {
    let heading = "exercise: each page of a connection has its hint";
    let frames = get(1, "/pages/site.html") + &get(3, "/hello") + &get(5, "/pages/site.html");
    assert_snapshot!(exercise(heading, &frames));
}

#[test]
fn exercise_other_paths() {
    let heading = "exercise: what has no style sheet has no hint";
    assert_snapshot!(exercise(heading, &(get(1, "/hello") + &get(3, "/nothing"))));
}

#[test]
fn exercise_head() {
    let heading = "exercise: HEAD has no hint";
    let head = http2::request(1, "HEAD", "/pages/site.html", "", None);
    assert_snapshot!(exercise(heading, &head));
}

#[test]
fn exercise_form() {
    let heading = "exercise: another method has no hint";
    let form = http2::request(1, "POST", "/", FORM, Some("name=Ada&message=Hello"));
    assert_snapshot!(exercise(heading, &form));
}

#[test]
fn exercise_known() {
    let heading = "exercise: a client that has the page has its style sheet";
    let asks = http2::request(1, "GET", "/", "if-none-match: *\n", None);
    assert_snapshot!(exercise(heading, &asks));
}
