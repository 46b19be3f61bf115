//! The error log, which goes the way of the access log: whoever has to say that
//! something went wrong does not wait for whoever reads that.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic;
use std::time::Duration;

use crate::ch02::log::{log_error, take_errors};
use crate::ch12::log_writer::LogWriter;

/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The way to standard error, as long as the server runs. When this is dropped, the last
/// lines are written.
#[must_use = "the last lines are written when it is dropped"]
pub struct ErrorLog(LogWriter);

impl ErrorLog {
    /// Starts it: what [`log_error`] says goes this way from now on, and what a thread
    /// says that panics. So many lines may wait.
    ///
    /// # Errors
    /// The system gives no thread.
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
