//! The chapters in their order, and what to do next.

use crate::chapters::Course;
use crate::report::{BOLD, DIM};
use crate::results::{Results, Score};

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
            "    {DIM}checks: {}, exercise: {}{DIM:#}",
            show(checks),
            show(exercise)
        );
    }
    let started = course.root.join("chapters/my-server").exists();
    say!("\nNext:");
    if started {
        say!("  type a chapter into chapters/my-server/src/main.rs, then check it, here");
        say!("  against chapter 3:    cargo course check 3 -- cargo run -p my-server");
        say!("  what is different:    cargo course diff 3 my-server");
    } else {
        say!("  run a chapter:        cargo run -p ch01-socket");
        say!("  begin your own:       cargo course start");
    }
    say!("  check a chapter:      cargo course check 1");
    say!("  what it changes:      cargo course diff 2");
    say!("  its exercise:         cargo course hint 1");
    say!("  all the rest:         cargo course --help");
    Ok(())
}

fn show(score: Option<Score>) -> String {
    match score {
        None => "not run yet".to_owned(),
        Some(Score { passed, of }) => format!("{passed} of {of} passed"),
    }
}
