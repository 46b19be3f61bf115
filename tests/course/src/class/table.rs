//! The table of a class: on the terminal, and as CSV, JSON and HTML.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;
use harness::checks::Kind;
use maud::{DOCTYPE, html};
use serde_json::{Value, json};

use super::roster::Roster;
use super::score::{KINDS, Points, State, number, rounded};
use super::{Files, Options, Row, Sheet, Verdict, gradebook, reports, summary};
use crate::diff::columns;
use crate::report::{BOLD, DIM, GREEN, RED};

/// How little of a note is worth a column; a narrower terminal wraps its lines.
const SHORTEST_NOTE: usize = 20;

/// Where the table goes besides the terminal.
pub struct Outputs {
    csv: Option<Output>,
    json: Option<Output>,
    html: Option<Output>,
    junit: Option<Output>,
    autograding: Option<Output>,
    moodle: Option<Output>,
    canvas: Option<Output>,
    /// Whether it does not go to the terminal, as something else goes there.
    is_piped: bool,
}

struct Output {
    name: String,
    writer: Box<dyn Write>,
}

impl Output {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let writer: Box<dyn Write> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            let file = File::create(path);
            Box::new(file.with_context(|| format!("cannot write {name}"))?)
        };
        Ok(Self { name, writer })
    }

    fn write(mut self, text: &str) -> anyhow::Result<()> {
        let written = self.writer.write_all(text.as_bytes());
        written
            .and_then(|()| self.writer.flush())
            .with_context(|| format!("cannot write {}", self.name))
    }
}

impl Outputs {
    pub fn open(files: &Files) -> anyhow::Result<Self> {
        let Files {
            csv,
            json,
            html,
            junit,
            autograding,
            moodle,
            canvas,
        } = files;
        let mut paths = [csv, json, html, junit, autograding, moodle, canvas].into_iter();
        let is_piped = paths.any(|path| path.as_deref() == Some(Path::new("-")));
        let open = |path: &Option<PathBuf>| path.as_deref().map(Output::open).transpose();
        Ok(Self {
            csv: open(csv)?,
            json: open(json)?,
            html: open(html)?,
            junit: open(junit)?,
            autograding: open(autograding)?,
            moodle: open(moodle)?,
            canvas: open(canvas)?,
            is_piped,
        })
    }

    pub fn write(
        self,
        sheets: &[Sheet],
        roster: Option<&Roster>,
        options: &Options,
        time: Duration,
    ) -> anyhow::Result<()> {
        let tables: Vec<Table> = sheets
            .iter()
            .map(|sheet| Table {
                sheet,
                roster,
                exercise: options.exercise,
                points: options.points,
            })
            .collect();
        // Several chapters are a table of their own.
        let all = match &tables[..] {
            [_] => None,
            _ => Some(summary::Summary::new(sheets, options.points)),
        };
        if let Some(output) = self.csv {
            output.write(&match (&all, &tables[..]) {
                (None, [table]) => table.csv()?,
                (Some(all), _) => all.csv(roster)?,
                (None, _) => String::new(),
            })?;
        }
        if let Some(output) = self.json {
            output.write(&tables.iter().map(Table::json).collect::<String>())?;
        }
        if let Some(output) = self.html {
            output.write(&page(&tables, all.as_ref(), time))?;
        }
        if let Some(output) = self.junit {
            output.write(&reports::junit(sheets)?)?;
        }
        if let Some(points) = options.points {
            let first = sheets.iter().flat_map(|sheet| &sheet.rows).next();
            if let (Some(output), Some(row)) = (self.autograding, first) {
                output.write(&reports::autograding(row, points))?;
            }
            if let (Some(output), Some(roster)) = (self.moodle, roster) {
                output.write(&gradebook::moodle(sheets, roster, points)?)?;
            }
            if let (Some(output), Some(roster)) = (self.canvas, roster) {
                output.write(&gradebook::canvas(sheets, roster, points)?)?;
            }
        }
        if !self.is_piped {
            match (&all, &tables[..]) {
                (Some(all), _) => all.print(),
                (None, tables) => tables.iter().for_each(Table::print),
            }
            say!("\n{}", said_of(&tables, time));
        }
        Ok(())
    }
}

/// How many hand-ins there were, and what became of them.
fn said_of(tables: &[Table], time: Duration) -> String {
    let rows = || tables.iter().flat_map(|table| &table.sheet.rows);
    let count = |verdict| rows().filter(|row| row.verdict == verdict).count();
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict, count(verdict)))
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{} {count}", verdict.words()))
        .collect();
    let all = rows().count() - count(Verdict::NotHandedIn);
    format!(
        "{all} {} in {} s: {}",
        if all == 1 { "hand-in" } else { "hand-ins" },
        time.as_secs(),
        counts.join(", ")
    )
}

/// The table of one chapter.
struct Table<'a> {
    sheet: &'a Sheet<'a>,
    roster: Option<&'a Roster>,
    exercise: bool,
    points: Option<Points>,
}

impl Table<'_> {
    /// What was checked.
    fn title(&self) -> String {
        let chapter = self.sheet.chapter;
        match self.exercise {
            true => format!("{}, its exercise", chapter.name),
            false => format!("{}: {}", chapter.name, chapter.lesson),
        }
    }

    /// The groups of checks that there are.
    fn kinds(&self) -> Vec<Kind> {
        let is_there = |kind: &Kind| self.sheet.rows.iter().any(|row| row.count(*kind).of() > 0);
        KINDS.into_iter().filter(is_there).collect()
    }

    /// The headings between the verdict and the note.
    fn headings(&self) -> Vec<&'static str> {
        let groups = self.kinds().into_iter().map(Kind::name);
        let points = self.points.map(|_| "points");
        groups.chain(points).chain(["s"]).collect()
    }

    /// What stands below them. Where there is no number, a word says why.
    fn cells(&self, row: &Row) -> Vec<String> {
        let why = row.verdict.why_empty();
        let count = |kind| why.map_or_else(|| row.count(kind).words(), str::to_owned);
        let counts = self.kinds().into_iter().map(count);
        let points = self.points.map(|points| points_of(row, points));
        let cells = counts.chain(points);
        cells.chain([seconds(row)]).collect()
    }

    fn print(&self) {
        let mut lines = vec![self.headings().into_iter().map(str::to_owned).collect()];
        lines.extend(self.sheet.rows.iter().map(|row| self.cells(row)));
        let lines: Vec<String> = aligned(&lines);
        let rows = &self.sheet.rows;
        let learners = widest("learner", rows.iter().map(|row| &*row.learner));
        let verdicts = widest("verdict", rows.iter().map(|row| row.verdict.words()));
        say!("{BOLD}{}{BOLD:#}\n", self.title());
        let heading = format!(
            "{:learners$}  {:verdicts$}  {}  ",
            "learner", "verdict", lines[0]
        );
        let room = columns().saturating_sub(width(&heading)).max(SHORTEST_NOTE);
        say!("{DIM}{heading}what to mend first{DIM:#}");
        for (row, line) in rows.iter().zip(&lines[1..]) {
            let style = style_of(row.verdict);
            say!(
                "{:learners$}  {style}{:verdicts$}{style:#}  {line}  {}",
                row.learner,
                row.verdict.words(),
                cut(&row.note, room)
            );
        }
    }

    fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut heading = vec!["learner".to_owned()];
        if self.roster.is_some() {
            heading.extend(["identifier", "e-mail"].map(str::to_owned));
        }
        heading.push("verdict".to_owned());
        for name in self.kinds().into_iter().map(Kind::name) {
            heading.push(name.to_owned());
            heading.push(format!("of {name}"));
            heading.push(format!("{name} not played"));
        }
        if self.points.is_some() {
            heading.push("points".to_owned());
        }
        heading.extend(["seconds", "left behind", "note"].map(str::to_owned));
        writer.write_record(&heading)?;
        for row in &self.sheet.rows {
            let mut record = vec![harmless(&row.learner)];
            if let Some(roster) = self.roster {
                let person = row.person.and_then(|number| roster.people.get(number));
                let unknown = "not in the roster";
                let cell = person.map_or(unknown, |person| &*person.identifier);
                record.push(harmless(cell));
                let cell = person.map_or(unknown, |person| &*person.email);
                record.push(harmless(cell));
            }
            record.push(row.verdict.words().to_owned());
            for kind in self.kinds() {
                let count = row.count(kind);
                let why = row.verdict.why_empty().map(str::to_owned);
                let or_why = |number: usize| why.clone().unwrap_or_else(|| number.to_string());
                record.extend([
                    or_why(count.passed),
                    count.of().to_string(),
                    or_why(count.not_played),
                ]);
            }
            if let Some(points) = self.points {
                record.push(points_of(row, points));
            }
            record.push(seconds(row));
            record.push(harmless(&row.left_behind.join(" and ")));
            record.push(harmless(&row.note));
            writer.write_record(&record)?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    fn json(&self) -> String {
        let line = |row: &Row| format!("{}\n", self.json_of(row));
        self.sheet.rows.iter().map(line).collect()
    }

    fn json_of(&self, row: &Row) -> Value {
        let why = row.verdict.why_empty();
        let count = |kind| {
            let count = row.count(kind);
            why.is_none().then(|| {
                json!({
                    "passed": count.passed,
                    "failed": count.failed,
                    "not_played": count.not_played,
                    "of": count.of(),
                })
            })
        };
        let failures: Vec<_> = row
            .failures()
            .into_iter()
            .map(|(name, problem)| json!({ "name": name, "problem": problem }))
            .collect();
        let unplayed = row
            .checks
            .iter()
            .filter(|check| check.state == State::NotPlayed);
        let person = row.person.zip(self.roster);
        let person = person.and_then(|(number, roster)| roster.people.get(number));
        json!({
            "chapter": self.sheet.chapter.name,
            "exercise": self.exercise,
            "learner": row.learner,
            "identifier": person.map(|person| &person.identifier),
            "email": person.map(|person| &person.email),
            "verdict": row.verdict.words(),
            "core": count(if self.exercise { Kind::Exercise } else { Kind::Core }),
            "lesson": count(Kind::Lesson),
            "robust": count(Kind::Robust),
            "points": self.points.and_then(|points| row.points(points)).map(rounded),
            "seconds": why.is_none().then(|| (row.seconds * 10.0).round() / 10.0),
            "note": row.note,
            "error": row.error,
            "failures": failures,
            "not_played": unplayed.map(|check| &check.name).collect::<Vec<_>>(),
            "left_behind": row.left_behind,
        })
    }
}

/// The page, with a table for each chapter below that of all.
fn page(tables: &[Table], all: Option<&summary::Summary>, time: Duration) -> String {
    let title = match tables {
        [table] => table.title(),
        _ => "All chapters".to_owned(),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (STYLE) }
            }
            body {
                h1 { (title) }
                p { (said_of(tables, time)) "." }
                @if let Some(all) = all { (all.html()) }
                @for table in tables {
                    @if all.is_some() { h1 { (table.title()) } }
                    (table.html())
                }
            }
        }
    };
    page.into_string() + "\n"
}

impl Table<'_> {
    fn html(&self) -> maud::Markup {
        html! {
            table {
                thead {
                    tr {
                        th { "learner" }
                        th { "verdict" }
                        @for heading in self.headings() { th { (heading) } }
                        th { "what to mend first" }
                    }
                }
                tbody {
                    @for row in &self.sheet.rows {
                        tr class=(row.verdict.words().replace(' ', "-")) {
                            th scope="row" { (row.learner) }
                            td { (row.verdict.words()) }
                            @for cell in self.cells(row) { td { (cell) } }
                            td { (row.note) }
                        }
                    }
                }
            }
            @for row in &self.sheet.rows {
                @let failures = row.failures();
                @if row.error.is_some() || !failures.is_empty() {
                    section {
                        h2 { (row.learner) ": " (row.verdict.words()) }
                        @if let Some(error) = &row.error {
                            pre { (error.trim()) }
                        }
                        @for (name, problem) in failures {
                            p { code { (name) } ": " (problem) }
                        }
                    }
                }
            }
        }
    }
}

/// Black on white, with signs that a printer without colours can print. No row is cut
/// by the end of a page, and each page has the headings.
const STYLE: &str = "
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #999; padding: .2rem .5rem; text-align: left; vertical-align: top }
thead th { border-bottom: 2px solid #000 }
tbody th, td { white-space: nowrap }
td:last-child { overflow-wrap: anywhere; white-space: normal }
.passed td:nth-child(2)::before { content: '\\2713  ' }
tr:not(.passed) td:nth-child(2) { font-weight: bold }
h2 { font-size: 1.1em; margin: 1.2rem 0 .2rem }
section p { margin: 0 0 .2rem }
pre { font-size: 13px; margin: 0; overflow-wrap: anywhere; white-space: pre-wrap }
@media print {
  body { font-size: 9px; margin: 0; max-width: none; padding: 0 }
  pre { font-size: 8px }
  h1 { font-size: 14px; margin: 0 }
  tr, section { break-inside: avoid }
  thead { display: table-header-group }
}
";

pub fn style_of(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Passed => GREEN,
        Verdict::Failed => Style::new(),
        _ => RED,
    }
}

pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// How wide a column is.
pub fn widest<'a>(heading: &str, cells: impl Iterator<Item = &'a str>) -> usize {
    cells.map(width).max().unwrap_or(0).max(width(heading))
}

/// Lines of cells of which each is as wide as the widest below the same heading.
pub fn aligned(lines: &[Vec<String>]) -> Vec<String> {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| widest("", lines.iter().map(|line| &*line[column])))
        .collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, &width)| format!("{cell:>width$}"))
            .collect();
        cells.join("  ")
    };
    lines.iter().map(line).collect()
}

/// The points, or why there are none.
pub fn points_of(row: &Row, points: Points) -> String {
    let why = row.verdict.why_empty().unwrap_or_default();
    row.points(points).map_or(why.to_owned(), number)
}

/// How long the checks took, where there were any.
fn seconds(row: &Row) -> String {
    let why = row.verdict.why_empty();
    why.map_or_else(|| format!("{:.1}", row.seconds), str::to_owned)
}

/// The beginning of a text that is too long.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(room.saturating_sub(4)).collect();
    format!("{beginning} ...")
}

/// A cell that no spreadsheet takes for a formula: what stands in it is others'.
pub fn harmless(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}
