//! The error log, written like the access log: a thread that reports an error does not wait for
//! the reader of standard error.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic;
use std::time::Duration;

use crate::ch02::log::{log_error, take_errors};
use crate::ch12::log_writer::LogWriter;

/// How long it may take to write the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The error log, on standard error. When this is dropped, the last lines are written.
#[must_use = "the last lines are written when it is dropped"]
pub struct ErrorLog(LogWriter);

impl ErrorLog {
    /// Starts it. From now on it takes the lines of [`log_error`], and the message of a thread
    /// that panics. `most_lines` of the usual length may wait.
    ///
    /// # Errors
    /// The system cannot start the thread.
    pub fn start(most_lines: usize) -> io::Result<Self> {
        let lines = LogWriter::start("error log", most_lines, io::stderr())?;
        let errors = lines.clone();
        take_errors(move |line| errors.add(line.as_bytes()));
        panic::set_hook(Box::new(|panic| {
            let trace = Backtrace::capture();
            match trace.status() {
                BacktraceStatus::Captured => log_error(format_args!("{panic}\n{trace}")),
                _ => log_error(panic),
            }
        }));
        Ok(Self(lines))
    }
}

impl Drop for ErrorLog {
    fn drop(&mut self) {
        self.0.finish(LAST_LINES);
    }
}
