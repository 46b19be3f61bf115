//! What is found out about a server before it is probed, and what the placeholders of
//! the cases stand for.

use std::borrow::Cow;

use harness::wire;

use super::conversation::Heard;
use super::demand::{MONTHS, Moment};

/// The page that the server answers a plain GET with.
#[derive(Default)]
pub struct Page {
    pub status: u16,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    /// What is wrong with its answer, where that is malformed, so that nothing is known of
    /// the page.
    pub problem: Option<String>,
}

impl Page {
    /// One whose answer is malformed.
    pub fn malformed(problem: String) -> Self {
        Self {
            status: 200,
            problem: Some(problem),
            ..Self::default()
        }
    }

    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.fields.iter();
        let field = fields.find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(&field.1)
    }
}

impl From<Heard> for Page {
    fn from(heard: Heard) -> Self {
        Self {
            status: heard.status,
            fields: heard.fields,
            body: heard.body,
            problem: None,
        }
    }
}

/// What is known of a server.
#[derive(Default)]
pub struct Facts {
    pub page: Page,
    /// Whether the path is answered in HTTP/1.1, and whether in HTTP/2.
    pub has_page: bool,
    pub has_frames_page: bool,
    /// How long it is in HTTP/2.
    pub frames_page_length: usize,
    /// What the placeholders stand for; those with nothing are not among them.
    values: Vec<(&'static str, Vec<u8>)>,
}

/// The placeholders that a server may have nothing for, and why a case is skipped then.
const REASONS: [(&str, &str); 14] = [
    ("upload", "the path takes no body, with POST or with GET"),
    ("missing", "no path gets 404"),
    ("refused", "no method gets 405"),
    ("bad", "no request was found that gets 400"),
    ("etag", "the page has no ETag"),
    ("opaque", "the page has no ETag"),
    ("any-of-etag", "the page has no ETag"),
    ("path-that-is-tagged", "the page has no ETag"),
    ("strong-etag", "the page has no strong ETag"),
    ("last-modified", "the page has no Last-Modified"),
    (
        "last-modified-as-in-rfc-850",
        "the page has no Last-Modified",
    ),
    (
        "last-modified-as-in-asctime",
        "the page has no Last-Modified",
    ),
    ("path-that-is-dated", "the page has no Last-Modified"),
    ("ranged", "the server offers no ranges of the page"),
];

impl Facts {
    /// What a server says whose page is that path.
    pub fn new(scheme: &str, host: &str, path: &str) -> Self {
        let mut facts = Self::default();
        facts.set("scheme", scheme);
        facts.set("SCHEME", scheme.to_ascii_uppercase());
        facts.set("host", host);
        facts.set("path", path);
        facts.set(
            "plain",
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        );
        facts.set(
            "last",
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        );
        // "GET ", " HTTP/1.1" and the query's mark.
        let rest = 8000_usize.saturating_sub(path.len() + 14);
        facts.set("path-of-8000", format!("{path}?{}", "a".repeat(rest)));
        facts
    }

    pub fn set(&mut self, name: &'static str, value: impl Into<Vec<u8>>) {
        self.values.retain(|(known, _)| *known != name);
        self.values.push((name, value.into()));
    }

    /// Remembers the page as it is answered in HTTP/2, where it is.
    pub fn set_frames_page(&mut self, answer: Option<(u16, Vec<u8>)>) {
        self.has_frames_page = answer.is_some();
        self.frames_page_length = answer.map_or(0, |(_, body)| body.len());
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let value = self.values.iter().find(|(known, _)| *known == name)?;
        Some(&value.1)
    }

    /// Remembers the page, and what its validators are.
    pub fn set_page(&mut self, page: Page) {
        if let Some(etag) = page.field("ETag").map(<[u8]>::to_vec) {
            match etag.strip_prefix(b"W/") {
                Some(opaque) => self.set("opaque", opaque),
                None => {
                    self.set("opaque", &*etag);
                    self.set("strong-etag", &*etag);
                }
            }
            self.set("any-of-etag", "*");
            let path = self.get("path").unwrap_or_default().to_vec();
            self.set("path-that-is-tagged", path);
            self.set("etag", etag);
        }
        if let Some(date) = page.field("Last-Modified").map(<[u8]>::to_vec)
            && let Some(moment) = Moment::parse(&date)
        {
            let text = String::from_utf8_lossy(&date).into_owned();
            let day = text.split(',').next().unwrap_or_default();
            let Moment {
                year,
                month,
                day: number,
                time,
            } = &moment;
            let month = MONTHS[*month];
            let (long_day, short_year) = (long_day(day), year % 100);
            self.set(
                "last-modified-as-in-rfc-850",
                format!("{long_day}, {number:02}-{month}-{short_year:02} {time} GMT"),
            );
            self.set(
                "last-modified-as-in-asctime",
                format!("{day} {month} {number:2} {time} {year}"),
            );
            let path = self.get("path").unwrap_or_default().to_vec();
            self.set("path-that-is-dated", path);
            self.set("last-modified", date);
        }
        self.page = page;
        self.has_page = true;
    }

    /// Puts in what the placeholders stand for.
    ///
    /// # Errors
    /// Why there is nothing for one of them.
    pub fn fill(&self, text: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut filled = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.iter().position(|&byte| byte == b'[') {
            filled.extend(&rest[..start]);
            rest = &rest[start..];
            let name = rest.iter().position(|&byte| byte == b']');
            let name = name.map(|end| &rest[1..end]);
            match name.map(|name| (name, self.value(name))) {
                Some((name, Ok(Some(value)))) => {
                    filled.extend(&*value);
                    rest = &rest[name.len() + 2..];
                }
                Some((_, Err(reason))) => return Err(reason),
                // Not every bracket is a placeholder's.
                _ => {
                    filled.push(b'[');
                    rest = &rest[1..];
                }
            }
        }
        filled.extend(rest);
        Ok(filled)
    }

    /// What stands for a placeholder; nothing where it is none.
    fn value(&self, name: &[u8]) -> Result<Option<Cow<'_, [u8]>>, &'static str> {
        let Ok(text) = str::from_utf8(name) else {
            return Ok(None);
        };
        if let Some(value) = self.get(text) {
            return Ok(Some(value.into()));
        }
        if let Some((_, reason)) = REASONS.iter().find(|(known, _)| *known == text) {
            return Err(reason);
        }
        // `[X-A: 1\r\n*50]`
        if let Some((repeated, count)) = text.rsplit_once('*')
            && let Ok(count) = count.parse()
        {
            let one = self.get(repeated).unwrap_or(repeated.as_bytes());
            return Ok(Some(one.repeat(count).into()));
        }
        // `[plain-length+5]` and `[plain-length+5-in-hex]`
        let Some(sum) = text.strip_prefix("plain-length") else {
            return if text == "length" {
                Err("the page is not the same each time")
            } else {
                Ok(None)
            };
        };
        let (sum, is_hex) = match sum.strip_suffix("-in-hex") {
            Some(sum) => (sum, true),
            None => (sum, false),
        };
        let more: usize = sum.strip_prefix('+').unwrap_or("0").parse().unwrap_or(0);
        let length = self.get("plain").unwrap_or_default().len() + more;
        let digits = if is_hex {
            format!("{length:x}")
        } else {
            length.to_string()
        };
        Ok(Some(digits.into_bytes().into()))
    }

    /// What was found out, a line each.
    pub fn lines(&self) -> Vec<String> {
        let shown = |name: &str| {
            let value = self.get(name).unwrap_or_default();
            wire::show(value).concat()
        };
        if !self.has_page {
            return match self.has_frames_page {
                true => vec![format!("GET {} gets a page in HTTP/2", shown("path"))],
                false => vec!["no page is answered in HTTP/2".to_owned()],
            };
        }
        let gets = match &self.page.problem {
            None => self.page.status.to_string(),
            Some(problem) => format!("an answer that is malformed: {problem}"),
        };
        let mut lines = vec![format!("GET {} gets {gets}", shown("path"))];
        for (name, sentence) in [
            ("upload", "a body goes with"),
            ("missing", "404 goes to"),
            ("refused", "405 goes to"),
            ("bad", "400 goes to"),
            ("etag", "ETag is"),
            ("last-modified", "Last-Modified is"),
        ] {
            if self.get(name).is_some() {
                lines.push(format!("{sentence} {}", shown(name)));
            }
        }
        let ranges = if self.get("ranged").is_some() {
            "ranges are offered"
        } else {
            "no ranges are offered"
        };
        lines.push(ranges.to_owned());
        lines
    }
}

fn long_day(day: &str) -> &'static str {
    let days = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ];
    days.into_iter()
        .find(|long| long.starts_with(day))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<String, &'static str> {
        let mut facts = Facts::new("https", "h", "/p");
        let fields = [
            ("ETag", "W/\"x\""),
            ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        let bytes = |(name, value): (&str, &str)| (name.into(), value.into());
        facts.set_page(Page {
            fields: fields.map(bytes).into(),
            ..Page::default()
        });
        let filled = facts.fill(text.as_bytes())?;
        Ok(String::from_utf8(filled).unwrap())
    }

    #[test]
    fn placeholders() {
        let plain = "GET /p HTTP/1.1\r\nHost: h\r\n\r\n";
        for (text, filled) in [
            ("GET [path] [host]", "GET /p h"),
            ("[scheme]://[host] [SCHEME]:", "https://h HTTPS:"),
            ("[plain]x", &format!("{plain}x")),
            ("[plain*2]", &plain.repeat(2)),
            ("[a: 1\r\n*3]", &"a: 1\r\n".repeat(3)),
            ("[plain-length]", &plain.len().to_string()),
            ("[plain-length+5-in-hex]", &format!("{:x}", plain.len() + 5)),
            ("[::1] [other", "[::1] [other"),
            ("[etag] W/[opaque]", "W/\"x\" W/\"x\""),
            (
                "[last-modified-as-in-rfc-850]",
                "Sunday, 06-Nov-94 08:49:37 GMT",
            ),
            ("[last-modified-as-in-asctime]", "Sun Nov  6 08:49:37 1994"),
        ] {
            assert_eq!(fill(text).as_deref(), Ok(filled), "{text}");
        }
        assert_eq!(fill("[strong-etag]"), Err("the page has no strong ETag"));
        assert_eq!(fill("[length]"), Err("the page is not the same each time"));
        let line = fill("GET [path-of-8000] HTTP/1.1").unwrap();
        assert_eq!(line.len(), 8000);
    }
}
