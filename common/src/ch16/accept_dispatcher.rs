//! How connections come to the loops: one loop accepts for all, and hands each session to the
//! loop whose turn it is.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use crate::ch15::acceptor::Acceptor;
use crate::ch15::poller::{PollWaker, Poller};
use crate::ch15::session::Session;

/// The acceptor, and the handles of all loops. A loop whose handle has been dropped knows
/// that no more sessions come, and ends once its own have ended.
pub struct AcceptDispatcher<'a> {
    acceptor: Acceptor<'a>,
    /// The handle of the loop whose turn it is comes first.
    handles: Vec<LoopHandle>,
}

impl<'a> AcceptDispatcher<'a> {
    /// Accepts connections for all of these loops in turn. The first of them runs it.
    pub fn new(acceptor: Acceptor<'a>, handles: Vec<LoopHandle>) -> Self {
        if let Some(first) = handles.first() {
            let waker = first.waker.clone();
            acceptor.shutdown().on_request(move || waker.wake());
        }
        Self { acceptor, handles }
    }

    /// Lets a poller watch the listener.
    ///
    /// # Errors
    /// The system refuses.
    pub fn register(&mut self, poller: &Poller) -> std::io::Result<()> {
        self.acceptor.register(poller)
    }

    /// Whether the server is to stop.
    pub fn is_closing(&self) -> bool {
        self.acceptor.shutdown().is_requested()
    }

    /// Hands the connections that wait to be accepted to the loops, and says when to look
    /// again, as [`Acceptor::accept`] does.
    ///
    /// # Errors
    /// One of the loops has ended, and its sessions with it. The others should not go on as
    /// if nothing had happened.
    pub fn accept(&mut self) -> anyhow::Result<Option<Instant>> {
        let Self { acceptor, handles } = self;
        let mut handed_over = Ok(());
        let again = acceptor.accept(|session| {
            if let Err(error) = handles[0].hand_over(session) {
                handed_over = Err(error);
            }
            handles.rotate_left(1);
        });
        handed_over.map(|()| again)
    }
}

/// Hands sessions to a loop. When it is dropped, it wakes the loop, which then finishes.
pub struct LoopHandle {
    /// `None` while it is being dropped.
    sessions: Option<Sender<Session>>,
    waker: PollWaker,
}

impl LoopHandle {
    /// A handle, and the receiver of the sessions that are handed over.
    pub fn new(waker: PollWaker) -> (Self, Receiver<Session>) {
        let (sessions, handed_over) = channel();
        let handle = Self {
            sessions: Some(sessions),
            waker,
        };
        (handle, handed_over)
    }

    /// Hands a session over.
    ///
    /// # Errors
    /// The loop has ended.
    pub fn hand_over(&self, session: Session) -> anyhow::Result<()> {
        let sent = (self.sessions.as_ref()).is_some_and(|to| to.send(session).is_ok());
        anyhow::ensure!(sent, "a loop has ended");
        self.waker.wake();
        Ok(())
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        // The sender goes first. Otherwise the loop could wake and find it still there.
        self.sessions = None;
        self.waker.wake();
    }
}
