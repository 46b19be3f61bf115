//! Counts the TLS handshakes that are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many handshakes may be under way at once. Each costs as much as dozens of requests.
/// One address may not have so many connections that it could take all of them
/// ([`Limits`](crate::ch12::limits::Limits)).
pub const HANDSHAKES: usize = 384;

/// A handshake under way, counted until this is dropped.
pub struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    /// Begins a handshake, and adds it to this count; `None` where too many are under way.
    pub fn begin(count: &Arc<AtomicUsize>) -> Option<Self> {
        // It counts first and compares then. Otherwise two at once could both take the last.
        let handshake = Self(Arc::clone(count));
        let before = count.fetch_add(1, Ordering::Relaxed);
        (before < HANDSHAKES).then_some(handshake)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
