//! What others have written, where it is there to be measured beside ours.

use std::env;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use super::crowd::Version;
use super::server::Program;
use crate::chapters::Course;

/// hyper and nginx, and for HTTP/2 nghttpd, as far as they are there; of one that is not, it
/// says how to get it.
pub fn peers(course: &Course, version: Version) -> Vec<Program> {
    let mut peers = Vec::new();
    let built = format!("target/peers/release/hyper-peer{EXE_SUFFIX}");
    let hyper = course.root.join(built);
    if hyper.is_file() {
        let mut words = vec![hyper.display().to_string()];
        if version == Version::Http2 {
            words.push("--http2".to_owned());
        }
        peers.push(Program::command("hyper".to_owned(), words));
    } else {
        warn!("To have hyper beside them:");
        warn!("  cargo build --release --manifest-path tests/course/peers/hyper/Cargo.toml \\");
        warn!("    --target-dir target/peers");
    }
    match installed("nginx") {
        Some(path) => peers.push(Program::nginx(path, version)),
        None => warn!("To have nginx beside them, install it: apt-get install nginx"),
    }
    if version == Version::Http2 {
        match installed("nghttpd") {
            Some(path) => peers.push(Program::nghttpd(path)),
            None => {
                warn!("To have nghttpd beside them, install it: apt-get install nghttp2-server");
            }
        }
    }
    peers
}

/// Where a program is. Debian has nginx in a folder that not every user looks in.
fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.push(Path::new("/usr/sbin").to_owned());
    let mut files = folders.into_iter().map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}
