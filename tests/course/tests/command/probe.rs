//! What `cargo course probe` finds in a right server, and in ones with a single fault.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{str, thread};

use crate::course::{problems_of, text};
use crate::programs::program;
use insta::assert_snapshot;
use serde_json::Value;

/// How many servers are probed at once: a probe rests most of the time.
const AT_ONCE: usize = 32;

/// A server that is probed. It is stopped when this is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// One with a fault, or a right one.
    fn start(fault: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probed"));
        command.args([fault, "127.0.0.1:0"]);
        Self::spawn(command)
    }

    /// The same, but it speaks TLS, and writes its certificate to that file.
    fn start_sealed(fault: &str, certificate: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probed"));
        command.args([fault, "127.0.0.1:0"]).arg(certificate);
        Self::spawn(command).sealed()
    }

    /// A chapter.
    fn start_chapter(name: &str) -> Self {
        let mut command = Command::new(program(name));
        command.arg("127.0.0.1:0").stderr(Stdio::null());
        Self::spawn(command)
    }

    /// A chapter that speaks TLS, without it.
    fn start_plain(name: &str) -> Self {
        let mut command = Command::new(program(name));
        let arguments = ["--plain", "127.0.0.1:0"];
        command.args(arguments).stderr(Stdio::null());
        Self::spawn(command)
    }

    /// The same server, asked over TLS.
    fn sealed(mut self) -> Self {
        self.address = format!("https://{}", self.address);
        self
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let output = child.stdout.take().expect("the output is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("a first line");
        let port: String = line.chars().filter(char::is_ascii_digit).collect();
        Self {
            child,
            address: format!("127.0.0.1:{port}"),
        }
    }

    fn probe(&self, options: &[&str]) -> Output {
        course(&[&["probe", &self.address], options].concat())
    }

    /// What the probe prints, with its exit code first, and ports and the time replaced.
    fn report(&self, options: &[&str]) -> String {
        let port = self.address.split(':').next_back().expect("a port");
        let mut report = String::new();
        for line in text(&self.probe(options)).lines() {
            match line.split_once("< Date: ") {
                Some((indent, _)) => report += &format!("{indent}< Date: [date]\\r\\n\n"),
                None => report += &format!("{line}\n"),
            }
        }
        report.replace(port, "[port]")
    }

    /// The names of the cases in which the server departs, and of those skipped.
    fn found(&self, options: &[&str]) -> (Vec<String>, Vec<String>) {
        let output = self.probe(&[options, &["--json"]].concat());
        let lines = str::from_utf8(&output.stdout).expect("UTF-8").lines();
        let outcomes: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let names = |result: &str| {
            let has_it = |outcome: &&Value| outcome["result"] == result;
            let name = |outcome: &Value| outcome["name"].as_str().unwrap_or_default().to_owned();
            outcomes.iter().filter(has_it).map(name).collect()
        };
        (names("departs"), names("skipped"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn course(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_course"))
        .args(arguments)
        .output()
        .expect("the course runs")
}

#[test]
fn a_right_server_departs_from_nothing_and_nothing_is_skipped() {
    let server = Server::start("right");
    let (departs, skipped) = server.found(&[]);
    assert_eq!(departs, [""; 0]);
    assert_eq!(skipped, [""; 0]);
}

/// A fault, and the cases that find it.
type Fault = (&'static str, &'static [&'static str]);

/// Each fault, and the cases that are meant for it, in the order of the probe.
const FAULTS: [Fault; 49] = [
    (
        "no-absolute-form",
        &[
            "absolute-form",
            "absolute-form-of-head",
            "absolute-form-with-a-query",
            "absolute-form-without-a-path",
            "absolute-form-counts",
            "absolute-form-in-capitals",
        ],
    ),
    ("scheme-by-case", &["absolute-form-in-capitals"]),
    (
        "no-empty-lines",
        &[
            "empty-line-first",
            "empty-line-between",
            "empty-line-behind-a-body",
        ],
    ),
    ("431-for-a-target", &["target-too-long"]),
    (
        "no-host",
        &[
            "host-missing",
            "host-missing-with-absolute-form",
            "host-missing-in-options",
        ],
    ),
    (
        "two-hosts",
        &[
            "host-twice",
            "host-twice-and-different",
            "host-twice-and-apart",
            "host-twice-in-1-0",
        ],
    ),
    ("user-in-host", &["host-with-a-user"]),
    (
        "space-before-a-colon",
        &[
            "space-before-the-colon",
            "tab-before-the-colon",
            "space-before-the-colon-of-host",
            "space-before-the-colon-of-length",
        ],
    ),
    ("space-before-a-field", &["space-before-the-only-host"]),
    (
        "carriage-return-ends-a-line",
        &[
            "carriage-return-for-a-line",
            "carriage-return-after-the-request-line",
        ],
    ),
    (
        "plus-in-a-length",
        &["length-with-a-plus", "smuggled-past-a-plus"],
    ),
    (
        "first-length",
        &[
            "lengths-that-differ",
            "smuggled-between-two-lengths",
            "smuggled-between-two-lengths-turned-round",
        ],
    ),
    ("length-wraps", &["length-beyond-64-bits"]),
    (
        "404-leaves-its-body",
        &[
            "missing-with-a-body",
            "smuggled-in-a-body-for-nobody",
            "smuggled-in-chunks-for-nobody",
        ],
    ),
    ("coding-by-case", &["chunked-in-capitals"]),
    ("coding-by-its-end", &["coding-almost-chunked"]),
    (
        "no-chunk-extensions",
        &[
            "chunk-extension",
            "chunk-extension-without-a-value",
            "chunk-extension-in-quotation-marks",
            "chunk-extension-of-the-last",
            "chunk-extension-behind-a-space",
            "chunks-byte-by-byte",
        ],
    ),
    (
        "chunk-size-wraps",
        &["chunk-size-beyond-64-bits", "smuggled-behind-a-wide-chunk"],
    ),
    ("prefix-of-a-chunk-size", &["chunk-size-with-a-prefix"]),
    ("any-end-of-a-chunk", &["chunk-that-ends-in-any-two-bytes"]),
    (
        "length-beside-chunks",
        &[
            "smuggled-behind-the-chunks",
            "smuggled-behind-the-chunks-turned-round",
            "smuggled-in-a-chunk",
            "length-and-chunks-that-agree",
            "smuggled-behind-a-length-of-zero",
        ],
    ),
    ("404-with-a-body-to-head", &["head-of-nothing"]),
    ("method-by-no-case", &["method-in-small-letters"]),
    (
        "unknown-method-is-get",
        &[
            "method-too-long",
            "unknown-method",
            "unknown-method-of-signs",
            "method-in-small-letters",
            "method-with-letters-behind",
        ],
    ),
    ("no-allow", &["refused-method", "refused-method-and-get"]),
    ("allow-without-get", &["refused-method-and-get"]),
    ("expect-by-case", &["expect-in-capitals"]),
    ("100-to-1-0", &["expect-in-1-0"]),
    (
        "close-by-whole-value",
        &[
            "close-in-capitals",
            "close-in-a-list",
            "close-in-a-second-line",
            "close-and-keep-alive",
        ],
    ),
    ("answers-behind-close", &["nothing-behind-close"]),
    ("unsaid-close", &["close-is-returned"]),
    ("keeps-1-0-open", &["http-1-0-closes"]),
    ("chunks-to-1-0", &["no-chunks-to-1-0"]),
    ("if-none-match-strongly", &["if-none-match-weakly"]),
    (
        "if-modified-since-counts",
        &["if-none-match-counts", "if-none-match-counts-too"],
    ),
    ("one-form-of-dates", &["if-modified-since-as-in-c"]),
    ("if-match-weakly", &["if-match-weakly"]),
    (
        "no-tag-with-304",
        &["not-modified-with-a-tag", "not-modified-with-the-rest"],
    ),
    ("last-bytes-by-one", &["range-of-the-last-bytes"]),
    ("206-without-a-range", &["range-is-described"]),
    (
        "416-without-a-length",
        &["range-behind-the-end-is-described"],
    ),
    ("ranges-of-head", &["range-of-head"]),
    ("if-range-weakly", &["if-range-weakly"]),
    ("no-date-with-404", &["date-with-404"]),
    ("date-in-another-form", &["date-is-a-date"]),
    ("version-as-asked", &["version-of-answers-to-1-0"]),
    ("length-with-204", &["no-length-with-204"]),
    ("length-0-with-304", &["length-with-304"]),
    (
        "no-second-space",
        &["status-line-of-a-page", "status-line-of-a-refusal"],
    ),
];

/// Checks that each fault is found by the cases meant for it, and by no others. Many servers
/// are probed at once. On a busy machine one of them may miss its time, so where it was found
/// otherwise it is probed once more, when nothing else runs.
fn all_are_found(faults: &[Fault], departs: impl Fn(&str) -> Vec<String> + Sync) {
    let otherwise = problems_of(faults, AT_ONCE, |&(fault, cases)| {
        (departs(fault) != cases).then_some((fault, cases))
    });
    for (fault, cases) in otherwise {
        assert_eq!(departs(fault), cases, "{fault}");
    }
}

#[test]
#[ignore = "plays all cases against many servers"]
fn each_fault_is_found() {
    all_are_found(&FAULTS, |fault| {
        let (departs, skipped) = Server::start(fault).found(&[]);
        assert_eq!(skipped, [""; 0], "{fault}");
        departs
    });
}

#[test]
fn a_departure_is_explained() {
    let server = Server::start("no-host");
    assert_snapshot!(server.report(&["--only", "host-missing"]));
}

#[test]
fn a_request_seen_where_none_is() {
    let server = Server::start("first-length");
    assert_snapshot!(server.report(&["--only", "smuggled-between-two-lengths"]));
}

#[test]
fn a_group_of_a_right_server() {
    let server = Server::start("right");
    assert_snapshot!(server.report(&["--group", "host"]));
}

#[test]
fn as_json() {
    let server = Server::start("no-host");
    assert_snapshot!(server.report(&["--only", "host-missing", "--json"]));
}

/// What is found of each of these servers, which are all probed at once.
fn of_each<T: Send, F: Send, const N: usize>(
    servers: [T; N],
    found: impl Fn(T) -> F + Sync,
) -> [F; N] {
    let found = &found;
    thread::scope(|scope| {
        let probed = servers.map(|server| scope.spawn(move || found(server)));
        probed.map(|probed| probed.join().expect("the probe has come to its end"))
    })
}

/// What each of our own servers departs from, as the book has it: chapter 9, and what
/// changes from chapter to chapter.
#[test]
#[ignore = "plays all cases against many servers"]
fn our_own_servers() {
    const CHAPTERS: [&str; 9] = [
        "ch09-site",
        "ch10-keepalive",
        "ch11-chunked",
        "ch12-limits",
        "ch13-stop",
        "ch14-caching",
        "ch15-pool",
        "ch16-events",
        "ch17-tls",
    ];
    let found = of_each(CHAPTERS, |chapter| {
        let server = Server::start_chapter(chapter);
        match chapter {
            "ch17-tls" => server.sealed().found(&[]).0,
            _ => server.found(&[]).0,
        }
    });
    let mut before: &[String] = &[];
    let mut changes = String::new();
    for (chapter, found) in CHAPTERS.iter().zip(&found) {
        changes += &format!("{chapter}: {}\n", found.len());
        for name in found.iter().filter(|name| !before.contains(name)) {
            changes += &format!("  + {name}\n");
        }
        for name in before.iter().filter(|name| !found.contains(name)) {
            changes += &format!("  - {name}\n");
        }
        before = found;
    }
    assert_snapshot!(changes);
}

/// A server of HTTP/2 that is right, or has one mistake.
fn start_in_frames(mistake: &str) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mistaken"));
    command.args(["19", mistake, "127.0.0.1:0"]);
    Server::spawn(command)
}

/// Mistakes of a server of HTTP/2, and the cases that find them.
const FAULTS_IN_FRAMES: [Fault; 52] = [
    ("none", &[]),
    ("right-dynamic-table", &[]),
    ("right-huffman", &[]),
    ("right-continuation", &[]),
    ("right-large-frames", &[]),
    ("right-window-and-ping", &[]),
    ("right-no-goaway", &["h2-goaway-before-the-end"]),
    (
        "goaway-and-open",
        &[
            "h2-closed-behind-goaway",
            "h2-closed-behind-goaway-of-a-length",
            "h2-closed-behind-goaway-of-a-block",
            "h2-nothing-behind-goaway",
        ],
    ),
    ("unknown-settings-refused", &["h2-unknown-setting"]),
    (
        "unknown-types-refused",
        &[
            "h2-unknown-type",
            "h2-unknown-type-on-a-stream",
            "h2-unknown-type-and-a-request",
            "h2-longest-frame",
        ],
    ),
    ("even-streams-taken", &["h2-even-stream"]),
    (
        "old-streams-opened",
        &[
            "h2-stream-going-back",
            "h2-stream-below-one-that-waits",
            "h2-stream-below-one-that-is-reset",
        ],
    ),
    ("data-behind-the-end-taken", &["h2-data-behind-the-end"]),
    ("capital-letters-taken", &["h2-capital-letters"]),
    (
        "pseudo-fields-anywhere",
        &["h2-pseudo-field-behind-a-field"],
    ),
    (
        "pseudo-fields-missing",
        &[
            "h2-no-scheme",
            "h2-two-methods",
            "h2-two-schemes",
            "h2-two-paths",
            "h2-two-authorities",
        ],
    ),
    (
        "pseudo-fields-unchecked",
        &["h2-unknown-pseudo-field", "h2-status-in-a-request"],
    ),
    ("any-te-taken", &["h2-te"]),
    ("any-host-taken", &["h2-host-that-differs"]),
    (
        "any-value-taken",
        &[
            "h2-line-feed-in-a-value",
            "h2-carriage-return-in-a-value",
            "h2-nul-in-a-value",
            "h2-space-around-a-value",
        ],
    ),
    (
        "connection-fields-taken",
        &[
            "h2-connection",
            "h2-keep-alive",
            "h2-proxy-connection",
            "h2-upgrade",
        ],
    ),
    (
        "body-of-head",
        &[
            "h2-head-needs-no-window",
            "h2-request-within-a-closed-window",
            "h2-head",
        ],
    ),
    (
        "increments-unchecked",
        &[
            "h2-increment-of-0",
            "h2-increment-of-0-on-a-stream",
            "h2-window-overflow",
            "h2-window-overflow-by-one",
            "h2-increment-of-0-with-the-reserved-bit",
            "h2-increment-of-0-for-a-body",
        ],
    ),
    (
        "idle-streams-ignored",
        &[
            "h2-data-on-an-idle-stream",
            "h2-window-update-of-an-idle-stream",
            "h2-reset-of-an-idle-stream",
            "h2-data-on-a-stream-of-the-server",
            "h2-window-update-of-a-stream-of-the-server",
            "h2-reset-of-a-stream-of-the-server",
            "h2-data-above-the-last-stream",
        ],
    ),
    (
        "lengths-unchecked",
        &[
            "h2-settings-of-five-bytes",
            "h2-closed-behind-goaway-of-a-length",
            "h2-ping-of-seven-bytes",
            "h2-goaway-of-seven-bytes",
            "h2-headers-too-short",
            "h2-reset-of-three-bytes",
            "h2-window-update-of-three-bytes",
            "h2-priority-of-four-bytes",
            "h2-data-that-is-too-much-padding",
            "h2-headers-that-are-too-much-padding",
        ],
    ),
    (
        "streams-unchecked",
        &[
            "h2-priority-on-no-stream",
            "h2-data-on-no-stream",
            "h2-reset-of-no-stream",
        ],
    ),
    (
        "blocks-interleaved",
        &[
            "h2-data-within-a-block",
            "h2-ping-within-a-block",
            "h2-unknown-type-within-a-block",
        ],
    ),
    (
        "broken-block-is-one-stream",
        &[
            "h2-closed-behind-goaway-of-a-block",
            "h2-index-0",
            "h2-index-beyond",
            "h2-name-beyond",
            "h2-table-beyond-the-limit",
            "h2-padding-too-long",
            "h2-padding-of-zeros",
            "h2-eos-in-a-string",
            "h2-integer-without-end",
            "h2-string-cut-off",
        ],
    ),
    ("any-length", &["h2-settings-too-long"]),
    (
        "any-setting",
        &[
            "h2-enable-push-of-2",
            "h2-window-above-all",
            "h2-frame-size-below-all",
            "h2-frame-size-above-all",
        ],
    ),
    (
        "no-ack",
        &[
            "h2-settings-acknowledged",
            "h2-settings-empty",
            "h2-settings-twice",
            "h2-unknown-setting",
            "h2-opening-byte-by-byte",
            "h2-ping-behind-goaway",
            "h2-window-by-settings",
            "h2-window-below-zero",
            "h2-window-by-settings-for-later-streams",
        ],
    ),
    (
        "beyond-the-window",
        &[
            "h2-get",
            "h2-nothing-behind-a-reset",
            "h2-request-on-a-closed-stream",
            "h2-too-many-streams",
            "h2-no-table-for-the-server",
            "h2-window-of-one-byte",
            "h2-window-that-opens",
            "h2-window-by-settings",
            "h2-window-below-zero",
            "h2-window-of-0",
            "h2-window-byte-by-byte",
            "h2-windows-of-two-streams",
            "h2-window-of-the-connection",
            "h2-settings-and-the-connection",
            "h2-window-by-settings-twice",
            "h2-window-by-settings-down-and-up",
            "h2-window-below-zero-by-settings",
            "h2-window-by-settings-for-later-streams",
            "h2-window-twice-in-settings",
            "h2-fields-need-no-window",
            "h2-request-within-a-closed-window",
            "h2-fields-of-an-answer",
            "h2-fields-of-404",
            "h2-post",
            "h2-trailers",
        ],
    ),
    (
        "connection-close",
        &[
            "h2-get",
            "h2-request-on-a-closed-stream",
            "h2-no-table-for-the-server",
            "h2-window-that-opens",
            "h2-window-by-settings",
            "h2-window-byte-by-byte",
            "h2-window-of-the-connection",
            "h2-head-needs-no-window",
            "h2-fields-of-an-answer",
            "h2-fields-of-404",
            "h2-head",
            "h2-options",
            "h2-post",
            "h2-trailers",
        ],
    ),
    (
        "table-out-of-step",
        &[
            "h2-get-in-turn",
            "h2-streams-skipped",
            "h2-reset-and-another-request",
            "h2-table-of-a-reset-stream",
            "h2-dynamic-table",
            "h2-size-updates",
            "h2-no-table-for-the-server",
            "h2-window-of-the-connection",
            "h2-fields-need-no-window",
            "h2-request-within-a-closed-window",
            "h2-bodies-in-turn",
        ],
    ),
    (
        "closed-streams-reopened",
        &[
            "h2-request-on-a-closed-stream",
            "h2-request-on-a-reset-stream",
        ],
    ),
    (
        "any-number-of-streams",
        &["h2-too-many-streams", "h2-too-many-bodies"],
    ),
    (
        "sends-behind-a-reset",
        &["h2-nothing-behind-a-reset", "h2-streams-in-turn"],
    ),
    (
        "resets-answered",
        &["h2-reset-twice", "h2-reset-of-a-closed-stream"],
    ),
    (
        "priority-of-closed-refused",
        &[
            "h2-priority-of-a-closed-stream",
            "h2-priority-of-a-reset-stream",
        ],
    ),
    ("right-strict-priority", &[]),
    (
        "window-behind-the-end-refused",
        &[
            "h2-priority-of-a-half-closed-stream",
            "h2-window-update-of-a-half-closed-stream",
            "h2-ping-behind-goaway",
            "h2-window-that-opens",
            "h2-window-below-zero",
            "h2-window-byte-by-byte",
            "h2-windows-of-two-streams",
            "h2-window-below-zero-by-settings",
            "h2-fields-need-no-window",
        ],
    ),
    (
        "continuation-anywhere",
        &[
            "h2-continuation-behind-the-end",
            "h2-continuation-of-an-idle-stream",
            "h2-continuation-of-a-half-closed-stream",
            "h2-continuation-of-a-closed-stream",
            "h2-continuation-of-a-reset-stream",
        ],
    ),
    (
        "settings-leave-windows",
        &[
            "h2-window-overflow-by-settings",
            "h2-window-by-settings",
            "h2-window-below-zero",
            "h2-window-by-settings-twice",
            "h2-window-by-settings-down-and-up",
            "h2-window-below-zero-by-settings",
        ],
    ),
    (
        "no-window-below-zero",
        &[
            "h2-window-below-zero",
            "h2-window-by-settings-down-and-up",
            "h2-window-below-zero-by-settings",
        ],
    ),
    (
        "settings-open-the-connection",
        &["h2-settings-and-the-connection"],
    ),
    (
        "connection-window-uncounted",
        &[
            "h2-window-of-the-connection",
            "h2-settings-and-the-connection",
            "h2-request-within-a-closed-window",
        ],
    ),
    ("one-byte-too-much", &["h2-window-overflow-by-one"]),
    ("head-waits-for-a-window", &["h2-head-needs-no-window"]),
    ("first-value-counts", &["h2-window-twice-in-settings"]),
    (
        "windows-kept",
        &[
            "h2-long-body",
            "h2-padded-body",
            "h2-bodies-in-turn",
            "h2-body-behind-resets",
        ],
    ),
    ("padding-kept", &["h2-padded-body"]),
    ("reset-bodies-kept", &["h2-body-behind-resets"]),
];

/// The groups in HTTP/2, but for the floods.
const OF_GROUPS_IN_FRAMES: [&str; 7] = [
    "--group=h2-opening",
    "--group=h2-frames",
    "--group=h2-streams",
    "--group=h2-fields",
    "--group=h2-hpack",
    "--group=h2-windows",
    "--group=h2-answers",
];

#[test]
#[ignore = "plays all cases against many servers"]
fn each_fault_in_frames_is_found() {
    all_are_found(&FAULTS_IN_FRAMES, |fault| {
        // Nearly all cases wait in vain for an answer whose fields cannot be decoded.
        let patience: &[&str] = match fault {
            "table-out-of-step" => &["--patience=2"],
            _ => &[],
        };
        let options = [&OF_GROUPS_IN_FRAMES, patience].concat();
        start_in_frames(fault).found(&options).0
    });
}

/// What a server is found to do under a flood that lets it go on, or stops all others; and the
/// one that does neither.
const FAULTS_UNDER_FLOODS: [Fault; 4] = [
    ("none", &[]),
    (
        "any-fields-taken",
        &["h2-fields-of-eight-mebibytes-decoded"],
    ),
    (
        "floods-taken",
        &[
            "h2-end-of-resets",
            "h2-end-of-increments-of-0",
            "h2-end-of-pings",
            "h2-end-of-settings",
            "h2-end-of-priorities",
            "h2-end-of-empty-data",
            "h2-end-of-small-windows",
        ],
    ),
    (
        "floods-hold-all",
        &[
            "h2-flood-of-resets",
            "h2-flood-of-reset-bodies",
            "h2-flood-of-increments-of-0",
            "h2-flood-of-overflows",
            "h2-flood-of-data-behind-the-end",
            "h2-flood-of-short-priorities",
            "h2-flood-of-malformed-requests",
            "h2-flood-of-refused-streams",
            "h2-flood-of-pings",
            "h2-flood-of-settings",
            "h2-flood-of-windows-by-settings",
            "h2-flood-of-priorities",
            "h2-flood-of-unknown-frames",
            "h2-flood-of-empty-data",
            "h2-flood-of-padding",
            "h2-flood-of-small-windows",
            "h2-flood-of-resets-of-one-stream",
            "h2-flood-of-goaways",
            "h2-end-of-resets",
            "h2-end-of-increments-of-0",
            "h2-end-of-pings",
            "h2-end-of-settings",
            "h2-end-of-priorities",
            "h2-end-of-empty-data",
            "h2-end-of-small-windows",
        ],
    ),
];

#[test]
#[ignore = "plays all cases against many servers"]
fn each_fault_under_floods_is_found() {
    all_are_found(&FAULTS_UNDER_FLOODS, |fault| {
        // Another client waits for it in vain where a flood holds all.
        let patience = if fault == "floods-hold-all" {
            "2"
        } else {
            "60"
        };
        let options = ["--group", "h2-floods", "--patience", patience];
        let (departs, skipped) = start_in_frames(fault).found(&options);
        assert_eq!(skipped, [""; 0], "{fault}");
        departs
    });
}

#[test]
fn a_flood_is_explained() {
    let server = start_in_frames("floods-taken");
    assert_snapshot!(server.report(&["--only", "h2-end-of-settings", "--patience", "60"]));
}

#[test]
fn an_upload_is_explained() {
    let server = start_in_frames("padding-kept");
    assert_snapshot!(server.report(&["--only", "h2-padded-body", "--patience", "1"]));
}

/// What the chapters that speak HTTP/2 depart from in it, as the book has it.
#[test]
#[ignore = "plays all cases against many servers"]
fn our_own_servers_in_frames() {
    let servers = [
        ("ch18-frames", false),
        ("ch19-hpack", false),
        ("ch20-streams", false),
        ("ch20-streams", true),
        ("ch21-floods", false),
        ("ch21-floods", true),
    ];
    let found = of_each(servers, |(chapter, is_sealed)| {
        let server = match (chapter, is_sealed) {
            (_, true) => Server::start_chapter(chapter).sealed(),
            ("ch20-streams" | "ch21-floods", false) => Server::start_plain(chapter),
            _ => Server::start_chapter(chapter),
        };
        let (departs, skipped) = server.found(&[]);
        let is_of_frames = |name: &&String| name.starts_with("h2-");
        let departs: Vec<&String> = departs.iter().filter(is_of_frames).collect();
        let skipped = skipped.iter().filter(is_of_frames).count();
        let names: String = departs.iter().map(|name| format!("  {name}\n")).collect();
        let over = if is_sealed { " over TLS" } else { "" };
        let count = departs.len();
        format!("{chapter}{over}: {count}, skipped {skipped}\n{names}")
    });
    assert_snapshot!(found.concat());
}

/// One that speaks HTTP/1.1 alone is asked nothing else, and told so.
#[test]
fn a_server_without_frames_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = Server::start("right");
    let sealed = Server::start_sealed("right", &folder.path().join("own"));
    for (server, words) in [
        (plain, "no HTTP/2 is spoken here with prior knowledge"),
        (
            sealed,
            "no HTTP/2 is spoken here, as ALPN does not agree on h2",
        ),
    ] {
        let report = server.report(&["--level", "should"]);
        assert!(report.contains(&format!("  {words}: ")), "{report}");
        let report = server.report(&["--group", "h2-frames"]);
        assert!(report.starts_with("exit code 1\n"), "{report}");
        assert!(report.contains(words), "{report}");
    }
}

#[test]
fn a_departure_in_frames_is_explained() {
    let server = start_in_frames("unknown-settings-refused");
    assert_snapshot!(server.report(&["--only", "h2-unknown-setting"]));
}

/// Over TLS a right server is right too, and one with a fault has that one alone.
#[test]
fn over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = |fault: &str| folder.path().join(fault);
    let wrong = Server::start_sealed("scheme-by-case", &own("wrong"));
    thread::scope(|scope| {
        scope.spawn(|| {
            let right = Server::start_sealed("right", &own("right"));
            let file = own("right");
            let trusted = file.to_str().expect("a name");
            assert_eq!(right.found(&["--cacert", trusted]), (vec![], vec![]));
        });
        let (departs, skipped) = wrong.found(&[]);
        assert_eq!(departs, ["absolute-form-in-capitals"]);
        assert_eq!(skipped, [""; 0]);
    });
    assert_snapshot!(wrong.report(&["--only", "absolute-form-in-capitals"]));
}

/// A server whose certificate nobody vouches for is not asked anything.
#[test]
fn who_is_not_trusted() {
    let folder = tempfile::tempdir().expect("a folder");
    let [own, other] = ["own.pem", "other.pem"].map(|name| folder.path().join(name));
    let server = Server::start_sealed("right", &own);
    drop(Server::start_sealed("right", &other));
    let other = other.to_str().expect("a name");
    let report = server.report(&["--cacert", other, "--only", "plain-get"]);
    assert!(report.starts_with("exit code 1\n"), "{report}");
    assert!(report.contains("invalid peer certificate"), "{report}");
    let plain = server.address.replace("https://", "");
    let said = text(&course(&["probe", &plain, "--cacert", other]));
    assert!(
        said.starts_with("exit code 2\nError: --cacert is for"),
        "{said}"
    );
    let said = text(&course(&["probe", &server.address, "--cacert", "/no/such"]));
    assert!(
        said.starts_with("exit code 2\nError: /no/such cannot be read"),
        "{said}"
    );
}

/// Whatever is wrong with each of its answers, the cases are played.
#[test]
fn a_server_whose_answers_are_malformed_is_probed() {
    let server = Server::start("malformed");
    let report = server.report(&["--group", "host"]);
    assert!(report.starts_with("exit code 1\n"), "{report}");
    let said = "GET / gets an answer that is malformed: a space is missing behind the status code";
    assert!(report.contains(said), "{report}");
    assert!(report.contains("a space is missing behind"), "{report}");
    assert!(!report.contains("The server is gone"), "{report}");
    let (departs, _) = server.found(&["--only", "plain-get"]);
    assert_eq!(departs, ["plain-get"]);
}

/// It takes longer to give up than a client that only sends in pieces is silent.
#[test]
fn a_server_that_gives_up_a_client_at_once() {
    let server = Server::start("gives-up-the-silent");
    for name in ["silent-first", "silent-in-the-middle"] {
        let (departs, _) = server.found(&["--only", name]);
        assert_eq!(departs, [name]);
    }
}

/// As servers write where they listen, and as people write a scheme.
#[test]
fn an_address_may_be_written_in_other_ways() {
    let server = Server::start("right");
    let port = server.address.split(':').next_back().expect("a port");
    for address in [
        format!("0.0.0.0:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("HTTP://127.0.0.1:{port}/"),
        format!("localhost:{port}"),
    ] {
        let said = text(&course(&["probe", &address, "--only", "plain-get"]));
        assert!(said.starts_with("exit code 0\n"), "{address}: {said}");
    }
}

/// What departs from no MUST is shown, and the command succeeds.
#[test]
fn only_a_must_counts() {
    let server = Server::start("scheme-by-case");
    let report = server.report(&["--level", "should"]);
    assert!(report.starts_with("exit code 0\n"), "{report}");
    assert!(report.contains("\nabsolute-form-in-capitals: "), "{report}");
    assert!(
        report.contains("MUST 0, SHOULD 1, MAY 0, no rule 0"),
        "{report}"
    );
    let report = server.report(&["--level", "must"]);
    assert!(!report.contains("absolute-form-in-capitals"), "{report}");
}

#[test]
fn a_server_that_dies_or_stands_still_is_reported() {
    for (fault, options) in [
        (
            "dies-of-noise",
            ["--group", "robustness", "--patience", "5"],
        ),
        // What is waited for here is waited for in vain.
        ("hangs-at-noise", ["--only", "noise", "--patience", "2"]),
    ] {
        let report = Server::start(fault).report(&options);
        assert!(report.starts_with("exit code 1\n"), "{report}");
        assert!(report.contains("\nnoise: "), "{report}");
        assert!(
            report.contains("after this the server does not answer any more"),
            "{report}"
        );
        assert!(report.contains("\nThe server is gone: "), "{report}");
    }
}

/// However fast the machine is, nine cases with eight rests between them take that long.
#[test]
fn a_pause_is_made() {
    let server = Server::start("right");
    let begun = Instant::now();
    let report = server.report(&["--group", "host", "--level", "none", "--pause", "50"]);
    assert!(begun.elapsed() >= 8 * Duration::from_millis(50));
    let row = report.lines().find(|line| line.starts_with("host: "));
    let numbers: Vec<&str> = row.unwrap_or_default().split_whitespace().skip(2).collect();
    assert_eq!(numbers, ["9", "0", "0"], "{report}");
}

/// A path that is named is the one that is asked for.
#[test]
fn a_path_that_is_named() {
    let server = Server::start("right");
    let named = server.report(&["--path", "/?a=b", "--only", "plain-get"]);
    assert!(named.contains("GET /?a=b gets 200"), "{named}");
    let refused = server.report(&["--path", "/none"]);
    assert_eq!(
        refused,
        "exit code 1\nError: GET /none gets 404, and not 200\n"
    );
}

#[test]
fn what_cannot_be_probed_is_said_in_one_sentence() {
    let server = Server::start("right");
    let address = &*server.address;
    for (arguments, code, words) in [
        (&["192.0.2.1:80"][..], 2, "is not your own machine"),
        (&["192.0.2.1:80", "--json"], 2, "--i-may-test-this-server"),
        (&["127.0.0.1"], 2, "is not an address"),
        (&["127.0.0.1:1"], 1, "does not answer a plain GET"),
        (&[address, "--only", "nothing"], 2, "no case \"nothing\""),
        (
            &[address, "--group", "nothing"],
            2,
            "there are target, host",
        ),
        (
            &[address, "--group", "smuggling", "--level", "should"],
            2,
            "no case of that level",
        ),
    ] {
        let output = course(&[&["probe"], arguments].concat());
        let said = text(&output);
        assert!(said.starts_with(&format!("exit code {code}\n")), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.contains(words), "{said}");
    }
}
