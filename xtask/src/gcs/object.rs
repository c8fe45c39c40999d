//! One object on its way into a bucket: its bytes, what is compared of them, and the multipart body that carries them.

use super::{Resource, SHA256};
use crate::store::{headers_of, Generation};
use crate::words::{Fingerprint, ObjectName};
use camino::Utf8Path;
use serde_json::json;
use std::collections::BTreeMap;

/// What was sent has arrived.
pub fn arrived_as(here: &Fingerprint, there: &Resource) -> bool {
    there.crc32c.as_ref() == Some(&here.crc32c)
        && there.size.as_ref() == Some(&here.size.to_string())
}

/// The same bytes, as far as it can be known without reading them: what another tool has put there may be the same and does not say so.
pub fn is_of(here: &Fingerprint, there: &Resource) -> bool {
    let said = there.metadata.get(SHA256);
    arrived_as(here, there) && said.is_some_and(|said| said == here.sha256.as_str())
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
