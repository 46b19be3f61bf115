//! The connection as a value: in whatever pieces requests come, the answers are the
//! same. There is no socket here, so every place can be tried where a stream may be
//! cut.

use std::time::Instant;

use common::{Body, Connection, Request, RequestError, Response, Timeouts, Wait};

/// What a client sends, and the status codes that it gets. `|` stands for CRLF. Then
/// the connection stays; or it ends, whatever else comes; or the client is cut off
/// within what it sends, so that nothing can follow.
const CORPUS: &[(&str, &str, Then)] = &[
    // Methods and targets.
    ("GET /a HTTP/1.1|Host: a||", "200", Stays),
    ("HEAD /a HTTP/1.1|Host: a||", "200", Stays),
    ("OPTIONS * HTTP/1.1|Host: a||", "200", Stays),
    ("OPTIONS http://b HTTP/1.1|Host: a||", "200", Stays),
    ("DELETE /a HTTP/1.1|Host: a||", "200", Stays),
    ("TRACE /a HTTP/1.1|Host: a||", "200", Stays),
    ("CONNECT b:80 HTTP/1.1|Host: b:80||", "200", Stays),
    ("PATCH /a HTTP/1.1|Host: a||", "200", Stays),
    ("GET http://b/c?d HTTP/1.1|Host: a||", "200", Stays),
    ("GET /a?b=c&d=%20 HTTP/1.1|hOsT:\ta \t|X: y||", "200", Stays),
    ("GET /a HTTP/1.9|Host: [::1]:80||", "200", Stays),
    ("||GET /after-empty-lines HTTP/1.1|Host: a||", "200", Stays),
    ("\nGET /lf HTTP/1.1\nHost: a\n\n", "200", Stays),
    ("GET /error HTTP/1.1|Host: a||", "422", Stays),
    ("HEAD /error HTTP/1.1|Host: a||", "422", Stays),
    // Answers of all kinds.
    ("GET /long HTTP/1.1|Host: a||", "200", Stays),
    ("HEAD /long HTTP/1.1|Host: a||", "200", Stays),
    ("GET /nothing HTTP/1.1|Host: a||", "204", Stays),
    ("GET /unknown HTTP/1.1|Host: a||", "200", Stays),
    ("HEAD /unknown HTTP/1.1|Host: a||", "200", Stays),
    ("GET /unknown HTTP/1.0||", "200", Ends),
    (
        "GET /unknown HTTP/1.0|Connection: keep-alive||",
        "200",
        Ends,
    ),
    // Who stays.
    ("GET /a HTTP/1.0||", "200", Ends),
    ("GET /a HTTP/1.0|Connection: Keep-Alive||", "200", Stays),
    ("HEAD /a HTTP/1.0|Connection: keep-alive||", "200", Stays),
    (
        "GET /a HTTP/1.0|Connection: keep-alive, close||",
        "200",
        Ends,
    ),
    ("GET /a HTTP/1.1|Host: a|Connection: close||", "200", Ends),
    (
        "HEAD /a HTTP/1.1|Host: a|Connection: a, CLOSE||",
        "200",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Connection: close|Content-Length: 2||12",
        "200",
        Ends,
    ),
    // Bodies with a length.
    (
        "POST /a HTTP/1.1|Host: a|Content-Length: 3||123",
        "200",
        Stays,
    ),
    ("POST /a HTTP/1.1|Host: a|Content-Length: 0||", "200", Stays),
    ("POST /a HTTP/1.1|Host: a||", "200", Stays),
    (
        "PUT /a HTTP/1.1|Host: a|Content-Length: 0003||123",
        "200",
        Stays,
    ),
    (
        "GET /a HTTP/1.1|Host: a|Content-Length: 4||1|2",
        "200",
        Stays,
    ),
    (
        "HEAD /a HTTP/1.1|Host: a|Content-Length: 1||1",
        "200",
        Stays,
    ),
    (
        "POST /a HTTP/1.0|Connection: keep-alive|Content-Length: 2||||",
        "200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Content-Length: 27||GET /b HTTP/1.1|Host: a||||",
        "200",
        Stays,
    ),
    // Bodies in chunks.
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||0||",
        "200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|123|0||",
        "200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|transfer-encoding: Chunked||1;a=b|1|a ;c|1234567890|000|X: y||",
        "200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||4;a=\"b\"|1|2|0||",
        "200",
        Stays,
    ),
    (
        "GET /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||1|1|0||",
        "200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||+3|123|0||",
        "400",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|1234|0||",
        "400",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|123\n0||",
        "400",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||ffffffffffffffff|",
        "413",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||200000|",
        "413",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||1|1|0|no field||",
        "400",
        Ends,
    ),
    (
        "POST /a HTTP/1.0|Transfer-Encoding: chunked||1|1|0||",
        "400",
        Ends,
    ),
    // Clients that wait to be told.
    (
        "POST /a HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 3||123",
        "100 200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Expect: 100-continue|Transfer-Encoding: chunked||1|1|0||",
        "100 200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 0||",
        "200",
        Stays,
    ),
    (
        "GET /a HTTP/1.1|Host: a|Expect: 100-continue||",
        "200",
        Stays,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 1048577||",
        "413",
        Ends,
    ),
    // Answers that do not wait for the body.
    (
        "POST /refused HTTP/1.1|Host: a|Content-Length: 3||123",
        "405",
        Stays,
    ),
    (
        "POST /refused HTTP/1.1|Host: a|Content-Length: 0||",
        "405",
        Stays,
    ),
    (
        "POST /refused HTTP/1.1|Host: a|Transfer-Encoding: chunked||2|12|0|X: y||",
        "405",
        Stays,
    ),
    (
        "POST /refused HTTP/1.1|Host: a|Transfer-Encoding: chunked||2|123",
        "405",
        Ends,
    ),
    (
        "POST /refused HTTP/1.1|Host: a|Connection: close|Content-Length: 3||123",
        "405",
        Ends,
    ),
    (
        "POST /refused HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 3||123",
        "405",
        Ends,
    ),
    // What is no request.
    ("no request||", "400", Ends),
    ("HEAD /||", "400", Ends),
    ("GET a HTTP/1.1|Host: a||", "400", Ends),
    ("GET /a HTTP/1.1||", "400", Ends),
    ("HEAD /a HTTP/1.1||", "400", Ends),
    ("GET /a HTTP/1.1|Host: a|Host: a||", "400", Ends),
    ("GET /a HTTP/1.1|Host: a|X : y||", "400", Ends),
    ("GET /a HTTP/1.1|Host: a| folded||", "400", Ends),
    ("GET /a HTTP/1.1|Host: a|X: \u{0}||", "400", Ends),
    ("GET /a HTTP/2.0|Host: a||", "505", Ends),
    ("GET https://a/ HTTP/1.1|Host: a||", "421", Ends),
    (
        "POST /a HTTP/1.1|Host: a|Content-Length: +3||123",
        "400",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Content-Length: 3, 3||123",
        "400",
        Ends,
    ),
    ("HEAD /a HTTP/1.1|Host: a|Content-Length: x||", "400", Ends),
    (
        "POST /a HTTP/1.1|Host: a|Content-Length: 1048577||",
        "413",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Content-Length: 3|Transfer-Encoding: chunked||0||",
        "400",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||0||",
        "501",
        Ends,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: gzip||0||",
        "400",
        Ends,
    ),
    // Clients that are cut off.
    ("|", "", IsCutOff),
    ("G", "400", IsCutOff),
    ("GET /a HTTP/1.1|Host: a|", "400", IsCutOff),
    (
        "POST /a HTTP/1.1|Host: a|Content-Length: 3||12",
        "400",
        IsCutOff,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||3|123|0|",
        "400",
        IsCutOff,
    ),
    (
        "POST /a HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 3||",
        "100 400",
        IsCutOff,
    ),
    (
        "POST /refused HTTP/1.1|Host: a|Content-Length: 3||12",
        "405",
        IsCutOff,
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Stays,
    Ends,
    IsCutOff,
}
use Then::{Ends, IsCutOff, Stays};

/// One exchange of the corpus.
struct Exchange {
    sent: Vec<u8>,
    codes: String,
    then: Then,
}

fn corpus() -> Vec<Exchange> {
    let exchange = |sent: &str, codes: &str, then| Exchange {
        sent: sent.replace('|', "\r\n").into_bytes(),
        codes: codes.to_owned(),
        then,
    };
    let mut exchanges: Vec<Exchange> = CORPUS
        .iter()
        .map(|&(sent, codes, then)| exchange(sent, codes, then))
        .collect();
    let fields = "X: y|".repeat(100);
    let long = "y".repeat(8192);
    for (sent, code) in [
        (format!("GET /{long} HTTP/1.1|Host: a||"), "414"),
        (format!("GET /a HTTP/1.1|Host: a|X: {long}||"), "431"),
        (format!("GET /a HTTP/1.1|Host: a|{fields}|"), "431"),
    ] {
        exchanges.push(exchange(&sent, code, Ends));
    }
    exchanges
}

/// An answer that shows what was understood.
fn respond(request: &Request) -> Response {
    match &*request.target {
        "/error" => RequestError::new("422 Unprocessable Content", "no reason").into(),
        "/nothing" => Response::empty("204 No Content"),
        "/long" => Response::html("200 OK", "long ".repeat(20_000)),
        "/unknown" => {
            let body = Body::of_unknown_length(&b"as long as it is"[..]);
            Response::new("200 OK", "text/plain", body)
        }
        "/refused" => Response::status_page("405 Method Not Allowed"),
        _ => Response::html("200 OK", format!("{request:?}")),
    }
}

fn needs_body(request: &Request) -> bool {
    request.target != "/refused"
}

/// What comes back to a client that sends these pieces and then no more, and takes what
/// it gets as `take` says, which is told how many bytes there are. The date is left out.
fn answers(pieces: &[&[u8]], mut take: impl FnMut(usize) -> usize) -> Vec<u8> {
    let now = Instant::now();
    let mut connection = Connection::new(Timeouts::default(), now)
        .with_chunks()
        .with_early_answers(needs_body);
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let mut sent = Vec::new();
    loop {
        while let Some(request) = connection.next_request() {
            let response = respond(&request);
            connection.answer(&request, response);
        }
        match connection.waits_for() {
            Wait::ToRead(_) => connection.receive(pieces.next().unwrap_or(&&b""[..]), now),
            Wait::ToWrite(_) | Wait::ToReadOrWrite(_) => {
                let to_send = connection.to_send().expect("each body is whole");
                let length = take(to_send.len());
                sent.extend_from_slice(&to_send[..length]);
                connection.sent(length, now);
            }
            Wait::ToLinger(_) | Wait::ToClose => return without_dates(&sent),
        }
    }
}

fn all(length: usize) -> usize {
    length
}

fn without_dates(sent: &[u8]) -> Vec<u8> {
    const DATE: &[u8] = b"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT";
    let mut kept = Vec::new();
    let mut rest = sent;
    while let [first, after @ ..] = rest {
        if rest.starts_with(&DATE[..8]) {
            rest = &rest[DATE.len()..];
        } else {
            kept.push(*first);
            rest = after;
        }
    }
    kept
}

fn codes(answers: &[u8]) -> String {
    let text = String::from_utf8_lossy(answers);
    let codes = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]);
    codes.collect::<Vec<_>>().join(" ")
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }

    /// Cuts into pieces, mostly small ones.
    fn cut<'a>(&mut self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let longest = [2, 9, 60, 900][self.below(4)];
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = 1 + self.below(longest.min(rest.len()));
            let (piece, after) = rest.split_at(length);
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}

/// Shows what was sent in which pieces where the answers are not what they were.
#[track_caller]
fn compare(pieces: &[&[u8]], seed: u64, answered: &[u8], expected: &[u8]) {
    assert!(
        answered == expected,
        "seed {seed}, sent in pieces: {:#?}\nanswered: {}\nexpected: {}",
        pieces
            .iter()
            .map(|piece| piece.escape_ascii().to_string())
            .collect::<Vec<_>>(),
        answered.escape_ascii(),
        expected.escape_ascii(),
    );
}

#[test]
fn each_exchange_alone() {
    let corpus = corpus();
    assert!(corpus.len() >= 60);
    for Exchange {
        sent,
        codes: expected,
        then,
    } in &corpus
    {
        let answered = answers(&[sent], all);
        let sent = sent.escape_ascii();
        assert_eq!(codes(&answered), *expected, "{sent}");
        let text = String::from_utf8_lossy(&answered);
        let says_close = text.contains("\r\nConnection: close\r\n");
        assert!(!says_close || *then != Stays, "{sent}: {text}");
    }
}

#[test]
fn whatever_follows_one_that_ends_is_no_request() {
    let next = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    for Exchange { sent, then, .. } in &corpus() {
        if *then == IsCutOff {
            continue;
        }
        let both = [&sent[..], next].concat();
        let has_next =
            String::from_utf8_lossy(&answers(&[&both], all)).contains("target: \"/next\"");
        assert_eq!(has_next, *then == Stays, "{}", sent.escape_ascii());
    }
}

#[test]
fn each_exchange_cut_in_two_and_byte_by_byte() {
    for Exchange { sent, .. } in &corpus() {
        let expected = answers(&[sent], all);
        // Of the long ones not every place is another one.
        for cut in (0..sent.len()).step_by(1 + sent.len() / 500) {
            let (first, second) = sent.split_at(cut);
            let pieces = [first, second];
            compare(&pieces, 0, &answers(&pieces, all), &expected);
        }
        let bytes: Vec<&[u8]> = sent.chunks(1).collect();
        compare(&bytes, 0, &answers(&bytes, all), &expected);
        let slowly = |length: usize| length.min(777);
        compare(&[sent], 0, &answers(&[sent], slowly), &expected);
    }
}

#[test]
fn each_exchange_cut_anywhere() {
    for Exchange { sent, .. } in &corpus() {
        let expected = answers(&[sent], all);
        for seed in 0..20 {
            let pieces = Random(seed).cut(sent);
            compare(&pieces, seed, &answers(&pieces, all), &expected);
        }
    }
}

#[test]
fn one_behind_the_other_in_any_order() {
    let corpus = corpus();
    let alone: Vec<Vec<u8>> = corpus
        .iter()
        .map(|one| answers(&[&one.sent], all))
        .collect();
    for seed in 0..1000 {
        let mut random = Random(seed);
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        let mut then = Stays;
        for _ in 0..1 + random.below(12) {
            let number = random.below(corpus.len());
            sent.extend_from_slice(&corpus[number].sent);
            // What follows one that ends is not even looked at.
            if then == Stays {
                expected.extend_from_slice(&alone[number]);
                then = corpus[number].then;
            }
            if corpus[number].then == IsCutOff {
                break;
            }
        }
        let pieces = match seed % 3 {
            0 => vec![&sent[..]],
            _ => random.cut(&sent),
        };
        let take = |length: usize| match seed % 2 {
            0 => length,
            _ => 1 + random.below(length),
        };
        compare(&pieces, seed, &answers(&pieces, take), &expected);
    }
}
