//! The certificate that a server makes itself where the command line names none.

use std::env;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, anyhow, ensure};
use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;

use crate::ch17::certificate::{CertificateFiles, Pem, config};

/// The name of the certificate's file.
const CERTIFICATE: &str = "localhost.pem";
/// The name of the key's file.
const KEY: &str = "localhost-key.pem";

/// The name of their folder, among those of other programs.
const FOLDER: &str = "http-from-scratch";

/// A certificate and its key.
pub enum Credentials {
    /// In two files, which may be replaced while the server runs.
    InFiles(CertificateFiles),
    /// Made for this run alone, as there is no place to keep them.
    InMemory {
        /// The configuration of TLS.
        config: ServerConfig,
        /// Why they are not kept.
        reason: anyhow::Error,
    },
}

impl Credentials {
    /// Credentials for this machine alone, signed with their own key. They are made the first
    /// time and kept with this user's files, so that a client that trusts the certificate can
    /// do so the next time too.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn of_this_machine() -> anyhow::Result<Self> {
        let kept = folder(|name| env::var_os(name).map(PathBuf::from));
        match kept.and_then(|folder| kept_in(&folder)) {
            Ok(pair) => Ok(Self::InFiles(pair)),
            Err(reason) => {
                let made = generate()?;
                let [certificate, key] = [made.cert.pem(), made.signing_key.serialize_pem()];
                let pem = |text: String| Pem {
                    name: "what was made".to_owned(),
                    text: text.into_bytes(),
                };
                let config = config(&pem(certificate), &pem(key))?;
                Ok(Self::InMemory { config, reason })
            }
        }
    }
}

/// Our folder, below the one for the state of this user's programs: where the XDG Base
/// Directory Specification says, or, on Windows, `LOCALAPPDATA`.
fn folder(variable: impl Fn(&str) -> Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let named = |name| variable(name).filter(|path| path.is_absolute());
    let by_system = match cfg!(windows) {
        true => named("LOCALAPPDATA"),
        false => named("HOME").map(|home| home.join(".local/state")),
    };
    let state = named("XDG_STATE_HOME").or(by_system);
    let state = state.context("no variable says where this user's state is kept")?;
    Ok(state.join(FOLDER))
}

/// The pair in this folder, which is made where it is not there.
fn kept_in(folder: &Path) -> anyhow::Result<CertificateFiles> {
    if !folder.exists() {
        // It has another name until it is complete: two servers may start at once, and each
        // must find a certificate and the key that belongs to it.
        let new = folder.with_extension(process::id().to_string());
        make(&new).map_err(|error| anyhow!("cannot make {}: {error}", new.display()))?;
        if let Err(error) = fs::rename(&new, folder) {
            fs::remove_dir_all(&new)?;
            // Another server was quicker, and its pair is as good.
            ensure!(folder.exists(), "cannot make {}: {error}", folder.display());
        }
    }
    Ok(CertificateFiles {
        certificate: folder.join(CERTIFICATE),
        key: folder.join(KEY),
    })
}

/// Makes a certificate and its key, in a folder of their own.
fn make(folder: &Path) -> anyhow::Result<()> {
    let made = generate()?;
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // Only its owner may read the key, from before its first byte is written.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut key = options.open(folder.join(KEY))?;
    Ok(key.write_all(made.signing_key.serialize_pem().as_bytes())?)
}

/// Makes a new key, and a certificate for this machine that is signed with it.
fn generate() -> anyhow::Result<CertifiedKey<KeyPair>> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    Ok(rcgen::generate_simple_self_signed(names)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, which is not there yet.
    fn new_folder(name: &str) -> PathBuf {
        env::temp_dir().join(format!("{name}-{}", process::id()))
    }

    #[test]
    fn it_is_made_once_and_kept() {
        let folder = new_folder("made-once");
        let pair = kept_in(&folder).unwrap();
        let certificate = fs::read(&pair.certificate).unwrap();
        assert!(pair.load().is_ok());
        assert_eq!(kept_in(&folder).unwrap(), pair);
        assert!(!folder.with_extension(process::id().to_string()).exists());
        assert_eq!(fs::read(&pair.certificate).unwrap(), certificate);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&pair.key).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_it_is_kept() {
        let root = env::temp_dir();
        let by_system = match cfg!(windows) {
            true => "LOCALAPPDATA",
            false => "HOME",
        };
        let of_system = match cfg!(windows) {
            true => root.clone(),
            false => root.join(".local/state"),
        };
        let there = |variables: &[(&str, &Path)]| {
            let kept = folder(|name| {
                let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
                Some(value.to_path_buf())
            });
            kept.ok()
        };
        let system = (by_system, &*root);
        let [elsewhere, relative] = [root.join("state"), PathBuf::from("state")];
        for (variables, state) in [
            (&[][..], None),
            (&[system], Some(&of_system)),
            (&[system, ("XDG_STATE_HOME", &elsewhere)], Some(&elsewhere)),
            (&[system, ("XDG_STATE_HOME", &relative)], Some(&of_system)),
            (&[(by_system, Path::new(""))], None),
        ] {
            let expected = state.map(|state| state.join(FOLDER));
            assert_eq!(there(variables), expected, "{variables:?}");
        }
    }
}
