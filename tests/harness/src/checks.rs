//! The snapshots as checks: what is to be played against a chapter's server.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use crate::Server;
use crate::judge::judge;
use crate::play::play;
use crate::transcript::Transcript;

/// One exchange to play: a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The chapter that pins it, such as `ch05a_status`.
    pub chapter: String,
    /// The snapshot's name, without the chapter's.
    pub name: String,
    /// What it says of the chapter that is checked.
    pub kind: Kind,
    /// The exchange.
    pub transcript: Transcript,
}

/// What a check says of the chapter that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What the tutorial's listing does too, or the RFCs demand, or protects others.
    Core,
    /// What this very chapter teaches.
    Lesson,
    /// What the chapter's exercise asks for.
    Exercise,
    /// What a careful server does besides. What an earlier chapter taught is that too.
    Robust,
}

impl Kind {
    /// Whether passing such a check decides about the chapter or the exercise.
    pub fn decides(self) -> bool {
        self != Self::Robust
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Lesson => "lesson",
            Self::Exercise => "exercise",
            Self::Robust => "robust",
        }
    }
}

/// The number of the first chapter of part two.
pub(crate) const PART_TWO: u32 = 9;

/// The number of the first chapter of part three, which begins with HTTP/2 anew.
const PART_THREE: u32 = 18;

/// The number of the first chapter that speaks TLS.
const SEALED: u32 = 17;

/// The number of the first chapter of part three that speaks TLS, and HTTP/1.1 beside
/// HTTP/2, as all before it do together.
const TOGETHER: u32 = 20;

/// How many exchanges are played at the same time.
const AT_ONCE: usize = 8;

impl Check {
    /// Whether passing it decides about the chapter or the exercise.
    pub fn decides(&self) -> bool {
        self.kind.decides()
    }
}

/// The exchanges of a chapter, those that decide first, in the snapshots of a folder.
///
/// A chapter of part one has its own. In part two a chapter still does what those
/// before it did, so it has theirs too, but for their exercises, and but for those of
/// which it pins one of the same name itself. Part three begins anew: its first chapters
/// speak HTTP/2 alone.
///
/// # Errors
/// The folder, or a snapshot in it, cannot be read.
pub fn checks_of(chapter: &str, snapshots: &Path) -> io::Result<Vec<Check>> {
    let chapter = chapter.replace('-', "_");
    let mut files: Vec<String> = fs::read_dir(snapshots)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    // Later chapters come later, and so replace what they change.
    files.sort();
    let mut checks: Vec<Check> = Vec::new();
    for file in files {
        let Some((pinned_by, name)) = file
            .strip_suffix(".snap")
            .and_then(|file| file.split_once("__"))
        else {
            continue;
        };
        let is_own = pinned_by == chapter;
        if !is_own && !comes_before(pinned_by, &chapter) {
            continue;
        }
        let text = fs::read_to_string(snapshots.join(&file))?;
        // A snapshot of a log is no exchange.
        let Some(mut transcript) = transcript_in(&text) else {
            continue;
        };
        transcript.chapter = number(pinned_by).unwrap_or_default();
        if transcript.stops_the_server() && cfg!(windows) {
            // There is no signal to tell it with.
            continue;
        }
        let kind = match transcript.word() {
            "core" => Kind::Core,
            "exercise" => Kind::Exercise,
            "lesson" if is_own => Kind::Lesson,
            _ => Kind::Robust,
        };
        if is_own || kind != Kind::Exercise {
            checks.retain(|check| check.name != name);
            checks.push(Check {
                chapter: pinned_by.to_owned(),
                name: name.to_owned(),
                kind,
                transcript,
            });
        }
    }
    checks.sort_by_key(|check| check.kind);
    Ok(checks)
}

/// Whether a chapter still does what this earlier one did.
fn comes_before(earlier: &str, later: &str) -> bool {
    match (number(earlier), number(later)) {
        (Some(earlier), Some(later @ PART_THREE..TOGETHER)) => {
            PART_THREE <= earlier && earlier < later
        }
        (Some(earlier), Some(later)) => PART_TWO <= earlier && earlier < later,
        _ => false,
    }
}

/// The number of a chapter; none for the halves of chapter 5.
fn number(chapter: &str) -> Option<u32> {
    chapter.strip_prefix("ch")?.split('_').next()?.parse().ok()
}

/// Whether a chapter belongs to part two, or to what follows it.
pub fn is_of_part_two(chapter: &str) -> bool {
    number(&chapter.replace('-', "_")).is_some_and(|number| number >= PART_TWO)
}

/// Whether a chapter belongs to part three.
pub fn is_of_part_three(chapter: &str) -> bool {
    number(&chapter.replace('-', "_")).is_some_and(|number| number >= PART_THREE)
}

/// Whether a chapter speaks TLS.
pub fn is_sealed(chapter: &str) -> bool {
    let number = number(&chapter.replace('-', "_"));
    number.is_some_and(|number| number >= SEALED && !(PART_THREE..TOGETHER).contains(&number))
}

/// The exchange that a snapshot file holds, below what insta writes about it.
pub fn transcript_in(snapshot: &str) -> Option<Transcript> {
    Transcript::parse(snapshot.splitn(3, "---\n").nth(2)?)
}

/// Plays against a program what the chapters of part two before this one have
/// pinned, and it does not pin itself: each exchange with a server of its own. Those in
/// which a client rests are played by [`a_client_may_still_rest`].
///
/// # Panics
/// The program does one of them otherwise.
pub fn still_does_what_came_before(chapter: &str, program: &str) {
    still_do(chapter, program, |check| !check.transcript.rests());
}

/// Plays those in which a client rests for some seconds.
///
/// # Panics
/// The program does one of them otherwise.
pub fn a_client_may_still_rest(chapter: &str, program: &str) {
    still_do(chapter, program, |check| check.transcript.rests());
}

fn still_do(chapter: &str, program: &str, is_played: impl Fn(&Check) -> bool) {
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots");
    let mut checks = checks_of(chapter, &snapshots).expect("the snapshots can be read");
    checks.retain(|check| check.chapter != chapter.replace('-', "_") && is_played(check));
    assert!(!checks.is_empty(), "{chapter} has no chapter before it");
    // Most of what each does is to wait.
    let next = Mutex::new(checks.into_iter());
    let play_some = || {
        let next = || next.lock().expect("no other has failed").next();
        while let Some(check) = next() {
            still_does(program, &check);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(play_some);
        }
    });
}

/// Plays one of them against a program, with a server of its own.
fn still_does(program: &str, check: &Check) {
    // On a busy machine a client may be slow to send what the server lingers for.
    let limits = check.transcript.limits().unwrap_or("linger=30");
    let server = Server::start_with_limits(program, limits);
    let played = play(&check.transcript, &mut &server);
    let verdict = judge(&check.transcript, &played);
    let Check { chapter, name, .. } = &check;
    if let Some(failure) = verdict.failure {
        let received: Vec<_> = played
            .connections
            .iter()
            .map(|connection| String::from_utf8_lossy(&connection.received))
            .collect();
        panic!(
            "{chapter}, {name}: {}\n{}\nreceived: {received:#?}",
            failure.problem, check.transcript
        );
    }
    assert!(
        verdict.notes.is_empty(),
        "{chapter}, {name}: {:?}",
        verdict.notes
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chapter: &str, snapshots: &Path) -> Vec<String> {
        let checks = checks_of(chapter, snapshots).unwrap();
        let name = |check: Check| format!("{}: {}", check.chapter, check.name);
        checks.into_iter().map(name).collect()
    }

    #[test]
    fn part_two_inherits_and_part_one_does_not() {
        let folder = std::env::temp_dir().join(format!("checks-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (file, heading) in [
            ("ch08_query__page", "core: a page"),
            ("ch09_site__a_limit", "robust: a limit"),
            ("ch09_site__page", "core: a page"),
            ("ch09_site__kept", "core: the same page"),
            ("ch09_site__cookie", "exercise: a cookie"),
            ("ch09_site__taught", "lesson: what chapter 9 teaches"),
            ("ch10_keepalive__page", "core: the page as it is now"),
            ("ch10_keepalive__twice", "exercise: twice"),
            ("ch10_keepalive__limited", "lesson: what chapter 10 teaches"),
            ("ch10_keepalive__safe", "core, D6: what protects others"),
            ("ch11_chunked__later", "core: a later page"),
            ("ch18_frames__opening", "core: how a connection begins"),
            ("ch19_hpack__page", "core: a page in HTTP/2"),
        ] {
            let text = format!("---\nsource: a\n---\n* {heading}\n> GET\n");
            fs::write(folder.join(format!("{file}.snap")), text).unwrap();
        }
        let log = folder.join("ch10_keepalive__log.snap");
        fs::write(log, "---\nsource: a\n---\nno exchange\n").unwrap();

        assert_eq!(names("ch08-query", &folder), ["ch08_query: page"]);
        assert_eq!(
            names("ch10-keepalive", &folder),
            [
                "ch09_site: kept",
                "ch10_keepalive: page",
                "ch10_keepalive: safe",
                "ch10_keepalive: limited",
                "ch10_keepalive: twice",
                "ch09_site: a_limit",
                "ch09_site: taught",
            ]
        );
        assert_eq!(names("ch18-frames", &folder), ["ch18_frames: opening"]);
        assert_eq!(
            names("ch19-hpack", &folder),
            ["ch18_frames: opening", "ch19_hpack: page"]
        );
        assert_eq!(names("ch20-streams", &folder).len(), 8);
        let checks = checks_of("ch10-keepalive", &folder).unwrap();
        let decide = checks.iter().filter(|check| check.decides()).count();
        assert_eq!(decide, 5);
        assert!(checks.iter().all(|check| check.transcript.chapter >= 9));
        assert!(is_of_part_two("ch10-keepalive"));
        assert!(!is_of_part_two("ch05a-status"));
        let sealed = [
            "ch16-events",
            "ch17-tls",
            "ch18-frames",
            "ch19-hpack",
            "ch20-streams",
        ];
        assert_eq!(sealed.map(is_sealed), [false, true, false, false, true]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
