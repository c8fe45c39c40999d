//! An HTTP server that lies on demand: cut bodies, wrong lengths, drips, redirects. It is written on `TcpListener`, because
//! a server made to be right (tiny_http and its like) refuses to send half of what it promised.

use crate::store::Files;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// What goes wrong with one file of the store.
#[derive(Clone, Debug)]
pub enum Fault {
    Missing,
    /// 503, and only the first time.
    BusyOnce,
    /// 503, always.
    Busy,
    /// The whole length is promised, half of the bytes come.
    Cut,
    /// Half of the bytes come, the first time.
    CutOnce,
    Flip,
    Html,
    Empty,
    /// A byte now and then.
    Drip,
    RedirectAbsolute,
    RedirectRelative,
    /// Other bytes than the store has.
    Body(Vec<u8>),
}

/// Called with the number of each request before it is answered.
pub type Hook = Box<dyn FnMut(usize) + Send>;

/// What one case is served, and what became of it.
pub struct Shelf {
    pub files: Files,
    pub faults: Vec<(String, Fault)>,
    pub injected: AtomicUsize,
    pub asked: Mutex<Vec<String>>,
    pub hook: Mutex<Option<Hook>>,
}

pub struct Server {
    pub port: u16,
    shelves: Mutex<HashMap<String, Arc<Shelf>>>,
}

impl Server {
    /// The one server of this process; it ends with it.
    pub fn get() -> &'static Server {
        static SERVER: OnceLock<&'static Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
            let port = listener.local_addr().expect("it is bound").port();
            let server: &'static Server = Box::leak(Box::new(Server {
                port,
                shelves: Mutex::default(),
            }));
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    std::thread::spawn(move || server.answer(stream));
                }
            });
            server
        })
    }

    pub fn serve(&self, name: &str, shelf: Arc<Shelf>) {
        self.shelves
            .lock()
            .expect("no holder panics")
            .insert(name.into(), shelf);
    }

    pub fn forget(&self, name: &str) {
        self.shelves.lock().expect("no holder panics").remove(name);
    }

    /// A client that hangs up is no error of ours: several of the faults make it.
    fn answer(&self, stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        if let Some(target) = read_target(&stream) {
            let path = target.split('?').next().unwrap_or_default();
            let mut parts = path.trim_start_matches('/').splitn(2, '/');
            let name = parts.next().unwrap_or_default();
            let file = parts.next().unwrap_or_default();
            let shelf = self
                .shelves
                .lock()
                .expect("no holder panics")
                .get(name)
                .cloned();
            let _ = match shelf {
                Some(shelf) => shelf.answer(&stream, self.port, name, file, &target),
                None => send(&stream, "404 Not Found", b"no such shelf", 13),
            };
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

impl Shelf {
    fn answer(
        &self,
        stream: &TcpStream,
        port: u16,
        name: &str,
        file: &str,
        target: &str,
    ) -> std::io::Result<()> {
        let count = {
            let mut asked = self.asked.lock().expect("no holder panics");
            asked.push(target.to_string());
            asked.len()
        };
        if let Some(hook) = self.hook.lock().expect("no holder panics").as_mut() {
            hook(count);
        }
        // The target of a redirect is the file as it is.
        let (file, direct) = match file.strip_prefix("direct/") {
            Some(file) => (file, true),
            None => (file, false),
        };
        let fault = self
            .faults
            .iter()
            .find(|(which, _)| !direct && which == file)
            .map(|(_, fault)| fault);
        let bytes = self.files.get(file);
        let Some(fault) = fault else {
            return match bytes {
                Some(bytes) => send(stream, "200 OK", bytes, bytes.len()),
                None => send(stream, "404 Not Found", b"not here", 8),
            };
        };
        let bytes = bytes.cloned().unwrap_or_default();
        let before = self.injected.fetch_add(1, Ordering::SeqCst);
        match fault {
            Fault::Missing => send(stream, "404 Not Found", b"not here", 8),
            Fault::BusyOnce | Fault::CutOnce if before > 0 => {
                send(stream, "200 OK", &bytes, bytes.len())
            }
            Fault::BusyOnce | Fault::Busy => send(stream, "503 Service Unavailable", b"later", 5),
            Fault::Cut | Fault::CutOnce => {
                send(stream, "200 OK", &bytes[..bytes.len() / 2], bytes.len())
            }
            Fault::Flip => {
                let mut bytes = bytes;
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                send(stream, "200 OK", &bytes, bytes.len())
            }
            Fault::Html => {
                let page = b"<!DOCTYPE html>\n<html><title>Sign in</title></html>\n";
                send(stream, "200 OK", page, page.len())
            }
            Fault::Empty => send(stream, "200 OK", b"", 0),
            Fault::Drip => drip(stream, &bytes),
            Fault::RedirectAbsolute => redirect(
                stream,
                &format!("http://127.0.0.1:{port}/{name}/direct/{file}"),
            ),
            Fault::RedirectRelative => redirect(stream, &format!("/{name}/direct/{file}")),
            Fault::Body(bytes) => send(stream, "200 OK", bytes, bytes.len()),
        }
    }
}

fn read_target(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    for line in lines {
        if line.ok()?.is_empty() {
            break;
        }
    }
    first.split(' ').nth(1).map(str::to_string)
}

fn send(mut stream: &TcpStream, status: &str, body: &[u8], length: usize) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

fn redirect(mut stream: &TcpStream, location: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}

/// Waits for the client's hanging up between two bytes: slow, and over as soon as nobody listens.
fn drip(mut stream: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    send(stream, "200 OK", b"", bytes.len())?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    for byte in bytes {
        stream.write_all(&[*byte])?;
        if matches!(stream.read(&mut [0]), Ok(0)) {
            break;
        }
    }
    Ok(())
}
