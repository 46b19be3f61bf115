//! Where a block of the book comes from.

use std::fs;

use harness::transcript::Transcript;
use similar::TextDiff;

use super::console::Console;
use harness::checks::transcript_in;

use crate::chapters::{Chapter, Course, read, without_tests};
use crate::exercise::Exercise;
use crate::probe;

/// A source, as a comment names it: `code: common/src/ch02/head.rs`.
pub enum Source<'a> {
    /// `file: PATH`: a whole file.
    File(String),
    /// `code: PATH`: a file up to its tests.
    Code(String),
    /// `tests: PATH`: the tests at the end of a file.
    Tests(String),
    /// `item: PATH NAME`: a function, type or constant, with its comments.
    Item(String, String),
    /// `diff: CHAPTER CHAPTER`: what changes in `main.rs`.
    Diff(&'a Chapter, &'a Chapter),
    /// `exchange: SNAPSHOT`: what goes over the wire.
    Exchange(Transcript),
    /// `wire: SNAPSHOT SNAPSHOT`: how two exchanges differ.
    Wire(Transcript, Transcript),
    /// `case: NAME`: a case of the probe, with its rule.
    Case(String),
    /// `console:` or `console: CHAPTER`: commands behind `$ `, each with what it
    /// prints; where a chapter is named, its server runs meanwhile.
    Console(Option<&'a Chapter>),
    /// `log:`: what the server of the console above printed.
    Log,
    /// `commands:`: commands to type in, which are not run here.
    Commands,
    /// `recorded: HOW`: measured once, in the way that is named.
    Recorded,
    /// `exercise: CHAPTER`: the text of an exercise, as Markdown.
    Exercise(Exercise),
    /// `hint: CHAPTER N`: one of its hints, as Markdown.
    Hint(Exercise, usize),
}

/// What a block is to hold.
pub enum Content {
    Is(String),
    /// It holds what nobody but its author can know.
    AsItStands,
    /// It could not be found out here.
    Skipped,
}

impl<'a> Source<'a> {
    pub fn parse(course: &'a Course, comment: &str) -> Result<Self, String> {
        let (kind, rest) = comment
            .split_once(':')
            .ok_or_else(|| format!("{comment:?} names no source"))?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let file = |path: &str| {
            let exists = course.root.join(path).is_file();
            if exists {
                Ok(path.to_owned())
            } else {
                Err(format!("there is no file {path}"))
            }
        };
        let chapter = |name: &str| course.chapter(name).map_err(|error| error.to_string());
        let exercise =
            |name: &str| Exercise::of(course, chapter(name)?).map_err(|error| format!("{error:#}"));
        Ok(match (kind, &words[..]) {
            ("file", [path]) => Self::File(file(path)?),
            ("code", [path]) => Self::Code(file(path)?),
            ("tests", [path]) => Self::Tests(file(path)?),
            ("item", [path, name]) => Self::Item(file(path)?, (*name).to_owned()),
            ("diff", [old, new]) => Self::Diff(chapter(old)?, chapter(new)?),
            ("exchange", [name]) => Self::Exchange(snapshot(course, name)?),
            ("wire", [old, new]) => Self::Wire(snapshot(course, old)?, snapshot(course, new)?),
            ("case", [name]) => {
                Self::Case(probe::text_of(name).ok_or_else(|| format!("there is no case {name}"))?)
            }
            ("console", []) => Self::Console(None),
            ("console", [name]) => Self::Console(Some(chapter(name)?)),
            ("log", []) => Self::Log,
            ("commands", []) => Self::Commands,
            ("recorded", [_, ..]) => Self::Recorded,
            ("exercise", [name]) => Self::Exercise(exercise(name)?),
            ("hint", [name, number @ ("1" | "2" | "3")]) => {
                Self::Hint(exercise(name)?, usize::from(number.as_bytes()[0] - b'0'))
            }
            _ => return Err(format!("{comment:?} names no source")),
        })
    }

    /// Whether what is put in is Markdown, and not a code block.
    pub fn is_markdown(&self) -> bool {
        matches!(self, Self::Exercise(_) | Self::Hint(..))
    }

    /// What the block is to hold, given what it holds.
    pub fn content(
        &self,
        course: &Course,
        old: &[&str],
        console: &mut Console,
    ) -> Result<Content, String> {
        let text = |path: &str| read(&course.root.join(path)).map_err(|error| format!("{error:#}"));
        let main = |chapter: &Chapter| {
            course
                .main_of(&chapter.name)
                .map_err(|error| format!("{error:#}"))
        };
        let content = match self {
            Self::File(path) => text(path)?,
            Self::Code(path) => without_tests(&text(path)?).to_owned(),
            Self::Tests(path) => {
                let text = text(path)?;
                let start = text.find("#[cfg(test)]");
                start
                    .map(|start| text[start..].to_owned())
                    .ok_or_else(|| format!("{path} has no tests"))?
            }
            Self::Item(path, name) => {
                item(&text(path)?, name).ok_or_else(|| format!("{path} has no item {name}"))?
            }
            Self::Diff(old, new) => {
                let path = |chapter: &Chapter| format!("chapters/{}/src/main.rs", chapter.name);
                unified(&path(old), &main(old)?, &path(new), &main(new)?)
            }
            Self::Exchange(transcript) => transcript.to_string(),
            Self::Wire(old, new) => {
                let steps = |transcript: &Transcript| {
                    let text = transcript.to_string();
                    text.split_once('\n')
                        .map_or_else(String::new, |(_, steps)| steps.to_owned())
                };
                unified("before", &steps(old), "after", &steps(new))
            }
            Self::Case(text) => text.clone(),
            Self::Console(chapter) => match console.run(*chapter, old)? {
                Some(content) => content,
                None => return Ok(Content::Skipped),
            },
            Self::Log => match console.log()? {
                Some(content) => content,
                None => return Ok(Content::Skipped),
            },
            Self::Commands | Self::Recorded => return Ok(Content::AsItStands),
            Self::Exercise(exercise) => format!("\n{}\n\n", exercise.text),
            Self::Hint(exercise, number) => {
                let hint = exercise.hints.get(number - 1);
                format!("\n{}\n\n", hint.ok_or("the exercise has no such hint")?)
            }
        };
        Ok(Content::Is(content))
    }
}

fn snapshot(course: &Course, name: &str) -> Result<Transcript, String> {
    let path = course
        .root
        .join("tests/snapshots")
        .join(format!("{name}.snap"));
    let text = fs::read_to_string(&path).map_err(|_| format!("there is no snapshot {name}"))?;
    transcript_in(&text).ok_or_else(|| format!("the snapshot {name} holds no exchange"))
}

fn unified(old_name: &str, old: &str, new_name: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .header(old_name, new_name)
        .to_string()
}

/// The lines of an item, with the comments and attributes above it.
fn item(text: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_its_head = |line: &&str| {
        let words: Vec<&str> = line
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .filter(|word| !word.is_empty() && !matches!(*word, "pub" | "crate"))
            .collect();
        let kinds = [
            "fn", "struct", "enum", "const", "static", "impl", "trait", "type",
        ];
        !line.starts_with([' ', '/', '#'])
            && words.len() > 1
            && kinds.contains(&words[0])
            && words[1] == name
    };
    let head = lines.iter().position(is_its_head)?;
    let above = lines[..head].iter().rev();
    let start = head
        - above
            .take_while(|line| line.starts_with("///") || line.starts_with("#["))
            .count();
    let length = lines[head..].iter().position(|line| {
        matches!(*line, "}" | "};") || line.ends_with(';') && !line.starts_with(' ')
    })?;
    Some(lines[start..=head + length].join("\n"))
}
