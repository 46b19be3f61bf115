//! What the steps of part two bought: chapters beside each other, beside what others have
//! written, and beside a server of your own, with few clients and with many.

use std::fs;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::crowd::{self, Crowd, Turn, Version};
use super::plot::{self, Panel};
use super::server::Program;
use super::{cores, median, peers, progress, write_svg};
use crate::chapters::Course;
use crate::process;

/// The chapters that are measured, in their order.
const CHAPTERS: [&str; 12] = [
    "5b", "9", "10", "11", "12", "13", "14", "15", "16", "17", "20", "21",
];

/// Those of them that speak HTTP/2 too.
const HTTP2_CHAPTERS: [&str; 2] = ["20", "21"];

/// What stands in place of a chapter where the command alone is measured.
pub const MINE: &str = "mine";

/// How many connections are busy, and how many requests are under way over each, where
/// nothing is said.
const HTTP1_CROWDS: [(usize, usize); 4] = [(1, 1), (16, 1), (128, 1), (1024, 1)];
const HTTP2_CROWDS: [(usize, usize); 4] = [(16, 32), (64, 1), (128, 1), (1024, 1)];
const IDLE: usize = 10_000;

/// How many files a process has open besides its connections.
const OTHER_FILES: usize = 50;

/// A core that had less than this to do was not what set the bound.
const BUSY: f64 = 0.9;

#[derive(clap::Args)]
pub struct CrowdArguments {
    /// Measures the chapters from 20 on over HTTP/2, with TLS and without, and a server of
    /// yours with a client that knows beforehand that it speaks HTTP/2
    #[arg(long)]
    http2: bool,

    /// How many connections are kept busy, each number in a turn of its own; without it
    /// 1,16,128,1024, and over HTTP/2 16 with 32 requests at a time, and 64,128,1024
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = number)]
    connections: Vec<usize>,

    /// How many connections have asked once and stay, beside one that is busy; 0 leaves
    /// that turn out, and without it there are 10000
    #[arg(long, value_name = "N", value_parser = number)]
    idle: Option<usize>,

    /// How many requests each client sends at a time, over HTTP/2 each with a stream of its
    /// own; 1 without it
    #[arg(long, value_name = "N", value_parser = number)]
    together: Option<usize>,

    /// A server of yours to measure beside them, which is told its address behind these
    /// words
    #[arg(last = true)]
    command: Vec<String>,
}

fn number(said: &str) -> Result<usize, String> {
    let number = said.parse().map_err(|_| "it is no number".to_owned())?;
    let is_fit = number <= 20_000;
    is_fit
        .then_some(number)
        .ok_or("it is more than 20000".to_owned())
}

impl CrowdArguments {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        !self.http2
            && self.connections.is_empty()
            && self.idle.is_none()
            && self.together.is_none()
            && self.command.is_empty()
    }

    fn version(&self) -> Version {
        match self.http2 {
            false => Version::Http1,
            true => Version::Http2,
        }
    }

    /// The crowds to measure with, but for those that are too many for this system.
    fn crowds(&self) -> anyhow::Result<Vec<Crowd>> {
        let usual = match self.version() {
            Version::Http1 => HTTP1_CROWDS,
            Version::Http2 => HTTP2_CROWDS,
        };
        let said: Vec<_> = self.connections.iter().map(|&busy| (busy, 1)).collect();
        let busy = if said.is_empty() { &usual[..] } else { &said };
        let idle = self.idle.unwrap_or(IDLE);
        let busy = busy.iter().map(|&(busy, together)| (busy, together, 0));
        let crowds = busy.chain((idle > 0).then_some((1, 1, idle)));
        let crowds = crowds.map(|(busy, together, idle)| Crowd {
            version: self.version(),
            busy,
            idle,
            together: self.together.unwrap_or(together),
        });
        let all: Vec<Crowd> = crowds.collect();
        ensure!(
            all.iter().all(|crowd| crowd.busy > 0 && crowd.together > 0),
            "nothing can be measured with 0 clients, or 0 requests"
        );
        let most = open_files().unwrap_or(usize::MAX);
        let (fit, too_many): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|crowd| crowd.busy + crowd.idle + OTHER_FILES <= most);
        for crowd in too_many {
            warn!(
                "{} connections are left out: a process may have {most} files open here. \
                 `ulimit -n 20000` lets it have more.",
                crowd.name()
            );
        }
        Ok(fit)
    }
}

/// How many files a process may have open, where the system tells.
fn open_files() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Crowd {
    fn name(&self) -> String {
        let busy = match self.together {
            1 => grouped(self.busy),
            together => format!("{} x {}", grouped(self.busy), grouped(together)),
        };
        match self.idle {
            0 => busy,
            idle => format!("{busy} + {} idle", grouped(idle)),
        }
    }
}

/// A number with a comma between each three digits.
fn grouped(number: usize) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

/// A server, and its turns with each crowd.
struct Row {
    program: Program,
    /// What stands below it in the drawing.
    label: String,
    cells: Vec<Vec<Turn>>,
}

impl Row {
    fn new(program: Program, label: &str) -> Self {
        Self {
            program,
            label: label.to_owned(),
            cells: Vec::new(),
        }
    }

    /// The median of the rounds, where there is one.
    fn figure(&self, cell: usize, figure: impl Fn(&Turn) -> Option<f64>) -> Option<f64> {
        median(self.cells[cell].iter().filter_map(figure).collect())
    }
}

/// What is told of each turn.
struct Figure {
    title: &'static str,
    of: fn(&Turn) -> Option<f64>,
    decimals: usize,
    /// Whether it is drawn so that ten times as much is always as far away.
    by_tens: bool,
}

const FIGURES: [Figure; 3] = [
    Figure {
        title: "Requests answered per second",
        of: |turn| Some(turn.requests_per_second()),
        decimals: 0,
        by_tens: false,
    },
    Figure {
        title: "Processor time of the server for each, in µs",
        of: Turn::processor_time_per_request,
        decimals: 1,
        by_tens: false,
    },
    Figure {
        title: "Memory of the server at the end, in MiB",
        of: |turn| Some(turn.memory? as f64 / 1024.0),
        decimals: 1,
        by_tens: true,
    },
];

/// Measures all chapters from 5b on, or one beside the one before it, and prints the
/// figures and draws them.
pub fn all(
    course: &Course,
    chapter: Option<&str>,
    arguments: &super::Arguments,
) -> anyhow::Result<()> {
    let crowds = arguments.crowd.crowds()?;
    let mut rows = rows(course, chapter, &arguments.crowd)?;
    let are_apart = cores::keep_apart();
    let failures = measure(&mut rows, &crowds, arguments)?;
    if arguments.json {
        print_json(&rows, &crowds);
    } else {
        print_tables(&rows, &crowds, arguments, are_apart);
    }
    for failure in failures {
        warn!("{failure}");
    }
    let drawing = || drawing(&rows, &crowds);
    if arguments.json || arguments.svg.is_some() {
        return write_svg(arguments.svg.as_deref(), drawing);
    }
    let folder = course.target_folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("bench.svg");
    write_svg(Some(&file), drawing)?;
    say!("\nThe same as a drawing: {}", file.display());
    Ok(())
}

/// What is measured.
fn rows(
    course: &Course,
    chapter: Option<&str>,
    arguments: &CrowdArguments,
) -> anyhow::Result<Vec<Row>> {
    let version = arguments.version();
    let chapters = match chapter {
        Some(MINE) => &[],
        chapter => chapters(version, chapter)?,
    };
    let mut rows = Vec::new();
    for number in chapters {
        let program = Program::of(course, course.chapter(number)?)?;
        rows.push(Row::new(program, number));
    }
    if version == Version::Http2 {
        for number in chapters {
            let program = Program::of(course, course.chapter(number)?)?.plain();
            rows.push(Row::new(program, &format!("plain {number}")));
        }
    }
    if let [program, ..] = &arguments.command[..] {
        let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
        let program = Program::command(name.to_owned(), arguments.command.clone());
        rows.push(Row::new(program, name));
    }
    ensure!(
        !rows.is_empty(),
        "name a command behind `--` that starts your server"
    );
    for peer in peers::peers(course, version) {
        let label = peer.name.clone();
        rows.push(Row::new(peer, &label));
    }
    Ok(rows)
}

/// The chapters that are measured: all, or this one and the one before it.
fn chapters(version: Version, chapter: Option<&str>) -> anyhow::Result<&'static [&'static str]> {
    let Some(number) = chapter else {
        return Ok(match version {
            Version::Http1 => &CHAPTERS,
            Version::Http2 => &HTTP2_CHAPTERS,
        });
    };
    let place = |chapters: &[&str]| chapters.iter().position(|chapter| *chapter == number);
    match version {
        Version::Http1 => {
            let place = place(&CHAPTERS)
                .filter(|place| *place > 0)
                .with_context(|| {
                    format!("chapter {number} is not measured; 5b, 9 to 17, 20 and 21 are")
                })?;
            Ok(&CHAPTERS[place - 1..=place])
        }
        Version::Http2 => {
            let place = place(&HTTP2_CHAPTERS).with_context(|| {
                format!("chapter {number} is not measured over HTTP/2; 20 and 21 are")
            })?;
            Ok(&HTTP2_CHAPTERS[place.saturating_sub(1)..=place])
        }
    }
}

/// Gives each its turns, and what went wrong with some of them.
fn measure(
    rows: &mut [Row],
    crowds: &[Crowd],
    arguments: &super::Arguments,
) -> anyhow::Result<Vec<String>> {
    let rounds = usize::from(arguments.rounds);
    let progress = progress(rounds * crowds.len() * rows.len())?;
    let mut failures = Vec::new();
    for row in &mut *rows {
        row.cells = crowds.iter().map(|_| Vec::new()).collect();
    }
    for round in 0..rounds {
        for (place, crowd) in crowds.iter().enumerate() {
            for row in &mut *rows {
                progress.set_message(format!("{}, {}", row.program.name, crowd.name()));
                // Each turn has a server of its own: what one leaves behind in its memory
                // is nobody else's.
                let server = row.program.start()?;
                let turn = crowd::turn(&server, row.program.is_sealed, *crowd, arguments.seconds);
                process::stop_programs();
                match turn {
                    Ok(turn) => row.cells[place].push(turn),
                    Err(error) => failures.push(format!(
                        "{}, {} connections, round {}: {error:#}",
                        row.program.name,
                        crowd.name(),
                        round + 1
                    )),
                }
                progress.inc(1);
            }
        }
    }
    progress.finish_and_clear();
    Ok(failures)
}

fn print_json(rows: &[Row], crowds: &[Crowd]) {
    let rounded = |figure: Option<f64>| figure.map(|figure| (figure * 100.0).round() / 100.0);
    for row in rows {
        for (cell, crowd) in crowds.iter().enumerate() {
            let [rate, time, memory] = FIGURES.map(|figure| rounded(row.figure(cell, figure.of)));
            say!(
                "{}",
                json!({
                    "server": row.program.name,
                    "version": crowd.version.name(),
                    "connections": crowd.busy,
                    "idle": crowd.idle,
                    "requests_together": crowd.together,
                    "requests_per_second": rate.map(|rate| rate.round() as u64),
                    "processor_microseconds": time,
                    "memory_mebibytes": memory,
                    "share_of_its_core": rounded(row.figure(cell, Turn::share)),
                })
            );
        }
    }
}

fn print_tables(rows: &[Row], crowds: &[Crowd], arguments: &super::Arguments, are_apart: bool) {
    let seconds = Duration::as_secs_f64(&arguments.seconds);
    let over = match arguments.crowd.version() {
        Version::Http1 => "",
        Version::Http2 => " over HTTP/2",
    };
    say!(
        "Release builds, GET /hello{over}, {} rounds of {seconds} s each, medians. One thread asks,",
        arguments.rounds,
    );
    say!("over connections that stay where the server lets them.");
    if let Some(crowd) = crowds.iter().find(|crowd| crowd.together > 1) {
        say!(
            "{}: {} connections, {} requests at a time over each.",
            crowd.name(),
            grouped(crowd.busy),
            grouped(crowd.together)
        );
    }
    if are_apart {
        say!("It has a core to itself, and the server has another one. Where * stands, the");
        say!("server's had time left: the bound was who asks, or what else ran.");
    } else {
        say!("It shares the cores with the server, so how many are answered says little.");
    }
    let width = rows
        .iter()
        .map(|row| row.program.name.len())
        .max()
        .unwrap_or_default();
    let names: Vec<String> = crowds.iter().map(Crowd::name).collect();
    for figure in FIGURES {
        say!("\n{}:", figure.title);
        let header = names.iter().map(|name| format!(" {name:>9}"));
        say!("{:width$}{}", "", header.collect::<String>());
        let is_rate = figure.title == FIGURES[0].title;
        for row in rows {
            let mut line = format!("{:width$}", row.program.name);
            for (cell, name) in names.iter().enumerate() {
                let share = row.figure(cell, Turn::share).unwrap_or(1.0);
                let mark = if is_rate && are_apart && share < BUSY {
                    "*"
                } else {
                    ""
                };
                let shown = match row.figure(cell, figure.of) {
                    Some(value) if figure.decimals == 0 => grouped(value.round() as usize),
                    Some(value) => format!("{value:.*}", figure.decimals),
                    None => "-".to_owned(),
                };
                let width = name.len().max(9);
                line += &format!(" {:>width$}", format!("{shown}{mark}"));
            }
            say!("{line}");
        }
        if figure.title == FIGURES[1].title {
            say!("{}", own_line(rows, crowds, width));
        }
    }
}

/// What those who ask took themselves.
fn own_line(rows: &[Row], crowds: &[Crowd], width: usize) -> String {
    let mut line = format!("{:width$}", "(who asks)");
    for (cell, crowd) in crowds.iter().enumerate() {
        let times = rows.iter().flat_map(|row| &row.cells[cell]);
        let time = median(times.filter_map(Turn::own_time_per_request).collect());
        let shown = time.map_or("-".to_owned(), |time| format!("{time:.1}"));
        let width = crowd.name().len().max(9);
        line += &format!(" {shown:>width$}");
    }
    line
}

fn drawing(rows: &[Row], crowds: &[Crowd]) -> String {
    let labels: Vec<&str> = rows.iter().map(|row| &*row.label).collect();
    let names: Vec<String> = crowds.iter().map(Crowd::name).collect();
    let panels = FIGURES.map(|figure| Panel {
        title: figure.title,
        by_tens: figure.by_tens,
        lines: (0..crowds.len())
            .map(|cell| rows.iter().map(|row| row.figure(cell, figure.of)).collect())
            .collect(),
    });
    plot::plot(&labels, &names, &panels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 999, 1000, 10_024, 1_000_000].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "10,024", "1,000,000"]);
    }
}
