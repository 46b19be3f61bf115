//! For each exercise: the chapter as it stands does not pass, the solution does
//! and still does what the chapter does, and plausible wrong answers do not.

#[path = "../../../wrong-answers/src/answers.rs"]
mod answers;

use std::fs;
use std::sync::LazyLock;

use answers::{Answer, answers_in};

use crate::course::{problems_of, text, workspace};
use crate::programs::program;
use assert_cmd::Command;
use insta::assert_snapshot;

/// What the command says, with its exit code first.
fn check(arguments: &[&str]) -> String {
    check_with(arguments, &[])
}

/// The same with more in the environment, also in that of the server.
fn check_with(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let scores = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_course"))
        .arg("check")
        .args(arguments)
        .env("CARGO_TARGET_DIR", scores.path())
        .envs(environment.iter().copied())
        .output()
        .expect("the course runs");
    text(&output)
}

#[test]
fn every_chapter_has_an_exercise_with_three_hints() {
    let names = fs::read_dir(workspace().join("chapters")).expect("the chapters are read");
    let names = names.map(|entry| entry.expect("an entry is read").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    for name in names.filter(|name| name.starts_with("ch")) {
        for hint in ["1", "2", "3"] {
            let output = Command::new(env!("CARGO_BIN_EXE_course"))
                .args(["hint", &name, hint])
                .output()
                .expect("the course runs");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{name}: {output:?}");
            assert!(said.contains(&format!("Hint {hint} of 3\n")), "{said}");
            let solution = said.contains("A solution:  chapters/");
            assert_eq!(solution, hint == "3", "{said}");
        }
    }
}

/// The wrong answers, each the solution with one mistake.
static ANSWERS: LazyLock<Vec<Answer>> = LazyLock::new(|| {
    answers_in(&workspace().join("tests/wrong-answers/answers")).expect("the answers are read")
});

/// How many of them are checked at once, as most of what a check does is to wait.
const AT_ONCE: usize = 8;

#[test]
#[ignore = "builds and checks some hundred answers"]
fn wrong_answers_are_refused_in_words_that_tell_why() {
    // With the features that the whole workspace gives to its crates, so that these are
    // there already.
    let wrong = &crate::programs::built(&["--workspace", "--bin", "wrong-answers"])[0];
    let wrong = wrong.display().to_string();
    let passed = problems_of(&ANSWERS, AT_ONCE, |answer| is_refused(answer, &wrong).err());
    assert!(passed.is_empty(), "{}", passed.join("\n"));
}

/// The exercises that change what their chapter does.
const CHANGE_THE_CHAPTER: [&str; 6] = [
    "ch01-socket",
    "ch02-logging",
    "ch03-response",
    "ch06-post",
    "ch12-limits",
    "ch18-frames",
];

#[test]
#[ignore = "plays all exchanges of all chapters"]
fn a_solution_passes_the_checks_of_its_chapter_unless_it_changes_what_that_does() {
    let names = fs::read_dir(workspace().join("chapters")).expect("the chapters are read");
    let names = names.map(|entry| entry.expect("an entry is read").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    // The last ones have the most exchanges.
    names.sort_by(|one, other| other.cmp(one));
    let differ = problems_of(&names, AT_ONCE, |name| {
        let solution = Chapter::new(name).solution();
        let said = check(&[name, "--", &solution, "127.0.0.1:0"]);
        match said.starts_with("exit code 0\n") != CHANGE_THE_CHAPTER.contains(&&**name) {
            true => None,
            false => Some(format!("{name}:\n{said}")),
        }
    });
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

fn is_refused(answer: &Answer, wrong: &str) -> Result<(), String> {
    let name = answer.full_name();
    let exchange = format!("exercise_{}", answer.exchange);
    let arguments = [&*answer.chapter, "--exercise", "--only", &exchange];
    let said = check_with(
        &[&arguments[..], &["--", wrong, "127.0.0.1:0"]].concat(),
        &[("ANSWER", &name)],
    );
    // Long sentences are wrapped.
    let words: Vec<&str> = said.split_whitespace().collect();
    match said.starts_with("exit code 1\n") && words.join(" ").contains(&answer.words) {
        true => Ok(()),
        false => Err(format!("{name}, {}:\n{said}", answer.mistake)),
    }
}

/// An exchange that refuses nothing shows nothing.
#[test]
fn every_exchange_of_an_exercise_refuses_an_answer() {
    let names = fs::read_dir(workspace().join("tests/snapshots")).expect("snapshots are read");
    let names = names.map(|entry| entry.expect("an entry is read").file_name());
    let names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let exchanges = names.iter().filter_map(|name| {
        let (chapter, name) = name.strip_suffix(".snap")?.split_once("__exercise_")?;
        Some((chapter.split('_').next()?, name))
    });
    let is_idle = |(chapter, exchange): &(&str, &str)| {
        !ANSWERS
            .iter()
            .any(|answer| answer.chapter == *chapter && answer.exchange == *exchange)
    };
    let idle: Vec<_> = exchanges.filter(is_idle).collect();
    assert!(idle.is_empty(), "{idle:#?}");
}

/// The name of a chapter's crate, and how it is called for short.
struct Chapter<'a> {
    name: &'a str,
    short_name: &'a str,
}

impl<'a> Chapter<'a> {
    fn new(name: &'a str) -> Self {
        let (short_name, _) = name.split_once('-').expect("a name after the number");
        Self { name, short_name }
    }

    fn solution(&self) -> String {
        program(&format!("{}-solution", self.short_name))
    }

    /// What the checks of the exercise say of the chapter as it stands.
    fn prove(&self) -> String {
        let chapter = program(self.name);
        let solution = self.solution();
        let address = "127.0.0.1:0";

        let solved = check(&[self.name, "--exercise", "--", &solution, address]);
        assert!(solved.starts_with("exit code 0\n"), "{solved}");
        let unsolved = check(&[self.name, "--exercise", "--", &chapter, address]);
        assert!(unsolved.starts_with("exit code 1\n"), "{unsolved}");
        // The lines alone: the details below them are pinned elsewhere.
        let lines = unsolved.split("\n\n").take(2).collect::<Vec<_>>();
        hide_ports(&lines.join("\n\n"))
    }
}

fn hide_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |hidden, part| {
        hidden + "127.0.0.1:[port]" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[test]
fn ch01_greets_each_client_with_its_address() {
    assert_snapshot!(Chapter::new("ch01-socket").prove());
}

#[test]
fn ch02_numbers_the_requests() {
    assert_snapshot!(Chapter::new("ch02-logging").prove());
}

#[test]
fn ch03_announces_the_length() {
    assert_snapshot!(Chapter::new("ch03-response").prove());
}

#[test]
fn ch04_greets_by_name() {
    assert_snapshot!(Chapter::new("ch04-routing").prove());
}

#[test]
fn ch05a_refuses_methods() {
    assert_snapshot!(Chapter::new("ch05a-status").prove());
}

#[test]
fn ch05b_has_eight_places() {
    assert_snapshot!(Chapter::new("ch05b-threads").prove());
}

#[test]
fn ch06_reads_a_form() {
    assert_snapshot!(Chapter::new("ch06-post").prove());
}

#[test]
fn ch07_sends_what_has_changed() {
    assert_snapshot!(Chapter::new("ch07-static").prove());
}

#[test]
fn ch08_greets_often() {
    assert_snapshot!(Chapter::new("ch08-query").prove());
}

#[test]
fn ch09_knows_who_comes_back() {
    assert_snapshot!(Chapter::new("ch09-site").prove());
}

#[test]
fn ch10_counts_the_requests_of_a_connection() {
    assert_snapshot!(Chapter::new("ch10-keepalive").prove());
}

#[test]
fn ch11_sums_in_a_trailer() {
    assert_snapshot!(Chapter::new("ch11-chunked").prove());
}

#[test]
fn ch13_keeps_the_guestbook() {
    assert_snapshot!(Chapter::new("ch13-stop").prove());
}

#[test]
fn ch17_wants_no_plain_http_any_more() {
    assert_snapshot!(Chapter::new("ch17-tls").prove());
}

#[test]
fn ch12_asks_who_signs_too_often_to_wait() {
    assert_snapshot!(Chapter::new("ch12-limits").prove());
}

#[test]
fn ch14_sends_two_forms() {
    assert_snapshot!(Chapter::new("ch14-caching").prove());
}

#[test]
fn ch15_answers_for_an_answer_that_fails() {
    assert_snapshot!(Chapter::new("ch15-pool").prove());
}

#[test]
fn ch16_counts_elsewhere() {
    assert_snapshot!(Chapter::new("ch16-events").prove());
}

#[test]
fn ch18_counts_what_each_stream_carries() {
    assert_snapshot!(Chapter::new("ch18-frames").prove());
}

#[test]
fn ch19_hints_at_what_the_page_needs() {
    assert_snapshot!(Chapter::new("ch19-hpack").prove());
}

#[test]
fn ch20_shows_what_is_under_way() {
    assert_snapshot!(Chapter::new("ch20-streams").prove());
}

#[test]
fn ch21_ends_connections_that_guess() {
    assert_snapshot!(Chapter::new("ch21-floods").prove());
}
