//! What others have written, where it is there to be measured beside ours.

use std::env;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use super::server::Program;
use crate::chapters::Course;

/// hyper and nginx, as far as they are there; of one that is not, it says how to get it.
pub fn peers(course: &Course) -> Vec<Program> {
    let mut peers = Vec::new();
    let built = format!("target/peers/release/hyper-peer{EXE_SUFFIX}");
    let hyper = course.root.join(built);
    if hyper.is_file() {
        let words = vec![hyper.display().to_string()];
        peers.push(Program::command("hyper".to_owned(), words));
    } else {
        warn!("To have hyper beside them:");
        warn!("  cargo build --release --manifest-path tests/course/peers/hyper/Cargo.toml \\");
        warn!("    --target-dir target/peers");
    }
    match nginx() {
        Some(path) => peers.push(Program::nginx(path)),
        None => warn!("To have nginx beside them, install it: apt-get install nginx"),
    }
    peers
}

/// Where nginx is. Debian has it in a folder that not every user looks in.
fn nginx() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.push(Path::new("/usr/sbin").to_owned());
    let mut files = folders.into_iter().map(|folder| folder.join("nginx"));
    files.find(|file| file.is_file())
}
