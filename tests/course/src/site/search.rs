//! What the search looks through: the text of the whole book, packed.

use std::io::Write;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::json;

use super::pages::Page;

/// A script that holds the text and the code of each section of each page, as JSON in DEFLATE in
/// Base64: a page that was opened as a file may load a script, but may not fetch. The
/// text itself, and no table of its words, takes hardly more room, finds half a word and
/// `\r\n` too, and can show what stands around them.
pub fn index(book: &[Page]) -> anyhow::Result<String> {
    let pages = book.iter().map(|page| {
        let sections = page.sections.iter().map(|section| {
            let (text, code) = (section.text.trim_end(), section.code.trim_end());
            json!([section.anchor, section.title, text, code])
        });
        json!([page.file, page.title, sections.collect::<Vec<_>>()])
    });
    let text = serde_json::Value::from(pages.collect::<Vec<_>>()).to_string();
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
