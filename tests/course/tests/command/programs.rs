//! What the chapters and their exercises are built to.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::course::workspace;
use serde_json::Value;

/// The chapters, their solutions and the tools, built at once: cargo has them already where
/// it tests them all.
static PROGRAMS: LazyLock<Vec<PathBuf>> = LazyLock::new(|| built(&["--bins", "--examples"]));

/// Builds these programs, and gives their paths.
pub fn built(programs: &[&str]) -> Vec<PathBuf> {
    let output = harness::cargo()
        .arg("build")
        .args(programs)
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "not all is built: {said}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| Some(message.get("executable")?.as_str()?.into()))
        .collect()
}

/// The path of a chapter, such as `ch04-routing`, or of a solution, such as
/// `ch04-solution`.
pub fn program(name: &str) -> String {
    let is_it = |path: &&PathBuf| path.file_stem() == Some(name.as_ref());
    let path = PROGRAMS.iter().find(is_it);
    let path = path.unwrap_or_else(|| panic!("cargo builds no {name}"));
    path.display().to_string()
}
