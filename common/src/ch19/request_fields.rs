//! A request out of the field section that it came as (RFC 9113 §8.2, §8.3.1). What the
//! request line says in HTTP/1.1 is said by fields here, whose names begin with a colon.

use std::borrow::Cow;

use crate::ch02::error::RequestError;
use crate::ch04::request_line::is_token;
use crate::ch06::body::body_length;
use crate::ch06::fields::Fields;
use crate::ch09::authority::names_a_host;
use crate::ch09::request::{Request, Scheme};
use crate::ch19::field_section::FieldSection;

/// Why a field section gives no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// It breaks a rule of HTTP/2. Nothing is answered: the stream is reset (RFC 9113
    /// §8.1.1).
    Malformed(&'static str),
    /// It breaks a rule of HTTP, and is answered as in any other version.
    Refused(RequestError),
}
use FieldError::{Malformed, Refused};

impl From<RequestError> for FieldError {
    fn from(error: RequestError) -> Self {
        Refused(error)
    }
}

/// The fields that speak of one connection of HTTP/1.1. In HTTP/2 frames do what they did
/// (RFC 9113 §8.2.2).
const OF_THE_CONNECTION: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// The pseudo-fields of a request.
#[derive(Default)]
struct Pseudo<'a> {
    method: Option<&'a str>,
    scheme: Option<&'a str>,
    path: Option<&'a str>,
    authority: Option<&'a str>,
}

impl<'a> Pseudo<'a> {
    fn add(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), FieldError> {
        let place = match name {
            b":method" => &mut self.method,
            b":scheme" => &mut self.scheme,
            b":path" => &mut self.path,
            b":authority" => &mut self.authority,
            _ => return Err(Malformed("a pseudo-field is unknown")),
        };
        let value = str::from_utf8(value).map_err(|_| Malformed("a pseudo-field is not UTF-8"))?;
        if value.contains(|character: char| character.is_control() || character == ' ') {
            return Err(Malformed(
                "a pseudo-field holds a space or a control character",
            ));
        }
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(Malformed("a pseudo-field is there twice")),
        }
    }

    /// The method, the scheme, and the target; CONNECT has none but its authority.
    fn checked(&self) -> Result<(&'a str, Option<&'a str>, Option<&'a str>), FieldError> {
        let method = self.method.ok_or(Malformed("there is no :method"))?;
        if !is_token(method) {
            return Err(Malformed("the :method is no token"));
        }
        match (method, self.scheme, self.path) {
            ("CONNECT", None, None) => Ok((method, None, None)),
            ("CONNECT", ..) => Err(Malformed("CONNECT has a :scheme or a :path")),
            (_, None, _) => Err(Malformed("there is no :scheme")),
            (_, _, None) => Err(Malformed("there is no :path")),
            ("OPTIONS", scheme, Some("*")) => Ok((method, scheme, Some("*"))),
            (_, scheme, Some(path)) if path.starts_with('/') => Ok((method, scheme, Some(path))),
            _ => Err(Malformed("the :path is no path")),
        }
    }
}

/// Makes a request of its field section, without its body. It came over a connection of that
/// scheme.
///
/// # Errors
/// [`FieldError::Malformed`] for a name that is not lower case, a pseudo-field that is
/// unknown, missing, empty, given twice or behind another field, a value with a line end, NUL
/// or white space around it, a field of the connection, and `te` with anything but
/// `trailers`. [`FieldError::Refused`] with 400 for an authority that is no host, 421 for
/// another scheme, 431 for a section that was cut, and what [`Fields::from_pairs`] refuses.
pub fn request_of(section: &FieldSection, scheme: Scheme) -> Result<Request, FieldError> {
    let mut pseudo = Pseudo::default();
    let mut pairs: Vec<(&str, Cow<str>)> = Vec::with_capacity(section.len());
    let mut cookies: Option<String> = None;
    for (name, value) in section.lines() {
        check_value(value)?;
        if name.starts_with(b":") {
            if !pairs.is_empty() || cookies.is_some() {
                return Err(Malformed("a pseudo-field stands behind a field"));
            }
            pseudo.add(name, value)?;
            continue;
        }
        let name = checked_name(name, value)?;
        let value = String::from_utf8_lossy(value);
        // A client may send the pairs of a cookie one by one, so that the table can hold
        // those that stay the same (RFC 9113 §8.2.3).
        match (name, &mut cookies) {
            ("cookie", Some(cookies)) => cookies.extend(["; ", &value]),
            ("cookie", None) => cookies = Some(value.into_owned()),
            _ => pairs.push((name, value)),
        }
    }
    if section.is_cut() {
        return Err(Refused(RequestError::new(
            "431 Request Header Fields Too Large",
            "the field section is larger than announced",
        )));
    }
    pairs.extend(cookies.map(|cookies| ("cookie", cookies.into())));
    let (method, its_scheme, target) = pseudo.checked()?;
    let fields = Fields::from_pairs(pairs.iter().map(|(name, value)| (*name, &**value)))?;
    let authority = authority(pseudo.authority, &fields)?;
    if its_scheme.is_some_and(|its| its != scheme.name()) {
        return Err(Refused(RequestError::new(
            "421 Misdirected Request",
            "the target has another scheme than the connection",
        )));
    }
    let target = target.unwrap_or(&authority);
    if target.contains('#') {
        return Err(Refused(bad("the target has a fragment")));
    }
    let (target, version) = (target.to_owned(), Cow::Borrowed("HTTP/2"));
    Ok(Request::of_parts(
        method,
        target,
        version,
        Some(authority),
        fields,
    ))
}

fn bad(problem: &'static str) -> RequestError {
    RequestError::new("400 Bad Request", problem)
}

fn check_value(value: &[u8]) -> Result<(), FieldError> {
    let is_padding = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if value.iter().any(|byte| b"\0\r\n".contains(byte)) {
        return Err(Malformed("a field value holds NUL or a line end"));
    }
    if is_padding(value.first()) || is_padding(value.last()) {
        return Err(Malformed("a field value has white space around it"));
    }
    Ok(())
}

/// The name of a field that is no pseudo-field, if it may stand in HTTP/2.
fn checked_name<'a>(name: &'a [u8], value: &[u8]) -> Result<&'a str, FieldError> {
    let text = str::from_utf8(name).unwrap_or_default();
    if !is_token(text) || name.iter().any(u8::is_ascii_uppercase) {
        return Err(Malformed("a field name is no token in lower case"));
    }
    if OF_THE_CONNECTION.contains(&text) {
        return Err(Malformed("a field is for connections of HTTP/1.1"));
    }
    if text == "te" && !value.eq_ignore_ascii_case(b"trailers") {
        return Err(Malformed("TE says more than trailers"));
    }
    Ok(text)
}

/// The host that the client means. `Host` may stand for `:authority`, where a request was
/// made from one of HTTP/1.1, and must not contradict it (RFC 9113 §8.3.1).
fn authority(pseudo: Option<&str>, fields: &Fields) -> Result<String, FieldError> {
    let hosts: Vec<&str> = fields.values("host").collect();
    let authority = match (pseudo, &hosts[..]) {
        (Some(authority), []) | (None, &[authority]) => authority,
        (Some(authority), &[host]) if authority.eq_ignore_ascii_case(host) => authority,
        (Some(_), [_]) => return Err(Malformed("Host is not what :authority is")),
        (None, []) => return Err(Refused(bad("there is neither :authority nor Host"))),
        _ => return Err(Refused(bad("there is more than one Host"))),
    };
    match names_a_host(authority) {
        true => Ok(authority.to_owned()),
        false => Err(Refused(bad("the authority is no host"))),
    }
}

/// How long the body is, where the client says so (RFC 9113 §8.1.1).
///
/// # Errors
/// [`FieldError::Malformed`] for a `Content-Length` that is no number, or is given twice;
/// else what [`body_length`] refuses.
pub fn announced_length(request: &Request) -> Result<Option<usize>, FieldError> {
    if request.fields.values("content-length").next().is_none() {
        return Ok(None);
    }
    match body_length(&request.fields) {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.status.starts_with("400") => Err(Malformed(error.problem)),
        Err(error) => Err(Refused(error)),
    }
}

/// Checks the fields behind a body. They are of no use to any page here.
///
/// # Errors
/// [`FieldError::Malformed`] where there is a pseudo-field among them, and for what
/// [`request_of`] refuses in any field (RFC 9113 §8.1).
pub fn check_trailers(section: &FieldSection) -> Result<(), FieldError> {
    for (name, value) in section.lines() {
        check_value(value)?;
        if name.starts_with(b":") {
            return Err(Malformed("a pseudo-field stands among the trailers"));
        }
        checked_name(name, value)?;
    }
    Ok(())
}
