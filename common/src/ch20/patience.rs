//! How long a client may hold up a response. A client that takes one byte every nine seconds is
//! never silent for long, and would never come to the end.

use std::time::Duration;

/// With how many bytes a client earns a second in which it may take nothing. Over the slowest
/// connections that are still in use, more than that come in a second.
pub const SLOWEST: u32 = 240;

/// For how much longer the server waits for a client.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    left: Duration,
    most: Duration,
}

impl Patience {
    /// For so long it waits if the client takes nothing at all.
    pub fn new(most: Duration) -> Self {
        Self { left: most, most }
    }

    /// For how much longer it waits.
    pub fn left(self) -> Duration {
        self.left
    }

    /// It has waited for so long.
    pub fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }

    /// The client takes so many bytes.
    pub fn earn(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(length.into()) / SLOWEST;
        self.left = (self.left + earned).min(self.most);
    }

    /// The client has taken all there was.
    pub fn restore(&mut self) {
        self.left = self.most;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60;

    /// For how many seconds the server bears with a client that takes so many bytes every so
    /// many seconds.
    fn lasts(bytes: usize, every: u64) -> u64 {
        let mut patience = Patience::new(Duration::from_secs(10));
        for second in (0..HOUR).step_by(every as usize) {
            if patience.left() <= Duration::from_secs(every) {
                return second + patience.left().as_secs();
            }
            patience.spend(Duration::from_secs(every));
            patience.earn(bytes);
        }
        HOUR
    }

    #[test]
    fn a_client_that_takes_little_comes_to_an_end() {
        for (bytes, every, seconds) in [
            (0, 20, 10),
            (1, 9, 10),
            (1, 1, 10),
            (120, 1, 19),
            (216, 1, 91),
            (240, 1, HOUR),
            (9 * 240, 9, HOUR),
            (16 * 1024, 9, HOUR),
            (usize::MAX, 9, HOUR),
        ] {
            assert_eq!(lasts(bytes, every), seconds, "{bytes} bytes each {every} s");
        }
    }
}
