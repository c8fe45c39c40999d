//! A published store as its readers see it: over HTTP, without a login.

use super::http::{read_text, Body, Client, Patience, Request};
use crate::words::{Digest, ObjectName};
use anyhow::{bail, Result};
use std::io::Read;

pub struct Web {
    base_url: String,
    client: Client,
}

/// What a reader finds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Something,
    Nothing,
    /// It may not be read, whether it is there or not.
    Closed,
}

impl Web {
    pub fn new(base_url: &str, patience: Patience) -> Web {
        Web {
            base_url: base_url.trim_end_matches('/').to_string(),
            client: Client::new(base_url, patience),
        }
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn read(&self, name: &ObjectName) -> Result<Option<Vec<u8>>> {
        self.get(name, &read_text)
    }

    /// Where nothing was published yet, and a bucket may still be closed.
    pub fn look(&self, name: &ObjectName) -> Result<Found> {
        let answer = self.client.send(&self.request(name), &read_text)?;
        match (answer.status, answer.body) {
            (_, Some(_)) => Ok(Found::Something),
            (404 | 410, _) => Ok(Found::Nothing),
            (401 | 403, _) => Ok(Found::Closed),
            (status, _) => bail!("{}/{name} answers {status}", self.base_url),
        }
    }

    pub fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        let digest = self.get(name, &|body| Digest::of_reader(body))?;
        Ok(digest.map(|(digest, _)| digest))
    }

    fn request(&self, name: &ObjectName) -> Request<'static> {
        Request {
            method: "GET",
            // Whoever stands between is asked not to answer from memory.
            headers: vec![("cache-control", "no-cache".into())],
            url: format!("{}/{name}", self.base_url),
            body: Body::None,
        }
    }

    fn get<T>(
        &self,
        name: &ObjectName,
        receive: &dyn Fn(&mut dyn Read) -> std::io::Result<T>,
    ) -> Result<Option<T>> {
        let request = self.request(name);
        let answer = self.client.send(&request, receive)?;
        match (answer.status, answer.body) {
            (_, Some(body)) => Ok(Some(body)),
            (404 | 410, _) => Ok(None),
            (401 | 403, _) => bail!(
                "{} is not public (the answer is {}); let everybody read the bucket, docs/publishing.md says how",
                request.url, answer.status
            ),
            (300..=399, _) => bail!(
                "{} sends its readers elsewhere (the answer is {}); set `base_url` under [publish] to where the files are",
                request.url, answer.status
            ),
            (status, _) => bail!("{} answers {status}", request.url),
        }
    }
}
