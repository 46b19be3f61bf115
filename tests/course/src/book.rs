//! `cargo course book`: keeps every block of the book as its source is, and finds what
//! the text names that does not exist.

mod blocks;
mod console;
mod excerpt;
mod files;
mod links;
mod measure;
mod names;
mod rest;
mod rust;
mod source;
mod spine;
mod whole;
mod woven;

use std::collections::BTreeSet;
use std::fs;
use std::mem;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::chapters::{Course, read};
use crate::site;

pub use blocks::without_marks;
pub use files::{Book, CONTENTS, SPINE, path_of};
pub use names::{anchor, anchors};
pub use whole::load as whole_text;

/// Something wrong with a file of the book, and the line it stands in, counted from 1.
pub struct Problem {
    pub line: usize,
    pub text: String,
}

/// How the book is treated.
#[derive(Clone, Copy)]
pub struct Options {
    /// Nothing is written; a block that differs from its source is a problem.
    pub check: bool,
    /// The commands in it are not run.
    pub no_run: bool,
}

/// What is known of a book while its blocks are made.
pub struct Context<'a> {
    course: &'a Course,
    book: &'a Book,
    sources: excerpt::Sources,
    /// The excerpts of all files, in the order of the book.
    showings: Vec<Showing>,
}

/// An excerpt, as it stands in the book.
struct Showing {
    /// The file of the book, and the line of the comment there.
    file: usize,
    line: usize,
    is_again: bool,
    /// What it shows of which source.
    path: String,
    lines: BTreeSet<usize>,
}

impl<'a> Context<'a> {
    fn new(course: &'a Course, book: &'a Book) -> Self {
        let sources = excerpt::Sources::new(&course.root);
        let mut showings = Vec::new();
        for (number, file) in book.files.iter().enumerate() {
            let lines: Vec<&str> = file.text.lines().collect();
            for block in blocks::scan(&lines).0 {
                let Some(excerpt) = block.excerpt() else {
                    continue;
                };
                if let Ok(taken) = excerpt.take(&sources) {
                    showings.push(Showing {
                        file: number,
                        line: block.at + 1,
                        is_again: block.is_again,
                        path: excerpt.path,
                        lines: taken.lines,
                    });
                }
            }
        }
        Self {
            course,
            book,
            sources,
            showings,
        }
    }
}

/// Rewrites the blocks of the book from their sources, or checks them, and gives whether
/// all is well. README.md is checked for what it names. Where a file is named, it is that
/// one alone: one of the book's, or another.
pub fn book(course: &Course, file: Option<&Path>, options: Options) -> anyhow::Result<bool> {
    let own = Book::load(course)?;
    let named = match file {
        Some(path) => own_path(course, path)?.and_then(|path| own.position(&path)),
        None => None,
    };
    let book = match (file, named) {
        (Some(path), None) => Book::of_one(path)?,
        _ => own,
    };
    let is_own = file.is_none() || named.is_some();
    let is_meant = |number: &usize| named.is_none_or(|named| named == *number);
    let mut problems: Vec<Vec<Problem>> = book.files.iter().map(|_| Vec::new()).collect();
    let (mut blocks, mut skipped, mut has_written) = (0, 0, false);
    let context = Context::new(course, &book);
    for number in (0..book.files.len()).filter(is_meant) {
        let rewritten = blocks::rewrite(&context, number, options.no_run);
        problems[number].extend(rewritten.problems);
        blocks += rewritten.blocks;
        skipped += rewritten.skipped;
        if options.check {
            problems[number].extend(rewritten.differences);
        } else if rewritten.text != book.files[number].text {
            let path = course.root.join(&book.files[number].path);
            fs::write(&path, &rewritten.text)
                .with_context(|| format!("cannot write {}", path.display()))?;
            has_written = true;
        }
    }
    // What is said of a line is said of the file as it is now.
    let mut book = match (has_written, is_own, file) {
        (false, ..) => book,
        (true, false, Some(path)) => Book::of_one(path)?,
        _ => Book::load(course)?,
    };
    let context = Context::new(course, &book);
    for number in (0..book.files.len()).filter(is_meant) {
        let path = course.root.join(&book.files[number].path);
        let folder = match (is_own, path.parent()) {
            (true, Some(folder)) => folder,
            _ => &course.root,
        };
        problems[number].extend(names::check(course, &book.files[number].text, folder));
        problems[number].extend(woven::check(&context, number));
    }
    problems[0].extend(mem::take(&mut book.problems));
    let mut is_well = true;
    for (file, problems) in book.files.iter().zip(problems) {
        is_well &= report(&file.path, problems);
    }
    if file.is_none() {
        let readme = read(&course.root.join("README.md"))?;
        is_well &= report("README.md", names::check(course, &readme, &course.root));
    }
    if is_well {
        say!("{blocks} blocks are as their sources are");
    }
    if skipped > 0 {
        say!("{skipped} blocks of commands were not run: that takes curl and a Unix shell");
    }
    Ok(is_well)
}

/// Prints how much code there is beside how much text.
pub fn measure(course: &Course) -> anyhow::Result<()> {
    let book = Book::load(course)?;
    measure::measure(&Context::new(course, &book));
    Ok(())
}

/// Writes all of the book into one file: Markdown, or HTML where the file's name ends so.
pub fn write_whole(course: &Course, file: &Path) -> anyhow::Result<()> {
    let text = whole::load(course)?;
    let ending = file.extension().unwrap_or_default();
    let whole = match &*ending.to_string_lossy() {
        "md" => whole::with_links_from(&text, &way_to_root(course, file)?),
        "html" | "htm" => site::one_page(course, &text)?,
        _ => bail!("{} ends neither in .md nor in .html", file.display()),
    };
    fs::write(file, &whole).with_context(|| format!("cannot write {}", file.display()))?;
    say!("Made {}: {} bytes", file.display(), whole.len());
    Ok(())
}

/// How the workspace's root is written in links of this file, with a slash at its end.
fn way_to_root(course: &Course, file: &Path) -> anyhow::Result<String> {
    let folder = folder_of(file)?;
    let root = course
        .root
        .canonicalize()
        .context("the workspace has no path")?;
    let same = folder.components().zip(root.components());
    let same = same.take_while(|(one, other)| one == other).count();
    let up = folder.components().count() - same;
    let down = root.components().skip(same);
    let ways = vec![Component::ParentDir; up].into_iter().chain(down);
    let way = ways.map(|part| format!("{}/", part.as_os_str().to_string_lossy()));
    Ok(way.collect())
}

fn folder_of(file: &Path) -> anyhow::Result<PathBuf> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    folder
        .canonicalize()
        .with_context(|| format!("there is no folder {}", folder.display()))
}

/// The path of a file from the workspace's root, if it lies there.
fn own_path(course: &Course, file: &Path) -> anyhow::Result<Option<String>> {
    let Some(name) = file.file_name() else {
        return Ok(None);
    };
    let root = course
        .root
        .canonicalize()
        .context("the workspace has no path")?;
    let path = folder_of(file)?.join(name);
    let path = path.strip_prefix(&root).ok().map(|path| {
        let parts = path.iter().map(|part| part.to_string_lossy());
        parts.collect::<Vec<_>>().join("/")
    });
    Ok(path)
}

fn report(name: &str, mut problems: Vec<Problem>) -> bool {
    problems.sort_by_key(|problem| problem.line);
    for problem in &problems {
        say!("{name}:{}: {}", problem.line, problem.text);
    }
    problems.is_empty()
}
