//! Finds the blocks of a book, each behind a comment that names its source, and
//! puts in what the source holds.

use super::Problem;
use super::console::Console;
use super::source::{Content, Source};
use crate::chapters::Course;

/// A book whose blocks are as their sources are.
pub struct Rewritten {
    pub text: String,
    /// Blocks that were not so before.
    pub differences: Vec<Problem>,
    /// What cannot be put right from a source.
    pub problems: Vec<Problem>,
    /// How many blocks there are.
    pub blocks: usize,
    /// How many of them are commands that were not run.
    pub skipped: usize,
}

const END: &str = "<!-- end -->";

/// Puts into each block what its source holds.
pub fn rewrite(course: &Course, text: &str, no_run: bool) -> Rewritten {
    let lines: Vec<&str> = text.lines().collect();
    let mut console = Console::new(course, no_run);
    let mut out: Vec<String> = Vec::new();
    let mut rewritten = Rewritten {
        text: String::new(),
        differences: Vec::new(),
        problems: Vec::new(),
        blocks: 0,
        skipped: 0,
    };
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if line.starts_with("```") {
            let text = "a code block without a comment above it that names its source".to_owned();
            rewritten.problems.push(Problem { line: at + 1, text });
            let end = block_end(&lines, at);
            out.extend(lines[at..end].iter().map(|&line| line.to_owned()));
            at = end;
            continue;
        }
        out.push(line.to_owned());
        at += 1;
        let Some(comment) = comment(line) else {
            continue;
        };
        if line == END {
            let text = "an end without a block before it".to_owned();
            rewritten.problems.push(Problem { line: at, text });
            continue;
        }
        let source = match Source::parse(course, comment) {
            Ok(source) => source,
            Err(text) => {
                rewritten.problems.push(Problem { line: at, text });
                // Its block has a source that was named wrongly, but it has one.
                let end = if lines.get(at).is_some_and(|line| line.starts_with("```")) {
                    block_end(&lines, at)
                } else {
                    at
                };
                out.extend(lines[at..end].iter().map(|&line| line.to_owned()));
                at = end;
                continue;
            }
        };
        let (content_start, content_end) = match content_range(&lines, at, source.is_markdown()) {
            Ok(range) => range,
            Err(text) => {
                rewritten.problems.push(Problem { line: at, text });
                continue;
            }
        };
        rewritten.blocks += 1;
        out.extend(lines[at..content_start].iter().map(|&line| line.to_owned()));
        let old = &lines[content_start..content_end];
        let new = match source.content(course, old, &mut console) {
            Ok(Content::Is(new)) => new.lines().map(str::to_owned).collect(),
            Ok(Content::AsItStands) => old.iter().map(|&line| line.to_owned()).collect(),
            Ok(Content::Skipped) => {
                rewritten.skipped += 1;
                old.iter().map(|&line| line.to_owned()).collect()
            }
            Err(text) => {
                rewritten.problems.push(Problem { line: at, text });
                old.iter().map(|&line| line.to_owned()).collect::<Vec<_>>()
            }
        };
        if let Some(difference) = first_difference(old, &new, comment, content_start) {
            rewritten.differences.push(difference);
        }
        out.extend(new);
        // The fence or the comment that ends the block.
        out.push(lines[content_end].to_owned());
        at = content_end + 1;
    }
    rewritten.text = out.join("\n") + "\n";
    rewritten
}

/// What a line holds that is a comment and nothing else.
fn comment(line: &str) -> Option<&str> {
    Some(line.strip_prefix("<!--")?.strip_suffix("-->")?.trim())
}

/// The line after a code block that starts here.
fn block_end(lines: &[&str], start: usize) -> usize {
    let fence = fence(lines[start]);
    let rest = lines[start + 1..].iter();
    match rest.clone().position(|line| line.trim_end() == fence) {
        Some(length) => start + length + 2,
        None => lines.len(),
    }
}

fn fence(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches('`').len()]
}

/// Where the content of the block after a comment starts and ends.
fn content_range(lines: &[&str], at: usize, is_markdown: bool) -> Result<(usize, usize), String> {
    if is_markdown {
        let length = lines[at..].iter().position(|&line| line == END);
        return match length {
            Some(length) => Ok((at, at + length)),
            None => Err(format!("the block has no {END} below it")),
        };
    }
    if !lines.get(at).is_some_and(|line| line.starts_with("```")) {
        return Err("no code block follows the comment that names its source".to_owned());
    }
    let end = block_end(lines, at);
    if fence(lines[end - 1]) != fence(lines[at]) || end - 1 == at {
        return Err("the code block has no end".to_owned());
    }
    Ok((at + 1, end - 1))
}

fn first_difference(
    old: &[&str],
    new: &[String],
    source: &str,
    content_start: usize,
) -> Option<Problem> {
    let same = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    if same == old.len() && same == new.len() {
        return None;
    }
    let show = |line: Option<&str>| line.map_or("its end".to_owned(), |line| format!("{line:?}"));
    let text = format!(
        "not as its source ({source}) is: here stands {}, there {}",
        show(old.get(same).copied()),
        show(new.get(same).map(String::as_str))
    );
    Some(Problem {
        line: content_start + same + 1,
        text,
    })
}
