//! A bucket of Google Cloud Storage, over its JSON API: the only file, with its folder, that speaks HTTP.
//!
//! Every write is one multipart request that carries the bytes, their CRC32C, their headers, and what it expects to find. So a write
//! happens whole or not at all, and sending it twice is harmless: the second one is refused, and what is there is compared.

mod credentials;
mod failure;
mod gsutil;
mod http;
mod object;
mod permissions;
mod web;

use crate::files::fingerprint;
use crate::inventory::PublicReading;
use crate::process::Interrupt;
use crate::store::{changed_meanwhile, Generation, Held, Object, Stat, Written};
use crate::words::{refuse, Digest, Fingerprint, ObjectName};
use anyhow::{bail, ensure, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use credentials::Credentials;
use failure::Refused;
pub use gsutil::Gsutil;
pub use http::Patience;
use http::{read_text, Answer, Body, Client, Request};
use object::{arrived_as, is_of, Content, Upload};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Mutex;
use std::time::Instant;
pub use web::{Found, Web};

pub struct Bucket {
    name: String,
    /// `gs://name`
    location: String,
    endpoint: String,
    public: PublicReading,
    client: Client,
    /// An emulator gets none that was not named for it.
    credentials: Option<Credentials>,
    /// When each object was last written: Google takes one write a second to a name.
    written: Mutex<BTreeMap<String, Instant>>,
}

/// How a bucket is reached.
#[derive(Clone)]
pub struct Access {
    pub public: PublicReading,
    pub token_file: Option<Utf8PathBuf>,
    pub via: Via,
    pub interrupt: Interrupt,
}

/// Who speaks to the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    #[default]
    Api,
    Gsutil,
}

const GOOGLE: &str = "https://storage.googleapis.com";
/// The serial of the index that a view was made from.
const SERIAL: &str = "index-serial";
const SHA256: &str = "sha256";

/// An object as the API describes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    generation: String,
    crc32c: Option<String>,
    size: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Bucket {
    pub fn open(location: &str, access: &Access) -> Result<Bucket> {
        let variable = |name: &str| std::env::var(name).ok();
        let (endpoint, patience) = (endpoint(), Patience::new(&access.interrupt));
        let bucket = Bucket::unauthorized(location, &endpoint, access.public, patience.clone())?;
        let token_file = access.token_file.as_deref();
        // A login that is found somewhere is for Google alone; one that is named goes where it is sent.
        if bucket.is_emulated() && token_file.is_none() {
            return Ok(bucket);
        }
        let credentials = Credentials::find(token_file, &variable, patience)?;
        Ok(bucket.with_login(credentials))
    }

    /// A bucket at a server of the test's own; without a token it is an emulator.
    #[cfg(test)]
    pub fn for_test(
        endpoint: &str,
        token: Option<&str>,
        public: PublicReading,
        patience: Patience,
    ) -> Result<Bucket> {
        let bucket = Bucket::unauthorized("gs://releases", endpoint, public, patience.clone())?;
        let Some(token) = token.map(String::from) else {
            return Ok(bucket);
        };
        let variable = |name: &str| (name == "GOOGLE_OAUTH_ACCESS_TOKEN").then(|| token.clone());
        Ok(bucket.with_login(Credentials::find(None, &variable, patience)?))
    }

    fn unauthorized(
        location: &str,
        endpoint: &str,
        public: PublicReading,
        patience: Patience,
    ) -> Result<Bucket> {
        Ok(Bucket {
            name: bucket_name(location)?,
            location: location.to_string(),
            endpoint: endpoint.to_string(),
            public,
            client: Client::new(endpoint, patience),
            credentials: None,
            written: Mutex::default(),
        })
    }

    fn with_login(self, credentials: Credentials) -> Bucket {
        Bucket {
            credentials: Some(credentials),
            ..self
        }
    }

    pub fn location(&self) -> &str {
        &self.location
    }

    /// Where its readers find it, without a domain of its own.
    pub fn public_url(&self) -> String {
        format!("{}/{}", self.endpoint, self.name)
    }

    pub fn is_emulated(&self) -> bool {
        self.endpoint != GOOGLE
    }

    /// Who writes, in words.
    pub fn login(&self) -> String {
        match &self.credentials {
            Some(credentials) => credentials.describe(),
            None => "none, as an emulator wants it (STORAGE_EMULATOR_HOST)".into(),
        }
    }

    /// The bytes, and the generation that they were read at.
    pub fn read(&self, name: &ObjectName) -> Result<Option<Object>> {
        let request = self.get(&format!("{}?alt=media", self.object(name)));
        let answer = self.send(&request, &read_text)?;
        let generation = answer.header("x-goog-generation").map(String::from);
        let Some(bytes) = self.found(answer, &format!("reading {name}"))? else {
            return Ok(None);
        };
        let generation = generation.context("the answer names no x-goog-generation")?;
        Ok(Some(Object {
            bytes,
            generation: Generation::some(generation),
        }))
    }

    pub fn stat(&self, name: &ObjectName, text: &[u8]) -> Result<Option<Stat>> {
        let resource = self.resource(name)?;
        let here = Fingerprint::of(text);
        Ok(resource.map(|resource| Stat {
            same: is_of(&here, &resource),
            serial: resource.serial(),
            generation: Generation::some(resource.generation),
        }))
    }

    /// Reads it all and keeps nothing.
    pub fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        let request = self.get(&format!("{}?alt=media", self.object(name)));
        let answer = self.send(&request, &|body| Digest::of_reader(body))?;
        let found = self.found(answer, &format!("reading {name}"))?;
        Ok(found.map(|(digest, _)| digest))
    }

    /// Into a file, from its beginning for every attempt.
    pub fn fetch(&self, name: &ObjectName, path: &Utf8Path) -> Result<bool> {
        let request = self.get(&format!("{}?alt=media", self.object(name)));
        let answer = self.send(&request, &|body| io::copy(body, &mut File::create(path)?))?;
        Ok(self.found(answer, &format!("reading {name}"))?.is_some())
    }

    pub fn names(&self) -> Result<Vec<String>> {
        let resources = self.resources("")?.into_iter();
        Ok(resources.map(|resource| resource.name).collect())
    }

    /// Which of these files the bucket has: one listing, Google's own checksum of what it stores, and what its publisher said of it.
    pub fn held(
        &self,
        prefix: &str,
        files: &[(ObjectName, Fingerprint)],
    ) -> Result<BTreeMap<ObjectName, Held>> {
        let mut held = BTreeMap::new();
        let resources = self.resources(prefix)?;
        for (name, here) in files {
            let there = resources.iter().find(|there| there.name == name.as_str());
            if let Some(there) = there {
                held.insert(name.clone(), self.compare(name, there, here)?);
            }
        }
        Ok(held)
    }

    fn compare(&self, name: &ObjectName, there: &Resource, here: &Fingerprint) -> Result<Held> {
        if is_of(here, there) {
            return Ok(Held::Same);
        }
        Ok(match self.digest(name)? {
            Some(digest) if digest == here.sha256 => Held::Same,
            Some(digest) => Held::Other(digest),
            None => bail!(
                "{}/{name} went away while it was read; run the same command again",
                self.location
            ),
        })
    }

    /// Creates an object from a file that had this fingerprint; `sent` is told how many bytes of it went out.
    pub fn create(
        &self,
        name: &ObjectName,
        path: &Utf8Path,
        here: &Fingerprint,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Written> {
        let metadata = BTreeMap::from([(SHA256, here.sha256.to_string())]);
        let upload = Upload {
            name,
            expected: &Generation::NOTHING,
            metadata,
            here,
            content: Content::File(path, sent),
        };
        let size = path
            .metadata()
            .with_context(|| format!("reading {path}"))?
            .len();
        ensure!(size == here.size, changed_meanwhile(path));
        // Should it have changed otherwise, the checksum that travels with it does not fit, and Google refuses it.
        self.upload(&upload)
            .or_else(|error| match fingerprint(path)? == *here {
                true => Err(error),
                false => bail!(changed_meanwhile(path)),
            })
    }

    pub fn replace(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: &Generation,
        serial: u64,
    ) -> Result<Written> {
        let here = Fingerprint::of(bytes);
        let metadata = BTreeMap::from([
            (SERIAL, serial.to_string()),
            (SHA256, here.sha256.to_string()),
        ]);
        let upload = Upload {
            name,
            expected,
            metadata,
            here: &here,
            content: Content::Bytes(bytes),
        };
        self.upload(&upload)
    }

    fn upload(&self, upload: &Upload) -> Result<Written> {
        let doing = format!("writing {}", upload.name);
        self.await_turn(upload.name)?;
        let (boundary, before, after) = upload.envelope();
        let acl = match self.public {
            PublicReading::BucketIam => "",
            PublicReading::ObjectAcl => "&predefinedAcl=publicRead",
        };
        let url = format!(
            "{}/upload/storage/v1/b/{}/o?uploadType=multipart&ifGenerationMatch={}{acl}",
            self.endpoint,
            self.name,
            upload.expected.number()
        );
        let joined;
        let body = match upload.content {
            Content::File(path, sent) => Body::File {
                before: &before,
                path,
                size: upload.here.size,
                after: &after,
                sent,
            },
            Content::Bytes(bytes) => {
                joined = [&before, bytes, &after].concat();
                Body::Bytes(&joined)
            }
        };
        let content_type = format!("multipart/related; boundary={boundary}");
        let request = Request {
            method: "POST",
            url,
            headers: vec![("content-type", content_type)],
            body,
        };
        let answer = self.send(&request, &read_text)?;
        if answer.status == 412 {
            // An earlier attempt may have written it, and its answer was lost.
            let mine = answer.attempts > 1 && self.holds(upload)?;
            return Ok(if mine {
                Written::Done
            } else {
                Written::Refused
            });
        }
        let body = answer
            .body
            .ok_or_else(|| self.refused(&doing, answer.status, &answer.complaint))?;
        let resource = Resource::parse(&body)?;
        ensure!(
            arrived_as(upload.here, &resource),
            "{}/{} does not hold what was sent; run the same command again, with --reclaim if the name is refused then",
            self.location,
            upload.name
        );
        Ok(Written::Done)
    }

    fn holds(&self, upload: &Upload) -> Result<bool> {
        let there = self.resource(upload.name)?;
        Ok(there.is_some_and(|there| {
            let said = |key: &str| there.metadata.get(key);
            arrived_as(upload.here, &there)
                && upload
                    .metadata
                    .iter()
                    .all(|(key, value)| said(key) == Some(value))
        }))
    }

    /// One write a second to a name.
    fn await_turn(&self, name: &ObjectName) -> Result<()> {
        let patience = &self.client.patience;
        let last = self.turns().get(name.as_str()).copied();
        if let Some(last) = last {
            let pause = patience.between_writes.saturating_sub(last.elapsed());
            patience.wait(pause)?;
        }
        self.turns().insert(name.to_string(), Instant::now());
        Ok(())
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Instant>> {
        self.written
            .lock()
            .expect("no thread panics while it holds the clock")
    }

    fn resource(&self, name: &ObjectName) -> Result<Option<Resource>> {
        let request = self.get(&self.object(name));
        let answer = self.send(&request, &read_text)?;
        let body = self.found(answer, &format!("asking about {name}"))?;
        body.map(|body| Resource::parse(&body)).transpose()
    }

    fn resources(&self, prefix: &str) -> Result<Vec<Resource>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            items: Vec<Resource>,
            next_page_token: Option<String>,
        }
        let mut all = Vec::new();
        let mut from = String::new();
        loop {
            let query = format!("o?prefix={}{from}", escape(prefix));
            let answer = self.send(&self.get(&self.api(&query)), &read_text)?;
            let body = answer
                .body
                .ok_or_else(|| self.refused("listing", answer.status, &answer.complaint))?;
            let page: Page =
                serde_json::from_slice(&body).context("a listing that does not read")?;
            all.extend(page.items);
            match page.next_page_token {
                Some(token) => from = format!("&pageToken={}", escape(&token)),
                None => return Ok(all),
            }
        }
    }

    /// The body of a success; `None` for an object that is not there. A bucket that is not there is an error.
    fn found<T>(&self, answer: Answer<T>, doing: &str) -> Result<Option<T>> {
        match answer.body {
            Some(body) => Ok(Some(body)),
            None if answer.status == 404 && !failure::is_of_bucket(&answer.complaint) => Ok(None),
            None => Err(self.refused(doing, answer.status, &answer.complaint)),
        }
    }

    fn refused(&self, doing: &str, status: u16, complaint: &[u8]) -> anyhow::Error {
        let refused = Refused {
            bucket: &self.name,
            doing,
            login: &self.login(),
        };
        refused.error(status, complaint)
    }

    fn api(&self, rest: &str) -> String {
        format!("{}/storage/v1/b/{}/{rest}", self.endpoint, self.name)
    }

    fn object(&self, name: &ObjectName) -> String {
        self.api(&format!("o/{}", escape(name.as_str())))
    }

    fn get(&self, url: &str) -> Request<'static> {
        Request {
            method: "GET",
            url: url.into(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    /// With the login; a token that is not accepted any more is renewed once.
    fn send<T>(
        &self,
        request: &Request,
        receive: &dyn Fn(&mut dyn Read) -> io::Result<T>,
    ) -> Result<Answer<T>> {
        let Some(credentials) = &self.credentials else {
            return self.client.send(request, receive);
        };
        let answer = self
            .client
            .send(&authorized(request, credentials)?, receive)?;
        if answer.status == 401 && credentials.forget() {
            return self
                .client
                .send(&authorized(request, credentials)?, receive);
        }
        Ok(answer)
    }
}

fn authorized<'a>(request: &Request<'a>, credentials: &Credentials) -> Result<Request<'a>> {
    let mut headers = request.headers.clone();
    headers.push(("authorization", credentials.bearer()?));
    Ok(Request {
        method: request.method,
        url: request.url.clone(),
        body: request.body,
        headers,
    })
}

impl Resource {
    fn parse(text: &[u8]) -> Result<Resource> {
        serde_json::from_slice(text).context("Google's answer does not describe an object")
    }

    fn serial(&self) -> u64 {
        let serial = self.metadata.get(SERIAL);
        serial.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// `gs://name` without a folder: readers' paths are made of a version and a file, nothing else.
fn bucket_name(location: &str) -> Result<String> {
    let name = location.strip_prefix("gs://").unwrap_or_default();
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if !(3..=222).contains(&name.len()) || !name.bytes().all(allowed) {
        let shown = location.escape_debug();
        return Err(refuse(format!(
            "store `{shown}` is no bucket; write gs://name, without a folder"
        )));
    }
    Ok(name.to_string())
}

/// Google's, or the emulator's that `STORAGE_EMULATOR_HOST` names.
pub fn endpoint() -> String {
    match std::env::var("STORAGE_EMULATOR_HOST") {
        Ok(host) if !host.is_empty() => with_scheme(&host),
        _ => GOOGLE.into(),
    }
}

/// Google's own tools want a scheme there; people leave it out.
fn with_scheme(host: &str) -> String {
    let host = host.trim_end_matches('/');
    match host.contains("://") {
        true => host.to_string(),
        false => format!("http://{host}"),
    }
}

/// Percent-encoded, `/` included.
fn escape(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests;
