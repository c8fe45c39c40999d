//! One object on its way into a bucket: its bytes, what is compared of them, and the multipart body that carries them.

use super::Resource;
use crate::store::{headers_of, Generation};
use crate::words::{Digest, ObjectName};
use anyhow::{Context, Result};
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use camino::Utf8Path;
use md5::{Digest as _, Md5};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

/// What is compared of bytes that are far away.
pub struct Fingerprint {
    pub size: u64,
    /// As the API writes it.
    pub md5: String,
    pub sha256: Digest,
}

impl Fingerprint {
    pub fn of_file(path: &Utf8Path) -> Result<Fingerprint> {
        let file = File::open(path).with_context(|| format!("reading {path}"))?;
        Fingerprint::of_reader(file).with_context(|| format!("reading {path}"))
    }

    pub fn of_reader(reader: impl Read) -> Result<Fingerprint> {
        struct Both<R>(R, Md5);
        impl<R: Read> Read for Both<R> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let size = self.0.read(buffer)?;
                self.1.update(&buffer[..size]);
                Ok(size)
            }
        }
        let mut both = Both(reader, Md5::new());
        let (sha256, size) = Digest::of_reader(&mut both)?;
        Ok(Fingerprint {
            size,
            md5: BASE64.encode(both.1.finalize()),
            sha256,
        })
    }

    pub fn is_of(&self, there: &Resource) -> bool {
        there.md5_hash.as_ref() == Some(&self.md5)
            && there.size.as_ref() == Some(&self.size.to_string())
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
            "md5Hash": self.here.md5, "metadata": self.metadata,
        });
        let before = format!(
            "--{boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{resource}\r\n--{boundary}\r\ncontent-type: {}\r\n\r\n",
            headers.content_type
        );
        let after = format!("\r\n--{boundary}--\r\n");
        (boundary, before.into_bytes(), after.into_bytes())
    }
}
