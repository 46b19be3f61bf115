//! Where a block of the book comes from.

use std::fs;

use harness::transcript::Transcript;
use similar::TextDiff;

use super::console::Console;
use super::excerpt::Excerpt;
use super::{Context, rest, spine};
use harness::checks::transcript_in;

use crate::chapters::{Chapter, Course};
use crate::exercise::Exercise;
use crate::probe;

/// How many unchanged lines stand around each change of a diff.
const CONTEXT: usize = 3;

/// A source, as a comment names it: `exchange: ch03_response__page`.
pub enum Source<'a> {
    /// A part of a file.
    Excerpt(Excerpt),
    /// `rest: PATH`: what of a Rust file the text does not show, as Markdown.
    Rest(String),
    /// `chapter: CHAPTER`: what it is about, its command and the way there, as Markdown.
    Chapter(&'a Chapter),
    /// `turn:`: the way to the parts before and behind this one, as Markdown.
    Turn,
    /// `diff: CHAPTER CHAPTER`: what changes in `main.rs`. With `context: N` behind it, N
    /// unchanged lines stand around each change; otherwise 3.
    Diff(&'a Chapter, &'a Chapter, usize),
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
        if let Some(excerpt) = Excerpt::parse(kind, rest.trim()) {
            return excerpt.map(Self::Excerpt);
        }
        let chapter = |name: &str| course.chapter(name).map_err(|error| error.to_string());
        let exercise =
            |name: &str| Exercise::of(course, chapter(name)?).map_err(|error| format!("{error:#}"));
        Ok(match (kind, &words[..]) {
            ("rest", [path]) => Self::Rest((*path).to_owned()),
            ("chapter", [name]) => Self::Chapter(chapter(name)?),
            ("turn", []) => Self::Turn,
            ("diff", [old, new]) => Self::Diff(chapter(old)?, chapter(new)?, CONTEXT),
            ("diff", [old, new, "context:", lines]) => {
                let lines = lines.parse();
                let lines = lines.map_err(|_| format!("{comment:?} has no number of lines"))?;
                Self::Diff(chapter(old)?, chapter(new)?, lines)
            }
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

    /// What a block of this file is to hold, given what it holds.
    pub fn content(
        &self,
        context: &Context,
        file: usize,
        old: &[&str],
        console: &mut Console,
    ) -> Result<Content, String> {
        let course = context.course;
        let main = |chapter: &Chapter| {
            course
                .main_of(&chapter.name)
                .map_err(|error| format!("{error:#}"))
        };
        let content = match self {
            Self::Excerpt(excerpt) => excerpt.take(&context.sources)?.text,
            Self::Rest(path) => rest::of(context, file, path)?,
            Self::Chapter(chapter) => spine::chapter(context, file, chapter)?,
            Self::Turn => spine::turn(context, file)?,
            Self::Diff(old, new, lines) => {
                let path = |chapter: &Chapter| format!("chapters/{}/src/main.rs", chapter.name);
                unified(&path(old), &main(old)?, &path(new), &main(new)?, *lines)
            }
            Self::Exchange(transcript) => transcript.to_string(),
            Self::Wire(old, new) => {
                let steps = |transcript: &Transcript| {
                    let text = transcript.to_string();
                    text.split_once('\n')
                        .map_or_else(String::new, |(_, steps)| steps.to_owned())
                };
                unified("before", &steps(old), "after", &steps(new), CONTEXT)
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

fn unified(old_name: &str, old: &str, new_name: &str, new: &str, lines: usize) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(lines)
        .header(old_name, new_name)
        .to_string()
}
