//! What `cargo course handout` makes: a workspace without the solutions, in which
//! everything still works.

use std::fs;
use std::path::{Path, PathBuf};

use crate::course::{cargo_in, workspace};
use assert_cmd::Command;
#[cfg(target_os = "linux")]
use base64::prelude::{BASE64_STANDARD, Engine};
#[cfg(target_os = "linux")]
use serde_json::Value;
use tempfile::TempDir;

/// The command, as it runs in a workspace.
fn course(workspace: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_course"));
    command.env("CARGO_MANIFEST_DIR", workspace.join("tests/course"));
    command
}

struct Handout {
    folder: TempDir,
}

impl Handout {
    fn new(options: &[&str]) -> Self {
        let handout = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        course(&workspace())
            .arg("handout")
            .arg(handout.path())
            .args(options)
            .assert()
            .success();
        handout
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("handout")
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).expect("a file is read")
    }

    fn says(&self, arguments: &[&str]) -> String {
        let output = course(&self.path()).args(arguments).output();
        let output = output.expect("the course runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    }
}

fn chapters() -> Vec<String> {
    let names = fs::read_dir(workspace().join("chapters")).expect("the chapters are read");
    let names = names.map(|entry| entry.expect("an entry is read").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("ch")).collect()
}

#[test]
fn there_is_no_way_to_a_solution() {
    let handout = Handout::new(&[]);
    let texts = chapters()
        .into_iter()
        .map(|chapter| format!("chapters/{chapter}/README.md"));
    for path in texts.chain(["BOOK.md".to_owned(), "README.md".to_owned()]) {
        let text = handout.read(&path);
        for words in [
            "solution.rs",
            "-solution",
            "## For the teacher",
            "#for-the-teacher",
        ] {
            assert!(!text.contains(words), "{path}: {words}");
        }
    }
    assert!(!handout.path().join("tests/course/tests").exists());
    assert!(!handout.path().join("tests/course/servers").exists());
    for chapter in chapters() {
        let folder = handout.path().join("chapters").join(&chapter);
        assert!(folder.join("src/main.rs").exists(), "{chapter}");
        let short = chapter.split('-').next().unwrap_or_default();
        let solution = folder.join(format!("examples/{short}-solution.rs"));
        assert!(!solution.exists(), "{chapter}");
        let tests = handout.read(&format!("tests/{}.rs", chapter.replace('-', "_")));
        assert!(!tests.contains("exercise"), "{chapter}: {tests}");
        assert!(!tests.contains("solution"), "{chapter}: {tests}");
        let sheet = handout.read(&format!("sheets/{chapter}.md"));
        assert!(
            sheet.contains(&format!("\ncargo run -p {chapter}\n")),
            "{sheet}"
        );
        let way = format!("(../chapters/{chapter}/README.md)");
        assert!(sheet.contains(&way), "{sheet}");
    }
    let sheet = handout.read("sheets/ch04-routing.md");
    assert!(sheet.contains("## Exercise: Greet"), "{sheet}");
    let site = handout.path().join("site");
    let said = handout.says(&["site", site.to_str().expect("a path in UTF-8")]);
    assert!(said.starts_with("Made "), "{said}");
    let start = handout.read("site/index.html");
    assert!(start.contains("chapter-4.html"), "{start}");
    assert!(!start.contains("for-the-teacher"), "{start}");
    let hint = handout.says(&["hint", "4", "3"]);
    assert!(hint.contains("Hint 3 of 3"), "{hint}");
    assert!(!hint.contains("solution"), "{hint}");
}

/// All that the book and the page before it name is there, the sheets too.
#[test]
fn the_book_is_as_what_is_left() {
    for options in [&[][..], &["--no-last-hint"]] {
        let handout = Handout::new(options);
        let said = handout.says(&["book", "--check", "--no-run"]);
        assert!(said.contains(" blocks are as their sources are"), "{said}");
        assert!(handout.read("README.md").contains("(sheets)"));
    }
}

#[test]
fn the_last_hint_stays_with_the_teacher() {
    let handout = Handout::new(&["--no-last-hint"]);
    let hint = handout.says(&["hint", "4", "2"]);
    assert!(hint.contains("Hint 2 of 2"), "{hint}");
    assert!(!hint.contains("plainer"), "{hint}");
    let hint = handout.says(&["hint", "4", "3"]);
    assert!(hint.contains("has no hint 3"), "{hint}");
    for chapter in chapters() {
        let text = handout.read(&format!("chapters/{chapter}/README.md"));
        assert!(text.contains("Hint 2"), "{chapter}");
        assert!(!text.contains("Hint 3"), "{chapter}");
    }
}

/// The step of the workflow, run as it stands there, gives the reporter what it reads.
#[cfg(target_os = "linux")]
#[test]
fn a_workflow_for_the_classroom() {
    use std::env;
    use std::os::unix::fs::PermissionsExt;

    let handout = Handout::new(&["--classroom", "3"]);
    let ignored = handout.read(".gitignore");
    assert!(
        !ignored.lines().any(|line| line == "/chapters/my-server"),
        "{ignored}"
    );
    let workflow = handout.read(".github/workflows/classroom.yml");
    for line in [
        "name: Autograding Tests",
        "  run-autograding-tests:",
        "          runners: chapter",
    ] {
        assert!(workflow.lines().any(|other| other == line), "{workflow}");
    }
    let (_, script) = workflow.split_once("        run: |\n").expect("a script");
    let script: Vec<&str> = script
        .lines()
        .map_while(|line| line.strip_prefix("          "))
        .collect();

    // In place of cargo, as this is built already.
    let bin = handout.folder.path().join("bin");
    let cargo = bin.join("cargo");
    fs::create_dir(&bin).expect("a folder is made");
    let course = env!("CARGO_BIN_EXE_course");
    fs::write(&cargo, format!("#!/bin/sh\nshift\nexec {course} \"$@\"\n"))
        .expect("a file is written");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it may be run");
    let server = handout.path().join("chapters/my-server");
    fs::create_dir(&server).expect("a folder is made");
    let command = concat!(env!("CARGO_BIN_EXE_broken"), " right ADDRESS");
    fs::write(server.join("command"), command).expect("a file is written");
    let path = env::var("PATH").expect("a path");
    let outputs = handout.folder.path().join("outputs");
    Command::new("bash")
        .args(["-e", "-c", &script.join("\n")])
        .current_dir(handout.path())
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("CARGO_MANIFEST_DIR", handout.path().join("tests/course"))
        .env("CARGO_TARGET_DIR", handout.path().join("target"))
        .env("GITHUB_OUTPUT", &outputs)
        .assert()
        .success();
    let outputs = fs::read_to_string(outputs).expect("a file is read");
    let result = outputs
        .trim_end()
        .strip_prefix("result=")
        .expect("an output");
    let result = BASE64_STANDARD.decode(result).expect("base64");
    let result: Value = serde_json::from_slice(&result).expect("JSON");
    assert_eq!(
        (&result["status"], &result["max_score"]),
        (&"pass".into(), &100.0.into())
    );
}

#[test]
fn what_is_there_stays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("notes.txt"), "mine").expect("a file is written");
    let output = course(&workspace())
        .arg("handout")
        .arg(folder.path())
        .output();
    let output = output.expect("the course runs");
    assert_eq!(output.status.code(), Some(2));
    let names = fs::read_dir(folder.path())
        .expect("a folder is read")
        .count();
    assert_eq!(names, 1);
}

#[test]
#[ignore = "builds a whole workspace"]
fn it_builds_and_its_tests_pass() {
    let handout = Handout::new(&["--no-last-hint"]);
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::from(cargo_in(&handout.path()));
        let built = cargo.args(arguments).arg("--locked").assert().success();
        String::from_utf8_lossy(&built.get_output().stderr).into_owned()
    };
    let said = cargo(&["check", "--all-targets"]);
    // What is left of the tests is all used.
    assert!(!said.contains("warning"), "{said}");
    // The tests of the chapters are the workspace's own, to the byte, and pass or fail as
    // they do there. One of them shows that they find what they need here too.
    cargo(&["test", "--lib", "--bins", "--test", "ch04_routing"]);
}
