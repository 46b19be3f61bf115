//! How a connection ends early: without a response, or with the reason.

use crate::ch02::error::RequestError;
use crate::ch10::connection::Connection;
use crate::ch10::request_reader::Refused;
use crate::ch10::states::{Ending, KeepAlive, Reading};
use crate::ch10::wait::Wait;

impl Connection {
    /// Ends the connection if the client will send nothing more, or has not sent it in
    /// time. A client that has not begun a request gets no response.
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

    /// Answers what is not a request, unless its response was sent before. Where the next
    /// request begins is unknown from here on, so this response is the last.
    pub(crate) fn refuse(&mut self, refused: Refused) {
        self.keep_alive = KeepAlive::Over(Ending::Linger);
        (self.since, self.moved) = (self.now, self.now);
        if !self.reader.head_was_taken() {
            self.send(refused.response(), None, refused.is_head == Some(true));
            self.refusal = Some(refused.error);
        }
    }

    /// Why a request was refused, until [`Connection::take_refusal`] takes it; for the log.
    pub fn refusal(&self) -> Option<&RequestError> {
        self.refusal.as_ref()
    }

    /// Takes the reason for a refusal, so that it is logged once.
    pub fn take_refusal(&mut self) -> Option<RequestError> {
        self.refusal.take()
    }
}
