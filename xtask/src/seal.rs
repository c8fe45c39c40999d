//! A step of a release: sidecars, signatures, `SHA256SUMS` and `release.json` in `dist/`, and the check that they still hold.

use crate::dist::Dist;
use crate::files::{remove_if_there, write_whole};
use crate::index::{sum_line, sums, Entry, Listed};
use crate::inventory::Project;
use crate::manifest::{Manifest, SourceRecord};
use crate::parallel::{self, in_parallel};
use crate::sign::Signer;
use crate::words::{Digest, Fingerprint, Platform, Version};
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

/// Writes what stands beside an artifact. One that is there and holds is left as it is.
pub fn seal_file(dist: &Dist, file: &str, sha256: &Digest, signer: Option<&Signer>) -> Result<()> {
    let sidecar = format!("{sha256}\n");
    let path = dist.path(&format!("{file}.sha256"));
    let is_sealed = fs::read(&path).ok().as_deref() == Some(sidecar.as_bytes());
    if !is_sealed {
        write_whole(&path, sidecar.as_bytes())?;
    }
    let path = dist.path(&format!("{file}.sha256.sig"));
    match (signer, fs::read(&path).ok()) {
        (None, None) => Ok(()),
        // The key may be elsewhere today; what it has signed is not published without it.
        (None, Some(_)) if is_sealed => Ok(()),
        (None, Some(_)) => remove_if_there(&path),
        (Some(signer), Some(old)) if signer.verifies(sha256, file, &old)? => Ok(()),
        (Some(signer), _) => write_whole(&path, &signer.sign(sha256, file)?),
    }
}

/// Seals everything that is built, then the two lists. Returns the number of artifacts.
pub fn seal_version(
    dist: &Dist,
    project: &Project,
    required: &BTreeSet<Platform>,
    signer: Option<&Signer>,
) -> Result<usize> {
    let source = dist
        .source()
        .context("nothing is built yet; `cargo xtask dist` builds")?;
    let artifacts = dist.artifacts();
    if artifacts.is_empty() {
        bail!(
            "{} holds no artifact; `cargo xtask dist` builds them",
            dist.directory()
        );
    }
    in_parallel(parallel::FILES, &artifacts, |artifact| {
        check_file(dist, &artifact.file, &artifact.sha256)
    })?;
    // One after the other: an agent may ask its user each time.
    for artifact in &artifacts {
        seal_file(dist, &artifact.file, &artifact.sha256, signer)?;
    }
    seal_file(dist, &source.file, &source.sha256, signer)?;
    let entry = entry(dist, &source, required, signer);
    let text = sums(&project.binary, &source.version, &entry, &source.file);
    write_whole(&dist.path("SHA256SUMS"), text.as_bytes())?;
    let manifest = manifest(dist, project, source, &entry);
    write_whole(&dist.path(Manifest::FILE), &manifest.to_bytes())?;
    Ok(artifacts.len())
}

/// What the index will say of this version.
pub fn entry(
    dist: &Dist,
    source: &SourceRecord,
    required: &BTreeSet<Platform>,
    signer: Option<&Signer>,
) -> Entry {
    let listed = dist.artifacts().into_iter().map(|artifact| {
        let listed = Listed {
            sha256: artifact.sha256,
            size: artifact.size,
            signed: signer.is_some(),
            floor: artifact.floor,
        };
        (artifact.platform, listed)
    });
    Entry {
        commit: Some(source.commit.clone()),
        source_sha256: Some(source.sha256.clone()),
        development: !source.tagged,
        promoted: false,
        promoted_at: None,
        yanked: false,
        required: required.clone(),
        platforms: listed.collect(),
    }
}

fn manifest(dist: &Dist, project: &Project, source: SourceRecord, entry: &Entry) -> Manifest {
    Manifest {
        schema: 1,
        project: project.package.to_string(),
        repository: project.repository.clone(),
        missing: entry.missing(),
        artifacts: dist.artifacts(),
        source,
    }
}

/// Re-checks every file of a version against its record, its sidecar and its signature. What was checked is returned: files and signatures.
pub fn check_version(
    dist: &Dist,
    version: &Version,
    signer: Option<&Signer>,
) -> Result<BTreeMap<String, Fingerprint>> {
    let source = dist.source().with_context(|| {
        format!(
            "{} has no record of {version}; `cargo xtask dist` builds it",
            dist.directory()
        )
    })?;
    let mut files = vec![(source.file, source.sha256)];
    files.extend(
        dist.artifacts()
            .into_iter()
            .map(|artifact| (artifact.file, artifact.sha256)),
    );
    let checked = in_parallel(parallel::FILES, &files, |(file, sha256)| {
        let mut checked = vec![(file.clone(), check_file(dist, file, sha256)?)];
        let sidecar = dist.path(&format!("{file}.sha256"));
        let text = fs::read_to_string(&sidecar)
            .with_context(|| format!("{sidecar} is missing; `cargo xtask checksum` writes it"))?;
        if text.trim_end() != sha256.as_str() {
            bail!(
                "{sidecar} says {}, and {file} is {sha256}; `cargo xtask checksum` writes it again",
                text.trim_end().escape_debug()
            );
        }
        if let Some(signer) = signer {
            let path = dist.path(&format!("{file}.sha256.sig"));
            let signature = fs::read(&path)
                .with_context(|| format!("{path} is missing; `cargo xtask checksum` writes it"))?;
            if !signer.verifies(sha256, file, &signature)? {
                bail!("{path} is no signature of {file} by one of `release_keys`; `cargo xtask checksum` writes it again");
            }
            checked.push((format!("{file}.sha256.sig"), Fingerprint::of(&signature)));
        }
        Ok(checked)
    })?;
    check_lists(dist, &files)?;
    Ok(checked.into_iter().flatten().collect())
}

/// The two lists say what is recorded. The source is the first of `files`, and the last of the list.
fn check_lists(dist: &Dist, files: &[(String, Digest)]) -> Result<()> {
    let (source, artifacts) = files.split_first().context("a version has a source")?;
    let expected: String = artifacts
        .iter()
        .chain([source])
        .map(|(file, sha256)| sum_line(sha256, file))
        .collect();
    let path = dist.path("SHA256SUMS");
    if read_list(&path)? != expected.as_bytes() {
        bail!("{path} does not say what is recorded; `cargo xtask checksum` writes it again");
    }
    let path = dist.path(Manifest::FILE);
    let manifest = Manifest::parse(&read_list(&path)?).ok();
    let agrees = |manifest: Manifest| {
        Some(manifest.source) == dist.source() && manifest.artifacts == dist.artifacts()
    };
    if !manifest.is_some_and(agrees) {
        bail!("{path} does not say what is recorded; `cargo xtask checksum` writes it again");
    }
    Ok(())
}

fn read_list(path: &Utf8Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{path} is missing; `cargo xtask checksum` writes it"))
}

fn check_file(dist: &Dist, file: &str, sha256: &Digest) -> Result<Fingerprint> {
    let path = dist.path(file);
    let opened = File::open(&path).with_context(|| {
        format!("{path} is recorded and missing; `cargo xtask dist` builds it again")
    })?;
    let now = Fingerprint::of_reader(opened).with_context(|| format!("reading {path}"))?;
    if now.sha256 != *sha256 {
        bail!("{path} was changed after it was built: recorded {sha256}, now {}; remove it, and `cargo xtask dist` builds it again", now.sha256);
    }
    Ok(now)
}
