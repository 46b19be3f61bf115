//! Tells the watchers of responses how much content the client has taken. Many responses are
//! under way, and their frames are sent in turns.

use std::collections::{BTreeMap, VecDeque};

use crate::ch09::response::Watcher;

/// For how many frames room is kept.
const KEPT: usize = 8;

/// The watchers of the responses of one connection.
#[derive(Default)]
pub struct Watchers {
    watchers: BTreeMap<u32, Box<dyn Watcher>>,
    /// What is on its way, in the order in which it is sent.
    parts: VecDeque<Part>,
    /// How many bytes have been sent, in all.
    sent: u64,
}

/// A frame of a response.
struct Part {
    stream: u32,
    /// It ends where so many bytes are sent, in all.
    end: u64,
    content: u64,
    is_last: bool,
}

impl Watchers {
    /// Adds the watcher of the response on this stream.
    pub fn add(&mut self, stream: u32, watcher: Box<dyn Watcher>) {
        self.watchers.insert(stream, watcher);
    }

    /// Takes note of a frame that ends where so many bytes lie ready, with so much content.
    pub fn note(&mut self, stream: u32, ready: usize, content: usize, is_last: bool) {
        self.parts.push_back(Part {
            stream,
            end: self.sent + ready as u64,
            content: content as u64,
            is_last,
        });
    }

    /// Drops the watcher of a response that is given up.
    pub fn give_up(&mut self, stream: u32) {
        self.watchers.remove(&stream);
    }

    /// So many bytes were sent. Gives whether some of them end a frame of a response.
    pub fn sent(&mut self, length: usize) -> bool {
        self.sent += length as u64;
        let mut any = false;
        while let Some(part) = self.parts.front()
            && part.end <= self.sent
        {
            any = true;
            if let Some(watcher) = self.watchers.get_mut(&part.stream) {
                watcher.sent(part.content);
            }
            if part.is_last {
                self.watchers.remove(&part.stream);
            }
            self.parts.pop_front();
        }
        if self.parts.is_empty() {
            self.parts.shrink_to(KEPT);
        }
        any
    }
}
