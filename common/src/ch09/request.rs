//! A whole request: its head, parsed and checked, and its body.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufReader, Write};

use crate::ch02::error::RequestError;
use crate::ch02::stream::TimedStream;
use crate::ch04::request_line::{RequestLine, parse_request_line};
use crate::ch06::body::read_body;
use crate::ch06::fields::{Fields, parse_fields};
use crate::ch09::authority::{is_authority, names_a_host};
use crate::ch09::path;

/// A request. What most requests have alike, such as the method `GET`, takes no memory of
/// its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done, such as `GET`. Case matters (RFC 9110 §9.1).
    pub method: Cow<'static, str>,
    /// What it is to be done to: a path with its query, such as `/hello?name=Ada`,
    /// also where the client sent a whole address. For `OPTIONS` it may be `*`, and
    /// for `CONNECT` it is a host and a port (RFC 9112 §3.2).
    pub target: String,
    /// The path, where [`normal`](path::normal) has it in another notation than the target.
    path: Option<String>,
    /// The version that the client speaks, such as `HTTP/1.1`.
    pub version: Cow<'static, str>,
    /// The host of a whole address, where the client sent one.
    address_host: Option<String>,
    /// The header section.
    pub fields: Fields,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

/// The scheme of a connection. A whole address in a request line has to begin with it: a
/// request that was meant for an encrypted connection must not be answered over an open
/// one (RFC 9110 §7.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, over TCP alone.
    #[default]
    Http,
    /// `https`, over TLS.
    Https,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Request {
    /// Reads a head, its blank line included, that came over TCP alone. The body is left
    /// empty.
    ///
    /// ```
    /// let head = b"GET http://example.org/hello?name=Ada HTTP/1.1\r\nHost: a\r\n\r\n";
    /// let request = common::Request::from_head(head)?;
    /// assert_eq!(request.path(), "/hello");
    /// assert_eq!(request.target, "/hello?name=Ada");
    /// assert_eq!(request.authority(), "example.org");
    /// # Ok::<(), common::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// What [`parse_request_line`] and [`parse_fields`] refuse. 400 where a client
    /// of HTTP/1.1 sends no `Host`, or any client sends one that is no host or more
    /// than one (RFC 9112 §3.2), for a whole address without a host (RFC 9110
    /// §4.2.1), for `*` with another method than `OPTIONS`, and for a target with a
    /// fragment, which is for the client alone (RFC 9110 §4.2.5). 421 for an address
    /// of another [`Scheme`] than the connection's.
    pub fn from_head(head: &[u8]) -> Result<Self, RequestError> {
        Self::from_head_over(Scheme::Http, head)
    }

    /// Does the same for a head that came over a connection of that scheme.
    ///
    /// # Errors
    /// What [`Request::from_head`] refuses.
    pub fn from_head_over(scheme: Scheme, head: &[u8]) -> Result<Self, RequestError> {
        let RequestLine {
            method,
            target,
            version,
        } = parse_request_line(head)?;
        let fields = parse_fields(head)?;
        if target == "*" && method != "OPTIONS" {
            return Err(bad("the target * is for OPTIONS alone"));
        }
        if target.contains('#') {
            return Err(bad("the target has a fragment"));
        }
        check_host(&fields, version)?;
        let (address_host, target) = if !target.starts_with('/')
            && let Some((named, address)) = target.split_once("://")
        {
            if !named.eq_ignore_ascii_case(scheme.name()) {
                return Err(RequestError::new(
                    "421 Misdirected Request",
                    "the target has another scheme than the connection",
                ));
            }
            let (host, target) = split_address(method, address)?;
            (Some(host.to_owned()), target)
        } else {
            (None, target.to_owned())
        };
        let version = shared(version, &["HTTP/1.1", "HTTP/1.0"]);
        Ok(Self::of_parts(
            method,
            target,
            version,
            address_host,
            fields,
        ))
    }

    /// A request of its parts, which have been checked. It has no body yet.
    pub(crate) fn of_parts(
        method: &str,
        target: String,
        version: Cow<'static, str>,
        address_host: Option<String>,
        fields: Fields,
    ) -> Self {
        Self {
            method: shared(method, &["GET", "HEAD", "POST", "OPTIONS"]),
            path: path::normal(without_query(&target)),
            target,
            version,
            address_host,
            fields,
            body: Vec::new(),
        }
    }

    /// The request line, with the target as it is here.
    pub fn line(&self) -> RequestLine<'_> {
        RequestLine {
            method: &self.method,
            target: &self.target,
            version: &self.version,
        }
    }

    /// The target without its query, in the one notation in which paths are compared:
    /// `/hello` also where the client wrote `/%68ello`.
    pub fn path(&self) -> &str {
        match &self.path {
            Some(path) => path,
            None => without_query(&self.target),
        }
    }

    /// The host that the client means, with its port where one is given: that of a whole
    /// address, else that of the field `Host`. Empty where there is neither.
    pub fn authority(&self) -> &str {
        match &self.address_host {
            Some(host) => host,
            None => self.fields.values("Host").next().unwrap_or_default(),
        }
    }
}

/// The method and the target, for the log.
impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.target)
    }
}

/// Makes a request of its head, and reads its body with [`read_body`].
///
/// # Errors
/// What [`Request::from_head`] and [`read_body`] refuse; else what the connection
/// reports.
pub fn read_request(
    head: &[u8],
    reader: &mut BufReader<TimedStream>,
    stream: impl Write,
) -> anyhow::Result<Request> {
    let mut request = Request::from_head(head)?;
    request.body = read_body(reader, stream, &request.line(), &request.fields)?;
    Ok(request)
}

fn bad(problem: &'static str) -> RequestError {
    RequestError::new("400 Bad Request", problem)
}

/// The text itself, where it is one of these, which are there for the whole run of the
/// program; else a copy.
fn shared(text: &str, usual: &[&'static str]) -> Cow<'static, str> {
    match usual.iter().find(|one| **one == text) {
        Some(one) => Cow::Borrowed(one),
        None => Cow::Owned(text.to_owned()),
    }
}

fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// Checks the field `Host`, which a client of HTTP/1.1 has to send.
fn check_host(fields: &Fields, version: &str) -> Result<(), RequestError> {
    let mut hosts = fields.values("Host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_authority(host) => Ok(()),
        (Some(_), None) => Err(bad("the Host is no host")),
        (Some(_), Some(_)) => Err(bad("there is more than one Host")),
        (None, _) if version == "HTTP/1.0" => Ok(()),
        (None, _) => Err(bad("there is no Host")),
    }
}

/// Splits what stands behind the scheme into the host, and the target that the client
/// would have sent without a host.
fn split_address<'a>(method: &str, address: &'a str) -> Result<(&'a str, String), RequestError> {
    let (authority, target) = address.split_at(address.find(['/', '?']).unwrap_or(address.len()));
    if !names_a_host(authority) {
        return Err(bad("the target has no host"));
    }
    let target = match target {
        // The server as a whole is meant (RFC 9112 §3.2.4).
        "" if method == "OPTIONS" => "*".to_owned(),
        _ if target.starts_with('/') => target.to_owned(),
        _ => format!("/{target}"),
    };
    Ok((authority, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Request, RequestError> {
        Request::from_head(head.as_bytes())
    }

    #[test]
    fn whole_addresses_and_paths() {
        for (line, host, target, authority) in [
            ("GET / HTTP/1.1", "a", "/", "a"),
            ("GET /b?c=/d?e HTTP/1.1", "a:80", "/b?c=/d?e", "a:80"),
            ("GET //b://c HTTP/1.1", "a", "//b://c", "a"),
            ("GET /?b=http://c/ HTTP/1.1", "a", "/?b=http://c/", "a"),
            ("GET / HTTP/1.1", "", "/", ""),
            ("GET http://b/c?d HTTP/1.1", "a", "/c?d", "b"),
            ("GET HTTP://b:8080 HTTP/1.1", "a", "/", "b:8080"),
            ("GET http://b?c/d HTTP/1.1", "a", "/?c/d", "b"),
            ("OPTIONS * HTTP/1.1", "a", "*", "a"),
            ("OPTIONS http://b HTTP/1.1", "a", "*", "b"),
            ("OPTIONS http://b/ HTTP/1.1", "a", "/", "b"),
            ("CONNECT b:80 HTTP/1.1", "b:80", "b:80", "b:80"),
        ] {
            let request = parse(&format!("{line}\r\nHost: {host}\r\n\r\n")).unwrap();
            assert_eq!(
                (&*request.target, request.authority()),
                (target, authority),
                "{line}"
            );
        }
    }

    #[test]
    fn targets_that_are_refused() {
        for (target, code) in [
            ("*", "400"),
            ("http:///b", "400"),
            ("http://:80/b", "400"),
            ("http://user@b/", "400"),
            ("http://b:x/", "400"),
            ("/b#c", "400"),
            ("http://b/#c", "400"),
            ("https://b/", "421"),
            ("ftp://b/", "421"),
        ] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: b\r\n\r\n");
            let error = parse(&head).unwrap_err();
            assert!(error.status.starts_with(code), "{target}: {error}");
        }
    }

    #[test]
    fn over_tls_an_address_has_the_other_scheme() {
        let over_tls = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            Request::from_head_over(Scheme::Https, head.as_bytes())
        };
        assert_eq!(over_tls("HTTPS://b/c").unwrap().authority(), "b");
        let error = over_tls("http://b/c").unwrap_err();
        assert_eq!(error.status, "421 Misdirected Request");
    }

    #[test]
    fn one_host_and_not_more() {
        for (version, fields, code) in [
            ("HTTP/1.1", "", Some("400")),
            ("HTTP/1.0", "", None),
            ("HTTP/1.1", "Host: a\r\nhost: a\r\n", Some("400")),
            ("HTTP/1.0", "Host: a\r\nHost: b\r\n", Some("400")),
            ("HTTP/1.0", "Host: a b\r\n", Some("400")),
            ("HTTP/1.9", "", Some("400")),
        ] {
            let parsed = parse(&format!("GET / {version}\r\n{fields}\r\n"));
            let refused = parsed.err().map(|error| error.status[..3].to_owned());
            assert_eq!(refused.as_deref(), code, "{version} {fields:?}");
        }
    }

    #[test]
    fn a_path_has_no_query() {
        let request = parse("GET /a/b?c?d HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(request.path(), "/a/b");
        assert_eq!(request.to_string(), "GET /a/b?c?d");
    }

    #[test]
    fn a_path_has_one_notation_and_a_target_that_of_the_client() {
        for target in ["/%68i?%68", "http://a/%68i?%68"] {
            let request = parse(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
            assert_eq!(request.path(), "/hi");
            assert_eq!(request.target, "/%68i?%68");
        }
    }
}
