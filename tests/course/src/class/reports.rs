//! What other programs read: JUnit XML, and the file for GitHub Classroom's reporter.

use std::io;

use anyhow::Context;
use quick_xml::Writer;
use quick_xml::events::BytesText;
use serde_json::json;

use super::score::{Checked, Points, State, rounded};
use super::{Row, Sheet};

/// JUnit XML: a suite for each hand-in, a test for each check. A check that was not played
/// is `skipped`; where none was, since the server could not be started, each has failed.
pub fn junit(sheets: &[Sheet]) -> anyhow::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer
        .create_element("testsuites")
        .write_inner_content(|writer| {
            for sheet in sheets {
                for row in &sheet.rows {
                    suite(writer, sheet, row)?;
                }
            }
            Ok(())
        })?;
    let text = String::from_utf8(writer.into_inner()).context("the report is no UTF-8")?;
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n"
    ))
}

fn suite(writer: &mut Writer<Vec<u8>>, sheet: &Sheet, row: &Row) -> io::Result<()> {
    let states = || row.checks.iter().map(|check| outcome(row, check));
    let count = |wanted: fn(&Outcome) -> bool| states().filter(wanted).count().to_string();
    let name = format!("{}: {}", sheet.chapter.name, row.learner);
    writer
        .create_element("testsuite")
        .with_attribute(("name", &*allowed(&name)))
        .with_attribute(("tests", &*row.checks.len().to_string()))
        .with_attribute((
            "failures",
            &*count(|state| matches!(state, Outcome::Failure(_))),
        ))
        .with_attribute((
            "errors",
            &*count(|state| matches!(state, Outcome::Error(_))),
        ))
        .with_attribute((
            "skipped",
            &*count(|state| matches!(state, Outcome::Skipped(_))),
        ))
        .with_attribute(("time", &*format!("{:.1}", row.seconds)))
        .write_inner_content(|writer| {
            for check in &row.checks {
                let case = writer
                    .create_element("testcase")
                    .with_attribute(("classname", &*allowed(&name)))
                    .with_attribute(("name", &*format!("{}: {}", check.kind.name(), check.name)));
                let (element, message) = match outcome(row, check) {
                    Outcome::Passed => {
                        case.write_empty()?;
                        continue;
                    }
                    Outcome::Failure(message) => ("failure", message),
                    Outcome::Error(message) => ("error", message),
                    Outcome::Skipped(message) => ("skipped", message),
                };
                case.write_inner_content(|writer| {
                    let short = message.lines().next().unwrap_or_default();
                    let told = writer
                        .create_element(element)
                        .with_attribute(("message", &*allowed(short)));
                    match element {
                        "skipped" => told.write_empty()?,
                        _ => told.write_text_content(BytesText::new(&allowed(&message)))?,
                    };
                    Ok(())
                })?;
            }
            Ok(())
        })?;
    Ok(())
}

enum Outcome {
    Passed,
    Failure(String),
    Error(String),
    Skipped(String),
}

fn outcome(row: &Row, check: &Checked) -> Outcome {
    let error = || {
        let text = row.error.as_deref().unwrap_or(&row.note);
        format!("{}: {text}", row.verdict.words())
    };
    match (&check.state, row.verdict.why_empty()) {
        (State::Passed, _) => Outcome::Passed,
        (State::Failed(problem), _) => Outcome::Failure(problem.clone()),
        (State::NotPlayed, Some(_)) => Outcome::Error(error()),
        (State::NotPlayed, None) => Outcome::Skipped("not played".to_owned()),
    }
}

/// A text without what XML has no way to write.
fn allowed(text: &str) -> String {
    let is_allowed = |character: &char| match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        character => !character.is_control(),
    };
    text.chars().filter(is_allowed).collect()
}

/// What `classroom-resources/autograding-grading-reporter` reads, before it is put into
/// base64: a test for each check, with the points that it gives.
pub fn autograding(row: &Row, points: Points) -> String {
    let tests: Vec<_> = row
        .checks
        .iter()
        .map(|check| {
            let worth = points.of_one(&row.checks, check.kind);
            let (status, score, message) = match outcome(row, check) {
                Outcome::Passed => ("pass", worth, String::new()),
                Outcome::Failure(problem) => ("fail", 0.0, problem),
                Outcome::Error(problem) => ("error", 0.0, problem),
                Outcome::Skipped(why) => ("fail", 0.0, why),
            };
            json!({
                "name": format!("{}: {}", check.kind.name(), check.title),
                "status": status,
                "score": rounded(score),
                "test_code": check.name,
                "message": message,
                "line_no": 0,
                "filename": "",
                "duration": 0,
            })
        })
        .collect();
    let status = match row.verdict {
        super::Verdict::Passed => "pass",
        verdict if verdict.why_empty().is_some() => "error",
        _ => "fail",
    };
    let result = json!({
        "version": 1,
        "status": status,
        "max_score": rounded(points.most()),
        "tests": tests,
    });
    format!("{result}\n")
}
