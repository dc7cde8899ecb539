//! What a broker or the line has against us, in words that say what to do.
//!
//! In: CONNACK codes, errors of the system, of TLS and of the client. Out: a [`Trouble`]. Not here: how often it is tried again.

use super::broker::Trouble;
use std::io;
use tokio_rustls::rustls;

const OURS_REFUSED: &str = "it wants a certificate of ours that its authority signed; set tls.certificate and tls.key";

/// A CONNACK that is no welcome (MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2), by the name of its code.
pub(super) fn connack(code: &str) -> Trouble {
    let remedy = match code {
        "BadUserNamePassword" => "bad user name or password; correct username and password",
        "NotAuthorized" => "not authorised; correct username and password, or let the broker admit this client",
        "BadClientId" | "ClientIdentifierNotValid" => "the client id is refused; set client_id to one the broker admits",
        "RefusedProtocolVersion" | "UnsupportedProtocolVersion" => {
            "the broker does not speak this version; set version = \"3.1.1\" (or \"5\")"
        }
        "Banned" => "this client is banned; ask who runs the broker",
        "BadAuthenticationMethod" => "the broker wants another way to sign in than a user name and a password",
        "UseAnotherServer" | "ServerMoved" => "the broker sends us to another one; set host to that",
        _ => return Trouble::Lost(format!("the broker refused the connection: {code}")),
    };
    Trouble::Refused(format!("the broker says {remedy} ({code})"))
}

/// An error of TCP or TLS.
pub(super) fn io(error: &io::Error) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let remedy = match inner {
        Some(rustls::Error::InvalidCertificate(cause)) => match cause {
            rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name; set tls.server_name to the name in it"
            }
            // A bad signature: an authority of the same name with another key.
            rustls::CertificateError::UnknownIssuer | rustls::CertificateError::BadSignature => {
                "its certificate comes from another authority; set tls.ca to the right one"
            }
            rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
                "its certificate has expired; renew it, or correct the clocks"
            }
            _ => "its certificate is not accepted",
        },
        Some(rustls::Error::AlertReceived(
            rustls::AlertDescription::CertificateRequired
            | rustls::AlertDescription::UnknownCA
            | rustls::AlertDescription::BadCertificate
            | rustls::AlertDescription::AccessDenied,
        )) => OURS_REFUSED,
        _ => return Trouble::Lost(error.to_string()),
    };
    Trouble::Refused(format!("{error}: {remedy}"))
}

/// Anything else the client found.
pub(super) fn state(text: &str) -> Trouble {
    // With TLS 1.3 a server refuses our certificate after it let us in.
    if text.contains("fatal alert")
        && ["CertificateRequired", "UnknownCA", "BadCertificate", "DecryptError"].iter().any(|alert| text.contains(alert))
    {
        return Trouble::Refused(format!("{text}: {OURS_REFUSED}"));
    }
    let remedy = if text.contains("SessionTakenOver") {
        "another client uses the same client id; set client_id to one that nobody else has"
    } else if text.contains("pingreq") {
        "the line is silent: no answer to a ping"
    } else if text.contains("PacketTooLarge") || text.contains("SizeLimitExceeded") || text.contains("maximum packet size") {
        "a message is larger than max_packet_bytes; raise it"
    } else if text.contains("timeout") {
        "no answer in time; is there an MQTT broker at this port?"
    } else if text.contains("closed by peer") {
        "the broker closed the connection; its log says why"
    } else {
        return Trouble::Lost(text.into());
    };
    Trouble::Lost(format!("{remedy} ({text})"))
}
