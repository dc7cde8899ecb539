//! TLS towards a peer: whom to trust, and who we are.
//!
//! In: paths of PEM files. Out: a client configuration of rustls. There is no switch to trust anybody, and no list of public authorities:
//! plants have their own. Not here: the connection.

use engine::source::SourceError;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The `tls` table of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSpec {
    /// PEM file with the authority, or the self-signed certificate, that the peer's certificate must come from.
    pub ca: PathBuf,
    /// PEM file with our certificate, where the peer asks for one.
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub key: Option<PathBuf>,
    /// Name in the peer's certificate; absent (default): the host.
    pub server_name: Option<String>,
}

impl TlsSpec {
    /// Reads relative paths from this folder on.
    pub fn beside(&mut self, folder: &Path) {
        let optional = [self.certificate.as_mut(), self.key.as_mut()];
        for path in optional.into_iter().flatten().chain([&mut self.ca]) {
            *path = folder.join(&*path);
        }
    }

    /// Reads the files and makes the configuration (TLS 1.2 and 1.3).
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the file or key.
    pub fn client(&self, place: &str) -> Result<Arc<ClientConfig>, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: place.into(), problem };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca).map_err(wrong)? {
            roots.add(certificate).map_err(|error| wrong(format!("tls.ca {}: {error}", self.ca.display())))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(format!("tls: {error}")))?
            .with_root_certificates(roots);
        let config = match (&self.certificate, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate).map_err(wrong)?;
                let secret =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(format!("tls.key {}: {error}", key.display())))?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|error| wrong(format!("tls.certificate and tls.key: {error}")))?
            }
            _ => return Err(wrong("tls: give both certificate and key, or neither".into())),
        };
        Ok(Arc::new(config))
    }

    /// The name the peer's certificate must carry.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] where it is no name.
    pub fn name(&self, host: &str, place: &str) -> Result<ServerName<'static>, SourceError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned()).map_err(|_| SourceError::Mapping {
            place: place.into(),
            problem: format!("tls.server_name {name:?} is no host name or address; write it as the certificate does"),
        })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(format!("{}: no certificate in it; it must hold PEM", path.display())),
        Ok(list) => Ok(list),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
