//! What carries the bytes of a case: TCP, or TLS over it.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use harness::play::{Connection, PATIENCE};
use harness::tls::rustls::pki_types::pem::PemObject;
use harness::tls::rustls::pki_types::{CertificateDer, ServerName};
use harness::tls::rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};
use harness::tls::{Sealed, config, config_that_trusts};

/// Opens connections to one server.
pub struct Carrier {
    /// What TLS needs, where the server speaks it: whom it trusts, and the server's name.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Carrier {
    /// A carrier to a server that was typed so, such as `127.0.0.1:8080` or
    /// `https://localhost:8443`, with the rest of that: the host and the port. Without a
    /// file that says whom to trust, any certificate is taken: what is asked is what the
    /// server says, and not who it is.
    ///
    /// # Errors
    /// The file holds no certificate, or there is nothing that it could be for.
    pub fn new<'a>(typed: &'a str, trusted: Option<&Path>) -> anyhow::Result<(Self, &'a str)> {
        let Some(rest) = without_scheme(typed, "https://") else {
            if trusted.is_some() {
                bail!(
                    "--cacert is for a server that speaks TLS: write https:// before its address"
                );
            }
            let rest = without_scheme(typed, "http://").unwrap_or(typed);
            return Ok((Self { tls: None }, rest.trim_end_matches('/')));
        };
        let authority = rest.trim_end_matches('/');
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .with_context(|| format!("{host:?} is no name that TLS could ask for"))?;
        let config = match trusted {
            None => config(ALL_VERSIONS),
            Some(file) => config_that_trusts(roots(file)?),
        };
        let tls = Some((Arc::new(config), name));
        Ok((Self { tls }, authority))
    }

    /// How an address begins that goes over it.
    pub fn scheme(&self) -> &'static str {
        match self.tls {
            None => "http",
            Some(_) => "https",
        }
    }

    /// Makes a connection ready; where TLS is spoken, hands are shaken then.
    pub fn carry(&self, stream: TcpStream) -> io::Result<Box<dyn Connection>> {
        set_up(&stream)?;
        let Some((config, name)) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let mut sealed = Sealed::to(name.clone(), stream, Arc::clone(config));
        sealed.limit_reads(PATIENCE)?;
        sealed.shake_hands()?;
        Ok(Box::new(sealed))
    }

    /// The same for HTTP/2, which TLS has to agree on (RFC 9113 section 3.2), and TCP alone
    /// has not.
    ///
    /// # Errors
    /// The server does not choose it.
    pub fn carry_frames(&self, stream: TcpStream) -> io::Result<Box<dyn Connection>> {
        set_up(&stream)?;
        let Some((config, name)) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let mut config = ClientConfig::clone(config);
        config.alpn_protocols = vec![H2.to_vec()];
        let mut sealed = Sealed::to(name.clone(), stream, Arc::new(config));
        sealed.limit_reads(PATIENCE)?;
        sealed.shake_hands()?;
        match sealed.protocol() == Some(H2) {
            true => Ok(Box::new(sealed)),
            false => Err(ErrorKind::Unsupported.into()),
        }
    }
}

/// HTTP/2 as TLS calls it.
const H2: &[u8] = b"h2";

fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// What stands behind a scheme, in which case does not matter (RFC 3986 section 3.1).
fn without_scheme<'a>(typed: &'a str, scheme: &str) -> Option<&'a str> {
    let (first, rest) = typed.split_at_checked(scheme.len())?;
    first.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The certificates of a file in PEM.
fn roots(file: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)
        .map_err(|error| anyhow!("{} cannot be read: {error}", file.display()))?;
    for certificate in certificates {
        let certificate = certificate.with_context(|| format!("{} is not PEM", file.display()))?;
        roots
            .add(certificate)
            .with_context(|| format!("{} holds no certificate", file.display()))?;
    }
    if roots.is_empty() {
        bail!("{} holds no certificate", file.display());
    }
    Ok(roots)
}
