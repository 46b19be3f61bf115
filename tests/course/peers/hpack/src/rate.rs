//! How fast blocks are decoded and encoded, in turns with nghttp2.

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{HpackDecoder, HpackEncoder};

use crate::nghttp2::{Deflater, Inflater};

/// How long each turn takes, at least.
const TURN: Duration = Duration::from_millis(500);

/// What Chromium asks for to load the page of chapter 7, and what it gets.
const REQUESTS: [(&str, &str); 4] = [
    (
        "/",
        "navigate document text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    ),
    ("/pages/style.css", "no-cors style text/css,*/*;q=0.1"),
    (
        "/pages/exchange.svg",
        "no-cors image image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    ),
    (
        "/pages/favicon.svg",
        "no-cors image image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    ),
];
const RESPONSES: [(&str, &str, &str); 4] = [
    (
        "text/html; charset=utf-8",
        "6658",
        "\"6658-18c2a5d1f0b6a3e0\"",
    ),
    (
        "text/css; charset=utf-8",
        "4050",
        "\"4050-18c2a5d1f0b6a3e1\"",
    ),
    ("image/svg+xml", "3147", "\"3147-18c2a5d1f0b6a3e2\""),
    ("image/svg+xml", "606", "\"606-18c2a5d1f0b6a3e3\""),
];

type Lines = Vec<(&'static [u8], &'static [u8])>;

fn sections() -> Vec<Lines> {
    let line = |name: &'static str, value: &'static str| (name.as_bytes(), value.as_bytes());
    let requests = REQUESTS.iter().map(|&(path, rest)| {
        let mut words = rest.splitn(3, ' ');
        let mut next = || words.next().expect("three words");
        let (mode, kind, accept) = (next(), next(), next());
        vec![
            line(":method", "GET"),
            line(":authority", "127.0.0.1:8080"),
            line(":scheme", "http"),
            line(":path", path),
            line("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
            line("accept", accept),
            line("sec-fetch-site", "same-origin"),
            line("sec-fetch-mode", mode),
            line("sec-fetch-dest", kind),
            line("referer", "http://127.0.0.1:8080/"),
            line("accept-encoding", "gzip, deflate, br, zstd"),
            line("accept-language", "en-GB,en;q=0.9"),
        ]
    });
    let responses = RESPONSES.iter().map(|&(kind, length, tag)| {
        vec![
            line(":status", "200"),
            line("date", "Sun, 29 Nov 2026 00:10:11 GMT"),
            line("content-type", kind),
            line("last-modified", "Sat, 28 Nov 2026 23:38:41 GMT"),
            line("etag", tag),
            line("cache-control", "no-cache"),
            line("content-length", length),
        ]
    });
    requests.chain(responses).collect()
}

/// Repeats what is given, and says how many sections a second it does.
fn rate(name: &str, sections: usize, mut all: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut rounds = 0;
    while started.elapsed() < TURN {
        for _ in 0..100 {
            all();
        }
        rounds += 100;
    }
    let rate = (rounds * sections) as f64 / started.elapsed().as_secs_f64() / 1e6;
    println!("{name:>20} {rate:8.2} million sections a second");
    rate
}

/// In turns, five times. A connection is new for each round of sections, as it is with
/// browsers.
pub fn measure() {
    let sections = sections();
    let mut blocks = Vec::new();
    let mut encoder = HpackEncoder::default();
    for lines in &sections {
        let mut block = Vec::new();
        encoder.encode(lines.iter().copied(), &mut block);
        blocks.push(block);
    }
    for _ in 0..5 {
        rate("common decodes", sections.len(), || {
            let mut decoder = HpackDecoder::new(4096, 1 << 20);
            for block in &blocks {
                let section = decoder.decode(block).expect("a block");
                for line in section.lines() {
                    black_box(line);
                }
            }
        });
        rate("nghttp2 decodes", sections.len(), || {
            let mut inflater = Inflater::new();
            for block in &blocks {
                assert!(inflater.decode(block, |name, value| {
                    black_box((name, value));
                }));
            }
        });
        rate("common encodes", sections.len(), || {
            let mut encoder = HpackEncoder::default();
            let mut block = Vec::with_capacity(1024);
            for lines in &sections {
                block.clear();
                encoder.encode(lines.iter().copied(), &mut block);
                black_box(&block);
            }
        });
        let mut room = [0; 4096];
        rate("nghttp2 encodes", sections.len(), || {
            let mut deflater = Deflater::new();
            for lines in &sections {
                black_box(deflater.encode(lines, &mut room));
            }
        });
    }
    let (mut ours, mut theirs) = (HpackEncoder::default(), Deflater::new());
    let mut room = [0; 4096];
    for (number, lines) in sections.iter().enumerate() {
        let mut block = Vec::new();
        ours.encode(lines.iter().copied(), &mut block);
        let length = theirs.encode(lines, &mut room);
        println!(
            "section {number}: common {} bytes, nghttp2 {length}",
            block.len()
        );
    }
}
