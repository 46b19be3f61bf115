//! Gives the connection of chapter 19 frames that no client would send.

use std::time::{Duration, Instant};

use common::header::FrameHeader;
use common::{Http2Connection, Response, Timeouts, Wait};

use crate::random::Random;

/// More than may ever lie ready to be sent: what is there before another request is taken,
/// the longest response, and the answers to one read of frames.
const MOST: usize = 64 * 1024 + 80 * 1024 + 64 * 1024;

/// So many connections. None may panic, go on without end, or keep more than is allowed.
pub fn fuzz(count: usize) {
    let mut random = Random(4);
    let (mut frames, mut requests, mut ended, mut errors) = (0, 0, 0, 0);
    for _ in 0..count {
        let mut now = Instant::now();
        let mut connection = Http2Connection::new(Timeouts::default(), now);
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        let mut next = 1;
        for _ in 0..random.below(30) {
            frame(&mut random, &mut next, &mut sent);
            frames += 1;
        }
        if random.below(8) == 0 {
            random.spoil(&mut sent);
        }
        let mut rest = &*sent;
        loop {
            while let Some((stream, request)) = connection.next_request() {
                requests += 1;
                if random.below(20) == 0 {
                    connection.send_interim(stream, "103", &[("link", "</a>")]);
                }
                let page = "x".repeat([0, 1, 100, 20_000, 70_000][random.below(5)]);
                connection.answer(stream, &request, Response::html("200 OK", page));
            }
            while connection.take_error().is_some() {
                errors += 1;
            }
            assert!(connection.to_send().len() < MOST);
            match connection.waits_for() {
                Wait::ToWrite(_) | Wait::ToReadOrWrite(_) => {
                    let length = 1 + random.below(connection.to_send().len());
                    connection.sent(length, now);
                }
                Wait::ToRead(until) if random.below(50) == 0 => {
                    now = until;
                    connection.time_passes(now);
                }
                Wait::ToRead(_) => {
                    let length = random.below(rest.len().min(16 * 1024) + 1);
                    let length = if rest.is_empty() { 0 } else { length.max(1) };
                    let (piece, behind) = rest.split_at(length);
                    rest = behind;
                    now += Duration::from_millis(1);
                    connection.receive(piece, now);
                }
                Wait::ToLinger(_) | Wait::ToClose => break,
            }
        }
        ended += usize::from(!rest.is_empty());
    }
    println!(
        "{count} connections with {frames} frames: {requests} requests answered, {errors} \
         errors, {ended} connections ended before the client did"
    );
}

/// Adds a frame, mostly one that may come. `next` is the stream that the client opens next.
fn frame(random: &mut Random, next: &mut u32, sent: &mut Vec<u8>) {
    let kind = [0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 4, 6, 8, 8, 16, 9, 7][random.below(17)];
    let is_odd = random.below(40) == 0;
    let mut payload = match kind {
        0 => random.bytes(300),
        1 | 9 if is_odd => random.block(),
        1 | 9 => {
            let method = [0x82, 0x82, 0x83][random.below(3)];
            let mut block = vec![method, 0x84, 0x86, 0x41, 1, b'a'];
            for _ in 0..random.below(3) {
                block.extend([0x40, 1, b'x', 1, random.below(256) as u8]);
            }
            block
        }
        4 => [0, 1 + random.below(6) as u8]
            .into_iter()
            .chain((random.below(70_000) as u32).to_be_bytes())
            .collect(),
        2 => random.bytes(5),
        6 | 7 => vec![1; 8],
        _ => (random.below(70_000) as u32).to_be_bytes().to_vec(),
    };
    let flags = match kind {
        _ if is_odd => random.below(256) as u8,
        1 => [0x04, 0x05, 0x05][random.below(3)],
        0 => [0x00, 0x00, 0x01][random.below(3)],
        _ => 0,
    };
    let stream = match kind {
        4 | 6 | 7 => 0,
        8 if random.below(2) == 0 => 0,
        1 if random.below(10) != 0 => {
            *next += 2;
            *next - 2
        }
        _ => (next.saturating_sub(2 * random.below(4) as u32 + 2)).max(1),
    };
    if random.below(60) == 0 {
        random.spoil(&mut payload);
    }
    let mut write = |kind, flags, payload: &[u8]| {
        let length = payload.len();
        let header = FrameHeader {
            length,
            kind,
            flags,
            stream,
        };
        sent.extend(header.to_bytes());
        sent.extend_from_slice(payload);
    };
    if kind == 1 && random.below(4) == 0 {
        // A block in three frames, cut anywhere.
        let (first, rest) = payload.split_at(random.below(payload.len() + 1));
        let (second, third) = rest.split_at(random.below(rest.len() + 1));
        write(1, flags & !0x04, first);
        write(9, 0, second);
        write(9, 0x04, third);
    } else if kind != 9 || is_odd {
        write(kind, flags, &payload);
    }
}
