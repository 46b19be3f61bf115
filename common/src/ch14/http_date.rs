//! Reads dates as HTTP writes them, in today's form and in two older ones, which a server has
//! to understand (RFC 9110 §5.6.7).

use std::time::SystemTime;

use crate::ch09::date::{MONTHS, days_of, seconds_since_1970};

/// The weekdays, as one of the older forms writes them. The other two forms have their first
/// three letters.
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Reads a date, as seconds since 1970; a date before that is 0. `None` where the text is no
/// date.
///
/// ```
/// for date in [
///     "Sun, 06 Nov 1994 08:49:37 GMT",
///     "Sunday, 06-Nov-94 08:49:37 GMT",
///     "Sun Nov  6 08:49:37 1994",
/// ] {
///     assert_eq!(common::http_date::read(date), Some(784_111_777));
/// }
/// assert_eq!(common::http_date::read("yesterday"), None);
/// ```
pub fn read(date: &str) -> Option<u64> {
    read_at(date, seconds_since_1970(SystemTime::now()))
}

fn read_at(date: &str, now: u64) -> Option<u64> {
    let short = |name: &&str| WEEKDAYS.iter().any(|day| day[..3] == **name);
    match date.split(' ').collect::<Vec<_>>()[..] {
        [weekday, day, month, year, time, "GMT"] => {
            weekday.strip_suffix(',').filter(short)?;
            moment(number(year, 4)?, month, number(day, 2)?, time)
        }
        [weekday, date, time, "GMT"] => {
            let weekday = weekday.strip_suffix(',')?;
            let [day, month, year] = date.split('-').collect::<Vec<_>>()[..] else {
                return None;
            };
            if !WEEKDAYS.contains(&weekday) {
                return None;
            }
            moment(
                whole_year(number(year, 2)?, now),
                month,
                number(day, 2)?,
                time,
            )
        }
        // A day of one digit has a second space before it.
        [weekday, month, "", day, time, year] => {
            Some(weekday).filter(short)?;
            moment(number(year, 4)?, month, number(day, 1)?, time)
        }
        [weekday, month, day, time, year] => {
            Some(weekday).filter(short)?;
            moment(number(year, 4)?, month, number(day, 2)?, time)
        }
        _ => None,
    }
}

/// The year that two digits stand for: the latest one that is at most 50 years ahead.
fn whole_year(year: u64, now: u64) -> u64 {
    const SECONDS_OF_A_YEAR: u64 = 31_556_952;
    let this_year = 1970 + now / SECONDS_OF_A_YEAR;
    let year = this_year / 100 * 100 + year;
    if year > this_year + 50 {
        year - 100
    } else {
        year
    }
}

fn moment(year: u64, month: &str, day: u64, time: &str) -> Option<u64> {
    let month = MONTHS.iter().position(|&name| name == month)?;
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    // A leap second is the 61st of its minute.
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if !is_time || day < 1 || day > days_of(month, year) {
        return None;
    }
    // Years begin on 1 March here, so that a leap day is the last day of its year.
    let (year, month) = match month as u64 {
        month @ 0..2 => (year.saturating_sub(1), month + 10),
        month => (year, month - 2),
    };
    let days_of_years = year * 365 + year / 4 - year / 100 + year / 400;
    // From March on, the lengths of months repeat: 31, 30, 31, 30 and 31 days, which are 153
    // for five months. So (153 m + 2) / 5, rounded down, is how many days lie before month m.
    let days_of_months = (month * 153 + 2) / 5;
    let days = days_of_years + days_of_months + day - 1;
    // From 1 March of the year 0 to 1 January 1970 there are 719,468 days.
    let Some(days) = days.checked_sub(719_468) else {
        return Some(0);
    };
    Some(days * 24 * 60 * 60 + hour * 60 * 60 + minute * 60 + second)
}

fn number(text: &str, length: usize) -> Option<u64> {
    // `parse` alone would accept a sign too.
    let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch09::date::http_date;

    /// The year 2026.
    const NOW: u64 = 1_790_000_000;

    #[test]
    fn dates_are_read_as_they_were_written() {
        let step = 86_399 * 977;
        for seconds in (0..253_402_300_799).step_by(step) {
            assert_eq!(read(&http_date(seconds)), Some(seconds));
        }
    }

    #[test]
    fn years_of_two_digits() {
        for (year, date) in [
            ("26", "01 Jan 2026"),
            ("76", "01 Jan 2076"),
            ("77", "01 Jan 1977"),
            ("99", "01 Jan 1999"),
        ] {
            let seconds = read_at(&format!("Friday, 01-Jan-{year} 00:00:00 GMT"), NOW);
            let written = http_date(seconds.unwrap());
            assert!(written.contains(date), "{year}: {written}");
        }
    }

    #[test]
    fn days_in_the_oldest_form() {
        for (date, written) in [
            ("Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("Wed Nov 16 08:49:37 1994", "Wed, 16 Nov 1994 08:49:37 GMT"),
        ] {
            assert_eq!(http_date(read(date).unwrap()), written);
        }
    }

    #[test]
    fn days_that_are_not_in_every_year() {
        for (date, written) in [
            (
                "Thu, 29 Feb 2024 00:00:00 GMT",
                "Thu, 29 Feb 2024 00:00:00 GMT",
            ),
            (
                "Tue, 29 Feb 2000 00:00:00 GMT",
                "Tue, 29 Feb 2000 00:00:00 GMT",
            ),
            // A leap second is the first one of the next minute.
            (
                "Sat, 31 Dec 2016 23:59:60 GMT",
                "Sun, 01 Jan 2017 00:00:00 GMT",
            ),
            (
                "Wed, 31 Dec 1969 23:59:59 GMT",
                "Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                "Sat, 01 Jan 0000 00:00:00 GMT",
                "Thu, 01 Jan 1970 00:00:00 GMT",
            ),
        ] {
            assert_eq!(http_date(read(date).unwrap()), written, "{date}");
        }
    }

    #[test]
    fn texts_that_are_no_dates() {
        for date in [
            "",
            "0",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Tue, 31 Feb 2026 08:49:37 GMT",
            "Sun, 29 Feb 2026 08:49:37 GMT",
            "Mon, 29 Feb 2100 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  06 08:49:37 1994",
        ] {
            assert_eq!(read(date), None, "{date}");
        }
    }
}
