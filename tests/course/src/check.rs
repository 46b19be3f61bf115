//! `cargo course check`: plays a chapter's exchanges against a server.

use std::time::{Duration, Instant};

use anyhow::bail;
use harness::checks::{Check, Kind as CheckKind, is_sealed};
use harness::judge::{Failure, Verdict, judge};
use harness::play::{End, Played, play};

use crate::CannotCheck;
use crate::chapters::{Chapter, Course};
use crate::exercise::Exercise;
use crate::report::Report;
use crate::results::{Results, Score, Whose};
use crate::site;
use crate::start::MY_SERVER;
use crate::target::{Kind, Target};

/// What the command line asks for.
pub struct Options {
    pub exercise: bool,
    pub only: Option<String>,
    /// Whether the list is to tell what came out.
    pub keep_score: bool,
    pub strict: bool,
    pub all: bool,
    pub json: bool,
    /// How long a command may be silent before it listens.
    pub start_timeout: Duration,
}

/// One check that was played, and what became of it.
pub struct Outcome<'a> {
    pub check: &'a Check,
    pub played: Played,
    pub verdict: Verdict,
    /// Whether a failure of this check is a failure of the command.
    pub counts: bool,
    /// Whether the server ended of it.
    pub has_died: bool,
}

/// Which checks were not played, and why.
pub struct LeftOut<'a> {
    /// They are about what the server prints, and it was not started here.
    pub unseen: &'a [Check],
    /// They take a server that has just started, and it was not started here.
    pub anew: &'a [Check],
    /// The server does not answer.
    pub skipped: &'a [Check],
}

/// After how many checks without an answer the rest is not played.
pub const HOPELESS: usize = 2;

impl Outcome<'_> {
    pub fn passed(&self) -> bool {
        self.verdict.failure.is_none()
    }
}

/// The checks of a chapter, or of its exercise.
pub fn checks_of(course: &Course, chapter: &Chapter, exercise: bool) -> anyhow::Result<Vec<Check>> {
    let mut checks = course.checks_of(chapter)?;
    checks.retain(|check| (check.kind == CheckKind::Exercise) == exercise);
    Ok(checks)
}

/// Checks a server, and gives whether all that counts has passed.
pub fn check(
    course: &Course,
    chapter: &Chapter,
    kind: Kind,
    options: &Options,
) -> anyhow::Result<bool> {
    let mut checks = checks_of(course, chapter, options.exercise)?;
    if let Some(name) = &options.only {
        let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
        let names = names.join(", ");
        checks.retain(|check| check.name == *name);
        if checks.is_empty() {
            bail!(
                "{} has no exchange called {name:?} here; it has {names}",
                chapter.name
            );
        }
    }
    let heading = if options.exercise {
        format!("exercise: {}", Exercise::of(course, chapter)?.title)
    } else {
        chapter.lesson.clone()
    };
    // Who forgets to name their own server is not to believe that it passes.
    let heading = match &kind {
        Kind::Own { .. } => format!("{heading} (the course's own server)"),
        _ => heading,
    };
    let whose = match &kind {
        Kind::Command { words, .. } if words.iter().any(|word| word.contains(MY_SERVER)) => {
            Whose::MyServer
        }
        _ => Whose::Another,
    };
    let mut target = Target::new(kind, options.start_timeout).sealed(is_sealed(&chapter.name));
    let (mut unseen, mut anew) = (Vec::new(), Vec::new());
    if !target.is_command() {
        let prints = |check: &mut Check| check.transcript.prints().is_some();
        unseen = checks.extract_if(.., prints).collect();
        anew = checks
            .extract_if(.., |check| check.transcript.begins_anew())
            .collect();
        if checks.is_empty() {
            let why = if !unseen.is_empty() {
                "is about what the server prints"
            } else {
                "takes a server that has just started"
            };
            bail!("{heading} {why}, so it has to be started here: give its command after --");
        }
    }
    let report = Report::new(chapter, options);
    let mut outcomes: Vec<Outcome> = Vec::new();
    let ended = play_all(&checks, &mut target, options, None, |outcome| {
        if outcomes.is_empty() {
            report.heading(&heading);
        }
        report.line(&outcome, outcomes.last());
        outcomes.push(outcome);
    })?;
    let skipped = match ended {
        Ended::Played => &[],
        Ended::Hopeless | Ended::OutOfTime => &checks[outcomes.len()..],
    };
    let left_out = LeftOut {
        unseen: &unseen,
        anew: &anew,
        skipped,
    };
    target.stop();
    let done = report.summary(&outcomes, &left_out, &target);
    if options.keep_score {
        let passed = |check: &Check| {
            let mut played = outcomes.iter();
            played.any(|outcome| outcome.check.name == check.name && outcome.passed())
        };
        let survived = !outcomes.iter().any(|outcome| outcome.has_died);
        let mut score = Score::of(&checks, survived, passed);
        score.core.of += unseen.len() + anew.len();
        let mut results = Results::load(course);
        results.add(chapter, options.exercise, whose, score);
        site::show(course, &results);
    }
    Ok(done)
}

/// How the playing of checks came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All were played.
    Played,
    /// The server does not answer, so the rest was left.
    Hopeless,
    /// The rest was left because the time was over.
    OutOfTime,
}

/// Plays checks against a server, starts that for each that wants a new one, and
/// passes on what became of each.
pub fn play_all<'a>(
    checks: &'a [Check],
    target: &mut Target,
    options: &Options,
    deadline: Option<Instant>,
    mut tell: impl FnMut(Outcome<'a>),
) -> Result<Ended, CannotCheck> {
    let mut unanswered = 0;
    for (position, check) in checks.iter().enumerate() {
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Ok(Ended::OutOfTime);
        }
        if unanswered >= HOPELESS && !options.all {
            return Ok(Ended::Hopeless);
        }
        // Each exercise check begins with a server that has served nobody yet.
        let transcript = &check.transcript;
        if options.exercise || transcript.names_the_port() || transcript.begins_anew() {
            target.stop();
        }
        let started = target.ensure_running_for(transcript);
        // What is set in its environment may be another for each.
        started.map_err(|CannotCheck(words)| match options.exercise {
            true => CannotCheck(format!(
                "{words}\n\nIt was started for this exchange: {}",
                transcript.title
            )),
            false => CannotCheck(words),
        })?;
        if position == 0 {
            target.shake_hands()?;
        }
        let outcome = run(check, target, options);
        if position == 0 && !target.is_command() && nobody_there(&outcome.played) {
            return Err(CannotCheck(format!(
                "nothing listens on {}; start the server first, \
                 or give its command after --",
                target.address()
            )));
        }
        unanswered += usize::from(outcome.played.timed_out());
        tell(outcome);
    }
    Ok(Ended::Played)
}

fn run<'a>(check: &'a Check, target: &mut Target, options: &Options) -> Outcome<'a> {
    let played = play(&check.transcript, target);
    let mut verdict = judge(&check.transcript, &played);
    let stops = check.transcript.stops_the_server();
    let mut has_died = false;
    if !played.timed_out()
        && !stops
        && let Some(death) = target.death(ended_oddly(&played))
    {
        verdict.failure = Some(Failure::died(&death));
        has_died = true;
    }
    if target.is_command() && (verdict.is_stuck() || stops) {
        target.stop();
    }
    if options.strict && verdict.failure.is_none() && !verdict.notes.is_empty() {
        verdict.failure = Some(Failure::noted(verdict.notes.remove(0)));
    }
    // One client that ends the server harms all others, whatever was asked.
    let counts = options.strict || options.only.is_some() || check.decides() || has_died;
    Outcome {
        check,
        played,
        verdict,
        counts,
        has_died,
    }
}

/// Whether this may have been the end of the server.
fn ended_oddly(played: &Played) -> bool {
    played.connections.iter().any(|connection| {
        !matches!(connection.end, End::Closed | End::Open) || connection.received.is_empty()
    })
}

fn nobody_there(played: &Played) -> bool {
    played
        .connections
        .iter()
        .any(|connection| connection.end == End::Refused)
}
