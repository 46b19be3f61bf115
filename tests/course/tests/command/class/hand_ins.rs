//! Hand-ins as they come: packed, named and written in all the ways that learners, Moodle and
//! their systems have.

use std::fs::{self, File};
use std::io::Write;

use crate::class::classroom::{BROKEN, Class, OURS, right};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A zip file with these entries.
fn zip(class: &Class, path: &str, entries: &[(&str, &[u8])]) {
    let path = class.path(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
    let mut writer = ZipWriter::new(File::create(path).expect("a file is made"));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in entries {
        writer.start_file(*name, options).expect("an entry");
        writer.write_all(content).expect("its content");
    }
    writer.finish().expect("a zip file");
}

/// A command in Unix's own shell, so that neither Python nor Node need be there.
fn command() -> String {
    format!("{BROKEN} right ADDRESS\n")
}

/// Checks what lies in `in`, and gives of each learner the verdict and the note.
fn verdicts(class: &Class, options: &[&str]) -> Vec<(String, String, String)> {
    let arguments = [
        "class", "3", "in", "--trust", "--json", "out.json", "--limit", "600",
    ];
    let said = class.run(&[&arguments[..], options].concat());
    assert!(said.starts_with("exit code 0\n"), "{said}");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let rows = class.rows("out.json");
    rows.iter()
        .map(|row| {
            (
                text(&row["learner"]),
                text(&row["verdict"]),
                text(&row["note"]),
            )
        })
        .collect()
}

#[test]
fn zip_files() {
    let class = Class::new();
    let command = command();
    let command = command.as_bytes();
    zip(&class, "in/ada.zip", &[("command", command)]);
    // As macOS packs a folder, with what cargo has built in it.
    let entries: [(&str, &[u8]); 4] = [
        ("my-server/command", command),
        ("__MACOSX/my-server/._command", b"x"),
        ("my-server/.git/HEAD", b"x"),
        ("my-server/target/debug/big", &[0; 11 * 1024 * 1024]),
    ];
    zip(&class, "in/ben.ZIP", &entries);
    // As some programs on Windows do.
    zip(&class, "in/cleo.zip", &[("my-server\\command", command)]);
    // Called otherwise than it is.
    zip(&class, "in/dan.tar.gz", &[("command", command)]);
    zip(
        &class,
        "in/eve.zip",
        &[("command", command), ("../../out", b"out")],
    );
    zip(
        &class,
        "in/fay.zip",
        &[("command", command), ("/tmp/out", b"out")],
    );
    zip(
        &class,
        "in/gus.zip",
        &[("command", command), ("zeros", &[0; 11 * 1024 * 1024])],
    );
    let many: Vec<String> = (0..2001).map(|number| format!("{number}.txt")).collect();
    let mut entries: Vec<(&str, &[u8])> = many.iter().map(|name| (&**name, &b""[..])).collect();
    entries.push(("command", command));
    zip(&class, "in/hal.zip", &entries);
    class.write("in/lea.rar", "Rar!");
    class.write("in/ida.zip", "PK, and nothing that follows it");
    let mut link = ZipWriter::new(File::create(class.path("in/jan.zip")).expect("a file"));
    let options = SimpleFileOptions::default();
    link.add_symlink("server.py", "/etc/passwd", options)
        .expect("a link");
    link.finish().expect("a zip file");
    zip(&class, "kim.zip", &[("command", command)]);
    let inner = fs::read(class.path("kim.zip")).expect("a file is read");
    zip(&class, "in/kim.zip", &[("kim/inner.zip", &inner)]);

    let verdicts = verdicts(&class, &[]);
    for ((learner, verdict, note), expected) in verdicts.iter().zip([
        ("ada", "passed", ""),
        ("ben", "passed", ""),
        ("cleo", "passed", ""),
        ("dan", "passed", ""),
        (
            "eve",
            "nothing to start",
            "it holds ../../out, which leads out of it",
        ),
        (
            "fay",
            "nothing to start",
            "it holds /tmp/out, which leads out of it",
        ),
        ("gus", "nothing to start", "it holds too much for a server"),
        ("hal", "nothing to start", "it holds more than 2000 files"),
        (
            "ida",
            "nothing to start",
            "it is no archive, or not a whole one",
        ),
        ("jan", "nothing to start", "it wants a crate"),
        ("kim", "passed", ""),
        (
            "lea",
            "nothing to start",
            "it is no folder, no .tar.gz, no .zip",
        ),
    ]) {
        assert_eq!(
            (&**learner, &**verdict),
            (expected.0, expected.1),
            "{verdicts:?}"
        );
        assert!(note.contains(expected.2), "{learner}: {note}");
    }
    assert_eq!(verdicts.len(), 12);
    assert!(!class.path("out").exists() && !class.path("target/out").exists());
}

/// A folder for each learner, or a file, as Moodle hands them out.
#[test]
fn names_that_moodle_makes() {
    let class = Class::new();
    let file = "assignsubmission_file_";
    class.write(&format!("in/Ada Lovelace_4711_{file}/command"), &command());
    class.write(&format!("in/Ben Bit_4712_{file}/command"), &command());
    class.write(&format!("in/Ben Bit_4713_{file}/command"), &command());
    zip(
        &class,
        &format!("in/Cleo C_4714_{file}/my server.zip"),
        &[("command", command().as_bytes())],
    );
    zip(
        &class,
        &format!("in/Dan D_4715_{file}my server.zip"),
        &[("command", command().as_bytes())],
    );
    // What was typed in beside a file is no second hand-in.
    class.write(
        "in/Dan D_4715_assignsubmission_onlinetext_/onlinetext.html",
        "I did it.",
    );
    class.write(
        "in/Eve E_4716_assignsubmission_onlinetext_/onlinetext.html",
        "I was ill.",
    );
    let verdicts = verdicts(&class, &[]);
    let seen: Vec<(&str, &str)> = verdicts
        .iter()
        .map(|(learner, verdict, _)| (&**learner, &**verdict))
        .collect();
    assert_eq!(
        seen,
        [
            ("Ada Lovelace", "passed"),
            ("Ben Bit (4712)", "passed"),
            ("Ben Bit (4713)", "passed"),
            ("Cleo C", "passed"),
            ("Dan D", "passed"),
            ("Eve E", "nothing to start"),
        ]
    );
}

/// A `command` as an editor or PowerShell writes it on Windows.
#[test]
fn commands_with_a_byte_order_mark() {
    let class = Class::new();
    class.write("in/ada/command", &format!("\u{feff}{}", command()));
    for (learner, number) in [
        ("ben", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ("cleo", u16::to_be_bytes),
    ] {
        let text = format!("\u{feff}{}", command());
        let bytes: Vec<u8> = text.encode_utf16().flat_map(number).collect();
        class.write(&format!("in/{learner}/command"), "");
        fs::write(class.path(&format!("in/{learner}/command")), bytes).expect("a file is written");
    }
    class.write("in/dan/command", "");
    fs::write(class.path("in/dan/command"), b"\xE4").expect("a file is written");
    let verdicts = verdicts(&class, &[]);
    let passed: Vec<bool> = verdicts
        .iter()
        .map(|(_, verdict, _)| verdict == "passed")
        .collect();
    assert_eq!(passed, [true, true, true, false], "{verdicts:?}");
    assert_eq!(verdicts[3].2, "its command is no text in UTF-8");
}

/// Scripts by whatever name, with interpreters that are our own here.
#[cfg(unix)]
#[test]
fn scripts_of_any_name() {
    use std::env;
    use std::os::unix::fs::PermissionsExt;

    let class = Class::new();
    for interpreter in ["python3", "node"] {
        let path = format!("bin/{interpreter}");
        // It is told the script, and then what the script is told.
        let script =
            format!("#!/bin/sh\n[ \"$(cat \"$1\")\" = it ] && exec {BROKEN} right \"$2\"\n");
        class.write(&path, &script);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(class.path(&path), executable).expect("it may be run");
    }
    class.write("in/ada/my first server.py", "it");
    class.write("in/ben/app.js", "it");
    class.write("in/cleo/lib/helper.py", "x");
    class.write("in/cleo/app.py", "it");
    class.write(
        "in/dan/package.json",
        r#"{"scripts": {"start": "node src/app.js"}}"#,
    );
    class.write("in/dan/src/app.js", "it");
    class.write("in/dan/server.js", "another");
    class.write("in/eve/package.json", "\u{feff}{\"main\": \"app.js\"}");
    class.write("in/eve/app.js", "it");
    class.write("in/eve/other.js", "x");
    class.write(
        "in/fay/package.json",
        r#"{"scripts": {"start": "X=1 && node app.js"}}"#,
    );
    class.write("in/fay/app.js", "it");
    class.write("in/gus/one.py", "it");
    class.write("in/gus/two.py", "it");
    class.write("in/hal.mjs", "it");
    class.write("in/jan/package.json", "{");
    let path = env::var("PATH").expect("a path");
    let path = format!("{}:{path}", class.path("bin").display());
    let arguments = [
        "class", "3", "in", "--trust", "--json", "out.json", "--limit", "600",
    ];
    let said = class.run_with(&arguments, &[("PATH", &path)]);
    for (row, (verdict, note)) in class.rows("out.json").iter().zip([
        ("passed", ""),
        ("passed", ""),
        ("passed", ""),
        ("passed", ""),
        ("passed", ""),
        ("passed", ""),
        (
            "nothing to start",
            "one.py or two.py, which of them is to be started? Call it server.py",
        ),
        ("passed", ""),
        ("nothing to start", "its package.json is not JSON"),
    ]) {
        assert_eq!(row["verdict"], verdict, "{said}");
        assert!(
            row["note"].as_str().is_some_and(|text| text.contains(note)),
            "{row}"
        );
    }
}

/// A server that is told nothing and says nothing is found where it listens.
#[cfg(target_os = "linux")]
#[test]
fn a_server_on_a_port_of_its_own() {
    let class = Class::new();
    class.broken("ada", "prints-no-port 127.0.0.1:0");
    let verdicts = verdicts(&class, &[]);
    assert_eq!(verdicts[0].1, "passed", "{verdicts:?}");
}

/// The crate is copied out of the workspace with what stood in its manifest there.
#[test]
fn a_crate_that_leads_out_of_itself() {
    let class = Class::new();
    for (learner, dependency) in [
        (
            "ada",
            "common = { path = \"../../common\", features = [\"ch08\"] }\n",
        ),
        ("ben", "mine = { path = \"../mine\" }\n"),
    ] {
        class.my_server(&format!("in/{learner}"), dependency, &right());
    }
    let verdicts = verdicts(&class, &[]);
    assert_eq!(
        verdicts[0].2,
        "Cargo.toml: common is at path = \"../../common\", which was not handed in; write \
         common = { workspace = true, features = [\"ch08\"] } in its place"
    );
    assert!(
        verdicts[1]
            .2
            .ends_with("put that crate into the folder of this one"),
        "{verdicts:?}"
    );
    assert!(
        verdicts
            .iter()
            .all(|(_, verdict, _)| verdict == "does not compile")
    );
}

/// Nobody hands in what the class could not even start.
#[test]
fn a_hand_in_is_built_and_checked_first() {
    let class = Class::new();
    class.my_server("good", OURS, &right());
    class.my_server("bad", OURS, "fn main() { nothing }");
    class.write("ends/command", &format!("{BROKEN}\n"));
    class.write("wrong/command", &format!("{BROKEN} wrong-status ADDRESS\n"));
    let said = class.run(&["hand-in", "ada", "good", "--chapter", "3"]);
    assert!(
        said.starts_with("exit code 0\nChecked for ch03-response: passed: core 2 of 2"),
        "{said}"
    );
    assert!(
        said.contains("\nMade ada.tar.gz, which holds:\n  Cargo.toml ("),
        "{said}"
    );
    let said = class.run(&["hand-in", "ada", "good", "--chapter", "3", "--exercise"]);
    assert!(said.contains("failed: exercise 0 of "), "{said}");
    let said = class.run(&["hand-in", "ben", "good"]);
    assert!(
        said.starts_with("exit code 0\nIt is built and listens."),
        "{said}"
    );
    let said = class.run(&["hand-in", "cleo", "wrong", "--chapter", "3"]);
    assert!(said.contains("ch03-response: failed: core "), "{said}");
    assert!(
        class.path("cleo.tar.gz").exists(),
        "what fails can be handed in"
    );
    for (folder, words) in [
        ("bad", "cannot find value `nothing`"),
        ("ends", "it ended before it listened"),
    ] {
        let said = class.run(&["hand-in", "dan", folder]);
        assert!(
            said.starts_with("exit code 1\nError: it is not packed"),
            "{said}"
        );
        assert!(
            said.contains(words) && said.contains("--unchecked"),
            "{said}"
        );
        assert!(!class.path("dan.tar.gz").exists());
    }
    let said = class.run(&["hand-in", "dan", "bad", "--unchecked"]);
    assert!(said.starts_with("exit code 0\nMade dan.tar.gz"), "{said}");
    assert!(class.path("dan.tar.gz").exists());
}

/// What a server leaves running fails neither the next learner nor the next run.
#[cfg(target_os = "linux")]
#[test]
fn what_is_left_behind_is_ended_and_named() {
    use std::io::Read;
    use std::net::TcpListener;

    let class = Class::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let told = listener.local_addr().expect("a bound port");
    class.broken("ada", &format!("leaves-a-daemon ADDRESS {told}"));
    class.broken("ben", "right ADDRESS");
    let verdicts = verdicts(&class, &["--csv", "out.csv"]);
    assert_eq!(
        (&*verdicts[0].1, &*verdicts[1].1),
        ("passed", "passed"),
        "{verdicts:?}"
    );
    assert!(
        verdicts[0].2.contains(&format!("broken daemon {told}")),
        "{verdicts:?}"
    );
    assert!(
        verdicts[0].2.ends_with(" running, which was ended"),
        "{verdicts:?}"
    );
    assert_eq!(verdicts[1].2, "", "{verdicts:?}");
    let csv = class.read("out.csv");
    assert!(csv.contains(&format!("broken daemon {told},")), "{csv}");
    let (mut daemon, _) = listener.accept().expect("it has lived");
    daemon
        .set_read_timeout(Some(harness::play::PATIENCE))
        .expect("a limit");
    daemon.read_to_end(&mut Vec::new()).expect("it is gone");
}

/// A single request without an answer is a failure as any other.
#[test]
fn one_time_out_is_not_a_hang() {
    let class = Class::new();
    class.broken("ada", "forgets-brew ADDRESS");
    class.broken("ben", "never-answers ADDRESS");
    let verdicts = verdicts(&class, &[]);
    assert_eq!(
        (&*verdicts[0].1, &*verdicts[1].1),
        ("failed", "hangs"),
        "{verdicts:?}"
    );
}
