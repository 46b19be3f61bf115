//! A client that speaks HTTP/2 to a chapter of HTTP/1.1 is not kept waiting: it is told in
//! HTTP/1.1 that its version is not supported, where the chapter says so of any version.

use std::io::{Read, Write};
use std::thread;

use crate::programs::program;
use harness::Server;
use harness::http2::{self, OPENING};

#[test]
fn every_chapter_answers_a_client_of_http_2() {
    let sent = OPENING.to_owned() + &http2::get(1, "/hello");
    let sent = http2::bytes_of(&http2::read(&sent).expect("these are frames"));
    let refused = "HTTP/1.1 505 HTTP Version Not Supported\r\n";
    // These look at no more of a request line than its first byte.
    let page = "HTTP/1.1 200 OK\r\n";
    // And this one closes the connection where it cannot read the request line.
    let nothing = "";
    thread::scope(|scope| {
        for (chapter, answer) in [
            ("ch02-logging", nothing),
            ("ch03-response", page),
            ("ch04-routing", nothing),
            ("ch05a-status", refused),
            ("ch05b-threads", page),
            ("ch06-post", refused),
            ("ch07-static", refused),
            ("ch08-query", refused),
            ("ch09-site", refused),
            ("ch10-keepalive", refused),
            ("ch11-chunked", refused),
            ("ch12-limits", refused),
            ("ch13-stop", refused),
            ("ch14-caching", refused),
            ("ch15-pool", refused),
            ("ch16-events", refused),
            ("ch17-tls", refused),
        ] {
            let sent = &sent;
            scope.spawn(move || {
                let server = Server::start(&program(chapter));
                let mut client = server.open();
                client.write_all(sent).expect("cannot send");
                // The frames behind the head of what looks like a request are bytes that
                // chapters 2 and 4 leave unread, so their end may be a reset.
                let mut received = Vec::new();
                let end = client.read_to_end(&mut received);
                let received = String::from_utf8_lossy(&received);
                assert!(received.starts_with(answer), "{chapter}: {received}");
                assert_eq!(
                    received.is_empty(),
                    answer.is_empty(),
                    "{chapter}: {received}"
                );
                assert!(end.is_ok() || answer.is_empty(), "{chapter}: {end:?}");
            });
        }
    });
}
