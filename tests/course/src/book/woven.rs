//! What a text owes the code that it is about: all that its chapter brings is shown or
//! named, nothing is shown twice, nothing is too long to read, and between two pieces of
//! code something is said.

use std::fs;
use std::path::Path;

use super::blocks::{Block, scan};
use super::rest::shown_in;
use super::rust::{Kind, Unit};
use super::{Context, Problem};
use crate::chapters::{Chapter, Course};

/// How many lines a block of code may have.
pub const MOST_LINES: usize = 40;

/// What is code, and not what somebody typed or a program printed.
const CODE: [&str; 8] = [
    "case",
    "code",
    "diff",
    "file",
    "item",
    "signature",
    "tests",
    "wire",
];

/// What a file of the book owes its code.
pub fn check(context: &Context, file: usize) -> Vec<Problem> {
    let own = &context.book.files[file];
    let lines: Vec<&str> = own.text.lines().collect();
    let (blocks, _) = scan(&lines);
    let mut problems = Vec::new();
    if let Some(chapter) = own.chapter(context.course) {
        for path in modules_of(context.course, chapter) {
            problems.extend(unnamed(context, file, &path, &blocks));
        }
    }
    problems.extend(shown_twice(context, file));
    problems.extend(too_long(&blocks));
    problems.extend(touching(&lines, &blocks));
    problems
}

/// The files of `common` that come with a chapter, by their paths from the workspace's
/// root: those in its folder, and those that the table in `lib.rs` has by its feature.
pub fn modules_of(course: &Course, chapter: &Chapter) -> Vec<String> {
    let short = chapter.short_name();
    let mut modules = Vec::new();
    let common = course.root.join("common/src");
    rust_files(
        &common.join(short),
        &format!("common/src/{short}"),
        &mut modules,
    );
    let table = fs::read_to_string(common.join("lib.rs")).unwrap_or_default();
    let feature = format!("#[cfg(feature = \"{short}\")]");
    let mut lines = table.lines();
    while let Some(line) = lines.next() {
        let module = match line.trim() == feature {
            true => lines.next().unwrap_or_default(),
            false => continue,
        };
        if let Some(name) = module.trim().strip_prefix("pub mod ") {
            let path = format!("common/src/{}.rs", name.trim_end_matches(';'));
            if course.root.join(&path).exists() {
                modules.push(path);
            }
        }
    }
    modules.sort();
    modules
}

fn rust_files(folder: &Path, path: &str, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{path}/{name}");
        if entry.path().is_dir() {
            rust_files(&entry.path(), &path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

/// The items of a module that the chapter that brings it neither shows nor names.
fn unnamed(context: &Context, file: usize, path: &str, blocks: &[Block]) -> Option<Problem> {
    if blocks.iter().any(|block| block.kind() == ("rest", path)) {
        return None;
    }
    let last = blocks.iter().rfind(|block| {
        let excerpt = block.excerpt();
        excerpt.is_some_and(|excerpt| excerpt.path == path)
    });
    let line = last.map_or(1, |block| block.at + 1);
    let rust = match context.sources.rust(path) {
        Ok(rust) => rust,
        Err(text) => return Some(Problem { line, text }),
    };
    let shown = shown_in(context, file, path);
    let is_owed = |unit: &&Unit| unit.kind != Kind::Part;
    let is_left = |unit: &&Unit| !unit.lines.clone().any(|line| shown.contains(&line));
    let left = rust.units.iter().filter(is_owed).filter(is_left);
    let names: Vec<&str> = left.map(|unit| &*unit.name).collect();
    if names.is_empty() {
        return None;
    }
    let text = format!(
        "neither shown nor in a `rest: {path}`: {}",
        names.join(", ")
    );
    Some(Problem { line, text })
}

/// The excerpts that show lines which another one has shown, and do not say so.
fn shown_twice(context: &Context, file: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, showing) in context.showings.iter().enumerate() {
        if showing.file != file {
            continue;
        }
        let mut before = context.showings[..number].iter();
        let same = before.find_map(|earlier| {
            let lines = showing.lines.intersection(&earlier.lines);
            let line = lines
                .copied()
                .next()
                .filter(|_| earlier.path == showing.path)?;
            Some((earlier, line))
        });
        let line = showing.line;
        match same {
            Some((earlier, at)) if !showing.is_again => {
                let text = format!(
                    "{} is shown at {}:{} already; where that is meant, its comment ends in `again`",
                    name_at(context, &showing.path, at),
                    context.book.files[earlier.file].path,
                    earlier.line
                );
                problems.push(Problem { line, text });
            }
            None if showing.is_again => {
                let text = "nothing of it was shown before: it needs no `again`".to_owned();
                problems.push(Problem { line, text });
            }
            _ => {}
        }
    }
    problems
}

/// How the innermost item at a line of a file is called.
fn name_at(context: &Context, path: &str, line: usize) -> String {
    let at_line = format!("line {line} of {path}");
    if !path.ends_with(".rs") {
        return at_line;
    }
    let Ok(rust) = context.sources.rust(path) else {
        return at_line;
    };
    let around = rust.units.iter().filter(|unit| unit.lines.contains(&line));
    let innermost = around.min_by_key(|unit| unit.lines.end() - unit.lines.start());
    innermost.map_or(at_line, |unit| unit.name.clone())
}

fn too_long(blocks: &[Block]) -> Vec<Problem> {
    let code = blocks.iter().filter(|block| !block.is_markdown);
    let wrong = code.filter_map(|block| {
        let line = block.at + 1;
        let length = block.content.len();
        let text = match (length > MOST_LINES, block.is_long) {
            (true, false) => format!(
                "a block of {length} lines; above {MOST_LINES} its comment has to end in `long`"
            ),
            (false, true) => format!("a block of {length} lines needs no `long`"),
            _ => return None,
        };
        Some(Problem { line, text })
    });
    wrong.collect()
}

/// The blocks of code that follow another one without a sentence between.
fn touching(lines: &[&str], blocks: &[Block]) -> Vec<Problem> {
    let is_code = |block: &Block| CODE.contains(&block.kind().0);
    let pairs = blocks.windows(2).filter(|pair| {
        let between = &lines[pair[0].end..pair[1].at];
        pair.iter().all(is_code) && !between.iter().any(|line| is_prose(line))
    });
    let touching = pairs.map(|pair| Problem {
        line: pair[1].at + 1,
        text: "a block of code right behind another one, without a sentence between".to_owned(),
    });
    touching.collect()
}

/// Whether a line says something: it is neither empty, nor a heading, nor marks alone.
fn is_prose(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with(['#', '<'])
}
