//! The site has all of the book, and each page of it is one that a browser can show.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
#[cfg(unix)]
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
#[cfg(unix)]
use std::net::TcpStream;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::{Child, ChildStdout};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::course::workspace;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use flate2::read::DeflateDecoder;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use scraper::{ElementRef, Html, Node, Selector};
use serde_json::{Value, json};
use tempfile::TempDir;

const COURSE: &str = env!("CARGO_BIN_EXE_course");

/// What no page, and no index, may be larger than.
const LARGEST_PAGE: usize = 400 * 1024;
const LARGEST_INDEX: usize = 350 * 1024;

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("a file is read")
}

/// All of the book in one file, which lies two folders below the workspace's root or
/// deeper.
fn whole(name: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let status = Command::new(COURSE)
        .args(["book", "--whole"])
        .arg(&path)
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("the course runs").success());
    read(path)
}

fn book() -> &'static str {
    static BOOK: OnceLock<String> = OnceLock::new();
    BOOK.get_or_init(|| whole("whole.md"))
}

fn events(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// A site as it was made, its pages in the order of the book.
struct Site {
    folder: PathBuf,
    pages: Vec<(String, String)>,
}

impl Site {
    fn make(folder: &Path, options: &[&str]) -> Self {
        let status = Command::new(COURSE)
            .arg("site")
            .arg(folder)
            .args(options)
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("the course runs").success());
        let start = Html::parse_document(&read(folder.join("index.html")));
        let names = all(&start, "nav#book > ol > li > a");
        let pages = names.iter().map(|link| {
            let name = link.attr("href").expect("a link").to_owned();
            let text = read(folder.join(&name));
            (name, text)
        });
        Self {
            folder: folder.to_owned(),
            pages: pages.collect(),
        }
    }

    /// The one that most tests look at.
    fn common() -> &'static Self {
        static SITE: OnceLock<Site> = OnceLock::new();
        SITE.get_or_init(|| Self::make(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("site"), &[]))
    }

    fn parsed(&self) -> Vec<(&str, Html)> {
        let pages = self.pages.iter();
        let pages = pages.map(|(name, text)| (&**name, Html::parse_document(text)));
        pages.collect()
    }
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector).collect()
}

/// The text of an element, without what the site has put in.
fn text_of(element: ElementRef) -> String {
    let texts = element.descendants().filter_map(|node| match node.value() {
        Node::Text(text) => {
            let mut around = node.ancestors().filter_map(ElementRef::wrap);
            let is_added = around.any(|element| element.attr("data-added").is_some());
            (!is_added).then_some(&**text)
        }
        _ => None,
    });
    texts.collect()
}

/// The texts of the book: what it says, the code blocks, and what stands for the figures.
#[derive(Default)]
struct Texts {
    words: String,
    blocks: Vec<String>,
    figures: Vec<(String, String)>,
}

impl Texts {
    fn of_the_book() -> Self {
        let mut texts = Self::default();
        let mut figure: Option<(String, String)> = None;
        let mut block: Option<String> = None;
        for event in events(book()) {
            match event {
                Event::Start(Tag::Image { dest_url, .. }) => {
                    let path = dest_url.trim_start_matches("../");
                    figure = Some((path.to_owned(), String::new()));
                }
                Event::End(TagEnd::Image) => texts.figures.extend(figure.take()),
                Event::Start(Tag::CodeBlock(_)) => block = Some(String::new()),
                Event::End(TagEnd::CodeBlock) => texts.blocks.extend(block.take()),
                Event::Text(text) | Event::Code(text) => match (&mut figure, &mut block) {
                    (Some((_, alt)), _) => *alt += &text,
                    (None, Some(block)) => *block += &text,
                    (None, None) => texts.words += &text,
                },
                Event::Html(html) | Event::InlineHtml(html) => {
                    texts.words += &text_of(Html::parse_fragment(&html).root_element());
                }
                Event::Start(tag) if !matches!(tag, Tag::Link { .. }) => texts.words += " ",
                Event::SoftBreak | Event::HardBreak => texts.words += " ",
                _ => {}
            }
        }
        texts
    }

    fn of_the_site() -> Self {
        let mut texts = Self::default();
        for (_, page) in Site::common().parsed() {
            texts
                .blocks
                .extend(all(&page, "article pre").into_iter().map(text_of));
            let article = all(&page, "article").remove(0);
            let said = article.descendants().filter_map(|node| {
                let is_code = |element: ElementRef| element.value().name() == "pre";
                let is_left_out =
                    |element: ElementRef| is_code(element) || element.attr("data-added").is_some();
                let mut around = node.ancestors().filter_map(ElementRef::wrap);
                match node.value() {
                    Node::Text(text) if !around.any(is_left_out) => Some(text.to_string()),
                    _ => None,
                }
            });
            texts.words.extend(said);
            texts.words.push(' ');
            for figure in all(&page, "article img") {
                let attribute = |name| figure.attr(name).expect("it has one").to_owned();
                texts
                    .figures
                    .push((format!("pages/{}", attribute("src")), attribute("alt")));
            }
        }
        texts
    }
}

/// Fails with the first that differs, as all of them would fill the screen.
fn are_same<T: PartialEq + std::fmt::Debug>(book: &[T], site: &[T]) {
    for (number, pair) in book.iter().zip(site).enumerate() {
        assert_eq!(pair.0, pair.1, "number {number}");
    }
    assert_eq!(book.len(), site.len());
}

#[test]
fn nothing_of_the_book_is_lost() {
    let (book, site) = (Texts::of_the_book(), Texts::of_the_site());
    // Only where words end may the two differ in their spaces.
    let characters = |text: &str| text.split_whitespace().collect::<String>();
    let sentences = |text: &str| {
        let characters = characters(text);
        characters.split('.').map(str::to_owned).collect::<Vec<_>>()
    };
    are_same(&sentences(&book.words), &sentences(&site.words));
    are_same(&book.blocks, &site.blocks);
    are_same(&book.figures, &site.figures);
    assert!(book.blocks.len() > 100 && book.figures.len() > 10);
}

/// What the files of the book say, the one file that is made of them says too, but for
/// what leads from one to the next.
#[test]
fn nothing_of_the_files_is_lost() {
    let lines: HashSet<&str> = book()
        .lines()
        .map(|line| line.trim_start_matches('#'))
        .collect();
    let spine = read(workspace().join("BOOK.md"));
    let links = events(&spine).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    });
    let files = links.filter(|link| !link.contains(':') && link.ends_with(".md"));
    let files: HashSet<String> = files.chain(["BOOK.md".to_owned()]).collect();
    assert!(files.len() > 15, "{files:?}");
    for file in files {
        let text = read(workspace().join(&file));
        let mut leads = false;
        for line in text.lines() {
            leads |= line.starts_with("<!-- chapter: ") || line.starts_with("<!-- turn: ");
            // A link is another one in one file.
            let is_kept = !leads && !line.contains("](");
            let is_there = lines.contains(line.trim_start_matches('#'));
            assert!(!is_kept || is_there, "{file}: {line}");
            leads &= line != "<!-- end -->";
        }
    }
}

/// The one page needs no other file and no network, and each link in it leads somewhere.
#[test]
fn the_whole_book_is_one_page() {
    let text = whole("whole.html");
    let page = Html::parse_document(&text);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    for element in all(&page, "[src], link, script, iframe, object, form") {
        let source = element.attr("src").unwrap_or_default();
        assert!(source.starts_with("data:"), "{:?}", element.value());
    }
    let ids: HashSet<&str> = all(&page, "[id]")
        .iter()
        .filter_map(|element| element.attr("id"))
        .collect();
    let mut inside = 0;
    for link in all(&page, "a[href]") {
        let link = link.attr("href").unwrap_or_default();
        let is_there = match link.strip_prefix('#') {
            Some(anchor) => ids.contains(anchor),
            None => link.contains("://"),
        };
        assert!(is_there, "{link}");
        inside += usize::from(link.starts_with('#'));
    }
    assert!(inside > 100, "{inside}");
    let blocks: Vec<String> = all(&page, "pre").into_iter().map(text_of).collect();
    are_same(&Texts::of_the_book().blocks, &blocks);
    let figures = all(&page, "img").len();
    assert_eq!(figures, Texts::of_the_book().figures.len());
}

#[test]
fn each_page_is_well_formed() {
    for (name, page) in Site::common().parsed() {
        assert!(page.errors.is_empty(), "{name}: {:?}", page.errors);
        let language = page.root_element().attr("lang");
        assert_eq!(language, Some("en"), "{name}");
    }
}

#[test]
fn headings_are_in_order_and_titles_differ() {
    let mut titles = HashSet::new();
    for (name, page) in Site::common().parsed() {
        let headings = all(&page, "h1, h2, h3, h4, h5, h6");
        let levels = headings.iter().map(|heading| heading.value().name());
        let levels: Vec<u8> = levels.map(|name| name.as_bytes()[1] - b'0').collect();
        assert_eq!(levels[0], 1, "{name}");
        for pair in levels.windows(2) {
            assert!(2 <= pair[1] && pair[1] <= pair[0] + 1, "{name}: {levels:?}");
        }
        let title = text_of(all(&page, "title").remove(0));
        assert!(titles.insert(title), "{name}");
        for figure in all(&page, "img") {
            let alt = figure.attr("alt").unwrap_or_default();
            assert!(alt.len() > 40, "{name}: {alt:?}");
        }
    }
}

/// All links of the pages, with the page that each stands on.
fn links(site: &Site) -> Vec<(String, String)> {
    let mut links = Vec::new();
    for (name, page) in site.parsed() {
        for link in all(&page, "a") {
            let link = link.attr("href").unwrap_or_default();
            links.push((name.to_owned(), link.to_owned()));
        }
    }
    links
}

#[test]
fn each_link_leads_somewhere() {
    let site = Site::common();
    let mut anchors: HashMap<&str, HashSet<String>> = HashMap::new();
    for (name, page) in site.parsed() {
        let anchors = anchors.entry(name).or_default();
        for element in all(&page, "[id]") {
            let id = element.attr("id").unwrap_or_default().to_owned();
            assert!(anchors.insert(id.clone()), "{name}: two of {id}");
        }
    }
    let mut inside = 0;
    for (page, link) in links(site) {
        if link.starts_with("https://") || link.starts_with("http://") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let file = if file.is_empty() { &page } else { file };
        let known = anchors.get(file);
        let known = known.unwrap_or_else(|| panic!("{page}: no page for {link:?}"));
        assert!(
            anchor.is_empty() || known.contains(anchor),
            "{page}: {link:?}"
        );
        inside += 1;
    }
    assert!(inside > 1000, "{inside}");
    // Each link that the book has between its parts is one of the site.
    let of_the_book = events(book())
        .filter(|event| {
            matches!(event, Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with('#'))
        })
        .count();
    let of_the_text: usize = site
        .parsed()
        .iter()
        .map(|(_, page)| all(page, "article a:not(:is(h1, h2, h3) > a)").len())
        .sum();
    assert!(of_the_text >= of_the_book, "{of_the_text} of {of_the_book}");
}

#[test]
fn each_figure_is_there_in_its_size() {
    let site = Site::common();
    for (name, page) in site.parsed() {
        for figure in all(&page, "img") {
            let source = figure.attr("src").unwrap_or_default();
            let copy = read(site.folder.join(source));
            let original = read(workspace().join("pages").join(source));
            assert_eq!(copy, original, "{name}: {source}");
            let size = |name| format!("{name}=\"{}\"", figure.attr(name).unwrap_or_default());
            let (head, _) = original.split_once('\n').expect("a first line");
            assert!(head.contains(&size("width")) && head.contains(&size("height")));
        }
    }
}

/// A page asks for nothing but the files of the site, so that it needs no network.
#[test]
fn no_request_leaves_the_site() {
    let site = Site::common();
    for (name, page) in site.parsed() {
        let asked = all(
            &page,
            "[src], link[href], source, iframe, object, embed, form[action]",
        );
        assert!(asked.len() >= 4, "{name}");
        for element in asked {
            let source = element.attr("src").or(element.attr("href"));
            let source = source.unwrap_or_else(|| panic!("{name}: {:?}", element.value()));
            assert!(site.folder.join(source).is_file(), "{name}: {source}");
        }
    }
    for (file, orders) in [
        ("style.css", &["url(", "@import"][..]),
        ("book.js", &["http:", "https:", "//www", "import("]),
    ] {
        let text = read(site.folder.join(file));
        for order in orders {
            assert!(!text.contains(order), "{file}: {order}");
        }
    }
}

#[test]
fn nothing_is_too_large() {
    let site = Site::common();
    for (name, text) in &site.pages {
        assert!(text.len() <= LARGEST_PAGE, "{name}: {}", text.len());
    }
    let index = read(site.folder.join("search.js"));
    assert!(index.len() <= LARGEST_INDEX, "{}", index.len());
}

/// The index as the script unpacks it: the pages, their texts, and their code.
fn index(site: &Site) -> [Value; 3] {
    let script = read(site.folder.join("search.js"));
    let packed = script.split('"').nth(1).expect("a text");
    let packed = BASE64.decode(packed).expect("Base64");
    let mut text = String::new();
    let mut unpacked = DeflateDecoder::new(&packed[..]);
    unpacked.read_to_string(&mut text).expect("DEFLATE");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_search_has_every_section_and_every_word_of_the_glossary() {
    let site = Site::common();
    let [pages, texts, codes] = index(site);
    let pages = pages.as_array().expect("a list");
    let mut terms = 0;
    let mut places_in_all = 0;
    for ((name, page), entry) in site.parsed().into_iter().zip(pages) {
        assert_eq!(entry[0], name);
        let sections = entry[2].as_array().expect("a list");
        let anchors: Vec<&str> = sections
            .iter()
            .filter_map(|part| part[0].as_str())
            .collect();
        let titles: Vec<&str> = sections
            .iter()
            .filter_map(|part| part[1].as_str())
            .collect();
        let places = all(&page, "article :is(h1, h2, h3, dfn)[id]");
        let ids: Vec<&str> = places.iter().filter_map(|place| place.attr("id")).collect();
        assert_eq!(anchors, ids, "{name}");
        let said: Vec<String> = places.into_iter().map(text_of).collect();
        assert_eq!(titles, said, "{name}");
        places_in_all += said.len();
        terms += all(&page, "dfn").len();
    }
    assert!(terms > 50, "{terms}");
    assert_eq!(pages.len(), site.pages.len());
    for parts in [&texts, &codes] {
        assert_eq!(parts.as_array().map(Vec::len), Some(places_in_all));
    }
    // Something from a sentence, a listing, an exchange, an answer and a hint.
    let text = json!([texts, codes]).to_string();
    for words in [
        "hangs up",
        "fn handle_request",
        "name=Ada",
        "The answer",
        "Hint 3",
        "Slowloris",
    ] {
        let words = words.to_lowercase();
        assert!(text.to_lowercase().contains(&words), "{words}");
    }
}

/// Runs the script's own ranking on the site's own index, where node is installed: a word
/// leads to where it is explained, and not to where it is only used.
#[test]
fn the_search_finds_the_explaining_place_first() {
    const RANK: &str = r#"
        const [script, index, ...phrases] = process.argv.slice(1);
        const text = require("fs").readFileSync(script, "utf8");
        const start = text.indexOf("function sectionsOf");
        const end = text.indexOf("// A text with the words", start);
        const own = eval(`(() => { ${text.slice(start, end)} return { sectionsOf, fit }; })()`);
        const { sectionsOf, fit } = own;
        const sections = sectionsOf(JSON.parse(require("fs").readFileSync(index, "utf8")));
        for (const phrase of phrases) {
            let best = { points: 0 };
            for (const section of sections) {
                const points = fit(section, phrase.split(" "), phrase);
                if (points > best.points) best = { points, section };
            }
            console.log(`${phrase}: ${best.section?.page} ${best.section?.title}`);
        }
    "#;
    let found = [
        ("backlog", "glossary.html backlog"),
        ("keep-alive", "chapter-10.html"),
        ("smuggling", "glossary.html request smuggling"),
        ("traversal", "chapter-7.html"),
        ("etag", "chapter-14.html"),
        ("304", "chapter-14.html"),
        ("405", "chapter-9.html"),
    ];
    let site = Site::common();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unpacked = folder.path().join("index.json");
    fs::write(&unpacked, json!(index(site)).to_string()).expect("a write");
    let output = Command::new("node")
        .args(["-e", RANK])
        .args([&site.folder.join("book.js"), &unpacked])
        .args(found.map(|(phrase, _)| phrase))
        .output();
    let Ok(output) = output else {
        eprintln!("node is not installed: the ranking was not tried");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said.lines().count(), found.len(), "{said}");
    for (line, (phrase, place)) in said.lines().zip(found) {
        assert!(line.starts_with(&format!("{phrase}: {place}")), "{line}");
    }
}

/// What the colours are put on is the same text, and no token of it is torn.
#[test]
fn code_is_coloured() {
    let site = Site::common();
    let chapter = site
        .parsed()
        .into_iter()
        .find(|(name, _)| *name == "chapter-3.html");
    let (_, page) = chapter.expect("a chapter");
    let texts = |selector: &str| -> HashSet<String> {
        all(&page, selector).into_iter().map(text_of).collect()
    };
    for (selector, text) in [
        (".rust .k", "fn"),
        (".rust .t", "TcpStream"),
        (".rust .s", "\"Request received:\\n\""),
        (".diff .i", "+use std::io::Write;\n"),
        (".text .q", "> GET / HTTP/1.1\\r\\n\n"),
        (".text .p", "< HTTP/1.1 200 OK\\r\\n\n"),
        (".text .h", "* the server closes\n"),
        (".console .y", "curl -i http://127.0.0.1:8080/"),
    ] {
        let found = texts(selector);
        assert!(found.contains(text), "{selector}: no {text:?} in {found:?}");
    }
}

/// A path is a link where the site was told where its files can be read.
#[test]
fn files_are_linked_to_where_they_are() {
    let (_, without) = &Site::common().pages[1];
    assert!(!without.contains("example.org"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = Site::make(
        folder.path(),
        &["--source", "https://example.org/blob/main/"],
    );
    let prefix = "https://example.org/blob/main/";
    let mut linked = 0;
    for (page, link) in links(&site) {
        if let Some(path) = link.strip_prefix(prefix) {
            assert!(workspace().join(path).is_file(), "{page}: {path}");
            linked += 1;
        }
    }
    assert!(linked > 100, "{linked}");
}

/// What has not changed keeps its time, so that a browser need not load it again.
#[test]
fn what_is_as_it_was_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = Site::make(folder.path(), &[]);
    let path = |name: &str| site.folder.join(name);
    // A time that no file made just now can have.
    let long_ago = SystemTime::UNIX_EPOCH;
    for name in ["glossary.html", "search.js"] {
        let file = File::options().write(true).open(path(name));
        let file = file.expect("a file");
        file.set_modified(long_ago).expect("a time is set");
    }
    let whole = read(path("chapter-4.html"));
    fs::write(path("chapter-4.html"), "another text").expect("a write");
    Site::make(folder.path(), &[]);
    assert_eq!(read(path("chapter-4.html")), whole);
    for name in ["glossary.html", "search.js"] {
        let metadata = fs::metadata(path(name)).expect("a file");
        assert_eq!(metadata.modified().expect("a time"), long_ago, "{name}");
    }
}

/// What a check gives is shown by the site at once, and only by the learner's own.
#[test]
fn the_site_shows_what_was_passed() {
    let target = tempfile::tempdir().expect("a temporary folder");
    let run = |arguments: &[&str]| {
        Command::new(COURSE)
            .args(arguments)
            .env("CARGO_TARGET_DIR", target.path())
            .output()
            .expect("the course runs")
    };
    let results = target.path().join("course-site/pages/book/results.js");
    let check = |chapter| {
        let server = env!("CARGO_BIN_EXE_broken");
        run(&["check", chapter, "--", server, "right", "127.0.0.1:0"]);
    };
    let shown = || {
        let script = read(&results);
        let json = script.trim_start_matches("globalThis.courseResults = ");
        let json = json.trim_end().trim_end_matches(';');
        serde_json::from_str::<Value>(json).expect("JSON")
    };
    check("3");
    assert!(!results.exists(), "a check makes no site");
    run(&["site"]);
    let known = shown();
    let chapter = &known["chapters"]["3"];
    assert_eq!(chapter["checks"]["passed"], true, "{known}");
    let words = chapter["checks"]["words"].as_str().unwrap_or_default();
    assert!(words.contains(" passed, robust "), "{known}");
    assert_eq!(chapter["exercise"], Value::Null, "{known}");
    assert_eq!(known["chapters"]["4"], Value::Null, "{known}");
    assert_eq!(known["next"], "4", "{known}");
    check("4");
    let known = shown();
    assert_eq!(known["chapters"]["4"]["checks"]["passed"], false, "{known}");
    // A site in another folder is for others to read.
    let folder = TempDir::new().expect("a temporary folder");
    run(&["site", folder.path().to_str().expect("a path in UTF-8")]);
    let script = read(folder.path().join("results.js"));
    assert_eq!(script, "globalThis.courseResults = null;\n");
}

/// `cargo course read`, which is stopped when this is dropped, as Ctrl-C does it.
#[cfg(unix)]
struct Reading {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

#[cfg(unix)]
impl Reading {
    fn start() -> Self {
        let mut child = Command::new(COURSE)
            .args(["read", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the course runs");
        let output = child.stdout.take().expect("the output is piped");
        let mut reading = Self {
            child,
            lines: BufReader::new(output),
            address: String::new(),
        };
        let line = reading.next_line();
        let address = line
            .split(' ')
            .find_map(|word| word.strip_prefix("http://"));
        let address = address.unwrap_or_else(|| panic!("{line:?}"));
        reading.address = address.trim_end_matches('/').to_owned();
        // The line below it is empty.
        reading.next_line();
        reading
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line
    }

    /// The head and the body of what comes back.
    fn get(&self, path: &str, field: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{field}\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    }
}

#[cfg(unix)]
impl Drop for Reading {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

/// The server of chapter 14 serves it, so that a browser fetches nothing twice, and ends
/// with the command.
#[cfg(unix)]
#[test]
fn the_book_is_served() {
    let mut reading = Reading::start();
    let (_, way_in) = reading.get("/", "");
    let (_, way) = way_in.split_once("<a href=\"").expect("a link");
    let (start, _) = way.split_once('"').expect("its end");
    assert!(reading.next_line().contains("\"GET / HTTP/1.1\" 200 "));

    let pages = &Site::common().pages;
    let (head, body) = reading.get(start, "");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: text/html"), "{head}");
    assert!(body == pages[0].1, "{body}");

    let path = start.replace("index.html", "chapter-3.html");
    let (head, body) = reading.get(&path, "");
    let chapter = pages.iter().find(|(name, _)| name == "chapter-3.html");
    assert!(body == chapter.expect("a chapter").1, "{body}");
    let tag = head.lines().find_map(|line| line.strip_prefix("ETag: "));
    let tag = tag.unwrap_or_else(|| panic!("{head}"));
    let (head, _) = reading.get(&path, &format!("If-None-Match: {tag}\r\n"));
    assert!(head.starts_with("HTTP/1.1 304 "), "{head}");

    let address = reading.address.clone();
    drop(reading);
    assert!(TcpStream::connect(address).is_err());
}

/// A port that is taken is said in the server's own words.
#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has one").to_string();
    let output = Command::new(COURSE).args(["read", &address]).output();
    let output = output.expect("the course runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
}
