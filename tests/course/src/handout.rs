//! `cargo course handout`: the workspace for those who are to find the solutions
//! themselves.

mod sheet;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use toml_edit::DocumentMut;

use crate::archive::{files_below, write};
use crate::book::{Book, SPINE, path_of};
use crate::chapters::{Chapter, Course, read};
use crate::exercise::Exercise;
use crate::start::MY_SERVER;

/// What the workspace is made of; whatever else lies beside it is the teacher's.
const PARTS: [&str; 14] = [
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".gitattributes",
    ".gitignore",
    "BOOK.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "common",
    "pages",
    "tests",
    // Where it was made, `.cargo` says that cargo is to look for crates there.
    "vendor",
];

/// What the names of solutions end in. Other examples stay.
const SOLUTION: &str = "-solution";
const SOLUTION_FILE: &str = "-solution.rs";

/// A crate that is made of the solutions.
const WRONG_ANSWERS: &str = "wrong-answers";

/// Tests of the course itself, which know the solutions and wrong answers, and the
/// servers that they check.
const TESTS_OF_THE_COURSE: [&str; 3] = [
    "tests/course/tests/",
    "tests/course/servers/",
    "tests/wrong-answers/",
];

/// The part of the book that learners do without.
const FOR_THE_TEACHER: &str = "For the teacher";

/// What checks each push of a learner for GitHub Classroom.
const CLASSROOM: &str = include_str!("handout/classroom.yml");

/// What the command line asks for.
pub struct Options {
    pub no_last_hint: bool,
    /// The chapter that GitHub Classroom is to check.
    pub classroom: Option<String>,
}

/// Makes the folder, which may not hold anything yet.
pub fn handout(course: &Course, folder: &Path, options: &Options) -> anyhow::Result<()> {
    let no_last_hint = options.no_last_hint;
    let classroom = options.classroom.as_deref();
    let classroom = classroom.map(|called| course.chapter(called)).transpose()?;
    let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    ensure!(
        is_empty,
        "{} is there already and stays as it is; name a new folder",
        folder.display()
    );
    // All of it is read before anything is written, which may lie in between.
    let mut files = Vec::new();
    for part in PARTS {
        if course.root.join(part).exists() {
            files.extend(files_below(&course.root, part)?);
        }
    }
    for chapter in &course.chapters {
        files.extend(files_below(
            &course.root,
            &format!("chapters/{}", chapter.name),
        )?);
    }
    let book = Book::load(course)?;
    let mut count = 0;
    for path in files {
        let is_left_out = TESTS_OF_THE_COURSE
            .iter()
            .any(|tests| path.starts_with(tests))
            || path.starts_with("chapters/") && path.ends_with(SOLUTION_FILE);
        if is_left_out {
            continue;
        }
        let source = course.root.join(&path);
        let target = folder.join(&path);
        match changed(course, &book, &path, no_last_hint)? {
            Some(text) => write(&target, text.as_bytes())?,
            None => {
                let bytes = fs::read(&source);
                let bytes = bytes.with_context(|| format!("cannot read {}", source.display()))?;
                write(&target, &bytes)?;
                keep_permissions(&source, &target)?;
            }
        }
        count += 1;
    }
    for chapter in &course.chapters {
        let path = format!("{}/{}.md", sheet::FOLDER, chapter.name);
        write(&folder.join(path), sheet::of(course, chapter)?.as_bytes())?;
        count += 1;
    }
    if let Some(chapter) = classroom {
        let workflow = CLASSROOM.replace("[chapter]", &chapter.number);
        let path = folder.join(".github/workflows/classroom.yml");
        write(&path, workflow.as_bytes())?;
        // There the learner's crate is what is pushed.
        let path = folder.join(".gitignore");
        let ignored = read(&path)?;
        let own = format!("/chapters/{MY_SERVER}");
        let lines = ignored.split_inclusive('\n');
        let kept: String = lines.filter(|line| line.trim_end() != own).collect();
        write(&path, kept.as_bytes())?;
        count += 1;
    }
    say!("Made {}: {count} files,", folder.display());
    say!("without the solutions, the tests that need them, and the teacher's part of the book;");
    if no_last_hint {
        say!("each exercise has lost its last hint;");
    }
    say!("with a page for each chapter in {}/.", sheet::FOLDER);
    if let Some(chapter) = classroom {
        say!(
            "GitHub Classroom checks chapter {} at each push.",
            chapter.number
        );
    }
    say!("\nTry it:  cd {} && cargo test", folder.display());
    Ok(())
}

/// The text of a file that is not the same in the handout.
fn changed(
    course: &Course,
    book: &Book,
    path: &str,
    no_last_hint: bool,
) -> anyhow::Result<Option<String>> {
    let text = || read(&course.root.join(path));
    let words: Vec<&str> = path.split('/').collect();
    let new = match words[..] {
        _ if book.position(path).is_some() => text_of_book(course, path, &text()?, no_last_hint)?,
        ["README.md"] => readme(&text()?)?,
        ["Cargo.lock"] => lock_file(&text()?)?,
        ["Cargo.toml"] => workspace(&text()?)?,
        ["chapters", _, "Cargo.toml"] => manifest(&text()?, "example")?,
        ["tests", "course", "Cargo.toml"] => manifest(&text()?, "bin")?,
        ["tests", name] if name.ends_with(".rs") => without_exercises(&text()?),
        ["tests", "course", "exercises", _] if no_last_hint => without_last_hint(&text()?),
        _ => return Ok(None),
    };
    Ok(Some(new))
}

/// A script stays one.
fn keep_permissions(source: &Path, target: &Path) -> anyhow::Result<()> {
    fs::metadata(source)
        .and_then(|metadata| fs::set_permissions(target, metadata.permissions()))
        .with_context(|| format!("cannot write {}", target.display()))
}

/// A text of the book without the teacher's part, without what names a solution, and
/// without the last hint of each exercise where that is wanted.
fn text_of_book(
    course: &Course,
    path: &str,
    text: &str,
    no_last_hint: bool,
) -> anyhow::Result<String> {
    let mut text = match path {
        SPINE => without_section(text, FOR_THE_TEACHER)?,
        _ => text.to_owned(),
    };
    if no_last_hint {
        let is_here =
            |chapter: &&Chapter| path_of(chapter) == path && Exercise::is_there(course, chapter);
        for chapter in course.chapters.iter().filter(is_here) {
            let last = Exercise::of(course, chapter)?.hints.len();
            let comment = format!("<!-- hint: {} {last} -->", chapter.number);
            text = without_fold(&text, &comment)
                .with_context(|| format!("{path} has no {comment} in a fold"))?;
        }
    }
    let paragraphs: Vec<String> = text.split("\n\n").map(without_solution).collect();
    Ok(paragraphs.join("\n\n"))
}

/// A text without one of its sections, and without the line of its contents that
/// leads there.
fn without_section(text: &str, title: &str) -> anyhow::Result<String> {
    let heading = format!("\n## {title}\n");
    let Some((before, section)) = text.split_once(&heading) else {
        bail!("the book has no section {title:?}");
    };
    let after = section.split_once("\n## ");
    let after = after.map_or(String::new(), |(_, after)| format!("\n## {after}"));
    let entry = format!("- [{title}](");
    let lines = before.split_inclusive('\n');
    let before: String = lines.filter(|line| !line.starts_with(&entry)).collect();
    Ok(before + &after)
}

/// A text without the fold, from `<details>` to `</details>`, that this comment
/// stands in.
fn without_fold(text: &str, comment: &str) -> Option<String> {
    let at = text.find(comment)?;
    let start = text[..at].rfind("<details>")?;
    let end = at + text[at..].find("</details>")? + "</details>".len();
    Some(text[..start].trim_end().to_owned() + &text[end..])
}

/// A paragraph without the sentences that lead to a solution.
fn without_solution(paragraph: &str) -> String {
    let names_one = |text: &str| text.contains(SOLUTION);
    if !names_one(paragraph) {
        return paragraph.to_owned();
    }
    // A point inside a name has no space behind it.
    let sentences = paragraph
        .split_inclusive(". ")
        .flat_map(|part| part.split_inclusive(".\n"));
    let kept: String = sentences.filter(|sentence| !names_one(sentence)).collect();
    kept.trim_end().to_owned()
}

/// README.md without the way to the teacher's part, and with the way to the sheets.
fn readme(text: &str) -> anyhow::Result<String> {
    const BOOK: &str = "- [BOOK.md](BOOK.md)";
    let items = text.split_inclusive('\n');
    let text: String = items
        .filter(|line| !line.contains("BOOK.md#for-the-teacher"))
        .collect();
    ensure!(text.contains(BOOK), "README.md has no item {BOOK}");
    let sheets = format!(
        "- [`{0}/`]({0}): one page for each chapter.\n",
        sheet::FOLDER
    );
    Ok(text.replacen(BOOK, &(sheets + BOOK), 1))
}

/// Cargo.lock without the crates of who hands out, and without the one that is left out.
fn lock_file(text: &str) -> anyhow::Result<String> {
    let mut lock: DocumentMut = text.parse().context("Cargo.lock cannot be read")?;
    if let Some(packages) = lock["package"].as_array_of_tables_mut() {
        packages.retain(|package| {
            let name = package.get("name").and_then(|name| name.as_str());
            !name.is_some_and(|name| name.starts_with(MY_SERVER) || name == WRONG_ANSWERS)
        });
    }
    Ok(lock.to_string())
}

/// The workspace's Cargo.toml without the crate that is left out, and all that concerns it.
fn workspace(text: &str) -> anyhow::Result<String> {
    let mut manifest: DocumentMut = text.parse().context("Cargo.toml cannot be read")?;
    if let Some(members) = manifest["workspace"]["members"].as_array_mut() {
        members.retain(|member| {
            !member
                .as_str()
                .is_some_and(|it| it.ends_with(WRONG_ANSWERS))
        });
    }
    if let Some(workspace) = manifest["workspace"].as_table_mut() {
        workspace.remove("default-members");
    }
    if let Some(packages) = manifest["profile"]["dev"]["package"].as_table_mut() {
        packages.remove(WRONG_ANSWERS);
    }
    Ok(manifest.to_string())
}

/// A manifest without the targets of one kind whose files are left out.
fn manifest(text: &str, kind: &str) -> anyhow::Result<String> {
    let mut manifest: DocumentMut = text.parse().context("a Cargo.toml cannot be read")?;
    let is_empty = match manifest
        .get_mut(kind)
        .and_then(|item| item.as_array_of_tables_mut())
    {
        None => false,
        Some(targets) => {
            targets.retain(|target| {
                let path = target.get("path").and_then(|path| path.as_str());
                path.is_some_and(|path| path.starts_with("src/"))
            });
            targets.is_empty()
        }
    };
    if is_empty {
        manifest.remove(kind);
    }
    Ok(manifest.to_string())
}

/// An exercise without its plainest hint.
fn without_last_hint(text: &str) -> String {
    let end = text.rfind("\n## Hint ").unwrap_or(text.len());
    text[..end].to_owned()
}

/// The tests of a chapter without those of its exercise, and without what only these
/// need.
fn without_exercises(text: &str) -> String {
    let mut items: Vec<&str> = items(text);
    items.retain(|item| !name_of(item).is_some_and(|name| name.starts_with("exercise_")));
    // What was needed by what is left out may need something else in its turn.
    loop {
        let is_needed = |item: &&str| {
            let is_for_others = item.contains("#[test]") || is_public(item);
            let Some(name) = name_of(item).filter(|_| !is_for_others) else {
                return true;
            };
            let mut others = items.iter().filter(|other| !std::ptr::eq(**other, *item));
            others.any(|other| mentions(other, name))
        };
        let needed: Vec<&str> = items
            .iter()
            .copied()
            .filter(|item| is_needed(item))
            .collect();
        if needed.len() == items.len() {
            return items.concat().trim_end().to_owned() + "\n";
        }
        items = needed;
    }
}

/// The items of a source file as rustfmt leaves it, each with the comments,
/// attributes and blank lines above it. An item ends with a line that has no indent.
fn items(text: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut length = 0;
        for line in rest.split_inclusive('\n') {
            length += line.len();
            let code = line.trim_end();
            let is_end = code == "}" || code == "};" || code == ");" || code.ends_with(';');
            if is_end && !code.starts_with([' ', '/', '#']) {
                break;
            }
        }
        let (item, after) = rest.split_at(length);
        items.push(item);
        rest = after;
    }
    items
}

/// The name of a function, constant or type.
fn name_of(item: &str) -> Option<&str> {
    let is_above = |line: &&str| line.is_empty() || line.starts_with(['/', '#']);
    let head = item.lines().find(|line| !is_above(line))?;
    let mut words = words(head).skip_while(|word| *word == "pub");
    let kind = words.next()?;
    ["fn", "const", "static", "struct", "enum"]
        .contains(&kind)
        .then_some(())?;
    words.next()
}

/// Whether other files may use an item.
fn is_public(item: &str) -> bool {
    item.lines().any(|line| line.starts_with("pub "))
}

/// Whether an item's code mentions a name, and not only its comments or texts do.
fn mentions(item: &str, name: &str) -> bool {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code: Vec<&str> = item.lines().filter(is_code).collect();
    let code = code.join("\n").replace("\\\"", "");
    // What stands in a text between braces is put in by `format!`.
    if code.contains(&format!("{{{name}}}")) {
        return true;
    }
    let outside_of_texts = code.split('"').step_by(2);
    outside_of_texts.flat_map(words).any(|word| word == name)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_without_those_of_the_exercise() {
        let text = "//! A chapter.\n\nuse harness::Server;\n\nconst CHAPTER: &str = \"ch\";\n\n\
                    /// Used by both.\nfn get() -> &'static str {\n    CHAPTER\n}\n\n\
                    #[test]\nfn page() {\n    // No solution.\n    get(\"a \\\"deeper\\\" one\");\n}\n\n\
                    fn solution() -> Server {\n    deeper()\n}\n\n\
                    fn deeper() -> Server {\n    Server\n}\n\n\
                    /// Asks.\n#[test]\nfn exercise_name() {\n    solution();\n    get();\n}\n";
        let without = without_exercises(text);
        let end = text.find("\nfn solution").unwrap();
        assert_eq!(without, text[..end]);
    }

    #[test]
    fn paragraphs_without_the_way_to_a_solution() {
        for (with, without) in [
            ("No. Nothing.", "No. Nothing."),
            (
                "Check it with `a.b`. The\nsolution is `chapters/a/examples/a-solution.rs`, and\n`b` runs it.",
                "Check it with `a.b`.",
            ),
            (
                "`cargo run --example a-solution` runs it.\nAnd more.",
                "And more.",
            ),
        ] {
            assert_eq!(without_solution(with), without);
        }
    }

    #[test]
    fn a_section_and_its_entry_go() {
        let text =
            "# B\n\n- [One](#one)\n- [Two](#two)\n\n## One\n\n1\n\n## Two\n\n2\n\n## Three\n";
        let without = without_section(text, "Two").unwrap();
        assert_eq!(without, "# B\n\n- [One](#one)\n\n## One\n\n1\n\n## Three\n");
        assert!(without_section(&without, "Two").is_err());
    }

    #[test]
    fn a_fold_goes() {
        let text = "a\n\n<details>1\n</details>\n\n<details>2\n\n<!-- x -->\n</details>\n\nb\n";
        let without = without_fold(text, "<!-- x -->").unwrap();
        assert_eq!(without, "a\n\n<details>1\n</details>\n\nb\n");
    }
}
