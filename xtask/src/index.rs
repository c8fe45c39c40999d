//! `index.json`, the only truth of a store, and the views that are made from it. Values in, values out.

use crate::words::{artifact_file, Digest, Platform, ProgramName, Version};
use anyhow::{bail, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Grows by one with each change; a view says which one it was made from.
    pub serial: u64,
    pub latest: Option<Version>,
    /// Set by a rollback: no view names a version above it.
    pub hold: Option<Version>,
    /// Names that are being taken over: until that is done, nobody publishes other bytes under them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<Version, Claim>,
    pub versions: BTreeMap<Version, Entry>,
}

/// The bytes that a `--reclaim` is about to write over what a dead publish left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub source_sha256: Option<Digest>,
    pub platforms: BTreeMap<Platform, Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of a version that was imported neither commit nor source is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sha256: Option<Digest>,
    /// Made from a commit without the version's tag: a later source may take its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub development: bool,
    pub promoted: bool,
    /// The serial of the index that first did: a publish that was killed since may not have written its installer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_at: Option<u64>,
    pub yanked: bool,
    /// What has to be in before the version is promoted by itself.
    pub required: BTreeSet<Platform>,
    pub platforms: BTreeMap<Platform, Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub sha256: Digest,
    pub size: u64,
    pub signed: bool,
    pub floor: String,
}

/// Whether people get a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Offered,
    /// Only those who ask for it by name.
    Yanked,
    /// Nobody, until a rollback ends.
    Held,
    /// Nobody yet.
    Unpromoted,
}

impl Entry {
    fn promote(&mut self, serial: u64) {
        self.promoted = true;
        self.promoted_at.get_or_insert(serial);
    }

    /// From what it was made, for people.
    pub fn origin(&self) -> String {
        match (&self.commit, &self.source_sha256) {
            (Some(commit), Some(source)) => format!(
                "commit {} (source {})",
                commit.get(..12).unwrap_or(commit),
                source.short()
            ),
            _ => "an unknown source, before there was an index".into(),
        }
    }

    pub fn missing(&self) -> Vec<Platform> {
        self.required
            .iter()
            .filter(|platform| !self.platforms.contains_key(platform))
            .copied()
            .collect()
    }
}

impl Index {
    pub fn parse(text: &[u8]) -> Result<Index> {
        match serde_json::from_slice(text) {
            Ok(index) => Ok(index),
            Err(error) => bail!("index.json is damaged ({error}); restore it from a copy of the store, nothing was changed"),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = serde_json::to_string_pretty(self).expect("an index has only string keys");
        text.push('\n');
        text.into_bytes()
    }

    pub fn newest_signed(&self) -> Option<&Version> {
        let is_signed = |entry: &Entry| entry.platforms.values().any(|listed| listed.signed);
        let mut newest_first = self.versions.iter().rev();
        newest_first
            .find(|(_, entry)| is_signed(entry))
            .map(|(version, _)| version)
    }

    /// Says, before it is done, that names which nothing lists are taken over for the bytes of `entry`. Whoever read the index
    /// earlier has to read it again, and finds that here.
    pub fn claim(&mut self, version: &Version, entry: &Entry) {
        let listed = self.versions.get(version);
        let is_listed = |platform| listed.is_some_and(|it| it.platforms.contains_key(platform));
        let unlisted = entry
            .platforms
            .iter()
            .filter(|(platform, _)| !is_listed(platform))
            .map(|(platform, new)| (*platform, new.sha256.clone()));
        let mut platforms: BTreeMap<Platform, Digest> = unlisted.collect();
        if platforms.is_empty() {
            return;
        }
        if let Some(earlier) = self.claims.remove(version) {
            for (platform, sha256) in earlier.platforms {
                platforms.entry(platform).or_insert(sha256);
            }
        }
        let source_sha256 = entry.source_sha256.clone();
        let claim = Claim {
            source_sha256,
            platforms,
        };
        self.claims.insert(version.clone(), claim);
        self.changed();
    }

    fn check_claim(&self, version: &Version, entry: &Entry) -> Result<()> {
        let Some(claim) = self.claims.get(version) else {
            return Ok(());
        };
        let is_other = |(platform, new): (&Platform, &Listed)| {
            let claimed = claim.platforms.get(platform);
            claimed.is_some_and(|claimed| *claimed != new.sha256)
        };
        if claim.source_sha256 != entry.source_sha256 || entry.platforms.iter().any(is_other) {
            bail!("names of {version} are being taken over for other bytes by a publish with --reclaim; let that one end, or, if it died, use --reclaim too");
        }
        Ok(())
    }

    /// What is listed needs no claim any more.
    fn settle_claim(&mut self, version: &Version) {
        let (Some(claim), Some(entry)) = (self.claims.get_mut(version), self.versions.get(version))
        else {
            return;
        };
        let listed = &entry.platforms;
        claim
            .platforms
            .retain(|platform, _| !listed.contains_key(platform));
        if claim.platforms.is_empty() {
            self.claims.remove(version);
        }
    }

    /// Adds what `entry` has. What is listed never changes; a version's requirements are those of its first publish.
    pub fn merge(&mut self, version: &Version, entry: &Entry) -> Result<()> {
        self.check_claim(version, entry)?;
        let listed = self
            .versions
            .entry(version.clone())
            .or_insert_with(|| Entry {
                platforms: BTreeMap::new(),
                ..entry.clone()
            });
        if listed.source_sha256 != entry.source_sha256 {
            bail!(
                "version {version} is published from {}, and this is from {}; a published version keeps its source: publish a new version",
                listed.origin(), entry.origin()
            );
        }
        for (platform, new) in &entry.platforms {
            match listed.platforms.get(platform) {
                Some(old) if old.sha256 != new.sha256 => bail!(
                    "{version} {platform} is published as {}, and dist has {}; published bytes never change: take them back with `cargo xtask publish --adopt`, or publish a new version",
                    old.sha256, new.sha256
                ),
                Some(_) => {}
                None => {
                    listed.platforms.insert(*platform, new.clone());
                }
            }
        }
        // The same source has got its tag: from now on it stays.
        listed.development &= entry.development;
        if !listed.promoted && listed.missing().is_empty() {
            listed.promote(self.serial + 1);
        }
        self.settle_claim(version);
        self.changed();
        Ok(())
    }

    /// For the first index of a store that has versions already.
    pub fn add_imported(&mut self, version: &Version, entry: Entry) {
        self.versions.insert(version.clone(), entry);
        self.changed();
    }

    /// Lets people have `version`, and everything newer that is promoted: ends a rollback.
    pub fn promote(&mut self, version: &Version) -> Result<()> {
        let serial = self.serial + 1;
        let entry = self.listed(version)?;
        if entry.yanked {
            bail!("{version} was yanked; `cargo xtask yank {version} --undo` takes that back");
        }
        entry.promote(serial);
        self.hold = None;
        self.changed();
        Ok(())
    }

    /// Nobody gets `version` any more who does not ask for it by name. Its bytes stay, and so does a rollback.
    pub fn yank(&mut self, version: &Version) -> Result<()> {
        self.listed(version)?.yanked = true;
        self.changed();
        Ok(())
    }

    /// Takes a yank back.
    pub fn restore(&mut self, version: &Version) -> Result<()> {
        self.listed(version)?.yanked = false;
        self.changed();
        Ok(())
    }

    /// Until the next promotion nobody gets anything newer than `version`.
    pub fn roll_back(&mut self, version: &Version) -> Result<()> {
        let entry = self.listed(version)?;
        if entry.yanked || !entry.promoted {
            let state = if entry.yanked {
                "yanked"
            } else {
                "not promoted"
            };
            bail!("{version} is {state}, so people cannot be sent back to it; choose another");
        }
        self.hold = Some(version.clone());
        self.changed();
        Ok(())
    }

    fn listed(&mut self, version: &Version) -> Result<&mut Entry> {
        let known: Vec<String> = self
            .versions
            .keys()
            .rev()
            .take(5)
            .map(Version::to_string)
            .collect();
        match self.versions.get_mut(version) {
            Some(entry) => Ok(entry),
            None if known.is_empty() => bail!("nothing is published there yet"),
            None => bail!(
                "{version} is not published there; the newest are {}",
                known.join(", ")
            ),
        }
    }

    /// True when a reader would see no difference: only the serial may differ.
    pub fn says_the_same_as(&self, other: &Index) -> bool {
        let said = |index: &Index| {
            (
                index.latest.clone(),
                index.hold.clone(),
                index.claims.clone(),
            )
        };
        said(self) == said(other) && self.versions == other.versions
    }

    /// Takes a version out: only a development version may go.
    pub fn drop_development(&mut self, version: &Version) -> Option<Entry> {
        if !self.versions.get(version)?.development {
            return None;
        }
        let entry = self.versions.remove(version);
        self.changed();
        entry
    }

    fn changed(&mut self) {
        self.serial += 1;
        self.latest = self.find_latest();
    }

    /// `None`: it is not listed.
    pub fn standing(&self, version: &Version) -> Option<Standing> {
        let entry = self.versions.get(version)?;
        let is_held = self.hold.as_ref().is_some_and(|hold| version > hold);
        Some(match (entry.promoted, is_held, entry.yanked) {
            (false, ..) => Standing::Unpromoted,
            (_, true, _) => Standing::Held,
            (_, _, true) => Standing::Yanked,
            _ => Standing::Offered,
        })
    }

    fn standing_as(
        &self,
        wanted: &'static [Standing],
    ) -> impl DoubleEndedIterator<Item = (&Version, &Entry)> {
        self.versions.iter().filter(move |(version, _)| {
            let standing = self.standing(version);
            standing.is_some_and(|standing| wanted.contains(&standing))
        })
    }

    fn visible(&self) -> impl DoubleEndedIterator<Item = (&Version, &Entry)> {
        self.standing_as(&[Standing::Offered])
    }

    /// What somebody gets who names no version.
    pub fn newest(&self) -> Option<&Version> {
        let mut offered = self.visible().filter(|(it, _)| !it.is_prerelease());
        offered.next_back().map(|(version, _)| version)
    }

    /// Those that could be latest: no pre-release, and no required platform missing.
    pub fn complete(&self) -> impl DoubleEndedIterator<Item = (&Version, &Entry)> {
        self.visible()
            .filter(|(version, entry)| !version.is_prerelease() && entry.missing().is_empty())
    }

    fn find_latest(&self) -> Option<Version> {
        let latest = self.complete().next_back();
        latest.map(|(version, _)| version.clone())
    }

    pub fn views(&self) -> Views {
        Views {
            versions: self.versions_view(),
            latest: self
                .latest
                .as_ref()
                .map(|version| format!("{version}\n"))
                .unwrap_or_default(),
            catalog: self.catalog_view(),
        }
    }

    /// Per platform the highest version that people should get: what `install.sh` obeys.
    fn versions_view(&self) -> String {
        let mut newest: BTreeMap<Platform, &Version> = BTreeMap::new();
        for (version, entry) in self
            .visible()
            .filter(|(version, _)| !version.is_prerelease())
        {
            newest.extend(entry.platforms.keys().map(|platform| (*platform, version)));
        }
        newest
            .iter()
            .map(|(platform, version)| format!("{platform}:{version}\n"))
            .collect()
    }

    /// What is there for those who ask by name; of what was yanked, it says so.
    fn catalog_view(&self) -> String {
        let mut text = String::new();
        let named = self.standing_as(&[Standing::Offered, Standing::Yanked]);
        for (version, entry) in named.rev() {
            let mark = if entry.yanked { " yanked" } else { "" };
            for (platform, listed) in &entry.platforms {
                text += &format!(
                    "{platform} {version} {} {} {}{mark}\n",
                    listed.sha256, listed.size, listed.floor
                );
            }
        }
        text
    }
}

/// The texts at the root of a store.
#[derive(Debug, PartialEq, Eq)]
pub struct Views {
    pub versions: String,
    pub latest: String,
    pub catalog: String,
}

impl Views {
    pub const VERSIONS: &'static str = "versions.txt";
    pub const LATEST: &'static str = "latest-version.txt";
    pub const CATALOG: &'static str = "catalog.txt";
}

/// A version's `SHA256SUMS`, as `sha256sum -c` reads it.
pub fn sums(binary: &ProgramName, version: &Version, entry: &Entry, source_file: &str) -> String {
    let artifacts = entry.platforms.iter().map(|(platform, listed)| {
        sum_line(&listed.sha256, &artifact_file(binary, version, *platform))
    });
    let source = entry
        .source_sha256
        .as_ref()
        .map(|sha256| sum_line(sha256, source_file));
    artifacts.chain(source).collect()
}

/// The line that a signature covers: it binds bytes, version and platform.
pub fn sum_line(sha256: &Digest, file: &str) -> String {
    format!("{sha256}  {file}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn platform(text: &str) -> Platform {
        Platform::parse(text).unwrap()
    }

    /// `required` and `built` are blank-separated platforms; an artifact's bytes are its platform's name and `salt`.
    fn entry(required: &str, built: &str, salt: &str) -> Entry {
        let listed = |name: &str| Listed {
            sha256: Digest::of(format!("{name}{salt}").as_bytes()),
            size: 5,
            signed: false,
            floor: "-".into(),
        };
        Entry {
            commit: Some("c0ffee".into()),
            source_sha256: Some(Digest::of(b"source")),
            development: false,
            promoted: false,
            promoted_at: None,
            yanked: false,
            required: required.split_whitespace().map(platform).collect(),
            platforms: built
                .split_whitespace()
                .map(|name| (platform(name), listed(name)))
                .collect(),
        }
    }

    #[test]
    fn a_version_is_promoted_when_all_its_required_platforms_are_in() {
        let mut index = Index::default();
        let required = "linux-x86_64 netbsd-x86_64";
        index
            .merge(&version("0.14.0"), &entry(required, "linux-x86_64", ""))
            .unwrap();
        assert_eq!(index.views().versions, "");
        assert_eq!(index.latest, None);
        index
            .merge(&version("0.14.0"), &entry("", "netbsd-x86_64", ""))
            .unwrap();
        assert_eq!(
            index.views().versions,
            "linux-x86_64:0.14.0\nnetbsd-x86_64:0.14.0\n"
        );
        assert_eq!(index.views().latest, "0.14.0\n");
        assert_eq!(index.serial, 2);
    }

    #[test]
    fn a_late_old_version_moves_nothing_back_and_fills_its_gap() {
        let mut index = Index::default();
        index
            .merge(
                &version("0.15.0"),
                &entry("linux-x86_64", "linux-x86_64", ""),
            )
            .unwrap();
        index
            .merge(
                &version("0.14.0"),
                &entry("netbsd-x86_64", "linux-x86_64 netbsd-x86_64", ""),
            )
            .unwrap();
        assert_eq!(
            index.views().versions,
            "linux-x86_64:0.15.0\nnetbsd-x86_64:0.14.0\n"
        );
        assert_eq!(index.views().latest, "0.15.0\n");
        let catalog = index.views().catalog;
        let lines: Vec<String> = catalog
            .lines()
            .map(|l| l.split(' ').take(2).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "linux-x86_64 0.15.0",
                "linux-x86_64 0.14.0",
                "netbsd-x86_64 0.14.0"
            ]
        );
    }

    #[test]
    fn claimed_names_take_only_the_bytes_that_they_were_claimed_for() {
        let (v, mut index) = (version("0.14.0"), Index::default());
        let (ours, theirs) = (
            entry("", "linux-x86_64 netbsd-x86_64", "b"),
            entry("", "linux-x86_64", "a"),
        );
        index.claim(&v, &ours);
        assert_eq!(index.serial, 1);
        let error = index.clone().merge(&v, &theirs).unwrap_err().to_string();
        assert!(error.contains("are being taken over"), "{error}");
        // Other platforms of the same source are nobody's claim.
        index.merge(&v, &entry("", "freebsd-x86_64", "a")).unwrap();
        let text = String::from_utf8(index.to_bytes()).unwrap();
        assert_eq!(Index::parse(text.as_bytes()).unwrap(), index);
        index.merge(&v, &ours).unwrap();
        assert!(index.claims.is_empty());
        // What is listed can be claimed by nobody.
        let before = index.clone();
        index.claim(&v, &theirs);
        assert_eq!(index, before);
    }

    #[test]
    fn listed_bytes_never_change() {
        let mut index = Index::default();
        index
            .merge(&version("0.14.0"), &entry("", "linux-x86_64", "a"))
            .unwrap();
        let before = index.clone();
        let error = index
            .clone()
            .merge(&version("0.14.0"), &entry("", "linux-x86_64", "b"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("published bytes never change"), "{error}");
        index
            .merge(&version("0.14.0"), &entry("", "linux-x86_64", "a"))
            .unwrap();
        assert_eq!(index.versions, before.versions);
    }

    #[test]
    fn a_version_keeps_its_source() {
        let mut index = Index::default();
        index
            .merge(&version("0.14.0"), &entry("", "linux-x86_64", ""))
            .unwrap();
        let other = Entry {
            source_sha256: Some(Digest::of(b"other")),
            ..entry("", "netbsd-x86_64", "")
        };
        assert!(index
            .merge(&version("0.14.0"), &other)
            .unwrap_err()
            .to_string()
            .contains("keeps its source"));
    }

    #[test]
    fn people_get_no_prerelease_no_yanked_and_nothing_above_the_hold() {
        let mut index = Index::default();
        for text in ["0.13.0", "0.14.0", "0.15.0", "0.16.0-rc.1"] {
            index
                .merge(&version(text), &entry("", "linux-x86_64", ""))
                .unwrap();
        }
        assert_eq!(index.views().versions, "linux-x86_64:0.15.0\n");
        index.versions.get_mut(&version("0.15.0")).unwrap().yanked = true;
        index.changed();
        assert_eq!(index.views().latest, "0.14.0\n");
        index.hold = Some(version("0.13.0"));
        index.changed();
        assert_eq!(index.views().versions, "linux-x86_64:0.13.0\n");
        assert_eq!(index.views().latest, "0.13.0\n");
    }

    #[test]
    fn only_a_development_version_can_be_dropped() {
        let mut index = Index::default();
        index
            .merge(&version("0.14.0"), &entry("", "linux-x86_64", ""))
            .unwrap();
        assert_eq!(index.drop_development(&version("0.14.0")), None);
        let development = Entry {
            development: true,
            ..entry("", "linux-x86_64", "")
        };
        index.merge(&version("0.15.0"), &development).unwrap();
        assert!(index.drop_development(&version("0.15.0")).is_some());
        assert_eq!(index.latest, Some(version("0.14.0")));
    }

    #[test]
    fn pointers_move_back_and_forth_and_bytes_stay() {
        let mut index = Index::default();
        for text in ["0.13.0", "0.14.0"] {
            index
                .merge(&version(text), &entry("", "linux-x86_64", ""))
                .unwrap();
        }
        let (old, new) = (version("0.13.0"), version("0.14.0"));
        index.roll_back(&old).unwrap();
        assert_eq!(index.latest, Some(old.clone()));
        index.promote(&new).unwrap();
        assert_eq!(index.latest, Some(new.clone()));
        index.yank(&new).unwrap();
        assert_eq!(index.latest, Some(old.clone()));
        for error in [index.promote(&new), index.roll_back(&new)] {
            assert!(error.unwrap_err().to_string().contains("yanked"));
        }
        assert_eq!(index.standing(&new), Some(Standing::Yanked));
        assert_eq!(index.newest(), Some(&old));
        // Still there by name, and marked.
        let marks: Vec<bool> = index
            .views()
            .catalog
            .lines()
            .map(|line| line.ends_with(" - yanked"))
            .collect();
        assert_eq!(marks, [true, false]);
        index.restore(&new).unwrap();
        assert_eq!(index.views().versions, "linux-x86_64:0.14.0\n");
        assert_eq!(index.versions.len(), 2);
        let unknown = index.yank(&version("9.9.9")).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "9.9.9 is not published there; the newest are 0.14.0, 0.13.0"
        );
    }

    #[test]
    fn a_yank_of_the_held_version_does_not_end_the_rollback() {
        let mut index = Index::default();
        for text in ["0.13.0", "0.14.0", "0.15.0"] {
            index
                .merge(&version(text), &entry("", "linux-x86_64", ""))
                .unwrap();
        }
        index.roll_back(&version("0.14.0")).unwrap();
        index.yank(&version("0.14.0")).unwrap();
        assert_eq!(index.latest, Some(version("0.13.0")));
        assert_eq!(index.standing(&version("0.15.0")), Some(Standing::Held));
        index.promote(&version("0.13.0")).unwrap();
        assert_eq!(index.latest, Some(version("0.15.0")));
    }

    #[test]
    fn a_version_keeps_the_serial_that_first_offered_it() {
        let (v, mut index) = (version("0.14.0"), Index::default());
        let required = "linux-x86_64 netbsd-x86_64";
        index
            .merge(&v, &entry(required, "linux-x86_64", ""))
            .unwrap();
        assert_eq!(index.versions[&v].promoted_at, None);
        index
            .merge(&v, &entry(required, "netbsd-x86_64", ""))
            .unwrap();
        assert_eq!(index.versions[&v].promoted_at, Some(2));
        index.roll_back(&v).unwrap();
        index.promote(&v).unwrap();
        assert_eq!(index.versions[&v].promoted_at, Some(2));
    }

    #[test]
    fn an_index_reads_back_and_a_damaged_one_is_named() {
        let mut index = Index::default();
        index
            .merge(
                &version("0.14.0"),
                &entry("linux-x86_64", "linux-x86_64", ""),
            )
            .unwrap();
        assert_eq!(Index::parse(&index.to_bytes()).unwrap(), index);
        assert!(Index::parse(b"{")
            .unwrap_err()
            .to_string()
            .contains("index.json is damaged"));
    }
}
