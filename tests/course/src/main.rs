//! `cargo course`: the course's own command, for what cargo cannot do.
//!
//!     cargo course

/// Prints a line. Where nobody reads it any more, as behind `| head`, or the disk
/// is full, there is no more to do, and nobody to tell.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write;
        if writeln!(anstream::stdout(), $($line)*).is_err() {
            crate::process::stop_all(crate::FAILED.into());
        }
    }};
}

/// Prints a line to standard error, where that can be done.
macro_rules! warn {
    ($($line:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(anstream::stderr(), $($line)*);
    }};
}

mod archive;
mod bench;
mod book;
mod by_hand;
mod chapters;
mod check;
mod class;
mod diff;
mod exercise;
mod hand_in;
mod handout;
mod left_behind;
mod list;
mod probe;
mod process;
mod read;
mod report;
mod results;
mod site;
mod start;
mod target;

use std::env;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anstream::ColorChoice;
use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::chapters::Course;

/// Checks any server against the chapters, shows what changes from one to the
/// next, and gives the exercises.
#[derive(Parser)]
#[command(
    name = "cargo course",
    bin_name = "cargo course",
    disable_help_subcommand = true,
    max_term_width = 80
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// When to use colours; without it, where a terminal shows them and
    /// NO_COLOR is not set
    #[arg(long, global = true, value_name = "WHEN")]
    color: Option<Color>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the chapters, and says what to do next
    List,
    /// Plays a chapter's exchanges against a server
    Check(CheckArguments),
    /// Asks any server what RFC 9110 and RFC 9112 demand of it
    Probe(ProbeArguments),
    /// Shows what changes from one chapter to another
    Diff(DiffArguments),
    /// Makes chapters/my-server, a crate of your own to work in
    Start(StartArguments),
    /// Shows a chapter's exercise, and a hint
    Hint(HintArguments),
    /// Measures what a chapter is worth, or all of part two
    Bench(bench::Arguments),
    /// Makes a site of the book, and serves it with the server of chapter 14
    Read(ReadArguments),
    /// Makes a site of the book in a folder
    Site(SiteArguments),
    /// Makes one file of your server, to give away
    HandIn(HandInArguments),
    /// Makes a folder with the workspace for learners, without the solutions
    Handout(HandoutArguments),
    /// Checks all that a class has handed in, and makes one table of it
    Class(Box<ClassArguments>),
    /// Rewrites the blocks of the book from their sources, or checks them
    Book(BookArguments),
}

#[derive(Args)]
struct CheckArguments {
    /// The chapter: ch04-routing, ch04 or 4
    chapter: String,

    /// A running server, such as 127.0.0.1:8080; without it, and without a
    /// command, the chapter's own binary is checked
    #[arg(conflicts_with = "command")]
    address: Option<String>,

    /// Checks the chapter's exercise
    #[arg(long)]
    exercise: bool,

    /// Plays one exchange alone: the name that stands before a failure's details
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Lets the robust checks and the notes count too
    #[arg(long)]
    strict: bool,

    /// Shows every failure in full, and not only the first
    #[arg(long)]
    all: bool,

    /// Prints one JSON object for each check, and nothing else
    #[arg(long)]
    json: bool,

    /// The port of the server that the command starts, where it does not print
    /// `Listening on port N...`; 8080 without it
    #[arg(long, requires = "command")]
    port: Option<u16>,

    /// How many seconds a command may say nothing before it listens
    #[arg(long, value_name = "SECONDS", default_value_t = START_TIMEOUT,
          value_parser = clap::value_parser!(u64).range(..=A_DAY))]
    start_timeout: u64,

    /// A command that starts the server, such as `-- python3 my_server.py`
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Args)]
struct ProbeArguments {
    /// A running server, such as 127.0.0.1:8080 or https://127.0.0.1:8443
    address: String,

    /// Takes no certificate but those that this file (PEM) vouches for; without it, any
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,

    /// A path that answers a plain GET with 200; without it, one is looked for
    #[arg(long)]
    path: Option<String>,

    /// Plays one case alone: the name that stands before a departure
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Plays the cases of one group alone: the name that begins its line; several may be named
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,

    /// Plays the cases of one level alone
    #[arg(long, value_enum)]
    level: Option<probe::Level>,

    /// Prints one JSON object for each case, and nothing else
    #[arg(long)]
    json: bool,

    /// How many seconds an answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=A_DAY))]
    patience: u64,

    /// How many milliseconds to rest between two cases
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(..=1000 * A_DAY))]
    pause: u64,

    /// Probes a server of another machine, which you have to be allowed to
    #[arg(long)]
    i_may_test_this_server: bool,
}

#[derive(Args)]
struct DiffArguments {
    /// The chapter to start from, or the one to look at
    #[arg(value_name = "A")]
    from: String,

    /// The chapter to go to, or my-server; without it, A is compared with the
    /// chapter it builds on
    #[arg(value_name = "B")]
    to: Option<String>,

    /// Shows both sides next to each other, where the terminal is wide enough
    #[arg(long, conflicts_with = "stat")]
    side_by_side: bool,

    /// Shows the numbers alone
    #[arg(long)]
    stat: bool,
}

#[derive(Args)]
struct StartArguments {
    /// The chapter to begin with; without it, a main that says where to begin
    #[arg(long, value_name = "CHAPTER")]
    from: Option<String>,

    /// Begins anew where the crate is there already, and keeps the old one under
    /// another name
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
struct HintArguments {
    /// The chapter: ch04-routing, ch04 or 4
    chapter: String,

    /// How plain the hint may be; without it, the exercise alone is shown
    #[arg(value_parser = clap::value_parser!(u8).range(1..=3))]
    hint: Option<u8>,
}

#[derive(Args)]
struct ReadArguments {
    /// Where the server listens; with port 0 on a free one
    #[arg(default_value = "127.0.0.1:8017")]
    address: String,
}

#[derive(Args)]
struct SiteArguments {
    /// The folder to make, or to bring up to date; without it, the one that `read`
    /// serves, below target/
    folder: Option<PathBuf>,

    /// An address to put the paths of the workspace's files behind, so that the site
    /// links to them, such as https://example.org/course/blob/main
    #[arg(long, value_name = "ADDRESS")]
    source: Option<String>,
}

#[derive(Args)]
struct HandInArguments {
    /// Your name, which the file gets
    name: String,

    /// Where your server is, if it is not chapters/my-server
    folder: Option<PathBuf>,

    /// The chapter that it is for; without it, the furthest that my-server has passed
    #[arg(long)]
    chapter: Option<String>,

    /// Checks the chapter's exercise
    #[arg(long, requires = "chapter")]
    exercise: bool,

    /// Packs it without building and checking it
    #[arg(long, conflicts_with_all = ["chapter", "exercise"])]
    unchecked: bool,
}

#[derive(Args)]
struct HandoutArguments {
    /// The folder to make
    folder: PathBuf,

    /// Leaves out the last hint of each exercise, which is nearly the solution
    #[arg(long)]
    no_last_hint: bool,

    /// Adds a workflow with which GitHub Classroom checks this chapter at each push
    #[arg(long, value_name = "CHAPTER")]
    classroom: Option<String>,
}

#[derive(Args)]
struct ClassArguments {
    /// The chapter: ch04-routing, ch04 or 4; or `all`, where the folder holds one for each
    /// chapter, called so
    chapter: String,

    /// Where the hand-ins lie: folders with a crate, a `server.py`, a `server.js` or
    /// a file `command`, files NAME.rs, .zip, and what `cargo course hand-in` made
    folder: PathBuf,

    /// Checks the chapter's exercise
    #[arg(long)]
    exercise: bool,

    /// Runs the hand-ins, with your rights: BOOK.md says how to give them fewer
    #[arg(long)]
    trust: bool,

    /// How many are checked at the same time; without it, two for each processor,
    /// and eight at the most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// How many seconds a hand-in may take to be built, and as many to be checked
    #[arg(long, value_name = "SECONDS", default_value_t = 120,
          value_parser = clap::value_parser!(u64).range(..=A_DAY))]
    limit: u64,

    /// How many seconds a server may take until it listens
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(..=A_DAY))]
    start_timeout: u64,

    /// Who is in the class: CSV with the columns identifier, name and e-mail, or what
    /// Moodle or Canvas has written
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,

    /// Gives points for each group of checks, such as core=60,lesson=20,robust=20
    #[arg(long, value_name = "POINTS")]
    points: Option<class::Points>,

    #[command(flatten)]
    outputs: class::Files,
}

#[derive(Args)]
struct BookArguments {
    /// One file; without it, BOOK.md and all that its contents lead to
    file: Option<PathBuf>,

    /// Writes nothing, and fails where a block is not as its source is
    #[arg(long)]
    check: bool,

    /// Does not run the commands in the book
    #[arg(long)]
    no_run: bool,

    /// Makes one file of all of the book instead: Markdown where the name ends in .md, a
    /// page to print where it ends in .html
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "check", "no_run"])]
    whole: Option<PathBuf>,

    /// Shows instead how much code there is beside how much text
    #[arg(long, conflicts_with_all = ["file", "check", "no_run", "whole"])]
    measure: bool,
}

/// How many seconds a command may say nothing before it listens.
const START_TIMEOUT: u64 = 30;

/// How many seconds may be waited for anything at the most: the clock has an end.
const A_DAY: u64 = 24 * 60 * 60;

/// The exit code for checks that failed.
const FAILED: u8 = 1;
/// The exit code for wrong usage, which clap uses too.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.color {
        Some(Color::Always) => ColorChoice::Always.write_global(),
        Some(Color::Never) => ColorChoice::Never.write_global(),
        None => {}
    }
    let done = run(cli.command.unwrap_or(Command::List));
    process::wait_if_all_is_stopped();
    match done {
        Ok(code) => code,
        Err(error) => {
            warn!("Error: {error:#}");
            match error.downcast_ref::<CannotCheck>() {
                Some(_) => ExitCode::from(FAILED),
                None => ExitCode::from(USAGE),
            }
        }
    }
}

/// Why a server could not be checked at all.
#[derive(Debug)]
struct CannotCheck(String);

impl std::fmt::Display for CannotCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for CannotCheck {}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let course = Course::find()?;
    process::stop_on_ctrl_c()?;
    left_behind::adopt_orphans();
    match command {
        Command::List => list::list(&course)?,
        Command::Check(arguments) => {
            let chapter = course.chapter(&arguments.chapter)?;
            let is_own = arguments.address.is_none() && arguments.command.is_empty();
            let options = check::Options {
                exercise: arguments.exercise,
                // What our own binaries pass says nothing about the learner.
                keep_score: arguments.only.is_none() && !is_own,
                only: arguments.only,
                strict: arguments.strict,
                all: arguments.all,
                json: arguments.json,
                start_timeout: Duration::from_secs(arguments.start_timeout),
            };
            let target = if let Some(address) = arguments.address {
                target::Kind::Running(resolve(&address)?)
            } else if arguments.command.is_empty() {
                target::Kind::own(&course, chapter)?
            } else {
                target::Kind::Command {
                    words: arguments.command,
                    port: arguments.port,
                }
            };
            if !check::check(&course, chapter, target, &options)? {
                return Ok(ExitCode::from(FAILED));
            }
        }
        Command::Probe(arguments) => {
            let options = probe::Options {
                path: arguments.path,
                only: arguments.only,
                groups: arguments.groups,
                level: arguments.level,
                json: arguments.json,
                trusted: arguments.cacert,
                patience: Duration::from_secs(arguments.patience),
                pause: Duration::from_millis(arguments.pause),
                may_test: arguments.i_may_test_this_server,
            };
            if !probe::probe(&arguments.address, &options)? {
                return Ok(ExitCode::from(FAILED));
            }
        }
        Command::Diff(arguments) => {
            let layout = match arguments {
                DiffArguments { stat: true, .. } => diff::Layout::Numbers,
                DiffArguments {
                    side_by_side: true, ..
                } => diff::Layout::SideBySide,
                _ => diff::Layout::Unified,
            };
            diff::diff(&course, &arguments.from, arguments.to.as_deref(), layout)?;
        }
        Command::Start(arguments) => {
            start::start(&course, arguments.from.as_deref(), arguments.force)?
        }
        Command::Hint(arguments) => {
            let chapter = course.chapter(&arguments.chapter)?;
            exercise::hint(&course, chapter, arguments.hint)?;
        }
        Command::Bench(arguments) => bench::bench(&course, &arguments)?,
        Command::Read(arguments) => {
            let addresses = resolve(&arguments.address)?;
            read::read(&course, addresses[0])?;
        }
        Command::Site(arguments) => {
            let SiteArguments { folder, source } = arguments;
            let (folder, pages) = site::make(&course, folder.as_deref(), source.as_deref())?;
            say!("Made {pages} pages in {}", folder.display());
        }
        Command::HandIn(arguments) => {
            let options = hand_in::Options {
                chapter: arguments.chapter,
                exercise: arguments.exercise,
                unchecked: arguments.unchecked,
            };
            hand_in::hand_in(
                &course,
                &arguments.name,
                arguments.folder.as_deref(),
                &options,
            )?;
        }
        Command::Handout(arguments) => {
            let options = handout::Options {
                no_last_hint: arguments.no_last_hint,
                classroom: arguments.classroom,
            };
            handout::handout(&course, &arguments.folder, &options)?;
        }
        Command::Class(arguments) => {
            let options = class::Options {
                exercise: arguments.exercise,
                trust: arguments.trust,
                jobs: arguments.jobs.map_or_else(default_jobs, usize::from),
                limit: Duration::from_secs(arguments.limit),
                start_timeout: Duration::from_secs(arguments.start_timeout),
                roster: arguments.roster,
                points: arguments.points,
                outputs: arguments.outputs,
            };
            class::class(&course, &arguments.chapter, &arguments.folder, &options)?;
        }
        Command::Book(arguments) => {
            if let Some(file) = &arguments.whole {
                book::write_whole(&course, file)?;
                return Ok(ExitCode::SUCCESS);
            }
            if arguments.measure {
                book::measure(&course)?;
                return Ok(ExitCode::SUCCESS);
            }
            let options = book::Options {
                check: arguments.check,
                no_run: arguments.no_run,
            };
            if !book::book(&course, arguments.file.as_deref(), options)? {
                return Ok(ExitCode::from(FAILED));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How many servers are checked at the same time: the most part of a check is to
/// wait.
fn default_jobs() -> usize {
    thread::available_parallelism().map_or(2, |count| (2 * count.get()).min(8))
}

/// The cargo that runs this, or the one that a shell would find.
fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// All addresses that a name and a port stand for; one at the least. `localhost` has often
/// two of them, and a server listens on one.
fn resolve(address: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let help = "write a host, a colon and a port, such as 127.0.0.1:8080";
    let addresses: Vec<SocketAddr> = address
        .to_socket_addrs()
        .with_context(|| format!("{address:?} is not an address; {help}"))?
        .collect();
    if addresses.is_empty() {
        bail!("{address:?} names no address; {help}");
    }
    Ok(addresses)
}
