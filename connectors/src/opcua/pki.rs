//! Certificates: ours, made at first use, and those of servers we trust.
//!
//! In: paths of the settings. Out: a certificate store for the client library. A server is trusted because its very certificate lies in
//! `trusted` or is named in the settings, never because it says who it is. Not here: what is signed with them.

use super::trouble::Trouble;
use super::{Mode, Policy, Settings};
use opcua::client::IdentityToken;
use opcua::crypto::{CertificateStore, X509, X509Data};
use opcua::types::EndpointDescription;
use std::path::{Path, PathBuf};

/// Bits of our RSA key: every policy we speak takes it (IEC 62541-7).
const KEY_BITS: u32 = 2048;
/// How long the certificate we make is valid, days: a plant renews by hand, when it renews its machines.
const VALID_DAYS: u32 = 3652;

/// Where our certificate is.
pub(super) fn own_certificate(settings: &Settings) -> PathBuf {
    settings.certificate.clone().unwrap_or_else(|| settings.pki_dir.join("own/cert.der"))
}

fn own_key(settings: &Settings) -> PathBuf {
    settings.key.clone().unwrap_or_else(|| settings.pki_dir.join("private/private.pem"))
}

/// A store whose own certificate is ours, made if there is none, and which holds the server's if we trust it. Without security the store
/// is empty and nothing is written.
pub(super) fn store(settings: &Settings, endpoint: &EndpointDescription) -> Result<CertificateStore, Trouble> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let is_secured = settings.mode() != Mode::None;
    if !is_secured {
        return Ok(CertificateStore::new(&settings.pki_dir));
    }
    make_own(settings)?;
    trust(settings, endpoint)?;
    // An absolute path is not taken from the folder.
    let (certificate, key) = (absolute(&own_certificate(settings)), absolute(&own_key(settings)));
    let (mut store, own, key) =
        CertificateStore::new_with_x509_data(&settings.pki_dir, false, Some(&certificate), Some(&key), None::<X509Data>);
    let (Some(own), Some(_)) = (own, key) else {
        return Err(Trouble::lasting(format!(
            "cannot read our certificate {} and key {}; give DER or PEM and PEM, or delete both and they are made anew",
            certificate.display(),
            own_key(settings).display()
        )));
    };
    if own.is_application_uri_valid(&settings.application_uri).is_err() {
        return Err(Trouble::lasting(format!(
            "application_uri {:?} is not in our certificate {}; write the one that is",
            settings.application_uri,
            certificate.display()
        )));
    }
    // The very certificate was compared in `trust`: what a name inside it says adds nothing.
    store.set_skip_verify_certs(true);
    Ok(store)
}

fn make_own(settings: &Settings) -> Result<(), Trouble> {
    let (certificate, key) = (own_certificate(settings), own_key(settings));
    if settings.certificate.is_some() || (certificate.exists() && key.exists()) {
        return Ok(());
    }
    let wrong =
        |problem: String| Trouble::lasting(format!("cannot make our certificate in {}: {problem}", settings.pki_dir.display()));
    let folder = settings.pki_dir.join("private");
    std::fs::create_dir_all(&folder).map_err(|error| wrong(error.to_string()))?;
    close_to_others(&folder, 0o700).map_err(|error| wrong(error.to_string()))?;
    let host = X509Data::computer_hostnames().into_iter().next().unwrap_or_else(|| "localhost".into());
    let data = X509Data {
        key_size: KEY_BITS,
        common_name: "Chergui".into(),
        organization: "Chergui".into(),
        organizational_unit: host,
        country: "MA".into(),
        state: "-".into(),
        alt_host_names: X509Data::alt_host_names(&settings.application_uri, None, false, true, false),
        certificate_duration_days: VALID_DAYS,
    };
    CertificateStore::create_certificate_and_key(&data, true, &certificate, &key).map_err(wrong)?;
    close_to_others(&key, 0o600).map_err(|error| wrong(error.to_string()))
}

#[cfg(unix)]
fn close_to_others(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn close_to_others(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// Checks that the server's certificate is one we trust, and lays it where the library looks.
fn trust(settings: &Settings, endpoint: &EndpointDescription) -> Result<(), Trouble> {
    let unreadable =
        || Trouble::lasting("the server's endpoint has no readable certificate; security needs one, give it to the server");
    let theirs = X509::from_byte_string(&endpoint.server_certificate).map_err(|_| unreadable())?;
    let der = theirs.to_der().map_err(|_| unreadable())?;
    let name = CertificateStore::cert_file_name(&theirs);
    let (trusted, rejected) = (settings.pki_dir.join("trusted"), settings.pki_dir.join("rejected"));
    let write = |folder: &Path| {
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join(&name), &der))
            .map_err(|error| Trouble::lasting(format!("cannot write {}: {error}", folder.join(&name).display())))
    };
    let is_it =
        |path: &Path| CertificateStore::read_cert(path).ok().and_then(|held| held.to_der().ok()).is_some_and(|held| held == der);
    for path in &settings.trusted {
        if !path.exists() {
            return Err(Trouble::lasting(format!("trusted: {} does not exist", path.display())));
        }
    }
    let in_folder = std::fs::read_dir(&trusted).into_iter().flatten().flatten().map(|entry| entry.path());
    if settings.trusted.iter().cloned().chain(in_folder).any(|path| is_it(&path)) {
        write(&trusted)?;
        // It lies there from the time before it was trusted, or not at all.
        drop(std::fs::remove_file(rejected.join(&name)));
        return Ok(());
    }
    write(&rejected)?;
    Err(Trouble::lasting(format!(
        "the server's certificate is not trusted: subject {:?}, thumbprint {}. Compare the thumbprint with the server's, then move {} to {}",
        theirs.subject_name(),
        theirs.thumbprint().as_hex_string(),
        rejected.join(&name).display(),
        trusted.display()
    )))
}

/// Who we sign in as.
pub(super) fn user(settings: &Settings) -> Result<IdentityToken, Trouble> {
    if let (Some(name), Some(password)) = (&settings.username, &settings.password) {
        return Ok(IdentityToken::new_user_name(name.clone(), password.reveal()));
    }
    if let (Some(certificate), Some(key)) = (&settings.user_certificate, &settings.user_key) {
        return IdentityToken::new_x509_path(certificate, key)
            .map_err(|error| Trouble::lasting(format!("user_certificate and user_key: {error}")));
    }
    Ok(IdentityToken::Anonymous)
}

/// Our policy in the library's words.
pub(super) const fn policy(policy: Policy) -> opcua::crypto::SecurityPolicy {
    use opcua::crypto::SecurityPolicy as Theirs;
    match policy {
        Policy::None => Theirs::None,
        Policy::Basic256Sha256 => Theirs::Basic256Sha256,
        Policy::Aes128Sha256RsaOaep => Theirs::Aes128Sha256RsaOaep,
        Policy::Aes256Sha256RsaPss => Theirs::Aes256Sha256RsaPss,
    }
}
