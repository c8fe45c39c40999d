//! A step of a release, with `--universal`: the two macOS binaries joined by Apple's `lipo` into one that runs on both machines.

use crate::dist::Dist;
use crate::object_file;
use crate::process::Timed;
use crate::words::{Artifact, Digest, Facts, NodeName, Platform, SourceKind, Version};
use anyhow::{bail, Context, Result};
use camino::Utf8Path;
use std::fs;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

/// Needs both binaries in `dist/`; one that was joined from the same two before is used again.
pub fn join(dist: &Dist, version: &Version) -> Result<Artifact> {
    let [x86_64, aarch64] = ["macos-x86_64", "macos-aarch64"]
        .map(|name| Platform::parse(name).expect("a known platform"));
    let (Some(first), Some(second)) = (dist.artifact(x86_64)?, dist.artifact(aarch64)?) else {
        bail!("--universal needs {x86_64} and {aarch64} of {version}, and one is missing; build both first");
    };
    let key =
        Digest::of(format!("lipo {} {}", first.artifact.sha256, second.artifact.sha256).as_bytes());
    if let Some(record) = dist
        .artifact(Platform::MACOS_UNIVERSAL)?
        .filter(|record| record.key.as_ref().is_none_or(|own| *own == key))
    {
        return Ok(record.artifact);
    }
    let file = dist.artifact_file(Platform::MACOS_UNIVERSAL);
    let partial = dist.partial(&file);
    let parts = [
        dist.path(&first.artifact.file),
        dist.path(&second.artifact.file),
    ];
    let arguments = lipo_arguments(&parts[0], &parts[1], &partial);
    let output = Timed::new("lipo", DEADLINE).args(arguments).run().context("--universal needs Apple's lipo; it comes with the command line tools (`xcode-select --install`)")?;
    if !output.status.success() {
        bail!(
            "lipo could not join {} and {}: {}",
            parts[0],
            parts[1],
            output.complaint()
        );
    }
    let bytes = fs::read(&partial).with_context(|| format!("lipo left no {partial}"))?;
    let linked = object_file::check(&bytes[..], Platform::MACOS_UNIVERSAL)
        .context("what lipo made will not do")?;
    let artifact = Artifact {
        platform: Platform::MACOS_UNIVERSAL,
        targets: [first.artifact.targets, second.artifact.targets].concat(),
        node: NodeName::parse("lipo")?,
        host: "local".into(),
        file,
        sha256: Digest::of(&bytes),
        size: bytes.len() as u64,
        floor: linked.floor(Platform::MACOS_UNIVERSAL, &Facts::default()),
        needed: linked.needed,
        symbol_versions: linked.symbol_versions,
        proven: first.artifact.proven && second.artifact.proven,

        source: SourceKind::Archive,
        facts: second.artifact.facts,
        seconds: 0.0,
    };
    dist.keep(&partial, key, artifact.clone())?;
    Ok(artifact)
}

/// Apple's `lipo`, and LLVM's.
pub fn lipo_arguments(first: &Utf8Path, second: &Utf8Path, output: &Utf8Path) -> [String; 5] {
    [
        "-create",
        first.as_str(),
        second.as_str(),
        "-output",
        output.as_str(),
    ]
    .map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lipo_gets_both_files_and_the_output() {
        let arguments = lipo_arguments("a".as_ref(), "b".as_ref(), "u".as_ref());
        assert_eq!(arguments, ["-create", "a", "b", "-output", "u"]);
    }
}
