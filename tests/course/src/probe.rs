//! `cargo course probe`: what the RFCs demand of any server, case by case.

mod carrier;
mod cases;
mod conversation;
mod demand;
mod facts;
mod flood;
mod frames;
mod report;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{CannotCheck, resolve};
use carrier::Carrier;
use cases::{Case, Cases, Line};
use conversation::{Departure, Prober};
use facts::{Facts, Page};
use report::Outcome;

pub use cases::{Level, text_of};

/// What the command line asks for.
pub struct Options {
    pub path: Option<String>,
    pub only: Option<String>,
    pub groups: Vec<String>,
    pub level: Option<Level>,
    pub json: bool,
    /// Whose certificates are taken, where TLS is spoken; without it, everybody's.
    pub trusted: Option<PathBuf>,
    /// How long an answer may take.
    pub patience: Duration,
    /// How long to rest between two cases.
    pub pause: Duration,
    /// Whether the server may be one of another machine.
    pub may_test: bool,
}

/// Where a server is asked for its page.
const PATHS: [&str; 3] = ["/", "/index.html", "/hello"];
/// How many redirections are followed from there.
const REDIRECTIONS: usize = 3;
/// The shortest page of which ranges are asked for.
const SHORTEST: usize = 8;

/// Probes a server, whose address was typed so, and gives whether it breaks no MUST.
pub fn probe(typed: &str, options: &Options) -> anyhow::Result<bool> {
    let (carrier, host) = Carrier::new(typed, options.trusted.as_deref())?;
    let addresses: Vec<SocketAddr> = resolve(host)?.into_iter().map(reachable).collect();
    if let Some(other) = addresses.iter().find(|one| !one.ip().is_loopback()) {
        ensure!(
            options.may_test,
            "{} is not your own machine. The probe sends malformed requests by the hundred, \
             which fill logs, set off alarms and may stop a weak server: only do that to a \
             server that you may test, and say so with --i-may-test-this-server",
            other.ip()
        );
    }
    let cases = Cases::load()?;
    let mut chosen = choose(&cases, options)?;
    let scheme = carrier.scheme();
    let mut prober = Prober::new(addresses, carrier, options.patience);
    let speaks_frames = prober.finds_frames();
    let path = options.path.as_deref();
    let mut facts = match find_out(&mut prober, host, path) {
        Ok(facts) if speaks_frames && facts.page.problem.is_some() => {
            facts_without_http_1(&mut prober, host, path)
        }
        Err(_) if speaks_frames => facts_without_http_1(&mut prober, host, path),
        found => found?,
    };
    if speaks_frames && facts.has_page {
        let path = String::from_utf8_lossy(facts.get("path").unwrap_or_default()).into_owned();
        let answer = prober.ask_in_frames(scheme, host, &path);
        facts.set_frames_page(answer.filter(|(status, _)| status / 100 == 2));
    }
    let is_spoken = |case: &&Case| match cases.groups[case.group].is_of_frames() {
        true => speaks_frames,
        false => facts.has_page,
    };
    let before = chosen.len();
    chosen.retain(is_spoken);
    let left_out = before - chosen.len();
    if chosen.is_empty() {
        let words = format!("{host}: {}", report::not_spoken(speaks_frames, scheme));
        return Err(CannotCheck(words).into());
    }
    if !options.json {
        report::heading(scheme, host, &facts);
        if left_out > 0 {
            report::left_out(left_out, speaks_frames, scheme);
        }
    }
    let progress = ProgressBar::new(chosen.len() as u64).with_style(ProgressStyle::with_template(
        "{bar:40} {pos} of {len}  {msg}",
    )?);
    let mut outcomes = Vec::new();
    let mut is_gone = false;
    for &case in &chosen {
        if !outcomes.is_empty() {
            thread::sleep(options.pause);
        }
        progress.set_message(case.name.clone());
        let mut outcome = run(&mut prober, case, &facts);
        if let Ok(played) = &mut outcome.result
            && let Some(departure) = find_death(&mut prober, &facts)
        {
            is_gone = find_death(&mut prober, &facts).is_some();
            played.departure = Some(departure);
        }
        if options.json {
            report::json_line(&cases, &outcome);
        }
        outcomes.push(outcome);
        progress.inc(1);
        if is_gone {
            break;
        }
    }
    progress.finish_and_clear();
    if !options.json {
        report::table(&cases, &outcomes);
        report::causes(&cases, &outcomes);
        report::departures(&cases, &outcomes, prober.address(), scheme == "https");
        report::skipped(&outcomes);
        if is_gone {
            say!(
                "\nThe server is gone: {} cases were not played.",
                chosen.len() - outcomes.len()
            );
        }
    }
    Ok(!is_gone && report::count(&cases, &outcomes, Level::Must) == 0)
}

/// The address to connect to, where it was typed as servers write where they listen: one
/// that listens everywhere is on this machine too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The cases that the command line asks for.
fn choose<'a>(cases: &'a Cases, options: &Options) -> anyhow::Result<Vec<&'a Case>> {
    let is_missing = |name: &&String| !cases.groups.iter().any(|group| group.name == **name);
    if let Some(name) = options.groups.iter().find(is_missing) {
        let names: Vec<&str> = cases.groups.iter().map(|group| &*group.name).collect();
        bail!("there is no group {name:?}; there are {}", names.join(", "));
    }
    let chosen: Vec<&Case> = cases
        .cases
        .iter()
        .filter(|case| options.only.as_ref().is_none_or(|name| case.name == *name))
        .filter(|case| {
            options.groups.is_empty() || options.groups.contains(&cases.groups[case.group].name)
        })
        .filter(|case| {
            let mut wanted = options.level.iter();
            wanted.all(|level| cases.rules[case.rule].level == *level)
        })
        .collect();
    if chosen.is_empty() {
        match &options.only {
            Some(name) => bail!(
                "there is no case {name:?} here; --json and the text of a departure show the names"
            ),
            None => bail!("the group has no case of that level"),
        }
    }
    Ok(chosen)
}

fn run<'a>(prober: &mut Prober, case: &'a Case, facts: &Facts) -> Outcome<'a> {
    // Demands on fields that the page has not would be met by saying nothing.
    let mut met = case
        .lines
        .iter()
        .filter_map(|line| match line {
            Line::Answer(wanted) => Some(&wanted.demands),
            _ => None,
        })
        .flatten()
        .filter_map(|demand| demand.is_met_by_page(&facts.page))
        .peekable();
    let is_of_frames = case
        .lines
        .iter()
        .any(|line| matches!(line, Line::Frames(_)));
    let result = if is_of_frames {
        prober.play_frames(&case.lines, facts)
    } else if met.peek().is_some() && !met.any(|is_met| is_met) {
        Err("the page has not the fields that this is about")
    } else {
        prober.play(&case.lines, facts)
    };
    Outcome { case, result }
}

/// Whether the server still answers a plain request; what is wrong where it does not.
fn find_death(prober: &mut Prober, facts: &Facts) -> Option<Departure> {
    if !facts.has_page {
        let words = "after this the server does not begin a connection any more";
        return (!prober.finds_frames()).then(|| Departure::new(words));
    }
    let problem = match prober.ask(facts.get("last").unwrap_or_default()) {
        Ok(heard) if heard.status / 100 == facts.page.status / 100 => return None,
        Ok(heard) => format!("a plain request got {}", heard.status),
        // It lives, and says what it always said.
        Err(departure) if departure.is_malformed && facts.page.problem.is_some() => return None,
        Err(departure) => departure.problem,
    };
    Some(Departure {
        problem: format!("after this the server does not answer any more: {problem}"),
        position: None,
        is_malformed: false,
    })
}

/// Finds out what the server has that cases can be about.
fn find_out(prober: &mut Prober, host: &str, path: Option<&str>) -> anyhow::Result<Facts> {
    let (path, page) = match path {
        Some(path) => {
            let facts = Facts::new(prober.carrier.scheme(), host, path);
            let page = ask_for_page(prober, &facts, host)?;
            if page.status != 200 {
                let words = format!("GET {path} gets {}, and not 200", page.status);
                return Err(CannotCheck(words).into());
            }
            (path.to_owned(), page)
        }
        None => find_page(prober, host)?,
    };
    let mut facts = Facts::new(prober.carrier.scheme(), host, &path);
    let again = prober.ask(facts.get("last").unwrap_or_default());
    let is_the_same = again.is_ok_and(|again| again.body == page.body);
    let length = page.body.len();
    let says_ranges = page
        .field("Accept-Ranges")
        .is_some_and(|value| value.eq_ignore_ascii_case(b"bytes"));
    facts.set_page(page);
    if is_the_same {
        facts.set("length", length.to_string());
    }
    let mut status = |request: String| {
        let request = facts.fill(request.as_bytes()).unwrap_or_default();
        prober.ask(&request).ok().map(|heard| heard.status)
    };
    let rest = "[path] HTTP/1.1\r\nHost: [host]\r\nConnection: close\r\n";
    let upload = ["POST", "GET"].into_iter().find(|method| {
        let status = status(format!("{method} {rest}Content-Length: 3\r\n\r\nabc"));
        status.is_some_and(|status| status / 100 == 2)
    });
    let refused = ["POST", "PROPFIND", "TRACE"]
        .into_iter()
        .find(|method| status(format!("{method} {rest}\r\n")) == Some(405));
    let bad = [
        "Host: [host]\r\nContent-Length: abc",
        "Host: [host]\r\nX-A : 1",
        "Host: [host]\r\nX-A",
        "X-A: 1",
    ]
    .into_iter()
    .find(|bad| status(format!("GET [path] HTTP/1.1\r\n{bad}\r\n\r\n")) == Some(400));
    let ranged = status(format!("GET {rest}Range: bytes=0-0\r\n\r\n")) == Some(206);
    let missing = "/there/is/no/such/page";
    let is_missing = status(format!("GET {missing}{}\r\n", &rest["[path]".len()..])) == Some(404);
    if let Some(upload) = upload {
        facts.set("upload", upload);
    }
    if let Some(refused) = refused {
        facts.set("refused", refused);
    }
    if let Some(bad) = bad {
        let bad = facts.fill(bad.as_bytes()).unwrap_or_default();
        facts.set("bad", bad);
    }
    if is_missing {
        facts.set("missing", missing);
    }
    if (ranged || says_ranges) && is_the_same && length >= SHORTEST {
        facts.set("ranged", path);
    }
    Ok(facts)
}

/// What is known of a server that speaks HTTP/2 alone.
fn facts_without_http_1(prober: &mut Prober, host: &str, path: Option<&str>) -> Facts {
    let scheme = prober.carrier.scheme();
    let paths = path.map_or(PATHS.to_vec(), |path| vec![path]);
    let page = paths.iter().find_map(|path| {
        let answer = prober.ask_in_frames(scheme, host, path);
        Some((*path, answer.filter(|(status, _)| *status == 200)?))
    });
    let (path, answer) = page.map_or((paths[0], None), |(path, answer)| (path, Some(answer)));
    let mut facts = Facts::new(scheme, host, path);
    facts.set_frames_page(answer);
    facts
}

/// Asks for the page. An answer that is malformed is none, and what it would have been is
/// taken for a plain 200: whatever else the server does can be found out all the same.
fn ask_for_page(prober: &mut Prober, facts: &Facts, host: &str) -> Result<Page, CannotCheck> {
    match prober.ask(facts.get("last").unwrap_or_default()) {
        Ok(heard) => Ok(Page::from(heard)),
        Err(departure) if departure.is_malformed => Ok(Page::malformed(departure.problem)),
        Err(departure) => Err(no_page(host, &departure)),
    }
}

/// Looks for a path that answers 200.
fn find_page(prober: &mut Prober, host: &str) -> anyhow::Result<(String, Page)> {
    let mut seen = Vec::new();
    for path in PATHS {
        let mut path = path.to_owned();
        for _ in 0..=REDIRECTIONS {
            let facts = Facts::new(prober.carrier.scheme(), host, &path);
            let page = ask_for_page(prober, &facts, host)?;
            if page.status == 200 {
                return Ok((path, page));
            }
            seen.push(format!("{path} gets {}", page.status));
            let location = page.field("Location").map(String::from_utf8_lossy);
            let Some(next) =
                location.and_then(|location| own_path(&location, prober.carrier.scheme(), host))
            else {
                break;
            };
            path = next;
        }
    }
    Err(CannotCheck(format!(
        "no page was found that a plain GET gets with 200 ({}); name one with --path",
        seen.join(", ")
    ))
    .into())
}

/// The path of an address, where it is one of the same server.
fn own_path(location: &str, scheme: &str, host: &str) -> Option<String> {
    let rest = location.strip_prefix(scheme);
    let path = match rest.and_then(|rest| rest.strip_prefix("://")) {
        Some(rest) => rest.strip_prefix(host)?,
        None => location,
    };
    path.starts_with('/').then(|| path.to_owned())
}

fn no_page(host: &str, departure: &Departure) -> CannotCheck {
    CannotCheck(format!(
        "{host} does not answer a plain GET: {}; is it running?",
        departure.problem
    ))
}
