//! What a Rust file is made of: its items, methods and tests, each with its lines.

use std::ops::RangeInclusive;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::{
    Attribute, Block, Expr, Fields, ImplItem, Item, ItemImpl, ItemStruct, Lit, Meta, Signature,
    TraitItem, Visibility,
};

/// A file, parsed.
pub struct RustFile {
    /// Its lines. Those of the units are counted from 1.
    pub lines: Vec<String>,
    pub units: Vec<Unit>,
    /// The lines of each module that is written out in it.
    modules: Vec<RangeInclusive<usize>>,
}

/// An item, or a method.
pub struct Unit {
    /// How an excerpt names it: `Connection::receive`, `Transport`, `Reader as Read`,
    /// `tests::a_name`.
    pub name: String,
    pub kind: Kind,
    /// From its first comment or attribute to its end.
    pub lines: RangeInclusive<usize>,
    /// The lines of its signature, without comments and attributes.
    pub head: RangeInclusive<usize>,
    /// What its signature leaves out.
    pub cuts: Vec<Cut>,
    /// The `impl` or the trait that it is written in.
    pub around: Option<Around>,
    /// The first sentence of its documentation, without its links.
    pub summary: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a chapter has to show or to name.
    Item,
    Test,
    /// A part of an item, or what the tests need: a chapter shows it or not.
    Part,
}

/// What a signature leaves out.
pub enum Cut {
    /// A body, from its opening brace on: a semicolon stands for it.
    Body { from: LineColumn, to: usize },
    /// A private field.
    Field(RangeInclusive<usize>),
}

/// The first lines of an `impl` or of a trait, and its last one.
#[derive(Clone)]
pub struct Around {
    pub opening: RangeInclusive<usize>,
    pub closing: usize,
}

impl RustFile {
    pub fn parse(text: &str) -> Result<Self, String> {
        let file = syn::parse_file(text).map_err(|error| error.to_string())?;
        let mut parsed = Self {
            lines: text.lines().map(str::to_owned).collect(),
            units: Vec::new(),
            modules: Vec::new(),
        };
        // A file of tests is a module of tests in a file of its own.
        let is_of_tests = file.items.iter().any(|item| match item {
            Item::Fn(function) => is_test(&function.attrs),
            _ => false,
        });
        parsed.items(&file.items, "", is_of_tests);
        Ok(parsed)
    }

    /// In how many modules of this file a line stands.
    pub fn depth(&self, line: usize) -> usize {
        let around = self.modules.iter().filter(|lines| lines.contains(&line));
        around.count()
    }

    fn items(&mut self, items: &[Item], prefix: &str, is_in_tests: bool) {
        for item in items {
            match item {
                Item::Mod(module) => {
                    if let Some((_, items)) = &module.content {
                        self.modules.push(lines_of(item.span()));
                        let prefix = format!("{prefix}{}::", module.ident);
                        self.items(items, &prefix, is_in_tests || is_for_tests(&module.attrs));
                    }
                }
                Item::Impl(block) => self.implementation(block, prefix, is_in_tests),
                _ => self.item(item, prefix, is_in_tests),
            }
        }
    }

    fn item(&mut self, item: &Item, prefix: &str, is_in_tests: bool) {
        let mut cuts = Vec::new();
        let (name, attributes, head) = match item {
            Item::Fn(function) => {
                cuts.push(body(&function.block));
                let head = head(&function.sig);
                (function.sig.ident.to_string(), &function.attrs, head)
            }
            Item::Struct(structure) => {
                cuts.extend(self.private_fields(structure));
                let head = lines_of(structure.ident.span());
                (structure.ident.to_string(), &structure.attrs, head)
            }
            Item::Trait(definition) => {
                let head = lines_of(definition.ident.span());
                let around = Around {
                    opening: *head.start()..=definition.brace_token.span.open().start().line,
                    closing: definition.brace_token.span.close().end().line,
                };
                for part in &definition.items {
                    let TraitItem::Fn(method) = part else {
                        continue;
                    };
                    let mut method_cuts = Vec::new();
                    if let Some(block) = &method.default {
                        cuts.push(body(block));
                        method_cuts.push(body(block));
                    }
                    self.add(Unit {
                        name: format!("{prefix}{}::{}", definition.ident, method.sig.ident),
                        kind: Kind::Part,
                        lines: lines_of(part.span()),
                        head: self::head(&method.sig),
                        cuts: method_cuts,
                        around: Some(around.clone()),
                        summary: summary(&method.attrs),
                    });
                }
                (definition.ident.to_string(), &definition.attrs, head)
            }
            Item::Const(item) => named(&item.ident, &item.attrs),
            Item::Enum(item) => named(&item.ident, &item.attrs),
            Item::Static(item) => named(&item.ident, &item.attrs),
            Item::Type(item) => named(&item.ident, &item.attrs),
            Item::Union(item) => named(&item.ident, &item.attrs),
            Item::Macro(item) => match &item.ident {
                Some(ident) => named(ident, &item.attrs),
                None => return,
            },
            _ => return,
        };
        self.add(Unit {
            name: format!("{prefix}{name}"),
            kind: match is_in_tests {
                _ if is_test(attributes) => Kind::Test,
                true => Kind::Part,
                false => Kind::Item,
            },
            lines: lines_of(item.span()),
            head,
            cuts,
            around: None,
            summary: summary(attributes),
        });
    }

    fn implementation(&mut self, block: &ItemImpl, prefix: &str, is_in_tests: bool) {
        let start = block.impl_token.span.start().line;
        let around = Around {
            opening: start..=block.brace_token.span.open().start().line,
            closing: block.brace_token.span.close().end().line,
        };
        let owner = short_name(block.self_ty.span());
        let owner = match (owner.split('<').next(), &block.trait_) {
            (Some(owner), None) => owner.to_owned(),
            (Some(owner), Some((path, _))) => format!("{owner} as {}", short_name(path.span())),
            (None, _) => return,
        };
        let mut cuts = Vec::new();
        for part in &block.items {
            let mut part_cuts = Vec::new();
            let (name, attributes, head) = match part {
                ImplItem::Fn(method) => {
                    cuts.push(body(&method.block));
                    part_cuts.push(body(&method.block));
                    let head = head(&method.sig);
                    (method.sig.ident.to_string(), &method.attrs, head)
                }
                ImplItem::Const(item) => named(&item.ident, &item.attrs),
                ImplItem::Type(item) => named(&item.ident, &item.attrs),
                _ => continue,
            };
            let is_item = block.trait_.is_none() && !is_in_tests;
            self.add(Unit {
                name: format!("{prefix}{owner}::{name}"),
                kind: if is_item { Kind::Item } else { Kind::Part },
                lines: lines_of(part.span()),
                head,
                cuts: part_cuts,
                around: Some(around.clone()),
                summary: summary(attributes),
            });
        }
        if block.trait_.is_some() {
            self.add(Unit {
                name: format!("{prefix}{owner}"),
                kind: if is_in_tests { Kind::Part } else { Kind::Item },
                lines: lines_of(block.span()),
                head: around.opening,
                cuts,
                around: None,
                summary: summary(&block.attrs),
            });
        }
    }

    /// Adds a unit, with the comments that stand right above it.
    fn add(&mut self, mut unit: Unit) {
        let end_of_comments = *unit.lines.start();
        let mut start = end_of_comments;
        while start > 1 && is_comment(&self.lines[start - 2]) {
            start -= 1;
        }
        unit.lines = start..=*unit.lines.end();
        if unit.summary.is_empty() {
            let comments = self.lines[start - 1..end_of_comments - 1].iter();
            let comments = comments.map(|line| line.trim_start().trim_start_matches('/'));
            unit.summary = first_sentence(comments);
        }
        self.units.push(unit);
    }

    fn private_fields(&self, structure: &ItemStruct) -> Vec<Cut> {
        let Fields::Named(fields) = &structure.fields else {
            return Vec::new();
        };
        let private = fields.named.iter();
        let private = private.filter(|field| matches!(field.vis, Visibility::Inherited));
        private
            .map(|field| Cut::Field(lines_of(field.span())))
            .collect()
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") && !line.starts_with("//!")
}

fn named<'a>(
    ident: &syn::Ident,
    attributes: &'a Vec<Attribute>,
) -> (String, &'a Vec<Attribute>, RangeInclusive<usize>) {
    (ident.to_string(), attributes, lines_of(ident.span()))
}

fn lines_of(span: Span) -> RangeInclusive<usize> {
    span.start().line..=span.end().line
}

/// The lines of a function's signature.
fn head(signature: &Signature) -> RangeInclusive<usize> {
    lines_of(signature.span())
}

fn body(block: &Block) -> Cut {
    Cut::Body {
        from: block.brace_token.span.open().start(),
        to: block.brace_token.span.close().end().line,
    }
}

/// The name of a type or a trait, with what it is made of and without the path before it.
fn short_name(span: Span) -> String {
    let text = span.source_text().unwrap_or_default();
    let text: String = text.split_whitespace().collect();
    let (path, arguments) = match text.find('<') {
        Some(at) => text.split_at(at),
        None => (&*text, ""),
    };
    let name = path.rsplit("::").next().unwrap_or_default();
    name.to_owned() + arguments
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg = attribute.path().is_ident("cfg");
        is_cfg
            && attribute
                .span()
                .source_text()
                .is_some_and(|text| text.contains("test"))
    })
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("test"))
}

/// The first sentence of what these attributes document.
fn summary(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(documentation).collect();
    first_sentence(lines.iter().map(String::as_str))
}

/// The line of documentation that an attribute is.
fn documentation(attribute: &Attribute) -> Option<String> {
    if let Meta::NameValue(pair) = &attribute.meta
        && pair.path.is_ident("doc")
        && let Expr::Lit(literal) = &pair.value
        && let Lit::Str(line) = &literal.lit
    {
        return Some(line.value());
    }
    None
}

/// The first sentence of the first paragraph of some lines.
fn first_sentence<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let paragraph = lines.map(str::trim).take_while(|line| !line.is_empty());
    let paragraph: Vec<&str> = paragraph.collect();
    let text = paragraph.join(" ");
    let end = text.find(". ").map_or(text.len(), |end| end + 1);
    without_links(&text[..end])
}

/// A line of Markdown with the texts of its links alone: those of a documentation lead
/// nowhere in a book. A bracket within code is no link.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain += before;
        let is_within_code = plain.matches('`').count() % 2 == 1;
        let label = after.split_once(']').filter(|_| !is_within_code);
        let Some((label, after)) = label else {
            plain.push('[');
            rest = after;
            continue;
        };
        plain += label;
        let target = after
            .strip_prefix('(')
            .and_then(|after| after.split_once(')'));
        rest = target.map_or(after, |(_, after)| after);
    }
    plain + rest
}
