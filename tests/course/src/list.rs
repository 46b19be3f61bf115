//! The chapters in their order, and what to do next.

use anstream::println;

use crate::chapters::Course;
use crate::report::{BOLD, DIM};
use crate::results::{Results, Score};

/// Prints the list.
pub fn list(course: &Course) -> anyhow::Result<()> {
    let results = Results::load(course);
    println!("{BOLD}HTTP from scratch, in Rust: the chapters in order{BOLD:#}\n");
    for chapter in &course.chapters {
        let checks = results.get(chapter, false);
        let exercise = results.get(chapter, true);
        println!("{BOLD}{}{BOLD:#}  {}", chapter.name, chapter.lesson);
        println!("    cargo run -p {}", chapter.name);
        println!(
            "    {DIM}checks: {}, exercise: {}{DIM:#}",
            show(checks),
            show(exercise)
        );
    }
    let started = course.root.join("chapters/my-server").exists();
    println!("\nNext:");
    if started {
        println!("  type a chapter into chapters/my-server/src/main.rs, then check it, here");
        println!("  against chapter 3:    cargo course check 3 -- cargo run -p my-server");
        println!("  what is different:    cargo course diff 3 my-server");
    } else {
        println!("  run a chapter:        cargo run -p ch01-socket");
        println!("  begin your own:       cargo course start");
    }
    println!("  check a chapter:      cargo course check 1");
    println!("  what it changes:      cargo course diff 2");
    println!("  its exercise:         cargo course hint 1");
    println!("  all the rest:         cargo course --help");
    Ok(())
}

fn show(score: Option<Score>) -> String {
    match score {
        None => "not run yet".to_owned(),
        Some(Score { passed, of }) => format!("{passed} of {of} passed"),
    }
}
