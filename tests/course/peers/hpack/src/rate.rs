//! How fast blocks are decoded and encoded, in turns with nghttp2.

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{HpackDecoder, HpackEncoder};

use crate::nghttp2::{Deflater, Inflater};
use crate::weigh;

/// How long each turn takes, at least.
const TURN: Duration = Duration::from_millis(500);

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

/// In turns, five times, the sections of a page load. A connection is new for each round of
/// them, as it is with browsers.
pub fn measure() {
    let heads = weigh::heads();
    let sections: Vec<Vec<(&[u8], &[u8])>> = heads
        .iter()
        .map(|head| weigh::lines(head).collect())
        .collect();
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
