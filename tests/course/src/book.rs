//! `cargo course book`: keeps every block of BOOK.md as its source is, and finds
//! what the text names that does not exist.

mod blocks;
mod console;
mod names;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::chapters::{Course, read};

pub use names::{anchor, anchors};

/// Something wrong with a book, and the line it stands in, counted from 1.
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

/// Rewrites the blocks of a book from their sources, or checks them, and gives
/// whether all is well. Without a file it is BOOK.md, and README.md is checked
/// for what it names.
pub fn book(course: &Course, file: Option<&Path>, options: Options) -> anyhow::Result<bool> {
    let path: PathBuf = file.map_or_else(|| course.root.join("BOOK.md"), Path::to_owned);
    let text = read(&path)?;
    let rewritten = blocks::rewrite(course, &text, options.no_run);
    let mut problems = rewritten.problems;
    if options.check {
        problems.extend(rewritten.differences);
    } else if rewritten.text != text {
        fs::write(&path, &rewritten.text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    problems.extend(names::check(course, &text, &path));
    let mut is_well = report(&path, problems);
    if file.is_none() {
        let readme = course.root.join("README.md");
        is_well &= report(&readme, names::check(course, &read(&readme)?, &readme));
    }
    if is_well {
        say!("{} blocks are as their sources are", rewritten.blocks);
    }
    if rewritten.skipped > 0 {
        say!(
            "{} blocks of commands were not run: that takes curl and a Unix shell",
            rewritten.skipped
        );
    }
    Ok(is_well)
}

fn report(path: &Path, mut problems: Vec<Problem>) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    problems.sort_by_key(|problem| problem.line);
    for problem in &problems {
        say!("{name}:{}: {}", problem.line, problem.text);
    }
    problems.is_empty()
}
