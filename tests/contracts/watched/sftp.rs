//! OpenSSH's server writes into the directory, its client sends: as a vendor's export would.
//!
//! In: `/usr/sbin/sshd` and `sftp`, where they are installed. Out: a failure when an upload is lost or read half. Not here: accounts and
//! chroots, which need a system's administrator (docs/connectors/files.md).

use super::super::drive::Drive;
use super::super::peer::free_port;
use super::folder::{Folder, rows};
use super::{Done, SOON};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SSHD: &str = "/usr/sbin/sshd";

/// A server of its own on loopback; stopped by its process id.
struct Sshd {
    process: Child,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        self.process.wait().unwrap();
    }
}

fn is_there() -> bool {
    let found = Path::new(SSHD).exists() && Command::new("sftp").arg("-h").stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{SSHD} or sftp is missing; install openssh-server and openssh-client");
    if !found {
        eprintln!("skipped: {SSHD} or sftp is missing; install openssh-server and openssh-client");
    }
    found
}

fn key(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
}

fn start(root: &Path) -> Sshd {
    let (host, own) = (root.join("host_key"), root.join("own_key"));
    key(&host);
    key(&own);
    std::fs::copy(root.join("own_key.pub"), root.join("authorized_keys")).unwrap();
    let port = free_port();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\nForceCommand internal-sftp\n",
        host.display(),
        root.join("authorized_keys").display()
    );
    std::fs::write(root.join("sshd_config"), config).unwrap();
    // As root it wants its empty folder; it makes none itself.
    drop(std::fs::create_dir_all("/run/sshd"));
    let mut command = Command::new(SSHD);
    command.arg("-D").arg("-e").arg("-f").arg(root.join("sshd_config")).stderr(std::fs::File::create(root.join("log")).unwrap());
    let process = command.spawn().unwrap();
    let sshd = Sshd { process, port };
    let end = Instant::now() + SOON;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = || std::fs::read_to_string(root.join("log")).unwrap();
        assert!(Instant::now() < end, "sshd does not listen: {}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
    sshd
}

fn sftp(root: &Path, port: u16, batch: &str, limit_kbit: Option<u32>) -> Child {
    let name = format!("batch-{}", batch.len());
    std::fs::write(root.join(&name), batch).unwrap();
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let mut command = Command::new("sftp");
    command.args(["-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]);
    command.arg("-i").arg(root.join("own_key")).arg("-P").arg(port.to_string()).arg("-b").arg(root.join(name));
    if let Some(limit) = limit_kbit {
        command.arg("-l").arg(limit.to_string());
    }
    command.arg(format!("{}@127.0.0.1", user.trim())).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test]
async fn uploads_over_sftp_arrive_whole_also_when_one_is_cut_off() {
    if !is_there() {
        return;
    }
    let folder = Folder::new();
    let sshd = start(folder.root());
    let settings = folder.settings(Done::Move);
    let mut drive = Drive::open(&settings, &folder.points(&settings));
    let (text, mut expected) = rows("T 1", 0..20);
    let here = folder.root().join("a.csv");
    std::fs::write(&here, &text).unwrap();
    let to = folder.path("");
    // Written under its name, as a simple client does.
    let sent = sftp(folder.root(), sshd.port, &format!("put {} {}/a.csv\n", here.display(), to.display()), None).wait().unwrap();
    assert!(sent.success());
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await);
    // A slow upload that is cut off in the middle, then made again under a name for the way and renamed, as WinSCP does.
    let (text, more) = rows("T 2", 0..900);
    expected.extend(more);
    std::fs::write(&here, &text).unwrap();
    let mut slow = sftp(folder.root(), sshd.port, &format!("put {} {}/b.csv.filepart\n", here.display(), to.display()), Some(64));
    let end = Instant::now() + SOON;
    while !folder.path("b.csv.filepart").exists() {
        assert!(Instant::now() < end, "the upload does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    slow.kill().unwrap();
    slow.wait().unwrap();
    let batch = format!("put {} {to}/b.csv.filepart\nrename {to}/b.csv.filepart {to}/b.csv\n", here.display(), to = to.display());
    assert!(sftp(folder.root(), sshd.port, &batch, None).wait().unwrap().success());
    assert!(drive.until(SOON, |drive| drive.kept.values == expected).await, "{} of {}", drive.kept.values.len(), expected.len());
    assert!(drive.until(SOON, |_| folder.list("") == ["done"]).await);
    assert_eq!(drive.kept.arrivals, expected.len(), "no upload was read half and again");
}
