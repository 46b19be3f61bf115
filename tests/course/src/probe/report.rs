//! What the probe says: a table by group, then each departure with all that helps to
//! look into it.

use std::net::SocketAddr;

use harness::http2;
use harness::transcript::Step;
use serde_json::json;

use super::cases::{Case, Cases, LEVELS, Level, Line};
use super::conversation::Played;
use super::facts::Facts;
use crate::by_hand;
use crate::report::{BOLD, DIM, GREEN, RED, YELLOW, lines, shown, wrapped};

/// What became of one case.
pub struct Outcome<'a> {
    pub case: &'a Case,
    pub result: Result<Played, &'static str>,
}

impl Outcome<'_> {
    pub fn departs(&self) -> bool {
        self.result
            .as_ref()
            .is_ok_and(|played| played.departure.is_some())
    }

    fn passed(&self) -> bool {
        self.result
            .as_ref()
            .is_ok_and(|played| played.departure.is_none())
    }
}

/// How many departures there are of a level.
pub fn count(cases: &Cases, outcomes: &[Outcome], level: Level) -> usize {
    outcomes
        .iter()
        .filter(|outcome| outcome.departs() && cases.rules[outcome.case.rule].level == level)
        .count()
}

pub fn heading(scheme: &str, address: &str, facts: &Facts) {
    say!("{BOLD}{scheme}://{address}{BOLD:#}");
    for line in facts.lines() {
        say!("  {line}");
    }
}

/// Prints how many cases are not played, in the version of HTTP that the server does not
/// speak.
pub fn left_out(count: usize, speaks_frames: bool, scheme: &str) {
    say!(
        "  {}: {count} cases left out",
        not_spoken(speaks_frames, scheme)
    );
}

/// What the server does not speak.
pub fn not_spoken(speaks_frames: bool, scheme: &str) -> &'static str {
    match (speaks_frames, scheme) {
        (true, _) => "no HTTP/1.1 is spoken here",
        (false, "https") => "no HTTP/2 is spoken here, as ALPN does not agree on h2",
        (false, _) => "no HTTP/2 is spoken here with prior knowledge",
    }
}

/// Prints one case as a line of JSON.
pub fn json_line(cases: &Cases, outcome: &Outcome) {
    let Outcome { case, result } = outcome;
    let rule = &cases.rules[case.rule];
    let (became, note, came) = match result {
        Err(reason) => ("skipped", Some((*reason).to_owned()), String::new()),
        Ok(played) => match &played.departure {
            None => ("passed", None, played.came.clone()),
            Some(departure) => (
                "departs",
                Some(departure.problem.clone()),
                played.came.clone(),
            ),
        },
    };
    say!(
        "{}",
        json!({
            "name": case.name,
            "title": case.title,
            "group": cases.groups[case.group].name,
            "level": rule.level.name(),
            "rule": rule.place,
            "result": became,
            "came": came,
            "note": note,
        })
    );
}

/// Prints how many cases of each group passed, and how many departures there are of
/// each level.
pub fn table(cases: &Cases, outcomes: &[Outcome]) {
    say!(
        "\n{:<52} {:>6} {:>8} {:>8}",
        "",
        "passed",
        "departs",
        "skipped"
    );
    for (number, group) in cases.groups.iter().enumerate() {
        let of_group: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| outcome.case.group == number)
            .collect();
        if of_group.is_empty() {
            continue;
        }
        let passed = of_group.iter().filter(|outcome| outcome.passed()).count();
        let departs = of_group.iter().filter(|outcome| outcome.departs()).count();
        let skipped = of_group.len() - passed - departs;
        let style = if departs > 0 { RED } else { GREEN };
        say!(
            "{:<52} {passed:>6} {style}{departs:>8}{style:#} {skipped:>8}",
            format!("{}: {}", group.name, group.title)
        );
    }
    let counts: Vec<String> = LEVELS
        .iter()
        .map(|level| format!("{} {}", level.name(), count(cases, outcomes, *level)))
        .collect();
    say!("\ndepartures by level: {}", counts.join(", "));
}

/// Cases that others build on, and what the requests of those have in them.
const BASICS: [(&str, &[u8]); 2] = [
    ("one-chunk", b"\r\nTransfer-Encoding: "),
    ("absolute-form", b"://"),
];

/// Prints how many departures may come from one alone: the request has the same in it, and
/// what came begins with the same status.
pub fn causes(cases: &Cases, outcomes: &[Outcome]) {
    for (basic, words) in BASICS {
        let same = |outcome: &&Outcome| match &outcome.result {
            Ok(played) if outcome.departs() => {
                let sent = harness::play::bytes_sent(&played.steps);
                let has_it = sent.windows(words.len()).any(|window| window == words);
                let status = played.came.split(',').next().unwrap_or_default();
                has_it.then(|| status.to_owned())
            }
            _ => None,
        };
        let first = outcomes.iter().find(|outcome| outcome.case.name == basic);
        let Some(status) = first.as_ref().and_then(same) else {
            continue;
        };
        let alike = |outcome: &&&Outcome| same(outcome).as_ref() == Some(&status);
        let alike: Vec<&Outcome> = outcomes.iter().filter(|outcome| alike(&outcome)).collect();
        if alike.len() < 2 {
            continue;
        }
        say!(
            "{} of these may have one cause: {basic} gets {status}, and so do they ({})",
            alike.len(),
            by_level(cases, &alike)
        );
    }
}

/// How many of them are of each level that there is.
fn by_level(cases: &Cases, outcomes: &[&Outcome]) -> String {
    let of = |level: Level| {
        let is_one = |outcome: &&&Outcome| cases.rules[outcome.case.rule].level == level;
        outcomes.iter().filter(is_one).count()
    };
    let counts = LEVELS.iter().map(|level| (level.name(), of(*level)));
    let counts = counts.filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    counts.join(", ")
}

/// Prints the departures, those from a MUST first.
pub fn departures(cases: &Cases, outcomes: &[Outcome], address: SocketAddr, is_sealed: bool) {
    for level in LEVELS {
        for outcome in outcomes {
            if cases.rules[outcome.case.rule].level == level
                && let Ok(played) = &outcome.result
                && played.departure.is_some()
            {
                explain(cases, outcome.case, played);
                say!("  the same by hand");
                let scheme = if is_sealed { "https://" } else { "" };
                let command = match &played.floods[..] {
                    [] => by_hand::exactly(&played.steps, address, is_sealed),
                    // A line for a shell would be too long.
                    _ => format!(
                        "cargo course probe {scheme}{address} --only {}",
                        outcome.case.name
                    ),
                };
                say!("    {command}");
            }
        }
    }
}

/// Prints why cases were skipped.
pub fn skipped(outcomes: &[Outcome]) {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for outcome in outcomes {
        if let Err(reason) = outcome.result {
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason, 1)),
            }
        }
    }
    if !reasons.is_empty() {
        say!();
    }
    for (reason, count) in reasons {
        say!("{DIM}{count} skipped: {reason}{DIM:#}");
    }
}

fn explain(cases: &Cases, case: &Case, played: &Played) {
    let rule = &cases.rules[case.rule];
    let Some(departure) = &played.departure else {
        return;
    };
    let style = match rule.level {
        Level::Must => RED,
        _ => YELLOW,
    };
    say!("\n{style}{}{style:#}: {}", case.name, case.title);
    say!("  {}", rule.place);
    wrapped("    ", &rule.words);
    say!("  sent");
    let floods = |step| {
        played
            .floods
            .iter()
            .filter(move |(number, _)| *number == step)
    };
    for (number, step) in played.steps.iter().enumerate() {
        for (_, words) in floods(number) {
            say!("    {words}");
        }
        match step {
            Step::Older(count) => say!("    (after {count} connections that stay silent)"),
            Step::Gone(count) => say!("    (after {count} clients that were gone at once)"),
            Step::Send(bytes) => lines('>', bytes, None),
            Step::SendOneByOne(bytes) => {
                say!("    (one byte at a time)");
                lines('>', bytes, None);
            }
            Step::SendFrames(frames) => shown('>', &http2::show(frames), 0),
            Step::SendFramesOneByOne(frames) => {
                say!("    (one byte at a time)");
                shown('>', &http2::show(frames), 0);
            }
            Step::HalfClose => say!("    (and the end of what the client sends)"),
            Step::Waits => say!("    (and nothing for a moment)"),
            Step::IsSilent => say!("    (and nothing for half a second)"),
            _ => {}
        }
    }
    for (_, words) in floods(played.steps.len()) {
        say!("    {words}");
    }
    if played.went_on {
        say!("    (and then a plain request over the same connection)");
    }
    say!("  came back");
    match &played.frames {
        Some(frames) => shown('<', &http2::show(frames), 0),
        None => lines('<', &played.received, departure.position),
    }
    say!("  right would be");
    for line in &case.lines {
        match line {
            Line::Answer(wanted) => wrapped("    ", &wanted.to_string()),
            Line::Frames(wanted) => wrapped("    ", &wanted.to_string()),
            Line::Step(Step::Closes) => say!("    and the end of the connection"),
            Line::Step(Step::StaysOpen) => say!("    and a connection that stays open"),
            Line::Step(_) | Line::Flood(_) | Line::Upload(_) => {}
        }
    }
    say!("  what is wrong");
    wrapped("    ", &departure.problem);
}
