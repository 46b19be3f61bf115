//! The certificate that a server presents, and its private key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use anyhow::{Context, anyhow, bail, ensure};
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::ch09::date::http_date;

/// The protocols that the server offers over TLS, best first, by their ALPN names (RFC 7301).
/// The handshake with a client that offers only others fails, as §3.2 demands. A client that
/// offers none is served.
const PROTOCOLS: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];

/// What some editors and shells put at the beginning of a file in Unicode.
const BYTE_ORDER_MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

/// The files of a certificate and its key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and after it those of its issuers.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Reads both, and makes the configuration of TLS. It waits as long as the files take.
    ///
    /// # Errors
    /// One of the two cannot be read or used, or they do not belong together. The message
    /// names the file and the cause.
    pub fn load(&self) -> anyhow::Result<ServerConfig> {
        config(&Pem::read(&self.certificate)?, &Pem::read(&self.key)?)
    }
}

/// A text that is read as PEM.
pub(crate) struct Pem {
    /// What messages call it.
    pub name: String,
    pub text: Vec<u8>,
}

impl Pem {
    /// Reads a regular file, and opens nothing else: a pipe could keep its reader waiting for
    /// ever.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let read = || -> io::Result<Vec<u8>> {
            match fs::metadata(path)?.is_file() {
                true => fs::read(path),
                false => Err(io::Error::other("it is no regular file")),
            }
        };
        let text = read().map_err(|error| anyhow!("cannot read {name}: {error}"))?;
        let is_marked = BYTE_ORDER_MARKS.iter().any(|mark| text.starts_with(mark));
        ensure!(
            !is_marked,
            "{name} begins with a byte order mark; save it as plain ASCII"
        );
        Ok(Self { name, text })
    }

    /// The certificates that the text holds.
    fn chain(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        let chain = chain.map_err(|error| self.broken(&error))?;
        ensure!(!chain.is_empty(), self.lacks("certificate"));
        Ok(chain)
    }

    /// The private key that the text holds. One with a passphrase is refused.
    fn key(&self) -> anyhow::Result<PrivateKeyDer<'static>> {
        let text = String::from_utf8_lossy(&self.text);
        let name = &self.name;
        ensure!(
            !text.contains("BEGIN ENCRYPTED PRIVATE KEY") && !text.contains("4,ENCRYPTED"),
            "{name} is protected by a passphrase, for which nobody is asked here; \
             `openssl pkey -in {name} -out NEW` writes the key without one"
        );
        match PrivateKeyDer::from_pem_slice(&self.text) {
            Err(pem::Error::NoItemsFound) => bail!(self.lacks("private key of a kind we know")),
            key => key.map_err(|error| self.broken(&error)),
        }
    }

    /// Says that the text cannot be read as PEM.
    fn broken(&self, error: &pem::Error) -> anyhow::Error {
        let name = &self.name;
        match error {
            pem::Error::MissingSectionEnd { .. } => anyhow!("cannot read {name}: it breaks off"),
            error => anyhow!("cannot read {name}: {error}"),
        }
    }

    /// Says that this is missing, and what the file holds instead.
    fn lacks(&self, what: &str) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let begin = |line: &str| Some(line.strip_prefix("-----BEGIN ")?.trim_end().to_owned());
        let mut labels: Vec<String> = text.lines().filter_map(begin).collect();
        labels.dedup();
        let there = match labels.is_empty() {
            true => "it is no PEM".to_owned(),
            false => format!("there is {}", labels.join(", ").replace('-', "")),
        };
        format!("there is no {what} in {}: {there}", self.name)
    }
}

/// The configuration of TLS 1.2 and 1.3.
pub(crate) fn config(certificate: &Pem, key: &Pem) -> anyhow::Result<ServerConfig> {
    let provider = ring::default_provider();
    let certified = certified(certificate, key, &provider)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// The certificates with the key, if a client may be shown them.
fn certified(
    certificate: &Pem,
    key: &Pem,
    provider: &CryptoProvider,
) -> anyhow::Result<CertifiedKey> {
    let chain = certificate.chain()?;
    let (certificate, named_key) = (&certificate.name, &key.name);
    let key = provider.key_provider.load_private_key(key.key()?);
    let key = key.ok().with_context(|| {
        format!(
            "the kind of the key in {named_key} is not supported: use RSA with 2048 to 4096 \
             bits, ECDSA with P-256 or P-384, or Ed25519"
        )
    })?;
    let goes_with_key = |one: &CertificateDer<'static>| {
        CertifiedKey::new(vec![one.clone()], Arc::clone(&key)).keys_match()
    };
    match goes_with_key(&chain[0]) {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(Error::InconsistentKeys(_)) => {
            ensure!(
                !chain.iter().any(|other| goes_with_key(other).is_ok()),
                "the order in {certificate} is wrong: the certificate that belongs to \
                 {named_key} has to be the first"
            );
            bail!("{certificate} and {named_key} do not go together");
        }
        Err(error) => bail!("cannot use {certificate}: {error}"),
    }
    check_chain(&chain).with_context(|| format!("cannot use {certificate}"))?;
    Ok(CertifiedKey::new(chain, key))
}

/// Checks that the first one has not expired, and that each other one is of the issuer of the
/// one before it (RFC 8446 §4.4.2). Whether the last one is trusted is for the client to
/// decide.
fn check_chain(chain: &[CertificateDer]) -> anyhow::Result<()> {
    let chain: Result<Vec<_>, _> = chain.iter().map(EndEntityCert::try_from).collect();
    let chain = chain.map_err(|error| anyhow!("a certificate is not supported: {error}"))?;
    let (now, usage) = (UnixTime::now(), KeyUsage::server_auth());
    // No issuer is trusted here, so this always fails. It checks the time first.
    let verified = chain[0].verify_for_usage(&[], &[], &[], now, usage, None, None);
    if let Err(webpki::Error::CertExpired { not_after, .. }) = verified {
        let until = http_date(not_after.as_secs());
        bail!("it has expired, and was valid until {until}");
    }
    for (at, pair) in chain.windows(2).enumerate() {
        let issuer = pair[0].issuer();
        let is_issuer = |other: &EndEntityCert| other.subject() == issuer;
        ensure!(
            is_issuer(&pair[0]) || is_issuer(&pair[1]) || !chain.iter().any(is_issuer),
            "the order is wrong: number {} has to be the certificate that vouches for \
             number {}",
            at + 2,
            at + 1
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, date_time_ymd};

    /// A kind of key that is not supported (Ed448).
    const OTHER_KIND: &str = "-----BEGIN PRIVATE KEY-----\n\
        MEcCAQAwBQYDK2VxBDsEOR3K9b4nbDP/vzeUh5k4m0HA+YNW7u+195gprNDYBuMo\n\
        1EzchgCUbd5MkD4K+89XraCPwDGdiVoFYA==\n\
        -----END PRIVATE KEY-----\n";

    fn named(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    /// What is wrong with these texts, in files of their own; `None` where nothing is.
    fn wrong(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Option<String> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pair-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let pair = CertificateFiles {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        fs::write(&pair.certificate, certificate).unwrap();
        fs::write(&pair.key, key).unwrap();
        let said = pair.load().err().map(|error| format!("{error:#}"));
        let beside = format!("{}{}", folder.display(), std::path::MAIN_SEPARATOR);
        fs::remove_dir_all(&folder).unwrap();
        said.map(|said| said.replace(&beside, ""))
    }

    #[test]
    fn a_message_says_what_is_wrong_with_a_pair() {
        let key = KeyPair::generate().unwrap();
        // rcgen ends the lines with CRLF on Windows.
        let with_lf = |pem: String| pem.replace('\r', "");
        let certificate = with_lf(named("server").self_signed(&key).unwrap().pem());
        let other_key = with_lf(KeyPair::generate().unwrap().serialize_pem());
        let key = with_lf(key.serialize_pem());
        let marked = |mark: &[u8], text: &str| [mark, text.as_bytes()].concat();
        let label = |label: &str| key.replace("PRIVATE KEY", label);
        assert_eq!(wrong(&certificate, &key), None);
        assert_eq!(wrong(certificate.replace('\n', "\r\n"), &key), None);
        assert_eq!(wrong([&*key, &certificate].concat(), &key), None);
        for (certificate, key, said) in [
            (
                certificate[..200].into(),
                key.clone(),
                "cannot read cert.pem: it breaks off",
            ),
            (
                certificate.replace("\nMI", "\n!!").into_bytes(),
                key.clone(),
                "cannot read cert.pem: base64 decode error: ",
            ),
            (
                b"".to_vec(),
                key.clone(),
                "there is no certificate in cert.pem: it is no PEM",
            ),
            (
                key.clone().into(),
                key.clone(),
                "there is no certificate in cert.pem: there is PRIVATE KEY",
            ),
            (
                marked(b"\xef\xbb\xbf", &certificate),
                key.clone(),
                "cert.pem begins with a byte order mark; save it as plain ASCII",
            ),
            (
                certificate.clone().into(),
                format!("\u{feff}{key}"),
                "key.pem begins with a byte order mark; save it as plain ASCII",
            ),
            (
                certificate.clone().into(),
                certificate.clone(),
                "there is no private key of a kind we know in key.pem: there is CERTIFICATE",
            ),
            (
                certificate.clone().into(),
                label("OPENSSH PRIVATE KEY"),
                "there is no private key of a kind we know in key.pem: \
                 there is OPENSSH PRIVATE KEY",
            ),
            (
                certificate.clone().into(),
                label("ENCRYPTED PRIVATE KEY"),
                "key.pem is protected by a passphrase, ",
            ),
            (
                certificate.clone().into(),
                label("RSA PRIVATE KEY").replacen(
                    "-\n",
                    "-\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n",
                    1,
                ),
                "key.pem is protected by a passphrase, ",
            ),
            (
                certificate.clone().into(),
                OTHER_KIND.to_owned(),
                "the kind of the key in key.pem is not supported: use RSA with 2048 to 4096 ",
            ),
            (
                certificate.clone().into(),
                other_key,
                "cert.pem and key.pem do not go together",
            ),
        ] {
            let error = wrong(certificate, key).unwrap();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn a_certificate_that_has_expired_is_not_used() {
        let key = KeyPair::generate().unwrap();
        let mut expired = named("server");
        expired.not_after = date_time_ymd(2021, 12, 31);
        let expired = expired.self_signed(&key).unwrap().pem();
        let error = wrong(expired, key.serialize_pem()).unwrap();
        let said = "cannot use cert.pem: it has expired, and was valid until \
                    Fri, 31 Dec 2021 00:00:00 GMT";
        assert_eq!(error, said);
    }

    /// The server's, that of its issuer, and that of the issuer of that.
    #[test]
    fn each_certificate_of_a_chain_is_of_the_issuer_of_the_one_before() {
        let [root_key, middle_key, key] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let root = named("root").self_signed(&root_key).unwrap().pem();
        let by_root = Issuer::new(named("root"), root_key);
        let middle = named("middle").signed_by(&middle_key, &by_root).unwrap();
        let by_middle = Issuer::new(named("middle"), middle_key);
        let own = named("server").signed_by(&key, &by_middle).unwrap().pem();
        let (middle, key) = (middle.pem(), key.serialize_pem());
        let of = |chain: &[&String]| {
            let texts: Vec<&str> = chain.iter().map(|text| text.as_str()).collect();
            wrong(texts.concat(), &key)
        };
        for right in [&[&own][..], &[&own, &middle], &[&own, &middle, &root]] {
            assert_eq!(of(right), None);
        }
        let first = "the order in cert.pem is wrong: the certificate that belongs to \
                     key.pem has to be the first";
        assert_eq!(of(&[&middle, &own]).unwrap(), first);
        assert_eq!(of(&[&root, &middle, &own]).unwrap(), first);
        let second = "cannot use cert.pem: the order is wrong: number 2 has to be the \
                      certificate that vouches for number 1";
        assert_eq!(of(&[&own, &root, &middle]).unwrap(), second);
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = std::env::temp_dir();
        let pair = CertificateFiles {
            certificate: folder.clone(),
            key: folder.clone(),
        };
        let error = format!("{:#}", pair.load().unwrap_err());
        let said = format!("cannot read {}: it is no regular file", folder.display());
        assert_eq!(error, said);
    }
}
