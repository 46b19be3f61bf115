//! `cargo course class`: checks all that a class has handed in, and makes one table
//! of it.

mod build;
mod received;
mod table;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use harness::checks::{Check, is_sealed};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::chapters::{Chapter, Course};
use crate::check::{self, Ended, checks_of, play_all};
use crate::results::Score;
use crate::target::{HandIn, Kind, Manner, NeverListened, Target};

use build::Refused;
pub use received::{KINDS, can_be_started};
use received::{Program, Received};
use table::Outputs;

/// What the command line asks for.
pub struct Options {
    pub exercise: bool,
    /// Whether the programs of others may run here.
    pub trust: bool,
    /// How many are checked at the same time.
    pub jobs: usize,
    /// How long one may take to be built, and then to be checked.
    pub limit: Duration,
    /// How long one may take to listen.
    pub start_timeout: Duration,
    pub csv: Option<PathBuf>,
    pub json: Option<PathBuf>,
    pub html: Option<PathBuf>,
}

/// What became of one hand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Hangs,
    NeverListened,
    DoesNotCompile,
    NothingToStart,
}

impl Verdict {
    const ALL: [Self; 6] = [
        Self::Passed,
        Self::Failed,
        Self::Hangs,
        Self::NeverListened,
        Self::DoesNotCompile,
        Self::NothingToStart,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Hangs => "hangs",
            Self::NeverListened => "never listened",
            Self::DoesNotCompile => "does not compile",
            Self::NothingToStart => "nothing to start",
        }
    }
}

/// One line of the table.
struct Row {
    learner: String,
    verdict: Verdict,
    /// What was played of it, where it came to that.
    score: Option<Score>,
    /// How long it took to be checked, the build not counted.
    seconds: f64,
    /// What is to be mended first, in a line.
    note: String,
    /// The compiler's first error as it shows it.
    error: Option<String>,
    /// The checks that failed, by their names, each with what was wrong.
    failures: Vec<(String, String)>,
}

impl Row {
    /// A hand-in that did not come to be checked.
    fn unchecked(learner: &str, verdict: Verdict, note: &str) -> Self {
        Self {
            learner: learner.to_owned(),
            verdict,
            score: None,
            seconds: 0.0,
            note: one_line(note),
            error: None,
            failures: Vec::new(),
        }
    }
}

/// Checks all hand-ins in a folder.
pub fn class(
    course: &Course,
    chapter: &Chapter,
    folder: &Path,
    options: &Options,
) -> anyhow::Result<()> {
    let received = received::find(folder)?;
    if !options.trust {
        bail!(
            "{} programs of others would run here with your rights: each could read, change \
             and delete what you can, and use the network, and so could what builds it. \
             Where that matters, read them first, or do this in a container or as another \
             user; BOOK.md shows how, under \"Thirty answers\". To run them, add --trust",
            received.len()
        );
    }
    let checks = checks_of(course, chapter, options.exercise)?;
    ensure!(!checks.is_empty(), "{} has no checks", chapter.name);
    // Before the work, so that it is not lost to a name that cannot be written.
    let outputs = Outputs::open(options)?;
    let started = Instant::now();
    let class = Class {
        is_sealed: is_sealed(&chapter.name),
        ..Class::new(course, &checks, options, received)?
    };
    let rows = class.check_all();
    outputs.write(chapter, options, &rows, started.elapsed())
}

/// All that the workers share.
struct Class<'a> {
    course: &'a Course,
    checks: &'a [Check],
    /// Whether those that were handed in speak TLS.
    is_sealed: bool,
    options: &'a Options,
    received: Vec<Received>,
    /// Copies of what was handed in, which go when this ends.
    copies: TempDir,
    /// Where all of it is built, so that what it has in common is built once.
    target: PathBuf,
    /// Held by who builds: cargo would let the others wait, and their time run out.
    builds: Mutex<()>,
    progress: ProgressBar,
}

/// A hand-in on its way.
enum Step {
    Done(Row),
    /// It is to be tried once more, when nothing else runs.
    Again(HandIn),
}

impl<'a> Class<'a> {
    fn new(
        course: &'a Course,
        checks: &'a [Check],
        options: &'a Options,
        received: Vec<Received>,
    ) -> anyhow::Result<Self> {
        let folder = std::path::absolute(course.target_folder().join("course-class"))?;
        let cannot_write = || format!("cannot write {}", folder.display());
        std::fs::create_dir_all(&folder).with_context(cannot_write)?;
        let copies = tempfile::Builder::new()
            .prefix("copies-")
            .tempdir_in(&folder);
        let progress = ProgressBar::new(received.len().try_into()?);
        progress.set_style(ProgressStyle::with_template(
            "{bar:30} {pos} of {len}  {elapsed}  {wide_msg}",
        )?);
        progress.enable_steady_tick(Duration::from_millis(100));
        Ok(Self {
            course,
            checks,
            is_sealed: false,
            options,
            received,
            copies: copies.with_context(cannot_write)?,
            target: folder.join("build"),
            builds: Mutex::new(()),
            progress,
        })
    }

    /// Checks all of them, several at a time, and then, one after another, those
    /// that only listen where they always do.
    fn check_all(&self) -> Vec<Row> {
        let next = AtomicUsize::new(0);
        let steps: Vec<Mutex<Option<Step>>> =
            self.received.iter().map(|_| Mutex::new(None)).collect();
        thread::scope(|scope| {
            for _ in 0..self.options.jobs.min(self.received.len()) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(received) = self.received.get(number) else {
                            return;
                        };
                        self.progress.set_message(received.learner.clone());
                        let step = self.first_try(received, number);
                        if matches!(step, Step::Done(_)) {
                            self.progress.inc(1);
                        }
                        *steps[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
                    }
                });
            }
        });
        let mut rows = Vec::new();
        for (received, step) in self.received.iter().zip(steps) {
            let step = step.into_inner().unwrap_or_else(PoisonError::into_inner);
            match step {
                Some(Step::Done(row)) => rows.push(row),
                Some(Step::Again(hand_in)) => {
                    self.progress
                        .set_message(format!("{}, alone on its port", received.learner));
                    rows.push(self.second_try(received, hand_in));
                    self.progress.inc(1);
                }
                None => {}
            }
        }
        self.progress.finish_and_clear();
        rows
    }

    fn first_try(&self, received: &Received, number: usize) -> Step {
        let learner = &received.learner;
        let place = self.copies.path().join(number.to_string());
        let ready = match received.prepare(self.course, &place, number) {
            Ok(ready) => ready,
            Err(error) => {
                let note = format!("{error:#}");
                return Step::Done(Row::unchecked(learner, Verdict::NothingToStart, &note));
            }
        };
        let is_crate = matches!(ready.program, Program::Crate);
        let words = match ready.program {
            Program::Command(words) => words,
            Program::Crate => {
                let built = {
                    let _turn = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
                    build::build(self.course, &ready.folder, &self.target, self.options.limit)
                };
                match built {
                    Ok(program) => vec![program.to_string_lossy().into_owned()],
                    Err(Refused { line, text }) => {
                        let row = Row::unchecked(learner, Verdict::DoesNotCompile, &line);
                        return Step::Done(Row {
                            error: Some(printable(&text)),
                            ..row
                        });
                    }
                }
            }
        };
        let hand_in = HandIn {
            words,
            folder: ready.folder,
            manner: Manner::Told,
        };
        let mut target = self.target(&hand_in);
        match target.start_hand_in(&hand_in) {
            Ok(()) => Step::Done(self.check(learner, target)),
            // A script may have taken its argument for something else.
            Err(NeverListened::Silent(reason)) if is_crate => {
                let note = reason.to_string();
                Step::Done(Row::unchecked(learner, Verdict::NeverListened, &note))
            }
            Err(_) => Step::Again(HandIn {
                manner: Manner::Alone,
                ..hand_in
            }),
        }
    }

    fn target(&self, hand_in: &HandIn) -> Target {
        Target::new(Kind::HandIn(hand_in.clone()), self.options.start_timeout)
            .sealed(self.is_sealed)
    }

    fn second_try(&self, received: &Received, hand_in: HandIn) -> Row {
        let mut target = self.target(&hand_in);
        match target.start_hand_in(&hand_in) {
            Ok(()) => self.check(&received.learner, target),
            Err(reason) => {
                let note = crate::CannotCheck::from(reason).to_string();
                Row::unchecked(&received.learner, Verdict::NeverListened, &note)
            }
        }
    }

    /// Plays the checks against a server that runs.
    fn check(&self, learner: &str, mut target: Target) -> Row {
        let options = check::Options {
            exercise: self.options.exercise,
            only: None,
            keep_score: false,
            strict: false,
            all: false,
            json: false,
            start_timeout: self.options.start_timeout,
        };
        let started = Instant::now();
        let deadline = Some(started + self.options.limit);
        let mut passed = Vec::new();
        let mut failures = Vec::new();
        let (mut is_stuck, mut survived) = (false, true);
        let ended = play_all(self.checks, &mut target, &options, deadline, |outcome| {
            let check = outcome.check;
            survived &= !outcome.has_died;
            is_stuck |= check.decides() && outcome.played.timed_out();
            match &outcome.verdict.failure {
                None => passed.push(check.name.as_str()),
                Some(failure) => failures.push((
                    outcome.counts,
                    check.name.clone(),
                    printable(&failure.problem),
                )),
            }
        });
        let score = Score::of(self.checks, survived, |check| {
            passed.contains(&&*check.name)
        });
        // What counts comes first.
        failures.sort_by_key(|(counts, ..)| !counts);
        let failures: Vec<(String, String)> = failures
            .into_iter()
            .map(|(_, name, problem)| (name, problem))
            .collect();
        let first = failures
            .first()
            .map(|(name, problem)| format!("{name}: {problem}"));
        let left = match &ended {
            Ok(Ended::OutOfTime) => {
                Some(format!("stopped after {} s", self.options.limit.as_secs()))
            }
            Err(reason) => Some(format!("could not be started again: {reason}")),
            Ok(Ended::Played | Ended::Hopeless) => None,
        };
        let verdict = if score.has_passed() {
            Verdict::Passed
        } else if is_stuck || matches!(ended, Ok(Ended::OutOfTime)) {
            Verdict::Hangs
        } else {
            Verdict::Failed
        };
        let note: Vec<String> = left.into_iter().chain(first).collect();
        Row {
            learner: learner.to_owned(),
            verdict,
            score: Some(score),
            seconds: started.elapsed().as_secs_f64(),
            note: one_line(&note.join("; ")),
            error: None,
            failures,
        }
    }
}

/// What others wrote, without what a terminal would take for an order.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let is_order = character.is_control() && !matches!(character, '\n' | '\t');
            let escaped = is_order.then(|| character.escape_default());
            let plain = (!is_order).then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    printable(&words.join(" "))
}
