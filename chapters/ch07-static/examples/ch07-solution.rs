//! Chapter 7, exercise: a file that has not changed is not sent again.
//!
//!     cargo run -p ch07-static --example ch07-solution

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;

    loop {
        let (stream, _) = common::accept(&listener);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_request(&stream) {
                common::refuse(&stream, &error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_request(mut stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = common::reader(stream);
    let Some(head) = common::read_head(&mut reader)? else {
        return Ok(());
    };
    common::log("Request received:\n", &head);
    let request_line = common::parse_request_line(&head)?;
    let fields = common::parse_fields(&head)?;
    common::read_body(&mut reader, stream, &request_line, &fields)?;

    let page = common::open_page(request_line.target)?;
    let date = page.as_ref().and_then(|page| date_of(&page.file));
    let last_modified = match &date {
        Some(date) => format!("Last-Modified: {date}\r\n"),
        None => String::new(),
    };
    if date.is_some_and(|date| has_not_changed(&request_line, &fields, &date)) {
        let response = format!(
            "HTTP/1.1 304 Not Modified\r\n\
             {last_modified}\
             \r\n"
        );
        stream.write_all(response.as_bytes())?;
        common::linger(stream);
        return Ok(());
    }

    let (status, content_type, mut body): (_, _, Box<dyn Read>) = match page {
        Some(page) => ("200 OK", page.content_type, Box::new(page.file)),
        None => (
            "404 Not Found",
            "text/html",
            Box::new(&b"<h1>404 Not Found</h1>"[..]),
        ),
    };
    // A small file leaves in one write with its head, a big one in many.
    let mut response = BufWriter::with_capacity(64 * 1024, reader.get_mut());
    write!(
        response,
        "HTTP/1.1 {status}\r\n\
         Content-Type: {content_type}\r\n\
         {last_modified}\
         \r\n"
    )?;
    io::copy(&mut body, &mut response)?;
    response.flush()?;
    common::linger(stream);
    Ok(())
}

/// When the file last changed. A clock that was wrong then may have left a date
/// in the future, which must not be sent (RFC 9110 §8.8.2.1).
fn date_of(file: &File) -> Option<String> {
    let modified = file.metadata().ok()?.modified().ok()?;
    let modified = modified.min(SystemTime::now());
    let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(imf_fixdate(seconds))
}

/// Whether the client has the file as it is (RFC 9110 §13.1.3).
fn has_not_changed(
    request_line: &common::RequestLine,
    fields: &common::Fields,
    date: &str,
) -> bool {
    if !matches!(request_line.method, "GET" | "HEAD") {
        return false;
    }
    // It would be the more exact question, which this server does not understand.
    if fields.values("If-None-Match").next().is_some() {
        return false;
    }
    let mut since = fields.values("If-Modified-Since");
    match (since.next().and_then(moment), since.next()) {
        (Some(since), None) => moment(date).is_some_and(|moment| moment <= since),
        _ => false,
    }
}

/// The weekdays from that of 1 January 1970 on.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Writes a moment, given in seconds since 1970, as HTTP does (RFC 9110
/// §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn imf_fixdate(seconds: u64) -> String {
    let mut days = seconds / (24 * 60 * 60);
    let weekday = WEEKDAYS[(days % 7) as usize];
    let (mut year, mut month) = (1970, 0);
    while days >= days_of(month, year) {
        days -= days_of(month, year);
        month += 1;
        if month == 12 {
            (month, year) = (0, year + 1);
        }
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

fn days_of(month: usize, year: u64) -> u64 {
    let is_leap_year =
        year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match MONTHS[month] {
        "Feb" if is_leap_year => 29,
        "Feb" => 28,
        "Apr" | "Jun" | "Sep" | "Nov" => 30,
        _ => 31,
    }
}

/// Reads such a date: year, month, day, hour, minute and second, which compare
/// as the moments do.
fn moment(date: &str) -> Option<[usize; 6]> {
    let [weekday, day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    if !WEEKDAYS.contains(&weekday.strip_suffix(',')?) {
        return None;
    }
    Some([
        number(year, 4, 0..=9999)?,
        MONTHS.iter().position(|&name| name == month)?,
        number(day, 2, 1..=31)?,
        number(hour, 2, 0..=23)?,
        number(minute, 2, 0..=59)?,
        // A leap second is the 61st of its minute.
        number(second, 2, 0..=60)?,
    ])
}

fn number(text: &str, length: usize, range: RangeInclusive<usize>) -> Option<usize> {
    // `parse` alone would take a sign too.
    if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| range.contains(number))
}
