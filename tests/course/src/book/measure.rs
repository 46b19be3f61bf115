//! `cargo course book --measure`: how much code stands beside how much text.

use std::collections::HashSet;

use super::blocks::scan;
use super::files::SPINE;
use super::woven::{MOST_LINES, modules_of};
use super::{Context, files};

/// What is wanted: bytes of code for one of text, in all of the book and in a chapter.
const MOST_CODE: f64 = 1.2;
const MOST_CODE_OF_A_CHAPTER: f64 = 1.4;
/// How many blocks may be longer than others.
const MOST_LONG: usize = 10;
/// How large the spine and a chapter may be, in bytes.
const LARGEST_SPINE: usize = 120_000;
const LARGEST_CHAPTER: usize = 60_000;

/// What was counted in a file, or in all of them.
#[derive(Default)]
struct Counts {
    code: usize,
    prose: usize,
    blocks: usize,
    /// Blocks of more lines than a block may have, and how many of them say so.
    long: usize,
    said_long: usize,
    /// How many words stand right before the first excerpt of each module.
    words: Vec<(String, usize)>,
}

/// Prints the table.
pub fn measure(context: &Context) {
    say!(
        "{:<41} {:>7} {:>7} {:>7} {:>5} {:>7} {:>5} {:>5}  {}",
        "file",
        "bytes",
        "code",
        "prose",
        "c/p",
        "blocks",
        "> 40",
        "long",
        "words before a module"
    );
    let mut all = Counts::default();
    let mut wanting = Vec::new();
    let mut size = 0;
    for file in &context.book.files {
        let counts = count(context, file);
        say!("{}", line(&file.path, file.text.len(), &counts));
        let is_chapter = file.chapter(context.course).is_some();
        let largest = match &*file.path {
            SPINE => LARGEST_SPINE,
            _ => LARGEST_CHAPTER,
        };
        if file.text.len() > largest {
            wanting.push(format!("{} has more than {largest} bytes", file.path));
        }
        if is_chapter && ratio(&counts) > MOST_CODE_OF_A_CHAPTER {
            wanting.push(format!(
                "{} has more than {MOST_CODE_OF_A_CHAPTER} bytes of code for one of prose",
                file.path
            ));
        }
        size += file.text.len();
        all.code += counts.code;
        all.prose += counts.prose;
        all.blocks += counts.blocks;
        all.long += counts.long;
        all.said_long += counts.said_long;
        all.words.extend(counts.words);
    }
    say!("{}", line("all", size, &all));
    if ratio(&all) > MOST_CODE {
        wanting.push(format!(
            "all has more than {MOST_CODE} bytes of code for one of prose"
        ));
    }
    if all.long > all.said_long {
        let count = all.long - all.said_long;
        wanting.push(format!(
            "{count} blocks above {MOST_LINES} lines are not marked `long`"
        ));
    }
    if all.said_long > MOST_LONG {
        wanting.push(format!("more than {MOST_LONG} blocks are marked `long`"));
    }
    say!("\nWords right before the first excerpt of each module:\n");
    for (module, words) in &all.words {
        say!("{words:>5}  {module}");
    }
    say!("\nCode is what stands in the blocks. Prose is what is read without opening a fold;");
    say!("exercises, captions, generated lists and the targets of links do not count.");
    if !wanting.is_empty() {
        say!("\nMore than is wanted:\n");
        for text in wanting {
            say!("- {text}");
        }
    }
}

fn ratio(counts: &Counts) -> f64 {
    counts.code as f64 / counts.prose.max(1) as f64
}

fn line(name: &str, size: usize, counts: &Counts) -> String {
    let mut words: Vec<usize> = counts.words.iter().map(|(_, words)| *words).collect();
    words.sort_unstable();
    let words = match words[..] {
        [] => String::new(),
        [least, ..] => format!("median {}, least {least}", words[words.len() / 2]),
    };
    let line = format!(
        "{name:<41} {size:>7} {:>7} {:>7} {:>5.2} {:>7} {:>5} {:>5}  {words}",
        counts.code,
        counts.prose,
        ratio(counts),
        counts.blocks,
        counts.long,
        counts.said_long,
    );
    line.trim_end().to_owned()
}

fn count(context: &Context, file: &files::File) -> Counts {
    let lines: Vec<&str> = file.text.lines().collect();
    let (blocks, _) = scan(&lines);
    let modules: Vec<String> = match file.chapter(context.course) {
        Some(chapter) => modules_of(context.course, chapter),
        None => Vec::new(),
    };
    let mut counts = Counts::default();
    let mut met = HashSet::new();
    let mut at = 0;
    let mut words_since_code = 0;
    let mut is_folded = false;
    let mut read = |lines: &[&str], counts: &mut Counts| {
        let mut words = 0;
        for line in lines {
            is_folded |= line.contains("<details");
            if !is_folded {
                counts.prose += prose(line).map_or(0, |text| text.len() + 1);
            }
            is_folded &= !line.contains("</details");
            words += self::words(line);
        }
        words
    };
    for block in &blocks {
        words_since_code += read(&lines[at..block.at], &mut counts);
        at = block.end;
        if block.is_markdown {
            continue;
        }
        let content = &lines[block.content.clone()];
        counts.blocks += 1;
        counts.code += content.iter().map(|line| line.len() + 1).sum::<usize>();
        let is_long = content.len() > MOST_LINES;
        counts.long += usize::from(is_long);
        counts.said_long += usize::from(is_long && block.is_long);
        if let Some(excerpt) = block.excerpt()
            && modules.contains(&excerpt.path)
            && met.insert(excerpt.path.clone())
        {
            counts.words.push((excerpt.path, words_since_code));
        }
        words_since_code = 0;
    }
    read(&lines[at..], &mut counts);
    counts
}

/// What of a line is read: not a comment, not a tag, and of a link its text.
fn prose(line: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = line.trim();
    if rest.starts_with("<!--") {
        return None;
    }
    while let Some((before, after)) = rest.split_once("](") {
        text += before;
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text += rest;
    let parts = text.split('<').enumerate().map(|(number, part)| {
        let is_tag = number > 0 && part.starts_with(|c: char| c == '/' || c.is_ascii_lowercase());
        match part.split_once('>') {
            Some((_, text)) if is_tag => text.to_owned(),
            _ if number > 0 => format!("<{part}"),
            _ => part.to_owned(),
        }
    });
    let text: String = parts.collect();
    (!text.is_empty()).then_some(text)
}

/// How many words of a sentence a line holds.
fn words(line: &str) -> usize {
    match line.starts_with('#') {
        true => 0,
        false => prose(line).map_or(0, |text| text.split_whitespace().count()),
    }
}
