//! A page for each chapter, to lie beside the keyboard.

use harness::checks::Kind;

use crate::book;
use crate::chapters::{Chapter, Course, read};
use crate::exercise::Exercise;

/// Where the pages lie.
pub const FOLDER: &str = "sheets";

/// The page of a chapter, as Markdown.
pub fn of(course: &Course, chapter: &Chapter) -> anyhow::Result<String> {
    let number = &chapter.number;
    let checks = course.checks_of(chapter)?;
    let titles = |is_of_kind: fn(Kind) -> bool| -> String {
        let of_kind = checks.iter().filter(|check| is_of_kind(check.kind));
        of_kind
            .map(|check| format!("- {}\n", check.transcript.title))
            .collect()
    };
    let deciding = titles(|kind| matches!(kind, Kind::Core | Kind::Lesson));
    let robust = titles(|kind| kind == Kind::Robust);
    let (title, link) = heading(course, chapter)?;
    let diff = match course.base_of(chapter) {
        Some(_) => format!("cargo course diff {number}  # what it changes\n"),
        None => String::new(),
    };
    let mut page = format!(
        "# {title}\n\n\
         In short: {lesson}. {link}\n\n\
         ## Look at it\n\n\
         ```sh\ncargo run -p {name}\n{diff}```\n\n\
         ## Write it\n\n\
         `cargo course start` makes `chapters/my-server` for you, once.\n\n\
         ```sh\n\
         cargo course check {number} -- cargo run -p my-server\n\
         cargo course diff {number} my-server\n\
         ```\n\n\
         What decides is:\n\n{deciding}",
        lesson = chapter.lesson,
        name = chapter.name,
    );
    if !robust.is_empty() {
        page += &format!("\nA careful server also does this:\n\n{robust}");
    }
    if Exercise::is_there(course, chapter) {
        let Exercise { title, text, .. } = Exercise::of(course, chapter)?;
        page += &format!(
            "\n## Exercise: {title}\n\n{text}\n\n\
             ```sh\n\
             cargo course check {number} --exercise -- cargo run -p my-server\n\
             cargo course hint {number} 1\n\
             ```\n"
        );
    }
    page += &format!(
        "\n## Hand it in\n\n\
         `cargo course hand-in NAME --chapter {number}` checks it and makes one file of it, \
         `NAME.tar.gz`.\n"
    );
    Ok(page)
}

/// The chapter's heading in the book, and the way there.
fn heading(course: &Course, chapter: &Chapter) -> anyhow::Result<(String, String)> {
    let start = format!("Chapter {}: ", chapter.number);
    let book = read(&course.root.join("BOOK.md"))?;
    let mut headings = book.lines().filter_map(|line| line.strip_prefix("## "));
    Ok(match headings.find(|heading| heading.starts_with(&start)) {
        Some(heading) => (
            heading.to_owned(),
            format!(
                "[The book](../BOOK.md#{}) says more.",
                book::anchor(heading)
            ),
        ),
        None => (start + &chapter.lesson, String::new()),
    })
}
