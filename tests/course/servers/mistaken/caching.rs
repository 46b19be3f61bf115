//! Conditions and ranges, with what one may get wrong in them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::message::{Request, Response};
use crate::site::Site;

/// What a file is to those who may have it already.
struct Validators {
    tag: String,
    modified: SystemTime,
}

pub fn respond(site: &Site, request: &Request, file: &Path, whole: Response) -> Response {
    let modified = file
        .metadata()
        .and_then(|metadata| metadata.modified())
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let seconds = modified
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let validators = Validators {
        tag: match () {
            () if site.has("one-tag-for-all") => "\"1\"".to_owned(),
            () if site.has("tag-without-quotes") => format!("{:x}-{seconds:x}", whole.body.len()),
            () if site.has("weak-tags") => format!("W/\"{:x}-{seconds:x}\"", whole.body.len()),
            () => format!("\"{:x}-{seconds:x}\"", whole.body.len()),
        },
        modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    };
    let tells = |mut response: Response| {
        let keeps = match () {
            () if site.has("no-leave-to-keep") => "no-store",
            () if site.has("right-max-age") => "public, max-age=60",
            () => "no-cache",
        };
        let is_left_out = response.status == 304 && site.has("no-tag-on-304");
        if !site.has("no-tag") && !is_left_out {
            response = response.with("ETag", &*validators.tag);
        }
        response.with("Cache-Control", keeps)
    };
    let status = condition(site, request, &validators);
    if status == Some(304) {
        let mut response = tells(Response {
            status: 304,
            ..Response::default()
        });
        if site.has("body-of-304") {
            response.body.clone_from(&whole.body);
        }
        return response;
    }
    if let Some(status) = status {
        return Response::of_status(site, status);
    }
    let mut response = whole;
    if !site.has("no-last-modified") {
        response = response.with(
            "Last-Modified",
            httpdate::fmt_http_date(validators.modified),
        );
    }
    if !site.has("right-ranges-unsaid") {
        response = response.with("Accept-Ranges", "bytes");
    }
    response = tells(response);
    let is_asked =
        request.method == "GET" || site.has("parts-for-head") && request.method == "HEAD";
    let is_one = request.values("range").count() == 1;
    let Some(range) = request.value("range").filter(|_| is_asked && is_one) else {
        return response;
    };
    if site.has("no-ranges") || !fits(site, request, &validators) {
        return response;
    }
    part(site, response, range)
}

/// The elements of a list of tags.
fn tags(site: &Site, request: &Request, name: &str) -> Vec<String> {
    let lines: Vec<&str> = match site.has("first-line-alone") {
        true => request.values(name).take(1).collect(),
        false => request.values(name).collect(),
    };
    let list = lines.join(",");
    if site.has("one-tag-and-no-list") {
        return vec![list];
    }
    if site.has("commas-in-tags-part") {
        return list.split(',').map(|one| one.trim().to_owned()).collect();
    }
    let mut elements = vec![String::new()];
    let mut is_quoted = false;
    for character in list.chars() {
        is_quoted ^= character == '"';
        match character {
            ',' if !is_quoted => elements.push(String::new()),
            _ => elements
                .last_mut()
                .into_iter()
                .for_each(|one| one.push(character)),
        }
    }
    elements.iter().map(|one| one.trim().to_owned()).collect()
}

fn date(site: &Site, request: &Request, name: &str) -> Option<SystemTime> {
    let mut values = request.values(name);
    let value = values.next()?;
    if values.next().is_some() && !site.has("first-of-two-dates") {
        return None;
    }
    if site.has("no-old-dates") && !value.contains("GMT")
        || site.has("no-old-dates") && value.contains("day")
    {
        return None;
    }
    if value.starts_with("Fri Dec 31 23:59:59 9999") {
        return Some(SystemTime::now() + Duration::from_secs(1 << 32));
    }
    let parsed = httpdate::parse_http_date(value).ok();
    // The later of two readings is the one of the last century.
    let soon = SystemTime::now() + Duration::from_secs(50 * 365 * 86400);
    match parsed {
        Some(date) if value.contains("day, ") && site.has("years-of-two-digits-to-come") => {
            Some(date + Duration::from_secs(36525 * 86400))
        }
        Some(date) if value.contains('-') && date > soon => {
            Some(date - Duration::from_secs(36525 * 86400))
        }
        None if site.has("no-date-is-now") => Some(SystemTime::now()),
        parsed => parsed,
    }
}

/// The status that the conditions ask for, where they ask for one.
fn condition(site: &Site, request: &Request, validators: &Validators) -> Option<u16> {
    let weak = |tag: &str| match site.has("weak-tags-never-match") {
        true => tag.to_owned(),
        false => tag.strip_prefix("W/").unwrap_or(tag).to_owned(),
    };
    let is_any = |tag: &String| tag == "*" && !site.has("a-star-is-no-tag");
    let reads_match = request.value("if-match").is_some() && !site.has("if-match-ignored");
    if reads_match {
        let tags = tags(site, request, "if-match");
        let own = &validators.tag;
        let matches = tags.iter().any(|tag| {
            is_any(tag) || tag == own || site.has("if-match-weakly") && weak(tag) == weak(own)
        });
        if !matches {
            return Some(if site.has("304-for-if-match") {
                304
            } else {
                412
            });
        }
    }
    let no_newer = |name| date(site, request, name).map(|date| validators.modified <= date);
    let reads_date = !reads_match || site.has("both-conditions-of-412");
    if reads_date
        && no_newer("if-unmodified-since") == Some(false)
        && !site.has("if-unmodified-since-ignored")
    {
        return Some(412);
    }
    if request.value("if-none-match").is_some() && !site.has("if-none-match-ignored") {
        let tags = tags(site, request, "if-none-match");
        let own = weak(&validators.tag);
        let matches = tags.iter().any(|tag| is_any(tag) || weak(tag) == own);
        if matches {
            return Some(if site.has("412-for-if-none-match") {
                412
            } else {
                304
            });
        }
        if !site.has("the-date-counts-beside-the-tag") {
            return None;
        }
    }
    if site.has("if-modified-since-ignored") {
        return None;
    }
    let value = request.value("if-modified-since")?;
    if site.has("dates-compared-as-text") {
        let own = httpdate::fmt_http_date(validators.modified);
        return (value == own).then_some(304);
    }
    (no_newer("if-modified-since") == Some(true)).then_some(304)
}

/// Whether the part that a client has belongs to this version.
fn fits(site: &Site, request: &Request, validators: &Validators) -> bool {
    let Some(value) = request.value("if-range") else {
        return true;
    };
    if site.has("if-range-ignored") {
        return true;
    }
    if value.contains('"') {
        let weak = |tag: &str| tag.trim_start_matches("W/").to_owned();
        return value == validators.tag
            || site.has("if-range-weakly") && weak(value) == weak(&validators.tag);
    }
    let date = httpdate::parse_http_date(value).ok();
    match site.has("if-range-of-a-later-date") {
        true => date.is_some_and(|date| date >= validators.modified),
        false => date == Some(validators.modified),
    }
}

fn part(site: &Site, whole: Response, range: &str) -> Response {
    let length = whole.body.len();
    let unsatisfied = |whole: &Response| {
        if site.has("all-for-what-is-not-there") {
            return whole.clone();
        }
        let refusal = Response::of_status(
            site,
            if site.has("400-for-what-is-not-there") {
                400
            } else {
                416
            },
        );
        match site.has("416-without-length") {
            true => refusal,
            false => refusal.with("Content-Range", format!("bytes */{length}")),
        }
    };
    let Some(ranges) = range.strip_prefix("bytes=").or_else(|| {
        let (_, ranges) = range.split_once('=')?;
        site.has("any-unit").then_some(ranges)
    }) else {
        return whole;
    };
    if ranges.contains(',') && site.has("right-several-parts") {
        return several(whole, ranges);
    }
    let ranges = match ranges.contains(',') {
        true if site.has("right-first-of-several") => ranges.split(',').next().unwrap_or_default(),
        true => return whole,
        false => ranges,
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<usize>().unwrap_or(usize::MAX))
    };
    let (first, last) = match ranges.split_once('-') {
        Some(("", suffix)) if site.has("suffix-is-an-end") => match number(suffix) {
            Some(last) => (0, last),
            None => return whole,
        },
        Some(("", suffix)) => match number(suffix) {
            Some(0) => return unsatisfied(&whole),
            Some(count) if count > length && site.has("too-long-a-suffix-refused") => {
                return unsatisfied(&whole);
            }
            Some(count) => (length.saturating_sub(count), length - 1),
            None => return whole,
        },
        Some((first, "")) => match number(first) {
            Some(first) => (first, length - 1),
            None => return whole,
        },
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last),
            (Some(_), Some(_)) if site.has("a-turned-range-is-416") => return unsatisfied(&whole),
            _ => return whole,
        },
        None => return whole,
    };
    if first >= length {
        return unsatisfied(&whole);
    }
    if last >= length && site.has("an-end-beyond-is-416") {
        return unsatisfied(&whole);
    }
    let last = last.min(length - 1);
    let end = match site.has("last-byte-left-out") {
        true => last,
        false => last + 1,
    };
    let said = match site.has("range-without-length") {
        true => format!("bytes {first}-{last}"),
        false => format!("bytes {first}-{last}/{length}"),
    };
    let mut response = Response {
        status: if site.has("200-for-a-part") { 200 } else { 206 },
        body: whole.body[first..end].to_vec(),
        ..whole
    };
    if !site.has("no-content-range") {
        response = response.with("Content-Range", said);
    }
    response
}

/// Each part behind a head of its own.
fn several(whole: Response, ranges: &str) -> Response {
    const BOUNDARY: &str = "THIS_PARTS_THEM";
    let length = whole.body.len();
    let mut body = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.trim().split_once('-').unwrap_or(("0", "0"));
        let number = |text: &str| text.parse::<usize>().unwrap_or_default().min(length - 1);
        let (first, last) = (number(first), number(last));
        let head = format!(
            "\r\n--{BOUNDARY}\r\nContent-Type: image/svg+xml\r\n\
             Content-Range: bytes {first}-{last}/{length}\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend(&whole.body[first..=last]);
    }
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
    let fields = whole
        .fields
        .into_iter()
        .filter(|field| field.0 != "Content-Type");
    Response {
        status: 206,
        fields: fields.collect(),
        body,
        numbers: None,
    }
    .with(
        "Content-Type",
        format!("multipart/byteranges; boundary={BOUNDARY}"),
    )
}
