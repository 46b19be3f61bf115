//! How many handshakes of TLS are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many handshakes may be under way at once. Each of them costs what dozens of
/// requests cost. One client may not have so many connections that it takes all of them
/// ([`Limits`](crate::ch12::limits::Limits)).
pub const HANDSHAKES: usize = 384;

/// A handshake under way, counted until this is dropped.
pub struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    /// Begins with one; `None` where too many are under way.
    pub fn begin(guard: &Arc<AtomicUsize>) -> Option<Self> {
        // Counted first and looked at then, so that two at once do not both get in.
        let handshake = Self(Arc::clone(guard));
        let before = guard.fetch_add(1, Ordering::Relaxed);
        (before < HANDSHAKES).then_some(handshake)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
