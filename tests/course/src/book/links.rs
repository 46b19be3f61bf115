//! Links between files: where they lead, and how they are written elsewhere.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// A Markdown text in which each link, and each figure, leads where `target` says; `None`
/// leaves it as it is.
pub fn rewritten(text: &str, target: impl Fn(&str) -> Option<String>) -> String {
    let mut new = String::new();
    let mut copied = 0;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
            continue;
        };
        let written = format!("]({dest_url}");
        let Some(place) = text[range.clone()].rfind(&written) else {
            continue;
        };
        if let Some(target) = target(&dest_url) {
            let start = range.start + place + 2;
            new += &text[copied..start];
            new += &target;
            copied = start + dest_url.len();
        }
    }
    new + &text[copied..]
}

/// Whether a link leads out of the workspace.
pub fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// The path, from the workspace's root, that a link of a file leads to, and its anchor.
pub fn resolved<'a>(file: &str, link: &'a str) -> (String, &'a str) {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return (file.to_owned(), anchor);
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    (parts.join("/"), anchor)
}

/// How a file links to another one, both named by their paths from the same folder.
pub fn relative(file: &str, target: &str) -> String {
    let folders: Vec<&str> = file.split('/').collect();
    let folders = &folders[..folders.len() - 1];
    let parts: Vec<&str> = target.split('/').collect();
    let pairs = folders.iter().zip(&parts[..parts.len() - 1]);
    let same = pairs.take_while(|(one, other)| one == other).count();
    "../".repeat(folders.len() - same) + &parts[same..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_one_file_to_another() {
        for (file, target, link) in [
            ("BOOK.md", "chapters/a/README.md", "chapters/a/README.md"),
            ("chapters/a/README.md", "BOOK.md", "../../BOOK.md"),
            (
                "chapters/a/README.md",
                "chapters/b/README.md",
                "../b/README.md",
            ),
            (
                "chapters/a/README.md",
                "chapters/a/src/main.rs",
                "src/main.rs",
            ),
        ] {
            assert_eq!(relative(file, target), link);
            assert_eq!(resolved(file, link), (target.to_owned(), ""));
        }
        assert_eq!(resolved("a/b.md", "#c"), ("a/b.md".to_owned(), "c"));
    }

    #[test]
    fn only_links_are_rewritten() {
        let text = "[a](x) `[b](x)` ![c](y) [`d`](x)\n\n```text\n[e](x)\n```\n";
        let new = rewritten(text, |link| (link == "x").then(|| "long/z".to_owned()));
        let wanted = "[a](long/z) `[b](x)` ![c](y) [`d`](long/z)\n\n```text\n[e](x)\n```\n";
        assert_eq!(new, wanted);
    }
}
