//! A TCP connection to a peer, or why there is none and what to look at.
//!
//! In: host and port. Out: a stream that sends small frames at once. Not here: how long to wait, TLS, and trying again.

use std::io;
use tokio::net::TcpStream;

/// Connects, with Nagle's algorithm off: an acknowledgement must not wait for another.
///
/// # Errors
/// What the system said, of the same kind, with what to look at where that is known.
pub(crate) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await.map_err(explained)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn explained(error: io::Error) -> io::Error {
    let remedy = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there; check host and port, and that the service runs",
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "check host and port, and that no firewall stands between"
        }
        // The resolver's errors have no kind of their own.
        _ if error.to_string().contains("lookup") => "check the name of the host",
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}: {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::connect;
    use std::io::ErrorKind;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn who_cannot_be_reached_is_told_with_what_to_look_at() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(connect("127.0.0.1", port).await.unwrap().nodelay().unwrap());
        drop(listener);
        let refused = connect("127.0.0.1", port).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert!(
            refused.to_string().ends_with("nothing listens there; check host and port, and that the service runs"),
            "{refused}"
        );
        let unknown = connect("no-such-host.invalid", 1).await.unwrap_err().to_string();
        assert!(unknown.ends_with("check the name of the host"), "{unknown}");
    }
}
