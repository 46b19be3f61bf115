//! `cargo course diff`: what changes from one chapter to another.

use std::env;

use anyhow::{Context, bail};
use harness::transcript::{Step, Transcript};
use similar::{ChangeTag, TextDiff};

use crate::chapters::{Chapter, Course, read, without_tests};
use crate::report::{BOLD, GREEN, RED};
use crate::start::MY_SERVER;

/// The fewest columns in which two sides next to each other can be read.
const WIDE_ENOUGH: usize = 120;

/// How differences are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Unified,
    SideBySide,
    Numbers,
}

/// Shows what changes from one chapter to another, or to it where only one is
/// named.
pub fn diff(course: &Course, from: &str, to: Option<&str>, layout: Layout) -> anyhow::Result<()> {
    let layout = if layout == Layout::SideBySide && columns() < WIDE_ENOUGH {
        warn!(
            "The terminal has {} columns, and two sides need {WIDE_ENOUGH}: \
             here they are in one.\n",
            columns()
        );
        Layout::Unified
    } else {
        layout
    };
    let (old, new) = match to {
        None => {
            let new = course.chapter(from)?;
            let Some(old) = course.base_of(new) else {
                bail!(
                    "{} is the first chapter; name another one to compare it with",
                    new.name
                );
            };
            (old, new)
        }
        Some(MY_SERVER) => {
            let old = course.chapter(from)?;
            return show_main(course, &old.name, MY_SERVER, layout)
                .context("there is no server of your own yet; `cargo course start` makes it");
        }
        Some(to) => (course.chapter(from)?, course.chapter(to)?),
    };
    say!(
        "{BOLD}{} to {}{BOLD:#}: {}\n",
        old.name,
        new.name,
        new.lesson
    );
    show_main(course, &old.name, &new.name, layout)?;
    show_modules(course, old, new, layout)?;
    show_wire(course, old, new, layout)
}

/// The columns of the terminal; where there is none, `COLUMNS` may say it.
pub fn columns() -> usize {
    let from_terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let from_environment = || env::var("COLUMNS").ok()?.parse().ok();
    from_terminal.or_else(from_environment).unwrap_or(80)
}

fn show_main(course: &Course, old: &str, new: &str, layout: Layout) -> anyhow::Result<()> {
    let path = |name: &str| format!("chapters/{name}/src/main.rs");
    let (old_text, new_text) = (course.main_of(old)?, course.main_of(new)?);
    show(&path(old), &old_text, &path(new), &new_text, layout);
    Ok(())
}

/// Shows the modules that came into `common` after the old chapter and that the
/// new one uses. What chapters before the old one brought is no news, even if the old one
/// does without it, as chapter 18 does without most of part two.
fn show_modules(
    course: &Course,
    old: &Chapter,
    new: &Chapter,
    layout: Layout,
) -> anyhow::Result<()> {
    let known = course.known_after(old)?;
    let used = course.included_in(&feature_of(course, new)?)?;
    let mut came_in = Vec::new();
    let later = course
        .chapters
        .iter()
        .skip_while(|chapter| chapter.name != old.name);
    for chapter in later {
        let feature = chapter.short_name();
        if used.contains(feature) && !known.contains(feature) {
            came_in.extend(course.modules_of(chapter)?);
        }
    }
    if came_in.is_empty() {
        say!("\n{BOLD}Nothing new comes into common.{BOLD:#}");
        return Ok(());
    }
    say!("\n{BOLD}What comes into common{BOLD:#}");
    for path in came_in {
        let text = read(&course.root.join(&path))?;
        if layout != Layout::Numbers {
            say!();
        }
        show(
            "/dev/null",
            "",
            &path,
            &format!("{}\n", without_tests(&text)),
            layout,
        );
    }
    Ok(())
}

/// The feature of `common` that a chapter asks for.
fn feature_of(course: &Course, chapter: &Chapter) -> anyhow::Result<String> {
    let manifest = read(
        &course
            .root
            .join("chapters")
            .join(&chapter.name)
            .join("Cargo.toml"),
    )?;
    manifest
        .lines()
        .find(|line| line.starts_with("common"))
        .and_then(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .with_context(|| format!("{} asks for no feature of common", chapter.name))
}

/// Shows which requests get another answer, and which ones are new.
fn show_wire(course: &Course, old: &Chapter, new: &Chapter, layout: Layout) -> anyhow::Result<()> {
    let before = course.checks_of(old)?;
    let mut same = 0;
    let mut changed = Vec::new();
    let mut added = Vec::new();
    for check in course.checks_of(new)? {
        let transcript = check.transcript;
        if transcript.group == "exercise" {
            continue;
        }
        let answers: Vec<&Transcript> = before
            .iter()
            .map(|old| &old.transcript)
            .filter(|old| old.group != "exercise" && asks_the_same(old, &transcript))
            .collect();
        // The snapshots of several chapters may ask the same.
        match answers.first() {
            None => added.push(transcript),
            _ if answers.iter().any(|old| old.steps == transcript.steps) => same += 1,
            Some(&old) => changed.push((old.clone(), transcript)),
        }
    }
    say!("\n{BOLD}On the wire{BOLD:#}");
    say!(
        "Of the requests in the snapshots, {same} get the same answer, {} get another one, \
         and {} are new.",
        changed.len(),
        added.len()
    );
    if layout == Layout::Numbers {
        return Ok(());
    }
    for (old_transcript, transcript) in &changed {
        say!();
        let (old_text, new_text) = (old_transcript.to_string(), transcript.to_string());
        let heading = |chapter: &Chapter| format!("{}: {}", chapter.name, transcript.title);
        show(&heading(old), &old_text, &heading(new), &new_text, layout);
    }
    if !added.is_empty() {
        say!("\nNew:");
        for transcript in added {
            say!("  {}: {}", transcript.group, transcript.title);
        }
    }
    Ok(())
}

fn asks_the_same(a: &Transcript, b: &Transcript) -> bool {
    let asks = |step: &&Step| {
        !matches!(
            step,
            Step::Receive(_)
                | Step::ReceiveFrames(_)
                | Step::Closes
                | Step::Resets
                | Step::Prints(_)
        )
    };
    a.steps.iter().filter(asks).eq(b.steps.iter().filter(asks))
}

/// Shows the difference between two texts.
fn show(old_name: &str, old: &str, new_name: &str, new: &str, layout: Layout) {
    let diff = TextDiff::from_lines(old, new);
    match layout {
        Layout::Numbers => {
            let count = |tag| {
                diff.iter_all_changes()
                    .filter(|change| change.tag() == tag)
                    .count()
            };
            let (added, removed) = (count(ChangeTag::Insert), count(ChangeTag::Delete));
            say!("{new_name}: {added} lines added, {removed} removed");
        }
        Layout::Unified => {
            let unified = diff.unified_diff().header(old_name, new_name).to_string();
            for line in unified.lines() {
                let style = match line.as_bytes() {
                    [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => BOLD,
                    [b'+', ..] => GREEN,
                    [b'-', ..] => RED,
                    _ => anstyle::Style::new(),
                };
                say!("{style}{line}{style:#}");
            }
        }
        Layout::SideBySide => side_by_side(&diff, old_name, new_name),
    }
}

fn side_by_side(diff: &TextDiff<'_, '_, str>, old_name: &str, new_name: &str) {
    let width = (columns() - 3) / 2;
    say!("{BOLD}{old_name:width$}   {new_name}{BOLD:#}");
    for op in diff.ops() {
        let side = |tag| {
            diff.iter_changes(op)
                .filter(move |change| change.tag() == tag || change.tag() == ChangeTag::Equal)
                .flat_map(move |change| folded(change.value().trim_end_matches('\n'), width))
                .collect::<Vec<String>>()
        };
        let (left, right) = (side(ChangeTag::Delete), side(ChangeTag::Insert));
        let is_equal = op.tag() == similar::DiffTag::Equal;
        for row in 0..left.len().max(right.len()) {
            let (left, right) = (left.get(row), right.get(row));
            let mark = match (is_equal, left, right) {
                (true, ..) => ' ',
                (_, Some(_), Some(_)) => '|',
                (_, Some(_), None) => '<',
                _ => '>',
            };
            let text = |side: Option<&String>| side.cloned().unwrap_or_default();
            let (old_style, new_style) = if is_equal {
                Default::default()
            } else {
                (RED, GREEN)
            };
            let (left, right) = (text(left), text(right));
            say!("{old_style}{left:width$}{old_style:#} {mark} {new_style}{right}{new_style:#}");
        }
    }
}

/// A line in pieces that are no wider than that.
fn folded(line: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    if characters.is_empty() {
        return vec![String::new()];
    }
    characters
        .chunks(width)
        .map(|piece| piece.iter().collect())
        .collect()
}
