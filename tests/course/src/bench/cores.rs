//! A core for the server and one for who asks, so that neither takes the other's.

use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The servers' core, and that of who asks.
const SERVERS: &str = "0";
const CLIENTS: &str = "1";

/// Whether they are apart.
static ARE_APART: AtomicBool = AtomicBool::new(false);

/// Puts this process on one core, where there are two, and a `taskset` that can do it, and
/// from then on servers on the other one. Gives whether that is done.
pub fn keep_apart() -> bool {
    let has_two = thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2);
    if has_two && move_to(SERVERS) && move_to(CLIENTS) {
        ARE_APART.store(true, Ordering::Relaxed);
    }
    are_apart()
}

/// Puts all threads of this process on a core, and gives whether that could be done.
fn move_to(core: &str) -> bool {
    let moved = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", core])
        .arg(process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    moved.is_ok_and(|status| status.success())
}

pub fn are_apart() -> bool {
    ARE_APART.load(Ordering::Relaxed)
}

/// The command that starts a server on its core.
pub fn on_the_servers(words: Vec<String>) -> Vec<String> {
    if !are_apart() {
        return words;
    }
    let before = ["taskset", "--cpu-list", SERVERS].map(str::to_owned);
    [Vec::from(before), words].concat()
}
