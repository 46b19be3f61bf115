//! The pages of the book, made of its Markdown.

use std::collections::{HashMap, VecDeque};
use std::mem;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use pulldown_cmark::{
    CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html,
};

use super::colour::{colour, escape};
use crate::book;
use crate::chapters::{Course, read};

/// The page that the others are found from.
pub const START: &str = "index.html";
/// The part whose words can be found one by one.
const GLOSSARY: &str = "Glossary";

/// One page.
pub struct Page {
    /// The name of its file.
    pub file: String,
    pub title: String,
    /// The number of the chapter that it is, such as `5a`.
    pub chapter: Option<String>,
    /// What it is divided into, the first being its beginning.
    pub sections: Vec<Section>,
    /// The figures in it, by their paths from the workspace's root.
    pub figures: Vec<String>,
    pub html: String,
}

/// A part of a page that can be linked to.
pub struct Section {
    pub anchor: String,
    pub title: String,
    pub kind: Kind,
    /// Its text without any marks, for the search.
    pub text: String,
    /// Its code, and what only names code.
    pub code: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What stands below the page's own heading.
    Beginning,
    /// What stands below another one.
    Section,
    /// A row of the glossary.
    Term,
}

/// A heading of the book.
struct Heading {
    /// Which of the events begins it.
    at: usize,
    title: String,
    anchor: String,
    begins_a_page: bool,
}

/// All of the book in one page, with its figures in it.
pub fn render_one(course: &Course, text: &str) -> anyhow::Result<Page> {
    let events: Vec<Event> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let headings = headings(&events, book::anchors(text));
    let first = headings.first().context("the book has no heading")?;
    let links = headings.iter().map(|heading| {
        let anchor = heading.anchor.clone();
        (anchor.clone(), format!("#{anchor}"))
    });
    let page = Page::new(START.to_owned(), &first.title);
    let links = links.collect();
    let mut writer = Writer::new(course, page, &links, headings.iter().collect());
    writer.has_figures_inside = true;
    for event in events {
        writer.write(event)?;
    }
    Ok(writer.finished())
}

/// All pages in the order of the book.
pub fn render(course: &Course, text: &str, source: Option<&str>) -> anyhow::Result<Vec<Page>> {
    let events: Vec<Event> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let headings = headings(&events, book::anchors(text));
    let starts: Vec<&Heading> = headings
        .iter()
        .filter(|heading| heading.begins_a_page)
        .collect();
    let first = starts.first().context("the book has no heading")?.at;
    let mut links = HashMap::new();
    let mut file = START.to_owned();
    for heading in &headings {
        if heading.begins_a_page && heading.at > first {
            file = file_name(heading);
        }
        let link = match heading.begins_a_page {
            true => file.clone(),
            false => format!("{file}#{}", heading.anchor),
        };
        links.insert(heading.anchor.clone(), link);
    }
    let ends = starts.iter().skip(1).map(|heading| heading.at);
    let ends = ends.chain([events.len()]);
    let mut pages = Vec::new();
    for (start, end) in starts.iter().zip(ends) {
        let inside = |heading: &&Heading| (start.at..end).contains(&heading.at);
        let mut page = Page::new(links[&start.anchor].clone(), &start.title);
        page.chapter = chapter_number(&start.title).map(str::to_owned);
        let headings = headings.iter().filter(inside).collect();
        let mut writer = Writer::new(course, page, &links, headings);
        writer.source = source;
        for event in &events[start.at..end] {
            writer.write(event.clone())?;
        }
        let page = writer.finished();
        pages.push(page);
    }
    Ok(pages)
}

impl Page {
    fn new(file: String, title: &str) -> Self {
        Self {
            file,
            title: title.to_owned(),
            chapter: None,
            sections: Vec::new(),
            figures: Vec::new(),
            html: String::new(),
        }
    }
}

/// `Chapter 5a: status codes` is the page of chapter 5a.
fn chapter_number(title: &str) -> Option<&str> {
    Some(title.strip_prefix("Chapter ")?.split_once(':')?.0)
}

fn file_name(heading: &Heading) -> String {
    match chapter_number(&heading.title) {
        Some(number) => format!("chapter-{number}.html"),
        None => format!("{}.html", heading.anchor),
    }
}

/// Where a figure lies, seen from a page.
pub fn figure_link(path: &str) -> &str {
    path.strip_prefix("pages/").unwrap_or(path)
}

fn headings(events: &[Event], anchors: Vec<String>) -> Vec<Heading> {
    let starts = events
        .iter()
        .enumerate()
        .filter_map(|(at, event)| match event {
            Event::Start(Tag::Heading { level, .. }) => Some((at, *level)),
            _ => None,
        });
    let headings = starts.zip(anchors).map(|((at, level), anchor)| {
        let inside = events[at..].iter();
        let inside = inside.take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let title: String = inside.filter_map(text_of).collect();
        Heading {
            at,
            begins_a_page: level <= HeadingLevel::H2 && title != book::CONTENTS,
            title,
            anchor,
        }
    });
    headings.collect()
}

fn text_of<'a>(event: &'a Event) -> Option<&'a str> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(text),
        _ => None,
    }
}

/// What text goes into instead of the page, until its end has come.
enum Inside {
    Text,
    Heading,
    Code { language: String, text: String },
    Figure { path: String, alt: String },
}

/// Turns the events of one page into others that are written as they are.
struct Writer<'a> {
    course: &'a Course,
    /// Where each anchor of the book is found.
    links: &'a HashMap<String, String>,
    source: Option<&'a str>,
    is_start: bool,
    /// Whether figures are written into the page, and not linked to.
    has_figures_inside: bool,
    /// The headings that are still to come.
    headings: VecDeque<&'a Heading>,
    inside: Inside,
    /// What the comment above a code block says of it.
    comment: Option<String>,
    /// Whether what is read belongs to the glossary.
    is_in_glossary: bool,
    /// Whether the next text is a word of it.
    names_a_word: bool,
    /// Whether what is read only names code: a caption, or a list of what is not shown.
    names_code: bool,
    page: Page,
    out: Vec<Event<'a>>,
}

impl<'a> Writer<'a> {
    fn new(
        course: &'a Course,
        page: Page,
        links: &'a HashMap<String, String>,
        headings: VecDeque<&'a Heading>,
    ) -> Self {
        Self {
            course,
            links,
            source: None,
            is_start: page.file == START,
            has_figures_inside: false,
            headings,
            inside: Inside::Text,
            comment: None,
            is_in_glossary: false,
            names_a_word: false,
            names_code: false,
            page,
            out: Vec::new(),
        }
    }

    fn finished(self) -> Page {
        let mut page = self.page;
        html::push_html(&mut page.html, self.out.into_iter());
        // A table whose first column needs no heading has none there.
        page.html = page.html.replace("<th></th>", "<td></td>");
        page
    }

    fn write(&mut self, event: Event<'a>) -> anyhow::Result<()> {
        match event {
            Event::Start(Tag::Heading { level, .. }) => self.begin_section(level),
            Event::End(TagEnd::Heading(level)) => {
                self.inside = Inside::Text;
                self.html("</a>");
                let level = self.level(level);
                self.out.push(Event::End(TagEnd::Heading(level)));
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let text = String::new();
                self.inside = Inside::Code { language, text };
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let path = dest_url.to_string();
                let alt = String::new();
                self.inside = Inside::Figure { path, alt };
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Image) => {
                match mem::replace(&mut self.inside, Inside::Text) {
                    Inside::Code { language, text } => self.code_block(&language, &text),
                    Inside::Figure { path, alt } => self.figure(path, &alt)?,
                    Inside::Text | Inside::Heading => {}
                }
            }
            Event::Html(text) if text.trim().starts_with("<!--") => {
                let comment = text.trim().trim_start_matches("<!--");
                let comment = comment.trim_end_matches("-->").trim();
                self.names_code = comment.starts_with("rest: ");
                self.comment = Some(comment.to_owned());
            }
            Event::Start(Tag::Link { dest_url, .. }) => self.begin_link(&dest_url),
            Event::End(TagEnd::Link) => self.html("</a>"),
            Event::Start(Tag::Table(_)) => {
                self.html("<div class=wide>");
                self.out.push(event);
            }
            Event::End(TagEnd::Table) => {
                self.out.push(event);
                self.html("</div>\n");
            }
            Event::Start(Tag::TableRow) => {
                self.names_a_word = self.is_in_glossary;
                self.out.push(event);
            }
            Event::End(TagEnd::TableCell) => {
                self.names_a_word = false;
                self.for_search(" ");
                self.out.push(event);
            }
            Event::Text(text) => self.text(text),
            Event::Code(text) => self.inline_code(&text),
            Event::SoftBreak | Event::HardBreak => {
                self.for_search(" ");
                self.out.push(event);
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableRow) => {
                self.for_search("\n");
                self.out.push(event);
            }
            Event::InlineHtml(ref html) if matches!(&**html, "<sub>" | "</sub>") => {
                self.names_code = &**html == "<sub>";
                let caption = html.replace("<sub>", "<small class=source>");
                self.html(caption.replace("</sub>", "</small>"));
            }
            Event::Html(ref html) if html.contains("<summary>") => {
                self.for_search(&without_tags(html));
                self.out.push(event);
            }
            _ => self.out.push(event),
        }
        Ok(())
    }

    fn html(&mut self, html: impl Into<String>) {
        self.out.push(Event::InlineHtml(html.into().into()));
    }

    fn for_search(&mut self, text: &str) {
        if let Some(section) = self.page.sections.last_mut() {
            match self.names_code {
                true => section.code += text,
                false => section.text += text,
            }
        }
    }

    /// The page's own heading is of the first level, and those below it follow.
    fn level(&self, level: HeadingLevel) -> HeadingLevel {
        match level {
            level if self.is_start => level,
            HeadingLevel::H2 => HeadingLevel::H1,
            HeadingLevel::H3 => HeadingLevel::H2,
            HeadingLevel::H4 => HeadingLevel::H3,
            level => level,
        }
    }

    fn begin_section(&mut self, level: HeadingLevel) {
        let Some(heading) = self.headings.pop_front() else {
            return;
        };
        self.inside = Inside::Heading;
        if heading.begins_a_page {
            self.is_in_glossary = heading.title == GLOSSARY;
        }
        self.page.sections.push(Section {
            anchor: heading.anchor.clone(),
            title: heading.title.clone(),
            kind: match heading.begins_a_page {
                true => Kind::Beginning,
                false => Kind::Section,
            },
            text: String::new(),
            code: String::new(),
        });
        self.out.push(Event::Start(Tag::Heading {
            level: self.level(level),
            id: Some(heading.anchor.clone().into()),
            classes: Vec::new(),
            attrs: Vec::new(),
        }));
        self.html(format!("<a href=\"#{}\">", heading.anchor));
    }

    fn text(&mut self, text: CowStr<'a>) {
        match &mut self.inside {
            Inside::Code { text: content, .. } | Inside::Figure { alt: content, .. } => {
                content.push_str(&text);
            }
            // A heading is found by its title.
            Inside::Heading => self.out.push(Event::Text(text)),
            Inside::Text if mem::take(&mut self.names_a_word) => self.begin_word(&text),
            Inside::Text => {
                self.for_search(&text);
                self.out.push(Event::Text(text));
            }
        }
    }

    fn begin_word(&mut self, word: &str) {
        let anchor = format!("term-{}", book::anchor(word));
        self.html(format!("<dfn id=\"{anchor}\">{}</dfn>", escape(word)));
        self.page.sections.push(Section {
            anchor,
            title: word.to_owned(),
            kind: Kind::Term,
            text: String::new(),
            code: String::new(),
        });
    }

    fn inline_code(&mut self, text: &str) {
        if let Inside::Figure { alt, .. } = &mut self.inside {
            return alt.push_str(text);
        }
        if let Inside::Text = self.inside {
            self.for_search(text);
        }
        let code = format!("<code>{}</code>", escape(text));
        self.html(match self.file_link(text) {
            Some(link) => format!("<a href=\"{}\">{code}</a>", escape(&link)),
            None => code,
        });
    }

    /// Where a file of the workspace can be read, if that was said.
    fn file_link(&self, path: &str) -> Option<String> {
        let is_file = path.contains('/') && self.course.root.join(path).is_file();
        let source = self.source.filter(|_| is_file && !path.starts_with('/'))?;
        Some(format!("{}/{path}", source.trim_end_matches('/')))
    }

    fn begin_link(&mut self, link: &str) {
        let link = match link.strip_prefix('#') {
            Some(anchor) => self.links.get(anchor).cloned(),
            None if link.contains("://") => Some(link.to_owned()),
            None => self.file_link(link),
        };
        self.html(match link {
            Some(link) => format!("<a href=\"{}\">", escape(&link)),
            // Text, where a link would lead nowhere.
            None => "<a>".to_owned(),
        });
    }

    fn code_block(&mut self, language: &str, text: &str) {
        let comment = self.comment.take().unwrap_or_default();
        // What a difference shows again stands in the listings as it is.
        if language != "diff"
            && let Some(section) = self.page.sections.last_mut()
        {
            section.code += text;
        }
        let origin = self.origin(&comment).unwrap_or_default();
        let code = colour(language, text);
        self.html(format!(
            "<div class=code>{origin}<pre class={}>{code}</pre></div>\n",
            if language.is_empty() {
                "text"
            } else {
                language
            }
        ));
    }

    /// Where a block comes from, as the comment above it says, where that helps a reader
    /// and no caption says it.
    fn origin(&self, comment: &str) -> Option<String> {
        let (kind, rest) = book::without_marks(comment).0.split_once(": ")?;
        let of_file = |path: &str| match self.file_link(path) {
            Some(link) => format!("<a href=\"{}\">{}</a>", escape(&link), escape(path)),
            None => escape(path),
        };
        let origin = match kind {
            "exchange" => of_file(&format!("tests/snapshots/{rest}.snap")),
            "console" => format!("while chapter {} runs", escape(rest)),
            "recorded" => format!("recorded: {}", escape(rest)),
            _ => return None,
        };
        Some(format!("<p class=origin data-added>{origin}</p>"))
    }

    fn figure(&mut self, path: String, alt: &str) -> anyhow::Result<()> {
        let svg = read(&self.course.root.join(&path))?;
        // The size, so that nothing moves when the drawing comes.
        let attribute = |name: &str| {
            let (_, after) = svg.split_once(&format!(" {name}=\""))?;
            Some(after.split_once('"')?.0.to_owned())
        };
        let width = attribute("width").context("a figure has no width")?;
        let height = attribute("height").context("a figure has no height")?;
        self.for_search(alt);
        let place = match self.has_figures_inside {
            true => format!("data:image/svg+xml;base64,{}", BASE64.encode(&svg)),
            false => figure_link(&path).to_owned(),
        };
        self.html(format!(
            "<img src=\"{place}\" width={width} height={height} alt=\"{}\">",
            escape(alt).replace('"', "&quot;")
        ));
        self.page.figures.push(path);
        Ok(())
    }
}

/// The text of a line of HTML that the book holds.
fn without_tags(html: &str) -> String {
    let parts = html.split('<').map(|part| match part.split_once('>') {
        Some((_, text)) => text,
        None => part,
    });
    let text: String = parts.collect();
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
