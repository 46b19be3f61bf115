//! What the tests of several commands need: what the command said, its workspace,
//! and a way to look at many servers at once.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::thread;

/// What the command printed, with its exit code first.
pub fn text(output: &Output) -> String {
    format!(
        "exit code {}\n{}{}",
        output.status.code().expect("an exit code"),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The workspace that all of this stands in.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Looks at each of these, so many at once, as most of it is to wait, and gives what is wrong.
pub fn problems_of<T: Sync, P: Send>(
    all: &[T],
    at_once: usize,
    problem: impl Fn(&T) -> Option<P> + Sync,
) -> Vec<P> {
    let next = Mutex::new(all.iter());
    let problems = Mutex::new(Vec::new());
    let look_at_some = || {
        let next = || next.lock().expect("no other has failed").next();
        while let Some(one) = next() {
            let problem = problem(one);
            let mut problems = problems.lock().expect("no other has failed");
            problems.extend(problem);
        }
    };
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(look_at_some);
        }
    });
    problems.into_inner().expect("no other has failed")
}
