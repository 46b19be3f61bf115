//! Text inside a page.

/// Makes text from a client safe to stand between the tags of a page: `&`, `<`
/// and `>` become references. Without this a body such as `<script>…</script>`
/// would run as a script of our page (cross-site scripting).
///
/// This is enough for text between tags. In the value of an attribute a quotation mark
/// would have to be escaped too.
///
/// ```
/// assert_eq!(common::escape("<b> & \"c\""), "&lt;b&gt; &amp; \"c\"");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_characters_are_escaped_and_no_other() {
        for (text, escaped) in [
            ("", ""),
            ("plain, 'quoted', grüße", "plain, 'quoted', grüße"),
            ("<script>", "&lt;script&gt;"),
            ("a && b", "a &amp;&amp; b"),
            ("&lt;", "&amp;lt;"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }
}
