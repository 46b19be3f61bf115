//! How far an exchange has got: what a client has asked for, and what of it has come.

use std::collections::BTreeMap;

use super::frame::{Frame, Payload, Piece};
use super::names::{flags, kinds};

/// What has come over one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many SETTINGS of the server's own.
    pub settings: usize,
    /// How many acknowledgements of SETTINGS.
    pub settings_acks: usize,
    /// How many acknowledgements of PING.
    pub ping_acks: usize,
    /// Of each stream, what has come of its answer.
    pub streams: BTreeMap<u32, Answered>,
    /// Whether the server says that it takes no more streams than up to this one.
    pub last_stream: Option<u32>,
}

/// What has come of the answer over one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// How many field sections.
    pub sections: usize,
    /// How many bytes of the body.
    pub body: usize,
    /// Whether nothing more will come.
    pub has_ended: bool,
}

impl Progress {
    /// What these pieces of a server are.
    pub fn of<'a>(pieces: impl IntoIterator<Item = &'a Piece>) -> Self {
        let mut progress = Self::default();
        for piece in pieces {
            if let Piece::Frame(frame) = piece {
                progress.count(frame);
            }
        }
        progress
    }

    fn count(&mut self, frame: &Frame) {
        match &frame.payload {
            Payload::Settings(_) if frame.has(flags::ACK) => self.settings_acks += 1,
            Payload::Settings(_) => self.settings += 1,
            Payload::Ping(_) if frame.has(flags::ACK) => self.ping_acks += 1,
            Payload::GoAway { last, .. } => self.last_stream = Some(*last),
            Payload::RstStream(_) => self.stream(frame).has_ended = true,
            Payload::Data(data) => self.stream(frame).body += data.len(),
            Payload::Headers { .. } | Payload::Continuation(_) if frame.has(flags::END_HEADERS) => {
                self.stream(frame).sections += 1;
            }
            _ => {}
        }
        if frame.ends_stream() {
            self.stream(frame).has_ended = true;
        }
    }

    fn stream(&mut self, frame: &Frame) -> &mut Answered {
        self.streams.entry(frame.stream).or_default()
    }

    /// Whether all has come that these pieces of a client ask for: the server's SETTINGS,
    /// each acknowledgement, and the whole answer to each request whose end was sent.
    pub fn answers(&self, sent: &[Piece]) -> bool {
        let frames = || {
            sent.iter().filter_map(|piece| match piece {
                Piece::Frame(frame) => Some(frame),
                _ => None,
            })
        };
        let own = |kind| {
            let of_kind = frames().filter(|frame| frame.kind == kind && !frame.has(flags::ACK));
            of_kind.count()
        };
        let is_answered = |stream| {
            let answered = self.streams.get(&stream);
            answered.is_some_and(|answered| answered.has_ended)
        };
        let ended = frames().filter(|frame| frame.ends_stream());
        self.settings > 0
            && self.settings_acks >= own(kinds::SETTINGS)
            && self.ping_acks >= own(kinds::PING)
            && ended.into_iter().all(|frame| {
                is_answered(frame.stream)
                    || self.last_stream.is_some_and(|last| last < frame.stream)
            })
    }

    /// Whether as much has come as in that other one.
    pub fn reaches(&self, other: &Self) -> bool {
        let over = self.last_stream.is_some();
        self.settings >= other.settings
            && self.settings_acks >= other.settings_acks
            && self.ping_acks >= other.ping_acks
            && (over || other.last_stream.is_none())
            && other.streams.iter().all(|(number, wanted)| {
                let came = self.streams.get(number).copied().unwrap_or_default();
                came.has_ended
                    || !wanted.has_ended
                        && came.sections >= wanted.sections
                        && came.body >= wanted.body
                    || self.last_stream.is_some_and(|last| last < *number)
            })
    }
}
