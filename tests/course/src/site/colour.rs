//! Colours for what stands in a code block, as classes of one letter.

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

/// The HTML of a block in this language.
pub fn colour(language: &str, text: &str) -> String {
    match language {
        "rust" => rust(text),
        "diff" => by_line(text, difference),
        "console" => by_line(text, console),
        "sh" | "python" => by_line(text, with_comment),
        _ => by_line(text, wire),
    }
}

/// Text as HTML has it.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn span(class: char, text: &str) -> String {
    format!("<span class={class}>{}</span>", escape(text))
}

/// Puts together what each line, with its end, is made of.
fn by_line(text: &str, line: fn(&str) -> String) -> String {
    text.split_inclusive('\n').map(line).collect()
}

/// A line of a difference: one that comes in, one that goes, and what is not of the file.
fn difference(line: &str) -> String {
    match line.as_bytes() {
        [b'@', ..] | [b'-', b'-', b'-', b' ', ..] | [b'+', b'+', b'+', b' ', ..] => span('c', line),
        [b'+', ..] => span('i', line),
        [b'-', ..] => span('r', line),
        _ => escape(line),
    }
}

/// A line of a conversation, coloured as in the drawings: what the client sends, what the
/// server sends, what it prints, and what else happens.
fn wire(line: &str) -> String {
    let mark = line.split([' ', '\n']).next();
    match mark {
        Some(">") => span('q', line),
        Some("<") => span('p', line),
        Some("=") => span('o', line),
        Some("*") => span('h', line),
        _ => escape(line),
    }
}

/// A line of a terminal: a command behind its prompt, or what it prints.
fn console(line: &str) -> String {
    match line.strip_prefix("$ ") {
        Some(command) => {
            let (command, end) = match command.strip_suffix('\n') {
                Some(command) => (command, "\n"),
                None => (command, ""),
            };
            format!("{}{}{end}", span('z', "$ "), span('y', command))
        }
        None => wire(line),
    }
}

/// A command, and what is said about it.
fn with_comment(line: &str) -> String {
    match line.find(" # ") {
        Some(at) => escape(&line[..at]) + &span('c', &line[at..]),
        None => escape(line),
    }
}

fn rust(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    for token in tokenize(text, FrontmatterAllowed::No) {
        let (word, after) = rest.split_at(token.len as usize);
        rest = after;
        match class(token.kind, word) {
            Some(class) => html += &span(class, word),
            None => html += &escape(word),
        }
    }
    html
}

fn class(kind: TokenKind, word: &str) -> Option<char> {
    match kind {
        TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => Some('c'),
        TokenKind::Literal { .. } => Some('s'),
        TokenKind::Lifetime { .. } => Some('t'),
        TokenKind::Ident if KEYWORDS.contains(&word) => Some('k'),
        TokenKind::Ident if word.starts_with(|c: char| c.is_ascii_uppercase()) => Some('t'),
        _ => None,
    }
}

/// The words of Rust that the book uses, or may come to use.
const KEYWORDS: [&str; 37] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
    "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use",
    "where", "while",
];
