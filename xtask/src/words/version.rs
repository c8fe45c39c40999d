//! A release's version: semantic versioning without build metadata, since it becomes part of file names and URLs.

use anyhow::{bail, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(semver::Version);

impl Version {
    pub fn parse(text: &str) -> Result<Version> {
        let remedy = "write it as MAJOR.MINOR.PATCH, as in 0.14.0 or 0.15.0-rc.1";
        let Ok(version) = semver::Version::parse(text) else {
            let hint = match text.strip_prefix('v') {
                Some(rest) if semver::Version::parse(rest).is_ok() => {
                    format!("the tag is {text}, the version is {rest}")
                }
                _ => remedy.to_string(),
            };
            bail!("`{}` is no version; {hint}", text.escape_debug());
        };
        if !version.build.is_empty() {
            bail!("version `{text}` has build metadata (`+{}`), which a file name and a URL cannot carry; {remedy}", version.build);
        }
        Ok(Version(version))
    }

    pub fn tag(&self) -> String {
        format!("v{self}")
    }

    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// True when a toolchain of this version satisfies a `rust-version`.
    pub fn at_least(&self, minimum: &Version) -> bool {
        (self.0.major, self.0.minor, self.0.patch)
            >= (minimum.0.major, minimum.0.minor, minimum.0.patch)
    }

    /// Cargo allows `rust-version = "1.63"`: the missing parts are zero.
    pub fn parse_rust_version(text: &str) -> Result<Version> {
        let dots = text.matches('.').count();
        Version::parse(&format!(
            "{text}{}",
            ".0".repeat(2_usize.saturating_sub(dots))
        ))
    }
}

impl TryFrom<String> for Version {
    type Error = anyhow::Error;
    fn try_from(text: String) -> Result<Version> {
        Version::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_versions_are_refused_with_the_way_out() {
        for text in [
            "v0.14.0",
            "0.14",
            "",
            "../x",
            "0.14.0;id",
            "0.14.0+b",
            " 0.14.0",
            "0.14.0\n",
        ] {
            let error = Version::parse(text).unwrap_err().to_string();
            assert!(error.contains("0.14.0"), "{text:?}: {error}");
        }
        let error = Version::parse("v0.14.0").unwrap_err().to_string();
        assert_eq!(
            error,
            "`v0.14.0` is no version; the tag is v0.14.0, the version is 0.14.0"
        );
    }

    #[test]
    fn a_prerelease_sorts_below_its_release() {
        let rc = Version::parse("0.15.0-rc.1").unwrap();
        assert!(rc.is_prerelease());
        assert!(rc < Version::parse("0.15.0").unwrap());
        assert!(Version::parse("0.9.0").unwrap() < Version::parse("0.10.0").unwrap());
    }

    #[test]
    fn a_rust_version_may_lack_its_patch() {
        let minimum = Version::parse_rust_version("1.63").unwrap();
        assert!(Version::parse("1.63.0").unwrap().at_least(&minimum));
        assert!(Version::parse("1.95.0-nightly").unwrap().at_least(&minimum));
        assert!(!Version::parse("1.62.1").unwrap().at_least(&minimum));
    }
}
