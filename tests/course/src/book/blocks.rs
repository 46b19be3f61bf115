//! Finds the blocks of a file, each behind a comment that names its source, and puts in
//! what the source holds.

use std::ops::Range;

use super::console::Console;
use super::excerpt::Excerpt;
use super::source::{Content, Source};
use super::{Context, Problem, links};

/// A file whose blocks are as their sources are.
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

/// A block, its lines counted from 0.
pub struct Block<'a> {
    /// The line of the comment.
    pub at: usize,
    /// What the comment names: `item: common/src/head.rs find_head`.
    pub source: &'a str,
    /// Whether the comment says that it may have more lines than others.
    pub is_long: bool,
    /// Whether it says that the block shows what was shown before.
    pub is_again: bool,
    /// Whether it is generated Markdown, and not code.
    pub is_markdown: bool,
    pub content: Range<usize>,
    /// Behind the fence or the comment that ends it, and behind its caption.
    pub end: usize,
}

impl<'a> Block<'a> {
    /// The kind of its source, and what is said of it.
    pub fn kind(&self) -> (&'a str, &'a str) {
        let (kind, rest) = self.source.split_once(':').unwrap_or((self.source, ""));
        (kind, rest.trim())
    }

    /// The excerpt that it is, if it is one and its comment is right.
    pub fn excerpt(&self) -> Option<Excerpt> {
        let (kind, rest) = self.kind();
        Excerpt::parse(kind, rest)?.ok()
    }
}

const END: &str = "<!-- end -->";
/// How the line begins that says where an excerpt is from.
const CAPTION: &str = "<sub>[`";
/// The sources that are put in as Markdown.
const MARKDOWN: [&str; 5] = ["chapter", "exercise", "hint", "rest", "turn"];

/// The blocks of a file, and what is wrong with the comments around them.
pub fn scan<'a>(lines: &[&'a str]) -> (Vec<Block<'a>>, Vec<Problem>) {
    let mut blocks = Vec::new();
    let mut problems = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let mut report = |text: String| problems.push(Problem { line: at + 1, text });
        if line.starts_with("```") {
            report("a code block without a comment above it that names its source".to_owned());
            at = block_end(lines, at);
            continue;
        }
        let Some(comment) = comment(line) else {
            at += 1;
            continue;
        };
        if line == END {
            report("an end without a block before it".to_owned());
            at += 1;
            continue;
        }
        let (source, is_long, is_again) = without_marks(comment);
        let kind = source.split(':').next().unwrap_or_default();
        let is_markdown = MARKDOWN.contains(&kind);
        match content_range(lines, at + 1, is_markdown) {
            Ok(content) => {
                let is_caption = |line: &&str| !is_markdown && line.starts_with(CAPTION);
                let has_caption = lines.get(content.end + 1).is_some_and(is_caption);
                let end = content.end + 1 + usize::from(has_caption);
                blocks.push(Block {
                    at,
                    source,
                    is_long,
                    is_again,
                    is_markdown,
                    content,
                    end,
                });
                at = end;
            }
            Err(text) => {
                report(text);
                at += 1;
            }
        }
    }
    (blocks, problems)
}

/// Puts into each block of a file of the book what its source holds.
pub fn rewrite(context: &Context, file: usize, no_run: bool) -> Rewritten {
    let text = &context.book.files[file].text;
    let lines: Vec<&str> = text.lines().collect();
    let mut console = Console::new(context.course, no_run);
    let mut out: Vec<String> = Vec::new();
    let (blocks, problems) = scan(&lines);
    let mut rewritten = Rewritten {
        text: String::new(),
        differences: Vec::new(),
        problems,
        blocks: blocks.len(),
        skipped: 0,
    };
    let mut at = 0;
    for block in &blocks {
        let kept = &lines[at..block.content.start];
        out.extend(kept.iter().map(|&line| line.to_owned()));
        let old = &lines[block.content.start..block.end];
        let new = match content(context, file, block, &lines, &mut console) {
            Ok(Some(new)) => new,
            Ok(None) => {
                rewritten.skipped += usize::from(block.kind().0 == "console");
                old.iter().map(|&line| line.to_owned()).collect()
            }
            Err(text) => {
                let line = block.at + 1;
                rewritten.problems.push(Problem { line, text });
                old.iter().map(|&line| line.to_owned()).collect()
            }
        };
        let difference = first_difference(old, &new, block.source, block.content.start);
        rewritten.differences.extend(difference);
        out.extend(new);
        at = block.end;
    }
    out.extend(lines[at..].iter().map(|&line| line.to_owned()));
    rewritten.text = out.join("\n") + "\n";
    rewritten
}

/// The lines that a block is to have below its beginning, with its end and its caption;
/// `None` where they stay as they are.
fn content(
    context: &Context,
    file: usize,
    block: &Block,
    lines: &[&str],
    console: &mut Console,
) -> Result<Option<Vec<String>>, String> {
    let source = Source::parse(context.course, block.source)?;
    let old = &lines[block.content.clone()];
    let mut new: Vec<String> = match source.content(context, file, old, console)? {
        Content::Is(new) => new.lines().map(str::to_owned).collect(),
        Content::AsItStands => old.iter().map(|&line| line.to_owned()).collect(),
        Content::Skipped => return Ok(None),
    };
    new.push(lines[block.content.end].to_owned());
    if let Source::Excerpt(excerpt) = &source {
        let path = &excerpt.path;
        let link = links::relative(context.book.files[file].place(), path);
        let caption = excerpt.caption();
        new.push(format!("{CAPTION}{path}`]({link}){caption}</sub>"));
    }
    Ok(Some(new))
}

/// What a line holds that is a comment and nothing else.
fn comment(line: &str) -> Option<&str> {
    Some(line.strip_prefix("<!--")?.strip_suffix("-->")?.trim())
}

/// A comment without the words at its end that say something of its block: whether it may
/// be long, and whether it shows something again.
pub fn without_marks(comment: &str) -> (&str, bool, bool) {
    let (mut source, mut is_long, mut is_again) = (comment, false, false);
    loop {
        if let Some(rest) = source.strip_suffix(" long") {
            (source, is_long) = (rest.trim_end(), true);
        } else if let Some(rest) = source.strip_suffix(" again") {
            (source, is_again) = (rest.trim_end(), true);
        } else {
            return (source, is_long, is_again);
        }
    }
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
fn content_range(lines: &[&str], at: usize, is_markdown: bool) -> Result<Range<usize>, String> {
    if is_markdown {
        let length = lines[at..].iter().position(|&line| line == END);
        return match length {
            Some(length) => Ok(at..at + length),
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
    Ok(at + 1..end - 1)
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
