//! The command line of a server that speaks TLS: an address, a certificate and a key.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::exit;

use lexopt::prelude::{Long, Short, Value, ValueExt};

use crate::ch01::arguments::is_host_and_port;
use crate::ch17::certificate::CertificateFiles;
use crate::ch17::own_certificate::Credentials;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The address to listen on.
    pub address: String,
    /// The certificate and the key; `None` where none are named.
    pub pair: Option<CertificateFiles>,
}

impl Options {
    /// The certificate and the key that are named, or else the ones that the server makes.
    ///
    /// # Errors
    /// As [`Credentials::of_this_machine`].
    pub fn credentials(&self) -> anyhow::Result<Credentials> {
        match &self.pair {
            Some(pair) => Ok(Credentials::InFiles(pair.clone())),
            None => Credentials::of_this_machine(),
        }
    }

    /// Reads the command line. Wrong usage ends the process with a sentence and exit code
    /// 2; `--help` prints the usage and ends it with 0.
    pub fn read() -> Self {
        Self::read_from(std::env::args_os(), "")
    }

    /// Does the same for these arguments. The usage ends with the sentence.
    pub(crate) fn read_from(arguments: impl IntoIterator<Item = OsString>, more: &str) -> Self {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let parser = lexopt::Parser::from_iter(arguments);
        let program = parser.bin_name().map(Path::new).and_then(Path::file_stem);
        let program = program.unwrap_or_default().display().to_string();
        match parse(parser) {
            Ok(Some(options)) => options,
            Ok(None) => {
                println!(
                    "Usage: {program} [ADDRESS] [--cert FILE --key FILE]\n\
                     Serves HTTPS on ADDRESS, which is 127.0.0.1:8443 where none is given.\n\
                     Without the files, which are PEM, it makes itself a certificate."
                );
                if !more.is_empty() {
                    println!("{more}");
                }
                exit(0)
            }
            Err(error) => {
                eprintln!("Error: {error}");
                exit(2)
            }
        }
    }
}

/// `None` where the user asks for help.
fn parse(mut parser: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    let (mut address, mut certificate, mut key) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("cert") => certificate = Some(PathBuf::from(parser.value()?)),
            Long("key") => key = Some(PathBuf::from(parser.value()?)),
            Value(value) if address.is_none() => address = Some(host_and_port(value)?),
            other => return Err(other.unexpected()),
        }
    }
    let pair = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
        (None, None) => None,
        _ => return Err("--cert and --key go together; name both, or neither".into()),
    };
    let address = address.unwrap_or_else(|| "127.0.0.1:8443".to_owned());
    Ok(Some(Options { address, pair }))
}

/// The value as an address to listen on.
fn host_and_port(value: OsString) -> Result<String, lexopt::Error> {
    let address = value.string()?;
    if is_host_and_port(&address) {
        Ok(address)
    } else {
        let help = "write a host, a colon and a port, such as 127.0.0.1:8443";
        Err(format!("{address:?} is not an address; {help}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Option<Options>, String> {
        parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_command_line_may_say() {
        let pair = Some(CertificateFiles {
            certificate: "c.pem".into(),
            key: "k.pem".into(),
        });
        for (arguments, address, pair) in [
            (&[][..], "127.0.0.1:8443", None),
            (&["127.0.0.1:0"], "127.0.0.1:0", None),
            (
                &["--cert", "c.pem", "--key=k.pem"],
                "127.0.0.1:8443",
                pair.clone(),
            ),
            (
                &["--key", "k.pem", "[::1]:443", "--cert", "c.pem"],
                "[::1]:443",
                pair,
            ),
        ] {
            let expected = Options {
                address: address.to_owned(),
                pair,
            };
            assert_eq!(parsed(arguments), Ok(Some(expected)), "{arguments:?}");
        }
        assert_eq!(parsed(&["--help"]), Ok(None));
    }

    #[test]
    fn a_message_names_what_is_wrong() {
        for (arguments, problem) in [
            (&["8443"][..], "\"8443\" is not an address"),
            (&["--cert", "c.pem"], "--cert and --key go together"),
            (&["--key", "k.pem"], "--cert and --key go together"),
            (&["--port", "1"], "--port"),
            (&["a:1", "b:2"], "b:2"),
        ] {
            let error = parsed(arguments).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
