//! What the frames of one client have cost so far.

use std::time::Instant;

use crate::ch18::header::{FrameHeader, flag, kind};
use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch21::budget::{Budget, FloodLimit};
use crate::ch21::flood_limits::{
    HEADERS, IGNORED, LAST_HEADERS, MAX_CONTINUATIONS, PINGS, RESETS, SETTINGS, SMALL_DATA,
    SMALL_DATAS, WINDOW_UPDATES,
};

/// The budgets of one connection.
pub struct FloodGuard {
    resets: Budget,
    headers: Budget,
    /// `None` before the client was told that the connection ends.
    last_headers: Option<Budget>,
    pings: Budget,
    settings: Budget,
    ignored: Budget,
    small_datas: Budget,
    window_updates: Budget,
    /// How many CONTINUATION frames the field block has.
    continuations: usize,
    /// How many bodies may still have a short end.
    bodies: usize,
}

impl FloodGuard {
    /// A connection over which nothing has come.
    pub fn new(now: Instant) -> Self {
        let budget = |limit: &'static FloodLimit| Budget::new(limit, now);
        Self {
            resets: budget(&RESETS),
            headers: budget(&HEADERS),
            last_headers: None,
            pings: budget(&PINGS),
            settings: budget(&SETTINGS),
            ignored: budget(&IGNORED),
            small_datas: budget(&SMALL_DATAS),
            window_updates: budget(&WINDOW_UPDATES),
            continuations: 0,
            bodies: 0,
        }
    }

    /// Counts a frame that the client has sent.
    ///
    /// # Errors
    /// ENHANCE_YOUR_CALM for the connection if it is one too many.
    pub fn take(&mut self, frame: &FrameHeader, now: Instant) -> Result<(), Http2Error> {
        let budget = match frame.kind {
            kind::HEADERS => {
                self.continuations = 0;
                self.bodies += usize::from(!frame.has(flag::END_STREAM));
                if let Some(last_headers) = &mut self.last_headers {
                    spend(last_headers, 1, now)?;
                }
                &mut self.headers
            }
            kind::CONTINUATION if self.continuations == MAX_CONTINUATIONS => {
                return Err(too_much("a field block has too many CONTINUATION frames"));
            }
            kind::CONTINUATION => {
                self.continuations += 1;
                return Ok(());
            }
            kind::DATA if !is_small(frame) || self.is_end(frame) => return Ok(()),
            kind::DATA => &mut self.small_datas,
            kind::RST_STREAM => &mut self.resets,
            kind::SETTINGS => &mut self.settings,
            kind::PING => &mut self.pings,
            kind::WINDOW_UPDATE => &mut self.window_updates,
            _ => &mut self.ignored,
        };
        spend(budget, 1, now)
    }

    /// Whether this DATA ends a body: each may have an end that is short, and one.
    fn is_end(&mut self, frame: &FrameHeader) -> bool {
        let is_end = frame.has(flag::END_STREAM) && self.bodies > 0;
        self.bodies -= usize::from(is_end);
        is_end
    }

    /// Counts streams that the server had to reset.
    ///
    /// # Errors
    /// As [`FloodGuard::take`].
    pub fn take_resets(&mut self, streams: u64, now: Instant) -> Result<(), Http2Error> {
        spend(&mut self.resets, streams, now)
    }

    /// The client is told that the connection ends.
    pub fn note_last_call(&mut self, now: Instant) {
        self.last_headers
            .get_or_insert_with(|| Budget::new(&LAST_HEADERS, now));
    }

    /// A request was answered.
    pub fn note_answer(&mut self) {
        self.each(Budget::note_answer);
    }

    /// The client has taken so many bytes.
    pub fn note_sent(&mut self, length: usize) {
        self.each(|budget| budget.note_sent(length));
    }

    fn each(&mut self, note: impl Fn(&mut Budget)) {
        [
            &mut self.resets,
            &mut self.headers,
            &mut self.pings,
            &mut self.settings,
            &mut self.ignored,
            &mut self.small_datas,
            &mut self.window_updates,
        ]
        .into_iter()
        .for_each(note);
    }
}

/// Whether a DATA frame costs more than it brings.
fn is_small(frame: &FrameHeader) -> bool {
    frame.length < SMALL_DATA || frame.has(flag::PADDED)
}

fn spend(budget: &mut Budget, events: u64, now: Instant) -> Result<(), Http2Error> {
    match budget.spend(events, now) {
        true => Ok(()),
        false => Err(too_much(budget.problem())),
    }
}

fn too_much(problem: &'static str) -> Http2Error {
    Http2Error::connection(ErrorCode::ENHANCE_YOUR_CALM, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn frame(kind: u8, length: usize, flags: u8) -> FrameHeader {
        FrameHeader {
            length,
            kind,
            flags,
            stream: 1,
        }
    }

    /// How many of these frames are taken at once, and why the next is not.
    fn taken(guard: &mut FloodGuard, frame: FrameHeader, now: Instant) -> (usize, &'static str) {
        let most = 10_000;
        for count in 0..most {
            if let Err(error) = guard.take(&frame, now) {
                assert_eq!(error.code, ErrorCode::ENHANCE_YOUR_CALM);
                assert_eq!(error.stream, None);
                return (count, error.problem);
            }
        }
        (most, "")
    }

    #[test]
    fn each_flood_comes_to_its_end() {
        let now = Instant::now();
        for (frame, expected) in [
            (frame(kind::HEADERS, 9, 0), (500, HEADERS.problem)),
            (frame(kind::RST_STREAM, 4, 0), (200, RESETS.problem)),
            (frame(kind::PING, 8, 0), (100, PINGS.problem)),
            (frame(kind::PING, 8, flag::ACK), (100, PINGS.problem)),
            (frame(kind::SETTINGS, 0, 0), (50, SETTINGS.problem)),
            (frame(kind::SETTINGS, 0, flag::ACK), (50, SETTINGS.problem)),
            (frame(kind::PRIORITY, 5, 0), (200, IGNORED.problem)),
            (frame(0xfa, 0, 0), (200, IGNORED.problem)),
            (frame(kind::GOAWAY, 8, 0), (200, IGNORED.problem)),
            (frame(kind::DATA, 0, 0), (100, SMALL_DATAS.problem)),
            (frame(kind::DATA, 63, 0), (100, SMALL_DATAS.problem)),
            (
                frame(kind::DATA, 255, flag::PADDED),
                (100, SMALL_DATAS.problem),
            ),
            (frame(kind::DATA, 64, 0), (10_000, "")),
            (
                frame(kind::DATA, 0, flag::END_STREAM),
                (100, SMALL_DATAS.problem),
            ),
            (
                frame(kind::WINDOW_UPDATE, 4, 0),
                (400, WINDOW_UPDATES.problem),
            ),
            (
                frame(kind::CONTINUATION, 0, 0),
                (16, "a field block has too many CONTINUATION frames"),
            ),
        ] {
            let mut guard = FloodGuard::new(now);
            assert_eq!(taken(&mut guard, frame, now), expected, "{frame:?}");
        }
    }

    #[test]
    fn each_body_may_have_a_short_end() {
        let now = Instant::now();
        let mut guard = FloodGuard::new(now);
        for _ in 0..400 {
            guard.take(&frame(kind::HEADERS, 9, 0), now).unwrap();
        }
        guard
            .take(&frame(kind::HEADERS, 9, flag::END_STREAM), now)
            .unwrap();
        let ends = taken(&mut guard, frame(kind::DATA, 0, flag::END_STREAM), now);
        assert_eq!(ends, (500, SMALL_DATAS.problem));
    }

    #[test]
    fn resets_of_both_sides_count_together() {
        let now = Instant::now();
        let mut guard = FloodGuard::new(now);
        guard.take_resets(150, now).unwrap();
        let rest = taken(&mut guard, frame(kind::RST_STREAM, 4, 0), now);
        assert_eq!(rest, (50, RESETS.problem));
    }

    #[test]
    fn half_of_the_streams_may_be_reset_and_no_more() {
        let now = Instant::now();
        let mut guard = FloodGuard::new(now);
        for _ in 0..100_000 {
            guard.note_answer();
            guard.note_answer();
            guard.take_resets(1, now).unwrap();
        }
        let all = (0..).find(|_| {
            guard.note_answer();
            guard.take_resets(1, now).is_err()
        });
        assert_eq!(all, Some(398));
    }

    #[test]
    fn after_the_last_call_only_a_few_requests_come() {
        let now = Instant::now();
        let mut guard = FloodGuard::new(now);
        guard.note_last_call(now);
        for _ in 0..200 {
            guard.take(&frame(kind::HEADERS, 9, 0), now).unwrap();
            guard.note_answer();
            guard.note_last_call(now);
        }
        let error = guard.take(&frame(kind::HEADERS, 9, 0), now).unwrap_err();
        assert_eq!(error.problem, LAST_HEADERS.problem);
    }

    /// Twenty requests a second, of which five are given up, with downloads, uploads and all
    /// else that clients send.
    #[test]
    fn a_client_that_behaves_well_for_three_days_meets_no_limit() {
        let began = Instant::now();
        let mut guard = FloodGuard::new(began);
        for second in 0..3 * 24 * 60 * 60 {
            let now = began + Duration::from_secs(second);
            let mut take = |kind, count| {
                for _ in 0..count {
                    guard.take(&frame(kind, 20, 0), now).unwrap();
                }
            };
            take(kind::HEADERS, 20);
            take(kind::CONTINUATION, 8);
            take(kind::RST_STREAM, 5);
            take(kind::PRIORITY, 20);
            take(0xfa, 20);
            take(kind::DATA, 50);
            take(kind::WINDOW_UPDATE, 100);
            take(kind::PING, 5);
            take(kind::SETTINGS, i32::from(second % 60 == 0));
            guard.take_resets(2, now).unwrap();
            for _ in 0..15 {
                guard.note_answer();
            }
            guard.note_sent(64 * 1024);
        }
    }
}
