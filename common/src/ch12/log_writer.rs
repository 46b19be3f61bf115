//! A log that a thread of its own writes, so that no other thread waits for the reader of the
//! log. Where too many lines wait already, a line is lost, and counted.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::ch02::log::log_error;

/// How long lines gather before they are written together. To wake the thread for each line
/// would cost more than the response that the line is about.
const GATHER: Duration = Duration::from_millis(5);

/// How many bytes may wait in any case, so that even the longest line finds room.
const KEPT: usize = 64 * 1024;

/// How many bytes are written in one call at the most. A pipe does not mix the bytes of one
/// write with those of another up to this length (`PIPE_BUF` of Linux), so two logs may share
/// it.
const TOGETHER: usize = 4096;

/// The length of a usual line, in bytes.
pub const USUAL_LINE: usize = 128;

/// How many bytes may wait, where so many lines of the usual length may. A line may be a
/// hundred times as long, so bytes are counted and not lines.
pub fn most_bytes(most_lines: usize) -> usize {
    (most_lines * USUAL_LINE).max(KEPT)
}

/// A log. Clones share its queue and its thread.
#[derive(Clone)]
pub struct LogWriter(Arc<Writer>);

/// Tells the thread to end, after its last line, when this is dropped.
struct Writer(Arc<Shared>);

struct Shared {
    name: &'static str,
    most_bytes: usize,
    queue: Mutex<Queue>,
    /// Notified when the first line is added, when the last one is written, and when no more
    /// will be added.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    /// How many bytes are being written, and how many lines these are.
    being_written: (usize, u64),
    /// How many lines were lost, and not reported yet.
    lost: u64,
    is_over: bool,
}

impl LogWriter {
    /// Starts the thread. `name` is for messages; `most_lines` of the usual length may wait.
    ///
    /// # Errors
    /// The system cannot start the thread.
    pub fn start(
        name: &'static str,
        most_lines: usize,
        output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            name,
            most_bytes: most_bytes(most_lines),
            queue: Mutex::default(),
            changed: Condvar::new(),
        });
        let writer = Writer(Arc::clone(&shared));
        thread::Builder::new().spawn(move || write_all(&shared, output))?;
        Ok(Self(Arc::new(writer)))
    }

    /// Adds a line, with its line end. Where there is no room, the line is lost.
    pub fn add(&self, line: &[u8]) {
        let Writer(shared) = &*self.0;
        let mut queue = shared.lock();
        let before = queue.waiting.len();
        if before + queue.being_written.0 + line.len() > shared.most_bytes {
            queue.lost += count(line);
            return;
        }
        queue.waiting.extend_from_slice(line);
        drop(queue);
        // Where other lines wait already, the thread has been woken.
        if before == 0 {
            shared.changed.notify_all();
        }
    }

    /// Waits until all lines are written, for `time` at the most. Gives how many lines were
    /// lost and not reported, or are still to be written.
    pub fn finish(&self, time: Duration) -> u64 {
        let Writer(shared) = &*self.0;
        let is_busy = |queue: &mut Queue| !queue.waiting.is_empty() || queue.being_written.0 > 0;
        let waited = shared
            .changed
            .wait_timeout_while(shared.lock(), time, is_busy);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.lost + queue.being_written.1 + count(&queue.waiting)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// The lines are whole even where a thread panicked while it held the lock.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and takes all that have gathered. `false` once there will be no more.
    fn take(&self, taken: &mut Vec<u8>) -> bool {
        let is_idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.is_over;
        let waited = self.changed.wait_while(self.lock(), is_idle);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        thread::sleep(GATHER);
        let mut queue = self.lock();
        std::mem::swap(&mut queue.waiting, taken);
        queue.being_written = (taken.len(), count(taken));
        !taken.is_empty()
    }

    /// Notes that these lines have been written.
    fn some_written(&self, lines: &[u8]) {
        let mut queue = self.lock();
        queue.being_written.0 -= lines.len();
        queue.being_written.1 -= count(lines);
    }

    /// Notes that all lines taken have been written, but for `lost`. Gives how many were lost
    /// before, where the log works again and can be reported on.
    fn written(&self, lost: u64) -> u64 {
        let mut queue = self.lock();
        queue.being_written = (0, 0);
        self.changed.notify_all();
        match lost {
            0 => std::mem::take(&mut queue.lost),
            lost => {
                queue.lost += lost;
                0
            }
        }
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// What the thread does.
fn write_all(shared: &Shared, mut output: impl Write) {
    let name = shared.name;
    let mut piece = Vec::new();
    let (mut is_broken, mut is_half) = (false, false);
    while shared.take(&mut piece) {
        let mut rest = &*piece;
        let mut written = Ok(());
        if is_half {
            // The rest of a line that failed must not become the beginning of the next one.
            (_, written) = write(&mut output, b"\n");
            is_half = written.is_err();
        }
        while written.is_ok() && !rest.is_empty() {
            let length;
            (length, written) = write(&mut output, &rest[..whole_lines(rest)]);
            is_half = rest[..length].last().is_some_and(|byte| *byte != b'\n');
            shared.some_written(&rest[..length]);
            rest = &rest[length..];
        }
        if let Err(error) = &written
            && !is_broken
        {
            // Reported once, and not for each piece.
            log_error(format_args!("the {name} cannot be written: {error}"));
        }
        is_broken = written.is_err();
        if let lost @ 1.. = shared.written(count(rest)) {
            log_error(format_args!("{lost} lines of the {name} were lost"));
        }
        piece.clear();
        piece.shrink_to(KEPT);
    }
}

/// How many bytes to write in the next call: as many whole lines as fit, or one longer line.
fn whole_lines(lines: &[u8]) -> usize {
    let most = &lines[..lines.len().min(TOGETHER)];
    let end = most.iter().rposition(|byte| *byte == b'\n');
    let end = end.or_else(|| lines.iter().position(|byte| *byte == b'\n'));
    end.map_or(lines.len(), |end| end + 1)
}

/// Writes as much as it can, and gives how many bytes were written.
fn write(output: &mut impl Write, lines: &[u8]) -> (usize, io::Result<()>) {
    let mut length = 0;
    while length < lines.len() {
        match output.write(&lines[length..]) {
            Ok(0) => return (length, Err(ErrorKind::WriteZero.into())),
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (length, Err(error)),
        }
    }
    (length, output.flush())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(60);

    /// Passes on what is written to it.
    struct Reader(Sender<String>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.send(text).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes nothing until the channel is closed.
    struct Blocked(Receiver<()>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// How many of so many lines of this length are lost, where none is written.
    fn lost_of(count: usize, length: usize) -> u64 {
        let (_release, blocked) = channel();
        let lines = LogWriter::start("log", 1000, Blocked(blocked)).unwrap();
        let line = "a".repeat(length - 1) + "\n";
        for _ in 0..count {
            lines.add(line.as_bytes());
        }
        let lost = lines.0.0.lock().lost;
        assert_eq!(lines.finish(Duration::ZERO), count as u64);
        lost
    }

    #[test]
    fn lines_beyond_the_limit_are_lost_and_no_thread_waits() {
        assert_eq!(lost_of(1000, USUAL_LINE), 0);
        assert_eq!(lost_of(1010, USUAL_LINE), 10);
    }

    #[test]
    fn long_lines_take_no_more_room_than_short_ones() {
        assert_eq!(lost_of(10, USUAL_LINE * 300), 7);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (sender, written) = channel();
        let lines = LogWriter::start("log", 100, Reader(sender)).unwrap();
        drop(written);
        for _ in 0..10 {
            lines.add(b"line\n");
        }
        assert_eq!(lines.finish(LONG), 10);
    }

    #[test]
    fn the_end_waits_for_the_last_line() {
        let (sender, written) = channel();
        let lines = LogWriter::start("log", 100, Reader(sender)).unwrap();
        for _ in 0..100 {
            lines.add(b"line\n");
        }
        assert_eq!(lines.finish(LONG), 0);
        assert_eq!(written.try_iter().collect::<String>(), "line\n".repeat(100));
    }

    #[test]
    fn the_thread_ends_with_its_last_line() {
        let (sender, written) = channel();
        let lines = LogWriter::start("log", 100, Reader(sender)).unwrap();
        lines.clone().add(b"line\n");
        drop(lines);
        // The other end is dropped with the thread.
        assert_eq!(written.iter().collect::<String>(), "line\n");
    }

    #[test]
    fn lines_of_many_threads_come_whole_and_each_in_its_order() {
        let (sender, written) = channel();
        let lines = LogWriter::start("log", 100_000, Reader(sender)).unwrap();
        thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let lines = &lines;
                scope.spawn(move || {
                    for number in 0..1000 {
                        lines.add(format!("{name} {number}\n").as_bytes());
                    }
                });
            }
        });
        assert_eq!(lines.finish(LONG), 0);
        let written: String = written.try_iter().collect();
        for name in ["a", "b", "c"] {
            let of_one = written.lines().filter(|line| line.starts_with(name));
            assert!(of_one.eq((0..1000).map(|number| format!("{name} {number}"))));
        }
    }

    #[test]
    fn no_line_is_cut_for_what_keeps_little_whole() {
        let (sender, written) = channel();
        let lines = LogWriter::start("log", 10_000, Reader(sender)).unwrap();
        let line = "a".repeat(99) + "\n";
        let long = "b".repeat(2 * TOGETHER) + "\n";
        lines.add((line.repeat(100) + &long + &line).as_bytes());
        assert_eq!(lines.finish(LONG), 0);
        let pieces: Vec<String> = written.try_iter().collect();
        assert!(pieces.iter().all(|piece| piece.ends_with('\n')));
        let long = |piece: &&String| piece.len() > TOGETHER;
        assert_eq!(pieces.iter().filter(long).count(), 1);
    }

    /// Takes some lines, and then fails for good.
    #[test]
    fn what_was_written_before_it_failed_is_not_lost() {
        struct Fails(usize);

        impl Write for Fails {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let length = bytes.len().min(self.0);
                self.0 -= length;
                match length {
                    0 => Err(ErrorKind::StorageFull.into()),
                    _ => Ok(length),
                }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let lines = LogWriter::start("log", 100, Fails(12)).unwrap();
        // Two lines come out whole, and of the third its beginning.
        for lost in [0, 2, 4] {
            lines.add(b"line\nline\n");
            assert_eq!(lines.finish(LONG), lost);
        }
    }

    /// A disk that is full in the middle of a line, and then is not.
    #[test]
    fn half_a_line_does_not_take_the_next_one_with_it() {
        struct Full(Reader, usize);

        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 += 1;
                match self.1 {
                    1 => self.0.write(&bytes[..7]),
                    2 => Err(ErrorKind::StorageFull.into()),
                    _ => self.0.write(bytes),
                }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let (sender, written) = channel();
        let lines = LogWriter::start("log", 100, Full(Reader(sender), 0)).unwrap();
        lines.add(b"one\ntwo\nthree\n");
        assert_eq!(lines.finish(LONG), 2);
        lines.add(b"four\n");
        assert_eq!(lines.finish(LONG), 0);
        let written: String = written.try_iter().collect();
        assert_eq!(written, "one\ntwo\nfour\n");
    }
}
