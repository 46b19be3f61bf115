//! Finds what a text names that does not exist: links, figures, files, chapters,
//! commands and tests.

use std::fs;
use std::path::Path;

use clap::Parser;
use clap::error::ErrorKind;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser as Markdown, Tag, TagEnd};

use super::Problem;
use crate::Cli;
use crate::chapters::Course;

/// The folders whose files are named by their path from the workspace's root.
const FOLDERS: [&str; 6] = [
    "chapters/",
    "common/",
    "pages/",
    "tests/",
    ".ci/",
    ".cargo/",
];

/// Checks all names in a text whose links begin in this folder.
pub fn check(course: &Course, text: &str, folder: &Path) -> Vec<Problem> {
    let tests = all_tests(course);
    let anchors = anchors(text);
    let mut problems = Vec::new();
    let mut in_commands = false;
    let line_ends = line_ends(text);
    for (event, range) in Markdown::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let line = line_ends.partition_point(|&end| end < range.start) + 1;
        let mut report = |text: String| problems.push(Problem { line, text });
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                check_link(&dest_url, folder, &anchors).unwrap_or_else(&mut report);
            }
            Event::Code(code) => check_name(course, &code, &tests).unwrap_or_else(&mut report),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                in_commands = matches!(&*language, "sh" | "console");
            }
            Event::End(TagEnd::CodeBlock) => in_commands = false,
            Event::Text(block) if in_commands => {
                for (number, command) in block.lines().enumerate() {
                    let command = command.strip_prefix("$ ").unwrap_or(command);
                    if let Err(text) = check_command(course, command) {
                        problems.push(Problem {
                            line: line + number,
                            text,
                        });
                    }
                }
            }
            _ => {}
        }
    }
    problems
}

fn check_link(link: &str, folder: &Path, anchors: &[String]) -> Result<(), String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        let exists = anchors.iter().any(|known| known == anchor);
        return if exists {
            Ok(())
        } else {
            Err(format!("no heading has the anchor #{anchor}"))
        };
    }
    let target = folder.join(file);
    if !target.exists() {
        return Err(format!("there is no {file}"));
    }
    if !anchor.is_empty() {
        let text = fs::read_to_string(&target).unwrap_or_default();
        if !self::anchors(&text).iter().any(|known| known == anchor) {
            return Err(format!("no heading of {file} has the anchor #{anchor}"));
        }
    }
    Ok(())
}

/// The anchor that viewers make of a heading: small letters, digits, hyphens.
pub fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Where each line of a text ends.
fn line_ends(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(end, _)| end).collect()
}

/// A heading of a text.
pub struct Heading {
    /// 1 for the highest.
    pub level: u8,
    pub title: String,
    pub anchor: String,
    /// The byte that it begins at.
    pub start: usize,
    /// The line that it stands in, counted from 1.
    pub line: usize,
}

/// All headings, in their order.
pub fn headings(text: &str) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut open: Option<Heading> = None;
    let line_ends = line_ends(text);
    for (event, range) in Markdown::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                open = Some(Heading {
                    level: level as u8,
                    title: String::new(),
                    anchor: String::new(),
                    start: range.start,
                    line: line_ends.partition_point(|&end| end < range.start) + 1,
                });
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut open {
                    heading.title.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(mut heading) = open.take() {
                    let known = headings.iter().map(|heading| &*heading.title);
                    heading.anchor = anchor_among(known, &heading.title);
                    headings.push(heading);
                }
            }
            _ => {}
        }
    }
    headings
}

/// The anchor of a heading behind others: where one has the same, it gets a number.
pub fn anchor_among<'a>(others: impl Iterator<Item = &'a str>, title: &str) -> String {
    let own = anchor(title);
    match others.filter(|other| anchor(other) == own).count() {
        0 => own,
        earlier => format!("{own}-{earlier}"),
    }
}

/// The anchors of all headings, in their order.
pub fn anchors(text: &str) -> Vec<String> {
    let headings = headings(text).into_iter();
    headings.map(|heading| heading.anchor).collect()
}

/// Checks what stands in the text as code: a command, a path or a test.
fn check_name(course: &Course, code: &str, tests: &[String]) -> Result<(), String> {
    if code.starts_with("cargo ") {
        return check_command(course, code);
    }
    let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder))
        && !code.contains([' ', '*', '…', '[', '<'])
        && !code.contains("NN")
        && !code.contains("NAME")
        && !code.starts_with("chapters/my-server");
    if is_path && !course.root.join(code).exists() {
        return Err(format!("there is no {code}"));
    }
    let is_test = matches!(code.as_bytes(), [b'd', b'1'..=b'9', b'_', ..])
        && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_test && !tests.iter().any(|test| test == code) {
        return Err(format!("there is no test {code}"));
    }
    Ok(())
}

/// Checks a command of cargo: its package, its example, its subcommand.
fn check_command(course: &Course, command: &str) -> Result<(), String> {
    // Up to a comment, or to where its output goes.
    let command = command.split(" #").next().unwrap_or_default();
    let command = command.split(" > ").next().unwrap_or_default().trim();
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = |flag: &str| {
        words
            .windows(2)
            .find(|pair| pair[0] == flag)
            .map(|pair| pair[1])
    };
    match &words[..] {
        ["cargo", "course", ..] => {
            // Placeholders such as CHAPTER and COMMAND stand for anything.
            let of_a_chapter = |word: &&str| !word.chars().all(|c| c.is_ascii_uppercase());
            let arguments = ["cargo course"]
                .into_iter()
                .chain(words[2..].iter().copied());
            match Cli::try_parse_from(arguments) {
                // The text may speak of a command without its arguments.
                Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                    return Err(format!("`{command}` is no command of the course"));
                }
                _ => {}
            }
            if let ["check" | "hint" | "diff", chapter, ..] = words[2..]
                && of_a_chapter(&chapter)
                && !chapter.starts_with('-')
            {
                course.chapter(chapter).map_err(|error| error.to_string())?;
            }
            Ok(())
        }
        [
            "cargo",
            "run" | "test" | "check" | "doc" | "tree" | "build",
            ..,
        ] => {
            let package = after("-p")
                .or_else(|| after("--package"))
                .unwrap_or_default();
            let package = package.trim_end_matches(['.', ',', ';']);
            let is_known = package.is_empty()
                || matches!(package, "my-server" | "common" | "course" | "harness")
                || course
                    .chapters
                    .iter()
                    .any(|chapter| chapter.name == package)
                || package.chars().any(|c| c.is_ascii_uppercase());
            if !is_known {
                return Err(format!("there is no package {package}"));
            }
            if let Some(example) = after("--example") {
                let path = format!("chapters/{package}/examples/{example}.rs");
                if !course.root.join(&path).exists() {
                    return Err(format!("there is no {path}"));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The names of all tests that stand in `tests/`.
fn all_tests(course: &Course) -> Vec<String> {
    let mut tests = Vec::new();
    let files = fs::read_dir(course.root.join("tests"))
        .into_iter()
        .flatten()
        .flatten();
    for file in files {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        for line in text.lines() {
            if let Some(name) = line
                .strip_prefix("fn ")
                .and_then(|rest| rest.split('(').next())
            {
                tests.push(name.to_owned());
            }
        }
    }
    tests
}
