//! `cargo course bench`: what a chapter is worth, measured against the one before it
//! in one run.

mod drawing;
mod load;
mod server;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::chapters::Course;
use crate::process;
use load::{Asks, CLIENTS, Load, Turn};
use server::Server;

/// How often each server has its turn, so that what else the machine does falls
/// on all of them.
const ROUNDS: usize = 5;
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(1000);

/// Chapters that are measured, each under some loads. The first line is what the
/// others are compared with.
struct Plan {
    /// The chapter that it is about.
    chapter: &'static str,
    lines: &'static [(&'static str, Load)],
}

const PLANS: [Plan; 2] = [
    Plan {
        chapter: "5b",
        lines: &[
            ("3", Load::new(Asks::OverNewConnections)),
            ("5b", Load::new(Asks::OverNewConnections)),
            (
                "3",
                Load::new(Asks::OverNewConnections).with_a_silent_client(),
            ),
            (
                "5b",
                Load::new(Asks::OverNewConnections).with_a_silent_client(),
            ),
        ],
    },
    Plan {
        chapter: "10",
        lines: &[
            ("9", Load::new(Asks::OverNewConnections)),
            ("10", Load::new(Asks::OverNewConnections)),
            ("10", Load::new(Asks::OverOne { together: 1 })),
            ("10", Load::new(Asks::OverOne { together: 16 })),
        ],
    },
];

/// One server under one load: a turn for each round.
struct Measured {
    chapter: String,
    load: Load,
    turns: Vec<Turn>,
}

impl Measured {
    /// The median of the rounds, which one bad round does not move.
    fn median(&self, figure: impl Fn(&Turn) -> Option<f64>) -> Option<f64> {
        let mut figures: Vec<f64> = self.turns.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }

    fn requests_per_second(&self) -> f64 {
        self.median(|turn| Some(turn.requests_per_second()))
            .unwrap_or_default()
    }

    /// In microseconds, where the system tells.
    fn processor_time(&self) -> Option<f64> {
        self.median(Turn::processor_time_per_request)
    }

    fn name(&self) -> String {
        match self.load.words() {
            "" => self.chapter.clone(),
            words => format!("{}, {words}", self.chapter),
        }
    }
}

/// Measures what a chapter is worth and prints the figures; with `svg` writes them as a
/// drawing too.
pub fn bench(
    course: &Course,
    chapter: &str,
    as_json: bool,
    svg: Option<&Path>,
) -> anyhow::Result<()> {
    let number = &course.chapter(chapter)?.number;
    let Some(plan) = PLANS.iter().find(|plan| plan.chapter == number) else {
        let measured = PLANS.map(|plan| plan.chapter).join(" and ");
        bail!("chapter {number} is not measured against the one before it; {measured} are");
    };
    let measured = measure(course, plan)?;
    process::stop_programs();
    let base = &measured[0];
    let base_rate = base.requests_per_second();
    ensure!(base_rate > 0.0, "{} answered nobody", base.chapter);
    if as_json {
        for one in &measured {
            print_json(one, base);
        }
    } else {
        print_table(&measured, base);
    }
    if let Some(path) = svg {
        fs::write(path, drawing::drawing(&measured, base_rate))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Starts the servers of a plan, and lets each line have its turn in each round.
fn measure(course: &Course, plan: &Plan) -> anyhow::Result<Vec<Measured>> {
    let mut servers: Vec<Server> = Vec::new();
    let mut lines = Vec::new();
    let mut measured = Vec::new();
    for &(number, load) in plan.lines {
        let chapter = course.chapter(number)?;
        let name = chapter.name.clone();
        let running = servers.iter().position(|server| server.chapter == name);
        if running.is_none() {
            servers.push(Server::start(course, chapter)?);
        }
        lines.push(running.unwrap_or(servers.len() - 1));
        measured.push(Measured {
            chapter: name,
            load,
            turns: Vec::new(),
        });
    }
    let progress = ProgressBar::new((ROUNDS * measured.len()) as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos} of {len}  {msg}")?,
    );
    for _ in 0..ROUNDS {
        for (one, line) in measured.iter_mut().zip(&lines) {
            progress.set_message(one.name());
            one.turns.push(load::turn(&servers[*line], one.load)?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(measured)
}

fn print_json(one: &Measured, base: &Measured) {
    let rounded = |figure: f64| (figure * 100.0).round() / 100.0;
    let rate = one.requests_per_second();
    let mut line = json!({
        "chapter": one.chapter,
        "silent_clients": one.load.silent_clients,
        "clients": CLIENTS,
        "keeps_connections": matches!(one.load.asks, Asks::OverOne { .. }),
        "requests_together": one.load.asks.together(),
        "requests_per_second": rate.round(),
        "ratio": rounded(rate / base.requests_per_second()),
    });
    if let (Some(time), Some(base)) = (one.processor_time(), base.processor_time()) {
        line["processor_microseconds"] = json!(rounded(time));
        line["processor_ratio"] = json!(rounded(time / base));
    }
    say!("{line}");
}

fn print_table(measured: &[Measured], base: &Measured) {
    say!(
        "Release builds, {CLIENTS} clients at once, {ROUNDS} rounds of {} s each,",
        TURN.as_secs()
    );
    let width = measured.iter().map(|one| one.name().len()).max();
    let width = width.unwrap_or_default() + 2;
    let has_times = measured.iter().any(|one| one.processor_time().is_some());
    if has_times {
        say!("medians; each ratio is to the first line. µs is the server's processor time");
        say!("for each request.\n");
        say!(
            "{:width$} {:>10} {:>6} {:>8} {:>6}",
            "",
            "requests/s",
            "ratio",
            "µs",
            "ratio"
        );
    } else {
        say!("medians; the ratio is to the first line.\n");
        say!("{:width$} {:>10} {:>6}", "", "requests/s", "ratio");
    }
    for one in measured {
        let rate = one.requests_per_second();
        let ratio = rate / base.requests_per_second();
        let mut line = format!("{:width$} {rate:>10.0} {ratio:>6.2}", one.name());
        if let (Some(time), Some(base)) = (one.processor_time(), base.processor_time()) {
            line += &format!(" {time:>8.1} {:>6.2}", time / base);
        }
        say!("{line}");
    }
}
