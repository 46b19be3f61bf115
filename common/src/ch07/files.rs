//! From a request target to a file below `pages/`, or to nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use crate::ch02::error::RequestError;
use crate::ch02::log::log_error;
use crate::ch07::percent;

/// A file to send.
#[derive(Debug)]
pub struct Page {
    /// The file, open for reading from its beginning.
    pub file: File,
    /// Its media type, for the `Content-Type` field (RFC 9110 §8.3).
    pub content_type: &'static str,
}

/// The real path of `pages/`: of the one in the current directory, or, where there is
/// none, of the one in this workspace.
static ROOT: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let here = Path::new("pages");
    let root = if here.is_dir() {
        here
    } else {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../pages"))
    };
    fs::canonicalize(root).ok()
});

/// Opens the file that the target names: `/` is `pages/index.html`, and
/// `/pages/NAME` is `pages/NAME`. The first call finds out where `pages/` is, and all
/// later calls use the same folder.
///
/// Gives `None` for a target that leads out of `pages/` in whatever way, for one that
/// is not a regular file (a folder, a pipe, a device), and for a file that the server may
/// not read. That last case goes to the log, since the file was probably put there to be
/// read. Everyone who may write below `pages/` is trusted: between the check of a path
/// and its opening they could put a link there that leads out, or a pipe, whose opening
/// waits for its other end.
///
/// ```
/// let page = common::open_page("/pages/style.css")?.unwrap();
/// assert_eq!(page.content_type, "text/css");
/// assert!(common::open_page("/pages/../Cargo.toml")?.is_none());
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// 500 where the file is there and cannot be opened all the same, as when the
/// process has no file descriptor left.
pub fn open_page(target: &str) -> Result<Option<Page>, RequestError> {
    let (Some(root), Some(path)) = (&*ROOT, path_of_target(target)) else {
        return Ok(None);
    };
    match real_path_below(root, &path) {
        // A link has the type of the name that was asked for.
        Some(real_path) => open(&real_path, content_type(&path)),
        None => Ok(None),
    }
}

/// The path below `pages/` that a target names. It consists of plain names: each
/// segment is decoded once, and `.` and `..` are resolved as RFC 3986 §5.2.4 says,
/// without asking the file system.
fn path_of_target(target: &str) -> Option<PathBuf> {
    let path = target.split('?').next().unwrap_or_default();
    let mut names = Vec::new();
    let mut names_a_folder = false;
    for segment in path.strip_prefix('/')?.split('/') {
        let name = String::from_utf8(percent::decode(segment)).ok()?;
        names_a_folder = matches!(name.as_str(), "" | "." | "..");
        match name.as_str() {
            "" | "." => {}
            ".." => drop(names.pop()),
            // On some system each of these separates names or starts another path.
            _ if name.contains(['/', '\\', ':', '\0']) => return None,
            _ => names.push(name),
        }
    }
    match names.as_slice() {
        [] => Some("index.html".into()),
        [folder, names @ ..] if folder == "pages" && !names_a_folder => {
            Some(names.iter().collect())
        }
        _ => None,
    }
}

/// The real path of a regular file below `root`, which is a real path too. The file
/// system is asked about each name on the way, because a link may lead out. The type of
/// the last one must be known before it is opened: opening a pipe would wait for its
/// other end.
fn real_path_below(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut real_path = root.to_owned();
    let mut is_file = false;
    for component in path.components() {
        let Component::Normal(name) = component else {
            return None;
        };
        real_path.push(name);
        let mut metadata = allowed(&real_path, fs::symlink_metadata(&real_path))?;
        if metadata.is_symlink() {
            real_path = allowed(&real_path, fs::canonicalize(&real_path))?;
            if !real_path.starts_with(root) {
                return None;
            }
            metadata = allowed(&real_path, fs::metadata(&real_path))?;
        }
        is_file = metadata.is_file();
    }
    is_file.then_some(real_path)
}

fn open(path: &Path, content_type: &'static str) -> Result<Option<Page>, RequestError> {
    match File::open(path) {
        Err(error) if !is_no_answer(&error) => Err(RequestError::new(
            "500 Internal Server Error",
            "the file cannot be opened",
        )),
        opened => Ok(allowed(path, opened).map(|file| Page { file, content_type })),
    }
}

/// Whether the client is told that there is no such file.
fn is_no_answer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::PermissionDenied
    )
}

/// What the file system answered about a path, and `None` where it gave an error. A
/// missing permission goes to the log.
fn allowed<T>(path: &Path, answer: io::Result<T>) -> Option<T> {
    answer
        .inspect_err(|error| {
            if let Some(line) = not_allowed(path, error) {
                log_error(line);
            }
        })
        .ok()
}

/// The line of the log about a path that the server may not read. The client may have
/// chosen a name in it, so it is shown in quotation marks, with escapes.
fn not_allowed(path: &Path, error: &io::Error) -> Option<String> {
    let is_forbidden = error.kind() == ErrorKind::PermissionDenied;
    is_forbidden.then(|| format!("the server may not read {path:?}: {error}"))
}

fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_name_a_path() {
        for (target, path) in [
            ("/", "index.html"),
            ("/?a=b", "index.html"),
            ("//", "index.html"),
            ("/.", "index.html"),
            ("/pages/..", "index.html"),
            ("/a/../..", "index.html"),
            ("/pages/style.css", "style.css"),
            ("/pages/style.css?v=1", "style.css"),
            ("/pages/a/b.txt", "a/b.txt"),
            ("/pages//a///b.txt", "a/b.txt"),
            ("//pages/b.txt", "b.txt"),
            ("/pages/./b.txt", "b.txt"),
            ("/pages/a/../b.txt", "b.txt"),
            ("/pages/../pages/b.txt", "b.txt"),
            ("/../../pages/b.txt", "b.txt"),
            ("/%70ages/b%2Etxt", "b.txt"),
            ("/pages/a%20b.txt", "a b.txt"),
            ("/pages/%2541.txt", "%41.txt"),
            ("/pages/100%.txt", "100%.txt"),
            ("/pages/gr%C3%BC%C3%9Fe.txt", "grüße.txt"),
            ("/pages/grüße.txt", "grüße.txt"),
            ("/pages/a+b.txt", "a+b.txt"),
            ("/pages/...", "..."),
            ("/pages", ""),
        ] {
            assert_eq!(
                path_of_target(target),
                Some(PathBuf::from(path)),
                "{target}"
            );
        }
    }

    #[test]
    fn targets_that_name_nothing() {
        for target in [
            "",
            "*",
            "pages/b.txt",
            "http://localhost/pages/b.txt",
            "/b.txt",
            "/Cargo.toml",
            "/pagesb.txt",
            "/PAGES/b.txt",
            "/pages/",
            "/pages/.",
            "/pages/b.txt/",
            "/pages/b.txt/.",
            "/pages/b.txt/a/..",
            "/pages/../Cargo.toml",
            "/pages/../../../../etc/passwd",
            "/pages/%2e%2e/Cargo.toml",
            "/pages/.%2E/Cargo.toml",
            "/pages/..%2fCargo.toml",
            "/pages%2fb.txt",
            "/pages/%2fetc%2fpasswd",
            "/pages/..\\Cargo.toml",
            "/pages/..%5cCargo.toml",
            "/pages/C:/Windows/win.ini",
            "/pages/C:%5CWindows%5Cwin.ini",
            "/pages/b.txt%00.png",
            "/pages/b\0.txt",
            "/pages/%ff.txt",
            "/pages/%c0%ae%c0%ae/Cargo.toml",
        ] {
            assert_eq!(path_of_target(target), None, "{target}");
        }
    }

    #[test]
    fn paths_that_lead_to_a_file_or_not() {
        let root = &fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ch07")).unwrap();
        let real_path = real_path_below(root, Path::new("files.rs")).unwrap();
        assert!(open(&real_path, "").unwrap().is_some());
        for path in ["", ".", "missing.rs", "files.rs/x", "../lib.rs"] {
            assert_eq!(real_path_below(root, Path::new(path)), None, "{path}");
        }
        let absolute = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(real_path_below(root, &absolute), None);
        assert_eq!(
            real_path_below(Path::new("missing"), Path::new("files.rs")),
            None
        );
        assert!(open(Path::new("missing.rs"), "").unwrap().is_none());
    }

    #[test]
    fn a_missing_permission_goes_to_the_log_and_a_missing_file_does_not() {
        let line = |kind: ErrorKind| not_allowed(Path::new("a\n\x1b"), &kind.into());
        assert_eq!(line(ErrorKind::NotFound), None);
        let line = line(ErrorKind::PermissionDenied).unwrap();
        assert!(
            line.starts_with(r#"the server may not read "a\n\u{1b}": "#),
            "{line}"
        );
    }

    #[test]
    fn content_types() {
        for (name, expected) in [
            ("a.html", "text/html"),
            ("a.css", "text/css"),
            ("a.js", "text/javascript"),
            ("a.mjs", "text/javascript"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.gif", "image/gif"),
            ("a.webp", "image/webp"),
            ("a.avif", "image/avif"),
            ("a.ico", "image/x-icon"),
            ("a.woff2", "font/woff2"),
            ("a.wasm", "application/wasm"),
            ("a.txt", "text/plain"),
            ("a.md", "text/markdown"),
            ("a.xml", "application/xml"),
            ("a.pdf", "application/pdf"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
            ("A.HTML", "text/html"),
            ("a.tar.gz", "application/octet-stream"),
            ("html", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("a.", "application/octet-stream"),
        ] {
            assert_eq!(content_type(Path::new(name)), expected, "{name}");
        }
    }
}
