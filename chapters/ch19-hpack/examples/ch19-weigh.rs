//! Weighs the header sections of a page load in HTTP/1.1 and in HTTP/2.
//!
//!     cargo run -p ch19-hpack --example ch19-weigh

use common::encoder::Keeping;
use common::string::encode_plain;
use common::{HpackEncoder, encode_string, keeping};

/// The heads that went over the connections when Chromium 156 loaded the page of chapter 14,
/// each request with its response, line ends as LF.
const PAGE_LOAD: &str = include_str!("page-load.txt");

/// The length of a frame's header, which each field block has before it.
const FRAME_HEADER: usize = 9;

/// How many page loads one connection carries in the last two rows.
const PAGES: usize = 50;

type Lines = Vec<(String, String)>;

/// One head: what it takes in HTTP/1.1, and its fields as HTTP/2 has them.
#[derive(Clone)]
pub struct Head {
    length: usize,
    lines: Lines,
}

/// Those of the page load.
pub fn heads() -> Vec<Head> {
    PAGE_LOAD.trim_end().split("\n\n").map(Head::read).collect()
}

impl Head {
    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let parts: Vec<&str> = first.split(' ').collect();
        let pseudo = match parts[..] {
            ["HTTP/1.1", status, ..] => vec![(":status", status)],
            [method, path, ..] => {
                vec![(":method", method), (":scheme", "http"), (":path", path)]
            }
            _ => Vec::new(),
        };
        let owned = |(name, value): (&str, &str)| (name.to_ascii_lowercase(), value.to_owned());
        let mut its_lines: Lines = pseudo.into_iter().map(owned).collect();
        for line in lines {
            match line.split_once(": ") {
                Some(("Host", value)) => its_lines.push(owned((":authority", value))),
                // Frames do what this field did.
                Some(("Connection", _)) | None => {}
                Some(field) => its_lines.push(owned(field)),
            }
        }
        Self {
            // A CR before each LF, and the blank line.
            length: text.len() + text.lines().count() + 4,
            lines: its_lines,
        }
    }
}

/// The fields that have another value on each page of [`many_pages`].
const OF_EACH_PAGE: [&str; 4] = [":path", "referer", "etag", "content-length"];

/// So many loads of the page, each with files of its own.
fn many_pages(heads: &[Head], count: usize) -> Vec<Head> {
    let mut pages = Vec::new();
    for page in 0..count {
        for head in heads {
            let mut head = head.clone();
            for (name, value) in &mut head.lines {
                if OF_EACH_PAGE.contains(&&**name) {
                    value.push_str(&page.to_string());
                }
            }
            pages.push(head);
        }
    }
    pages
}

/// The fields of a head, as names and values.
pub fn lines(head: &Head) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.lines
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

fn main() {
    let heads = heads();
    let (requests, responses): (Vec<_>, Vec<_>) =
        heads.iter().partition(|head| head.lines[0].0 == ":method");
    let encoded = |heads: &[&Head], mut encoder: HpackEncoder| -> usize {
        let mut block = Vec::new();
        for head in heads {
            encoder.encode(lines(head), &mut block);
        }
        block.len() + FRAME_HEADER * heads.len()
    };
    let literal = |heads: &[&Head]| -> usize {
        let mut block = Vec::new();
        for (name, value) in heads.iter().flat_map(|head| lines(head)) {
            block.push(0);
            encode_plain(name, &mut block);
            encode_plain(value, &mut block);
        }
        block.len() + FRAME_HEADER * heads.len()
    };
    let not_kept: fn(&[u8]) -> Keeping = |_| Keeping::NotKept;
    let all_kept: fn(&[u8]) -> Keeping = |_| Keeping::Kept;
    let show = |name: &str, weigh: &dyn Fn(&[&Head]) -> usize| {
        show_row(name, weigh(&requests), weigh(&responses));
    };
    println!("{} requests and responses, in bytes", requests.len());
    show("HTTP/1.1", &|heads| {
        heads.iter().map(|head| head.length).sum()
    });
    show("HTTP/2 without compression", &literal);
    show("the static table", &|heads| {
        encoded(heads, HpackEncoder::new(not_kept, encode_plain))
    });
    show("and the Huffman code", &|heads| {
        encoded(heads, HpackEncoder::new(not_kept, encode_string))
    });
    show("and the dynamic table for all", &|heads| {
        encoded(heads, HpackEncoder::new(all_kept, encode_string))
    });
    show("and the dynamic table where it pays", &|heads| {
        encoded(heads, HpackEncoder::new(keeping, encode_string))
    });

    let heads = many_pages(&heads, PAGES);
    let (requests, responses): (Vec<_>, Vec<_>) =
        heads.iter().partition(|head| head.lines[0].0 == ":method");
    println!("{PAGES} such pages, each with files of its own");
    for (name, keeping) in [
        ("the dynamic table for all", all_kept),
        ("the dynamic table where it pays", keeping),
    ] {
        let weigh = |heads| encoded(heads, HpackEncoder::new(keeping, encode_string));
        show_row(name, weigh(&requests), weigh(&responses));
    }
}

fn show_row(name: &str, asked: usize, answered: usize) {
    println!(
        "{name:<36} {asked:>5} {answered:>5} {:>5}",
        asked + answered
    );
}
