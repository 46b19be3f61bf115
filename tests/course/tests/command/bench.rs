//! `cargo course bench`: what it prints and draws. What the figures are, no test can know.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::programs::program;
use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Command::new(env!("CARGO_BIN_EXE_course"))
        .arg("bench")
        .args(arguments)
        .env("CARGO_TARGET_DIR", folder.path())
        .output()
        .expect("the course runs")
}

/// The lines about one server, with a short turn for each.
fn measured(program: &str, options: &[&str]) -> Vec<Value> {
    measured_command(&[program], options)
}

/// The same for a command of several words.
fn measured_command(command: &[&str], options: &[&str]) -> Vec<Value> {
    let shortly = ["mine", "--rounds", "1", "--seconds", "0.3", "--json"];
    let output = bench(&[&shortly, options, &["--"], command].concat());
    assert!(output.status.success(), "{output:?}");
    let program = command[0];
    let name = PathBuf::from(program);
    let name = name.file_name().expect("a name").to_string_lossy();
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines
        .filter(|line: &Value| line["server"] == *name)
        .collect()
}

fn number(line: &Value, name: &str) -> u64 {
    let number = &line[name];
    number
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {line}"))
}

#[test]
fn a_server_of_ones_own_has_a_turn_with_each_crowd() {
    let program = program("ch16-events");
    let lines = measured(&program, &["--connections", "1,3", "--idle", "4"]);
    let crowds: Vec<_> = lines
        .iter()
        .map(|line| (number(line, "connections"), number(line, "idle")))
        .collect();
    assert_eq!(crowds, [(1, 0), (3, 0), (1, 4)]);
    for line in &lines {
        assert!(number(line, "requests_per_second") > 0, "{line}");
        assert_eq!(number(line, "requests_together"), 1);
        // Other systems do not tell.
        let is_told = line["memory_mebibytes"].is_number();
        assert_eq!(is_told, cfg!(target_os = "linux"), "{line}");
    }
}

#[test]
fn requests_can_be_sent_together() {
    let program = program("ch16-events");
    let lines = measured(
        &program,
        &["--connections", "2", "--idle", "0", "--together", "16"],
    );
    assert_eq!(lines.len(), 1);
    assert!(number(&lines[0], "requests_per_second") > 0, "{}", lines[0]);
    assert_eq!(number(&lines[0], "requests_together"), 16);
}

#[test]
fn a_server_is_measured_over_http2() {
    let program = program("ch20-streams");
    let lines = measured_command(
        &[&program, "--plain"],
        &[
            "--http2",
            "--connections",
            "1,3",
            "--idle",
            "4",
            "--together",
            "32",
        ],
    );
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert_eq!(line["version"], "HTTP/2");
        assert_eq!(number(line, "requests_together"), 32);
        assert!(number(line, "requests_per_second") > 0, "{line}");
    }
}

#[test]
fn over_http2_there_are_other_crowds() {
    let program = program("ch20-streams");
    let options = [
        "mine",
        "--http2",
        "--rounds",
        "1",
        "--seconds",
        "0.05",
        "--idle",
        "0",
    ];
    let output = bench(&[&options[..], &["--", &program, "--plain"]].concat());
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let begin = "Release builds, GET /hello over HTTP/2, 1 rounds of 0.05 s each";
    assert!(said.starts_with(begin), "{said}");
    assert!(said.contains("   16 x 32        64       128"), "{said}");
    let explained = "16 x 32: 16 connections, 32 requests at a time over each.";
    assert!(said.contains(explained), "{said}");
}

/// It speaks HTTP/1.1, whatever it is asked in.
#[test]
fn a_server_without_http2_is_not_measured_over_it() {
    let program = program("ch16-events");
    let shortly = ["mine", "--http2", "--rounds", "1", "--seconds", "0.3"];
    let output = bench(
        &[
            &shortly[..],
            &["--connections", "1", "--idle", "0", "--", &program],
        ]
        .concat(),
    );
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let problem = "ch16-events, 1 connections, round 1: \"HTTP/1.1 505 HTTP Version Not Supported\" is no frame of HTTP/2";
    assert!(said.contains(problem), "{said}");
}

/// One that closes after each answer, so that those who stay can say nothing.
#[test]
fn a_server_that_keeps_no_connection_is_measured_too() {
    // One says how long its answers are, and the other one only closes.
    for program in [program("ch09-site"), program("ch05b-threads")] {
        let lines = measured(&program, &["--connections", "2", "--idle", "3"]);
        assert_eq!(lines.len(), 2);
        for line in &lines {
            assert!(number(line, "requests_per_second") > 0, "{line}");
        }
    }
}

#[test]
fn the_tables_and_the_drawing_show_each_server() {
    let program = program("ch16-events");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("bench.svg");
    let drawn = file.to_string_lossy();
    let options = [
        "mine",
        "--rounds",
        "1",
        "--seconds",
        "0.3",
        "--connections",
        "2",
    ];
    let output = bench(
        &[
            &options[..],
            &["--idle", "3", "--svg", &drawn, "--", &program],
        ]
        .concat(),
    );
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let tables: Vec<&str> = said.split("\n\n").skip(1).collect();
    assert_eq!(tables.len(), 3, "{said}");
    for table in tables {
        assert!(table.contains(" 1 + 3 idle\n"), "{table}");
        assert!(
            table.lines().any(|line| line.starts_with("ch16-events")),
            "{table}"
        );
    }
    let drawing = fs::read_to_string(&file).expect("a drawing");
    assert_eq!(
        drawing.matches(">ch16-events</text>").count(),
        3,
        "{drawing}"
    );
    assert!(drawing.ends_with("</svg>\n"));
}

#[test]
fn what_cannot_be_measured_is_said() {
    for (arguments, problem) in [
        (
            &["4"][..],
            "chapter 4 is not measured; 5b, 9 to 17, 20 and 21 are",
        ),
        (
            &["19"],
            "chapter 19 is not measured; 5b, 9 to 17, 20 and 21 are",
        ),
        (
            &["17", "--http2"],
            "chapter 17 is not measured over HTTP/2; 20 and 21 are",
        ),
        (&["10", "--http2"], "chapter 10 has loads of its own"),
        (
            &["mine"],
            "name a command behind `--` that starts your server",
        ),
        (
            &["10", "--connections", "3"],
            "chapter 10 has loads of its own",
        ),
        (
            &["16", "--connections", "0"],
            "nothing can be measured with 0 clients",
        ),
        (&["16", "--seconds", "0"], "it is not from 0.01 to 600"),
        (&["16", "--idle", "20001"], "it is more than 20000"),
        (&["mine", "--", "no-such-program"], "no-such-program"),
    ] {
        let output = bench(arguments);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
}
