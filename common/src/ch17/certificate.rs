//! The certificate that a server shows, and the key that only it has.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use anyhow::{anyhow, ensure};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What the files are called that a server makes itself.
const CERTIFICATE: &str = "localhost.pem";
const KEY: &str = "localhost-key.pem";

/// Where a certificate and its key lie, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and behind it those that vouch for it.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// A certificate for this machine alone, which nobody vouches for, and which is made
    /// where there is none yet.
    ///
    /// # Errors
    /// It cannot be made, or not be kept.
    pub fn of_this_machine() -> anyhow::Result<Self> {
        let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");
        fs::create_dir_all(target).map_err(|error| anyhow!("cannot make {target}: {error}"))?;
        Self::kept_in(&fs::canonicalize(target)?.join("tls"))
    }

    fn kept_in(folder: &Path) -> anyhow::Result<Self> {
        if !folder.exists() {
            // Under another name until it is whole: two servers may begin at once, and
            // each must find a certificate and the key that belongs to it.
            let new = folder.with_extension(process::id().to_string());
            make(&new).map_err(|error| anyhow!("cannot make {}: {error}", new.display()))?;
            if let Err(error) = fs::rename(&new, folder) {
                fs::remove_dir_all(&new)?;
                // Another one was quicker, and its own is as good.
                ensure!(folder.exists(), "cannot make {}: {error}", folder.display());
            }
        }
        Ok(Self {
            certificate: folder.join(CERTIFICATE),
            key: folder.join(KEY),
        })
    }

    /// Reads both, and makes what TLS is spoken with: HTTP/1.1, over TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// One of the two cannot be read, is no PEM, or does not belong to the other. The
    /// sentence names the file.
    pub fn load(&self) -> anyhow::Result<ServerConfig> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain: Vec<CertificateDer> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| anyhow!("cannot read {certificate}: {error}"))?;
        ensure!(
            !chain.is_empty(),
            "there is no certificate in {certificate}"
        );
        let private_key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| anyhow!("cannot read {key}: {error}"))?;
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, private_key)
            .map_err(|error| anyhow!("{certificate} and {key} do not go together: {error}"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Makes a certificate and its key, in a folder of their own.
fn make(folder: &Path) -> anyhow::Result<()> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // The key is for its owner alone, from the first moment on that there is any of it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut key = options.open(folder.join(KEY))?;
    Ok(key.write_all(made.signing_key.serialize_pem().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{name}-{}", process::id()))
    }

    #[test]
    fn it_is_made_once_and_kept() {
        let folder = folder("made-once");
        let pair = CertificateFiles::kept_in(&folder).unwrap();
        let certificate = fs::read(&pair.certificate).unwrap();
        assert!(pair.load().is_ok());
        assert_eq!(CertificateFiles::kept_in(&folder).unwrap(), pair);
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
    fn what_is_wrong_with_a_pair_is_said() {
        let [one, other] = ["one-pair", "other-pair"].map(folder);
        let pair = CertificateFiles::kept_in(&one).unwrap();
        let stranger = CertificateFiles::kept_in(&other).unwrap();
        let half = one.join("half.pem");
        let text = fs::read_to_string(&pair.certificate).unwrap();
        fs::write(&half, &text[..text.len() / 2]).unwrap();
        let empty = one.join("empty.pem");
        fs::write(&empty, "").unwrap();
        for (certificate, key, problem) in [
            (&one.join("missing.pem"), &pair.key, "cannot read"),
            (&half, &pair.key, "cannot read"),
            (&empty, &pair.key, "there is no certificate in"),
            (&pair.certificate, &empty, "cannot read"),
            (&pair.certificate, &stranger.key, "do not go together"),
        ] {
            let wrong = CertificateFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            };
            let error = format!("{:#}", wrong.load().unwrap_err());
            assert!(error.contains(problem), "{error}");
        }
        fs::remove_dir_all(one).unwrap();
        fs::remove_dir_all(other).unwrap();
    }
}
