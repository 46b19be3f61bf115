//! Processes that a command leaves behind: those that have left its process group, as a
//! daemon does, and would outlive it. They are found where the system is Linux.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The environment variable that a command is started with, and all that it starts.
const VARIABLE: &str = "STARTED_BY_COURSE";

/// What tells the processes of one command from all others.
pub struct Mark(String);

impl Mark {
    /// Marks a command that is about to be started.
    pub fn put_on(command: &mut Command) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());
        command.env(VARIABLE, &mark);
        Self(mark)
    }

    /// Whether a process of that number was started by the command.
    pub fn is_on(&self, process: u32) -> bool {
        system::is_marked(process, &self.variable())
    }

    fn variable(&self) -> String {
        format!("{VARIABLE}={}", self.0)
    }

    /// Ends all that the command has left behind, and gives how each was called. A process
    /// that has thrown its environment away cannot be told from those of other commands:
    /// it is ended where `is_last` says that no other command runs.
    pub fn end_all(&self, is_last: bool) -> BTreeSet<String> {
        system::end_all(&self.variable(), is_last)
    }
}

pub use system::adopt_orphans;

#[cfg(target_os = "linux")]
mod system {
    use std::collections::BTreeSet;
    use std::fs;
    use std::process;
    use std::thread;
    use std::time::Duration;

    use nix::sys::prctl::set_child_subreaper;
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{WaitPidFlag, waitpid};
    use nix::unistd::{Pid, getsid};

    /// How often is looked whether there are more, which those that were found have
    /// started meanwhile.
    const ROUNDS: usize = 200;
    const TICK: Duration = Duration::from_millis(5);

    /// How much of a process's name is shown, in characters.
    const SHOWN: usize = 60;

    /// Makes this process the parent of all whose own parent has ended, in place of the
    /// system's first process.
    pub fn adopt_orphans() {
        // Where the system refuses, a mark still finds them.
        let _ = set_child_subreaper(true);
    }

    pub fn end_all(mark: &str, is_last: bool) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for _ in 0..ROUNDS {
            let all = all();
            let living: Vec<&Found> = all
                .iter()
                .filter(|found| !found.has_ended)
                .filter(|found| found.is_marked(mark) || is_last && found.is_adopted())
                .collect();
            for found in &living {
                names.extend(found.name());
                let _ = kill(found.id, Signal::SIGKILL);
            }
            if living.is_empty() {
                for ended in all.iter().filter(|found| found.is_adopted()) {
                    let _ = waitpid(ended.id, Some(WaitPidFlag::WNOHANG));
                }
                break;
            }
            thread::sleep(TICK);
        }
        names
    }

    /// Whether a process was started with this in its environment.
    pub fn is_marked(id: u32, mark: &str) -> bool {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let mut variables = environment.split(|&byte| byte == 0);
        variables.any(|variable| variable == mark.as_bytes())
    }

    /// A process that runs, or has ended and waits for its parent to notice.
    struct Found {
        id: Pid,
        has_ended: bool,
        parent: Pid,
        session: Pid,
    }

    /// All processes.
    fn all() -> Vec<Found> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(Found::look)
            .collect()
    }

    impl Found {
        fn look(id: i32) -> Option<Self> {
            let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // The name in front may hold spaces and brackets of its own.
            let (_, rest) = line.rsplit_once(") ")?;
            let mut words = rest.split(' ');
            let has_ended = matches!(words.next()?, "Z" | "X");
            let mut number = || Some(Pid::from_raw(words.next()?.parse().ok()?));
            let (parent, _group, session) = (number()?, number()?, number()?);
            Some(Self {
                id: Pid::from_raw(id),
                has_ended,
                parent,
                session,
            })
        }

        fn is_marked(&self, mark: &str) -> bool {
            u32::try_from(self.id.as_raw()).is_ok_and(|id| is_marked(id, mark))
        }

        /// Whether it is a child of this process that was not started by it: nothing here
        /// begins a session.
        fn is_adopted(&self) -> bool {
            let is_child = i32::try_from(process::id()).is_ok_and(|id| self.parent.as_raw() == id);
            is_child && getsid(None).is_ok_and(|own| self.session != own)
        }

        /// The command that it was started with.
        fn name(&self) -> Option<String> {
            let words = fs::read(format!("/proc/{}/cmdline", self.id)).ok()?;
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            let shown: String = words.trim_end().chars().take(SHOWN).collect();
            (!shown.is_empty()).then_some(shown)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::collections::BTreeSet;

    /// Nothing tells here what has left the group of a command.
    pub fn adopt_orphans() {}

    pub fn is_marked(_: u32, _: &str) -> bool {
        false
    }

    pub fn end_all(_: &str, _: bool) -> BTreeSet<String> {
        BTreeSet::new()
    }
}
