//! What the tests of several commands need: what the command said, its workspace,
//! and a way to look at many servers at once.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
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

/// Cargo, in another workspace of the same crates. It takes what they depend on from where it was
/// built for these tests, but for a cargo before 1.91, which builds that once more; its programs
/// come into a folder of their own.
pub fn cargo_in(workspace: &Path) -> Command {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let mut cargo = harness::cargo();
    cargo
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        .env(
            "CARGO_BUILD_BUILD_DIR",
            built.expect("it lies in that of the build"),
        )
        // Cargo names what it builds of a crate by where that stands in its workspace and by
        // its profile. With the same profile, both would take each other's place.
        .env("CARGO_PROFILE_DEV_DEBUG", "limited");
    cargo
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
