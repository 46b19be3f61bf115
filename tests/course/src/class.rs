//! `cargo course class`: checks all that a class has handed in, and makes one table
//! of it.

mod build;
mod gradebook;
mod received;
mod reports;
mod roster;
mod score;
mod summary;
mod table;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use harness::checks::{Check, Kind as CheckKind, is_sealed};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::chapters::{Chapter, Course};
use crate::check::{self, Ended, HOPELESS, checks_of, play_all};
use crate::process;
use crate::target::{HandIn, Kind, Manner, NeverListened, Target};

use build::Refused;
pub use received::{KINDS, can_be_started};
use received::{Program, Received};
use roster::Roster;
pub use score::Points;
use score::{Checked, Count, State};
use table::Outputs;

/// In place of a chapter: each folder that is called like one is checked.
const ALL_CHAPTERS: &str = "all";

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
    pub roster: Option<PathBuf>,
    pub points: Option<Points>,
    pub outputs: Files,
}

/// Where the table goes besides the terminal; `-` is standard output.
#[derive(clap::Args)]
pub struct Files {
    /// Writes the table to a file, or with - to standard output alone
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Writes one JSON object for each hand-in, with the compiler's first error
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Writes a page to read or print
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Writes JUnit XML: a suite for each hand-in, a test for each check
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Writes what GitHub Classroom's reporter reads, for a single hand-in
    #[arg(long, value_name = "FILE", requires = "points")]
    pub autograding: Option<PathBuf>,

    /// Writes the points as CSV that Moodle imports
    #[arg(long, value_name = "FILE", requires = "points", requires = "roster")]
    pub moodle: Option<PathBuf>,

    /// Writes the points as CSV that Canvas imports
    #[arg(long, value_name = "FILE", requires = "points", requires = "roster")]
    pub canvas: Option<PathBuf>,
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
    NotHandedIn,
}

impl Verdict {
    const ALL: [Self; 7] = [
        Self::Passed,
        Self::Failed,
        Self::Hangs,
        Self::NeverListened,
        Self::DoesNotCompile,
        Self::NothingToStart,
        Self::NotHandedIn,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Hangs => "hangs",
            Self::NeverListened => "never listened",
            Self::DoesNotCompile => "does not compile",
            Self::NothingToStart => "nothing to start",
            Self::NotHandedIn => "not handed in",
        }
    }

    /// Why a cell of the table has no number, where it has none.
    fn why_empty(self) -> Option<&'static str> {
        match self {
            Self::Passed | Self::Failed | Self::Hangs => None,
            Self::NeverListened | Self::NothingToStart => Some("not started"),
            Self::DoesNotCompile => Some("not built"),
            Self::NotHandedIn => Some("not handed in"),
        }
    }
}

/// One line of the table.
struct Row {
    learner: String,
    /// The number of the learner in the roster.
    person: Option<usize>,
    verdict: Verdict,
    /// All checks of the chapter, played or not.
    checks: Vec<Checked>,
    /// How long it took to be checked, the build not counted.
    seconds: f64,
    /// What is to be mended first, in a line.
    note: String,
    /// The compiler's first error as it shows it.
    error: Option<String>,
    /// The processes that it left behind, as they were called.
    left_behind: Vec<String>,
}

impl Row {
    fn count(&self, kind: CheckKind) -> Count {
        Count::of_kind(&self.checks, kind)
    }

    /// The checks that failed, those that decide first, each with what was wrong.
    fn failures(&self) -> Vec<(&str, &str)> {
        let mut failures: Vec<_> = self
            .checks
            .iter()
            .filter_map(|check| match &check.state {
                State::Failed(problem) => Some((check, &**problem)),
                State::Passed | State::NotPlayed => None,
            })
            .collect();
        failures.sort_by_key(|(check, _)| !check.kind.decides());
        let failures = failures.into_iter();
        failures
            .map(|(check, problem)| (&*check.name, problem))
            .collect()
    }

    /// The points, where there is anything to give points for.
    fn points(&self, points: Points) -> Option<f64> {
        (self.verdict != Verdict::NotHandedIn).then(|| points.of(&self.checks))
    }
}

/// The table of one chapter.
struct Sheet<'a> {
    chapter: &'a Chapter,
    rows: Vec<Row>,
}

/// What one chapter has to check.
struct Part<'a> {
    chapter: &'a Chapter,
    checks: Vec<Check>,
    received: Vec<Received>,
}

/// Checks all hand-ins in a folder, for the chapter that is called so, or in folders of
/// it that are called like chapters.
pub fn class(
    course: &Course,
    called: &str,
    folder: &Path,
    options: &Options,
) -> anyhow::Result<()> {
    let folders = match called {
        ALL_CHAPTERS => folders_of_chapters(course, folder)?,
        called => vec![(course.chapter(called)?, folder.to_owned())],
    };
    let mut parts = Vec::new();
    for (chapter, folder) in folders {
        let received = received::find(&folder)?;
        let checks = checks_of(course, chapter, options.exercise)?;
        ensure!(!checks.is_empty(), "{} has no checks", chapter.name);
        parts.push(Part {
            chapter,
            checks,
            received,
        });
    }
    let count: usize = parts.iter().map(|part| part.received.len()).sum();
    if !options.trust {
        bail!(
            "{count} programs of others would run here with your rights: each could read, change \
             and delete what you can, and use the network, and so could what builds it. \
             Where that matters, read them first, or do this in a container or as another \
             user; BOOK.md shows how, under \"The programs of others\". To run them, add --trust",
        );
    }
    ensure!(
        options.outputs.autograding.is_none() || count == 1,
        "--autograding is about one hand-in, and there are {count}"
    );
    let roster = options.roster.as_deref().map(Roster::read).transpose()?;
    // Before the work, so that it is not lost to a name that cannot be written.
    let outputs = Outputs::open(&options.outputs)?;
    let started = Instant::now();
    let mut sheets = Vec::new();
    for part in parts {
        let rows = Class::new(course, &part, options)?.check_all();
        let mut sheet = Sheet {
            chapter: part.chapter,
            rows,
        };
        if let Some(roster) = &roster {
            sheet.call_the_roll(roster, &part);
        }
        sheets.push(sheet);
    }
    outputs.write(&sheets, roster.as_ref(), options, started.elapsed())
}

/// What a single hand-in is worth, for its author: the words for what it has passed.
/// Without a chapter, it is built and started alone.
///
/// # Errors
/// It does not come to listen.
pub fn rehearse(
    course: &Course,
    hand_in: &Path,
    chapter: &Chapter,
    checks: Vec<Check>,
) -> anyhow::Result<String> {
    let options = Options {
        exercise: checks.iter().any(|check| check.kind == CheckKind::Exercise),
        trust: true,
        jobs: 1,
        limit: LIMIT_OF_ONE,
        start_timeout: START_TIMEOUT_OF_ONE,
        roster: None,
        points: None,
        outputs: Files::none(),
    };
    let part = Part {
        chapter,
        checks,
        received: vec![Received::new(hand_in)],
    };
    let rows = Class::new(course, &part, &options)?.check_all();
    let row = rows.first().context("there is nothing to check")?;
    if row.verdict.why_empty().is_some() {
        let error = row.error.as_deref().unwrap_or(&row.note).trim();
        return Err(crate::CannotCheck(format!(
            "it is not packed, as the class would say of it: {}\n{error}\n\
             (--unchecked packs it all the same)",
            row.verdict.words()
        ))
        .into());
    }
    let kinds = score::KINDS.into_iter();
    let kinds = kinds.filter(|kind| row.count(*kind).of() > 0);
    let counts: Vec<String> = kinds
        .map(|kind| format!("{} {}", kind.name(), row.count(kind).words()))
        .collect();
    let parts = [counts.join("; "), row.note.clone()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(match part.checks.is_empty() {
        true => format!("It is built and listens. {}", row.note),
        false => format!("{}: {}", row.verdict.words(), parts.join("; ")),
    })
}

/// How long the author of a hand-in may have to wait for its build, and for its checks.
const LIMIT_OF_ONE: Duration = Duration::from_secs(600);
const START_TIMEOUT_OF_ONE: Duration = Duration::from_secs(10);

impl Files {
    fn none() -> Self {
        Self {
            csv: None,
            json: None,
            html: None,
            junit: None,
            autograding: None,
            moodle: None,
            canvas: None,
        }
    }
}

/// The folders in a folder that are called like chapters, in the order of these.
fn folders_of_chapters<'a>(
    course: &'a Course,
    folder: &Path,
) -> anyhow::Result<Vec<(&'a Chapter, PathBuf)>> {
    let mut folders = Vec::new();
    for name in received::names_in(folder)? {
        let path = folder.join(&name);
        ensure!(
            path.is_dir(),
            "{} is no folder; with `all`, each chapter has a folder of its own",
            path.display()
        );
        let chapter = course.chapter(&name);
        let chapter = chapter.with_context(|| format!("cannot place {}", path.display()))?;
        folders.push((chapter, path));
    }
    let place = |name: &str| {
        let mut chapters = course.chapters.iter();
        chapters.position(|chapter| chapter.name == name)
    };
    folders.sort_by_key(|(chapter, _)| place(&chapter.name));
    Ok(folders)
}

impl Sheet<'_> {
    /// Gives each hand-in to a person in the roster, and a line to each person who has
    /// handed in nothing.
    fn call_the_roll(&mut self, roster: &Roster, part: &Part) {
        for (row, received) in self.rows.iter_mut().zip(&part.received) {
            row.person = roster.find(received);
            match row.person.and_then(|number| roster.people.get(number)) {
                Some(person) => row.learner.clone_from(&person.name),
                None => row.note = joined([NOT_IN_ROSTER, &row.note]),
            }
        }
        for (number, person) in roster.people.iter().enumerate() {
            if self.rows.iter().all(|row| row.person != Some(number)) {
                self.rows.push(Row {
                    person: Some(number),
                    ..part.unchecked(&person.name, Verdict::NotHandedIn, "")
                });
            }
        }
        // As in the roster, and the others at the end.
        self.rows
            .sort_by_key(|row| row.person.unwrap_or(usize::MAX));
    }
}

/// What is said of a hand-in whose author is not known.
const NOT_IN_ROSTER: &str = "not in the roster";

impl Part<'_> {
    /// A hand-in that did not come to be checked.
    fn unchecked(&self, learner: &str, verdict: Verdict, note: &str) -> Row {
        let checks = self.checks.iter();
        Row {
            learner: learner.to_owned(),
            person: None,
            verdict,
            checks: checks.map(Checked::new).collect(),
            seconds: 0.0,
            note: one_line(note),
            error: None,
            left_behind: Vec::new(),
        }
    }
}

/// All that the workers share.
struct Class<'a> {
    course: &'a Course,
    part: &'a Part<'a>,
    options: &'a Options,
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
    fn new(course: &'a Course, part: &'a Part<'a>, options: &'a Options) -> anyhow::Result<Self> {
        let folder = std::path::absolute(course.target_folder().join("course-class"))?;
        let cannot_write = || format!("cannot write {}", folder.display());
        std::fs::create_dir_all(&folder).with_context(cannot_write)?;
        let copies = tempfile::Builder::new()
            .prefix("copies-")
            .tempdir_in(&folder)
            .with_context(cannot_write)?;
        process::remove_at_the_end(copies.path());
        let progress = ProgressBar::new(part.received.len().try_into()?);
        progress.set_style(ProgressStyle::with_template(
            "{bar:30} {pos} of {len}  {elapsed}  {wide_msg}",
        )?);
        progress.enable_steady_tick(Duration::from_millis(100));
        Ok(Self {
            course,
            part,
            options,
            copies,
            target: folder.join("build"),
            builds: Mutex::new(()),
            progress,
        })
    }

    /// Checks all of them, several at a time, and then, one after another, those
    /// that only listen where they always do.
    fn check_all(&self) -> Vec<Row> {
        let next = AtomicUsize::new(0);
        let steps: Vec<Mutex<Option<Step>>> = self
            .part
            .received
            .iter()
            .map(|_| Mutex::new(None))
            .collect();
        thread::scope(|scope| {
            for _ in 0..self.options.jobs.min(self.part.received.len()) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let received = self.part.received.get(number);
                        let Some(received) = received.filter(|_| !process::is_stopping()) else {
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
        for (received, step) in self.part.received.iter().zip(steps) {
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
                let row = self.part.unchecked(learner, Verdict::NothingToStart, &note);
                return Step::Done(row);
            }
        };
        let is_crate = matches!(ready.program, Program::Crate { .. });
        let words = match ready.program {
            Program::Command(words) => words,
            Program::Crate { .. } => {
                let built = {
                    let _turn = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
                    build::build(self.course, &ready.folder, &self.target, self.options.limit)
                };
                match built {
                    Ok(program) => vec![program.to_string_lossy().into_owned()],
                    Err(Refused { line, text }) => {
                        let row = self.part.unchecked(learner, Verdict::DoesNotCompile, &line);
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
                Step::Done(self.never_listened(learner, target, &reason))
            }
            Err(_) => Step::Again(HandIn {
                manner: Manner::Alone,
                ..hand_in
            }),
        }
    }

    fn target(&self, hand_in: &HandIn) -> Target {
        Target::new(Kind::HandIn(hand_in.clone()), self.options.start_timeout)
            .sealed(is_sealed(&self.part.chapter.name))
    }

    fn second_try(&self, received: &Received, hand_in: HandIn) -> Row {
        let learner = &received.learner;
        let mut target = self.target(&hand_in);
        match target.start_hand_in(&hand_in) {
            Ok(()) => self.check(learner, target),
            Err(reason) => self.never_listened(learner, target, &reason.into()),
        }
    }

    fn never_listened(&self, learner: &str, target: Target, reason: &crate::CannotCheck) -> Row {
        let row = self
            .part
            .unchecked(learner, Verdict::NeverListened, &reason.to_string());
        with_left_behind(row, target)
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
        let mut row = self.part.unchecked(learner, Verdict::Failed, "");
        let (mut unanswered, mut survived) = (0, true);
        let checks = &self.part.checks;
        let ended = play_all(checks, &mut target, &options, deadline, |outcome| {
            unanswered += usize::from(outcome.counts && outcome.played.timed_out());
            survived &= !outcome.has_died;
            let state = match &outcome.verdict.failure {
                None => State::Passed,
                Some(failure) => State::Failed(printable(&failure.problem)),
            };
            let mut of_row = row.checks.iter_mut();
            if let Some(check) = of_row.find(|check| check.name == outcome.check.name) {
                check.state = state;
            }
        });
        let left = match &ended {
            Ok(Ended::OutOfTime) => {
                let seconds = self.options.limit.as_secs();
                format!("stopped after {seconds} s")
            }
            Err(reason) => format!("could not be started again: {reason}"),
            Ok(Ended::Played | Ended::Hopeless) => String::new(),
        };
        let deciding = || row.checks.iter().filter(|check| check.kind.decides());
        let is_unplayed = |check: &Checked| check.state == State::NotPlayed;
        let has_passed = deciding().all(|check| check.state == State::Passed);
        row.verdict = if has_passed && survived {
            Verdict::Passed
        } else if unanswered >= HOPELESS || deciding().any(is_unplayed) {
            Verdict::Hangs
        } else {
            Verdict::Failed
        };
        let first = row.failures().first().copied();
        let first = first.map(|(name, problem)| format!("{name}: {problem}"));
        row.note = joined([&left, &first.unwrap_or_default()]);
        row.seconds = started.elapsed().as_secs_f64();
        with_left_behind(row, target)
    }
}

/// Stops a server, and names what it has left behind.
fn with_left_behind(row: Row, mut target: Target) -> Row {
    target.stop();
    let left_behind: Vec<String> = target
        .left_behind()
        .iter()
        .map(|name| one_line(name))
        .collect();
    if left_behind.is_empty() {
        return row;
    }
    let named = format!(
        "left {} running, which was ended",
        left_behind.join(" and ")
    );
    Row {
        note: joined([&row.note, &named]),
        left_behind,
        ..row
    }
}

/// What there is of these, in one line.
fn joined<const N: usize>(parts: [&str; N]) -> String {
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    one_line(&parts.join("; "))
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
