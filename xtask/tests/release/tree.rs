//! A directory as a value: what lies in it, so that "nothing was written" can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Directory,
    File { mode: u32, bytes: Vec<u8> },
    Link(String),
}

/// By path relative to the root; empty where there is no directory.
pub type Tree = BTreeMap<String, Entry>;

pub fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    if root.exists() {
        add(root, "", &mut tree);
    }
    tree
}

fn add(directory: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        let value = if kind.is_dir() {
            add(&entry.path(), &format!("{name}/"), tree);
            Entry::Directory
        } else if kind.is_symlink() {
            Entry::Link(format!(
                "{}",
                fs::read_link(entry.path()).unwrap().display()
            ))
        } else {
            Entry::File {
                mode: entry.metadata().unwrap().permissions().mode(),
                bytes: fs::read(entry.path()).unwrap(),
            }
        };
        tree.insert(name, value);
    }
}

pub fn names(tree: &Tree) -> Vec<&str> {
    tree.keys().map(String::as_str).collect()
}

/// The names of the files alone.
pub fn files(tree: &Tree) -> Vec<&str> {
    let files = tree.iter().filter(|(_, entry)| **entry != Entry::Directory);
    files.map(|(name, _)| name.as_str()).collect()
}

pub fn bytes<'a>(tree: &'a Tree, name: &str) -> &'a [u8] {
    match tree.get(name) {
        Some(Entry::File { bytes, .. }) => bytes,
        other => panic!("{name} is {other:?}"),
    }
}

/// Says which paths differ; the bytes would fill the screen.
#[track_caller]
pub fn assert_same(before: &Tree, after: &Tree) {
    let all = before.keys().chain(after.keys());
    let mut differing: Vec<&String> = all
        .filter(|name| before.get(*name) != after.get(*name))
        .collect();
    differing.dedup();
    assert!(differing.is_empty(), "changed: {differing:?}");
}
