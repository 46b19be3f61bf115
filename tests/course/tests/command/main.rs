//! What `cargo course` does, a module for each of its commands and for what they share.
//!
//! They are one program, so that it is linked once, and so that tests which wait for a
//! server, as most of `check` and `probe` do, run beside those that build or read.

mod bench;
mod beyond;
mod book;
mod check;
mod class;
mod course;
mod diff_and_start;
mod excerpts;
mod exercises;
mod handout;
mod mistakes;
mod prior_knowledge;
mod probe;
mod programs;
mod site;
mod winner;
