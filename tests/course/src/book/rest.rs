//! What of a Rust file a text does not show.

use std::collections::BTreeSet;

use super::rust::{Kind, Unit};
use super::{Context, links};

/// A list of the items that no excerpt of this file of the book shows, each with what its
/// documentation says first and where it is shown, and the names of the tests.
pub fn of(context: &Context, file: usize, path: &str) -> Result<String, String> {
    let rust = context.sources.rust(path)?;
    let shown = shown_in(context, file, path);
    let is_left = |unit: &&Unit| !unit.lines.clone().any(|line| shown.contains(&line));
    let left: Vec<&Unit> = rust.units.iter().filter(is_left).collect();
    let mut seen = BTreeSet::new();
    let items = left.iter().filter(|unit| unit.kind == Kind::Item);
    let items: Vec<String> = items
        // Where two systems have one each, they are named once.
        .filter(|unit| seen.insert(&unit.name))
        .map(|unit| item(context, file, path, unit))
        .collect();
    let tests = left.iter().filter(|unit| unit.kind == Kind::Test);
    let tests: Vec<String> = tests
        .map(|unit| format!("`{}`", unit.name.rsplit("::").next().unwrap_or_default()))
        .collect();
    if items.is_empty() && tests.is_empty() {
        return Err(format!("all of {path} is shown: nothing is left to name"));
    }
    let link = links::relative(context.book.files[file].place(), path);
    let name = format!("[`{path}`]({link})");
    let mut text = String::new();
    if !items.is_empty() {
        text += &format!("\nAlso in {name}:\n\n{}", items.concat());
    }
    if !tests.is_empty() {
        let whose = match items.is_empty() {
            true => format!("The tests of {name}"),
            false => "Its tests".to_owned(),
        };
        text += &format!("\n{whose}: {}.\n", tests.join(", "));
    }
    Ok(text + "\n")
}

/// The lines of a source that the excerpts of a file of the book show.
pub fn shown_in(context: &Context, file: usize, path: &str) -> BTreeSet<usize> {
    let here = context
        .showings
        .iter()
        .filter(|showing| showing.file == file);
    let of_it = here.filter(|showing| showing.path == path);
    of_it.flat_map(|showing| &showing.lines).copied().collect()
}

fn item(context: &Context, file: usize, path: &str, unit: &Unit) -> String {
    let mut line = match unit.name.split_once(" as ") {
        Some((owner, name)) => format!("- `{name}` for `{owner}`"),
        None => format!("- `{}`", unit.name),
    };
    if !unit.summary.is_empty() {
        line += &format!(": {}", unit.summary.trim_end_matches(['.', ':']));
        line.push('.');
    }
    // A later chapter that shows it goes before an earlier one.
    let mut elsewhere = context.showings.iter().filter(|showing| {
        let is_of_it = showing.file != file && showing.path == path;
        is_of_it && unit.lines.clone().any(|line| showing.lines.contains(&line))
    });
    let shown = elsewhere
        .clone()
        .find(|showing| showing.file > file)
        .or_else(|| elsewhere.next());
    if let Some(showing) = shown {
        let book = &context.book.files;
        let there = &book[showing.file];
        let link = links::relative(&book[file].path, &there.path);
        let anchor = there.heading_above(showing.line);
        let anchor = anchor.map_or(String::new(), |heading| format!("#{}", heading.anchor));
        let title = match there.chapter(context.course) {
            Some(chapter) => format!("Chapter {}", chapter.number),
            None => there
                .headings
                .first()
                .map_or("Another part", |heading| &heading.title)
                .to_owned(),
        };
        let end = match line.ends_with('.') {
            true => "",
            false => ".",
        };
        line += &format!("{end} [{title}]({link}{anchor}) shows it.");
    }
    line + "\n"
}
