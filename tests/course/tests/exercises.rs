//! For each exercise: the chapter as it stands does not pass, the solution does
//! and still does what the chapter does, and a plausible wrong answer does not.

mod programs;

use std::fs;
use std::path::Path;
use std::thread;

use assert_cmd::Command;
use insta::assert_snapshot;
use programs::program;

const WRONG: &str = env!("CARGO_BIN_EXE_wrong");

/// What the command says, with its exit code first.
fn check(arguments: &[&str]) -> String {
    let scores = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_course"))
        .arg("check")
        .args(arguments)
        .env("CARGO_TARGET_DIR", scores.path())
        .output()
        .expect("the course runs");
    format!(
        "exit code {}\n{}{}",
        output.status.code().expect("an exit code"),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn every_chapter_has_an_exercise_with_three_hints() {
    let chapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chapters");
    let names = fs::read_dir(chapters).expect("the chapters are read");
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

/// More wrong answers, each to the exercise of the chapter that its name begins
/// with.
#[test]
fn plausible_answers_that_are_wrong() {
    let answers = [
        ("ch01-silent", "Connection from [address]"),
        ("ch01-question-mark", "ended"),
        ("ch01-line-feed", "LF alone, and not in CRLF"),
        (
            "ch03-characters",
            "Content-Length is 73, and the body has 74 bytes",
        ),
        (
            "ch03-written-down",
            "Content-Length is 74, and the body has 76 bytes",
        ),
        ("ch05a", "the answer to HEAD has no body"),
        ("ch12", "the status code is 303, expected 429"),
        ("ch12-reads", "the status code is 429, expected 303"),
        ("ch14", "the status code is 304, expected 200"),
        ("ch14-vary", "the field Vary is missing"),
        ("ch14-zero", "Content-Encoding is \"gzip\", expected none"),
        (
            "ch09",
            "Set-Cookie is \"name=Ada; Domain=example.org; Path=/hello; Path=/;",
        ),
        ("ch09-unescaped", "the body is another than expected"),
        ("ch10-anew", "the body is another than expected"),
        ("ch10-asked", "the body is another than expected"),
        ("ch11-one-short", "the trailer Sum is \"3\", expected \"6\""),
        ("ch11-in-the-head", "the trailer Sum is missing"),
        #[cfg(unix)]
        ("ch13-lines", "FAILED line ends, tabs and signs come back"),
        ("ch16-where", "the field Location is missing"),
        ("ch16-all", "the status code is 202, expected 503"),
        ("ch15-zero", "FAILED so is one that fails in another way"),
        (
            "ch15-worker",
            "FAILED the server knows how much it has answered",
        ),
        (
            "ch17-plain",
            "Strict-Transport-Security came over plain HTTP",
        ),
    ];
    let is_refused = |(mode, problem): (&str, &str)| {
        let (chapter, _) = mode.split_at_checked(4).expect("a chapter's name");
        let chapter = if mode == "ch05a" { mode } else { chapter };
        let said = check(&[chapter, "--exercise", "--", WRONG, mode, "127.0.0.1:0"]);
        assert!(said.starts_with("exit code 1\n"), "{mode}: {said}");
        // Long sentences are wrapped.
        let said: Vec<&str> = said.split_whitespace().collect();
        assert!(said.join(" ").contains(problem), "{mode}: {said:?}");
    };
    // At once, as most of what they do is to wait.
    thread::scope(|scope| {
        for answer in answers {
            scope.spawn(move || is_refused(answer));
        }
    });
}

/// The name of a chapter's crate, and how it is called for short.
struct Chapter {
    name: &'static str,
    short_name: &'static str,
}

impl Chapter {
    fn new(name: &'static str) -> Self {
        let (short_name, _) = name.split_once('-').expect("a name after the number");
        Self { name, short_name }
    }

    /// What the checks of the exercise say of the chapter as it stands.
    fn prove(&self, keeps_the_chapters_checks: bool) -> String {
        let chapter = program(self.name);
        let solution = program(&format!("{}-solution", self.short_name));
        let address = "127.0.0.1:0";

        let solved = check(&[self.name, "--exercise", "--", &solution, address]);
        assert!(solved.starts_with("exit code 0\n"), "{solved}");
        let kept = check(&[self.name, "--", &solution, address]);
        assert_eq!(
            kept.starts_with("exit code 0\n"),
            keeps_the_chapters_checks,
            "{kept}"
        );
        let wrong = check(&[
            self.name,
            "--exercise",
            "--",
            WRONG,
            self.short_name,
            address,
        ]);
        assert!(wrong.starts_with("exit code 1\n"), "{wrong}");

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
    assert_snapshot!(Chapter::new("ch01-socket").prove(false));
}

#[test]
fn ch02_numbers_the_requests() {
    assert_snapshot!(Chapter::new("ch02-logging").prove(false));
}

#[test]
fn ch03_announces_the_length() {
    assert_snapshot!(Chapter::new("ch03-response").prove(false));
}

#[test]
fn ch04_greets_by_name() {
    assert_snapshot!(Chapter::new("ch04-routing").prove(true));
}

#[test]
fn ch05a_refuses_methods() {
    assert_snapshot!(Chapter::new("ch05a-status").prove(true));
}

#[test]
fn ch05b_has_eight_places() {
    assert_snapshot!(Chapter::new("ch05b-threads").prove(true));
}

#[test]
fn ch06_reads_a_form() {
    assert_snapshot!(Chapter::new("ch06-post").prove(false));
}

#[test]
fn ch07_sends_what_has_changed() {
    assert_snapshot!(Chapter::new("ch07-static").prove(true));
}

#[test]
fn ch08_greets_often() {
    assert_snapshot!(Chapter::new("ch08-query").prove(true));
}

#[test]
fn ch09_knows_who_comes_back() {
    assert_snapshot!(Chapter::new("ch09-site").prove(true));
}

#[test]
fn ch10_counts_the_requests_of_a_connection() {
    assert_snapshot!(Chapter::new("ch10-keepalive").prove(true));
}

#[test]
fn ch11_sums_in_a_trailer() {
    assert_snapshot!(Chapter::new("ch11-chunked").prove(true));
}

#[test]
fn ch13_keeps_the_guestbook() {
    assert_snapshot!(Chapter::new("ch13-stop").prove(true));
}

#[test]
fn ch17_wants_no_plain_http_any_more() {
    assert_snapshot!(Chapter::new("ch17-tls").prove(true));
}

#[test]
fn ch12_asks_who_signs_too_often_to_wait() {
    assert_snapshot!(Chapter::new("ch12-limits").prove(true));
}

#[test]
fn ch14_sends_two_forms() {
    assert_snapshot!(Chapter::new("ch14-caching").prove(true));
}

#[test]
fn ch15_answers_for_an_answer_that_fails() {
    assert_snapshot!(Chapter::new("ch15-pool").prove(true));
}

#[test]
fn ch16_counts_elsewhere() {
    assert_snapshot!(Chapter::new("ch16-events").prove(true));
}
