//! HTTP as a release needs it: every request has an end, what is lost on the way is sent again, and bodies stream.
//!
//! A request may be sent twice, so a caller that changes something says what it expects to find.

use crate::process::Interrupt;
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use ureq::http;
use ureq::{Agent, SendBody};

/// How long to wait and how often to try.
#[derive(Clone)]
pub struct Patience {
    pub attempts: u32,
    /// Before the second attempt; it doubles for each further one.
    pub first_pause: Duration,
    /// Between two bytes of a body, or for the beginning of an answer.
    pub silence: Duration,
    /// One attempt, from its first byte to its last; what is sent adds to it.
    pub whole: Duration,
    /// Google takes one write a second to the same object name.
    pub between_writes: Duration,
    /// Ends every pause.
    pub interrupt: Interrupt,
}

/// How soon a signal is noticed.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Patience {
    pub fn new(interrupt: &Interrupt) -> Patience {
        Patience {
            attempts: 6,
            first_pause: Duration::from_millis(500),
            silence: Duration::from_secs(60),
            whole: Duration::from_secs(15 * 60),
            between_writes: Duration::from_millis(1100),
            interrupt: interrupt.clone(),
        }
    }

    /// Waits, unless a signal comes first.
    pub fn wait(&self, pause: Duration) -> Result<()> {
        let deadline = Instant::now() + pause;
        while Instant::now() < deadline {
            self.interrupt.check()?;
            let left = deadline.saturating_duration_since(Instant::now());
            thread::sleep(left.min(LOOK_AGAIN));
        }
        self.interrupt.check()
    }

    /// Doubling, and half of it by chance, so that two publishers do not meet again.
    fn pause(&self, attempt: u32) -> Duration {
        let most = self.first_pause * 2_u32.pow((attempt - 1).min(5));
        let chance = RandomState::new().hash_one(attempt) % 1000;
        most / 2 + most.mul_f64(chance as f64 / 2000.0)
    }
}

pub struct Client {
    agent: Agent,
    pub patience: Patience,
}

pub struct Request<'a> {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body<'a>,
}

#[derive(Clone, Copy)]
pub enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    /// A file between two texts, read as it is sent.
    File {
        before: &'a [u8],
        path: &'a Utf8Path,
        size: u64,
        after: &'a [u8],
        sent: &'a (dyn Fn(u64) + Sync),
    },
}

/// What came back. `body` is there for a success only; anything else leaves its text in `complaint`.
pub struct Answer<T> {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Option<T>,
    pub complaint: Vec<u8>,
    /// More than one: an earlier attempt may have reached the server, and its answer was lost.
    pub attempts: u32,
}

impl<T> Answer<T> {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Texts of the API are small; a page that is not is nobody's answer.
const LARGEST_TEXT: u64 = 64 << 20;
/// Bytes a second; whoever sends more slowly than that is cut off.
const SLOWEST: u64 = 16_000;
const LARGEST_COMPLAINT: u64 = 64 << 10;

impl Client {
    /// `url` is any of those that it will be used for: what is on this machine is not reached through a proxy.
    pub fn new(url: &str, patience: Patience) -> Client {
        let builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent("ballistics-xtask")
            .timeout_resolve(Some(Duration::from_secs(20)))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(patience.silence))
            .timeout_per_read(Some(patience.silence))
            .timeout_per_write(Some(patience.silence))
            .max_idle_connections(16)
            .max_idle_connections_per_host(16);
        let builder = match is_loopback(url) {
            true => builder.proxy(None),
            false => builder,
        };
        Client {
            agent: builder.build().new_agent(),
            patience,
        }
    }

    /// A small answer.
    pub fn text(&self, request: &Request) -> Result<Answer<Vec<u8>>> {
        self.send(request, &read_text)
    }

    /// `receive` starts anew for every attempt.
    pub fn send<T>(
        &self,
        request: &Request,
        receive: &dyn Fn(&mut dyn Read) -> io::Result<T>,
    ) -> Result<Answer<T>> {
        let mut attempts = 0;
        loop {
            self.patience.interrupt.check()?;
            attempts += 1;
            let last = attempts >= self.patience.attempts;
            match self.once_unless_interrupted(request, receive) {
                Ok(answer) if last || !is_transient(answer.status) => {
                    return Ok(Answer { attempts, ..answer })
                }
                Err(Lost::Final(error)) => return Err(error),
                Err(Lost::OnTheWay(error)) if last => {
                    let times = if attempts == 1 { "once" } else { "many times" };
                    return Err(error).with_context(|| {
                        format!(
                            "{} was asked {times} and did not answer",
                            place(&request.url)
                        )
                    });
                }
                Ok(_) | Err(Lost::OnTheWay(_)) => {
                    let pause = self.patience.pause(attempts);
                    self.patience.wait(pause)?;
                }
            }
        }
    }

    /// A signal ends it wherever it waits, by closing every connection of this client.
    fn once_unless_interrupted<T>(
        &self,
        request: &Request,
        receive: &dyn Fn(&mut dyn Read) -> io::Result<T>,
    ) -> Result<Answer<T>, Lost> {
        let (done, over) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(LOOK_AGAIN) {
                    if self.patience.interrupt.signal().is_some() {
                        return self.agent.clone().shutdown();
                    }
                }
            });
            let answer = self.once(request, receive);
            drop(done);
            answer
        })
    }

    fn run(
        &self,
        message: http::Request<SendBody>,
        size: u64,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let whole = self.patience.whole + Duration::from_secs(size / SLOWEST);
        let message = self.agent.configure_request(message);
        self.agent.run(message.timeout_global(Some(whole)).build())
    }

    fn once<T>(
        &self,
        request: &Request,
        receive: &dyn Fn(&mut dyn Read) -> io::Result<T>,
    ) -> Result<Answer<T>, Lost> {
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let mut reader = request.body.reader().map_err(Lost::Final)?;
        let response = match request.body.size() {
            None => self.run(finish(builder, SendBody::none(), request)?, 0),
            Some(size) => {
                let builder = builder.header("content-length", size);
                let body = SendBody::from_reader(&mut *reader);
                self.run(finish(builder, body, request)?, size)
            }
        };
        let mut response = response.map_err(lost)?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut incoming = response.body_mut().as_reader();
        let mut answer = Answer {
            status,
            headers,
            body: None,
            complaint: Vec::new(),
            attempts: 0,
        };
        if (200..300).contains(&status) {
            answer.body = Some(receive(&mut incoming).map_err(|error| lost(error.into()))?);
        } else {
            let read = incoming
                .take(LARGEST_COMPLAINT)
                .read_to_end(&mut answer.complaint);
            // Of other complaints the status says enough; this one decides between an object and its bucket.
            if status == 404 {
                read.map_err(|error| lost(error.into()))?;
            }
        }
        Ok(answer)
    }
}

/// All of a small answer; of a large one nothing.
pub fn read_text(body: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    body.take(LARGEST_TEXT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST_TEXT {
        return Err(io::Error::other(
            "the answer is too large for what was asked",
        ));
    }
    Ok(text)
}

fn finish<'b>(
    builder: http::request::Builder,
    body: SendBody<'b>,
    request: &Request,
) -> Result<http::Request<SendBody<'b>>, Lost> {
    let message = builder
        .body(body)
        .with_context(|| format!("{} is no URL", place(&request.url)));
    message.map_err(Lost::Final)
}

impl<'a> Body<'a> {
    fn size(&self) -> Option<u64> {
        match self {
            Body::None => None,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::File {
                before,
                size,
                after,
                ..
            } => Some((before.len() + after.len()) as u64 + size),
        }
    }

    fn reader(&self) -> Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Body::None => Box::new(io::empty()),
            Body::Bytes(bytes) => Box::new(*bytes),
            Body::File {
                before,
                path,
                size,
                after,
                sent,
            } => {
                let file = File::open(path).with_context(|| format!("reading {path}"))?;
                let counted = Counted {
                    file: file.take(*size),
                    sent: *sent,
                };
                Box::new(before.chain(counted).chain(*after))
            }
        })
    }
}

struct Counted<'a> {
    file: io::Take<File>,
    sent: &'a (dyn Fn(u64) + Sync),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.file.read(buffer)?;
        (self.sent)(size as u64);
        Ok(size)
    }
}

enum Lost {
    /// The network's fault, or the server's: worth another attempt.
    OnTheWay(anyhow::Error),
    Final(anyhow::Error),
}

fn lost(error: ureq::Error) -> Lost {
    use ureq::Error::*;
    match error {
        Io(_) | Timeout(_) | HostNotFound | ConnectionFailed | Protocol(_) => {
            Lost::OnTheWay(error.into())
        }
        _ => Lost::Final(error.into()),
    }
}

fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// The host, for people; never the query, which may say too much.
fn place(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

pub fn host(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    uri.host().map(String::from)
}

pub fn is_loopback(url: &str) -> bool {
    let host = host(url).unwrap_or_default();
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Secrets travel over TLS, or do not leave this machine.
pub fn require_private(url: &str, what: &str) -> Result<()> {
    if url.starts_with("https://") || is_loopback(url) {
        return Ok(());
    }
    bail!(
        "{what} names {}, which is not https; a secret is not sent there",
        place(url)
    )
}
