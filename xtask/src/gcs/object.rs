//! One object on its way into a bucket: its bytes, what is compared of them, and the multipart body that carries them.

use super::{Resource, SHA256};
use crate::store::{headers_of, Generation};
use crate::words::{Digest, ObjectName};
use anyhow::{Context, Result};
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use camino::Utf8Path;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

/// What is compared of bytes that are far away.
pub struct Fingerprint {
    pub size: u64,
    /// Google's own checksum of every object, as the API writes it. It finds accidents; whether two files are the same their SHA-256 tells.
    pub crc32c: String,
    pub sha256: Digest,
}

impl Fingerprint {
    pub fn of_file(path: &Utf8Path) -> Result<Fingerprint> {
        let file = File::open(path).with_context(|| format!("reading {path}"))?;
        Fingerprint::of_reader(file).with_context(|| format!("reading {path}"))
    }

    pub fn of_reader(reader: impl Read) -> Result<Fingerprint> {
        struct Both<R>(R, u32);
        impl<R: Read> Read for Both<R> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let size = self.0.read(buffer)?;
                self.1 = crc32c::crc32c_append(self.1, &buffer[..size]);
                Ok(size)
            }
        }
        let mut both = Both(reader, 0);
        let (sha256, size) = Digest::of_reader(&mut both)?;
        Ok(Fingerprint {
            size,
            crc32c: BASE64.encode(both.1.to_be_bytes()),
            sha256,
        })
    }

    /// What was sent has arrived.
    pub fn arrived_as(&self, there: &Resource) -> bool {
        there.crc32c.as_ref() == Some(&self.crc32c)
            && there.size.as_ref() == Some(&self.size.to_string())
    }

    /// The same bytes, as far as it can be known without reading them: what another tool has put there may be the same and does not say so.
    pub fn is_of(&self, there: &Resource) -> bool {
        let said = there.metadata.get(SHA256);
        self.arrived_as(there) && said.is_some_and(|said| said == self.sha256.as_str())
    }
}

/// One object on its way.
pub struct Upload<'a> {
    pub name: &'a ObjectName,
    pub expected: &'a Generation,
    pub metadata: BTreeMap<&'static str, String>,
    pub here: &'a Fingerprint,
    pub content: Content<'a>,
}

pub enum Content<'a> {
    File(&'a Utf8Path, &'a (dyn Fn(u64) + Sync)),
    Bytes(&'a [u8]),
}

impl Upload<'_> {
    /// The boundary of the multipart body, and what stands before and after the bytes.
    pub fn envelope(&self) -> (String, Vec<u8>, Vec<u8>) {
        let headers = headers_of(self.name);
        // No file holds its own hash.
        let boundary = format!("xtask-{}", self.here.sha256);
        let resource = json!({
            "name": self.name.as_str(), "contentType": headers.content_type, "cacheControl": headers.cache_control,
            "crc32c": self.here.crc32c, "metadata": self.metadata,
        });
        let before = format!(
            "--{boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{resource}\r\n--{boundary}\r\ncontent-type: {}\r\n\r\n",
            headers.content_type
        );
        let after = format!("\r\n--{boundary}--\r\n");
        (boundary, before.into_bytes(), after.into_bytes())
    }
}
