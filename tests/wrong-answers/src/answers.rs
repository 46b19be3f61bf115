//! What the files in `answers/` say: each wrong answer is the solution with a mistake.
//!
//! ```text
//! # untrimmed: keeps the white space around the name
//! @ white_space: the field Set-Cookie is
//! - encode(first("name").trim())
//! + encode(first("name"))
//! ```
//!
//! Behind `#` stand its name and what is wrong with it, behind `@` the exchange that refuses
//! it and words that the learner reads then. `-` is what stands in the solution, once, and
//! `+` what stands there instead. There may be several such pairs.

use std::fs;
use std::io;
use std::path::Path;

/// A wrong answer to an exercise.
pub struct Answer {
    /// The chapter, such as `ch09`.
    pub chapter: String,
    pub name: String,
    /// What is wrong with it.
    pub mistake: String,
    /// The exchange of the exercise that refuses it.
    pub exchange: String,
    /// What the learner reads then.
    pub words: String,
    /// What stands in the solution, and what instead of it.
    pub changes: Vec<(String, String)>,
}

impl Answer {
    fn new(chapter: &str, heading: &str) -> Self {
        let (name, mistake) = heading.split_once(": ").unwrap_or((heading, ""));
        Self {
            chapter: chapter.to_owned(),
            name: name.to_owned(),
            mistake: mistake.to_owned(),
            exchange: String::new(),
            words: String::new(),
            changes: Vec::new(),
        }
    }

    /// The name that it is called by: that of the chapter, and its own.
    pub fn full_name(&self) -> String {
        format!("{}-{}", self.chapter, self.name)
    }
}

/// All answers in a folder, by chapter.
///
/// # Errors
/// The folder, or a file in it, cannot be read.
pub fn answers_in(folder: &Path) -> io::Result<Vec<Answer>> {
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut answers = Vec::new();
    for file in files {
        let chapter = file.file_stem().unwrap_or_default().to_string_lossy();
        answers.extend(answers_of(&chapter, &fs::read_to_string(&file)?));
    }
    Ok(answers)
}

fn answers_of(chapter: &str, text: &str) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut mark_before = "";
    for line in text.lines() {
        let (mark, rest) = line.split_at(line.len().min(1));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if mark == "#" {
            answers.push(Answer::new(chapter, rest));
        }
        let Some(answer) = answers.last_mut() else {
            continue;
        };
        match mark {
            "@" => {
                let (exchange, words) = rest.split_once(": ").unwrap_or((rest, ""));
                (answer.exchange, answer.words) = (exchange.to_owned(), words.to_owned());
            }
            "-" if mark_before != "-" => answer.changes.push((rest.to_owned(), String::new())),
            "-" | "+" => {
                if let Some((old, new)) = answer.changes.last_mut() {
                    let text = if mark == "-" { old } else { new };
                    if mark == mark_before {
                        text.push('\n');
                    }
                    text.push_str(rest);
                }
            }
            _ => {}
        }
        mark_before = mark;
    }
    answers
}
