//! The files that the book is made of: BOOK.md, and what its contents lead to.

use std::path::Path;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Problem;
use super::names::{Heading, headings};
use crate::chapters::{Chapter, Course, read};

/// The file whose contents say what the book is made of, and in which order.
pub const SPINE: &str = "BOOK.md";
/// Its section that says so.
pub const CONTENTS: &str = "Contents";

pub struct Book {
    /// The spine, and then the others in the order of its contents.
    pub files: Vec<File>,
    /// What the contents lead to, one after the other.
    pub entries: Vec<Entry>,
    /// What is wrong with the contents.
    pub problems: Vec<Problem>,
}

pub struct File {
    /// Its path from the workspace's root.
    pub path: String,
    pub text: String,
    pub headings: Vec<Heading>,
}

/// A line of the contents.
pub struct Entry {
    pub title: String,
    /// The number of its file in [`Book::files`].
    pub file: usize,
    /// Which heading of the file it leads to.
    pub heading: usize,
}

impl Book {
    pub fn load(course: &Course) -> anyhow::Result<Self> {
        let spine = File::new(SPINE, read(&course.root.join(SPINE))?);
        let mut book = Self {
            files: vec![spine],
            entries: Vec::new(),
            problems: Vec::new(),
        };
        for (title, link, line) in contents(&book.files[0]) {
            if let Err(text) = book.add(course, &title, &link) {
                book.problems.push(Problem { line, text });
            }
        }
        for (number, heading) in book.files[0].headings.iter().enumerate() {
            let is_led_to = |entry: &Entry| entry.file == 0 && entry.heading == number;
            if heading.level == 2
                && heading.title != CONTENTS
                && !book.entries.iter().any(is_led_to)
            {
                book.problems.push(Problem {
                    line: heading.line,
                    text: format!("the contents do not lead to {:?}", heading.title),
                });
            }
        }
        for chapter in &course.chapters {
            let path = path_of(chapter);
            if course.root.join(&path).exists() && book.position(&path).is_none() {
                let text = format!("the contents do not lead to {path}");
                book.problems.push(Problem { line: 1, text });
            }
        }
        Ok(book)
    }

    /// A file that is a book of its own.
    pub fn of_one(path: &Path) -> anyhow::Result<Self> {
        let text = read(path)?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let file = File::new(&path.display().to_string(), text);
        Ok(Self {
            files: vec![file],
            entries: Vec::new(),
            problems: Vec::new(),
        })
    }

    fn add(&mut self, course: &Course, title: &str, link: &str) -> Result<(), String> {
        let (file, heading) = match link.strip_prefix('#') {
            Some(anchor) => {
                let mut headings = self.files[0].headings.iter();
                let heading = headings.position(|heading| heading.anchor == anchor);
                (
                    0,
                    heading.ok_or_else(|| format!("no heading has the anchor {link}"))?,
                )
            }
            None => {
                let text = read(&course.root.join(link));
                let text = text.map_err(|_| format!("there is no {link}"))?;
                self.files.push(File::new(link, text));
                (self.files.len() - 1, 0)
            }
        };
        let found = self.files[file].headings.get(heading);
        let found = found.ok_or_else(|| format!("{link} has no heading"))?;
        if found.title != title {
            return Err(format!(
                "the heading that {link} leads to is {:?}",
                found.title
            ));
        }
        self.entries.push(Entry {
            title: title.to_owned(),
            file,
            heading,
        });
        Ok(())
    }

    /// The number of the file with this path.
    pub fn position(&self, path: &str) -> Option<usize> {
        self.files.iter().position(|file| file.path == path)
    }
}

impl File {
    fn new(path: &str, text: String) -> Self {
        Self {
            path: path.to_owned(),
            headings: headings(&text),
            text,
        }
    }

    /// Where its links begin, from the workspace's root: a file that lies elsewhere is
    /// taken to lie there.
    pub fn place(&self) -> &str {
        match Path::new(&self.path).is_absolute() {
            true => SPINE,
            false => &self.path,
        }
    }

    /// The chapter whose text it is.
    pub fn chapter<'a>(&self, course: &'a Course) -> Option<&'a Chapter> {
        let mut chapters = course.chapters.iter();
        chapters.find(|chapter| path_of(chapter) == self.path)
    }

    /// The heading that a line, counted from 1, stands below.
    pub fn heading_above(&self, line: usize) -> Option<&Heading> {
        let above = |heading: &&Heading| heading.line <= line;
        self.headings.iter().rfind(above)
    }
}

/// Where a chapter's text is.
pub fn path_of(chapter: &Chapter) -> String {
    format!("chapters/{}/README.md", chapter.name)
}

/// The links of the contents: their texts, where they lead, and their lines.
fn contents(spine: &File) -> Vec<(String, String, usize)> {
    let mut headings = spine.headings.iter();
    let Some(heading) = headings.find(|heading| heading.title == CONTENTS) else {
        return Vec::new();
    };
    let end = headings.find(|next| next.level <= heading.level);
    let end = end.map_or(spine.text.len(), |next| next.start);
    let text = &spine.text[heading.start..end];
    let mut links = Vec::new();
    let mut link: Option<(String, String, usize)> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                let before = &text[..range.start];
                let line = heading.line + before.matches('\n').count();
                link = Some((String::new(), dest_url.to_string(), line));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((title, ..)) = &mut link {
                    title.push_str(&text);
                }
            }
            Event::End(TagEnd::Link) => links.extend(link.take()),
            _ => {}
        }
    }
    links
}
