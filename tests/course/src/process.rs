//! What was started here, and is stopped again whatever ends the course.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio, exit};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use harness::Signal;
use harness::printed::Printed;
use process_wrap::std::{ChildWrapper, CommandWrap};

use crate::CannotCheck;
use crate::left_behind::Mark;

/// How long a server that has closed a connection without an answer may take to
/// die of it.
pub const DEATH_TIMEOUT: Duration = Duration::from_millis(300);

/// How long it may take until all has come that was printed by a server that has died.
/// Only where something that it started still has its output does it take that long.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);

/// How often is looked whether it has ended.
const TICK: Duration = Duration::from_millis(10);

/// The places of all processes, so that Ctrl-C can stop them too.
static PLACES: Mutex<Vec<Weak<Mutex<Option<Process>>>>> = Mutex::new(Vec::new());

/// Whether everything is being stopped, so that nothing new may start.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// How many commands run.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Programs that were started beside it, with no children of their own.
static PROGRAMS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// How often it is tried to remove a folder.
const REMOVALS: usize = 200;

/// Folders that go when the course ends, whatever ends it.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes a folder also where Ctrl-C ends the course, and who made it cannot.
pub fn remove_at_the_end(folder: &Path) {
    let mut folders = lock(&FOLDERS);
    folders.retain(|folder| folder.exists());
    folders.push(folder.to_owned());
}

/// Whether everything is being stopped.
pub fn is_stopping() -> bool {
    STOPPING.load(Ordering::SeqCst)
}

/// Keeps a program that was started, so that it is stopped whatever ends the
/// course.
pub fn keep(program: Child) {
    lock(&PROGRAMS).push(program);
}

/// Whether a program that is kept has not ended by itself.
pub fn is_running(id: u32) -> bool {
    let mut programs = lock(&PROGRAMS);
    let program = programs.iter_mut().find(|program| program.id() == id);
    program.is_some_and(|program| matches!(program.try_wait(), Ok(None)))
}

/// Stops all programs that are kept.
pub fn stop_programs() {
    for mut program in lock(&PROGRAMS).drain(..) {
        let _ = program.kill();
        let _ = program.wait();
    }
}

/// Stops all that was started and ends the course.
pub fn stop_all(code: i32) -> ! {
    STOPPING.store(true, Ordering::SeqCst);
    for place in lock(&PLACES).iter().filter_map(Weak::upgrade) {
        drop(lock(&place).take());
    }
    stop_programs();
    for folder in lock(&FOLDERS).drain(..) {
        // Another thread may have been about to put something into it.
        let mut tries = 0;
        while fs::remove_dir_all(&folder).is_err() && folder.exists() && tries < REMOVALS {
            thread::sleep(TICK);
            tries += 1;
        }
    }
    exit(code)
}

/// Waits for the end, where everything is being stopped: what has gone wrong since is what
/// the stopping did, and the exit code is for the thread that stops.
pub fn wait_if_all_is_stopped() {
    while STOPPING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Makes Ctrl-C stop what was started. A command gets a process group of its own,
/// so that all of it can be stopped, and what the terminal sends does not reach
/// that group by itself.
pub fn stop_on_ctrl_c() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| stop_all(130))
}

/// A place for one process. What stands there is stopped, with its children, when
/// the place is dropped.
pub struct Place {
    process: Arc<Mutex<Option<Process>>>,
}

impl Place {
    pub fn new() -> Self {
        let process = Arc::new(Mutex::new(None));
        let mut places = lock(&PLACES);
        places.retain(|place| place.strong_count() > 0);
        places.push(Arc::downgrade(&process));
        Self { process }
    }

    /// What stands there.
    pub fn process(&self) -> MutexGuard<'_, Option<Process>> {
        lock(&self.process)
    }

    /// Stops what stands there, and starts a command in its place.
    pub fn start(&self, command: Command) -> Result<(), CannotCheck> {
        let mut process = self.process();
        // The old one is stopped before the new one wants its port.
        drop(process.take());
        if is_stopping() {
            return Err(CannotCheck("everything is being stopped".to_owned()));
        }
        *process = Some(Process::start(command)?);
        Ok(())
    }

    /// Stops what stands there, and gives how those processes were called that it had
    /// left behind, and that were ended with it.
    pub fn stop(&self) -> BTreeSet<String> {
        let process = self.process().take();
        process.map_or_else(BTreeSet::new, |mut process| process.stop())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A command that was started.
pub struct Process {
    child: Box<dyn ChildWrapper>,
    pub output: Printed,
    pub errors: Printed,
    is_told_to_stop: bool,
    mark: Mark,
    is_over: bool,
}

impl Process {
    fn start(mut command: Command) -> Result<Self, CannotCheck> {
        let program = command.get_program().to_string_lossy().into_owned();
        command
            // Python holds back what it prints into a pipe, and with it the port.
            .env("PYTHONUNBUFFERED", "1")
            // Last words are few lines, and should not be those of a backtrace.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mark = Mark::put_on(&mut command);
        let mut command = CommandWrap::from(command);
        #[cfg(unix)]
        command.wrap(process_wrap::std::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::std::JobObject);
        let mut child = command
            .spawn()
            .map_err(|error| CannotCheck(format!("cannot start `{program}`: {error}")))?;
        RUNNING.fetch_add(1, Ordering::SeqCst);
        let output = Printed::read(child.stdout().take());
        let errors = Printed::read(child.stderr().take());
        Ok(Self {
            child,
            output,
            errors,
            is_told_to_stop: false,
            mark,
            is_over: false,
        })
    }

    /// The port that it says it listens on, to whichever of its outputs.
    pub fn port(&self) -> Option<u16> {
        self.output.port().or_else(|| self.errors.port())
    }

    /// Whether a process of that number is this one, or was started by it.
    pub fn owns(&self, process: u32) -> bool {
        self.child.id() == process || self.mark.is_on(process)
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.try_wait(), Ok(None))
    }

    /// How it ended, where that is known.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.try_wait().ok().flatten()
    }

    /// How the command itself ended, whatever of its group has not.
    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        #[cfg(unix)]
        return self.child.inner_mut().try_wait();
        #[cfg(not(unix))]
        return self.child.try_wait();
    }

    /// Asks it to stop, or, where there are no signals, ends it. To ask twice could end
    /// what one asks at once.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn tell_to_stop(&mut self) -> io::Result<()> {
        if mem::replace(&mut self.is_told_to_stop, true) {
            return Ok(());
        }
        #[cfg(unix)]
        self.child.signal(Signal::SIGTERM as i32)?;
        #[cfg(not(unix))]
        self.child.start_kill()?;
        Ok(())
    }

    /// Does the same, and waits until it has ended.
    ///
    /// # Errors
    /// It cannot be asked, or has not ended in time.
    pub fn ask_to_stop(&mut self, time: Duration) -> io::Result<()> {
        self.tell_to_stop()?;
        let deadline = Instant::now() + time;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Stops it with its children, and gives how those processes were called that had
    /// left its group and were ended too.
    pub fn stop(&mut self) -> BTreeSet<String> {
        if mem::replace(&mut self.is_over, true) {
            return BTreeSet::new();
        }
        // A group whose leader has ended may have members that have not.
        let _ = self.child.start_kill();
        let _ = self.child.wait();
        let is_last = RUNNING.fetch_sub(1, Ordering::SeqCst) == 1;
        self.mark.end_all(is_last)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// All that was printed by a command that has ended.
pub fn all(printed: &Printed) -> String {
    let bytes = printed.wait_for_end(LAST_WORDS_TIMEOUT);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last lines of a command that has ended, as the end of a sentence.
pub fn last_lines(printed: &Printed, count: usize) -> String {
    let text = all(printed);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !is_cargos(line))
        .filter(|line| !line.starts_with(ADVICE))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let last: Vec<String> = lines[lines.len().saturating_sub(count)..]
        .iter()
        .map(|line| format!("\n    {line}"))
        .collect();
    format!("; its last words:{}", last.concat())
}

/// What Rust says after each panic, whatever it was.
const ADVICE: &str = "note: run with `RUST_BACKTRACE=1`";

/// Whether this is what `cargo run` says of its building, and not the server.
fn is_cargos(line: &str) -> bool {
    const VERBS: [&str; 5] = ["Compiling", "Finished", "Running", "Blocking", "Building"];
    let (verb, rest) = line.trim_start().split_once(' ').unwrap_or((line, ""));
    // cargo sets its verbs flush right, in twelve columns.
    VERBS.contains(&verb) && line.len() - rest.len() == 13
}

/// A thread that panicked while it held the lock has left nothing half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
