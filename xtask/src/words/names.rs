//! Names that become file names, object names and shell words, so each is held to a safe alphabet when it is read.

use super::{Platform, Version};
use anyhow::{bail, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Letters, digits, `-`, `_`, `.`; at most 64; never a leading dot or dash.
fn check_name(kind: &str, text: &str) -> Result<()> {
    let safe = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if text.is_empty() || text.len() > 64 || !safe || text.starts_with(['.', '-']) {
        bail!("`{}` is no {kind} name; use letters, digits, `-`, `_` and `.`, at most 64, a letter or digit first", text.escape_debug());
    }
    Ok(())
}

macro_rules! name_types {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<$name> {
                check_name($kind, text)?;
                Ok($name(text.to_string()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = anyhow::Error;
            fn try_from(text: String) -> Result<$name> {
                $name::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    )*};
}

name_types! {
    /// A `[[node]]` of `nodes.toml`.
    NodeName = "node";
    /// A `[[machine]]` of `nodes.toml`.
    MachineName = "machine";
    /// A package or a binary of the project.
    ProgramName = "program";
}

/// The name of an object in a store, relative to its root. Only ever made from types, never from outside text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName(String);

impl ObjectName {
    pub const INDEX: &'static str = "index.json";

    pub fn index() -> ObjectName {
        ObjectName(ObjectName::INDEX.into())
    }

    pub fn installer() -> ObjectName {
        ObjectName("install.sh".into())
    }

    /// One of the views at the root of a store.
    pub fn view(name: &'static str) -> ObjectName {
        ObjectName(name.into())
    }

    /// A file of one version: `<version>/<file>`.
    pub fn of_version(version: &Version, file: &str) -> ObjectName {
        debug_assert!(check_name("file", file).is_ok(), "{file}");
        ObjectName(format!("{version}/{file}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `ballistics-0.14.0-openbsd-aarch64`: an artifact's file name, in `dist/` and in a store.
pub fn artifact_file(binary: &ProgramName, version: &Version, platform: Platform) -> String {
    format!("{binary}-{version}-{platform}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_or_a_path_would_read_are_refused() {
        for text in [
            "", "-x", ".x", "a b", "a/b", "a;b", "$(id)", "a\nb", "é", "a'b",
        ] {
            assert!(NodeName::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(
            NodeName::parse("openbsd-aarch64-emulated")
                .unwrap()
                .as_str(),
            "openbsd-aarch64-emulated"
        );
    }
}
