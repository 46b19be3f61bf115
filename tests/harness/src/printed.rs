//! What a program prints, read as it comes, so that the program never waits for a reader;
//! and the port that a server names in it.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the rest of a number may take that is printed without a line end.
const REST_OF_A_NUMBER: Duration = Duration::from_millis(100);

/// How much is kept, in bytes. A server that never stops printing must not take all memory.
const MOST_KEPT: usize = 16 * 1024 * 1024;

/// What stands before the port.
const LISTENING: &str = "Listening on port ";

/// What has come out of a pipe so far. Clones share it. The default is a pipe of which
/// nothing is read.
#[derive(Clone, Default)]
pub struct Printed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// When the last of them came.
    last: Option<Instant>,
    is_at_its_end: bool,
}

impl Printed {
    /// Reads a pipe to its end; where there is none, it has ended.
    pub fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let printed = Self::default();
        match pipe {
            Some(pipe) => printed.read_on_a_thread(pipe, || true),
            None => printed.end(),
        }
        printed
    }

    /// Reads a pipe. Where `reads_on`, which is asked behind the first line and may take its
    /// time, says no, the pipe is closed there.
    pub fn read_while(
        pipe: impl Read + Send + 'static,
        reads_on: impl FnOnce() -> bool + Send + 'static,
    ) -> Self {
        let printed = Self::default();
        printed.read_on_a_thread(pipe, reads_on);
        printed
    }

    fn read_on_a_thread(
        &self,
        pipe: impl Read + Send + 'static,
        reads_on: impl FnOnce() -> bool + Send + 'static,
    ) {
        let printed = self.clone();
        let mut reads_on = Some(reads_on);
        thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            while let Ok(come @ [_, ..]) = reader.fill_buf() {
                let line = come.iter().position(|&byte| byte == b'\n');
                // The first line alone is taken before it is decided about the others.
                let length = match (&reads_on, line) {
                    (Some(_), Some(end)) => end + 1,
                    _ => come.len(),
                };
                printed.add(&come[..length]);
                reader.consume(length);
                if line.is_some() && reads_on.take().is_some_and(|reads_on| !reads_on()) {
                    break;
                }
            }
            // Who waits for the end may count on it that nobody reads any more.
            drop(reader);
            printed.end();
        });
    }

    fn add(&self, bytes: &[u8]) {
        let mut state = self.state();
        let room = MOST_KEPT.saturating_sub(state.bytes.len());
        state.bytes.extend(&bytes[..bytes.len().min(room)]);
        state.last = Some(Instant::now());
        self.0.changed.notify_all();
    }

    fn end(&self) {
        self.state().is_at_its_end = true;
        self.0.changed.notify_all();
    }

    /// The port behind the first words that name one. Where nothing stands behind its
    /// digits, more of them may come: they have come when nothing more came for a moment.
    pub fn port(&self) -> Option<u16> {
        let state = self.state();
        let text = String::from_utf8_lossy(&state.bytes);
        let (_, rest) = text.split_once(LISTENING)?;
        let length = rest.find(|character: char| !character.is_ascii_digit());
        let is_whole = length.is_some()
            || state.is_at_its_end
            || state
                .last
                .is_some_and(|last| last.elapsed() > REST_OF_A_NUMBER);
        let digits = &rest[..length.unwrap_or(rest.len())];
        digits.parse().ok().filter(|_| is_whole)
    }

    /// All that has come so far.
    pub fn so_far(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// The same without the line that names the port, where that is the first.
    pub fn after_listening(&self) -> Vec<u8> {
        let bytes = self.so_far();
        match bytes.iter().position(|&byte| byte == b'\n') {
            Some(end) if bytes.starts_with(LISTENING.as_bytes()) => bytes[end + 1..].to_vec(),
            _ => bytes,
        }
    }

    /// Waits until this has come, but no longer than that, and gives all that has come then;
    /// `None` where it has not.
    pub fn wait_for(&self, time: Duration, has_come: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.state(), time, |state| !has_come(&state.bytes));
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then(|| state.bytes.clone())
    }

    /// Waits for the end of the pipe, but no longer than that, and gives all that has come.
    pub fn wait_for_end(&self, time: Duration) -> Vec<u8> {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.state(), time, |state| !state.is_at_its_end);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.bytes.clone()
    }

    /// A thread that panicked while it held the lock has left nothing half-done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_port_in_all_notations() {
        for (printed, port) in [
            ("Listening on port 8081...\n", Some(8081)),
            ("Listening on port 8081", Some(8081)),
            ("INFO: Listening on port 80, as asked\nmore", Some(80)),
            ("Listening on port 99999...\n", None),
            ("listening\n", None),
            ("", None),
        ] {
            let read = Printed::read(Some(printed.as_bytes()));
            assert_eq!(read.wait_for_end(LONG), printed.as_bytes());
            assert_eq!(read.port(), port, "{printed:?}");
        }
    }

    #[test]
    fn a_pipe_is_closed_behind_its_first_line() {
        let pipe = &b"Listening on port 80...\nmore\n"[..];
        let printed = Printed::read_while(pipe, || false);
        assert_eq!(printed.wait_for_end(LONG), b"Listening on port 80...\n");
        assert_eq!(printed.after_listening(), b"");
    }

    #[test]
    fn a_pipe_is_closed_before_its_end_is_told() {
        /// A line, and a moment that it takes to close.
        struct SlowToClose(&'static [u8], mpsc::Sender<()>);

        impl Read for SlowToClose {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }

        impl Drop for SlowToClose {
            fn drop(&mut self) {
                (0..1000).for_each(|_| thread::yield_now());
                self.1.send(()).expect("the test waits for it");
            }
        }

        let (closed, is_closed) = mpsc::channel();
        let printed = Printed::read_while(SlowToClose(b"a line\nmore\n", closed), || false);
        printed.wait_for_end(LONG);
        assert_eq!(is_closed.try_recv(), Ok(()));
    }
}
