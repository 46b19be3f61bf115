//! What `cargo course diff` and `cargo course start` do, the latter in a copy of
//! the workspace.

use std::fs;
use std::path::Path;

use crate::course::{cargo_in, text, workspace};
use assert_cmd::Command;
use insta::assert_snapshot;
use tempfile::TempDir;

/// What the command prints, with its exit code first.
fn course(workspace: &Path, arguments: &[&str], columns: usize) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_course"))
        .args(arguments)
        .env("CARGO_MANIFEST_DIR", workspace.join("tests/course"))
        .env("COLUMNS", columns.to_string())
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the course runs");
    text(&output)
}

/// A copy of all that cargo and the course need.
fn copy_of_the_workspace() -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for name in [
        "Cargo.toml",
        "Cargo.lock",
        "chapters",
        "common",
        "pages",
        "tests",
    ] {
        copy_all(&workspace().join(name), &copy.path().join(name));
    }
    // Whoever runs this may have a server of their own already.
    let _ = fs::remove_dir_all(copy.path().join("chapters/my-server"));
    copy
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).expect("a file is copied");
        return;
    }
    fs::create_dir_all(to).expect("a folder is made");
    for entry in fs::read_dir(from).expect("a folder is read") {
        let name = entry.expect("an entry is read").file_name();
        copy_all(&from.join(&name), &to.join(&name));
    }
}

#[test]
fn diff_of_the_threads_against_the_page_they_go_back_to() {
    assert_snapshot!(course(&workspace(), &["diff", "5b"], 80));
}

#[test]
fn diff_side_by_side() {
    let arguments = &["diff", "3", "5b", "--side-by-side"];
    assert_snapshot!(course(&workspace(), arguments, 130));
}

#[test]
fn diff_side_by_side_where_there_is_no_room() {
    let narrow = course(&workspace(), &["diff", "5b", "--side-by-side"], 80);
    assert!(
        narrow.contains("The terminal has 80 columns, and two sides need 120"),
        "{narrow}"
    );
    assert!(narrow.contains("\n+use std::thread;\n"), "{narrow}");
}

#[test]
fn diff_in_numbers() {
    let numbers = course(&workspace(), &["diff", "6", "--stat"], 80);
    for line in [
        "chapters/ch06-post/src/main.rs: ",
        "common/src/ch06/body.rs: ",
        "common/src/ch06/html.rs: ",
    ] {
        assert!(numbers.contains(line), "{numbers}");
    }
    assert!(
        !numbers.contains("common/src/ch04/request_line.rs"),
        "{numbers}"
    );
}

#[test]
fn diff_on_the_wire() {
    let changes = course(&workspace(), &["diff", "5a"], 80);
    assert!(changes.contains("-< HTTP/1.1 200 OK\\r\\n\n"), "{changes}");
    assert!(
        changes.contains("+< HTTP/1.1 404 Not Found\\r\\n\n"),
        "{changes}"
    );
}

#[test]
#[ignore = "builds a crate with all of `common`"]
fn start_makes_a_crate_that_builds() {
    let copy = copy_of_the_workspace();
    course(copy.path(), &["start"], 80);
    let arguments = ["check", "--offline", "-p", "my-server", "-p", "ch01-socket"];
    let mut check = Command::from(cargo_in(copy.path()));
    let check = check.args(arguments).assert().success();
    let warnings = String::from_utf8_lossy(&check.get_output().stderr).into_owned();
    assert!(!warnings.contains("warning"), "{warnings}");
}

#[test]
fn start_makes_a_crate_and_never_overwrites_it() {
    let copy = copy_of_the_workspace();
    let main = copy.path().join("chapters/my-server/src/main.rs");
    assert_snapshot!(course(copy.path(), &["start"], 80));

    fs::write(&main, "// mine\n").expect("a write");
    let again = course(copy.path(), &["start", "--from", "4"], 80);
    assert!(again.starts_with("exit code 2\n"), "{again}");
    assert!(
        again.contains("is there already and stays as it is"),
        "{again}"
    );
    assert_eq!(fs::read_to_string(&main).expect("a read"), "// mine\n");

    for kept in ["my-server-1", "my-server-2"] {
        let anew = course(copy.path(), &["start", "--force", "--from", "4"], 80);
        assert!(anew.starts_with("exit code 0\n"), "{anew}");
        assert!(
            anew.contains(&format!("`cargo run -p {kept}` runs it")),
            "{anew}"
        );
        let chapter = copy.path().join("chapters").join(kept);
        let manifest = fs::read_to_string(chapter.join("Cargo.toml")).expect("a read");
        assert!(
            manifest.contains(&format!("name = \"{kept}\"\n")),
            "{manifest}"
        );
    }
    let first = copy.path().join("chapters/my-server-1/src/main.rs");
    assert_eq!(fs::read_to_string(first).expect("a read"), "// mine\n");
    assert!(
        fs::read_to_string(&main)
            .expect("a read")
            .contains("Chapter 4")
    );
}

#[test]
fn start_from_a_chapter_and_compare() {
    let copy = copy_of_the_workspace();
    assert_snapshot!(course(copy.path(), &["start", "--from", "ch03"], 80));
    assert_snapshot!(course(copy.path(), &["diff", "3", "my-server"], 80));
}

#[test]
fn my_server_is_not_there_before_it_was_started() {
    let copy = copy_of_the_workspace();
    let error = course(copy.path(), &["diff", "3", "my-server"], 80);
    assert!(
        error.starts_with("exit code 2\nError: there is no server of your own yet; `cargo course start` makes it: "),
        "{error}"
    );
    assert!(course(copy.path(), &["list"], 80).contains("cargo course start"));
}

#[test]
fn git_ignores_my_server() {
    let ignored = fs::read_to_string(workspace().join(".gitignore")).expect("a read");
    assert!(
        ignored.lines().any(|line| line == "/chapters/my-server"),
        "{ignored}"
    );
}
