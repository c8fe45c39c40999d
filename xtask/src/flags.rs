//! The command line. The grammar is the manual: `cargo xtask help` prints it.

mod manual;

use crate::gcs::Via;
use crate::ui;
use crate::words::{refuse, Platform, Version};
use anyhow::Result;
use manual::Part;
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
            /// Into dist/store/, for the platforms of this machine, as release --local does.
            optional --local
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
            /// Only nodes on this machine, into dist/store/.
            optional --local
            /// A directory, or gs://bucket. Default: [publish] store.
            optional --to store: String
            /// Join the two macOS binaries into macos-universal with lipo.
            optional --universal
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
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let part = manual::part_of(arguments.iter().filter_map(|word| word.to_str()));
        if arguments.first().is_none_or(|first| first == "help") {
            print_help(part.as_ref());
            return Ok(None);
        }
        match Xtask::from_vec(split_equals(arguments, part.as_ref())?) {
            Ok(flags) => Ok(Some(flags)),
            Err(error) if error.is_help() => {
                print_help(part.as_ref());
                Ok(None)
            }
            Err(error) => Err(refuse(with_way_out(&error.to_string(), part.as_ref()))),
        }
    }
}

/// Of the verb that was named, or of all.
fn print_help(part: Option<&Part>) {
    match part {
        Some(part) => ui::print(&part.manual()),
        None => ui::print(Xtask::HELP_),
    }
}

/// `--to=DIR` is `--to DIR`; a flag that is there or not has no value.
fn split_equals(arguments: Vec<OsString>, part: Option<&Part>) -> Result<Vec<OsString>> {
    let known = manual::flags(part);
    let mut split = Vec::new();
    for argument in arguments {
        match argument.to_str().and_then(|text| text.split_once('=')) {
            Some((flag, value)) if flag.starts_with("--") => {
                let known = known.iter().find(|known| known.name == flag);
                if known.is_some_and(|flag| !flag.takes_value) {
                    return Err(refuse(format!(
                        "{flag} takes no value; leave `={}` out",
                        value.escape_debug()
                    )));
                }
                split.extend([flag.into(), value.into()]);
            }
            _ => split.push(argument),
        }
    }
    Ok(split)
}

fn with_way_out(message: &str, part: Option<&Part>) -> String {
    let wrong = message.split(['`', '"']).nth(1).unwrap_or_default();
    match (manual::nearest_word(wrong, part), part) {
        (Some(near), _) if near != wrong => format!("{message}; did you mean `{near}`?"),
        (_, Some(part)) => format!(
            "{message}; `cargo xtask help {}` has all that it takes",
            part.verb
        ),
        (_, None) => format!("{message}; `cargo xtask help` lists verbs and flags"),
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
                "unexpected flag: `--frobnicate`; `cargo xtask help release` has all that it takes",
            ),
            (
                "--json publish --frehs",
                "unexpected flag: `--frehs`; `cargo xtask help publish` has all that it takes",
            ),
            (
                "dist --frehs",
                "unexpected flag: `--frehs`; did you mean `--fresh`?",
            ),
            (
                "node lst",
                "unexpected argument: \"lst\"; did you mean `list`?",
            ),
            (
                "node",
                "subcommand is required; `cargo xtask help node` has all that it takes",
            ),
            ("release --local=yes", "--local takes no value; leave `=yes` out"),
            ("--quiet=1 plan", "--quiet takes no value; leave `=1` out"),
            (
                "release --version",
                "expected a value for `--version`; `cargo xtask help release` has all that it takes",
            ),
            (
                "frobnicate",
                "unexpected argument: \"frobnicate\"; `cargo xtask help` lists verbs and flags",
            ),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.downcast_ref::<crate::words::Refusal>().is_some());
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_manual_of_a_verb_is_its_own_part_of_it() {
        let manual = |line: &str| manual::part_of(line.split(' ')).unwrap().manual();
        let plan = manual("plan --version 0.14.0 --help");
        assert!(
            plan.starts_with("xtask plan\n  Print what a release would do"),
            "{plan}"
        );
        assert!(
            plan.contains("    --scripts\n") && !plan.contains("--dry-run"),
            "{plan}"
        );
        let node = manual("--json node -h");
        let titles: Vec<&str> = node
            .lines()
            .filter(|line| line.starts_with("xtask"))
            .collect();
        assert_eq!(
            titles,
            ["xtask node", "xtask node list", "xtask node check"]
        );
        assert!(manual("node check").starts_with("xtask node check\n"));
        assert!(manual::part_of("--help".split(' ')).is_none());
    }
}
