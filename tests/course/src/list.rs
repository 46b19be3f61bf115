//! The chapters in their order, and what to do next.

use crate::chapters::{Chapter, Course};
use crate::report::{BOLD, DIM};
use crate::results::{Results, Score, Whose};

/// Prints the list.
pub fn list(course: &Course) -> anyhow::Result<()> {
    let results = Results::load(course);
    say!("{BOLD}HTTP from scratch, in Rust: the chapters in order{BOLD:#}\n");
    for chapter in &course.chapters {
        let checks = results.get(chapter, false);
        let exercise = results.get(chapter, true);
        say!("{BOLD}{}{BOLD:#}  {}", chapter.name, chapter.lesson);
        say!("    cargo run -p {}", chapter.name);
        say!(
            "    {DIM}your checks: {}, exercise: {}{DIM:#}",
            show(checks),
            show(exercise)
        );
    }
    let next = next(course, &results);
    let number = next.map_or("1", |chapter| &chapter.number);
    say!("\nNext:");
    if course.root.join("chapters/my-server").exists() {
        say!("  write it:          chapters/my-server/src/main.rs");
        say!("  check it:          cargo course check {number} -- cargo run -p my-server");
        say!("  compare it:        cargo course diff {number} my-server");
    } else {
        say!("  run a chapter:     cargo run -p ch01-socket");
        say!("  begin your own:    cargo course start");
        say!("  check a chapter:   cargo course check {number}");
    }
    say!("  read the book:     cargo course read");
    let next_step = if number == "1" { "2" } else { number };
    say!("  what comes next:   cargo course diff {next_step}");
    say!("  its exercise:      cargo course hint {number}");
    say!("  all the rest:      cargo course --help");
    Ok(())
}

/// The chapter to go on with: the one behind the furthest that has passed. Who has got
/// somewhere goes on from there, and not from what was passed over.
pub fn next<'a>(course: &'a Course, results: &Results) -> Option<&'a Chapter> {
    let has_passed = |chapter: &Chapter| {
        let score = results.get(chapter, false);
        score.is_some_and(|(score, _)| score.has_passed())
    };
    let furthest = course.chapters.iter().rposition(has_passed);
    let next = furthest.map_or(0, |furthest| furthest + 1);
    course.chapters.get(next).or(course.chapters.last())
}

/// A score in words.
pub fn show(score: Option<(Score, Whose)>) -> String {
    let Some((score, whose)) = score else {
        return "not run yet".to_owned();
    };
    let Score {
        core,
        lesson,
        robust,
        survived,
    } = score;
    let mut shown = format!("{} of {} passed", core.passed, core.of);
    if lesson.of > 0 {
        shown += &format!(", lesson {} of {}", lesson.passed, lesson.of);
    }
    if !survived {
        shown += ", and a client ended it";
    }
    if robust.of > 0 {
        shown += &format!(", robust {} of {}", robust.passed, robust.of);
    }
    if whose == Whose::Another {
        shown += " (another server than my-server)";
    }
    shown
}
