//! `cargo course bench`: what a chapter is worth, measured against the one before it
//! in one run.

mod all;
mod cores;
mod crowd;
mod drawing;
mod load;
mod peers;
mod plot;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::chapters::Course;
use crate::process;
use load::{Asks, CLIENTS, Load, Turn};
use server::{Program, Server};

#[derive(Args)]
pub struct Arguments {
    /// The chapter whose lesson is measured, from 9 on beside the one before it, hyper
    /// and nginx; 5b and 10 under loads of their own; `all`, which is 5b and part two; or
    /// `mine`, which is the command alone
    #[arg(default_value = "5b")]
    chapter: String,

    /// Prints one JSON object for each figure, or each line of the table
    #[arg(long)]
    json: bool,

    /// Writes the figures as a drawing too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// How long a turn takes
    #[arg(long, value_parser = seconds, default_value = "1")]
    seconds: Duration,

    /// How often each has its turn, so that what else the machine does falls on all
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    #[command(flatten)]
    crowd: all::CrowdArguments,
}

fn seconds(said: &str) -> Result<Duration, String> {
    let seconds = said.parse().map_err(|_| "it is no number".to_owned())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    let is_fit = (0.01..=600.0).contains(&seconds);
    is_fit
        .then_some(time)
        .ok_or("it is not from 0.01 to 600".to_owned())
}

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
        median(self.turns.iter().filter_map(figure).collect())
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

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// Measures what a chapter is worth and prints the figures; with `svg` writes them as a
/// drawing too.
pub fn bench(course: &Course, arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { chapter, svg, .. } = arguments;
    let number = match &**chapter {
        "all" => return all::all(course, None, arguments),
        all::MINE => return all::all(course, Some(all::MINE), arguments),
        chapter => &course.chapter(chapter)?.number,
    };
    let Some(plan) = PLANS.iter().find(|plan| plan.chapter == number) else {
        return all::all(course, Some(number), arguments);
    };
    ensure!(
        arguments.crowd.is_empty(),
        "chapter {number} has loads of its own; `all` and the other chapters take this"
    );
    let measured = measure(course, plan, arguments)?;
    process::stop_programs();
    let base = &measured[0];
    let base_rate = base.requests_per_second();
    ensure!(base_rate > 0.0, "{} answered nobody", base.chapter);
    if arguments.json {
        for one in &measured {
            print_json(one, base);
        }
    } else {
        print_table(&measured, base, arguments);
    }
    write_svg(svg.as_deref(), || drawing::drawing(&measured, base_rate))
}

fn write_svg(path: Option<&Path>, drawing: impl FnOnce() -> String) -> anyhow::Result<()> {
    match path {
        None => Ok(()),
        Some(path) => {
            fs::write(path, drawing()).with_context(|| format!("cannot write {}", path.display()))
        }
    }
}

/// What is shown while there are so many turns to wait for.
fn progress(turns: usize) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len}  {msg}")?;
    Ok(ProgressBar::new(turns as u64).with_style(style))
}

/// Starts the servers of a plan, and lets each line have its turn in each round.
fn measure(course: &Course, plan: &Plan, arguments: &Arguments) -> anyhow::Result<Vec<Measured>> {
    let rounds = usize::from(arguments.rounds);
    let mut servers: Vec<Server> = Vec::new();
    let mut names = Vec::new();
    let mut lines = Vec::new();
    let mut measured = Vec::new();
    for &(number, load) in plan.lines {
        let chapter = course.chapter(number)?;
        let name = chapter.name.clone();
        let running = names.iter().position(|running| *running == name);
        if running.is_none() {
            servers.push(Program::of(course, chapter)?.start()?);
            names.push(name.clone());
        }
        lines.push(running.unwrap_or(servers.len() - 1));
        measured.push(Measured {
            chapter: name,
            load,
            turns: Vec::new(),
        });
    }
    let progress = progress(rounds * measured.len())?;
    for _ in 0..rounds {
        for (one, line) in measured.iter_mut().zip(&lines) {
            progress.set_message(one.name());
            one.turns
                .push(load::turn(&servers[*line], one.load, arguments.seconds)?);
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

fn print_table(measured: &[Measured], base: &Measured, arguments: &Arguments) {
    say!(
        "Release builds, {CLIENTS} clients at once, {} rounds of {} s each,",
        arguments.rounds,
        arguments.seconds.as_secs_f64()
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
