//! Who is let go without a word, and who is told why.

use crate::ch02::error::RequestError;
use crate::ch10::connection::Connection;
use crate::ch10::request_reader::Refused;
use crate::ch10::states::{Ending, KeepAlive, Reading};
use crate::ch10::wait::Wait;

impl Connection {
    /// Lets go a client from whom nothing more will come, or nothing in time: without
    /// a word where it has not begun with a request.
    pub(crate) fn give_up(&mut self) {
        let is_late = matches!(self.waits_for(), Wait::ToRead(until) if self.now >= until);
        if self.reader.is_idle() {
            let ending = match (self.keep_alive, self.reading) {
                // Another request may be on its way to a server that closes by itself.
                (KeepAlive::FinishAfterCurrent, _) => Ending::Linger,
                (_, Reading::Ended) => Ending::Close,
                _ if is_late => Ending::Close,
                _ => return,
            };
            (self.keep_alive, self.since) = (KeepAlive::Over(ending), self.now);
            return;
        }
        let error = match self.reading {
            Reading::Ended => RequestError::new("400 Bad Request", "the request ends early"),
            Reading::Open if is_late => {
                RequestError::new("408 Request Timeout", "the request did not come in time")
            }
            Reading::Open => return,
        };
        self.refuse(self.reader.refused(error));
    }

    /// Answers what is no request, where that was not answered before. Nobody can tell
    /// any more where the next one begins, so it is the last.
    pub(crate) fn refuse(&mut self, refused: Refused) {
        self.keep_alive = KeepAlive::Over(Ending::Linger);
        (self.since, self.moved) = (self.now, self.now);
        if !self.reader.head_was_taken() {
            self.send(refused.response(), None, refused.is_head == Some(true));
            self.refusal = Some(refused.error);
        }
    }

    /// Why a request was refused, until it is taken; for the log.
    pub fn refusal(&self) -> Option<&RequestError> {
        self.refusal.as_ref()
    }

    /// Takes it.
    pub fn take_refusal(&mut self) -> Option<RequestError> {
        self.refusal.take()
    }
}
