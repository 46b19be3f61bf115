//! `cargo course read`: the book as a site, served by the server that it teaches.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, anyhow};

use crate::chapters::Course;
use crate::{process, site};

/// The server: the first that knows what a browser has already.
const CHAPTER: &str = "14";

/// Makes the site and serves it until it is stopped.
pub fn read(course: &Course, address: SocketAddr) -> anyhow::Result<()> {
    // Neither has to wait for the other.
    let (program, made) = thread::scope(|scope| {
        let built = scope.spawn(|| course.chapter(CHAPTER)?.build(course, &[]));
        let made = site::make(course, None, None);
        (built.join(), made)
    });
    made?;
    let program = program.map_err(|_| anyhow!("the build was broken off"))??;
    let mut server = Command::new(&program)
        .arg(address.to_string())
        // It serves the `pages/` of where it runs.
        .current_dir(site::served_folder(course))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let output = server.stdout.take().context("the output is piped")?;
    process::keep(server);
    let mut lines = BufReader::new(output).lines();
    // It has said why on standard error.
    let first = lines.next().context("the server did not start")??;
    let port: String = first.chars().filter(char::is_ascii_digit).collect();
    let host = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    say!("The book is at http://{host}:{port}/ until you press Ctrl-C. What it is asked for:\n");
    for line in lines {
        say!("{}", line?);
    }
    Ok(())
}
