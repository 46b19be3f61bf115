//! Gives the connection what [`Script`] says, cut anywhere, and reads what it sends.

use std::ops::Range;
use std::panic;
use std::thread;
use std::time::{Duration, Instant};

use common::header::HEADER_LENGTH;
use common::protocol::Protocol;
use common::{Frame, FrameHeader, Wait};

use crate::MEMORY;
use crate::client::Client;
use crate::random::Random;
use crate::reader::Reader;
use crate::script::{Expected, Script};
use crate::site;

/// How much may lie ready: 64 KiB, and the longest frame.
const MOST_READY: usize = 64 * 1024 + 9 + 16 * 1024;

/// How much memory one connection may take besides the pages, in bytes: the longest body, what
/// each of the other streams may send at first, what lies ready, and what a client has sent
/// meanwhile.
const MOST_MEMORY: usize = 4 << 20;

/// How often a page may lie in memory: as the site has made it, and as the client has received
/// it, in a vector that has just grown to twice its size.
const COPIES: usize = 4;

/// In how many steps each connection has come to its end.
const MOST_STEPS: usize = 200_000;

#[derive(Default)]
struct Totals {
    frames: usize,
    requests: usize,
    whole: usize,
    failed: usize,
    resets: usize,
    data: i64,
    memory: usize,
    ready: usize,
}

/// Names the run that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("in: fuzz {} {}", self.0, self.0 + 1);
        }
    }
}

/// A connection for each of these seeds. None may panic, hang, take more memory than it
/// says, send past a window, or answer twice; and each fault ends what RFC 9113 says.
pub fn fuzz(seeds: Range<u64>) {
    // Standard error has what the connections say of their clients.
    panic::set_hook(Box::new(|panic| println!("{panic}")));
    let mut totals = Totals::default();
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let _seed = Seed(seed);
        run(
            &mut Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)),
            &mut totals,
        );
    }
    println!(
        "{count} connections with {} frames: {} requests, {} responses whole, {} bytes of \
         content, {} streams reset, {} connections ended for a fault; at most {} bytes lay \
         ready, and {} bytes of memory were in use",
        totals.frames,
        totals.requests,
        totals.whole,
        totals.data,
        totals.resets,
        totals.failed,
        totals.ready,
        totals.memory,
    );
}

/// How the client goes on once it has sent all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    HalfClose,
    Silence,
    Gone,
}

/// One connection, and both views of it.
struct Run<'a> {
    script: &'a Script,
    connection: Box<dyn Protocol>,
    client: Client,
    reader: Reader,
    now: Instant,
    delivered: usize,
    /// Whether time has passed, so that streams may end for it.
    has_waited: bool,
    /// Whether the client was late with what it was to take.
    is_late: bool,
    /// Whether the client takes what it is sent.
    takes: bool,
    is_half_closed: bool,
    requests: usize,
    /// How long the pages are together.
    content: usize,
    ready: usize,
}

fn run(random: &mut Random, totals: &mut Totals) {
    let script = Script::random(random);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let now = Instant::now();
    let is_wild = script.expected == Expected::Anything;
    let mut run = Run {
        script: &script,
        connection: site::connection(random.below(2) == 0, now),
        client: Client::default(),
        reader: Reader::new(),
        now,
        delivered: 0,
        has_waited: false,
        is_late: false,
        takes: !(is_wild && random.below(8) == 0),
        is_half_closed: false,
        requests: 0,
        content: 0,
        ready: 0,
    };
    let end = match random.below(8) {
        0 => End::Silence,
        1 => End::Gone,
        _ => End::HalfClose,
    };
    run.exchange(random, is_wild, end);
    let memory = MEMORY.peak_usage().saturating_sub(before);
    let most = MOST_MEMORY + COPIES * run.content;
    assert!(memory <= most, "{memory} bytes of memory");
    let answers = &run.reader.answers;
    totals.memory = totals.memory.max(memory);
    totals.ready = totals.ready.max(run.ready);
    totals.frames += run.client.frames;
    totals.requests += run.requests;
    totals.whole += answers.values().filter(|answer| answer.is_whole).count();
    totals.resets += answers
        .values()
        .filter(|answer| answer.reset.is_some())
        .count();
    totals.failed += usize::from(run.reader.has_failed());
    totals.data += run.reader.data;
}

impl Run<'_> {
    fn exchange(&mut self, random: &mut Random, is_wild: bool, end: End) {
        // Small pieces, large ones, or all at once.
        let piece = [1, 20, 300, 16 * 1024, 16 * 1024][random.below(5)];
        for step in 0.. {
            assert!(step < MOST_STEPS, "it goes on without end");
            self.answer();
            let rest = &self.script.bytes[self.delivered..];
            let wait = self.connection.waits_for();
            if is_wild {
                self.disturb(random);
            }
            let may_write = self.takes && wait.wants_to_write();
            match wait {
                Wait::ToClose => break,
                _ if may_write && (!wait.wants_to_read() || random.below(3) > 0) => {
                    self.take(random);
                }
                _ if wait.wants_to_read() && !rest.is_empty() => {
                    let length = (1 + random.below(piece)).min(rest.len());
                    self.deliver(length);
                }
                _ if may_write => self.take(random),
                _ if wait.wants_to_read() && !self.is_half_closed => {
                    self.check();
                    match end {
                        End::Gone => break,
                        End::HalfClose => {
                            self.is_half_closed = true;
                            self.connection.receive(b"", self.now);
                        }
                        End::Silence => self.wait(wait),
                    }
                }
                _ => self.wait(wait),
            }
        }
        if self.takes && !self.is_late && end != End::Gone {
            assert!(self.reader.is_between_frames());
        }
    }

    fn answer(&mut self) {
        let streams = self.reader.answers.len();
        while let Some((stream, request)) = self.connection.next_request() {
            self.requests += 1;
            self.content += site::content(request.path(), request.body.len()).len();
            let response = site::respond(&request);
            self.connection.answer(stream, &request, response);
        }
        if !self.has_waited {
            while self.connection.take_refusal().is_some() {}
        }
        let ready = self.connection.to_send().expect("no body fails").len();
        assert!(
            ready <= MOST_READY,
            "{ready} bytes lie ready, {streams} streams"
        );
        self.ready = self.ready.max(ready);
    }

    fn deliver(&mut self, length: usize) {
        let end = self.delivered + length;
        self.now += Duration::from_micros(10);
        let piece = &self.script.bytes[self.delivered..end];
        self.connection.receive(piece, self.now);
        self.delivered = end;
        self.client.note(&self.script.bytes[..end]);
    }

    fn take(&mut self, random: &mut Random) {
        let ready = self.connection.to_send().expect("no body fails");
        let length = match random.below(3) {
            0 => 1 + random.below(ready.len()),
            _ => ready.len(),
        };
        self.reader.take(&ready[..length], &mut self.client);
        self.connection.sent(length, self.now);
    }

    /// Lets the time pass for which the connection waits.
    fn wait(&mut self, wait: Wait) {
        self.has_waited = true;
        self.now = self.now.max(wait.until().expect("it waits"));
        self.connection.time_passes(self.now);
    }

    /// What may come between any two events.
    fn disturb(&mut self, random: &mut Random) {
        match random.below(400) {
            0 => self.connection.finish_after_current(),
            1 => {
                (self.has_waited, self.is_late) = (true, true);
                self.now += Duration::from_millis(random.below(12_000) as u64);
                self.connection.time_passes(self.now);
            }
            2 => self.connection.transport_moves(self.now),
            _ => {}
        }
    }

    /// The client has sent all, and taken all: whether each request has its response.
    fn check(&self) {
        let (expected, reader) = (&self.script.expected, &self.reader);
        if self.has_waited || *expected == Expected::Anything {
            return;
        }
        assert!(reader.is_between_frames());
        let code = reader.go_away.map(|(_, code)| code);
        match expected {
            Expected::Connection(codes) => {
                let is_right = code.is_some_and(|code| codes.contains(&code));
                assert!(is_right, "{code:?} {codes:?}");
                return;
            }
            Expected::Either(_, codes) if code.is_some_and(|code| codes.contains(&code)) => {
                return;
            }
            _ => assert_eq!(code, None, "{expected:?}"),
        }
        let at_fault = match *expected {
            Expected::Stream(stream, codes) | Expected::Either(stream, codes) => {
                let reset = reader.answers.get(&stream).and_then(|answer| answer.reset);
                let is_right = reset.is_some_and(|code| codes.contains(&code));
                assert!(is_right, "{expected:?} {reset:?}");
                stream
            }
            Expected::Status(stream, status) => {
                let answer = reader.answers.get(&stream);
                assert_eq!(answer.and_then(|answer| answer.status), Some(status));
                stream
            }
            _ => 0,
        };
        for answer in &reader.answers {
            assert!(
                *answer.0 == at_fault || answer.1.reset.is_none(),
                "{answer:?}"
            );
        }
        for asked in self.script.asked.iter().filter(|asked| !asked.is_given_up) {
            let answer = reader.answers.get(&asked.stream);
            let is_early = asked.is_whole || asked.path.starts_with("/early");
            let Some(answer) = answer.filter(|answer| answer.status != Some(100)) else {
                assert!(!is_early, "stream {} has no response", asked.stream);
                continue;
            };
            let content = match asked.is_head {
                true => Vec::new(),
                false => site::content(&asked.path, asked.sent),
            };
            assert!(
                content.starts_with(&answer.content),
                "stream {}",
                asked.stream
            );
            let has_room = [0, asked.stream]
                .iter()
                .all(|id| reader.room(&self.client, *id) > 0);
            let is_whole = answer.is_whole && answer.content.len() == content.len();
            assert!(is_whole || !has_room, "stream {} hangs", asked.stream);
        }
    }
}

/// So many frames, each by itself: none may panic, and what is read is written as it came.
pub fn frames(count: u64) {
    let mut random = Random(5);
    let (mut read, mut refused) = (0_u64, 0_u64);
    while read + refused < count {
        let mut bytes = random.bytes(60);
        let mut header = [0; HEADER_LENGTH];
        header.copy_from_slice(&[random.bytes(9), vec![0; 9]].concat()[..9]);
        if random.below(20) > 0 {
            header[..3].copy_from_slice(&(bytes.len() as u32).to_be_bytes()[1..]);
            header[3] %= 11;
        }
        if random.below(4) == 0 {
            header[5..].copy_from_slice(&[0, 0, 0, random.below(3) as u8]);
        }
        if let (true, Some(first)) = (header[4] & 8 != 0, bytes.first_mut()) {
            *first %= 64;
        }
        let frame = FrameHeader::parse(&header).and_then(|header| {
            bytes.resize(header.length, 0);
            Frame::parse(header, &bytes)
        });
        let Ok(frame) = frame else {
            refused += 1;
            continue;
        };
        read += 1;
        assert!(frame.to_string().len() < 200 + 8 * bytes.len());
        let again = frame.to_bytes();
        let (header, payload) = again.split_first_chunk().expect("a header");
        let header = FrameHeader::parse(header).expect("what was written is right");
        assert_eq!(Frame::parse(header, payload), Ok(frame));
    }
    println!("{read} frames read, {refused} refused");
}
