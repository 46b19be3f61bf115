//! The book is as its sources are, and what is wrong with one of its files is found.

use std::fs;
use std::path::{Path, PathBuf};

use crate::course::{text, workspace};
use assert_cmd::Command;
use pulldown_cmark::{Event, Parser, Tag};
use tempfile::TempDir;

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(workspace().join(path)).expect("a file of the workspace")
}

/// The files of the book: BOOK.md, and those that it links to.
fn files() -> Vec<String> {
    let spine = read("BOOK.md");
    let links = Parser::new(&spine).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    });
    let is_own = |link: &String| !link.contains(':') && link.ends_with(".md");
    let mut files = vec!["BOOK.md".to_owned()];
    for link in links.filter(is_own) {
        if !files.contains(&link) {
            files.push(link);
        }
    }
    files
}

/// What `cargo course book` says in a workspace, with its exit code first.
fn book(workspace: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_course"))
        .env("CARGO_MANIFEST_DIR", workspace.join("tests/course"))
        .arg("book")
        .args(arguments)
        .output()
        .expect("the course runs");
    text(&output)
}

/// A copy of the workspace, without what is built.
fn copy() -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        fs::create_dir_all(copy.path().join(&folder)).expect("a folder is made");
        for entry in fs::read_dir(workspace().join(&folder)).expect("a folder is read") {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            let name = path.to_string_lossy();
            if ["target", ".git", "vendor"].contains(&&*name) || name.contains("my-server") {
                continue;
            }
            if entry.file_type().expect("its kind").is_dir() {
                folders.push(path);
            } else {
                fs::copy(entry.path(), copy.path().join(path)).expect("a copy");
            }
        }
    }
    copy
}

/// What is changed in a file of the book: the file, what stands there, what takes its place,
/// and the words with which that is refused.
type Change<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Checks that a book in which all of this is changed is refused, and that each change is
/// said with the number of the line in which it begins. One check finds all of them, because
/// it reads the whole book and its sources each time.
fn are_found(changes: &[Change]) {
    let copy = copy();
    let mut places = Vec::new();
    for &(file, from, to, words) in changes {
        let path = copy.path().join(file);
        let text = fs::read_to_string(&path).expect("a file of the book");
        assert!(text.contains(from), "{file} has no {from:?}");
        let changed = text.replacen(from, to, 1);
        let pairs = text.bytes().zip(changed.bytes());
        let same = pairs.take_while(|(old, new)| old == new).count();
        let line = 1 + text.as_bytes()[..same]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        fs::write(path, changed).expect("a write");
        places.push((format!("{file}:{line}: "), words));
    }
    let found = book(copy.path(), &["--check", "--no-run"]);
    assert!(found.starts_with("exit code 1\n"), "{found}");
    for (place, words) in places {
        let is_said = |said: &str| said.starts_with(&place) && said.contains(words);
        assert!(
            found.lines().any(is_said),
            "not said: {place}{words}\n{found}"
        );
    }
}

const SOCKET: &str = "chapters/ch01-socket/README.md";
const LOGGING: &str = "chapters/ch02-logging/README.md";
const RESPONSE: &str = "chapters/ch03-response/README.md";
const ROUTING: &str = "chapters/ch04-routing/README.md";
const STATUS: &str = "chapters/ch05a-status/README.md";
const THREADS: &str = "chapters/ch05b-threads/README.md";

#[test]
fn the_book_is_as_its_sources_are() {
    let checked = book(&workspace(), &["--check", "--no-run"]);
    assert!(checked.starts_with("exit code 0\n"), "{checked}");
}

#[test]
#[ignore = "builds each chapter alone, and runs all commands of the book"]
fn the_commands_of_the_book_print_what_it_says() {
    let checked = book(&workspace(), &["--check"]);
    assert!(checked.starts_with("exit code 0\n"), "{checked}");
}

/// Each chapter has a text, and whoever opens README.md is one click away from the first.
#[test]
fn a_text_for_each_chapter() {
    let files = files();
    let chapters = fs::read_dir(workspace().join("chapters")).expect("the chapters");
    let names = chapters.map(|entry| entry.expect("a folder").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    for name in names.filter(|name| name.starts_with("ch")) {
        let file = format!("chapters/{name}/README.md");
        assert!(files.contains(&file), "{file}");
    }
    assert!(read("README.md").contains(&format!("({SOCKET})")));
    let spine = read("BOOK.md");
    assert!(spine.len() < 120_000, "{}", spine.len());
}

/// `cargo course book --check` looks at the book's links. These are in the other files.
#[test]
fn each_link_outside_of_the_book_leads_somewhere() {
    let copy = copy();
    let book = files();
    let mut links = 0;
    for file in markdown_below(copy.path()).filter(|file| !book.contains(file)) {
        let text = read(&file);
        for target in targets(&text) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match path {
                "" => PathBuf::from(&file),
                path => Path::new(&file).with_file_name(path),
            };
            assert!(copy.path().join(&path).exists(), "{file}: {target}");
            let anchors = || anchors(&fs::read_to_string(copy.path().join(&path)).expect("text"));
            let is_there = anchor.is_empty() || anchors().contains(&anchor.to_owned());
            assert!(is_there, "{file}: {target}");
            links += 1;
        }
    }
    assert!(links > 10, "{links}");
}

/// The paths of all Markdown files in a folder.
fn markdown_below(folder: &Path) -> impl Iterator<Item = String> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).expect("a folder is read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let path = path.strip_prefix(folder).expect("it lies below").iter();
                let parts: Vec<_> = path.map(|part| part.to_string_lossy()).collect();
                found.push(parts.join("/"));
            }
        }
    }
    found.into_iter()
}

/// What the links and images of a text lead to, where that is no address.
fn targets(text: &str) -> Vec<String> {
    let targets = Parser::new(text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    });
    targets.filter(|target| !target.contains(':')).collect()
}

/// The anchors that a forge gives the headings of a text.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|heading| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|one| one.is_alphanumeric() || " -_".contains(*one));
        kept.collect::<String>().replace(' ', "-")
    });
    anchors.collect()
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
fn what_differs_from_its_source() {
    are_found(&[
        // One byte in a quoted file.
        (
            LOGGING,
            "\nfn handle_request(stream: &TcpStream)",
            "\nfn handle_request(strean: &TcpStream)",
            "not as its source",
        ),
        // One byte in a quoted diff.
        (
            RESPONSE,
            "\n+use std::io::Write;\n",
            "\n+use std::io::Read;\n",
            "diff: 2 3",
        ),
        // One byte in a quoted exchange.
        (
            RESPONSE,
            "\n* core: a page\n",
            "\n* core: a pace\n",
            "exchange: ch03_response__page",
        ),
        // A hint that is another one.
        (
            SOCKET,
            "\n<!-- hint: 1 1 -->\n\n",
            "\n<!-- hint: 1 1 -->\n\nMore. ",
            "hint: 1 1",
        ),
    ]);
}

#[test]
fn what_leads_to_nothing() {
    are_found(&[
        // A source that does not exist.
        (
            SOCKET,
            "<!-- item: common/src/ch01/listen.rs accept -->",
            "<!-- item: common/src/missing.rs accept -->",
            "there is no file common/src/missing.rs",
        ),
        (
            RESPONSE,
            "<!-- exchange: ch03_response__page -->",
            "<!-- exchange: ch03_response__pace -->",
            "there is no snapshot ch03_response__pace",
        ),
        (
            ROUTING,
            "<!-- diff: 3 4 -->",
            "<!-- diff: 3 99 -->",
            "there is no chapter \"99\"",
        ),
        (
            RESPONSE,
            "<!-- diff: 2 3 context: 1 -->",
            "<!-- diff: 2 3 context: few -->",
            "has no number of lines",
        ),
        (
            STATUS,
            "<!-- diff: 4 5a context: 2 -->",
            "<!-- difference: 4 5a context: 2 -->",
            "names no source",
        ),
        (
            SOCKET,
            "<!-- hint: 1 1 -->",
            "<!-- hint: 1 4 -->",
            "names no source",
        ),
        // A dead link.
        (
            "BOOK.md",
            "(#glossary)",
            "(#glossaries)",
            "no heading has the anchor #glossaries",
        ),
        (
            LOGGING,
            "(../ch01-socket/README.md)",
            "(../ch01-sockets/README.md)",
            "turn:",
        ),
        (
            "chapters/ch16-events/examples/README.md",
            "(https://github.com/nginx/nginx)",
            "(../../../BOOK.md#nginx)",
            "no heading of ../../../BOOK.md has the anchor #nginx",
        ),
        // A missing figure.
        (
            "BOOK.md",
            "(pages/figures/layers.svg)",
            "(pages/figures/cake.svg)",
            "there is no pages/figures/cake.svg",
        ),
        // A renamed test.
        (
            "BOOK.md",
            "`d1_lines_end_in_crlf`",
            "`d1_lines_end_in_lf`",
            "there is no test d1_lines_end_in_lf",
        ),
        // A file, a package and a command that do not exist.
        (
            SOCKET,
            "`chapters/ch01-socket/examples/ch01-solution.rs`",
            "`chapters/ch01-socket/examples/ch01.rs`",
            "there is no chapters/ch01-socket/examples/ch01.rs",
        ),
        (
            ROUTING,
            "cargo run -p ch04-routing\n",
            "cargo run -p ch04-rooting\n",
            "there is no package ch04-rooting",
        ),
        (
            THREADS,
            "cargo course bench\n",
            "cargo course bunch\n",
            "is no command of the course",
        ),
        (
            THREADS,
            "$ cargo course check 5b\n",
            "$ cargo course check 5c\n",
            "there is no chapter \"5c\"",
        ),
    ]);
}

#[test]
fn lines_too_few_and_too_many() {
    are_found(&[
        (
            RESPONSE,
            "\n    common::close(stream, &head);\n    Ok(())\n}\n```\n",
            "\n    common::close(stream, &head);\n    Ok(())\n```\n",
            "",
        ),
        (
            SOCKET,
            "\n```\n<sub>[`chapters/ch01-socket/src/main.rs`",
            "\n// more\n```\n<sub>[`chapters/ch01-socket/src/main.rs`",
            "here stands \"// more\", there \"```\"",
        ),
        // The comment above a block.
        (
            ROUTING,
            "<!-- diff: 3 4 -->\n```diff",
            "```diff",
            "a code block without a comment",
        ),
    ]);
}

#[test]
fn an_end_that_is_gone() {
    let copy = copy();
    let changed = read(SOCKET).replacen("<!-- end -->\n", "", 1);
    fs::write(copy.path().join(SOCKET), changed).expect("a write");
    let found = book(copy.path(), &["--check", "--no-run"]);
    assert!(found.starts_with("exit code 1\n"), "{found}");
}

/// A text that is not as its sources are is rewritten to what it should be, and the others
/// are left alone.
#[test]
fn rewriting() {
    let copy = copy();
    let path = copy.path().join(RESPONSE);
    let text = read(RESPONSE);
    let changed = text
        .replace("\nfn main()", "\nfn mean()")
        .replace("\n+use std::io::Write;\n", "\n")
        .replace("](../../common", "](../common");
    let lines = changed.split_inclusive('\n');
    let without_captions: String = lines.filter(|line| !line.starts_with("<sub>")).collect();
    for before in [changed.clone(), without_captions] {
        fs::write(&path, before).expect("a write");
        let rewritten = book(copy.path(), &["--no-run"]);
        assert!(rewritten.starts_with("exit code 0\n"), "{rewritten}");
        assert_eq!(fs::read_to_string(&path).expect("a read"), text);
    }
    for file in files() {
        let now = fs::read_to_string(copy.path().join(&file)).expect("a read");
        assert!(file == RESPONSE || now == read(&file), "{file}");
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
        let path = path.to_str().expect("a path in UTF-8");
        let said = book(&workspace(), &[path, "--check"]);
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

/// A difference that the book shows, applied to the earlier chapter, gives the later one
/// byte for byte. Where a chapter's difference is too long for a block, its text has the
/// command that shows it.
#[test]
fn the_differences_in_the_book_lead_from_chapter_to_chapter() {
    let text: String = files().iter().map(read).collect();
    let mut shown = Vec::new();
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
        shown.push(new);
    }
    let chapters = fs::read_dir(workspace().join("chapters")).expect("the chapters");
    let names = chapters.map(|entry| entry.expect("a folder").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let chapters = names.filter(|name| name.starts_with("ch") && name != "ch01-socket");
    for chapter in chapters {
        let main = format!("chapters/{chapter}/src/main.rs");
        if shown.contains(&main) {
            continue;
        }
        let text = read(format!("chapters/{chapter}/README.md"));
        let mut commands = text
            .lines()
            .filter_map(|line| line.strip_prefix("cargo course "));
        let command = commands.find(|command| command.starts_with("diff "));
        let command = command.unwrap_or_else(|| panic!("{chapter} has no difference"));
        let output = Command::new(env!("CARGO_BIN_EXE_course"))
            .args(command.split_whitespace())
            .output()
            .expect("the course runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(&format!(" to {chapter}: ")), "{printed}");
        assert!(printed.contains(&format!("\n+++ {main}\n")), "{printed}");
    }
}
