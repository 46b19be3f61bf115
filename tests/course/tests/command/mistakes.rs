//! Each rule that a chapter teaches has a server that breaks it and is refused, and each
//! choice that the rules leave has one that makes use of it and passes.

use std::path::Path;
use std::process::Command;
use std::thread;

use crate::course::problems_of;
use serde_json::Value;

const COURSE: &str = env!("CARGO_BIN_EXE_course");
const MISTAKEN: &str = env!("CARGO_BIN_EXE_mistaken");
const BROKEN: &str = env!("CARGO_BIN_EXE_broken");
const TABLES: &str = include_str!("../../servers/mistaken/README.md");

/// How many servers are checked at the same time. Most of what that takes is to wait.
const AT_ONCE: usize = 12;

/// The rows of the table below a heading.
fn rows(heading: &str) -> Vec<[&'static str; 4]> {
    let (_, text) = TABLES.split_once(heading).expect("a heading");
    let text = text.split("\n## ").next().expect("a section");
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = |row: &'static str| {
        let row = row.strip_prefix("| ")?.strip_suffix(" |")?;
        row.split(" | ").collect::<Vec<_>>().try_into().ok()
    };
    rows.skip(1)
        .map(|row| cells(row).unwrap_or_else(|| panic!("four cells: {row}")))
        .collect()
}

/// Does this with each row, and gives what it says is wrong.
fn in_each(rows: Vec<[&'static str; 4]>, judge: impl Fn([&str; 4]) -> Option<String> + Sync) {
    let wrong = problems_of(&rows, AT_ONCE, |row| {
        judge(*row).map(|words| format!("{}: {words}", row.join(", ")))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn command(arguments: &[&str], server: &[&str]) -> Command {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(COURSE);
    command.arg("check").args(arguments).arg("--").args(server);
    // The scores of these are nobody's.
    command.env("CARGO_TARGET_DIR", folder.path());
    command
}

#[test]
#[ignore = "checks some hundred servers"]
fn each_mistake_is_refused_in_words() {
    let rows = rows("## Wrong");
    assert!(rows.len() >= 150, "there are {}", rows.len());
    in_each(rows, |[chapter, mistake, name, words]| {
        if cfg!(not(unix)) && chapter == "13"
            || cfg!(not(target_os = "linux")) && needs_proc(chapter)
        {
            return None;
        }
        let options = [chapter, "--only", name, "--json"];
        let server = [MISTAKEN, chapter, mistake, "127.0.0.1:0"];
        let output = command(&options, &server).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find_map(|line| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value["name"] == name).then_some(value)
        });
        let Some(line) = line else {
            return Some(format!("it was not played: {output:?}"));
        };
        let note = line["note"].as_str().unwrap_or_default();
        let decides = matches!(line["group"].as_str(), Some("core" | "lesson"))
            || note.contains("the server ended");
        let is_refused = output.status.code() == Some(1) && line["passed"] == false;
        (!is_refused || !decides || !note.contains(words)).then(|| line.to_string())
    });
}

/// What threads cost, and what a client that takes little makes of a write, is seen on
/// Linux alone.
fn needs_proc(chapter: &str) -> bool {
    matches!(chapter, "9" | "15" | "16")
}

/// One thread is not enough, where the answers lie in memory.
#[cfg(target_os = "linux")]
#[test]
fn answers_that_wait_in_memory_are_refused() {
    if !has("python3") {
        return;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/servers/loop.py");
    let server = ["python3", file, "127.0.0.1:0", "whole-in-memory"];
    for chapter in ["15", "16"] {
        let output = command(&[chapter, "--only", "a_slow_crowd"], &server).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("MiB of memory"), "{said}");
    }
}

/// What Node's library takes that RFC 9113 calls malformed: it drops the field, and goes on.
const TAKEN_BY_NODE: [&str; 1] = ["line_end_in_a_value"];

/// The frames of others pass what the RFCs demand of chapter 19.
#[test]
#[ignore = "plays all exchanges of chapter 19 twice"]
fn libraries_of_http_2_pass_the_core() {
    let file = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers");
        folder.join(name).to_string_lossy().into_owned()
    };
    let (python, node) = (file("site_h2.py"), file("site.js"));
    thread::scope(|scope| {
        if has("python3") && has_h2() {
            scope.spawn(|| passes_the_core(&["python3", &python, "127.0.0.1:0"], &[]));
        }
        if has("node") {
            let server = ["node", &node, "127.0.0.1:0", "19"];
            scope.spawn(move || passes_the_core(&server, &TAKEN_BY_NODE));
        }
    });
}

fn passes_the_core(server: &[&str], but_for: &[&str]) {
    let output = command(&["19", "--all", "--json"], server).output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let core: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["group"] == "core")
        .collect();
    assert!(core.len() >= 60, "{output:?}");
    let failed: Vec<&Value> = core
        .iter()
        .filter(|line| line["passed"] != true)
        .filter(|line| !but_for.contains(&line["name"].as_str().unwrap_or_default()))
        .collect();
    assert!(failed.is_empty(), "{server:?}: {failed:#?}");
}

fn has_h2() -> bool {
    let imported = Command::new("python3").args(["-c", "import h2"]).output();
    let has = imported.is_ok_and(|output| output.status.success());
    if !has {
        println!("skipped: the Python library h2 is not installed");
    }
    has
}

fn has(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    let has = version.is_ok_and(|output| output.status.success());
    if !has {
        println!("skipped: {program} is not installed");
    }
    has
}

#[test]
#[ignore = "checks some dozen servers"]
fn each_choice_passes() {
    let rows = rows("## Right");
    assert!(rows.len() >= 40, "there are {}", rows.len());
    let (has_node, has_python) = (has("node"), has("python3"));
    in_each(rows, |[chapter, server, choice, name]| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("servers")
            .join(server);
        let file = file.to_string_lossy();
        let address = "127.0.0.1:0";
        let words = match server {
            "mistaken" => vec![MISTAKEN, chapter, choice, address],
            "broken" => vec![BROKEN, choice, address],
            "site.js" if has_node => vec!["node", &file, address, chapter, choice],
            "site.js" => return None,
            _ if !has_python || cfg!(not(unix)) => return None,
            _ => vec!["python3", &file, address, choice],
        };
        let options = match name {
            "all" => vec![chapter],
            _ => vec![chapter, "--only", name],
        };
        let output = command(&options, &words).output().expect("it runs");
        let is_passed = output.status.code() == Some(0);
        (!is_passed).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
}
