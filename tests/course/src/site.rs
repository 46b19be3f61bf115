//! `cargo course site`: the book as a site, a page for each of its parts.

mod colour;
mod frame;
mod pages;
mod search;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::book;
use crate::chapters::{Course, read};
use crate::results::Results;

/// The files that are the same whatever the book says.
const STYLE: &str = include_str!("../site/style.css");
const SCRIPT: &str = include_str!("../site/book.js");

/// What shows the learner's results, and is written anew after each check.
const RESULTS: &str = "results.js";

/// Where the site is made when no folder is named. A server of part one or two whose
/// current directory is [`served_folder`] finds it below `pages/`.
fn own_folder(course: &Course) -> PathBuf {
    served_folder(course).join("pages/book")
}

/// Where a chapter's server has to run to serve the site.
pub fn served_folder(course: &Course) -> PathBuf {
    course.target_folder().join("course-site")
}

/// Makes the site, and gives its folder and how many pages it has. `source` is the
/// address that the path of a file is put behind to show it; without it, files are named
/// and not linked to.
pub fn make(
    course: &Course,
    folder: Option<&Path>,
    source: Option<&str>,
) -> anyhow::Result<(PathBuf, usize)> {
    let text = book::whole_text(course)?;
    let is_own = folder.is_none();
    let folder = folder.map_or_else(|| own_folder(course), Path::to_owned);
    let pages = pages::render(course, &text, source)?;
    for (place, page) in pages.iter().enumerate() {
        let html = frame::page(&pages, place);
        write(&folder.join(&page.file), html.as_bytes())?;
    }
    for figure in pages.iter().flat_map(|page| &page.figures) {
        let path = course.root.join(figure);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        write(&folder.join(pages::figure_link(figure)), &bytes)?;
    }
    let favicon = read(&course.root.join("pages/favicon.svg"))?;
    write(&folder.join("favicon.svg"), favicon.as_bytes())?;
    write(&folder.join("style.css"), STYLE.as_bytes())?;
    write(&folder.join("book.js"), SCRIPT.as_bytes())?;
    write(&folder.join("search.js"), search::index(&pages)?.as_bytes())?;
    // Elsewhere it is made for others to read, whom they do not concern.
    let results = if is_own {
        Results::load(course).to_show(course)
    } else {
        serde_json::Value::Null
    };
    write(&folder.join(RESULTS), script_of(&results).as_bytes())?;
    if is_own {
        let way_in = served_folder(course).join("pages/index.html");
        write(&way_in, frame::way_in().as_bytes())?;
    }
    Ok((folder, pages.len()))
}

/// All of the book as one page of HTML, to print and to read where there is no server.
pub fn one_page(course: &Course, text: &str) -> anyhow::Result<String> {
    Ok(frame::one_page(&pages::render_one(course, text)?, STYLE))
}

/// Lets the site show these results from now on, where it has been made. What it could
/// not be told is no reason to fail a check.
pub fn show(course: &Course, results: &Results) {
    let folder = own_folder(course);
    if folder.is_dir() {
        let script = script_of(&results.to_show(course));
        let _ = write(&folder.join(RESULTS), script.as_bytes());
    }
}

/// A script, and not JSON alone, as a page that was opened as a file may not fetch.
fn script_of(results: &serde_json::Value) -> String {
    format!("globalThis.courseResults = {results};\n")
}

/// Writes a file that is not so already: one that is left alone keeps its time, and with
/// it the tag that a browser knows it by.
fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(path, content)),
        None => fs::write(path, content),
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}
