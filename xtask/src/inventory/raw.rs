//! `nodes.toml` as it is written: every value with its place, so that an error can name its line.

use super::mistake;
use crate::words::refuse;
use anyhow::Result;
use serde::Deserialize;
use std::collections::BTreeMap;

pub type Located<T> = toml::Spanned<T>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub project: Project,
    pub publish: Option<Publish>,
    #[serde(default)]
    pub defaults: Defaults,
    #[serde(default)]
    pub machine: Vec<Machine>,
    #[serde(default)]
    pub node: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    pub package: Located<String>,
    pub binary: Located<String>,
    pub repository: Located<String>,
    #[serde(default)]
    pub prove: Vec<Located<String>>,
    #[serde(default)]
    pub vendor: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    pub store: Option<Located<String>>,
    pub base_url: Option<Located<String>>,
    pub public: Option<Located<String>>,
    pub signing_key: Option<Located<String>>,
    #[serde(default)]
    pub release_keys: Vec<Located<String>>,
    pub signed_since: Option<Located<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    #[serde(default)]
    pub env: BTreeMap<Located<String>, String>,
    pub connect_timeout: Option<Located<String>>,
    pub build_timeout: Option<Located<String>>,
    pub silence_timeout: Option<Located<String>>,
    pub prove_timeout: Option<Located<String>>,
    pub retries: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub name: Located<String>,
    pub host: Option<Located<String>>,
    pub slots: Option<Located<i64>>,
    pub start: Option<Located<Vec<String>>>,
    pub stop: Option<Located<Vec<String>>>,
    pub ready_timeout: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub name: Located<String>,
    pub host: Located<String>,
    pub target: Located<String>,
    pub machine: Option<Located<String>>,
    pub required: Option<bool>,
    pub enabled: Option<bool>,
    pub prove: Option<bool>,
    #[serde(default)]
    pub env: BTreeMap<Located<String>, String>,
    #[serde(default)]
    pub cargo_args: Vec<Located<String>>,
    pub build_command: Option<Located<String>>,
    pub binary_path: Option<Located<String>>,
    pub max_glibc: Option<Located<String>>,
    #[serde(default)]
    pub ssh_options: Vec<Located<String>>,
    pub transfer: Option<Located<String>>,
    pub start: Option<Located<Vec<String>>>,
    pub stop: Option<Located<Vec<String>>>,
    pub connect_timeout: Option<Located<String>>,
    pub build_timeout: Option<Located<String>>,
    pub silence_timeout: Option<Located<String>>,
    pub prove_timeout: Option<Located<String>>,
    pub ready_timeout: Option<Located<String>>,
    pub retries: Option<u32>,
}

/// The limits that `[defaults]` and a node may both set. (Serde's `flatten` would lose the places of their values.)
pub struct Limits<'a> {
    pub connect_timeout: &'a Option<Located<String>>,
    pub build_timeout: &'a Option<Located<String>>,
    pub silence_timeout: &'a Option<Located<String>>,
    pub prove_timeout: &'a Option<Located<String>>,
    pub retries: Option<u32>,
}

/// The commands that a machine and a node may both have.
pub struct Hooks<'a> {
    pub start: &'a Option<Located<Vec<String>>>,
    pub stop: &'a Option<Located<Vec<String>>>,
    pub ready_timeout: &'a Option<Located<String>>,
}

macro_rules! hooks_of {
    ($($entry:ty),*) => {$(
        impl $entry {
            pub fn hooks(&self) -> Hooks<'_> {
                Hooks {
                    start: &self.start,
                    stop: &self.stop,
                    ready_timeout: &self.ready_timeout,
                }
            }
        }
    )*};
}

hooks_of!(Machine, Node);

macro_rules! limits_of {
    ($($entry:ty),*) => {$(
        impl $entry {
            pub fn limits(&self) -> Limits<'_> {
                Limits {
                    connect_timeout: &self.connect_timeout,
                    build_timeout: &self.build_timeout,
                    silence_timeout: &self.silence_timeout,
                    prove_timeout: &self.prove_timeout,
                    retries: self.retries,
                }
            }
        }
    )*};
}

limits_of!(Defaults, Node);

/// The file's name and text, to turn a place in it into `nodes.toml:12`.
pub struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    /// Parses one value; the error names the line and the thing that holds it.
    pub fn check<T, P: FnOnce(&str) -> Result<T>>(
        &self,
        thing: &str,
        value: &Located<String>,
        parse: P,
    ) -> Result<T> {
        parse(value.as_ref()).map_err(|error| self.error(value, thing, &error.to_string()))
    }

    pub fn check_some<T, P: FnOnce(&str) -> Result<T>>(
        &self,
        thing: &str,
        value: &Option<Located<String>>,
        parse: P,
    ) -> Result<Option<T>> {
        let parsed = value.as_ref().map(|value| self.check(thing, value, parse));
        parsed.transpose()
    }

    pub fn error<T>(&self, place: &Located<T>, thing: &str, message: &str) -> anyhow::Error {
        self.error_at(place.span().start, &format!("{thing}: {message}"))
    }

    fn error_at(&self, byte: usize, message: &str) -> anyhow::Error {
        let line = self.text[..byte].matches('\n').count() + 1;
        refuse(format!("{}:{line}: {message}", self.file))
    }
}

pub fn read(source: &Source) -> Result<File> {
    toml::from_str(source.text).map_err(|error| {
        let byte = error.span().map_or(0, |span| span.start);
        source.error_at(byte, &mistake::explain(source.text, byte, error.message()))
    })
}
