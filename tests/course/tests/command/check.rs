//! What `cargo course check` says of our own servers, and of broken ones.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread;

use crate::course::text;
use crate::programs::program;
use assert_cmd::Command;
use harness::transcript::without_date_of_log;
use insta::assert_snapshot;
use tempfile::TempDir;

const BROKEN: &str = env!("CARGO_BIN_EXE_broken");

/// The command, with a folder of its own for the scores that it keeps.
struct Course {
    target: TempDir,
}

impl Course {
    fn new() -> Self {
        Self {
            target: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_course"));
        command
            .args(arguments)
            .env("CARGO_TARGET_DIR", self.target.path());
        command
    }

    /// What the command prints, with its exit code first and ports replaced.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the course runs");
        let text = text(&output);
        hide(&text)
    }
}

fn hide(text: &str) -> String {
    let mut hidden = String::new();
    // Windows calls it a code.
    let text = text.replace("(exit code: ", "(exit status: ");
    for (number, part) in text
        .replace(BROKEN, "broken")
        .split("127.0.0.1:")
        .enumerate()
    {
        if number > 0 {
            hidden += "127.0.0.1:[port]";
        }
        hidden += if number > 0 {
            part.trim_start_matches(|c: char| c.is_ascii_digit())
        } else {
            part
        };
    }
    hidden
}

/// Checks the server that is broken in that way.
fn check_broken(chapter: &str, mode: &str, options: &[&str]) -> String {
    let mut arguments = vec!["check", chapter];
    arguments.extend(options);
    arguments.extend(["--", BROKEN, mode, "127.0.0.1:0"]);
    Course::new().run(&arguments)
}

/// What a command prints on standard output, with its exit code first.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("the course runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code().expect("an exit code");
    format!("exit code {code}\n{text}")
}

/// A chapter's own binary is built by cargo in the workspace's target folder.
fn check_own(chapter: &str, options: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_course"));
    said(command.args(["check", chapter]).args(options))
}

/// Our own servers pass all there is, and nothing is noted.
fn pass_strictly(chapters: &[&str]) {
    thread::scope(|scope| {
        for chapter in chapters {
            scope.spawn(move || {
                let server = program(chapter);
                let mut arguments = vec!["check", chapter, "--strict", "--"];
                if cfg!(unix) {
                    // On a busy machine the check may be slow to send what the server
                    // lingers for.
                    arguments.extend([
                        "sh",
                        "-c",
                        "LIMITS=\"linger=30 $LIMITS\" exec \"$0\" \"$@\"",
                    ]);
                }
                arguments.extend([&server, "127.0.0.1:0"]);
                let strict = said(&mut Course::new().command(&arguments));
                assert!(strict.starts_with("exit code 0\n"), "{strict}");
                assert!(strict.ends_with(" passed, 0 failed\n"), "{strict}");
                assert!(!strict.contains("note"), "{strict}");
            });
        }
    });
}

#[test]
fn our_own_servers_pass_all_there_is() {
    pass_strictly(&[
        "ch01-socket",
        "ch02-logging",
        "ch03-response",
        "ch04-routing",
        "ch05a-status",
        "ch05b-threads",
        "ch06-post",
        "ch07-static",
        "ch08-query",
        "ch09-site",
        "ch18-frames",
    ]);
}

/// The checks of chapters 16 and 17 are those of part two before them too, which each of
/// these chapters plays in its own tests; those of 17 and 20 go over TLS.
#[test]
#[ignore = "plays a thousand exchanges, some of them over TLS"]
fn our_own_servers_of_the_later_parts_pass_all_there_is() {
    pass_strictly(&["ch15-pool", "ch17-tls", "ch19-hpack", "ch20-streams"]);
}

#[test]
fn own_routing() {
    assert_snapshot!(check_own("ch04-routing", &[]));
}

#[test]
fn own_threads_as_json() {
    assert_snapshot!(check_own("5b", &["--json"]));
}

#[test]
fn closed_without_an_answer() {
    assert_snapshot!(check_broken(
        "3",
        "closed-without-an-answer",
        &["--only", "page"]
    ));
}

#[test]
fn line_feeds_only() {
    assert_snapshot!(check_broken("3", "line-feeds-only", &["--only", "page"]));
}

#[test]
fn line_feeds_only_strictly() {
    assert_snapshot!(check_broken(
        "3",
        "line-feeds-only",
        &["--only", "page", "--strict"]
    ));
}

#[test]
fn line_feeds_only_as_json() {
    assert_snapshot!(check_broken(
        "3",
        "line-feeds-only",
        &["--only", "page", "--json"]
    ));
}

#[test]
fn no_blank_line() {
    assert_snapshot!(check_broken("3", "no-blank-line", &["--only", "page"]));
}

#[test]
fn no_status_line() {
    assert_snapshot!(check_broken("3", "no-status-line", &["--only", "page"]));
}

#[test]
fn wrong_status() {
    assert_snapshot!(check_broken("3", "wrong-status", &["--only", "page"]));
}

#[test]
fn wrong_page() {
    assert_snapshot!(check_broken("3", "wrong-page", &["--only", "page"]));
}

#[test]
fn wrong_type() {
    assert_snapshot!(check_broken("3", "wrong-type", &["--only", "page"]));
}

#[test]
fn no_type() {
    assert_snapshot!(check_broken("3", "no-type", &["--only", "page"]));
}

/// It is given up after two checks.
#[test]
fn never_answers() {
    assert_snapshot!(check_broken("3", "never-answers", &[]));
}

#[test]
fn never_closes() {
    assert_snapshot!(check_broken("3", "never-closes", &["--only", "page"]));
}

/// It is started again for the check after the one that it died of.
#[test]
fn dies_at_the_second_request() {
    assert_snapshot!(check_broken("4", "dies-at-the-second-request", &["--all"]));
}

#[test]
fn dies_on_an_empty_request() {
    let options = &["--only", "d3_nothing_sent_is_closed", "--strict"];
    assert_snapshot!(check_broken("4", "dies-on-empty", options));
}

#[test]
fn serves_one_at_a_time() {
    let name = "the_newest_of_several_connections_is_answered_first";
    assert_snapshot!(check_broken("5b", "one-at-a-time", &["--only", name]));
}

#[test]
fn echoes_unescaped() {
    let options = &["--only", "d4_markup_is_escaped", "--strict"];
    assert_snapshot!(check_broken("6", "echoes-unescaped", options));
}

#[test]
fn leaves_dots_open() {
    let options = &["--only", "d6_dot_segments", "--strict"];
    assert_snapshot!(check_broken("7", "leaves-dots-open", options));
}

#[test]
fn reads_one_segment() {
    let options = &["--only", "d5_a_body_in_pieces", "--strict"];
    assert_snapshot!(check_broken("6", "reads-one-segment", options));
}

/// What is wrong and what to try, of a check of a right server of which something comes
/// out wrong, or of one of another chapter.
fn words_on(chapter: &str, fault: &str, only: &str, server: &str) -> String {
    let server = program(server);
    let mut arguments = vec!["check", chapter, "--only", only, "--"];
    let mode = format!("relay-{fault}");
    match fault {
        "itself" => arguments.extend([&*server, "127.0.0.1:0"]),
        _ => arguments.extend([BROKEN, &mode, "127.0.0.1:0", &server]),
    }
    let said = Course::new().run(&arguments).replace(&server, "server");
    let (_, words) = said.split_once("  what is wrong\n").unwrap_or(("", &said));
    let (words, _) = words.split_once("\n\n").unwrap_or((words, ""));
    let words: Vec<String> = words.lines().map(without_date_of_log).collect();
    format!("{chapter}, {fault}, {only}\n{}\n", words.join("\n"))
}

/// Each of these was told something else than what happened.
#[test]
fn what_was_seen_is_said() {
    let cases = [
        ("10", "itself", "one_request_after_another", "ch09-site"),
        (
            "10",
            "closes-a-moment-later",
            "http_1_0_keep_alive",
            "ch10-keepalive",
        ),
        (
            "12",
            "closes-a-moment-later",
            "the_last_place",
            "ch12-limits",
        ),
        ("11", "no-last-chunk", "numbers", "ch11-chunked"),
        (
            "14",
            "content-behind-304",
            "asked_once_more",
            "ch14-caching",
        ),
        (
            "14",
            "tag-without-quotation-marks",
            "asked_once_more",
            "ch14-caching",
        ),
        ("9", "unescaped", "guestbook_escaped", "ch09-site"),
        ("9", "escaped-twice", "guestbook_escaped", "ch09-site"),
        ("9", "in-latin-1", "guestbook_escaped", "ch09-site"),
        ("9", "read-as-latin-1", "guestbook_escaped", "ch09-site"),
        ("9", "keeps-plus", "query", "ch09-site"),
        (
            "12",
            "another-status-in-the-log",
            "access_log",
            "ch12-limits",
        ),
        ("9", "itself", "query", "ch08-query"),
        ("3", "itself", "d1_lines_end_in_crlf", "ch02-logging"),
    ];
    program("ch09-site");
    let said: Vec<String> = thread::scope(|scope| {
        let checks = cases.map(|(chapter, fault, only, server)| {
            scope.spawn(move || words_on(chapter, fault, only, server))
        });
        let said = checks.map(|check| check.join().expect("it ends"));
        said.into()
    });
    assert_snapshot!(said.join("\n"));
}

/// One handshake shows it, and nobody waits for each check.
#[test]
fn there_is_no_tls() {
    let modes = [
        "never-answers",
        "right",
        "reads-once",
        "hangs-up",
        "speaks-an-old-tls",
    ];
    // At once, as most of what they do is to wait.
    let said: Vec<String> = thread::scope(|scope| {
        let checks = modes.map(|mode| scope.spawn(move || check_broken("17", mode, &[])));
        checks
            .into_iter()
            .zip(modes)
            .map(|(check, mode)| format!("{mode}: {}", check.join().expect("it ends")))
            .collect()
    });
    assert_snapshot!(said.join("\n"));
}

/// Each of these was taken for right once.
#[test]
fn what_only_looks_right_is_refused() {
    let cases = [
        (
            "1",
            "prints-another-first-line",
            "prints_where_clients_come_from",
            "Listening on port [port]...",
        ),
        (
            "2",
            "prints-nothing",
            "request",
            "expected \"Request received:\"",
        ),
        (
            "3",
            "reads-once",
            "d2_a_head_is_read_to_its_blank_line",
            "the server answered when 1 of the",
        ),
        (
            "3",
            "says-close-and-holds",
            "page",
            "says that the connection closes",
        ),
        (
            "3",
            "garbage-behind-the-body",
            "page",
            "7 bytes more came behind the 48 bytes that Content-Length announces",
        ),
        (
            "3",
            "no-space",
            "page",
            "a space is missing behind the status code",
        ),
        (
            "3",
            "ends-after-one",
            "page",
            "Is the loop around accept missing",
        ),
        (
            "6",
            "field-names-by-case",
            "a_field_name_in_small_letters",
            "the body is another than expected",
        ),
    ];
    let refused = |(chapter, mode, name, problem): (&str, &str, &str, &str)| {
        let options = &["--only", name];
        let said = check_broken(chapter, mode, options);
        assert!(said.starts_with("exit code 1\n"), "{mode}: {said}");
        let said: Vec<&str> = said.split_whitespace().collect();
        assert!(said.join(" ").contains(problem), "{mode}: {said:?}");
    };
    // At once, as most of what they do is to wait.
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || refused(case));
        }
    });
}

/// A connection that stays open and a body in chunks are as right as ours.
/// Chapter 12 does all that chapter 13 does, but stop.
#[test]
#[cfg(unix)]
fn ends_at_the_signal() {
    let server = program("ch12-limits");
    let only = ["check", "13", "--only", "a_request_under_way", "--"];
    let said = Course::new().run(&[&only[..], &[&server, "127.0.0.1:0"]].concat());
    assert!(said.starts_with("exit code 1\n"), "{said}");
    assert!(said.contains("(and the server was told to stop)"), "{said}");
    assert!(
        said.contains("On SIGTERM, let nobody in any more"),
        "{said}"
    );
}

/// A program that reads the results sees what it does not know of.
#[test]
fn what_was_not_played_has_a_mark_of_its_own() {
    let said = check_broken("3", "never-answers", &["--json"]);
    let lines: Vec<serde_json::Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(serde_json::Value::is_object)
        .collect();
    let count = |passed: serde_json::Value| {
        let is_so = |line: &&serde_json::Value| line["passed"] == passed;
        lines.iter().filter(is_so).count()
    };
    assert_eq!((count(false.into()), count(true.into())), (2, 0), "{said}");
    assert_eq!(count(serde_json::Value::Null), 7, "{said}");
    let note = "not played: the server does not answer";
    assert!(lines[2..].iter().all(|line| line["note"] == note), "{said}");
}

#[test]
fn what_is_done_in_another_way_passes() {
    for mode in ["right-persistent", "right-persistent-and-chunked"] {
        let said = check_broken("3", mode, &["--only", "page"]);
        assert!(said.starts_with("exit code 0\n"), "{mode}: {said}");
    }
}

/// The same site on an HTTP that others wrote does what the RFCs demand; so no check
/// of ours in that group asks for a habit of ours.
#[test]
#[ignore = "waits for the limits that these servers have by themselves"]
fn the_site_in_other_languages_passes_what_decides() {
    for (language, file) in [("node", "site.js"), ("python3", "site.py")] {
        let version = std::process::Command::new(language)
            .arg("--version")
            .output();
        if !version.is_ok_and(|output| output.status.success()) {
            println!("skipped: {language} is not installed");
            continue;
        }
        let server = format!("{}/servers/{file}", env!("CARGO_MANIFEST_DIR"));
        let arguments = ["check", "9", "--", language, &server, "127.0.0.1:0"];
        let said = Course::new().run(&arguments);
        assert!(said.starts_with("exit code 0\n"), "{language}: {said}");
    }
}

#[test]
fn prints_no_port() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let text = Course::new().run(&[
        "check",
        "3",
        "--only",
        "page",
        "--port",
        &port.to_string(),
        "--",
        BROKEN,
        "prints-no-port",
        &address,
    ]);
    assert_snapshot!(text);
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound port").port()
}

#[test]
fn a_running_server() {
    let mut server = std::process::Command::new(BROKEN)
        .args(["right", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the server starts");
    // It is asked for its port: one that was free a moment ago may be another
    // test's by now.
    let mut first_line = String::new();
    let output = server.stdout.take().expect("stdout is piped");
    BufReader::new(output)
        .read_line(&mut first_line)
        .expect("a line");
    let port: String = first_line.chars().filter(char::is_ascii_digit).collect();
    let address = format!("127.0.0.1:{port}");
    let text = Course::new().run(&["check", "3", &address]);
    server
        .kill()
        .and_then(|()| server.wait())
        .expect("the server is stopped");
    assert_snapshot!(text);
}

#[test]
fn what_cannot_be_checked_is_said_in_one_sentence() {
    let course = Course::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("a bound port").port().to_string();
    let refused = format!("127.0.0.1:{}", free_port());
    let sentences = [
        course.run(&["check", "99"]),
        course.run(&["check", "3", "--only", "nonsense"]),
        course.run(&["check", "3", "nonsense"]),
        course.run(&["check", "3", &refused]),
        course
            .run(&["check", "3", "--port", &taken, "--", "no-such-command"])
            .replace(&taken, "[port]"),
        course.run(&["check", "2", "--exercise", &refused]),
        course.run(&["diff", "1"]),
        course.run(&["diff", "3", "ch99"]),
    ];
    let sentences = sentences.map(|said| match said.split_once("the chapters are 1, 2,") {
        // Each new chapter would be a new list.
        Some((before, _)) => format!("{before}the chapters are 1, 2, [...]\n"),
        None => said,
    });
    assert_snapshot!(sentences.join("\n"));

    // Here each system has words of its own.
    let sentence = course.run(&["check", "3", "--", "no-such-command"]);
    assert!(sentence.starts_with("exit code 1\nError: cannot start `no-such-command`: "));
    assert_eq!(sentence.lines().count(), 2, "{sentence}");
}

#[test]
fn the_scores_are_kept_for_the_list() {
    let course = Course::new();
    let before = course.run(&["list"]);
    assert!(!before.contains("passed"), "{before}");
    course.run(&["check", "3", "--", BROKEN, "right", "127.0.0.1:0"]);
    let after = course.run(&[]);
    let passed = "your checks: 2 of 2 passed, robust 7 of 7 (another server than my-server)";
    assert!(after.contains(passed), "{after}");
    assert!(after.contains("cargo course check 4\n"), "{after}");
    // The best stays.
    course.run(&["check", "3", "--", BROKEN, "wrong-page", "127.0.0.1:0"]);
    assert_eq!(course.run(&["list"]), after);
    // What is called so is the learner's, and another server's best does not hide it.
    let link = course.target.path().join("my-server");
    fs::copy(BROKEN, &link).expect("a copy");
    let mine = link.to_string_lossy();
    course.run(&["check", "3", "--", &mine, "wrong-page", "127.0.0.1:0"]);
    let mine = course.run(&["list"]);
    assert!(mine.contains("your checks: 0 of 2 passed"), "{mine}");
    fs::write(course.target.path().join("course-results.json"), "nonsense").expect("a write");
    assert_eq!(course.run(&["list"]), before);
}

/// It is found by what it does, and said where, after a second.
#[test]
fn never_listens_where_it_is_expected() {
    let (expected, other) = (free_port().to_string(), free_port());
    let text = Course::new().run(&[
        "check",
        "3",
        "--start-timeout",
        "1",
        "--port",
        &expected,
        "--",
        BROKEN,
        "prints-no-port",
        &format!("127.0.0.1:{other}"),
    ]);
    assert!(text.starts_with("exit code 1\n"), "{text}");
    assert!(
        text.contains("Waiting for `broken prints-no-port"),
        "{text}"
    );
    assert!(
        text.contains("since then something listens on 127.0.0.1:[port]"),
        "{text}"
    );
}

/// Its port is one that nobody would guess, so it is found by what it says.
#[test]
fn a_port_is_named_in_other_ways() {
    for mode in [
        "names-its-port-without-dots",
        "names-its-port-without-an-end",
        "names-its-port-as-an-error",
    ] {
        let options = &["--only", "page", "--start-timeout", "5"];
        let said = check_broken("3", mode, options);
        assert!(said.starts_with("exit code 0\n"), "{mode}: {said}");
    }
}

/// The clock has an end, and nobody waits for it.
#[test]
fn a_time_beyond_all_clocks_is_wrong_usage() {
    let most = u64::MAX.to_string();
    for arguments in [
        &[
            "check",
            "3",
            "--start-timeout",
            &most,
            "--",
            BROKEN,
            "right",
            "127.0.0.1:0",
        ][..],
        &["probe", "--patience", &most, "127.0.0.1:1"],
        &["probe", "--pause", &most, "127.0.0.1:1"],
        &["class", "3", ".", "--limit", &most],
        &["class", "3", ".", "--start-timeout", &most],
    ] {
        let said = Course::new().run(arguments);
        assert!(said.starts_with("exit code 2\n"), "{said}");
        assert!(said.contains("is not in "), "{said}");
    }
}

#[test]
fn listens_on_ipv6_alone() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("skipped: this machine has no IPv6");
        return;
    };
    let port = listener.local_addr().expect("a bound port").port();
    drop(listener);
    for mode in ["right", "prints-no-port"] {
        let (port, address) = (port.to_string(), format!("[::1]:{port}"));
        let arguments = [
            "check", "3", "--only", "page", "--port", &port, "--", BROKEN, mode, &address,
        ];
        let text = Course::new().run(&arguments);
        assert!(text.starts_with("exit code 0\n"), "{text}");
    }
}

/// Nobody can be told any more, and nothing goes on.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_it_quietly() {
    for arguments in [
        &["list"][..],
        &["check", "3", "--", BROKEN, "right", "127.0.0.1:0"],
    ] {
        let full = fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("a full disk");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_course"))
            .args(arguments)
            .stdout(full)
            .output()
            .expect("the course runs");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn colours_are_for_those_who_ask() {
    let course = Course::new();
    let is_coloured = |arguments: &[&str], no_color: Option<&str>| {
        let mut command = course.command(arguments);
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let output = command.output().expect("the course runs").stdout;
        output.contains(&b'\x1b')
    };
    assert!(!is_coloured(&["list"], None), "a pipe gets none");
    assert!(!is_coloured(&["list"], Some("1")));
    assert!(is_coloured(&["list", "--color", "always"], None));
    assert!(is_coloured(&["list", "--color", "always"], Some("1")));
    assert!(!is_coloured(&["list", "--color", "never"], None));
}

#[test]
fn help() {
    let course = Course::new();
    assert_snapshot!(course.run(&["check", "--help"]));
}

/// Neither the server nor the servers that it started outlive the course.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_server() {
    use std::net::TcpStream;
    use std::process::{self, Stdio};

    use harness::clients::wait_until;

    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let script = format!("{} never-answers {address}; true", BROKEN);
    let mut course = process::Command::new(env!("CARGO_BIN_EXE_course"))
        .args([
            "check",
            "3",
            "--port",
            &port.to_string(),
            "--",
            "sh",
            "-c",
            &script,
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the course starts");
    wait_until("it listens", || TcpStream::connect(&address).is_ok());
    let interrupted = process::Command::new("kill")
        .args(["-INT", &course.id().to_string()])
        .status();
    assert!(interrupted.expect("kill runs").success());
    assert_eq!(course.wait().expect("the course ends").code(), Some(130));
    wait_until("it is gone", || TcpStream::connect(&address).is_err());
}

/// Nor does what it started in a session of its own, whether it has kept its environment
/// or not.
#[cfg(target_os = "linux")]
#[test]
fn a_daemon_that_the_server_leaves_behind_is_ended() {
    use std::io::Read;

    for mode in ["leaves-a-daemon", "leaves-a-daemon-without-a-name"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let told = listener.local_addr().expect("a bound port").to_string();
        let said = Course::new().run(&[
            "check",
            "3",
            "--only",
            "page",
            "--",
            BROKEN,
            mode,
            "127.0.0.1:0",
            &told,
        ]);
        assert!(said.starts_with("exit code 0\n"), "{said}");
        let named = "these still ran, and were ended:\n    broken daemon 127.0.0.1:[port]\n";
        assert!(said.contains(named), "{said}");
        let (mut daemon, _) = listener.accept().expect("it has lived");
        daemon
            .set_read_timeout(Some(harness::play::PATIENCE))
            .expect("a limit");
        daemon.read_to_end(&mut Vec::new()).expect("it is gone");
    }
}

/// What was sent, what came and what was expected stand there in frames.
#[test]
fn a_mistake_in_frames_is_explained() {
    let mistaken = env!("CARGO_BIN_EXE_mistaken");
    let mut arguments = vec!["check", "19", "--only", "unknown_types_are_ignored"];
    arguments.extend(["--", mistaken, "19", "unknown-types-refused", "127.0.0.1:0"]);
    assert_snapshot!(Course::new().run(&arguments).replace(mistaken, "mistaken"));
}
