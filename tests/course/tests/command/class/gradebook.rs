//! What `cargo course class` writes for a gradebook, and for what else reads results.

use std::fs;

use crate::class::classroom::{BROKEN, Class};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

const POINTS: [&str; 2] = ["--points", "core=60,lesson=20,robust=20"];

/// Two that have handed in something, and a stranger.
fn class() -> Class {
    let class = Class::new();
    class.write(
        "in/ada-lovelace/command",
        &format!("{BROKEN} right ADDRESS"),
    );
    class.write("in/b2/command", &format!("{BROKEN} wrong-status ADDRESS"));
    class.write("in/stranger/command", &format!("{BROKEN} right ADDRESS"));
    class.write("in/dora@example.org/Cargo.toml", "nonsense");
    class
}

const ROSTER: &str = "identifier,name,e-mail\n\
                      a1,Ada Lovelace,ada@example.org\n\
                      b2,Ben Bit,ben@example.org\n\
                      c3,\"Cleo, of Alexandria\",cleo@example.org\n\
                      d4,Dora,dora@example.org\n";

fn graded(class: &Class, more: &[&str]) -> String {
    let arguments = ["class", "3", "in", "--trust", "--roster", "roster.csv"];
    let said = class.run(&[&arguments, &POINTS[..], more].concat());
    assert!(said.starts_with("exit code 0\n"), "{said}");
    said
}

#[test]
fn a_roster_and_points() {
    let class = class();
    class.write("roster.csv", ROSTER);
    let said = graded(
        &class,
        &[
            "--csv", "out.csv", "--json", "out.json", "--html", "out.html",
        ],
    );
    let csv = class.read("out.csv");
    let lines: Vec<&str> = csv.lines().collect();
    for (line, beginning) in lines.iter().zip([
        "learner,identifier,e-mail,verdict,core,of core,core not played,robust,of robust,robust \
         not played,points,seconds,left behind,note",
        "Ada Lovelace,a1,ada@example.org,passed,2,2,0,7,7,0,100,",
        "Ben Bit,b2,ben@example.org,failed,0,2,0,1,7,0,2.86,",
        "\"Cleo, of Alexandria\",c3,cleo@example.org,not handed in,not handed in,2,not handed in,\
         not handed in,7,not handed in,not handed in,not handed in,,",
        "Dora,d4,dora@example.org,does not compile,not built,2,not built,not built,7,not built,0,",
        "stranger,not in the roster,not in the roster,passed,2,2,0,7,7,0,100,",
    ]) {
        assert!(line.starts_with(beginning), "{csv}");
    }
    assert_eq!(lines.len(), 6, "{csv}");
    assert!(lines[5].ends_with(",not in the roster"), "{csv}");
    assert!(said.contains("4 hand-ins in "), "{said}");
    assert!(said.contains("not handed in 1"), "{said}");
    let html = class.read("out.html");
    assert!(html.contains("<td>not handed in</td>"), "{html}");
    assert!(!html.contains("<td></td><td></td>"), "{html}");
    let rows = class.rows("out.json");
    assert_eq!(rows[0]["points"], 100.0);
    assert_eq!(
        (&rows[0]["identifier"], &rows[0]["email"]),
        (&"a1".into(), &"ada@example.org".into())
    );
    assert_eq!(rows[2]["points"], Value::Null);
    assert_eq!(rows[3]["points"], 0.0);
}

/// The file that Moodle gives for an assignment comes back with its own columns.
#[test]
fn the_worksheet_of_moodle() {
    let class = Class::new();
    let command = format!("{BROKEN} right ADDRESS");
    class.write(
        "in/Ada Lovelace_4711_assignsubmission_file_/command",
        &command,
    );
    class.write(
        "roster.csv",
        "\u{feff}Identifier,\"Full name\",\"Email address\",Status,Grade,\"Maximum Grade\",\
         \"Last modified (grade)\",\"Feedback comments\"\n\
         \"Participant 4711\",\"Ada Lovelace\",ada@example.org,Submitted,,100.00,-,\n\
         \"Participant 4712\",\"Ada Lovelace\",other@example.org,\"No submission\",,100.00,-,\n",
    );
    graded(&class, &["--moodle", "moodle.csv"]);
    assert_eq!(
        class.read("moodle.csv"),
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade),\
         Feedback comments\n\
         Participant 4711,Ada Lovelace,ada@example.org,Submitted,100,100.00,-,passed\n\
         Participant 4712,Ada Lovelace,other@example.org,No submission,,100.00,-,not handed in\n"
    );
}

#[test]
fn the_gradebook_of_moodle() {
    let class = class();
    class.write("roster.csv", ROSTER);
    graded(&class, &["--moodle", "moodle.csv"]);
    let moodle = class.read("moodle.csv");
    let lines: Vec<&str> = moodle.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "Identifier,Full name,Email address,ch03-response,ch03-response feedback",
            "a1,Ada Lovelace,ada@example.org,100,passed",
        ]
    );
    assert!(
        lines[2].starts_with("b2,Ben Bit,ben@example.org,2.86,\"failed: page: "),
        "{moodle}"
    );
    assert!(
        lines[3].ends_with(",cleo@example.org,,not handed in"),
        "{moodle}"
    );
    assert!(
        lines[4].starts_with("d4,Dora,dora@example.org,0,\"does not compile: "),
        "{moodle}"
    );
    assert_eq!(lines.len(), 5);
}

/// What Canvas exports is a roster, and what it imports has the same columns in front.
#[test]
fn the_gradebook_of_canvas() {
    let class = class();
    class.write(
        "roster.csv",
        "Student,ID,SIS User ID,SIS Login ID,Section,ch03-response (77)\n\
         \"    Points Possible\",,,,,100\n\
         \"Lovelace, Ada\",11,a1,ada,One,\n\
         \"Bit, Ben\",12,b2,ben,One,\n\
         \"Cleo\",13,c3,cleo,One,\n",
    );
    graded(&class, &["--canvas", "canvas.csv"]);
    assert_eq!(
        class.read("canvas.csv"),
        "Student,ID,SIS User ID,SIS Login ID,Section,ch03-response (77)\n    \
         Points Possible,,,,,100\n\
         \"Lovelace, Ada\",11,a1,ada,One,100\n\
         \"Bit, Ben\",12,b2,ben,One,2.86\n\
         Cleo,13,c3,cleo,One,\n"
    );
}

#[test]
fn junit() {
    let class = Class::new();
    class.broken("ada", "right ADDRESS");
    class.broken("ben", "never-answers ADDRESS");
    class.write("in/cleo/Cargo.toml", "\"<&]]>\"");
    class.run(&["class", "3", "in", "--trust", "--junit", "out.xml"]);
    let text = class.read("out.xml");
    let mut reader = Reader::from_str(&text);
    let mut suites = Vec::new();
    let mut tests = 0;
    loop {
        match reader.read_event().expect("XML") {
            Event::Eof => break,
            Event::Start(start) if start.name().as_ref() == "testsuite" => {
                let value = |name: &str| {
                    let attribute = start.try_get_attribute(name).expect("XML").expect("it");
                    attribute.value.into_owned()
                };
                suites.push(["name", "tests", "failures", "errors", "skipped"].map(value));
            }
            Event::Start(start) | Event::Empty(start) if start.name().as_ref() == "testcase" => {
                tests += 1;
            }
            _ => {}
        }
    }
    assert_eq!(
        suites,
        [
            ["ch03-response: ada", "9", "0", "0", "0"],
            ["ch03-response: ben", "9", "2", "0", "7"],
            ["ch03-response: cleo", "9", "0", "9", "0"],
        ],
        "{text}"
    );
    assert_eq!(tests, 27);
}

/// The fields that `autograding-grading-reporter` adds up.
#[test]
fn autograding() {
    let class = Class::new();
    class.broken("ada", "line-feeds-only ADDRESS");
    let arguments = ["class", "3", "in", "--trust", "--autograding", "out.json"];
    let said = class.run(&[&arguments, &POINTS[..]].concat());
    assert!(said.starts_with("exit code 0\n"), "{said}");
    let result: Value = serde_json::from_str(&class.read("out.json")).expect("JSON");
    assert_eq!(result["version"], 1);
    assert_eq!(result["max_score"], 100.0);
    assert_eq!(result["status"], "pass", "{result}");
    let tests = result["tests"].as_array().expect("a list");
    let score: f64 = tests.iter().filter_map(|test| test["score"].as_f64()).sum();
    assert!((80.0..100.0).contains(&score), "{result}");
    for test in tests {
        let has_passed = test["status"] == "pass";
        assert_eq!(
            test["score"].as_f64().is_some_and(|score| score > 0.0),
            has_passed,
            "{test}"
        );
    }
    class.broken("ben", "right ADDRESS");
    let said = class.run(&[&arguments, &POINTS[..]].concat());
    assert!(
        said.contains("is about one hand-in, and there are 2"),
        "{said}"
    );
}

#[test]
fn all_chapters() {
    let class = Class::new();
    for (chapter, learner, arguments) in [
        ("ch03-response", "ada", "right ADDRESS"),
        ("ch03-response", "ben", "wrong-status ADDRESS"),
        ("1", "ada", "right ADDRESS"),
    ] {
        let path = format!("all/{chapter}/{learner}/command");
        class.write(&path, &format!("{BROKEN} {arguments}"));
    }
    let arguments = ["class", "all", "all", "--trust"];
    let files = [
        "--csv", "out.csv", "--json", "out.json", "--html", "out.html",
    ];
    let said = class.run(&[&arguments, &files[..], &POINTS].concat());
    assert!(said.starts_with("exit code 0\nAll chapters\n"), "{said}");
    let csv = class.read("out.csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "learner,ch01-socket,ch01-socket points,ch03-response,ch03-response points,points"
    );
    assert!(lines[1].starts_with("ada,hangs,0,passed,100,100"), "{csv}");
    assert_eq!(lines[2], "ben,not handed in,not handed in,failed,2.86,2.86");
    let rows = class.rows("out.json");
    let chapters: Vec<&Value> = rows.iter().map(|row| &row["chapter"]).collect();
    assert_eq!(chapters, ["ch01-socket", "ch03-response", "ch03-response"]);
    assert!(
        class
            .read("out.html")
            .contains("<th>ch01-socket</th><th>ch03-response</th>")
    );
    class.write("all/notes.txt", "");
    let said = class.run(&arguments);
    assert!(said.contains("notes.txt is no folder"), "{said}");
    fs::remove_file(class.path("all/notes.txt")).expect("it goes");
    class.write("all/notes/notes.txt", "");
    let said = class.run(&arguments);
    assert!(said.contains("there is no chapter \"notes\""), "{said}");
}

#[test]
fn what_cannot_be_graded_is_said() {
    let class = Class::new();
    class.broken("ada", "right ADDRESS");
    class.write("nameless.csv", "a,b\n1,2\n");
    class.write("empty.csv", "identifier,name\n");
    let arguments = ["class", "3", "in", "--trust"];
    for (more, sentence) in [
        (&["--points", "code=1"][..], "there is no group"),
        (&["--points", "core=x"], "is no number"),
        (&["--points", "core=0"], "there is nothing to earn"),
        (&["--moodle", "out.csv"], "--points"),
        (&["--canvas", "out.csv", "--points", "core=1"], "--roster"),
        (&["--autograding", "out.json"], "--points"),
        (&["--roster", "missing.csv"], "cannot read missing.csv"),
        (&["--roster", "nameless.csv"], "has no column `name`"),
        (&["--roster", "empty.csv"], "names nobody"),
    ] {
        let said = class.run(&[&arguments, more].concat());
        assert!(said.starts_with("exit code 2\n"), "{said}");
        assert!(said.contains(sentence), "{said}");
    }
}
