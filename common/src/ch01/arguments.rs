//! The command line: one argument, the address.

use std::env;
use std::path::Path;
use std::process::exit;

/// The address to listen on: the program's one argument, such as `127.0.0.1:8081`, or
/// `127.0.0.1:8080` if it has none.
///
/// `--help` prints the usage and ends the process with exit code 0. Wrong usage prints one
/// sentence to standard error and ends it with exit code 2.
pub fn address() -> String {
    let mut arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let program = Path::new(&program).file_stem().unwrap_or_default();
    match parse_arguments(&program.to_string_lossy(), arguments) {
        Ok(address) => address,
        Err(Usage::Help(text)) => {
            println!("{text}");
            exit(0)
        }
        Err(Usage::Wrong(sentence)) => {
            eprintln!("Error: {sentence}");
            exit(2)
        }
    }
}

/// Why the command line holds no address.
#[derive(Debug, PartialEq)]
enum Usage {
    Help(String),
    Wrong(String),
}

/// The address among the arguments, which do not include the program's name.
fn parse_arguments(
    program: &str,
    mut arguments: impl Iterator<Item = String>,
) -> Result<String, Usage> {
    let address = arguments.next();
    if let Some(second) = arguments.next() {
        return Err(Usage::Wrong(format!(
            "{second:?} is one argument too many; {program} takes one address, \
             such as 127.0.0.1:8081"
        )));
    }
    match address.as_deref() {
        None => Ok("127.0.0.1:8080".to_owned()),
        Some("-h" | "--help") => Err(Usage::Help(format!(
            "Usage: {program} [ADDRESS]\n\
             Serves HTTP on ADDRESS, which is 127.0.0.1:8080 where none is given.\n\
             Port 0 takes a free port; the first line printed names it."
        ))),
        Some(address) if is_host_and_port(address) => Ok(address.to_owned()),
        Some(other) => Err(Usage::Wrong(format!(
            "{other:?} is not an address; write a host, a colon and a port, \
             such as 127.0.0.1:8081"
        ))),
    }
}

/// Whether this is a host, a colon and a port from 0 to 65535.
pub(crate) fn is_host_and_port(address: &str) -> bool {
    match address.rsplit_once(':') {
        // An IPv6 host has to stand in brackets: in `::1:8080` the port cannot be told
        // from the host.
        Some((host, port)) => {
            let host_is_whole = !host.contains(':') || host.starts_with('[') && host.ends_with(']');
            !host.is_empty() && host_is_whole && port.parse::<u16>().is_ok()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<String, Usage> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        parse_arguments("ch04-routing", arguments)
    }

    #[test]
    fn addresses() {
        for (arguments, address) in [
            (&[][..], "127.0.0.1:8080"),
            (&["127.0.0.1:0"], "127.0.0.1:0"),
            (&["localhost:8081"], "localhost:8081"),
            (&["[::1]:8081"], "[::1]:8081"),
            (&["0.0.0.0:65535"], "0.0.0.0:65535"),
            (&["[fe80::1%eth0]:80"], "[fe80::1%eth0]:80"),
        ] {
            assert_eq!(parse(arguments).unwrap(), address, "{arguments:?}");
        }
    }

    #[test]
    fn help() {
        for flag in ["-h", "--help"] {
            let Err(Usage::Help(text)) = parse(&[flag]) else {
                panic!("{flag} gives no help");
            };
            assert!(
                text.starts_with("Usage: ch04-routing [ADDRESS]\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_usage() {
        for arguments in [
            &[""][..],
            &["8081"],
            &["localhost"],
            &[":8081"],
            &["localhost:"],
            &["localhost:65536"],
            &["::1:8081"],
            &["[::1:8081"],
            &["::1]:8081"],
            &["--port"],
            &["127.0.0.1:8081", "127.0.0.1:8082"],
        ] {
            let Err(Usage::Wrong(sentence)) = parse(arguments) else {
                panic!("{arguments:?} was taken for an address");
            };
            assert!(sentence.contains("such as 127.0.0.1:8081"), "{sentence}");
            let wrong_one = format!("{:?}", arguments.last().unwrap());
            assert!(sentence.starts_with(&wrong_one), "{sentence}");
        }
    }
}
