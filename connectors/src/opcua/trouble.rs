//! What went wrong, in words with a remedy, and whether a person must act.
//!
//! In: statuses and errors of the client library. Out: [`Trouble`]. Not here: when to try again.

use super::{Mode, Settings};
use engine::source::SourceError;
use opcua::types::{Error, StatusCode};

/// Why there is no link, or none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// For people: what happened and what to do.
    pub(super) text: String,
    /// Trying again will hardly help.
    pub(super) must_act: bool,
}

impl Trouble {
    /// Time may heal it.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), must_act: false }
    }

    /// A person must act.
    pub(super) fn lasting(text: impl Into<String>) -> Self {
        Self { text: text.into(), must_act: true }
    }

    /// What the library said while `doing`.
    pub(super) fn of(settings: &Settings, doing: &str, error: &Error) -> Self {
        Self::explained(settings, doing, error.status(), &error.to_string())
    }

    /// A bare status while `doing`.
    pub(super) fn status(settings: &Settings, doing: &str, status: StatusCode) -> Self {
        let sub = status.sub_code();
        Self::explained(settings, doing, status, &format!("{}: {}", sub.name(), sub.description().trim()))
    }

    fn explained(settings: &Settings, doing: &str, status: StatusCode, said: &str) -> Self {
        match remedy(settings, StatusCode::from_category(status.sub_code())) {
            Some(remedy) => Self::lasting(format!("{doing}: {said}. {remedy}")),
            None => Self::passing(format!("{doing}: {said}")),
        }
    }

    /// As an error of the source.
    pub(super) fn error(self, peer: &str) -> SourceError {
        let place = peer.to_owned();
        if self.must_act {
            SourceError::Mapping { place, problem: self.text }
        } else {
            SourceError::Io { place, cause: std::io::Error::other(self.text) }
        }
    }
}

fn remedy(settings: &Settings, status: StatusCode) -> Option<String> {
    let is_secured = settings.mode() != Mode::None;
    Some(match status {
        StatusCode::BadSecurityChecksFailed
        | StatusCode::BadCertificateUntrusted
        | StatusCode::BadCertificateInvalid
        | StatusCode::BadCertificateUseNotAllowed
        | StatusCode::BadCertificateChainIncomplete
        | StatusCode::BadCertificateIssuerRevocationUnknown
            if is_secured =>
        {
            format!(
                "The server does not trust our certificate; move {} from its rejected to its trusted certificates",
                super::pki::own_certificate(settings).display()
            )
        }
        StatusCode::BadCertificateUriInvalid => {
            format!("application_uri {:?} must stand in our certificate; write the certificate's", settings.application_uri)
        }
        StatusCode::BadCertificateTimeInvalid | StatusCode::BadCertificateIssuerTimeInvalid => {
            "A certificate is not valid now; compare the clocks, or renew it".into()
        }
        StatusCode::BadIdentityTokenRejected | StatusCode::BadUserAccessDenied | StatusCode::BadUserSignatureInvalid => {
            "The server refuses the user; check username and password, and that the user may read".into()
        }
        StatusCode::BadIdentityTokenInvalid => {
            "The server does not take this kind of user; `chergui check-config --connect` lists what it takes".into()
        }
        StatusCode::BadSecurityPolicyRejected | StatusCode::BadSecurityModeRejected | StatusCode::BadSecurityModeInsufficient => {
            "The server does not offer this security; `chergui check-config --connect` lists what it offers".into()
        }
        _ => return None,
    })
}
