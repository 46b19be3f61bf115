//! What stands around the text of each page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::RESULTS;
use super::pages::{Kind, Page, START};

/// The whole of one page.
pub fn page(book: &[Page], place: usize) -> String {
    let page = &book[place];
    let name = &book[0].title;
    let title = match place {
        0 => name.clone(),
        _ => format!("{} - {name}", page.title),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="icon" type="image/svg+xml" href="favicon.svg";
                link rel="stylesheet" href="style.css";
                script src=(RESULTS) defer {}
                script src="book.js" defer {}
            }
            body {
                a.skip href="#text" { "Skip to the text" }
                header {
                    button type="button" popovertarget="book" { "Chapters" }
                    a.home href=(START) { (name) }
                    button #find type="button" hidden {
                        "Search " kbd { "/" }
                    }
                }
                nav #book popover aria-label="The book" { (list(book, place)) }
                main #text tabindex="-1" {
                    article data-page=(page.file) data-chapter=[page.chapter.as_deref()] {
                        (PreEscaped(&page.html))
                    }
                    (turn(book, place))
                }
                (search())
            }
        }
    };
    page.into_string()
}

/// All of the book in one page, which needs no other file.
pub fn one_page(page: &Page, style: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (page.title) }
                style { (PreEscaped(style)) }
            }
            body.whole { main #text { article { (PreEscaped(&page.html)) } } }
        }
    };
    page.into_string()
}

/// A page that leads to the book, for who asks the server for nothing in particular.
pub fn way_in() -> String {
    let start = format!("/pages/book/{START}");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content={ "0; url=" (start) };
                title { "To the book" }
            }
            body { p { a href=(start) { "To the book" } } }
        }
    };
    page.into_string()
}

/// All pages, and the sections of the one that is shown.
fn list(book: &[Page], place: usize) -> Markup {
    html! {
        ol {
            @for (number, page) in book.iter().enumerate() {
                @let is_shown = number == place;
                li.chapter[page.chapter.is_some()] {
                    a href=(page.file) aria-current=[is_shown.then_some("page")]
                        data-chapter=[page.chapter.as_deref()] { (entry(page, number)) }
                    @if is_shown { (sections(page)) }
                }
            }
        }
    }
}

/// How a page is called in the list: a chapter by its number and what it is about.
fn entry(page: &Page, number: usize) -> Markup {
    match (&page.chapter, page.title.split_once(": ")) {
        (Some(chapter), Some((_, about))) => html! { b { (chapter) } " " (about) },
        _ if number == 0 => html! { "Start" },
        _ => html! { (page.title) },
    }
}

fn sections(page: &Page) -> Markup {
    let sections: Vec<_> = page
        .sections
        .iter()
        .filter(|section| section.kind == Kind::Section)
        .collect();
    html! {
        @if !sections.is_empty() {
            ol {
                @for section in sections {
                    li { a href={ "#" (section.anchor) } { (section.title) } }
                }
            }
        }
    }
}

/// The way to the page before and to the next one.
fn turn(book: &[Page], place: usize) -> Markup {
    let before = place.checked_sub(1).and_then(|place| book.get(place));
    let next = book.get(place + 1);
    html! {
        nav.turn aria-label="Before and next" {
            @if let Some(page) = before {
                a rel="prev" href=(page.file) { span { "Before" } (page.title) }
            }
            @if let Some(page) = next {
                a rel="next" href=(page.file) { span { "Next" } (page.title) }
            }
        }
    }
}

/// Where the script shows what it finds.
fn search() -> Markup {
    html! {
        dialog #search aria-label="Search" {
            form method="dialog" {
                label for="words" { "Search the book" }
                input #words type="search" role="combobox" autocomplete="off" spellcheck="false"
                    aria-controls="found" aria-expanded="false" aria-autocomplete="list";
                button { "Close" }
            }
            p #count role="status" {}
            div #found role="listbox" aria-label="What was found" {}
        }
    }
}
