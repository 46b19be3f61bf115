//! The table of a class: on the terminal, and as CSV, JSON and HTML.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;
use maud::{DOCTYPE, html};
use serde_json::json;

use super::{Options, Row, Verdict};
use crate::chapters::Chapter;
use crate::diff::columns;
use crate::report::{BOLD, DIM, GREEN, RED};
use crate::results::{Count, Score};

/// How little of a note is worth a column; a narrower terminal wraps its lines.
const SHORTEST_NOTE: usize = 20;

/// Where the table goes besides the terminal.
pub struct Outputs {
    csv: Option<Output>,
    json: Option<Output>,
    html: Option<Output>,
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
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let paths = [&options.csv, &options.json, &options.html];
        let is_piped = paths
            .iter()
            .any(|path| path.as_deref() == Some(Path::new("-")));
        let open = |path: &Option<_>| -> anyhow::Result<_> {
            path.as_deref().map(Output::open).transpose()
        };
        Ok(Self {
            csv: open(&options.csv)?,
            json: open(&options.json)?,
            html: open(&options.html)?,
            is_piped,
        })
    }

    pub fn write(
        self,
        chapter: &Chapter,
        options: &Options,
        rows: &[Row],
        time: Duration,
    ) -> anyhow::Result<()> {
        let table = Table {
            chapter,
            exercise: options.exercise,
            rows,
            time,
        };
        if let Some(output) = self.csv {
            output.write(&table.csv()?)?;
        }
        if let Some(output) = self.json {
            output.write(&table.json())?;
        }
        if let Some(output) = self.html {
            output.write(&table.html())?;
        }
        if !self.is_piped {
            table.print();
        }
        Ok(())
    }
}

struct Table<'a> {
    chapter: &'a Chapter,
    exercise: bool,
    rows: &'a [Row],
    time: Duration,
}

impl Table<'_> {
    /// What was checked.
    fn title(&self) -> String {
        match self.exercise {
            true => format!("{}, its exercise", self.chapter.name),
            false => format!("{}: {}", self.chapter.name, self.chapter.lesson),
        }
    }

    /// What the checks that decide are called.
    fn deciding(&self) -> &'static str {
        if self.exercise { "exercise" } else { "core" }
    }

    /// An exercise has none of these.
    fn has_robust(&self) -> bool {
        let of = |row: &Row| row.score.map_or(0, |score| score.robust.of);
        self.rows.iter().any(|row| of(row) > 0)
    }

    fn summary(&self) -> String {
        let counts: Vec<String> = Verdict::ALL
            .into_iter()
            .filter_map(|verdict| {
                let is_so = |row: &&Row| row.verdict == verdict;
                let count = self.rows.iter().filter(is_so).count();
                (count > 0).then(|| format!("{} {count}", verdict.words()))
            })
            .collect();
        format!(
            "{} {} in {} s: {}",
            self.rows.len(),
            if self.rows.len() == 1 {
                "hand-in"
            } else {
                "hand-ins"
            },
            self.time.as_secs(),
            counts.join(", ")
        )
    }

    fn print(&self) {
        let width = |text: &str| text.chars().count();
        let learners = self.rows.iter().map(|row| width(&row.learner));
        let learners = learners.max().unwrap_or(0).max("learner".len());
        let verdicts = self.rows.iter().map(|row| width(row.verdict.words()));
        let verdicts = verdicts.max().unwrap_or(0).max("verdict".len());
        let robust = |text: &str| match self.has_robust() {
            true => format!("  {text:>8}"),
            false => String::new(),
        };
        say!("{BOLD}{}{BOLD:#}\n", self.title());
        let heading = format!(
            "{:learners$}  {:verdicts$}  {:>8}{}  {:>5}  ",
            "learner",
            "verdict",
            self.deciding(),
            robust("robust"),
            "s"
        );
        let room = columns().saturating_sub(width(&heading)).max(SHORTEST_NOTE);
        say!("{DIM}{heading}what to mend first{DIM:#}");
        for row in self.rows {
            let style = match row.verdict {
                Verdict::Passed => GREEN,
                Verdict::Failed => Style::new(),
                _ => RED,
            };
            say!(
                "{:learners$}  {style}{:verdicts$}{style:#}  {:>8}{}  {:>5}  {}",
                row.learner,
                row.verdict.words(),
                shown(row.score, |score| score.core),
                robust(&shown(row.score, |score| score.robust)),
                seconds(row),
                cut(&row.note, room)
            );
        }
        say!("\n{}", self.summary());
    }

    fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "learner",
            "verdict",
            self.deciding(),
            "of",
            "robust",
            "of robust",
            "seconds",
            "note",
        ])?;
        for row in self.rows {
            let number = |number: fn(Score) -> usize| {
                let number = row.score.map(number);
                number.map_or(String::new(), |number| number.to_string())
            };
            writer.write_record([
                harmless(&row.learner),
                row.verdict.words().to_owned(),
                number(|score| score.core.passed),
                number(|score| score.core.of),
                number(|score| score.robust.passed),
                number(|score| score.robust.of),
                seconds(row),
                harmless(&row.note),
            ])?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    fn json(&self) -> String {
        let count = |count: Count| json!({ "passed": count.passed, "of": count.of });
        let line = |row: &Row| {
            let failures: Vec<_> = row
                .failures
                .iter()
                .map(|(name, problem)| json!({ "name": name, "problem": problem }))
                .collect();
            let value = json!({
                "chapter": self.chapter.name,
                "exercise": self.exercise,
                "learner": row.learner,
                "verdict": row.verdict.words(),
                "core": row.score.map(|score| count(score.core)),
                "lesson": row.score.map(|score| count(score.lesson)),
                "robust": row.score.map(|score| count(score.robust)),
                "seconds": row.score.map(|_| (row.seconds * 10.0).round() / 10.0),
                "note": row.note,
                "error": row.error,
                "failures": failures,
            });
            format!("{value}\n")
        };
        self.rows.iter().map(line).collect()
    }

    fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title()) }
                    style { (STYLE) }
                }
                body {
                    h1 { (self.title()) }
                    p { (self.summary()) "." }
                    table {
                        thead {
                            tr {
                                th { "learner" }
                                th { "verdict" }
                                th { (self.deciding()) }
                                @if self.has_robust() { th { "robust" } }
                                th { "seconds" }
                                th { "what to mend first" }
                            }
                        }
                        tbody {
                            @for row in self.rows {
                                tr class=(row.verdict.words().replace(' ', "-")) {
                                    th scope="row" { (row.learner) }
                                    td { (row.verdict.words()) }
                                    td { (shown(row.score, |score| score.core)) }
                                    @if self.has_robust() {
                                        td { (shown(row.score, |score| score.robust)) }
                                    }
                                    td { (seconds(row)) }
                                    td { (row.note) }
                                }
                            }
                        }
                    }
                    @for row in self.rows {
                        @if row.error.is_some() || !row.failures.is_empty() {
                            section {
                                h2 { (row.learner) ": " (row.verdict.words()) }
                                @if let Some(error) = &row.error {
                                    pre { (error.trim()) }
                                }
                                @for (name, problem) in &row.failures {
                                    p { code { (name) } ": " (problem) }
                                }
                            }
                        }
                    }
                }
            }
        };
        page.into_string() + "\n"
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

fn shown(score: Option<Score>, of_kind: fn(Score) -> Count) -> String {
    let count = score.map(of_kind);
    count.map_or(String::new(), |Count { passed, of }| {
        format!("{passed} of {of}")
    })
}

/// How long the checks took, where there were any.
fn seconds(row: &Row) -> String {
    row.score
        .map_or(String::new(), |_| format!("{:.1}", row.seconds))
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
fn harmless(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}
