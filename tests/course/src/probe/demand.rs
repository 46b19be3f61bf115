//! What an answer must be besides its status, as the cases say it in words.

use harness::response::{Framing, shown};
use harness::transcript::is_date;

use super::cases::Statuses;
use super::conversation::Heard;
use super::facts::{Facts, Page};

/// One demand, and when it counts.
#[derive(Clone, Debug)]
pub struct Demand {
    pub text: String,
    what: What,
    when: When,
}

#[derive(Clone, Debug)]
enum What {
    Has(String),
    HasNo(String),
    /// A field with this value, in which placeholders may stand.
    Is(String, String),
    IsDate(String),
    /// A field as the page has it; it may be missing where the page has it too.
    AsForGet(String, MayBeMissing),
    AllowLists(String),
    ConnectionSays(String),
    SaysHttp11,
    SecondSpace,
    CrlfAlone,
    WellFormedFields,
    WellFormedEtag,
    SingleFields,
    OneFraming,
    KnownLength,
    Body,
    ThePage,
    /// From the first byte, or that many from the end, to the last.
    BytesOfThePage(Option<usize>, Option<usize>),
    BodyWithout(String),
    NoInterim,
    NoRangeInSeveralParts,
    ModifiedBeforeDate,
}

type MayBeMissing = bool;

#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    Status(Statuses),
    HasBody,
    Closes,
    StaysOpen,
}

/// The demands in fixed words.
const FIXED: [(&str, What); 13] = [
    ("says HTTP/1.1", What::SaysHttp11),
    ("a space behind the status code", What::SecondSpace),
    ("lines that end in CRLF", What::CrlfAlone),
    ("fields that are well formed", What::WellFormedFields),
    ("ETag that is well formed", What::WellFormedEtag),
    ("fields that stand there once", What::SingleFields),
    (
        "not both Content-Length and Transfer-Encoding",
        What::OneFraming,
    ),
    ("a length or chunks", What::KnownLength),
    ("a body", What::Body),
    ("the page", What::ThePage),
    ("no interim response", What::NoInterim),
    (
        "no Content-Range in several parts",
        What::NoRangeInSeveralParts,
    ),
    (
        "Last-Modified not later than Date",
        What::ModifiedBeforeDate,
    ),
];

const CONDITIONS: [(&str, When); 5] = [
    (" where it is 2xx", When::Status(Statuses::Class(2))),
    (" where it is 204", When::Status(Statuses::One(204))),
    (" where there is a body", When::HasBody),
    (" where it closes", When::Closes),
    (" where it stays open", When::StaysOpen),
];

/// The fields of an answer that may stand there once (RFC 9110 §5.3).
const SINGLE: [&str; 8] = [
    "Content-Length",
    "Content-Type",
    "Content-Location",
    "Date",
    "ETag",
    "Last-Modified",
    "Location",
    "Server",
];

impl Demand {
    /// Reads a demand; `None` where the words are no demand.
    pub fn parse(text: &str) -> Option<Self> {
        let (words, when) = CONDITIONS
            .into_iter()
            .find_map(|(condition, when)| Some((text.strip_suffix(condition)?, when)))
            .unwrap_or((text, When::Always));
        Some(Self {
            text: text.to_owned(),
            what: What::parse(words)?,
            when,
        })
    }

    /// Whether the page has what this is about; `None` where it is about no field of
    /// the page.
    pub fn is_met_by_page(&self, page: &Page) -> Option<bool> {
        let name = match &self.what {
            What::AsForGet(name, _) | What::IsDate(name) => name,
            What::WellFormedEtag => "ETag",
            What::ModifiedBeforeDate => "Last-Modified",
            _ => return None,
        };
        Some(page.field(name).is_some())
    }

    /// What is wrong with the answer; `None` where it is as demanded.
    pub fn find_problem(&self, heard: &Heard, facts: &Facts, closed: bool) -> Option<String> {
        let counts = match self.when {
            When::Always => true,
            When::Status(Statuses::One(status)) => heard.status == status,
            When::Status(Statuses::Class(class)) => heard.status / 100 == class,
            When::HasBody => !heard.body.is_empty(),
            When::Closes => closed,
            When::StaysOpen => !closed,
        };
        if counts {
            self.what.find_problem(heard, facts)
        } else {
            None
        }
    }
}

impl What {
    fn parse(words: &str) -> Option<Self> {
        if let Some((_, what)) = FIXED.iter().find(|(fixed, _)| *fixed == words) {
            return Some(what.clone());
        }
        if let Some(name) = words.strip_suffix(" as for GET, or none") {
            return Some(Self::AsForGet(name.to_owned(), true));
        }
        if let Some(name) = words.strip_suffix(" as for GET") {
            return Some(Self::AsForGet(name.to_owned(), false));
        }
        if let Some(name) = words.strip_suffix(" is a date") {
            return Some(Self::IsDate(name.to_owned()));
        }
        if let Some((name, value)) = words.split_once(": ") {
            return Some(Self::Is(name.to_owned(), value.to_owned()));
        }
        if let Some(range) = words
            .strip_prefix("bytes ")
            .and_then(|rest| rest.strip_suffix(" of the page"))
        {
            let (first, last) = range.split_once('-')?;
            let number = |digits: &str| match digits {
                "" => Some(None),
                _ => digits.parse().ok().map(Some),
            };
            return Some(Self::BytesOfThePage(number(first)?, number(last)?));
        }
        let (word, rest) = words.split_once(' ')?;
        let rest = rest.to_owned();
        let is_name = !rest.contains(' ');
        match word {
            "has" if is_name => Some(Self::Has(rest)),
            "no" if is_name => Some(Self::HasNo(rest)),
            "says" if is_name => Some(Self::ConnectionSays(rest)),
            "Allow" => Some(Self::AllowLists(rest.strip_prefix("lists ")?.to_owned())),
            "body" => Some(Self::BodyWithout(rest.strip_prefix("without ")?.to_owned())),
            _ => None,
        }
    }

    fn find_problem(&self, heard: &Heard, facts: &Facts) -> Option<String> {
        let problem = |is_one: bool, text: String| is_one.then_some(text);
        match self {
            Self::Has(name) => problem(heard.field(name).is_none(), format!("{name} is missing")),
            Self::HasNo(name) => problem(
                heard.field(name).is_some(),
                format!("{name} stands there, and must not"),
            ),
            Self::Is(name, value) => {
                let wanted = facts.fill(value.as_bytes()).unwrap_or_default();
                match heard.field(name) {
                    None => Some(format!("{name} is missing")),
                    Some(value) => problem(
                        value != wanted,
                        format!("{name} is {}, not {}", shown(value), shown(&wanted)),
                    ),
                }
            }
            Self::IsDate(name) => {
                let value = heard.field(name)?;
                problem(
                    !is_date(value) || Moment::parse(value).is_none(),
                    format!("{name} is {}, which is no such date", shown(value)),
                )
            }
            Self::AsForGet(name, may_be_missing) => {
                let wanted = facts.page.field(name)?;
                match heard.field(name) {
                    None => problem(!may_be_missing, format!("{name} is missing")),
                    Some(value) => problem(
                        value != wanted,
                        format!(
                            "{name} is {}, where GET got {}",
                            shown(value),
                            shown(wanted)
                        ),
                    ),
                }
            }
            Self::AllowLists(method) => {
                let lists = heard.elements("Allow").any(|one| one == method.as_bytes());
                problem(!lists, format!("Allow does not list {method}"))
            }
            Self::ConnectionSays(option) => {
                // One of HTTP/1.0 says close by its version.
                let says = heard
                    .elements("Connection")
                    .any(|one| one.eq_ignore_ascii_case(option.as_bytes()))
                    || option == "close" && heard.version == *b"1.0" && heard.announces_close;
                problem(!says, format!("Connection does not say {option}"))
            }
            Self::SaysHttp11 => problem(
                heard.version != *b"1.1",
                format!(
                    "the answer is in version {}",
                    String::from_utf8_lossy(&heard.version)
                ),
            ),
            Self::SecondSpace => problem(
                !heard.has_second_space,
                "the status line ends with the code, and no space stands behind it".to_owned(),
            ),
            Self::CrlfAlone => problem(
                heard.has_line_feeds,
                "a line of the head ends in LF alone".to_owned(),
            ),
            Self::WellFormedFields => heard.fields.iter().find_map(|(name, value)| {
                let is_control = |byte: &u8| *byte != b'\t' && (*byte < b' ' || *byte == 0x7f);
                problem(
                    name.is_empty() || !name.iter().all(|byte| is_token_byte(*byte)),
                    format!("the name {} is no token", shown(name)),
                )
                .or_else(|| {
                    problem(
                        value.iter().any(is_control),
                        format!("the value {} has a control character", shown(value)),
                    )
                })
            }),
            Self::WellFormedEtag => {
                let etag = heard.field("ETag")?;
                let opaque = etag.strip_prefix(b"W/").unwrap_or(etag);
                let is_one = matches!(opaque, [b'"', inner @ .., b'"']
                    if inner.iter().all(|byte| *byte > b' ' && !matches!(*byte, b'"' | 0x7f)));
                problem(!is_one, format!("ETag is {}", shown(etag)))
            }
            Self::SingleFields => SINGLE.iter().find_map(|name| {
                let count = heard.values(name).count();
                problem(count > 1, format!("{name} stands there {count} times"))
            }),
            Self::OneFraming => problem(
                heard.field("Content-Length").is_some()
                    && heard.field("Transfer-Encoding").is_some(),
                "Content-Length stands beside Transfer-Encoding".to_owned(),
            ),
            Self::KnownLength => problem(
                heard.framing == Framing::Close,
                "the answer ends with the connection alone".to_owned(),
            ),
            Self::Body => problem(heard.body.is_empty(), "there is no body".to_owned()),
            Self::ThePage => problem(
                heard.body != facts.page.body,
                "the body is not the page".to_owned(),
            ),
            Self::BytesOfThePage(first, last) => {
                let page = &facts.page.body;
                let wanted = match (*first, *last) {
                    (Some(first), None) => page.get(first..),
                    (Some(first), Some(last)) => page.get(first..=last),
                    (None, last) => page.get(page.len() - last.unwrap_or(0).min(page.len())..),
                };
                problem(
                    wanted != Some(&heard.body),
                    "the body is not those bytes of the page".to_owned(),
                )
            }
            Self::BodyWithout(text) => {
                let mut windows = heard.body.windows(text.len());
                problem(
                    windows.any(|window| window == text.as_bytes()),
                    format!("the body has {text:?}"),
                )
            }
            Self::NoInterim => heard
                .interim
                .map(|status| format!("an interim response, {status}, came before the answer")),
            Self::NoRangeInSeveralParts => {
                let is_multipart = heard
                    .field("Content-Type")
                    .is_some_and(|value| value.to_ascii_lowercase().starts_with(b"multipart/"));
                problem(
                    is_multipart && heard.field("Content-Range").is_some(),
                    "Content-Range stands in the head of several parts".to_owned(),
                )
            }
            Self::ModifiedBeforeDate => {
                let modified = heard.field("Last-Modified")?;
                let date = heard.field("Date")?;
                problem(
                    Moment::parse(modified)? > Moment::parse(date)?,
                    format!(
                        "Last-Modified is {}, and Date {}",
                        shown(modified),
                        shown(date)
                    ),
                )
            }
        }
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A date and a time, in an order in which earlier ones are less.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub year: u16,
    pub month: usize,
    pub day: u8,
    pub time: String,
}

pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Moment {
    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse(date: &[u8]) -> Option<Self> {
        let text = str::from_utf8(date).ok()?;
        let words: Vec<&str> = text.split_once(", ")?.1.split(' ').collect();
        let [day, month, year, time, "GMT"] = words[..] else {
            return None;
        };
        Some(Self {
            year: year.parse().ok()?,
            month: MONTHS.iter().position(|name| *name == month)?,
            day: day.parse().ok().filter(|day| (1..=31).contains(day))?,
            time: time.to_owned(),
        })
    }
}
