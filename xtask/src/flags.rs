//! The command line. The grammar is the manual: `cargo xtask help` prints it.

use crate::gcs::Via;
use crate::ui;
use crate::words::{nearest, refuse, Platform, Version};
use anyhow::Result;
use std::ffi::OsString;

xflags::xflags! {
    /// Releases this workspace's program from hardware you own.
    cmd xtask {
        /// Say nothing but warnings and failures.
        optional --quiet
        /// Show the builds' own output.
        optional --verbose
        /// One event a line on stdout, as docs/json.md describes.
        optional --json
        /// The fleet's file; also XTASK_NODES. Default: nodes.toml.
        optional --nodes file: String
        /// A file with an access token for the bucket; without it docs/publishing.md says whose login is used.
        optional --token-file file: String
        /// Who speaks to a bucket: api (this program, the default) or gsutil, with the login that gsutil has.
        optional --via how: String

        /// Build on every enabled node, prove, collect into dist/<version>/.
        cmd dist {
            /// Release the commit of the tag v<version>. Default: HEAD.
            optional --version version: String
            /// Only this node (repeatable).
            repeated --node name: String
            /// Only this platform (repeatable).
            repeated --platform platform: String
            /// Only nodes on this machine; a fresh clone needs no other.
            optional --local
            /// Reuse nothing: build everything from an empty target directory.
            optional --fresh
            /// At most so many jobs at once.
            optional --jobs count: usize
            /// End the others when a required node fails.
            optional --fail-fast
            /// Build uncommitted changes of the package too; never for a bucket.
            optional --allow-dirty
            /// Join the two macOS binaries into macos-universal with lipo.
            optional --universal
        }

        /// Write sidecars, SHA256SUMS and release.json in dist/<version>/; sign where a key is set.
        cmd checksum {
            /// Default: the version of the package.
            optional --version version: String
            /// Write nothing; check that everything there still holds.
            optional --verify
        }

        /// Publish what dist/<version>/ holds, then move the pointers.
        cmd publish {
            /// Default: the version of the package.
            optional --version version: String
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
            /// The same into dist/dry-run/; nothing leaves this machine.
            optional --dry-run
            /// Write install.sh although latest does not move.
            optional --refresh-installer
            /// Take names over that a publish which died left behind.
            optional --reclaim
            /// Let a bucket take binaries that were not run where they were built.
            optional --allow-unproven
            /// Let a bucket take binaries whose node fetched its own source.
            optional --allow-own-source
            /// First take back into dist/ what the store lists of this version.
            optional --adopt
            /// Only make the first index of a store that was filled by other means, from its versions.txt and its files.
            optional --import
        }

        /// dist, checksum, publish and verify in one.
        cmd release {
            /// Release the commit of the tag v<version>. Default: HEAD.
            optional --version version: String
            /// Only this node (repeatable).
            repeated --node name: String
            /// Only this platform (repeatable).
            repeated --platform platform: String
            /// Only nodes on this machine, into dist/store/; a fresh clone needs no other.
            optional --local
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
            /// Build and check everything, publish to dist/dry-run/ only.
            optional --dry-run
            /// Reuse nothing: build everything from an empty target directory.
            optional --fresh
            /// At most so many jobs at once.
            optional --jobs count: usize
            /// End the others when a required node fails.
            optional --fail-fast
            /// Build uncommitted changes of the package too; never for a bucket.
            optional --allow-dirty
            /// Join the two macOS binaries into macos-universal with lipo.
            optional --universal
            /// Write install.sh although latest does not move.
            optional --refresh-installer
            /// Take names over that a publish which died left behind.
            optional --reclaim
            /// Let a bucket take binaries that were not run where they were built.
            optional --allow-unproven
            /// Let a bucket take binaries whose node fetched its own source.
            optional --allow-own-source
        }

        /// Print what a release would do, touching nothing.
        cmd plan {
            /// Plan the tag v<version>. Default: HEAD.
            optional --version version: String
            /// Only this node (repeatable).
            repeated --node name: String
            /// Only this platform (repeatable).
            repeated --platform platform: String
            /// Only nodes on this machine.
            optional --local
            /// Print the script of each job.
            optional --scripts
        }

        /// Read a published version from outside, and install it into a temporary prefix.
        cmd verify {
            /// Default: the latest.
            optional --version version: String
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
        }

        /// Let people have a version although a required platform is missing, or end a rollback.
        cmd promote {
            required version: String
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
        }

        /// Let nobody have a version who does not ask for it by name; its bytes stay.
        cmd yank {
            required version: String
            /// Let people have it again.
            optional --undo
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
        }

        /// Let nobody have anything newer than this version until the next promote.
        cmd rollback {
            required version: String
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
        }

        /// Say who would publish to the store, what that login may do, and what is in the store.
        cmd doctor {
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
        }

        /// The fleet.
        cmd node {
            /// Show every node of nodes.toml.
            cmd list {}

            /// Ask every node whether it could build, all at once.
            cmd check {
                /// Only this node (repeatable).
                repeated --node name: String
                /// Only this platform (repeatable).
                repeated --platform platform: String
                /// Only nodes on this machine.
                optional --local
                /// Also run the store's install.sh there, into a temporary prefix.
                optional --install
                /// The store whose installer is run. Default: [publish] store.
                optional --to store: String
            }
        }

        /// Everything that must pass before a change lands; installs what it needs.
        cmd ci {
            /// Also release real macOS programs, cross-built here.
            optional --cross
            /// Also rehearse a release of all ten platforms: an emulated arm64 guest, and cross-built macOS and BSD programs.
            optional --rehearsal
            /// Run only this step (repeatable); --list names them.
            repeated --step name: String
            /// Name the steps.
            optional --list
        }
    }
}

impl Xtask {
    /// Reads the arguments; a refusal names the nearest real flag or verb. `None`: help was asked for and printed.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Xtask>> {
        let arguments = split_equals(arguments);
        if arguments.first().is_none_or(|first| first == "help") {
            ui::print(Xtask::HELP_);
            return Ok(None);
        }
        match Xtask::from_vec(arguments) {
            Ok(flags) => Ok(Some(flags)),
            Err(error) if error.is_help() => {
                ui::print(&error.to_string());
                Ok(None)
            }
            Err(error) => Err(refuse(with_nearest(&error.to_string()))),
        }
    }
}

/// `--to=DIR` is `--to DIR`.
fn split_equals(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let split = |argument: OsString| match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((flag, value)) if flag.starts_with("--") => vec![flag.into(), value.into()],
        _ => vec![argument],
    };
    arguments.into_iter().flat_map(split).collect()
}

fn with_nearest(message: &str) -> String {
    let wrong = message.split(['`', '"']).nth(1).unwrap_or_default();
    let lines = Xtask::HELP_.lines();
    let known = lines.filter_map(|line| match wrong.starts_with("--") {
        true => line
            .trim_start()
            .split(' ')
            .next()
            .filter(|word| word.starts_with("--")),
        false => line
            .strip_prefix("xtask ")
            .and_then(|verb| verb.split(' ').next()),
    });
    match nearest(wrong, known) {
        Some(near) if near != wrong => format!("{message}; did you mean `{near}`?"),
        _ => format!("{message}; `cargo xtask help` lists verbs and flags"),
    }
}

/// A `--version`, checked.
pub fn version(text: &Option<String>) -> Result<Option<Version>> {
    text.as_deref()
        .map(|text| Version::parse(text).map_err(|error| refuse(error.to_string())))
        .transpose()
}

/// `--via`.
pub fn via(text: Option<&str>) -> Result<Via> {
    match text {
        None | Some("api") => Ok(Via::Api),
        Some("gsutil") => Ok(Via::Gsutil),
        Some(other) => Err(refuse(format!(
            "--via {} is not known; it is `api` or `gsutil`",
            other.escape_debug()
        ))),
    }
}

/// `--jobs`; without it every job runs at once.
pub fn jobs(count: Option<usize>) -> Result<usize> {
    match count {
        Some(0) => Err(refuse(
            "--jobs 0 would build nothing; leave it out to build everywhere at once",
        )),
        count => Ok(count.unwrap_or(usize::MAX)),
    }
}

pub fn platforms(texts: &[String]) -> Result<Vec<Platform>> {
    let parse = |text: &String| Platform::parse(text).map_err(|error| refuse(error.to_string()));
    texts.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Xtask>> {
        Xtask::read(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn flags_may_be_written_with_an_equals_sign() {
        let flags = read("release --to=/x --version=0.14.0 --local --json")
            .unwrap()
            .unwrap();
        assert!(flags.json);
        let XtaskCmd::Release(release) = flags.subcommand else {
            panic!()
        };
        assert_eq!(
            (
                release.to.as_deref(),
                release.version.as_deref(),
                release.local
            ),
            (Some("/x"), Some("0.14.0"), true)
        );
    }

    #[test]
    fn what_is_mistyped_gets_the_nearest_real_word() {
        for (line, expected) in [
            (
                "release --loacl",
                "unexpected flag: `--loacl`; did you mean `--local`?",
            ),
            (
                "relaese",
                "unexpected argument: \"relaese\"; did you mean `release`?",
            ),
            (
                "release --frobnicate",
                "unexpected flag: `--frobnicate`; `cargo xtask help` lists verbs and flags",
            ),
            (
                "publish --fresh",
                "unexpected flag: `--fresh`; `cargo xtask help` lists verbs and flags",
            ),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.downcast_ref::<crate::words::Refusal>().is_some());
            assert_eq!(error.to_string(), expected);
        }
    }
}
