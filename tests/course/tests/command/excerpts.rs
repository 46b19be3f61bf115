//! What the book takes from the sources, and what it owes them, on a workspace that is
//! made up for it: two chapters, each with a module.

use std::fs;
use std::path::Path;

use crate::course::text;
use assert_cmd::Command;
use insta::assert_snapshot;
use tempfile::TempDir;

const BOOK: &str = "BOOK.md";
const FIRST: &str = "chapters/ch01-first/README.md";
const SECOND: &str = "chapters/ch02-second/README.md";

const BOOK_TEXT: &str = "\
# A book

About [counting](chapters/ch01-first/README.md#the-idea).

## Contents

- [Part one](#part-one)
- [Chapter 1: counting](chapters/ch01-first/README.md)
- [Chapter 2: keeping](chapters/ch02-second/README.md)
- [Words](#words)

## Part one

It counts.

<!-- chapter: 1 -->
<!-- end -->

<!-- chapter: 2 -->
<!-- end -->

## Words

A word.
";

const FIRST_TEXT: &str = "\
# Chapter 1: counting

**You will build** a [counter](../ch02-second/README.md).

<!-- commands: -->
```sh
cargo run -p ch01-first
```

## The idea

![A drawing.](../../pages/figures/a.svg)

It has a number, and another one.

<!-- item: common/src/ch01/counter.rs Counter -->
```rust
```

Two of its methods count.

<!-- item: common/src/ch01/counter.rs Counter::count Counter::value -->
```rust
```

One trait is all that its file needs, and this is how it is used.

<!-- item: common/src/ch01/counter.rs Counter as From -->
```rust
```

A long function begins so:

<!-- item: common/src/ch01/counter.rs long to: \"let one\" -->
```rust
```

And in its middle there is this:

<!-- item: common/src/ch01/counter.rs long from: \"let three\" to: \"let four\" -->
```rust
```

A test says what it is for.

<!-- item: common/src/ch01/counter.rs tests::counts_up -->
```rust
```

<!-- rest: common/src/ch01/counter.rs -->
<!-- end -->

<!-- turn: -->
<!-- end -->
";

const SECOND_TEXT: &str = "\
# Chapter 2: keeping

**You will build** a store.

<!-- commands: -->
```sh
cargo run -p ch02-second
```

## The store

In outline, and with it what chapter 1 left out, and [its idea](../ch01-first/README.md#the-idea):

<!-- signature: common/src/ch02/store.rs Store Store::keep Keeps Words many -->
```rust
```

It is there.

<!-- item: common/src/ch01/counter.rs Counter::reset -->
```rust
```

All of it is short.

<!-- file: chapters/ch02-second/src/main.rs -->
```rust
```

And of the table there is one line.

<!-- file: common/src/lib.rs from: \"ch02\" -->
```rust
```

<!-- rest: common/src/ch02/store.rs -->
<!-- end -->

<!-- turn: -->
<!-- end -->
";

const COUNTER: &str = r#"//! Counts.

use std::fmt;

// How far it counts,
// which is far.
const MOST: usize = 9;

/// A number that goes up. It never goes
/// down.
#[derive(Debug)]
pub struct Counter {
    value: usize,
}

impl Counter {
    /// Makes one.
    pub fn new() -> Self {
        Self { value: 0 }
    }

    /// Goes up.
    #[must_use]
    pub fn count(&mut self) -> bool {
        self.value += 1;
        self.value < MOST
    }

    /// Begins anew, as [`new`](Self::new) does, for
    /// good. There is more to say.
    pub fn reset(&mut self) {
        self.value = 0;
    }

    pub fn value(&self) -> usize {
        self.value
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}", self.value)
    }
}

impl From<usize> for Counter {
    fn from(value: usize) -> Self {
        Self { value }
    }
}

/// Does much.
pub fn long(
    start: usize,
) -> usize {
    let one = start;
    if one > 0 {
        let two = one;
        let three = two;

        let four = three;
        return four;
    }
    0
}

#[cfg(unix)]
fn system() {}

#[cfg(not(unix))]
fn system() {}

#[cfg(test)]
mod tests {
    use super::*;

    fn helper() -> Counter {
        Counter::new()
    }

    #[test]
    fn counts_up() {
        let mut counter = helper();
        assert!(counter.count());
    }

    #[test]
    fn a_counter_begins_with_nothing() {
        assert_eq!(helper().value(), 0);
    }
}
"#;

const STORE: &str = "\
/// Keeps words.
pub struct Store {
    /// How many.
    pub count: usize,
    words: Vec<String>,
    /// The last.
    pub last: String,
}

impl Store {
    /// Keeps one.
    pub fn keep(&mut self, word: &str) {
        self.words.push(word.to_owned());
    }

    fn hidden(&self) {}
}

/// What keeps.
pub trait Keeps {
    /// Whether it is full.
    fn is_full(&self) -> bool;

    /// Whether it is not.
    fn has_room(&self) -> bool {
        !self.is_full()
    }
}

/// Some.
pub type Words = Vec<String>;

/// Takes much.
pub fn many<T>(
    one: T,
    other: T,
) -> usize
where
    T: Copy,
{
    0
}
";

/// The workspace.
struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// As it was written by hand: nothing is in its blocks yet.
    fn written() -> Self {
        let workspace = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let table = "pub mod ch01;\npub mod ch02;\n";
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"2\" height=\"3\"/>\n";
        for (path, text) in [
            (BOOK, BOOK_TEXT),
            (FIRST, FIRST_TEXT),
            (SECOND, SECOND_TEXT),
            (
                "README.md",
                "# Read\n\n[First](chapters/ch01-first/README.md)\n",
            ),
            ("pages/figures/a.svg", svg),
            (
                "chapters/ch01-first/src/main.rs",
                "//! Chapter 1: counts.\n",
            ),
            (
                "chapters/ch02-second/src/main.rs",
                "//! Chapter 2: keeps.\n",
            ),
            ("common/src/lib.rs", table),
            ("common/src/ch01/mod.rs", "//! Counts.\npub mod counter;\n"),
            ("common/src/ch01/counter.rs", COUNTER),
            ("common/src/ch02/mod.rs", "//! Keeps.\npub mod store;\n"),
            ("common/src/ch02/store.rs", STORE),
        ] {
            workspace.write(path, text);
        }
        workspace
    }

    /// With its blocks filled in.
    fn filled() -> Self {
        let workspace = Self::written();
        let said = workspace.book(&[]);
        assert!(said.starts_with("exit code 0\n"), "{said}");
        workspace
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        let folder = path.parent().expect("a folder");
        fs::create_dir_all(folder).expect("a folder is made");
        fs::write(path, text).expect("a file is written");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).expect("a file is read")
    }

    /// What `cargo course book` says, with its exit code first.
    fn book(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_course"))
            .env(
                "CARGO_MANIFEST_DIR",
                self.folder.path().join("tests/course"),
            )
            .current_dir(self.folder.path())
            .arg("book")
            .args(arguments)
            .output()
            .expect("the course runs");
        text(&output)
    }

    fn check(&self) -> String {
        self.book(&["--check"])
    }

    /// Changes a file in one place, and gives the line of the change.
    fn change(&self, path: &str, from: &str, to: &str) -> usize {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}:\n{text}");
        let changed = text.replacen(from, to, 1);
        self.write(path, &changed);
        let pairs = text.bytes().zip(changed.bytes());
        let same = pairs.take_while(|(old, new)| old == new).count();
        1 + text[..same].matches('\n').count()
    }
}

/// Checks that a change is refused where it stands, and with these words.
fn is_found(path: &str, from: &str, to: &str, words: &str) {
    let workspace = Workspace::filled();
    let line = workspace.change(path, from, to);
    is_said(&workspace, path, line, words);
}

fn is_said(workspace: &Workspace, path: &str, line: usize, words: &str) {
    let said = workspace.check();
    assert!(said.starts_with("exit code 1\n"), "{said}");
    let place = format!("{path}:{line}: ");
    let is_it = |line: &str| line.starts_with(&place) && line.contains(words);
    assert!(said.lines().any(is_it), "not said: {place}{words}\n{said}");
}

/// The line, counted from 1, of a text that stands in one line alone.
fn line_of(workspace: &Workspace, path: &str, text: &str) -> usize {
    let file = workspace.read(path);
    assert_eq!(file.matches(text).count(), 1, "{text} in {path}");
    1 + file[..file.find(text).expect("it is there")]
        .matches('\n')
        .count()
}

#[test]
fn what_the_excerpts_hold() {
    let workspace = Workspace::filled();
    let said = workspace.check();
    assert!(said.starts_with("exit code 0\n"), "{said}");
    assert_snapshot!("first", workspace.read(FIRST));
    assert_snapshot!("second", workspace.read(SECOND));
    assert_snapshot!("spine", workspace.read(BOOK));
}

/// To fill in what is filled in changes nothing.
#[test]
fn twice_is_as_once() {
    let workspace = Workspace::filled();
    let files = || [BOOK, FIRST, SECOND].map(|path| workspace.read(path));
    let once = files();
    workspace.book(&[]);
    assert_eq!(files(), once);
}

#[test]
fn a_change_in_an_excerpt() {
    is_found(FIRST, "    value: usize", "    value: u8", "item:");
    is_found(FIRST, "self.value += 1;", "self.value += 2;", "item:");
    is_found(FIRST, "impl Counter {", "impl Counters {", "item:");
    is_found(FIRST, "    // …\n", "    // ...\n", "item:");
    is_found(FIRST, "        let three = two;\n", "", "item:");
    is_found(
        FIRST,
        "assert!(counter",
        "assert!(!counter",
        "tests::counts_up",
    );
    is_found(
        SECOND,
        "    pub last: String",
        "    last: String",
        "signature:",
    );
    is_found(SECOND, "-> bool;", "-> bool {}", "signature:");
    is_found(
        SECOND,
        "//! Chapter 2: keeps.",
        "//! Chapter 2: keep.",
        "file:",
    );
}

#[test]
fn a_change_in_a_source() {
    for (source, from, to, place, words) in [
        (
            "common/src/ch01/counter.rs",
            "+= 1",
            "+= 2",
            (FIRST, "+= 1"),
            "item:",
        ),
        (
            "common/src/ch01/counter.rs",
            "/// Goes up",
            "/// Goes on",
            (FIRST, "/// Goes up"),
            "item:",
        ),
        (
            "common/src/ch01/counter.rs",
            "Makes one",
            "Makes a",
            (FIRST, "Makes one"),
            "rest:",
        ),
        (
            "common/src/ch02/store.rs",
            "    other: T",
            "    others: T",
            (SECOND, "    other: T"),
            "signature:",
        ),
    ] {
        let workspace = Workspace::filled();
        workspace.change(source, from, to);
        let line = line_of(&workspace, place.0, place.1);
        is_said(&workspace, place.0, line, words);
    }
}

#[test]
fn a_change_in_a_caption() {
    is_found(
        FIRST,
        "<sub>[`common/src/ch01",
        "<sub>[`common/src/ch02",
        "item:",
    );
    is_found(FIRST, "](../../common", "](../common", "item:");
    is_found(FIRST, ", in `long`</sub>", "</sub>", "item:");
    is_found(SECOND, ", in outline</sub>\n", "</sub>\n", "signature:");
}

#[test]
fn a_change_in_a_list_of_the_rest() {
    is_found(
        FIRST,
        "- `MOST`: How far it counts, which is far.\n",
        "",
        "rest:",
    );
    is_found(FIRST, "README.md#the-store", "README.md#a-store", "rest:");
    is_found(
        FIRST,
        "`a_counter_begins_with_nothing`",
        "`a_counter`",
        "rest:",
    );
    is_found(
        SECOND,
        "- `Store::hidden`\n",
        "- `Store::hidden`\n- More.\n",
        "rest:",
    );
}

#[test]
fn a_change_in_what_leads_through_the_book() {
    is_found(FIRST, "Before: ", "Before ", "turn:");
    is_found(
        BOOK,
        "You will build a [counter]",
        "You build a [counter]",
        "chapter:",
    );
    is_found(
        BOOK,
        "cargo run -p ch01-first",
        "cargo run -p ch02-second",
        "chapter:",
    );
    is_found(
        BOOK,
        "- [Chapter 2: keeping]",
        "- [Chapter 2: storing]",
        "the heading that",
    );
    is_found(BOOK, "(#words)", "(#word)", "#word");
}

#[test]
fn a_part_that_the_contents_leave_out() {
    let workspace = Workspace::filled();
    workspace.change(BOOK, "- [Words](#words)\n", "");
    is_said(
        &workspace,
        BOOK,
        line_of(&workspace, BOOK, "## Words"),
        "do not lead to \"Words\"",
    );
    workspace.change(
        BOOK,
        "- [Chapter 2: keeping](chapters/ch02-second/README.md)\n",
        "",
    );
    is_said(
        &workspace,
        BOOK,
        1,
        "do not lead to chapters/ch02-second/README.md",
    );
}

#[test]
fn a_name_that_nothing_has() {
    is_found(
        FIRST,
        "counter.rs Counter -->",
        "counter.rs Clock -->",
        "no item Clock",
    );
    is_found(
        FIRST,
        "Counter as From",
        "Counter as Into",
        "no item Counter as Into",
    );
    is_found(
        FIRST,
        "tests::counts_up",
        "tests::counts",
        "no item tests::counts",
    );
    is_found(
        FIRST,
        "to: \"let one\"",
        "to: \"let six\"",
        "no line with \"let six\"",
    );
    is_found(
        FIRST,
        "to: \"let one\"",
        "to: \"let\"",
        "several lines with \"let\"",
    );
    is_found(
        FIRST,
        "\"let four\"",
        "\"let one\"",
        "has the last line before the first one",
    );
    is_found(
        FIRST,
        "rest: common/src/ch01",
        "rest: common/src/ch03",
        "there is no file",
    );
}

/// A block that goes is missed, and so is its item in the list of the rest.
#[test]
fn an_item_that_a_chapter_no_longer_shows() {
    for has_rest in [true, false] {
        let workspace = Workspace::filled();
        if !has_rest {
            let text = workspace.read(FIRST);
            let (before, rest) = text.split_once("<!-- rest: ").expect("a list");
            let (_, after) = rest.split_once("<!-- end -->\n").expect("its end");
            workspace.write(FIRST, &format!("{before}{after}"));
        }
        let text = workspace.read(FIRST);
        let (before, block) = text.split_once("<!-- item: ").expect("a block");
        let (_, after) = block.split_once("</sub>\n").expect("a caption");
        workspace.write(FIRST, &format!("{before}{after}"));
        match has_rest {
            true => {
                let line = line_of(&workspace, FIRST, "- `Counter::new`");
                is_said(
                    &workspace,
                    FIRST,
                    line,
                    "there \"- `Counter`: A number that goes up.\"",
                );
            }
            false => {
                let line = line_of(&workspace, FIRST, "tests::counts_up");
                let words = "neither shown nor in a `rest: common/src/ch01/counter.rs`: \
                             MOST, Counter, Counter::new, Counter::reset, \
                             Counter as Display, system, system, \
                             tests::a_counter_begins_with_nothing";
                is_said(&workspace, FIRST, line, words);
            }
        }
    }
}

/// A chapter that says nothing of a module that it brings is refused, whether the modules
/// of the chapters lie in folders or side by side.
#[test]
fn a_module_that_is_not_named() {
    const WITHOUT: &str = "# Chapter 2: keeping\n\nNothing.\n";
    let workspace = Workspace::filled();
    workspace.write(SECOND, WITHOUT);
    is_said(
        &workspace,
        SECOND,
        1,
        "`rest: common/src/ch02/store.rs`: Store, Store::keep",
    );

    // Of tests that have a file of their own, what helps them is nobody's affair.
    let workspace = Workspace::filled();
    let tests = "fn helper() {}\n\n#[test]\nfn keeps() {\n    helper();\n}\n";
    workspace.write("common/src/ch02/store/tests.rs", tests);
    let words = "neither shown nor in a `rest: common/src/ch02/store/tests.rs`: keeps";
    is_said(&workspace, SECOND, 1, words);
    assert!(!workspace.check().contains("helper"));

    let workspace = Workspace::filled();
    workspace.write(SECOND, WITHOUT);
    let folder = workspace.folder.path().join("common/src/ch02");
    fs::remove_dir_all(folder).expect("a folder is removed");
    workspace.write("common/src/store.rs", STORE);
    workspace.write("common/src/other.rs", STORE);
    let table = "#[cfg(feature = \"ch02\")]\npub mod store;\n\
                 #[cfg(feature = \"ch02\")]\npub use store::Store;\n\
                 #[cfg(feature = \"ch03\")]\npub mod other;\n";
    workspace.write("common/src/lib.rs", table);
    is_said(
        &workspace,
        SECOND,
        1,
        "`rest: common/src/store.rs`: Store, Store::keep",
    );
    assert!(!workspace.check().contains("other.rs"));
}

#[test]
fn what_is_shown_twice() {
    const RESET: &str = "<!-- item: common/src/ch01/counter.rs Counter::reset -->";
    const AGAIN: &str = "<!-- item: common/src/ch01/counter.rs Counter::count again -->";
    let workspace = Workspace::filled();
    workspace.change(SECOND, RESET, &AGAIN.replace(" again", ""));
    workspace.book(&[]);
    let first = line_of(&workspace, FIRST, "Counter::count Counter::value -->");
    let words = format!("Counter::count is shown at {FIRST}:{first} already");
    let line = line_of(&workspace, SECOND, "Counter::count -->");
    is_said(&workspace, SECOND, line, &words);
    workspace.change(SECOND, &AGAIN.replace(" again", ""), AGAIN);
    let said = workspace.check();
    assert!(said.starts_with("exit code 0\n"), "{said}");
    // Nothing shows this one before.
    let again = RESET.replace(" -->", " again -->");
    is_found(SECOND, RESET, &again, "needs no `again`");
}

#[test]
fn what_is_too_long() {
    let workspace = Workspace::filled();
    let lines = |count: usize| format!("//! Chapter 2: keeps.\n{}", "// More.\n".repeat(count - 1));
    workspace.write("chapters/ch02-second/src/main.rs", &lines(40));
    let said = workspace.book(&[]);
    assert!(said.starts_with("exit code 0\n"), "{said}");
    workspace.write("chapters/ch02-second/src/main.rs", &lines(41));
    workspace.book(&[]);
    let line = line_of(&workspace, SECOND, "<!-- file: chapters");
    is_said(&workspace, SECOND, line, "a block of 41 lines");
    workspace.change(SECOND, "src/main.rs -->", "src/main.rs long -->");
    let said = workspace.check();
    assert!(said.starts_with("exit code 0\n"), "{said}");
    workspace.write("chapters/ch02-second/src/main.rs", &lines(40));
    workspace.book(&[]);
    is_said(
        &workspace,
        SECOND,
        line,
        "a block of 40 lines needs no `long`",
    );
}

#[test]
fn two_blocks_that_touch() {
    let workspace = Workspace::filled();
    workspace.change(FIRST, "Two of its methods count.\n\n", "### Methods\n\n");
    let line = line_of(&workspace, FIRST, "Counter::count Counter::value -->");
    is_said(&workspace, FIRST, line, "without a sentence between");
}

/// Of a file that is named, that file alone is said, and rewritten.
#[test]
fn one_file_of_the_book() {
    let workspace = Workspace::written();
    let said = workspace.book(&[FIRST]);
    assert!(said.starts_with("exit code 0\n"), "{said}");
    assert!(workspace.read(FIRST).contains("self.value += 1;"));
    assert_eq!(workspace.read(SECOND), SECOND_TEXT);
}

/// All of the book in one file: the parts in their order, their headings below the
/// book's, the links inside of it, and those to files from where it lies.
#[test]
fn the_whole_book_as_markdown() {
    let workspace = Workspace::filled();
    fs::create_dir(workspace.folder.path().join("out")).expect("a folder is made");
    let said = workspace.book(&["--whole", "out/whole.md"]);
    assert!(said.starts_with("exit code 0\n"), "{said}");
    let whole = workspace.read("out/whole.md");
    let headings: Vec<&str> = whole.lines().filter(|line| line.starts_with('#')).collect();
    let code = ["#[derive(Debug)]", "#[must_use]", "#[test]"];
    let headings: Vec<&str> = headings
        .into_iter()
        .filter(|line| !code.contains(line))
        .collect();
    assert_eq!(
        headings,
        [
            "# A book",
            "## Contents",
            "## Part one",
            "## Chapter 1: counting",
            "### The idea",
            "## Chapter 2: keeping",
            "### The store",
            "## Words",
        ]
    );
    for words in [
        "[counting](#the-idea)",
        "[Chapter 1: counting](#chapter-1-counting)",
        "[counter](#chapter-2-keeping)",
        "![A drawing.](../pages/figures/a.svg)",
        "[its idea](#the-idea)",
        "](../common/src/ch01/counter.rs)",
        "[Chapter 2](#the-store) shows it",
    ] {
        assert!(whole.contains(words), "{words}\n{whole}");
    }
    assert!(!whole.contains("Before: "));
}

#[test]
fn the_whole_book_as_a_page() {
    let workspace = Workspace::filled();
    let said = workspace.book(&["--whole", "whole.html"]);
    assert!(said.starts_with("exit code 0\n"), "{said}");
    let whole = workspace.read("whole.html");
    for words in [
        "<a href=\"#chapter-1-counting\">",
        "<h3 id=\"the-store\">",
        "src=\"data:image/svg+xml;base64,",
        "width=2 height=3",
        "@media print",
    ] {
        assert!(whole.contains(words), "{words}\n{whole}");
    }
    let said = workspace.book(&["--whole", "whole.txt"]);
    assert!(said.contains("neither in .md nor in .html"), "{said}");
    assert!(!Path::new(&workspace.folder.path().join("whole.txt")).exists());
}

#[test]
fn what_is_measured() {
    let workspace = Workspace::filled();
    assert_snapshot!("measure", workspace.book(&["--measure"]));
}
