//! A wrong answer to an exercise, of the sort that one really writes.
//!
//!     ANSWER=ch09-untrimmed cargo run -p wrong-answers

use std::env;

use anyhow::Context;

include!(concat!(env!("OUT_DIR"), "/answers.rs"));

fn main() -> anyhow::Result<()> {
    let name = env::var("ANSWER").context("ANSWER names no wrong answer")?;
    let (_, run) = ANSWERS
        .iter()
        .find(|(known, _)| *known == name)
        .with_context(|| format!("there is no wrong answer {name}"))?;
    run()
}
