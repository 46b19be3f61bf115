//! What `cargo course class` says of a handful of hand-ins, and what
//! `cargo course hand-in` makes.

mod classroom;
mod gradebook;
mod hand_ins;

use std::fs;

use classroom::{BROKEN, Class, OURS, right};
use serde_json::Value;

/// Each kind of hand-in, and each way in which one can fail.
#[test]
#[ignore = "builds hand-ins with all of `common`, as a lone file may use any of it"]
fn a_class() {
    let class = Class::new();
    class.my_server("in/ada-crate", OURS, &right());
    class.write("in/ben-file/my first.rs", &right());
    class.my_server("cleo", OURS, &right());
    let archive = class.run(&["hand-in", "cleo-archive", "cleo"]);
    assert!(archive.starts_with("exit code 0\n"), "{archive}");
    assert!(archive.contains("src/main.rs"), "{archive}");
    fs::rename(
        class.path("cleo-archive.tar.gz"),
        class.path("in/cleo-archive.tar.gz"),
    )
    .expect("a file is moved");
    class.broken("dan-command", "right ADDRESS");
    // It takes a port of its own, whatever it is told.
    class.broken("eve-own-port", "right 127.0.0.1:0");
    // Of the same name as the first one, and not the same.
    let wrong = right().replace("Hello, World!", "Hello!");
    class.my_server("in/fay-wrong-page", OURS, &wrong);
    class.broken("gus-hangs", "never-answers ADDRESS");
    class.broken("hal-ends-after-one", "ends-after-one ADDRESS");
    class.write("in/ida-ends.rs", "fn main() {}");
    class.write(
        "in/jan-silent.rs",
        "fn main() { loop { std::thread::park(); } }",
    );
    class.my_server("in/kim-manifest", "nonsense", "fn main() {}");
    class.my_server("in/leo-library", "", "");
    fs::rename(
        class.path("in/leo-library/src/main.rs"),
        class.path("in/leo-library/src/lib.rs"),
    )
    .expect("a file is moved");
    class.write("in/mia-nothing/notes.txt", "I was ill.");
    class.write("in/noa.rs", "fn main() { nothing }");
    class.write(
        "in/noa/main.rs",
        "fn main() { compile_error!(\"<script>\") }",
    );
    class.write("in/=1+1.rs", "fn main() { 1 }");
    class.write("in/.hidden", "");

    // A busy machine may take long to build them.
    let limits = ["--limit", "600", "--start-timeout", "5"];
    let arguments = [&["class", "3", "in"][..], &limits].concat();
    let said = class.run(&arguments);
    assert!(
        said.starts_with("exit code 2\nError: 16 programs"),
        "{said}"
    );
    assert!(said.contains("add --trust"), "{said}");
    assert!(said.lines().count() == 2, "nothing was built: {said}");

    let files = [
        "--trust", "--csv", "out.csv", "--json", "out.json", "--html", "out.html",
    ];
    let said = class.run(&[&arguments[..], &files].concat());
    assert!(said.starts_with("exit code 0\n"), "{said}");
    let json: Vec<Value> = class.rows("out.json");
    let csv = class.read("out.csv");
    let html = class.read("out.html");
    let expected = [
        (
            "=1+1",
            "does not compile",
            None,
            "src/main.rs:1: mismatched types",
        ),
        ("ada-crate", "passed", Some((2, 7)), ""),
        ("ben-file", "passed", Some((2, 7)), ""),
        ("cleo-archive", "passed", Some((2, 7)), ""),
        ("dan-command", "passed", Some((2, 7)), ""),
        ("eve-own-port", "passed", Some((2, 7)), ""),
        (
            "fay-wrong-page",
            "failed",
            Some((0, 0)),
            "page: the body is another",
        ),
        ("gus-hangs", "hangs", Some((0, 0)), "timed out"),
        (
            "hal-ends-after-one",
            "failed",
            Some((0, 0)),
            "the server ended",
        ),
        (
            "ida-ends",
            "never listened",
            None,
            "it ended before it listened",
        ),
        ("jan-silent", "never listened", None, "within 5 s"),
        (
            "kim-manifest",
            "does not compile",
            None,
            "Cargo.toml:7: key with no value",
        ),
        ("leo-library", "does not compile", None, "only a library"),
        (
            "mia-nothing",
            "nothing to start",
            None,
            "it wants a crate, main.rs, server.py, server.js, one .py",
        ),
        ("noa", "does not compile", None, "<script>"),
        (
            "noa.rs",
            "does not compile",
            None,
            "src/main.rs:1: cannot find value `nothing`",
        ),
    ];
    assert_eq!(json.len(), expected.len(), "{said}");
    for (row, (learner, verdict, passed, note)) in json.iter().zip(expected) {
        assert_eq!(row["learner"], learner, "{said}");
        assert_eq!(row["verdict"], verdict, "{row}");
        let counted = |kind: &str| row[kind]["passed"].as_u64();
        match passed {
            Some((core, robust)) if verdict == "passed" => {
                assert_eq!(
                    (counted("core"), counted("robust")),
                    (Some(core), Some(robust))
                );
            }
            Some((core, _)) => assert_eq!(counted("core"), Some(core), "{row}"),
            None => assert!(row["core"].is_null(), "{row}"),
        }
        let has_note = row["note"].as_str().expect("a text").contains(note);
        assert!(has_note, "{row}");
        assert_eq!(
            row["error"].is_string(),
            verdict == "does not compile",
            "{row}"
        );
        // On the terminal each is a line.
        let line = said
            .lines()
            .find(|line| line.starts_with(&format!("{learner} ")));
        assert!(line.is_some_and(|line| line.contains(verdict)), "{said}");
        assert!(csv.contains(&format!("{learner},{verdict},")), "{csv}");
        assert!(html.contains(&format!("<th scope=\"row\">{learner}</th>")));
    }
    assert!(said.contains("16 hand-ins in "), "{said}");
    let summary = "passed 5, failed 2, hangs 1, never listened 2, does not compile 5, nothing";
    assert!(said.contains(summary), "{said}");
    // What others have written is text and nothing else.
    assert!(csv.contains("\n'=1+1,"), "{csv}");
    assert!(
        html.contains("&lt;script&gt;") && !html.contains("<script>"),
        "{html}"
    );
    // What was never played is neither passed nor failed.
    let hangs = &json[7];
    assert_eq!(hangs["core"]["failed"], 2, "{hangs}");
    assert_eq!(hangs["robust"]["not_played"], hangs["robust"]["of"]);
    let unplayed = hangs["not_played"].as_array().expect("a list").len();
    assert_eq!(hangs["robust"]["of"], unplayed, "{hangs}");
    assert!(
        said.contains(&format!("0 of {unplayed}, {unplayed} not played")),
        "{said}"
    );
    assert!(
        csv.contains(&format!("gus-hangs,hangs,0,2,0,0,{unplayed},{unplayed},")),
        "{csv}"
    );
    // Where there is no number, there is a word.
    assert!(
        csv.contains("noa,does not compile,not built,2,not built,"),
        "{csv}"
    );
    assert!(
        csv.contains("ida-ends,never listened,not started,2,"),
        "{csv}"
    );
    assert!(!csv.contains(",,,"), "{csv}");
    // Copies of what was handed in do not stay.
    let kept = fs::read_dir(class.path("target/course-class")).expect("a folder is read");
    let kept: Vec<_> = kept.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(kept, ["build"]);
}

/// The exercise alone counts then, and the table can go to standard output.
#[test]
fn a_class_and_an_exercise() {
    let class = Class::new();
    class.write("in/ada/command", &format!("{BROKEN} wrong-type ADDRESS"));
    class.write("in/ben/command", &format!("{BROKEN} right ADDRESS"));
    let said = class.run(&["class", "3", "in", "--exercise", "--trust", "--csv", "-"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "exit code 0",
            "learner,verdict,exercise,of exercise,exercise not played,seconds,left behind,note"
        ],
        "{said}"
    );
    assert_eq!(lines.len(), 4, "{said}");
    assert!(lines[2].starts_with("ada,failed,"), "{said}");
    assert!(lines[3].starts_with("ben,failed,0,4,0,"), "{said}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let class = Class::new();
    class.write("notes/notes.txt", "");
    class.write("server.py", "");
    for (arguments, sentence) in [
        (&["class", "3", "in"][..], "holds nothing"),
        (&["class", "3", "missing"], "cannot read missing"),
        (&["class", "99", "in"], "there is no chapter"),
        (&["hand-in", "a/b", "notes"], "cannot be the name of a file"),
        (&["hand-in", "ada", "missing"], "there is no missing"),
        (
            &["hand-in", "ada", "notes"],
            "there is nothing to start in notes",
        ),
        (&["hand-in", "ada", "server.py"], "is one file already"),
    ] {
        let said = class.run(arguments);
        assert!(said.starts_with("exit code 2\nError: "), "{said}");
        assert!(said.contains(sentence), "{said}");
    }
    class.write("in/ada.rs", "");
    let arguments = ["class", "3", "in", "--trust", "--html", "missing/out.html"];
    let said = class.run(&arguments);
    assert!(said.contains("cannot write missing/out.html"), "{said}");
    assert!(!class.path("target").exists(), "nothing was built");
}

/// None of the servers that run at the same time outlives the course.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_all_servers() {
    use std::process::{self, Stdio};

    use harness::clients::wait_until;

    let class = Class::new();
    let learners = ["ada", "ben", "cleo"];
    for learner in learners {
        let started = class.path(learner);
        let command = format!("sh server.sh {} ADDRESS", started.display());
        class.write(&format!("in/{learner}/command"), &command);
        let script = format!("echo $$ > $1.new; mv $1.new $1; exec {BROKEN} never-answers $2\n");
        class.write(&format!("in/{learner}/server.sh"), &script);
    }
    let mut course = process::Command::new(env!("CARGO_BIN_EXE_course"))
        .args(["class", "3", "in", "--trust", "--jobs", "3"])
        .current_dir(class.folder.path())
        .env("CARGO_TARGET_DIR", class.path("target"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the course starts");
    wait_until("all of them run", || {
        learners.iter().all(|learner| class.path(learner).exists())
    });
    let kill = |signal: &str, process: &str| {
        let mut kill = process::Command::new("kill");
        let status = kill.args([signal, process]).stderr(Stdio::null()).status();
        status.expect("kill runs").success()
    };
    assert!(kill("-INT", &course.id().to_string()));
    assert_eq!(course.wait().expect("the course ends").code(), Some(130));
    let kept = fs::read_dir(class.path("target/course-class")).expect("a folder is read");
    assert_eq!(kept.count(), 0, "no copy stays");
    for learner in learners {
        let process = class.read(learner);
        wait_until("it is gone", || !kill("-0", process.trim()));
    }
}
