//! The checker of a directory store: what a reader may rely on at every moment, and what must hold when nobody is at work.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Whether a version may leave the index before it leaves the views.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is published stays.
    Permanent,
    /// The embedded store of a work in progress, whose version may give way to another source.
    Development,
}

/// Holds at every moment, also after a kill: what the index lists is there and hashes right, and the views name only such versions.
#[track_caller]
pub fn check_for_readers(store: &Path, kind: Kind) {
    // The views first: what they name now is in an index that is read later, whoever publishes meanwhile.
    let [versions, catalog] = ["versions.txt", "catalog.txt"].map(|view| lines(store, view));
    let Some(index) = read(store, "index.json") else {
        assert!(
            versions.is_empty() && catalog.is_empty(),
            "a view without an index"
        );
        return;
    };
    let index: Value = serde_json::from_str(&index).unwrap();
    for (version, entry) in index["versions"].as_object().unwrap() {
        let source = format!("{version}/ballistics-engine-{version}.crate");
        check_file(store, &source, entry["source_sha256"].as_str().unwrap());
        for (platform, listed) in entry["platforms"].as_object().unwrap() {
            check_file(
                store,
                &artifact(version, platform),
                listed["sha256"].as_str().unwrap(),
            );
        }
    }
    let listed = |platform: &str, version: &str| {
        let entry = &index["versions"][version];
        kind == Kind::Development || !entry["platforms"][platform].is_null()
    };
    for line in versions {
        let (platform, version) = line.split_once(':').unwrap();
        assert!(
            listed(platform, version),
            "versions.txt names {line}, which is not listed"
        );
        check_installable(store, platform, version);
    }
    for line in catalog {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(
            listed(words[0], words[1]),
            "catalog.txt names {line}, which is not listed"
        );
        check_file(store, &artifact(words[1], words[0]), words[2]);
    }
}

/// Holds when no publisher is at work or was left unfinished: the views say exactly what the index says, and nothing lies about.
#[track_caller]
pub fn check_at_rest(store: &Path) {
    check_for_readers(store, Kind::Permanent);
    let index: Value = serde_json::from_str(&read(store, "index.json").unwrap()).unwrap();
    let versions = index["versions"].as_object().unwrap();
    let mut newest: BTreeMap<&str, &str> = BTreeMap::new();
    let mut catalogued = 0;
    // No pre-releases here, and every number has as many digits: the order of the texts is that of the versions.
    for (version, entry) in versions
        .iter()
        .filter(|(_, entry)| entry["promoted"] == true)
    {
        for platform in entry["platforms"].as_object().unwrap().keys() {
            newest.insert(platform, version);
            catalogued += 1;
        }
    }
    let mut expected: Vec<String> = newest.iter().map(|(p, v)| format!("{p}:{v}")).collect();
    let mut found = lines(store, "versions.txt");
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "versions.txt");
    assert_eq!(lines(store, "catalog.txt").len(), catalogued, "catalog.txt");
    assert_eq!(
        lines(store, "latest-version.txt")
            .first()
            .map(String::as_str),
        index["latest"].as_str()
    );
    for version in versions.keys() {
        check_sums(store, version);
        let release = read(store, &format!("{version}/release.json")).unwrap();
        let release: Value = serde_json::from_str(&release).unwrap();
        assert_eq!(
            release["source"]["sha256"],
            versions[version]["source_sha256"]
        );
    }
    let installer = read(store, "install.sh").expect("install.sh");
    assert!(
        installer.contains(&format!("\nbase_url='{}'\n", store.display())),
        "whose install.sh is this?"
    );
    assert_no_partials(store);
}

/// Every file that a version's `SHA256SUMS` names, checked as its reader would.
#[track_caller]
pub fn check_sums(store: &Path, version: &str) {
    let text = read(store, &format!("{version}/SHA256SUMS")).expect("SHA256SUMS");
    assert!(text.lines().count() >= 2, "{text}");
    for line in text.lines() {
        let (hash, file) = line.split_once("  ").unwrap();
        check_file(store, &format!("{version}/{file}"), hash);
    }
}

#[track_caller]
pub fn assert_no_partials(directory: &Path) {
    let tree = crate::tree::read(directory);
    let partial: Vec<&String> = tree
        .keys()
        .filter(|name| name.contains(".partial-"))
        .collect();
    assert!(partial.is_empty(), "{partial:?}");
}

fn artifact(version: &str, platform: &str) -> String {
    format!("{version}/ballistics-{version}-{platform}")
}

#[track_caller]
fn check_file(store: &Path, name: &str, expected: &str) {
    let bytes = fs::read(store.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(sha256(&bytes), expected, "{name}");
    assert_eq!(
        read(store, &format!("{name}.sha256")).as_deref(),
        Some(&*format!("{expected}\n")),
        "{name}"
    );
}

/// What `install.sh` would fetch agrees with itself.
#[track_caller]
fn check_installable(store: &Path, platform: &str, version: &str) {
    let name = artifact(version, platform);
    let sidecar =
        read(store, &format!("{name}.sha256")).unwrap_or_else(|| panic!("no {name}.sha256"));
    check_file(store, &name, sidecar.trim_end());
}

fn read(store: &Path, name: &str) -> Option<String> {
    fs::read_to_string(store.join(name)).ok()
}

fn lines(store: &Path, name: &str) -> Vec<String> {
    read(store, name)
        .unwrap_or_default()
        .lines()
        .map(String::from)
        .collect()
}
