//! What clients may cost, as one value.

use std::env;
use std::ops::Deref;
use std::process::exit;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ch02::error::RequestError;
use crate::ch02::head::MAX_HEAD;
use crate::ch06::body::MAX_BODY;
use crate::ch08::query::Query;
use crate::ch09::form::parse_form;
use crate::ch09::guestbook::Guestbook;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch10::response_writer::ROOM;
use crate::ch10::routes::sign_with;
use crate::ch10::wait::Timeouts;
use crate::ch12::log_writer::most_bytes;

/// What clients may cost. How large one request may be is not here: those limits are
/// constants beside the code that counts, [`MAX_HEAD`] and [`MAX_BODY`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How long a client may take for each step.
    pub timeouts: Timeouts,
    /// How old a connection may become. The request that it has begun is still answered. A
    /// client that kept one connection for ever would never notice that its server has moved.
    pub life: Duration,
    /// How many requests may come over one connection: the same limit for quick clients.
    pub requests: usize,
    /// How many connections there may be. Each has a thread, and memory for its request and
    /// its response ([`Limits::memory`]).
    pub connections: usize,
    /// How many of them one client may have. A browser opens six, and a whole school may
    /// share one address.
    pub connections_of_one: usize,
    /// How many lines of the usual length may wait to be written, in each of the two logs.
    pub log_lines: usize,
    /// How long the connections may take to finish when the server is to stop. Used from
    /// chapter 13 on.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            life: Duration::from_secs(10 * 60),
            requests: 1000,
            connections: 512,
            connections_of_one: 256,
            log_lines: 16 * 1024,
            stop: Duration::from_secs(10),
        }
    }
}

/// The longest time that `LIMITS` may set. A system cannot represent a time that is too far
/// ahead.
const MOST_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The highest number that `LIMITS` may set: more than a machine has room for.
const MOST: usize = 1_000_000;

/// How much memory a thread takes besides requests and responses, in bytes: its stack, with
/// the piece that it reads.
const THREAD: usize = 64 * 1024;

/// How much memory it takes to parse a form, in bytes. Each byte that is not UTF-8 becomes
/// three, and there are up to four copies, in buffers that double.
const FORM: usize = 4 * 2 * 3 * MAX_BODY;

impl Limits {
    /// The defaults, with the changes that the environment variable `LIMITS` sets, as in
    /// `LIMITS='connections=2 idle=0.5'`; times are in seconds. A mistake in it ends the
    /// process with a sentence and exit code 2.
    pub fn from_environment() -> Self {
        let said = env::var_os("LIMITS").unwrap_or_default();
        // Where it is not UTF-8, it names no limit either.
        Self::default()
            .but_for(&said.to_string_lossy())
            .unwrap_or_else(|problem| {
                eprintln!("Error: LIMITS: {problem}");
                exit(2)
            })
    }

    /// The same limits, with the changes that these words set.
    ///
    /// ```
    /// let limits = common::Limits::default().but_for("connections=2 idle=0.5")?;
    /// assert_eq!(limits.connections, 2);
    /// assert_eq!(limits.timeouts.idle.as_millis(), 500);
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// A sentence that says what is wrong with a word.
    pub fn but_for(mut self, words: &str) -> Result<Self, String> {
        for word in words.split_whitespace() {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("{word:?} is not NAME=NUMBER"))?;
            if let Some(time) = self.time(name) {
                let seconds = value.parse().ok().map(Duration::try_from_secs_f64);
                match seconds {
                    Some(Ok(seconds)) if seconds <= MOST_TIME => *time = seconds,
                    _ => {
                        return Err(format!(
                            "{value:?} is no number of seconds, a year at the most, for {name}"
                        ));
                    }
                }
            } else if let Some(number) = self.number(name) {
                *number = match value.parse() {
                    Ok(value @ 1..=MOST) => value,
                    _ => {
                        return Err(format!(
                            "{value:?} is no number from 1 to {MOST} for {name}"
                        ));
                    }
                };
            } else {
                return Err(format!(
                    "there is no limit {name:?}; there are idle, head, body, inactivity, linger, \
                     life, stop, requests, connections, connections_of_one and log_lines"
                ));
            }
        }
        Ok(self)
    }

    fn time(&mut self, name: &str) -> Option<&mut Duration> {
        Some(match name {
            "idle" => &mut self.timeouts.idle,
            "head" => &mut self.timeouts.head,
            "body" => &mut self.timeouts.body,
            "inactivity" => &mut self.timeouts.inactivity,
            "linger" => &mut self.timeouts.linger,
            "life" => &mut self.life,
            "stop" => &mut self.stop,
            _ => return None,
        })
    }

    fn number(&mut self, name: &str) -> Option<&mut usize> {
        Some(match name {
            "requests" => &mut self.requests,
            "connections" => &mut self.connections,
            "connections_of_one" => &mut self.connections_of_one,
            "log_lines" => &mut self.log_lines,
            _ => return None,
        })
    }

    /// The most memory that clients can make the server take, in bytes. For each connection
    /// that is its thread, a head (as received, as fields, and in its line of the log), a body
    /// (twice, as its buffer doubles when it is full) and the part of a response that is ready
    /// to be sent. All connections share the lines of the two logs (also twice), and one form
    /// that is being parsed.
    pub fn memory(&self) -> usize {
        self.connections * (THREAD + 8 * MAX_HEAD + 2 * MAX_BODY + 2 * ROOM)
            + 2 * 2 * most_bytes(self.log_lines)
            + FORM
    }
}

/// A parsed form. It holds a lock, so there is only one at a time; used as a [`Query`].
pub struct FormInTurn {
    form: Query,
    /// Never read: the lock is released when this is dropped, together with the form.
    _turn: MutexGuard<'static, ()>,
}

impl Deref for FormInTurn {
    type Target = Query;

    fn deref(&self) -> &Query {
        &self.form
    }
}

/// Does what [`parse_form`] does, for one form after the other. To parse a form is quick, but
/// takes many times its length of memory, and all clients could make the server do it at once.
///
/// # Errors
/// As [`parse_form`].
pub fn form_in_turn(request: &Request) -> Result<FormInTurn, RequestError> {
    static TURN: Mutex<()> = Mutex::new(());
    // There is nothing behind the lock that a panic could have left wrong.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(FormInTurn {
        form: parse_form(request)?,
        _turn: turn,
    })
}

/// Does what [`sign`](crate::sign) does, with [`form_in_turn`], so that no two threads parse a
/// form at the same time.
///
/// # Errors
/// As [`sign`](crate::sign).
pub fn sign_in_turn(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let form = form_in_turn(request)?;
    sign_with(&form, guestbook)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set() {
        let said = "idle=1 head=2 body=3 inactivity=4 linger=5 life=6 stop=11 \
                    requests=7 connections=8 connections_of_one=9 log_lines=10";
        let limits = Limits::default().but_for(said).unwrap();
        let seconds = Duration::from_secs;
        let expected = Limits {
            timeouts: Timeouts {
                idle: seconds(1),
                head: seconds(2),
                body: seconds(3),
                inactivity: seconds(4),
                linger: seconds(5),
            },
            life: seconds(6),
            requests: 7,
            connections: 8,
            connections_of_one: 9,
            log_lines: 10,
            stop: seconds(11),
        };
        assert_eq!(limits, expected);
        assert_eq!(Limits::default().but_for(" "), Ok(Limits::default()));
    }

    #[test]
    fn wrong_words() {
        for (said, problem) in [
            ("idle", "\"idle\" is not NAME=NUMBER"),
            (
                "idle=soon",
                "\"soon\" is no number of seconds, a year at the most, for idle",
            ),
            (
                "idle=-1",
                "\"-1\" is no number of seconds, a year at the most, for idle",
            ),
            (
                "idle=NaN",
                "\"NaN\" is no number of seconds, a year at the most, for idle",
            ),
            (
                "idle=1e300",
                "\"1e300\" is no number of seconds, a year at the most, for idle",
            ),
            (
                "idle=31536001",
                "\"31536001\" is no number of seconds, a year at the most, for idle",
            ),
            (
                "idle=1e12",
                "\"1e12\" is no number of seconds, a year at the most, for idle",
            ),
            (
                "log_lines=99999999999999999999",
                "\"99999999999999999999\" is no number from 1 to",
            ),
            ("log_lines=1000001", "\"1000001\" is no number from 1 to"),
            (
                "requests=0",
                "\"0\" is no number from 1 to 1000000 for requests",
            ),
            (
                "requests=1.5",
                "\"1.5\" is no number from 1 to 1000000 for requests",
            ),
            ("wishes=3", "there is no limit \"wishes\""),
        ] {
            let error = Limits::default().but_for(said).unwrap_err();
            assert!(error.starts_with(problem), "{said}: {error}");
        }
    }

    #[test]
    fn the_defaults_in_the_same_words() {
        let said = "idle=10 head=10 body=180 inactivity=10 linger=1 life=600 stop=10 \
                    requests=1000 connections=512 connections_of_one=256 log_lines=16384";
        let shortest = "idle=1 head=1 body=1 inactivity=1 linger=2 life=1 stop=1 \
                        requests=1 connections=1 connections_of_one=1 log_lines=1";
        let others = Limits::default().but_for(shortest).unwrap();
        assert_eq!(others.but_for(said), Ok(Limits::default()));
    }

    #[test]
    fn the_highest_that_may_be_said() {
        let limits = Limits::default().but_for("idle=31536000 log_lines=1000000");
        let limits = limits.unwrap();
        assert_eq!(limits.timeouts.idle, Duration::from_secs(31_536_000));
        assert_eq!(limits.log_lines, 1_000_000);
    }

    #[test]
    fn what_one_connection_costs_and_what_all_of_them_share() {
        const KIB: usize = 1024;
        let memory = |said: &str| Limits::default().but_for(said).unwrap().memory();
        // A thread, a head eight times, a body twice and what is on its way.
        let one = (64 + 8 * 8 + 2 * 1024 + 2 * 64) * KIB;
        // A form, and the lines of two logs, each twice: 128 bytes for each line, but at
        // least 64 KiB.
        let form = 24 * 1024 * KIB;
        for (said, expected) in [
            ("connections=1 log_lines=1", one + form + 4 * 64 * KIB),
            ("connections=3 log_lines=1", 3 * one + form + 4 * 64 * KIB),
            ("connections=1 log_lines=1024", one + form + 4 * 128 * KIB),
        ] {
            assert_eq!(memory(said), expected, "{said}");
        }
    }

    #[test]
    fn the_default_fits_into_a_small_machine() {
        assert!(Limits::default().memory() < 1300 << 20);
    }
}
