//! The query of a target: what stands behind its first `?` (RFC 3986 §3.4).

use std::fmt;

use crate::ch02::error::RequestError;
use crate::ch07::percent;

/// How many parameters a query may have. Each name is compared with all names before it,
/// so the work grows with the square of their number, and four thousand fit into a head.
pub const MAX_PARAMETERS: usize = 1000;

/// The parameters of a query, in the order in which their names first came. Printed with
/// `{:?}` it looks like a map from each name to all its values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Query {
    parameters: Vec<(String, Vec<String>)>,
}

impl Query {
    /// The values of a name, in the order in which they came; none where the query does
    /// not have the name.
    pub fn values(&self, name: &str) -> &[String] {
        self.parameters
            .iter()
            .find(|(parameter, _)| parameter == name)
            .map_or(&[], |(_, values)| values)
    }

    fn push(&mut self, name: String, value: String) {
        match self
            .parameters
            .iter_mut()
            .find(|(parameter, _)| *parameter == name)
        {
            Some((_, values)) => values.push(value),
            None => self.parameters.push((name, vec![value])),
        }
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.parameters.iter().map(|(name, values)| (name, values));
        formatter.debug_map().entries(entries).finish()
    }
}

/// Reads the query of a target as Python's `urllib.parse.parse_qs` does with
/// its defaults: `&` stands between parameters, `+` is a space,
/// percent-encoding is decoded (with `U+FFFD` for bytes that are not UTF-8), and a
/// parameter without a value is dropped. Browsers write forms in this notation.
///
/// ```
/// let query = common::parse_query("/greet?name=Ada+Lovelace&name=Bob&empty=")?;
/// assert_eq!(format!("{query:?}"), r#"{"name": ["Ada Lovelace", "Bob"]}"#);
/// assert_eq!(query.values("name"), ["Ada Lovelace", "Bob"]);
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// 400 for more than [`MAX_PARAMETERS`], empty ones included.
pub fn parse_query(target: &str) -> Result<Query, RequestError> {
    let without_fragment = target.split('#').next().unwrap_or_default();
    let (_, query) = without_fragment.split_once('?').unwrap_or_default();
    parse_parameters(query)
}

/// Reads parameters as [`parse_query`] does, where no target stands before them, as in
/// the body of a form.
///
/// # Errors
/// 400 for more than [`MAX_PARAMETERS`], empty ones included.
pub fn parse_parameters(query: &str) -> Result<Query, RequestError> {
    if query.split('&').count() > MAX_PARAMETERS {
        return Err(RequestError::new(
            "400 Bad Request",
            "the query has more than 1000 parameters",
        ));
    }
    let mut parsed = Query::default();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some((name, value)) if !value.is_empty() => parsed.push(decode(name), decode(value)),
            _ => {}
        }
    }
    Ok(parsed)
}

fn decode(text: &str) -> String {
    let decoded = percent::decode(&text.replace('+', " "));
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python 3.11 prints for each of these, in Rust's notation.
    #[test]
    fn as_parse_qs() {
        for (target, expected) in [
            ("/", r#"{}"#),
            ("/?", r#"{}"#),
            ("/?name=Ada", r#"{"name": ["Ada"]}"#),
            ("/a/b?name=Ada", r#"{"name": ["Ada"]}"#),
            ("/?b=1&a=2&b=3", r#"{"b": ["1", "3"], "a": ["2"]}"#),
            ("/?a=1&&b=2&", r#"{"a": ["1"], "b": ["2"]}"#),
            ("/?a", r#"{}"#),
            ("/?a=", r#"{}"#),
            ("/?a=&a=1", r#"{"a": ["1"]}"#),
            ("/?=1", r#"{"": ["1"]}"#),
            ("/?a=b=c", r#"{"a": ["b=c"]}"#),
            ("/?a=1;b=2", r#"{"a": ["1;b=2"]}"#),
            ("/?a=1?b=2", r#"{"a": ["1?b=2"]}"#),
            ("/?a=1#b=2", r#"{"a": ["1"]}"#),
            ("/#?a=1", r#"{}"#),
            ("/?a+b=c+d", r#"{"a b": ["c d"]}"#),
            ("/?a%2Bb=c%2bd", r#"{"a+b": ["c+d"]}"#),
            ("/?a%26b=c%3Dd", r#"{"a&b": ["c=d"]}"#),
            ("/?%61=1&a=2", r#"{"a": ["1", "2"]}"#),
            ("/?a=%25%32%35", r#"{"a": ["%25"]}"#),
            (
                "/?a=%&b=%4&c=%zz&d=100%",
                r#"{"a": ["%"], "b": ["%4"], "c": ["%zz"], "d": ["100%"]}"#,
            ),
            ("/?a=%E2%82%AC", r#"{"a": ["€"]}"#),
            ("/?a=€", r#"{"a": ["€"]}"#),
            ("/?a=%ff%E2%82x", "{\"a\": [\"\u{fffd}\u{fffd}x\"]}"),
            ("/?a=%00%1b", r#"{"a": ["\0\u{1b}"]}"#),
            ("/?a=%22%5c", r#"{"a": ["\"\\"]}"#),
        ] {
            let query = parse_query(target).unwrap();
            assert_eq!(format!("{query:?}"), expected, "{target}");
        }
    }

    #[test]
    fn values_of_a_name() {
        let query = parse_query("/?a=1&b=2&a=3").unwrap();
        assert_eq!(query.values("a"), ["1", "3"]);
        assert_eq!(query.values("c"), [""; 0]);
    }

    #[test]
    fn not_more_than_a_thousand() {
        let most = format!("/?{}", "a&".repeat(MAX_PARAMETERS - 1));
        assert!(parse_query(&most).is_ok());
        let error = parse_query(&format!("{most}&")).unwrap_err();
        assert_eq!(error.status, "400 Bad Request");
    }
}
