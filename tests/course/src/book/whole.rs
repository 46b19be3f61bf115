//! All of the book in one text.

use std::collections::HashMap;
use std::ops::Range;

use super::blocks::scan;
use super::files::{Book, CONTENTS, SPINE};
use super::links;
use super::names::anchor_among;

/// A part of a file, and how many levels its headings go down.
struct Piece {
    file: usize,
    range: Range<usize>,
    down: usize,
}

/// The book as one Markdown text: the spine with its contents, and then each part where
/// they have it. Its links lead to its own headings, and to files by their paths from the
/// workspace's root.
pub fn text(book: &Book) -> String {
    let pieces = pieces(book);
    let anchors = anchors(book, &pieces);
    let mut whole = String::new();
    for piece in &pieces {
        let file = &book.files[piece.file];
        let text = &file.text[piece.range.clone()];
        let text = links::rewritten(text, |link| {
            if links::is_elsewhere(link) {
                return None;
            }
            let (path, anchor) = links::resolved(&file.path, link);
            let Some(target) = book.position(&path) else {
                let anchor = link.find('#').map_or("", |at| &link[at..]);
                return Some(path + anchor);
            };
            let heading = match anchor {
                "" => book.files[target].headings.first()?.anchor.clone(),
                anchor => anchor.to_owned(),
            };
            Some(format!("#{}", anchors.get(&(target, heading))?))
        });
        whole += without_ways(&lowered(&text, piece.down)).trim_end();
        whole += "\n\n";
    }
    whole.trim_end().to_owned() + "\n"
}

fn pieces(book: &Book) -> Vec<Piece> {
    let spine = &book.files[0];
    let end_of = |number: usize| {
        let level = spine.headings[number].level;
        let mut after = spine.headings[number + 1..].iter();
        let next = after.find(|heading| heading.level <= level);
        next.map_or(spine.text.len(), |heading| heading.start)
    };
    let contents = spine
        .headings
        .iter()
        .position(|heading| heading.title == CONTENTS);
    let beginning = Piece {
        file: 0,
        range: 0..contents.map_or(spine.text.len(), end_of),
        down: 0,
    };
    let parts = book.entries.iter().map(|entry| match entry.file {
        0 => Piece {
            file: 0,
            range: spine.headings[entry.heading].start..end_of(entry.heading),
            down: 0,
        },
        file => Piece {
            file,
            range: 0..book.files[file].text.len(),
            down: 1,
        },
    });
    [beginning].into_iter().chain(parts).collect()
}

/// Where each heading of each file is in the whole text.
fn anchors(book: &Book, pieces: &[Piece]) -> HashMap<(usize, String), String> {
    let mut anchors = HashMap::new();
    let mut titles: Vec<&str> = Vec::new();
    for piece in pieces {
        let headings = book.files[piece.file].headings.iter();
        for heading in headings.filter(|heading| piece.range.contains(&heading.start)) {
            let anchor = anchor_among(titles.iter().copied(), &heading.title);
            anchors.insert((piece.file, heading.anchor.clone()), anchor);
            titles.push(&heading.title);
        }
    }
    anchors
}

/// A text whose headings stand some levels further down.
fn lowered(text: &str, down: usize) -> String {
    let mut fence: Option<&str> = None;
    let mut lowered = String::new();
    for line in text.split_inclusive('\n') {
        let marks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if line.trim_end() == open => fence = None,
            None if marks.len() >= 3 => fence = Some(marks),
            None if line.starts_with('#') => lowered += &"#".repeat(down),
            _ => {}
        }
        lowered += line;
    }
    lowered
}

/// A text without what leads from file to file: in one text, the parts follow each other.
fn without_ways(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (blocks, _) = scan(&lines);
    let ways = blocks
        .iter()
        .filter(|block| matches!(block.kind().0, "chapter" | "turn"));
    let mut kept = String::new();
    let mut at = 0;
    for block in ways {
        kept.extend(lines[at..block.at].iter().map(|line| format!("{line}\n")));
        // One blank line is enough where the block stood between two.
        at = block.end + usize::from(lines.get(block.end).is_some_and(|line| line.is_empty()));
    }
    kept.extend(lines[at..].iter().map(|line| format!("{line}\n")));
    kept
}

/// The whole text as it stands in a file that is so many folders away from the
/// workspace's root: with links to the files that it names.
pub fn with_links_from(text: &str, way_to_root: &str) -> String {
    links::rewritten(text, |link| {
        let leads_on = !link.starts_with('#') && !links::is_elsewhere(link);
        leads_on.then(|| format!("{way_to_root}{link}"))
    })
}

/// The whole book, from a workspace's files.
pub fn load(course: &crate::chapters::Course) -> anyhow::Result<String> {
    let book = Book::load(course)?;
    match book.problems.first() {
        None => Ok(text(&book)),
        Some(problem) => anyhow::bail!("{SPINE}:{}: {}", problem.line, problem.text),
    }
}
