//! What leads through the book: a paragraph for each chapter in BOOK.md, and a line at the
//! end of each other file.

use super::blocks::scan;
use super::files::{Entry, SPINE, path_of};
use super::{Context, links};
use crate::chapters::Chapter;

/// A chapter's first paragraph and its first command, with a link to it.
pub fn chapter(context: &Context, file: usize, chapter: &Chapter) -> Result<String, String> {
    let path = path_of(chapter);
    let found = context.book.position(&path);
    let found = found.ok_or_else(|| format!("the contents do not lead to {path}"))?;
    let text = &context.book.files[found];
    let own = &context.book.files[file].path;
    let title = text.headings.first().map_or("", |heading| &heading.title);
    let lines: Vec<&str> = text.text.lines().collect();
    let below = lines.iter().skip(1).skip_while(|line| line.is_empty());
    let paragraph: Vec<&str> = below.take_while(|line| !line.is_empty()).copied().collect();
    let paragraph = paragraph.join("\n").replace("**", "");
    let paragraph = links::rewritten(&paragraph, |link| {
        let (target, anchor) = links::resolved(&path, link);
        let anchor = match anchor {
            "" => String::new(),
            anchor => format!("#{anchor}"),
        };
        (!links::is_elsewhere(link)).then(|| links::relative(own, &target) + &anchor)
    });
    let (blocks, _) = scan(&lines);
    let command = blocks.iter().find(|block| block.kind().0 == "commands");
    let command = command.map_or_else(String::new, |block| {
        format!("\n{}\n", lines[block.at + 1..block.end].join("\n"))
    });
    let link = links::relative(own, &path);
    Ok(format!("\n**[{title}]({link}).** {paragraph}\n{command}\n"))
}

/// The parts before and behind a file, and the book.
pub fn turn(context: &Context, file: usize) -> Result<String, String> {
    let book = context.book;
    let own = &book.files[file].path;
    let place = book.entries.iter().position(|entry| entry.file == file);
    let place = place.ok_or_else(|| format!("the contents do not lead to {own}"))?;
    let link = |entry: &Entry| {
        let target = &book.files[entry.file];
        let path = links::relative(own, &target.path);
        let anchor = match entry.heading {
            0 => String::new(),
            heading => format!("#{}", target.headings[heading].anchor),
        };
        format!("[{}]({path}{anchor})", entry.title)
    };
    let mut ways = Vec::new();
    if let Some(before) = place.checked_sub(1) {
        ways.push(format!("Before: {}", link(&book.entries[before])));
    }
    ways.push(format!("[The book]({})", links::relative(own, SPINE)));
    if let Some(next) = book.entries.get(place + 1) {
        ways.push(format!("Next: {}", link(next)));
    }
    Ok(format!("\n{}\n\n", ways.join(" · ")))
}
