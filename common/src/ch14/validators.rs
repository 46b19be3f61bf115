//! Validators, which tell one version of a file from another, and the conditional requests
//! that clients make with them (RFC 9110 §8.8, §13).

use std::fs::Metadata;
use std::iter;
use std::time::{Duration, SystemTime};

use crate::ch09::date::{http_date, seconds_since_1970};
use crate::ch09::request::Request;
use crate::ch14::http_date;

/// For how long after a change a second change may leave the file's time as it is: file
/// systems keep times in steps, and the largest is this long.
const STEP: Duration = Duration::from_secs(2);

/// The validators of one version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// Its entity tag, such as `"6740f1a2-1b"`. A weak tag, such as `W/"6740f1a2-1b-fresh"`,
    /// may stand for two versions that differ.
    pub tag: String,
    /// When it last changed, in seconds since 1970.
    modified: u64,
}

/// What the conditions of a request lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request is answered as if it had no conditions.
    Fulfilled,
    /// The client has this version already: 304.
    NotModified,
    /// The condition that the client set is not met: 412.
    Failed,
}

impl Validators {
    /// The validators of an opened file.
    pub fn of(metadata: &Metadata) -> Self {
        Self::of_version(metadata.len(), metadata.modified().ok(), SystemTime::now())
    }

    /// The tag is made of the file's length and the time of its last change. It is strong only
    /// once another change would show in that time. Until then the file has a weak tag, which
    /// it does not keep: a client with the weak tag is sent the file once more.
    fn of_version(length: u64, modified: Option<SystemTime>, now: SystemTime) -> Self {
        // Where the time is unknown or impossible, the file is treated as if it had just
        // changed. The very beginning of 1970 is possible: reproducible builds give it to all
        // of their files.
        let is_known = |time: &SystemTime| SystemTime::UNIX_EPOCH <= *time && *time <= now;
        let modified = modified.filter(is_known).unwrap_or(now);
        let since_1970 = modified.duration_since(SystemTime::UNIX_EPOCH);
        let nanoseconds = since_1970.unwrap_or_default().as_nanos();
        let is_fresh = now.duration_since(modified).unwrap_or_default() < STEP;
        Self {
            tag: if is_fresh {
                format!("W/\"{nanoseconds:x}-{length:x}-fresh\"")
            } else {
                format!("\"{nanoseconds:x}-{length:x}\"")
            },
            modified: seconds_since_1970(modified),
        }
    }

    /// Whether they stand for this version alone, byte for byte.
    fn are_strong(&self) -> bool {
        !self.tag.starts_with("W/")
    }

    /// The value of `Last-Modified`. A date names a whole second, so it is not sent while the
    /// file may change again within that second (RFC 9110 §8.8.2.2).
    pub fn last_modified(&self) -> Option<String> {
        self.are_strong().then(|| http_date(self.modified))
    }

    /// Evaluates the conditions of a request for this file, in the order of §13.2.2. Where a
    /// condition by tag is given, the one by date is ignored.
    pub fn outcome(&self, request: &Request) -> Outcome {
        let reads = matches!(&*request.method, "GET" | "HEAD");
        let is_given = |name| request.fields.values(name).next().is_some();
        if is_given("If-Match") {
            if !self.is_in(request, "If-Match", same_strongly) {
                return Outcome::Failed;
            }
        } else if let Some(moment) = moment(request, "If-Unmodified-Since")
            && self.modified > moment
        {
            return Outcome::Failed;
        }
        if is_given("If-None-Match") {
            match (self.is_in(request, "If-None-Match", same_weakly), reads) {
                (false, _) => Outcome::Fulfilled,
                (true, true) => Outcome::NotModified,
                (true, false) => Outcome::Failed,
            }
        } else if reads
            && let Some(moment) = moment(request, "If-Modified-Since")
            && self.are_strong()
            && self.modified <= moment
        {
            Outcome::NotModified
        } else {
            Outcome::Fulfilled
        }
    }

    /// Whether a part of this version fits the part that the client has. `If-Range` must hold
    /// this version's tag or date; otherwise the client would join parts of two versions
    /// (§13.1.5).
    pub fn fits_range(&self, request: &Request) -> bool {
        let mut values = request.fields.values("If-Range");
        match (values.next(), values.next()) {
            (None, _) => true,
            (Some(value), None) => {
                let is_date = self.last_modified().as_deref() == Some(value);
                is_date || same_strongly(value, &self.tag)
            }
            _ => false,
        }
    }

    /// Whether the tag is in the list of a field. `*` stands for any tag.
    fn is_in(&self, request: &Request, name: &str, same: fn(&str, &str) -> bool) -> bool {
        let mut lists = request.fields.values(name);
        lists.any(|list| list == "*" || tags(list).any(|tag| same(tag, &self.tag)))
    }
}

/// The tags in a list. A tag reaches from one quotation mark to the next: a comma within it
/// separates nothing, and a backslash escapes nothing (§8.8.3).
fn tags(mut list: &str) -> impl Iterator<Item = &str> {
    iter::from_fn(move || {
        list = list.trim_start_matches([' ', '\t', ',']);
        let opaque = list.strip_prefix("W/").unwrap_or(list);
        let length = opaque.strip_prefix('"')?.find('"')? + 2;
        let (tag, rest) = list.split_at(list.len() - opaque.len() + length);
        list = rest;
        Some(tag)
    })
}

/// The strong comparison: whether two tags stand for the same bytes (§8.8.3.2).
fn same_strongly(one: &str, other: &str) -> bool {
    one == other && !one.starts_with("W/")
}

/// The weak comparison: whether one version will do for the other (§8.8.3.2).
fn same_weakly(one: &str, other: &str) -> bool {
    one.strip_prefix("W/").unwrap_or(one) == other.strip_prefix("W/").unwrap_or(other)
}

/// The date in a field. A value that is no date is ignored, and so is a field that comes twice.
fn moment(request: &Request, name: &str) -> Option<u64> {
    let mut values = request.fields.values(name);
    match (values.next(), values.next()) {
        (Some(value), None) => http_date::read(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Failed, Fulfilled, NotModified};

    const MODIFIED: u64 = 784_111_777;

    fn version(age: Duration) -> Validators {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
        Validators::of_version(27, Some(modified), modified + age)
    }

    fn request(method: &str, fields: &str) -> Request {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        Request::from_head(head.as_bytes()).unwrap()
    }

    #[test]
    fn a_tag_is_strong_once_a_next_change_would_show() {
        let nanoseconds = u128::from(MODIFIED) * 1_000_000_000;
        let fresh = version(Duration::from_millis(1999));
        assert_eq!(fresh.tag, format!("W/\"{nanoseconds:x}-1b-fresh\""));
        assert_eq!(fresh.last_modified(), None);
        let settled = version(STEP);
        assert_eq!(settled.tag, format!("\"{nanoseconds:x}-1b\""));
        assert_eq!(
            settled.last_modified().unwrap(),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }

    /// Two versions may share the weak tag, so it must not match for ever.
    #[test]
    fn a_weak_tag_does_not_stay() {
        let asked = request(
            "GET",
            &format!("If-None-Match: {}\r\n", version(Duration::ZERO).tag),
        );
        assert_eq!(version(STEP / 2).outcome(&asked), NotModified);
        assert_eq!(version(STEP).outcome(&asked), Fulfilled);
    }

    #[test]
    fn a_file_of_unknown_time_has_just_changed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
        let just_now = Validators::of_version(27, Some(now), now);
        let epoch = SystemTime::UNIX_EPOCH;
        for time in [
            None,
            Some(now + Duration::from_secs(1)),
            Some(epoch - Duration::from_secs(1)),
        ] {
            assert_eq!(Validators::of_version(27, time, now), just_now, "{time:?}");
        }
    }

    #[test]
    fn a_file_whose_time_is_0_keeps_its_tag() {
        let epoch = SystemTime::UNIX_EPOCH;
        let tags = [MODIFIED, MODIFIED + 1].map(|seconds| {
            let now = epoch + Duration::from_secs(seconds);
            Validators::of_version(27, Some(epoch), now)
        });
        assert_eq!(tags[0].tag, "\"0-1b\"");
        assert_eq!(tags[0], tags[1]);
        let date = tags[0].last_modified();
        assert_eq!(date.as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    }

    #[test]
    fn lists_of_tags() {
        for (list, expected) in [
            ("", &[][..]),
            ("*", &[]),
            ("a", &[]),
            ("\"a", &[]),
            ("\"\"", &["\"\""]),
            ("\"a\"", &["\"a\""]),
            ("W/\"a\"", &["W/\"a\""]),
            ("w/\"a\"", &[]),
            ("W/W/\"a\"", &[]),
            (", \"a\" ,,\t\"b\",", &["\"a\"", "\"b\""]),
            ("\"a, b\", W/\"c\"", &["\"a, b\"", "W/\"c\""]),
            // A backslash escapes nothing.
            ("\"a\\\", \"b\"", &["\"a\\\"", "\"b\""]),
            ("\"ü\", \"b\"", &["\"ü\"", "\"b\""]),
            ("\"a\", b, \"c\"", &["\"a\""]),
        ] {
            assert_eq!(tags(list).collect::<Vec<_>>(), expected, "{list}");
        }
        assert!(same_weakly("W/\"a\"", "\"a\""));
        assert!(!same_weakly("W/W/\"a\"", "\"a\""));
    }

    #[test]
    fn conditions() {
        const SINCE: &str = "Since: Sun, 06 Nov 1994 08:49:";
        let validators = version(STEP);
        let tag = &validators.tag;
        for (method, fields, outcome) in [
            ("GET", String::new(), Fulfilled),
            ("GET", format!("If-None-Match: {tag}\r\n"), NotModified),
            ("HEAD", format!("If-None-Match: {tag}\r\n"), NotModified),
            ("PUT", format!("If-None-Match: {tag}\r\n"), Failed),
            ("GET", format!("If-None-Match: W/{tag}\r\n"), NotModified),
            (
                "GET",
                format!("If-None-Match: \"a, b\", {tag}\r\n"),
                NotModified,
            ),
            (
                "GET",
                format!("If-None-Match: \"a\"\r\nIf-None-Match: {tag}\r\n"),
                NotModified,
            ),
            ("GET", "If-None-Match: *\r\n".to_owned(), NotModified),
            ("PUT", "If-None-Match: *\r\n".to_owned(), Failed),
            ("GET", "If-None-Match: \"a\"\r\n".to_owned(), Fulfilled),
            ("GET", "If-None-Match:\r\n".to_owned(), Fulfilled),
            ("GET", "If-None-Match: \"a\", *\r\n".to_owned(), Fulfilled),
            ("GET", format!("If-Modified-{SINCE}37 GMT\r\n"), NotModified),
            ("GET", format!("If-Modified-{SINCE}36 GMT\r\n"), Fulfilled),
            (
                "GET",
                "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n".to_owned(),
                NotModified,
            ),
            ("PUT", format!("If-Modified-{SINCE}37 GMT\r\n"), Fulfilled),
            (
                "GET",
                "If-Modified-Since: long ago\r\n".to_owned(),
                Fulfilled,
            ),
            // The condition by tag counts.
            (
                "GET",
                format!("If-None-Match: \"a\"\r\nIf-Modified-{SINCE}37 GMT\r\n"),
                Fulfilled,
            ),
            ("GET", format!("If-Match: {tag}\r\n"), Fulfilled),
            ("GET", format!("If-Match: \"a\", {tag}\r\n"), Fulfilled),
            ("GET", "If-Match: *\r\n".to_owned(), Fulfilled),
            ("GET", "If-Match: \"a\"\r\n".to_owned(), Failed),
            ("GET", format!("If-Match: W/{tag}\r\n"), Failed),
            ("GET", format!("If-Unmodified-{SINCE}37 GMT\r\n"), Fulfilled),
            ("GET", format!("If-Unmodified-{SINCE}36 GMT\r\n"), Failed),
            (
                "GET",
                "If-Unmodified-Since: long ago\r\n".to_owned(),
                Fulfilled,
            ),
            (
                "GET",
                format!("If-Match: {tag}\r\nIf-Unmodified-{SINCE}36 GMT\r\n"),
                Fulfilled,
            ),
            (
                "GET",
                format!("If-Match: {tag}\r\nIf-None-Match: {tag}\r\n"),
                NotModified,
            ),
            (
                "GET",
                format!("If-Match: \"a\"\r\nIf-None-Match: {tag}\r\n"),
                Failed,
            ),
            (
                "GET",
                format!("If-Unmodified-{SINCE}37 GMT\r\nIf-None-Match: \"a\"\r\n"),
                Fulfilled,
            ),
        ] {
            assert_eq!(
                validators.outcome(&request(method, &fields)),
                outcome,
                "{method} {fields}"
            );
        }
    }

    #[test]
    fn a_weak_tag_matches_weakly_and_never_strongly() {
        let fresh = version(Duration::ZERO);
        let with = |name: &str| request("GET", &format!("{name}: {}\r\n", fresh.tag));
        assert_eq!(fresh.outcome(&with("If-None-Match")), NotModified);
        assert_eq!(fresh.outcome(&with("If-Match")), Failed);
        assert!(!fresh.fits_range(&with("If-Range")));
    }

    /// A client may have the date of this second from an earlier version.
    #[test]
    fn no_date_stands_for_a_fresh_version() {
        let fresh = version(Duration::ZERO);
        let with = |name: &str| {
            let fields = format!("{name}: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
            request("GET", &fields)
        };
        assert_eq!(fresh.outcome(&with("If-Modified-Since")), Fulfilled);
        assert!(!fresh.fits_range(&with("If-Range")));
        let earlier = "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n";
        assert_eq!(fresh.outcome(&request("GET", earlier)), Failed);
    }

    #[test]
    fn if_range_takes_the_strong_tag_or_the_date() {
        let settled = version(STEP);
        for (fields, fits) in [
            (String::new(), true),
            (format!("If-Range: {}\r\n", settled.tag), true),
            (format!("If-Range: W/{}\r\n", settled.tag), false),
            ("If-Range: \"a\"\r\n".to_owned(), false),
            (format!("If-Range: \"a\", {}\r\n", settled.tag), false),
            ("If-Range: *\r\n".to_owned(), false),
            (
                "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned(),
                true,
            ),
            // A later date is that of another version.
            (
                "If-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n".to_owned(),
                false,
            ),
            (
                format!("If-Range: {0}\r\nIf-Range: {0}\r\n", settled.tag),
                false,
            ),
        ] {
            assert_eq!(
                settled.fits_range(&request("GET", &fields)),
                fits,
                "{fields}"
            );
        }
    }
}
