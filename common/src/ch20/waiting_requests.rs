//! The requests of a connection that are not answered yet: what they may take, and the queue of
//! those that have come whole.

use crate::ch20::open_stream::Ready;
use crate::ch20::receive_window::STREAM_WINDOW;
use crate::ch20::request_body::RequestBody;
use crate::ch20::stream_table::StreamTable;

/// How much these requests may take together, in bytes: fields, and the beginnings of bodies. A
/// hundred requests of a browser take less than half of that.
const MOST_KEPT: usize = 512 * 1024;

impl StreamTable {
    /// Takes note of how large the fields are that a stream keeps. In memory they take up to
    /// twice that, in buffers that double.
    pub fn keep(&mut self, id: u32, fields: usize) {
        if let Some(stream) = self.get_mut(id) {
            let body = stream.body().map_or(0, RequestBody::most);
            stream.kept = 2 * fields + body.min(STREAM_WINDOW as usize);
        }
    }

    /// Whether no further request is taken before some of these are answered.
    pub fn keeps_too_much(&self) -> bool {
        let kept: usize = self.iter().map(|(_, stream)| stream.kept).sum();
        kept >= MOST_KEPT
    }

    /// Adds a request that waits for its response.
    pub fn add_ready(&mut self, ready: Ready) {
        self.ready.push_back(Box::new(ready));
    }

    /// Lets requests wait although they have come whole, or not any more. All other frames are
    /// taken meanwhile: they may open the windows that the responses before wait for.
    pub fn hold_requests(&mut self, holds: bool) {
        self.holds_requests = holds;
    }

    /// The next one that is to be answered.
    pub fn take_ready(&mut self) -> Option<Ready> {
        if self.holds_requests {
            return None;
        }
        let ready = self.ready.pop_front()?;
        if let Some(stream) = self.get_mut(ready.stream) {
            stream.kept = 0;
        }
        Some(*ready)
    }
}
