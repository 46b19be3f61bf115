//! What the search looks through: the text of the whole book, packed.

use std::io::Write;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};

use super::pages::Page;

/// A script that holds the text and the code of each section of each page, as JSON in DEFLATE in
/// Base64: a page that was opened as a file may load a script, but may not fetch. The
/// text itself, and no table of its words, takes hardly more room, finds half a word and
/// `\r\n` too, and can show what stands around them. All text lies before all code, and
/// what a page shows as one space is one: so it packs better by a sixteenth.
pub fn index(book: &[Page]) -> anyhow::Result<String> {
    let sections = || book.iter().flat_map(|page| &page.sections);
    let texts: Vec<String> = sections().map(|one| spaced(&one.text)).collect();
    let codes: Vec<String> = sections().map(|one| spaced(&one.code)).collect();
    let pages: Vec<Value> = book
        .iter()
        .map(|page| {
            let sections = page
                .sections
                .iter()
                .map(|one| json!([one.anchor, one.title]));
            json!([page.file, page.title, sections.collect::<Vec<_>>()])
        })
        .collect();
    let text = json!([pages, texts, codes]).to_string();
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    let packed = packed
        .write_all(text.as_bytes())
        .and_then(|()| packed.finish())
        .context("the index cannot be packed")?;
    Ok(format!(
        "globalThis.bookIndex = \"{}\";\n",
        STANDARD.encode(&packed)
    ))
}

/// The words of a text with one space between them.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
