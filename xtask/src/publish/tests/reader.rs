//! What a reader can see of a store at any moment, and what is wrong with it.

use super::actor::{inventory, signer, BASE_URL};
use crate::formula;
use crate::index::{sum_line, Index};
use crate::manifest::Manifest;
use crate::words::{Digest, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

type Objects = BTreeMap<String, Vec<u8>>;

/// Remembers what it saw: what never changes, and what only grows.
#[derive(Default)]
pub struct Reader {
    /// Names that nothing lists may be taken over.
    pub reclaims: bool,
    seen: Objects,
    serials: BTreeMap<String, u64>,
    index: Index,
}

impl Reader {
    pub fn look(&mut self, objects: &Objects, serials: &BTreeMap<String, u64>) -> Vec<String> {
        let may_change = |index: &Index, name: &str| self.reclaims && !lists(index, name);
        let mut wrong = what_is_wrong(objects, &|name| may_change(&index(objects), name));
        for (name, bytes) in objects.iter().filter(|(name, _)| never_changes(name)) {
            let before = self.seen.get(name);
            if before.is_some_and(|before| before != bytes) && !may_change(&self.index, name) {
                wrong.push(format!("{name} changed"));
            }
            self.seen.insert(name.clone(), bytes.clone());
        }
        for name in [
            "index.json",
            "versions.txt",
            "catalog.txt",
            "latest-version.txt",
            formula::FILE,
        ] {
            let (before, now) = (self.serials.get(name), serials.get(name));
            if before > now {
                wrong.push(format!("{name} went from serial {before:?} to {now:?}"));
            }
            self.serials.extend(now.map(|now| (name.to_string(), *now)));
        }
        let now = index(objects);
        for (version, entry) in &self.index.versions {
            let kept = now.versions.get(version);
            for platform in entry.platforms.keys() {
                if kept.is_none_or(|kept| !kept.platforms.contains_key(platform)) {
                    wrong.push(format!("{version} {platform} is not listed any more"));
                }
            }
            if entry.yanked && kept.is_some_and(|kept| !kept.yanked) {
                wrong.push(format!("{version} is not yanked any more"));
            }
        }
        self.index = now;
        wrong
    }
}

fn never_changes(name: &str) -> bool {
    name.contains("/ballistics")
}

/// A file of something that the index lists, or what stands beside one.
fn lists(index: &Index, name: &str) -> bool {
    let name = name.trim_end_matches(".sig").trim_end_matches(".sha256");
    index.versions.iter().any(|(version, entry)| {
        let mut platforms = entry.platforms.keys();
        name == format!("{version}/ballistics-engine-{version}.crate")
            || platforms.any(|it| name == format!("{version}/ballistics-{version}-{it}"))
    })
}

fn index(objects: &Objects) -> Index {
    objects
        .get("index.json")
        .map(|text| Index::parse(text).unwrap())
        .unwrap_or_default()
}

fn text(objects: &Objects, name: &str) -> String {
    let bytes = objects.get(name).cloned().unwrap_or_default();
    String::from_utf8(bytes).unwrap()
}

/// Every file that a reader can come to has its sidecar; everything that the index lists is there, and in the version's own
/// lists; the views name nothing that the index does not have.
fn what_is_wrong(objects: &Objects, may_change: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, bytes) in objects.iter().filter(|(name, _)| never_changes(name)) {
        let beside = name.ends_with(".sha256") || name.ends_with(".sig") || may_change(name);
        if !beside && text(objects, &format!("{name}.sha256")) != format!("{}\n", Digest::of(bytes))
        {
            wrong.push(format!("{name} is there, and its sidecar does not say so"));
        }
    }
    let index = index(objects);
    for (version, entry) in &index.versions {
        let sums = text(objects, &format!("{version}/SHA256SUMS"));
        let manifest =
            Manifest::parse(text(objects, &format!("{version}/release.json")).as_bytes());
        for (platform, listed) in &entry.platforms {
            let file = format!("ballistics-{version}-{platform}");
            let bytes = objects.get(&format!("{version}/{file}"));
            if bytes.map(|bytes| Digest::of(bytes)) != Some(listed.sha256.clone()) {
                wrong.push(format!("{file} is listed, and is not there as listed"));
            }
            if listed.signed && !is_signed(objects, version, &file, &listed.sha256) {
                wrong.push(format!("{file} is listed as signed, and is not"));
            }
            if !sums.contains(&sum_line(&listed.sha256, &file)) {
                wrong.push(format!("{file} is listed, and not in SHA256SUMS"));
            }
            let recorded = manifest.as_ref().is_ok_and(|manifest| {
                let mut artifacts = manifest.artifacts.iter();
                artifacts.any(|artifact| {
                    artifact.platform == *platform && artifact.sha256 == listed.sha256
                })
            });
            if !recorded {
                wrong.push(format!("{file} is listed, and not in release.json"));
            }
        }
    }
    wrong.extend(dangling(objects, &index));
    wrong
}

/// By the key of the tests; what was found good once is not asked about again.
fn is_signed(objects: &Objects, version: &Version, file: &str, sha256: &Digest) -> bool {
    static GOOD: Mutex<BTreeSet<(String, Digest, Vec<u8>)>> = Mutex::new(BTreeSet::new());
    let Some(signature) = objects.get(&format!("{version}/{file}.sha256.sig")) else {
        return false;
    };
    let asked = (file.to_string(), sha256.clone(), signature.clone());
    if GOOD.lock().unwrap().contains(&asked) {
        return true;
    }
    let good = signer().verifies(sha256, file, signature).unwrap();
    if good {
        GOOD.lock().unwrap().insert(asked);
    }
    good
}

fn dangling(objects: &Objects, index: &Index) -> Vec<String> {
    let mut wrong = Vec::new();
    let has = |version: &str, platform: &str| {
        let mut versions = index.versions.iter();
        versions.any(|(have, entry)| {
            let mut platforms = entry.platforms.keys();
            have.to_string() == version && platforms.any(|have| have.to_string() == platform)
        })
    };
    for line in text(objects, "versions.txt").lines() {
        let (platform, version) = line.split_once(':').unwrap();
        if !has(version, platform) {
            wrong.push(format!("versions.txt names {version} for {platform}"));
        }
    }
    for line in text(objects, "catalog.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if !has(words[1], words[0]) {
            wrong.push(format!("catalog.txt names {line}"));
        }
    }
    let formula = text(objects, formula::FILE);
    for url in formula.split("url \"").skip(1) {
        let name = url.split('"').next().unwrap();
        let name = name.trim_start_matches(BASE_URL).trim_start_matches('/');
        let sha256 = url.split("sha256 \"").nth(1).map(|rest| &rest[..64]);
        let there = objects.get(name).map(|bytes| Digest::of(bytes).to_string());
        if never_changes(name) && (!lists(index, name) || there.as_deref() != sha256) {
            wrong.push(format!("the formula names {name}"));
        }
    }
    let latest = text(objects, "latest-version.txt");
    let complete = index.versions.iter().any(|(version, entry)| {
        version.to_string() == latest.trim_end() && entry.missing().is_empty()
    });
    if !latest.is_empty() && !complete {
        wrong.push(format!("latest-version.txt names {}", latest.trim_end()));
    }
    wrong
}

/// When everybody is done, the views say what the index says.
pub fn unfinished(objects: &Objects) -> Vec<String> {
    let index = index(objects);
    let views = index.views();
    let formula = formula::render(&inventory().project, BASE_URL, &index);
    [
        ("versions.txt", views.versions),
        ("catalog.txt", views.catalog),
        ("latest-version.txt", views.latest),
    ]
    .into_iter()
    .chain(formula.map(|formula| (formula::FILE, formula)))
    .filter(|(name, expected)| text(objects, name) != *expected)
    .map(|(name, expected)| format!("{name} is not {expected:?}"))
    .chain((!objects.contains_key("install.sh")).then(|| "there is no install.sh".to_string()))
    .collect()
}

/// The files of a directory store in the order in which an honest reader comes to them: views, index, binaries, and what
/// stands beside those. Somebody may be writing meanwhile.
pub fn files(root: &Path) -> Objects {
    let mut objects = Objects::new();
    let index = |name: &str| name == "index.json";
    let view = |name: &str| !name.contains('/') && !index(name);
    let beside = |name: &str| name.ends_with(".sha256") || name.ends_with(".sig");
    let binary = |name: &str| never_changes(name) && !beside(name);
    read(root, &view, &mut objects);
    read(root, &index, &mut objects);
    read(root, &binary, &mut objects);
    read(
        root,
        &|name| !view(name) && !index(name) && !binary(name),
        &mut objects,
    );
    objects
}

fn read(root: &Path, wanted: &dyn Fn(&str) -> bool, objects: &mut Objects) {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let hidden = path.file_name().unwrap().to_str().unwrap().starts_with('.');
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_string();
            if path.is_dir() {
                directories.push(path);
            } else if !hidden && wanted(&name) {
                objects.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
}
