//! All chapters in one table: a line for each learner, a column for each chapter.

use std::collections::BTreeMap;

use harness::checks::Kind;
use maud::{Markup, html};

use super::roster::Roster;
use super::score::{Count, KINDS, Points, number, total};
use super::table::{aligned, harmless, points_of, style_of, widest};
use super::{Row, Sheet, Verdict, gradebook};
use crate::report::{BOLD, DIM};

pub struct Summary<'a> {
    sheets: &'a [Sheet<'a>],
    points: Option<Points>,
    lines: Vec<Line<'a>>,
}

/// What one learner has handed in for each chapter.
struct Line<'a> {
    learner: &'a str,
    person: Option<usize>,
    rows: Vec<Option<&'a Row>>,
}

/// How many of the checks that decide there are of each state.
fn decided(row: &Row) -> Count {
    let of = |kind: &Kind| row.count(*kind);
    let kinds = KINDS.iter().filter(|kind| kind.decides());
    kinds.map(of).fold(Count::default(), |all, one| Count {
        passed: all.passed + one.passed,
        failed: all.failed + one.failed,
        not_played: all.not_played + one.not_played,
    })
}

impl<'a> Summary<'a> {
    pub fn new(sheets: &'a [Sheet<'a>], points: Option<Points>) -> Self {
        // Those in the roster in its order, and then the others by their names.
        let mut learners: BTreeMap<(usize, &str), Option<usize>> = BTreeMap::new();
        for row in sheets.iter().flat_map(|sheet| &sheet.rows) {
            let place = row.person.unwrap_or(usize::MAX);
            learners.insert((place, &row.learner), row.person);
        }
        let lines = learners.into_iter().map(|((_, learner), person)| Line {
            learner,
            person,
            rows: sheets
                .iter()
                .map(|sheet| match (person, points) {
                    (Some(person), Some(points)) => gradebook::best(sheet, person, points),
                    _ => sheet.rows.iter().find(|row| row.learner == learner),
                })
                .collect(),
        });
        Self {
            sheets,
            points,
            lines: lines.collect(),
        }
    }

    /// What a cell says: the verdict, with the points or with how much was passed.
    fn cell(&self, row: Option<&Row>) -> String {
        let Some(row) = row else {
            return Verdict::NotHandedIn.words().to_owned();
        };
        let words = row.verdict.words();
        if row.verdict == Verdict::NotHandedIn {
            return words.to_owned();
        }
        match (self.points, row.verdict.why_empty()) {
            (Some(points), _) => format!("{words}, {}", points_of(row, points)),
            (None, Some(_)) => words.to_owned(),
            (None, None) => format!("{words}, {}", decided(row).words()),
        }
    }

    fn sum(&self, line: &Line) -> Option<String> {
        let points = self.points?;
        let rows = line.rows.iter().flatten();
        let all: Vec<f64> = rows.filter_map(|row| row.points(points)).collect();
        Some(match all.is_empty() {
            true => Verdict::NotHandedIn.words().to_owned(),
            false => number(total(all.into_iter())),
        })
    }

    fn headings(&self) -> Vec<String> {
        let chapters = self.sheets.iter().map(|sheet| sheet.chapter.name.clone());
        let points = self.points.map(|_| "points".to_owned());
        chapters.chain(points).collect()
    }

    fn cells(&self, line: &Line) -> Vec<String> {
        let cells = line.rows.iter().map(|row| self.cell(*row));
        cells.chain(self.sum(line)).collect()
    }

    pub fn print(&self) {
        let mut lines = vec![self.headings()];
        lines.extend(self.lines.iter().map(|line| self.cells(line)));
        let shown = aligned(&lines);
        let learners = widest("learner", self.lines.iter().map(|line| line.learner));
        say!("{BOLD}All chapters{BOLD:#}\n");
        say!("{DIM}{:learners$}  {}{DIM:#}", "learner", shown[0]);
        for (line, shown) in self.lines.iter().zip(&shown[1..]) {
            let verdicts = line.rows.iter().map(|row| row.map(|row| row.verdict));
            let has_passed = verdicts
                .into_iter()
                .all(|verdict| verdict == Some(Verdict::Passed));
            let verdict = if has_passed {
                Verdict::Passed
            } else {
                Verdict::Failed
            };
            let style = style_of(verdict);
            say!("{style}{:learners$}{style:#}  {shown}", line.learner);
        }
    }

    pub fn csv(&self, roster: Option<&Roster>) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut heading = vec!["learner".to_owned()];
        if roster.is_some() {
            heading.extend(["identifier", "e-mail"].map(str::to_owned));
        }
        for sheet in self.sheets {
            heading.push(sheet.chapter.name.clone());
            heading.extend(
                self.points
                    .map(|_| format!("{} points", sheet.chapter.name)),
            );
        }
        heading.extend(self.points.map(|_| "points".to_owned()));
        writer.write_record(&heading)?;
        for line in &self.lines {
            let mut record = vec![harmless(line.learner)];
            if let Some(roster) = roster {
                let person = line.person.and_then(|number| roster.people.get(number));
                let unknown = "not in the roster";
                record.push(harmless(
                    person.map_or(unknown, |person| &person.identifier),
                ));
                record.push(harmless(person.map_or(unknown, |person| &person.email)));
            }
            for row in &line.rows {
                let verdict = row.map_or(Verdict::NotHandedIn, |row| row.verdict);
                record.push(verdict.words().to_owned());
                let missing = || Verdict::NotHandedIn.words().to_owned();
                let points = |points| row.map_or_else(missing, |row| points_of(row, points));
                record.extend(self.points.map(points));
            }
            record.extend(self.sum(line));
            writer.write_record(&record)?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    pub fn html(&self) -> Markup {
        html! {
            table {
                thead {
                    tr {
                        th { "learner" }
                        @for heading in self.headings() { th { (heading) } }
                    }
                }
                tbody {
                    @for line in &self.lines {
                        tr {
                            th scope="row" { (line.learner) }
                            @for cell in self.cells(line) { td { (cell) } }
                        }
                    }
                }
            }
        }
    }
}
