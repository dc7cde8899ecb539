//! A small HTTP server for tests: answers as told, remembers what it was asked.
//!
//! In: a function from request to answer. Out: an address on loopback. Not here: anything a real server needs.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Method and path.
    pub(super) head: String,
    /// Lower-case, one per line.
    pub(super) headers: String,
    pub(super) body: String,
}

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) gzip: bool,
    pub(super) body: Vec<u8>,
    /// Bytes after which the connection breaks.
    pub(super) breaks: Option<usize>,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, gzip: false, body: body.into(), breaks: None }
    }
}

#[derive(Debug)]
pub(super) struct Loopback {
    pub(super) url: String,
    pub(super) requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

impl Loopback {
    pub(super) fn serve(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let stop: Arc<AtomicBool> = Arc::default();
        let (held, stopped) = (requests.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let Some(request) = read(&mut stream) else { continue };
                let reply = answer(&request);
                held.lock().unwrap().push(request);
                // A client that has gone away is its own test's matter.
                write(&mut stream, &reply).ok();
            }
        });
        Self { url, requests, stop }
    }

    pub(super) fn last(&self) -> Request {
        self.requests.lock().unwrap().last().unwrap().clone()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        TcpStream::connect(self.url.trim_start_matches("http://")).ok();
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut headers, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut head).ok().filter(|length| *length > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        let name = name.to_lowercase();
        if name == "content-length" {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&format!("{name}:{}\n", value.trim_end()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { head: head.trim().into(), headers, body: String::from_utf8(body).ok()? })
}

fn write(stream: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let body = match reply.gzip {
        false => reply.body.clone(),
        true => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            packer.write_all(&reply.body)?;
            packer.finish()?
        }
    };
    let encoding = if reply.gzip { "content-encoding: gzip\r\n" } else { "" };
    let (status, length) = (reply.status, body.len());
    write!(stream, "HTTP/1.1 {status} Told\r\ncontent-length: {length}\r\nconnection: close\r\n{encoding}\r\n")?;
    for chunk in body[..reply.breaks.unwrap_or(length)].chunks(1000) {
        stream.write_all(chunk)?;
        stream.flush()?;
    }
    Ok(())
}
