//! BOOK.md is as its sources are, and what is wrong with a book is found.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(workspace().join(path)).expect("a file of the workspace")
}

/// What `cargo course book` says, with its exit code first.
fn book(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_course"))
        .arg("book")
        .args(arguments)
        .output()
        .expect("the course runs");
    format!(
        "exit code {}\n{}{}",
        output.status.code().expect("an exit code"),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// What the check says of a book with this text.
fn check(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("BOOK.md");
    fs::write(&path, text).expect("a write");
    book(&[
        path.to_str().expect("a path in UTF-8"),
        "--check",
        "--no-run",
    ])
}

/// Checks that a book of which one thing is changed is refused, with the number
/// of the line in which the change begins, and with these words.
fn is_found(from: &str, to: &str, words: &str) {
    let text = read("BOOK.md");
    assert!(text.contains(from), "the book has no {from:?}");
    let changed = text.replacen(from, to, 1);
    let pairs = text.bytes().zip(changed.bytes());
    let same = pairs.take_while(|(old, new)| old == new).count();
    let line = 1 + text.as_bytes()[..same]
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count();
    let found = check(&changed);
    assert!(found.starts_with("exit code 1\n"), "{found}");
    let place = format!("BOOK.md:{line}: ");
    let is_said = |said: &str| said.starts_with(&place) && said.contains(words);
    assert!(
        found.lines().any(is_said),
        "not said: {place}{words}\n{found}"
    );
}

#[test]
fn the_book_is_as_its_sources_are() {
    let checked = book(&["--check"]);
    assert!(checked.starts_with("exit code 0\n"), "{checked}");
}

#[test]
fn the_oldest_rust_that_will_do() {
    let manifest = read("Cargo.toml");
    let mut lines = manifest.lines();
    let oldest = lines.find_map(|line| line.strip_prefix("rust-version = "));
    let oldest = oldest.expect("a version").trim_matches('"');
    for name in ["README.md", "BOOK.md"] {
        let text = read(name);
        let words = format!("[Rust](https://www.rust-lang.org/tools/install) {oldest} or newer");
        assert!(text.contains(&words), "{name} does not say {words:?}");
    }
}

#[test]
fn one_byte_in_a_quoted_file() {
    is_found(
        "\nfn handle_request(stream: &TcpStream)",
        "\nfn handle_request(strean: &TcpStream)",
        "not as its source",
    );
}

#[test]
fn one_byte_in_a_quoted_diff() {
    is_found(
        "\n+use std::io::Write;\n",
        "\n+use std::io::Read;\n",
        "diff: 2 3",
    );
}

#[test]
fn one_byte_in_a_quoted_exchange() {
    is_found(
        "\n* core: a page\n",
        "\n* core: a pace\n",
        "exchange: ch03_response__page",
    );
}

#[test]
fn a_line_too_few_and_a_line_too_many() {
    is_found(
        "\n    common::close(stream, &head);\n    Ok(())\n}\n```\n",
        "\n    common::close(stream, &head);\n    Ok(())\n```\n",
        "",
    );
    is_found(
        "\n```\n\n`common::address` reads",
        "\n// more\n```\n\n`common::address` reads",
        "here stands \"// more\", there its end",
    );
}

#[test]
fn a_hint_that_is_another_one() {
    is_found(
        "\n<!-- hint: 1 1 -->\n\n",
        "\n<!-- hint: 1 1 -->\n\nMore. ",
        "hint: 1 1",
    );
}

#[test]
fn a_comment_that_is_gone() {
    is_found(
        "<!-- diff: 1 2 -->\n```diff",
        "```diff",
        "a code block without a comment",
    );
}

#[test]
fn an_end_that_is_gone() {
    let text = read("BOOK.md");
    let found = check(&text.replacen("<!-- end -->\n", "", 1));
    assert!(found.starts_with("exit code 1\n"), "{found}");
}

#[test]
fn a_source_that_does_not_exist() {
    is_found(
        "<!-- code: common/src/listen.rs -->",
        "<!-- code: common/src/missing.rs -->",
        "there is no file common/src/missing.rs",
    );
    is_found(
        "<!-- exchange: ch03_response__page -->",
        "<!-- exchange: ch03_response__pace -->",
        "there is no snapshot ch03_response__pace",
    );
    is_found(
        "<!-- diff: 1 2 -->",
        "<!-- diff: 1 99 -->",
        "there is no chapter \"99\"",
    );
    is_found(
        "<!-- diff: 1 2 -->",
        "<!-- difference: 1 2 -->",
        "names no source",
    );
    is_found(
        "<!-- hint: 1 1 -->",
        "<!-- hint: 1 4 -->",
        "names no source",
    );
}

#[test]
fn a_dead_link() {
    is_found(
        "(#chapter-1-a-socket)",
        "(#chapter-1-a-sock)",
        "no heading has the anchor #chapter-1-a-sock",
    );
}

#[test]
fn a_missing_figure() {
    is_found(
        "(pages/figures/layers.svg)",
        "(pages/figures/cake.svg)",
        "there is no pages/figures/cake.svg",
    );
}

#[test]
fn a_renamed_test() {
    is_found(
        "`d1_lines_end_in_crlf`",
        "`d1_lines_end_in_lf`",
        "there is no test d1_lines_end_in_lf",
    );
}

#[test]
fn a_file_a_package_and_a_command_that_do_not_exist() {
    is_found(
        "`chapters/ch01-socket/examples/ch01-solution.rs`",
        "`chapters/ch01-socket/examples/ch01.rs`",
        "there is no chapters/ch01-socket/examples/ch01.rs",
    );
    is_found(
        "cargo run -p ch04-routing\n",
        "cargo run -p ch04-rooting\n",
        "there is no package ch04-rooting",
    );
    is_found(
        "cargo course bench\n",
        "cargo course bunch\n",
        "is no command of the course",
    );
    is_found(
        "$ cargo course check 5b\n",
        "$ cargo course check 5c\n",
        "there is no chapter \"5c\"",
    );
}

/// A book that is as its sources are is left alone, and one that is not is
/// rewritten to what it should be.
#[test]
fn rewriting() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("BOOK.md");
    let text = read("BOOK.md");
    for before in [
        text.clone(),
        text.replace("\nfn main()", "\nfn mean()"),
        text.replace("\n+use std::io::Write;\n", "\n"),
    ] {
        fs::write(&path, before).expect("a write");
        let rewritten = book(&[path.to_str().expect("a path in UTF-8"), "--no-run"]);
        assert!(rewritten.starts_with("exit code 0\n"), "{rewritten}");
        assert_eq!(fs::read_to_string(&path).expect("a read"), text);
    }
}

/// The commands in the book are run, and what they print is compared.
#[cfg(unix)]
#[test]
fn one_byte_in_a_transcript() {
    let has_curl = std::process::Command::new("curl")
        .arg("--version")
        .output()
        .is_ok();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("BOOK.md");
    for (status, code) in [("200", 0), ("201", 1)] {
        let text = format!(
            "# A book\n\n<!-- console: 3 -->\n```console\n\
             $ curl -i http://127.0.0.1:8080/\n\
             HTTP/1.1 {status} OK\nContent-Type: text/html\n\n\
             <html><body><h1>Hello, World!</h1></body></html>\n```\n"
        );
        fs::write(&path, text).expect("a write");
        let said = book(&[path.to_str().expect("a path in UTF-8"), "--check"]);
        if has_curl {
            assert!(said.starts_with(&format!("exit code {code}\n")), "{said}");
            assert_eq!(
                said.contains("BOOK.md:6: not as its source"),
                code == 1,
                "{said}"
            );
        } else {
            assert!(said.contains("were not run"), "{said}");
        }
    }
}

/// The differences that the book shows, applied one after the other, give each
/// chapter byte for byte.
#[test]
fn the_differences_in_the_book_lead_from_chapter_to_chapter() {
    let text = read("BOOK.md");
    let mut applied = 0;
    for block in text.split("\n<!-- diff: ").skip(1) {
        let (_, diff) = block.split_once("```diff\n").expect("a block");
        let (diff, _) = diff.split_once("\n```").expect("an end");
        let name = |mark: &str| {
            let line = diff.lines().find_map(|line| line.strip_prefix(mark));
            line.expect("a file name").to_owned()
        };
        let (old, new) = (name("--- "), name("+++ "));
        let diff = format!("{diff}\n");
        let patch = diffy::Patch::from_str(&diff).expect("a difference");
        let patched = diffy::apply(&read(&old), &patch).expect("it applies");
        assert_eq!(patched, read(&new), "{old} to {new}");
        applied += 1;
    }
    let chapters = fs::read_dir(workspace().join("chapters")).expect("the chapters");
    let names = chapters.map(|entry| entry.expect("a folder").file_name());
    let chapters = names.filter(|name| name.to_string_lossy().starts_with("ch"));
    let but_the_first = chapters.count() - 1;
    assert_eq!(applied, but_the_first, "each has its difference");
}
