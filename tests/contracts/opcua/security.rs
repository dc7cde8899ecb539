//! Certificates and users.
//!
//! In: a server that wants both. Out: a failure when an unknown server is trusted, or an error does not say what to do.

use super::super::drive::Drive;
use super::plant::{Plant, T, enough, right_points, settings};
use connectors::live::{Link, Protocol};
use connectors::opcua::Settings;
use engine::domain::Timestamp;
use serde_json::json;

fn link() -> Link {
    Link::new("opcua", Timestamp::now)
}

async fn refused(settings: &Settings) -> String {
    settings.probe(&right_points(), &link()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn trust_is_given_by_hand_on_both_sides() {
    let folder = tempfile::TempDir::new().unwrap();
    let server = folder.path().join("server");
    let Some(mut plant) = Plant::start(&["--secure", server.to_str().unwrap(), "--user", "chergui:right"]) else { return };
    let pki = folder.path().join("pki");
    let port = plant.port;
    let ours = |more: &str| settings(port, &format!("pki_dir = {:?}\n{more}", pki));
    // What the server does not offer is answered with what it offers.
    let anonymous = refused(&ours("")).await;
    assert!(anonymous.contains("Basic256Sha256 SignAndEncrypt (username)") && anonymous.contains("Anonymous"), "{anonymous}");
    assert!(!pki.exists(), "without security nothing is written");
    let user = "username = \"chergui\"\npassword = \"right\"\nsecurity_policy = \"Basic256Sha256\"\n";
    // Theirs to us.
    let unknown = refused(&ours(user)).await;
    assert!(unknown.contains("not trusted") && unknown.contains("thumbprint") && unknown.contains("rejected"), "{unknown}");
    let again = refused(&ours(user)).await;
    assert!(again.contains("not trusted"), "asked twice, still not trusted: {again}");
    let trusting = format!("{user}trusted = [{:?}]\n", server.join("server.der"));
    // Ours to them.
    let untrusted = refused(&ours(&trusting)).await;
    assert!(untrusted.contains("own/cert.der") && untrusted.contains("trusted"), "{untrusted}");
    std::fs::copy(pki.join("own/cert.der"), server.join("clients/chergui.der")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(pki.join("private/private.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "the key is ours alone");
    }
    let wrong = refused(&ours(&trusting.replace("right", "wrong"))).await;
    assert!(wrong.contains("username and password") && !wrong.contains("\"wrong\""), "{wrong}");
    let probe = ours(&trusting).probe(&right_points(), &link()).await.unwrap();
    assert!(probe.peer.contains("Plant server"), "{probe:?}");
    plant.write(&[json!({"node": "ActivePower", "value": 5.0, "time": T})]);
    let policies = ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"];
    for policy in policies {
        let secured = ours(&trusting.replace("Basic256Sha256", policy));
        let mut drive = Drive::open(&secured, &right_points());
        let arrived = drive.until(enough(), |drive| drive.kept.series("t01", "active_power") == [(T, 5.0)]).await;
        assert!(arrived, "{policy}: {:?}", drive.link.status());
        drive.close().await;
    }
    let signed = ours(&format!("{trusting}security_mode = \"Sign\"\n"));
    let mut drive = Drive::open(&signed, &right_points());
    assert!(drive.until(enough(), |drive| !drive.kept.values.is_empty()).await, "{:?}", drive.link.status());
    // A running source says so with an error, after a few tries.
    let mut drive = Drive::open(&ours(&trusting.replace("right", "wrong")), &right_points());
    let error = loop {
        if let Err(error) = drive.step().await {
            break error.to_string();
        }
    };
    assert!(error.contains("username and password"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let settings = settings(super::super::peer::free_port(), "timeout_s = 2");
    let error = refused(&settings).await;
    assert!(error.contains("127.0.0.1") && error.contains("nothing listens there; check host and port"), "{error}");
}
