//! What a check says: a line for each exchange, and for a failure all that
//! helps to mend it.

use anstyle::{AnsiColor, Style};
use harness::checks::{Check, Kind, is_of_part_three, is_of_part_two};
use harness::http2::{self, OPAQUE, Payload, Piece, Received, Talk};
use harness::judge::Failure;
use harness::transcript::{Again, Step};
use harness::wire;
use serde_json::json;

use crate::by_hand;
use crate::chapters::Chapter;
use crate::check::{LeftOut, Options, Outcome};
use crate::target::Target;

pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();
pub const GREEN: Style = AnsiColor::Green.on_default();
pub const RED: Style = AnsiColor::Red.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();

/// How many lines of what was sent, or of what came back, are shown.
const LINES: usize = 16;
/// How many characters of a line are shown.
const COLUMNS: usize = 72;

/// Prints the outcomes of one run.
pub struct Report<'a> {
    chapter: &'a Chapter,
    options: &'a Options,
}

impl<'a> Report<'a> {
    pub fn new(chapter: &'a Chapter, options: &'a Options) -> Self {
        Self { chapter, options }
    }

    pub fn heading(&self, heading: &str) {
        if !self.options.json {
            say!("{BOLD}{}{BOLD:#}: {heading}", self.chapter.name);
        }
    }

    /// Prints the line of one outcome, under the heading of its group where it
    /// is the first of it.
    pub fn line(&self, outcome: &Outcome, before: Option<&Outcome>) {
        if self.options.json {
            say!("{}", self.json(outcome));
            return;
        }
        let group = group_name(outcome);
        if before.map(group_name) != Some(group) {
            say!("\n{group}");
        }
        let transcript = &outcome.check.transcript;
        let title = match group {
            ROBUST => format!("{}: {}", transcript.group, transcript.title),
            _ => transcript.title.clone(),
        };
        match (outcome.passed(), outcome.counts) {
            (true, _) => say!("  {GREEN}passed{GREEN:#}  {title}"),
            (false, true) => say!("  {RED}FAILED{RED:#}  {title}"),
            (false, false) => say!("  {YELLOW}missed{YELLOW:#}  {title}"),
        }
        if let Some(failure) = &outcome.verdict.failure {
            wrapped("          ", &failure.problem);
        }
        for note in &outcome.verdict.notes {
            wrapped(
                "    note  ",
                &format!("{}: {}", note.difference(), note.sentence()),
            );
        }
    }

    fn json(&self, outcome: &Outcome) -> serde_json::Value {
        let notes = outcome.verdict.notes.iter();
        let notes = notes.map(|note| format!("{}: {}", note.difference(), note.sentence()));
        let problem = outcome
            .verdict
            .failure
            .as_ref()
            .map(|failure| failure.problem.clone());
        let note: Vec<String> = problem.into_iter().chain(notes).collect();
        self.json_of(outcome.check, Some(outcome.passed()), &note.join("; "))
    }

    /// Whether a check has passed is not known where it was not played.
    fn json_of(&self, check: &Check, passed: Option<bool>, note: &str) -> serde_json::Value {
        json!({
            "chapter": self.chapter.name,
            "name": check.name,
            "group": check.kind.name(),
            "passed": passed,
            "note": note,
        })
    }

    /// Prints as JSON what was not played.
    fn left_out(&self, left_out: &LeftOut) {
        for (checks, why) in [
            (left_out.skipped, "the server does not answer"),
            (
                left_out.unseen,
                "it is about what the server prints, and that was not started here",
            ),
            (
                left_out.anew,
                "it takes a server that has just started, and that was not started here",
            ),
        ] {
            for check in checks {
                let note = format!("not played: {why}");
                say!("{}", self.json_of(check, None, &note));
            }
        }
    }

    /// Prints the failures and the numbers, and gives whether all that counts
    /// has passed.
    pub fn summary(&self, outcomes: &[Outcome], left_out: &LeftOut, target: &Target) -> bool {
        let counted = || outcomes.iter().filter(|outcome| outcome.counts);
        let passed = counted().filter(|outcome| outcome.passed()).count();
        let failed = counted().count() - passed;
        if self.options.json {
            self.left_out(left_out);
            return failed == 0;
        }
        let failures = outcomes.iter().filter(|outcome| !outcome.passed());
        // Of each kind the first one, and those that count before the others.
        let (counting, missed): (Vec<_>, Vec<_>) = failures.partition(|outcome| outcome.counts);
        let shown = if self.options.all { usize::MAX } else { 1 };
        let all_shown = counting.iter().take(shown).chain(missed.iter().take(shown));
        for outcome in all_shown {
            if let Some(failure) = &outcome.verdict.failure {
                explain(outcome, failure, target);
            }
        }
        say!();
        if counting.len() > shown || missed.len() > shown {
            say!("--all shows the others in full too, and --only NAME plays one alone.");
        }
        if !missed.is_empty() {
            say!(
                "Robust checks missed: {}; with --strict they count.",
                missed.len()
            );
        }
        if !left_out.skipped.is_empty() {
            say!(
                "There was no answer in time more than once: {} checks were skipped, which --all plays.",
                left_out.skipped.len()
            );
        }
        if !left_out.unseen.is_empty() {
            say!(
                "Left out, as they are about what the server prints: {}; give its command after --.",
                left_out.unseen.len()
            );
        }
        if !left_out.anew.is_empty() {
            say!(
                "Left out, as they take a server that has just started: {}; give its command after --.",
                left_out.anew.len()
            );
        }
        if !target.left_behind().is_empty() {
            say!("When the server was stopped, these still ran, and were ended:");
            for name in target.left_behind() {
                say!("    {name}");
            }
        }
        let robust = outcomes.iter().filter(|outcome| !outcome.counts);
        let robust: Vec<bool> = robust.map(Outcome::passed).collect();
        if robust.is_empty() {
            say!("{passed} passed, {failed} failed");
        } else {
            let withstood = robust.iter().filter(|&&passed| passed).count();
            say!(
                "{passed} passed, {failed} failed; robust: {withstood} of {}",
                robust.len()
            );
        }
        failed == 0
    }
}

const ROBUST: &str = "robust: what this workspace adds";

fn group_name(outcome: &Outcome) -> &'static str {
    match outcome.check.kind {
        Kind::Core if is_of_part_three(&outcome.check.chapter) => {
            "core: the site, what RFC 9113 and RFC 7541 demand, and what protects others"
        }
        Kind::Core if is_of_part_two(&outcome.check.chapter) => {
            "core: the site, what RFC 9110 and RFC 9112 demand, and what protects others"
        }
        Kind::Core => "core: what the tutorial's listing does too, and what protects others",
        Kind::Lesson => "lesson: what this chapter teaches",
        Kind::Exercise => "exercise: what its text asks for",
        Kind::Robust => ROBUST,
    }
}

fn explain(outcome: &Outcome, failure: &Failure, target: &Target) {
    let transcript = &outcome.check.transcript;
    say!(
        "\n{BOLD}{}: {}{BOLD:#}",
        outcome.check.name,
        transcript.title
    );
    let Some(steps) = transcript
        .steps
        .split(|step| *step == Step::Another)
        .nth(failure.connection)
    else {
        return;
    };
    let conversation = outcome.played.connections.get(failure.connection);
    let received = conversation.map_or(&[][..], |conversation| &conversation.received);
    let expected = conversation.map_or(&[][..], |conversation| &conversation.expected);

    say!("\n  sent");
    // What was printed comes of all connections, and else of one alone.
    let steps = match transcript.prints() {
        Some(_) => &transcript.steps[..],
        None => steps,
    };
    if !steps.iter().any(Step::is_sent) {
        say!("    (nothing)");
    }
    for step in steps {
        match step {
            Step::Limits(limits) => say!("    (with LIMITS='{limits}' in its environment)"),
            Step::Older(count) => say!("    (after {count} connections that stay silent)"),
            Step::Send(bytes) | Step::SendOneByOne(bytes) => {
                lines('>', bytes, None);
            }
            Step::SendFrames(sent) | Step::SendFramesOneByOne(sent) => {
                shown('>', &http2::show(sent), 0);
            }
            Step::HalfClose => say!("    (and the end of what the client sends)"),
            Step::ToldToStop => say!("    (and the server was told to stop)"),
            Step::Again(Again::Stopped) => say!("    (after the server was stopped and started)"),
            Step::Again(Again::Killed) => say!("    (after the server was killed and started)"),
            Step::Waits => say!("    (and nothing for a moment)"),
            Step::IsSilent => say!("    (and nothing for half a second)"),
            Step::Gone(count) => say!("    (after {count} clients that were gone at once)"),
            Step::Beside(beside) => say!("    ({})", beside.words()),
            Step::Another => say!("    (and over another connection)"),
            Step::Repeats => say!("    (again and again, for five seconds)"),
            Step::StaysOpen if steps.contains(&Step::Http2) => {
                say!("    (and a PING, as the connection is to stay open)");
            }
            _ => {}
        }
    }
    if let Some(expected) = transcript.prints() {
        say!("  printed");
        lines('=', &outcome.played.printed, None);
        say!("  expected to be printed");
        lines('=', expected, None);
    } else if let Some(talk) = conversation.and_then(|conversation| conversation.talk.as_ref()) {
        came_in_frames(talk, failure.position);
    } else {
        say!("  came back");
        lines('<', received, failure.position);
        say!("  expected");
        lines('<', expected, failure.position);
        if let Some(position) = failure.position {
            say!("  It shows at byte {position} of what came back.");
        }
    }
    say!("\n  what is wrong");
    wrapped("    ", &failure.problem);
    say!("  what to try next");
    wrapped("    ", &failure.advice);
    let (start, address) = target.by_hand();
    say!("  the same by hand, while the server runs");
    if let Some(start) = start {
        match transcript.limits() {
            Some(limits) => say!("    LIMITS='{limits}' {start}"),
            None if transcript.starts_again() => {
                say!("    GUESTBOOK=/tmp/guestbook {start}");
            }
            None => say!("    {start}"),
        }
    }
    // What a server remembers, or a client, comes of the connections before.
    let remembers = transcript.begins_anew() || by_hand::refers_back(steps);
    let steps = match remembers && transcript.prints().is_none() {
        true => up_to(failure.connection, &transcript.steps),
        false => steps,
    };
    for command in by_hand::commands(steps, address, target.is_sealed()) {
        say!("    {command}");
    }
}

/// The steps of a transcript to the end of the connection of that number.
fn up_to(connection: usize, steps: &[Step]) -> &[Step] {
    let mut ends = (0..steps.len()).filter(|&at| steps[at] == Step::Another);
    &steps[..ends.nth(connection).unwrap_or(steps.len())]
}

/// Prints the frames that came and those that were expected.
fn came_in_frames(talk: &Talk, position: Option<usize>) {
    let received = talk.reader.received();
    let is_it = |one: &&Received| position.is_some_and(|position| one.at < position);
    let number = received.iter().take_while(is_it).count();
    // The answer to the check's own PING is none that the exchange is about.
    let is_own = |piece: &Piece| matches!(piece, Piece::Frame(frame) if frame.payload == Payload::Ping(OPAQUE));
    let pieces = |received: &[Received]| -> Vec<Piece> {
        let pieces = received.iter().map(|one| one.piece.clone());
        pieces.filter(|piece| !is_own(piece)).collect()
    };
    let before = http2::show(&pieces(&received[..number.saturating_sub(1)]));
    say!("  came back");
    shown('<', &http2::show(&pieces(received)), before.len());
    say!("  expected");
    shown('<', &http2::show(&talk.expected), 0);
    if number > 0 {
        say!("  It is frame {number} of what came back.");
    }
}

/// Prints bytes with their line ends, and of many lines those around a position.
pub fn lines(mark: char, bytes: &[u8], position: Option<usize>) {
    let before = &bytes[..position.unwrap_or(1).saturating_sub(1).min(bytes.len())];
    let line_of_position = before.iter().filter(|&&byte| byte == b'\n').count();
    shown(mark, &wire::show(bytes), line_of_position);
}

/// Prints lines, and of many those around the one of that number.
pub fn shown(mark: char, lines: &[String], line_of_position: usize) {
    if lines.is_empty() {
        say!("    (nothing)");
    }
    let first = line_of_position
        .saturating_sub(LINES / 2)
        .min(lines.len().saturating_sub(LINES));
    if first > 0 {
        say!("    {DIM}({first} lines before){DIM:#}");
    }
    for line in lines.iter().skip(first).take(LINES) {
        if line.chars().count() > COLUMNS {
            let cut: String = line.chars().take(COLUMNS - 4).collect();
            say!("    {mark} {cut} ...");
        } else {
            say!("    {mark} {line}");
        }
    }
    if lines.len() > first + LINES {
        say!(
            "    {DIM}({} lines more){DIM:#}",
            lines.len() - first - LINES
        );
    }
}

/// Prints text in lines of 79 characters, each behind an indent as wide as the
/// first one's.
pub fn wrapped(indent: &str, text: &str) {
    let mut prefix = indent.to_owned();
    let mut line = String::new();
    for paragraph in text.lines() {
        for word in paragraph.split(' ') {
            if !line.is_empty()
                && prefix.len() + line.chars().count() + 1 + word.chars().count() > 79
            {
                say!("{prefix}{line}");
                prefix = " ".repeat(indent.len());
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        say!("{prefix}{line}");
        prefix = " ".repeat(indent.len());
        line.clear();
    }
}
