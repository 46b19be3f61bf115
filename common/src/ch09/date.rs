//! Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The weekdays, beginning with that of 1 January 1970.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
pub(crate) const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The current time as text, in one notation. A busy server sends it thousands of times a
/// second, so the text is made once a second and then copied.
pub struct Now {
    write: fn(u64) -> String,
    last: Mutex<Written>,
}

/// The text that was made last, and when it stops being right.
struct Written {
    text: String,
    until: Option<Instant>,
}

impl Now {
    /// `write` makes the text of the seconds since 1970.
    pub const fn new(write: fn(u64) -> String) -> Self {
        let last = Mutex::new(Written {
            text: String::new(),
            until: None,
        });
        Self { write, last }
    }

    /// Adds the current time to a text. `now` is this moment by the clock that measures
    /// durations: by it the last text is right or not, so the clock that knows the date is
    /// asked once a second at most.
    pub fn add_to(&self, text: &mut String, now: Instant) {
        self.add(text, now, SystemTime::now);
    }

    fn add(&self, text: &mut String, now: Instant, clock: impl Fn() -> SystemTime) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.until.is_none_or(|until| now >= until) {
            let moment = since_1970(clock());
            let left = Duration::from_nanos(1_000_000_000 - u64::from(moment.subsec_nanos()));
            last.text = (self.write)(moment.as_secs());
            last.until = Some(now + left);
        }
        *text += &last.text;
    }
}

/// Adds the current date to a text, for the field `Date` (RFC 9110 §6.6.1). `now` is this
/// moment, as for [`Now::add_to`].
pub fn add_now(text: &mut String, now: Instant) {
    static NOW: Now = Now::new(http_date);
    NOW.add_to(text, now);
}

/// The whole seconds from the beginning of 1970 to a moment; 0 for an earlier moment,
/// which only a wrong clock shows.
pub fn seconds_since_1970(moment: SystemTime) -> u64 {
    since_1970(moment).as_secs()
}

fn since_1970(moment: SystemTime) -> Duration {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Writes a date, given in seconds since 1970, as HTTP does.
///
/// ```
/// let date = common::date::http_date(784_111_777);
/// assert_eq!(date, "Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
pub fn http_date(seconds: u64) -> String {
    let mut days = seconds / (24 * 60 * 60);
    let weekday = WEEKDAYS[(days % 7) as usize];
    // 400 years have the same number of days, wherever they begin.
    let mut year = 1970 + days / DAYS_OF_400_YEARS * 400;
    days %= DAYS_OF_400_YEARS;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 0;
    while days >= days_of(month, year) {
        days -= days_of(month, year);
        month += 1;
    }
    format!(
        "{weekday}, {:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        days + 1,
        MONTHS[month],
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

const DAYS_OF_400_YEARS: u64 = 400 * 365 + 97;

fn is_leap_year(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_of_year(year: u64) -> u64 {
    if is_leap_year(year) { 366 } else { 365 }
}

/// How many days a month has; the first is 0.
pub(crate) fn days_of(month: usize, year: u64) -> u64 {
    match MONTHS[month] {
        "Feb" if is_leap_year(year) => 29,
        "Feb" => 28,
        "Apr" | "Jun" | "Sep" | "Nov" => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `date -u -d @SECONDS` prints for each of these.
    #[test]
    fn as_date_prints_them() {
        for (seconds, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (68_169_599, "Mon, 28 Feb 1972 23:59:59 GMT"),
            (68_169_600, "Tue, 29 Feb 1972 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(seconds), date);
        }
    }

    /// Not with the one that the whole process has: other tests tell it moments to come,
    /// and until then it looks at no clock.
    #[test]
    fn now_is_now() {
        let before = seconds_since_1970(SystemTime::now());
        let mut date = String::new();
        Now::new(http_date).add_to(&mut date, Instant::now());
        let after = seconds_since_1970(SystemTime::now());
        let possible: Vec<String> = (before..=after).map(http_date).collect();
        assert!(possible.contains(&date), "{date}: {possible:?}");
    }

    /// The clock is looked at again when its next second begins, and not before.
    #[test]
    fn another_second_is_another_date() {
        let (now, began) = (Now::new(http_date), Instant::now());
        for (passed, clock, date) in [
            (0, 5_400, 5),
            (599, 0, 5),
            (600, 6_000, 6),
            (1599, 0, 6),
            // It was put back.
            (1600, 4_000, 4),
        ] {
            let mut text = String::new();
            let clock = || UNIX_EPOCH + Duration::from_millis(clock);
            now.add(&mut text, began + Duration::from_millis(passed), clock);
            assert_eq!(text, http_date(date), "{passed}");
        }
    }

    #[test]
    fn a_clock_before_1970_stands_at_its_beginning() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(seconds_since_1970(before), 0);
    }
}
