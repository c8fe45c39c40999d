//! A bucket through the owner's own `gsutil`, for a login that lives there: the same objects, headers and preconditions.
//!
//! Every operation is one short command, or two. An upload is never resumable, so that it happens whole or not at all.

use super::object::is_of;
use super::{bucket_name, Access, Resource, SERIAL, SHA256};
use crate::files::fingerprint;
use crate::inventory::PublicReading;
use crate::process::{Interrupt, Output, Timed};
use crate::store::{changed_meanwhile, headers_of, Generation, Held, Object, Stat, Written};
use crate::words::{Digest, Fingerprint, ObjectName};
use anyhow::{bail, ensure, Context, Result};
use camino::Utf8Path;
use std::collections::BTreeMap;
use std::time::Duration;

pub struct Gsutil {
    /// `gs://name`
    location: String,
    public_url: String,
    emulated: bool,
    public: PublicReading,
    interrupt: Interrupt,
}

/// gsutil tries again by itself for up to ten minutes; a slow line needs the rest for a large file.
const DEADLINE: Duration = Duration::from_secs(30 * 60);
/// One request an upload, whatever the owner's own configuration says: larger than any program, and never in parts.
const ONE_REQUEST: [&str; 4] = [
    "-o",
    "GSUtil:resumable_threshold=4294967296",
    "-o",
    "GSUtil:parallel_composite_upload_threshold=0",
];

impl Gsutil {
    pub fn open(location: &str, access: &Access, endpoint: &str) -> Result<Gsutil> {
        Ok(Gsutil {
            public_url: format!("{endpoint}/{}", bucket_name(location)?),
            location: location.to_string(),
            emulated: endpoint != super::GOOGLE,
            public: access.public,
            interrupt: access.interrupt.clone(),
        })
    }

    pub fn location(&self) -> &str {
        &self.location
    }

    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    pub fn is_emulated(&self) -> bool {
        self.emulated
    }

    /// That there is a gsutil, and a bucket that it may list. Only a write would tell more.
    pub fn preflight(&self) -> Result<()> {
        let output = self.run(&["ls", "-d", &self.location])?;
        match output.status.success() {
            true => Ok(()),
            false => Err(self.refused("looking at the bucket", &output)),
        }
    }

    pub fn version(&self) -> Result<String> {
        Ok(self.run(&["version"])?.text())
    }

    pub fn read(&self, name: &ObjectName) -> Result<Option<Object>> {
        // Somebody may replace it between the two commands, but not again and again.
        for _ in 0..5 {
            let Some(there) = self.resource(name)? else {
                return Ok(None);
            };
            let url = format!("{}#{}", self.url(name), there.generation);
            let output = self.run(&["cat", &url])?;
            if output.status.success() {
                return Ok(Some(Object {
                    bytes: output.stdout,
                    generation: Generation::some(there.generation),
                }));
            }
            if !is_missing(&output) {
                return Err(self.refused(&format!("reading {name}"), &output));
            }
        }
        bail!(
            "{} changes faster than it can be read; run the same command again",
            self.url(name)
        )
    }

    pub fn stat(&self, name: &ObjectName, text: &[u8]) -> Result<Option<Stat>> {
        let here = Fingerprint::of(text);
        Ok(self.resource(name)?.map(|there| Stat {
            same: is_of(&here, &there),
            serial: there.serial(),
            generation: Generation::some(there.generation),
        }))
    }

    pub fn digest(&self, name: &ObjectName) -> Result<Option<Digest>> {
        let room = xshell::Shell::new()?.create_temp_dir()?;
        let room =
            Utf8Path::from_path(room.path()).context("the temp directory's name is not UTF-8")?;
        let path = room.join("object");
        match self.fetch(name, &path)? {
            true => Ok(Some(fingerprint(&path)?.sha256)),
            false => Ok(None),
        }
    }

    /// Into a file; false where there is no such object.
    pub fn fetch(&self, name: &ObjectName, path: &Utf8Path) -> Result<bool> {
        let output = self.run(&["-q", "cp", &self.url(name), path.as_str()])?;
        match output.status.success() {
            true => Ok(true),
            false if is_missing(&output) => Ok(false),
            false => Err(self.refused(&format!("reading {name}"), &output)),
        }
    }

    pub fn names(&self) -> Result<Vec<String>> {
        let output = self.run(&["ls", &format!("{}/**", self.location)])?;
        if !output.status.success() && !is_missing(&output) {
            return Err(self.refused("listing", &output));
        }
        let text = output.text();
        let prefix = format!("{}/", self.location);
        let names = text.lines().filter_map(|line| line.strip_prefix(&prefix));
        Ok(names.map(String::from).collect())
    }

    pub fn held(
        &self,
        prefix: &str,
        files: &[(ObjectName, Fingerprint)],
    ) -> Result<BTreeMap<ObjectName, Held>> {
        let resources = self.resources(&format!("{}/{prefix}*", self.location))?;
        let mut held = BTreeMap::new();
        for (name, here) in files {
            let there = resources.iter().find(|there| there.name == name.as_str());
            let Some(there) = there else { continue };
            let found = match is_of(here, there) {
                true => Held::Same,
                false => Held::Other(self.digest(name)?.with_context(|| {
                    format!(
                        "{} went away while it was looked at; run the same command again",
                        self.url(name)
                    )
                })?),
            };
            held.insert(name.clone(), found);
        }
        Ok(held)
    }

    /// `sent` hears of the bytes when all of them are there.
    pub fn create(
        &self,
        name: &ObjectName,
        path: &Utf8Path,
        here: &Fingerprint,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Written> {
        // gsutil reads the file itself, and compares nothing with what was checked.
        ensure!(fingerprint(path)? == *here, changed_meanwhile(path));
        let metadata = [(SHA256, here.sha256.to_string())];
        let written = self.upload(name, path, &Generation::NOTHING, &metadata)?;
        sent(here.size);
        Ok(written)
    }

    pub fn replace(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: &Generation,
        serial: u64,
    ) -> Result<Written> {
        let room = xshell::Shell::new()?.create_temp_dir()?;
        let room =
            Utf8Path::from_path(room.path()).context("the temp directory's name is not UTF-8")?;
        let path = room.join("object");
        std::fs::write(&path, bytes).with_context(|| format!("{path} cannot be written"))?;
        let metadata = [
            (SERIAL, serial.to_string()),
            (SHA256, Digest::of(bytes).to_string()),
        ];
        self.upload(name, &path, expected, &metadata)
    }

    fn upload(
        &self,
        name: &ObjectName,
        path: &Utf8Path,
        expected: &Generation,
        metadata: &[(&str, String)],
    ) -> Result<Written> {
        let headers = headers_of(name);
        let mut all = vec![
            format!("x-goog-if-generation-match:{}", expected.number()),
            format!("Content-Type:{}", headers.content_type),
            format!("Cache-Control:{}", headers.cache_control),
        ];
        all.extend(
            metadata
                .iter()
                .map(|(key, value)| format!("x-goog-meta-{key}:{value}")),
        );
        let url = self.url(name);
        let mut arguments = [&["-q"], &ONE_REQUEST[..]].concat();
        arguments.extend(all.iter().flat_map(|header| ["-h", header]));
        arguments.push("cp");
        if self.public == PublicReading::ObjectAcl {
            arguments.extend(["-a", "public-read"]);
        }
        arguments.extend([path.as_str(), &url]);
        let output = self.run(&arguments)?;
        if output.status.success() {
            return Ok(Written::Done);
        }
        // Also after an answer that was lost: the caller compares what is there.
        if output.complaint().contains("PreconditionException") {
            return Ok(Written::Refused);
        }
        Err(self.refused(&format!("writing {name}"), &output))
    }

    fn resource(&self, name: &ObjectName) -> Result<Option<Resource>> {
        Ok(self.resources(&self.url(name))?.into_iter().next())
    }

    fn resources(&self, url: &str) -> Result<Vec<Resource>> {
        let output = self.run(&["stat", url])?;
        if !output.status.success() && !is_missing(&output) {
            return Err(self.refused("asking about what is there", &output));
        }
        read_stats(&output.text(), &format!("{}/", self.location))
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.interrupt.check()?;
        let output = Timed::new("gsutil", DEADLINE)
            .args(arguments.iter().copied())
            .run_unless(|| {
                self.interrupt
                    .signal()
                    .is_some()
                    .then_some("stopped by the user")
            })
            .context("--via gsutil needs Google's gsutil (it comes with the Google Cloud SDK)")?;
        self.interrupt.check()?;
        Ok(output)
    }

    fn refused(&self, doing: &str, output: &Output) -> anyhow::Error {
        let complaint = output.complaint();
        let said = complaint
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("it gave no reason");
        anyhow::anyhow!(
            "{}: {doing}: gsutil says: {}; `gsutil version -l` shows its configuration, `gsutil config` or `gcloud auth login` its login",
            self.location,
            said.trim()
        )
    }

    fn url(&self, name: &ObjectName) -> String {
        format!("{}/{name}", self.location)
    }
}

/// gsutil has no exit code of its own for "there is no such object".
fn is_missing(output: &Output) -> bool {
    let complaint = output.complaint();
    ["No URLs matched", "matched no objects"]
        .iter()
        .any(|words| complaint.contains(words))
}

/// What `gsutil stat` prints: for each object its URL, then a key and a value a line.
fn read_stats(text: &str, prefix: &str) -> Result<Vec<Resource>> {
    let mut resources: Vec<Resource> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(prefix) {
            resources.push(Resource {
                name: name.trim_end().trim_end_matches(':').to_string(),
                ..Resource::default()
            });
            continue;
        }
        let (Some(resource), Some((key, value))) = (resources.last_mut(), line.split_once(':'))
        else {
            continue;
        };
        let value = value.trim().to_string();
        match key.trim() {
            "Generation" => resource.generation = value,
            "Hash (crc32c)" => resource.crc32c = Some(value),
            "Content-Length" => resource.size = Some(value),
            key @ (SERIAL | SHA256) => drop(resource.metadata.insert(key.to_string(), value)),
            _ => {}
        }
    }
    match resources
        .iter()
        .find(|resource| resource.generation.is_empty())
    {
        Some(resource) => bail!(
            "gsutil names no generation of {prefix}{}; is it a recent one?",
            resource.name
        ),
        None => Ok(resources),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gsutil_says_of_objects_is_read() {
        let text = "gs://releases/0.1.0/a:\n    Creation time:          Thu, 26 Nov 2026 00:33:30 GMT\n    Cache-Control:          no-cache, max-age=0\n    Content-Length:         6\n    Metadata:               \n        index-serial:       3\n        sha256:             abc\n    Hash (crc32c):          NT3Yvg==\n    Generation:             17956\n    Metageneration:         1\ngs://releases/0.1.0/b:\n    Content-Length:         0\n    Generation:             18\n";
        let read = read_stats(text, "gs://releases/").unwrap();
        let shown: Vec<_> = read
            .iter()
            .map(|there| {
                (
                    there.name.as_str(),
                    there.generation.as_str(),
                    there.serial(),
                )
            })
            .collect();
        assert_eq!(shown, [("0.1.0/a", "17956", 3), ("0.1.0/b", "18", 0)]);
        assert_eq!(read[0].size.as_deref(), Some("6"));
        assert_eq!(read[0].crc32c.as_deref(), Some("NT3Yvg=="));
        assert!(read_stats("gs://releases/a:\n", "gs://releases/").is_err());
    }
}
