//! Points as the gradebooks of Moodle and Canvas import them.

use super::roster::{Person, Roster};
use super::score::{Points, number, total};
use super::table::harmless;
use super::{Row, Sheet};

/// What Moodle's own worksheet for grading has, and what it looks for in it again.
const WORKSHEET: [&str; 3] = ["Identifier", "Grade", "Last modified (grade)"];
const FEEDBACK: &str = "Feedback comments";

/// What Canvas wants in front of the points.
const CANVAS: [&str; 5] = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"];

/// For Moodle: its worksheet for grading with the points put in, where that was the roster,
/// and else a file for the import of grades.
pub fn moodle(sheets: &[Sheet], roster: &Roster, points: Points) -> anyhow::Result<String> {
    let is_worksheet = WORKSHEET
        .iter()
        .all(|name| roster.heading.iter().any(|heading| heading == name));
    let mut writer = csv::Writer::from_writer(Vec::new());
    if is_worksheet {
        let mut heading = roster.heading.clone();
        if !heading.iter().any(|name| name == FEEDBACK) {
            heading.push(FEEDBACK.to_owned());
        }
        writer.write_record(&heading)?;
        for (at, person) in roster.people.iter().enumerate() {
            let grade = sum(sheets, at, points);
            let feedback = harmless(&feedback(sheets, at, points));
            let cell = |name: &String| match &**name {
                "Grade" => grade.clone().unwrap_or_default(),
                FEEDBACK => feedback.clone(),
                _ => roster.cell(person, name).unwrap_or_default(),
            };
            writer.write_record(heading.iter().map(cell))?;
        }
    } else {
        let mut heading = ["Identifier", "Full name", "Email address"]
            .map(str::to_owned)
            .to_vec();
        for sheet in sheets {
            heading.push(sheet.chapter.name.clone());
            heading.push(format!("{} feedback", sheet.chapter.name));
        }
        writer.write_record(&heading)?;
        for (
            at,
            Person {
                identifier,
                name,
                email,
                ..
            },
        ) in roster.people.iter().enumerate()
        {
            let mut record = vec![harmless(identifier), harmless(name), harmless(email)];
            for sheet in sheets {
                let grade = best(sheet, at, points).and_then(|row| row.points(points));
                record.push(grade.map_or(String::new(), number));
                record.push(harmless(&feedback(std::slice::from_ref(sheet), at, points)));
            }
            writer.write_record(&record)?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// For Canvas: a column for each chapter, and above the people how many points there are.
pub fn canvas(sheets: &[Sheet], roster: &Roster, points: Points) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let chapters = || sheets.iter().map(|sheet| sheet.chapter.name.clone());
    // The name that the gradebook has for it already, with the number of the assignment.
    let called = |name: String| {
        let mut headings = roster.heading.iter();
        let own = headings.find(|heading| heading.starts_with(&format!("{name} (")));
        own.cloned().unwrap_or(name)
    };
    let heading = CANVAS.map(str::to_owned).into_iter();
    writer.write_record(heading.chain(chapters().map(called)))?;
    let possible = ["    Points Possible", "", "", "", ""].map(str::to_owned);
    let most = chapters().map(|_| number(points.most()));
    writer.write_record(possible.into_iter().chain(most))?;
    for (at, person) in roster.people.iter().enumerate() {
        let cell = |name: &str| roster.cell(person, name);
        let is_canvas = cell("Student").is_some();
        let own = |name: &str| match (cell(name), name) {
            (Some(cell), _) => cell,
            (None, "Student") => person.name.clone(),
            (None, "SIS User ID") if !is_canvas => person.identifier.clone(),
            (None, "SIS Login ID") if !is_canvas => person.email.clone(),
            _ => String::new(),
        };
        let grades = sheets.iter().map(|sheet| {
            let grade = best(sheet, at, points).and_then(|row| row.points(points));
            grade.map_or(String::new(), number)
        });
        let record = CANVAS.into_iter().map(|name| harmless(&own(name)));
        writer.write_record(record.chain(grades))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The row of a person: of two hand-ins the better one.
pub fn best<'a>(sheet: &'a Sheet, person: usize, points: Points) -> Option<&'a Row> {
    let rows = sheet.rows.iter().filter(|row| row.person == Some(person));
    let of = |row: &&Row| row.points(points).unwrap_or(-1.0);
    rows.max_by(|one, other| of(one).total_cmp(&of(other)))
}

/// The points of all chapters together, where anything was handed in.
fn sum(sheets: &[Sheet], person: usize, points: Points) -> Option<String> {
    let rows = sheets
        .iter()
        .filter_map(|sheet| best(sheet, person, points));
    let all: Vec<f64> = rows.filter_map(|row| row.points(points)).collect();
    (!all.is_empty()).then(|| number(total(all.into_iter())))
}

/// What became of each chapter, and what to mend first.
fn feedback(sheets: &[Sheet], person: usize, points: Points) -> String {
    let mut parts = Vec::new();
    for sheet in sheets {
        let Some(row) = best(sheet, person, points) else {
            continue;
        };
        let mut part = row.verdict.words().to_owned();
        if !row.note.is_empty() {
            part = format!("{part}: {}", row.note);
        }
        if sheets.len() > 1 {
            part = format!("{}: {part}", sheet.chapter.name);
        }
        parts.push(part);
    }
    parts.join("; ")
}
