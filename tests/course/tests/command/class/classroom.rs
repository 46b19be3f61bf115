//! A folder for the hand-ins of a class, and the command that checks them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::course::text;
use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

pub const BROKEN: &str = env!("CARGO_BIN_EXE_broken");

/// The command, run in a folder, with a target folder of its own below it.
fn course(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_course"));
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("COLUMNS", "200");
    command
}

/// A folder for hand-ins, and around it one for the rest.
pub struct Class {
    pub folder: TempDir,
}

impl Class {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("in")).expect("a folder is made");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).expect("a folder is made");
        fs::write(path, text).expect("a file is written");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file is read")
    }

    /// Hands in one of the broken servers.
    pub fn broken(&self, learner: &str, arguments: &str) {
        let command = format!("{BROKEN} {arguments}\n");
        self.write(&format!("in/{learner}/command"), &command);
    }

    /// Makes a crate called my-server, as they all are.
    pub fn my_server(&self, folder: &str, dependencies: &str, main: &str) {
        let manifest = format!(
            "[package]\nname = \"my-server\"\nversion.workspace = true\n\
             edition.workspace = true\n\n[dependencies]\n{dependencies}"
        );
        self.write(&format!("{folder}/Cargo.toml"), &manifest);
        self.write(&format!("{folder}/src/main.rs"), main);
    }

    /// The lines of a file of JSON.
    pub fn rows(&self, path: &str) -> Vec<Value> {
        let lines = self.read(path);
        let rows = lines.lines().map(serde_json::from_str);
        rows.collect::<Result<_, _>>().expect("each line is JSON")
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        self.run_with(arguments, &[])
    }

    /// The same, with these in its environment.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let mut command = course(self.folder.path());
        command.args(arguments).envs(variables.iter().copied());
        let output = command.output().expect("the course runs");
        text(&output)
    }
}

/// What chapter 3 is.
pub fn right() -> String {
    let chapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chapters");
    fs::read_to_string(chapters.join("ch03-response/src/main.rs")).expect("the chapter is read")
}

pub const OURS: &str = "anyhow.workspace = true\n\
                    common = { workspace = true, features = [\"ch08\"] }\n";
