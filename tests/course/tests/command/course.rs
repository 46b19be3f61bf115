//! What the tests of several commands need: what the command said, its workspace,
//! and a way to look at many servers at once.

use std::fs;
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

/// A folder for a workspace that cargo is to build, empty and the same each time: cargo names
/// what it builds by where that stands, and would keep it from each time.
pub fn folder_to_build_in(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("what was there is removed");
    }
    fs::create_dir_all(&folder).expect("a folder is made");
    folder
}

/// Cargo, in a workspace of such a folder. It finds there what was built for the workspace of
/// these tests, so that of both only their own crates are built; but for a cargo before 1.91,
/// which builds all of it once more. Its programs come into a folder of their own.
pub fn cargo_in(workspace: &Path) -> Command {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let mut cargo = harness::cargo();
    cargo
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        .env(
            "CARGO_BUILD_BUILD_DIR",
            built.expect("it lies in that of the build"),
        );
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
