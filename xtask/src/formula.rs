//! The Homebrew formula of the newest version that people get and Homebrew can have. Values in, text out.

use crate::index::{Entry, Index};
use crate::inventory::Project;
use crate::words::{artifact_file, Arch, Os, Platform, Version};
use std::fmt::Write;

/// What a store's root calls it.
pub const FILE: &str = "ballistics.rb";

/// `None` while nothing in the store is for Homebrew. Once there is a formula there always is one: when nobody is to get any
/// version any more, it is one that says so.
pub fn render(project: &Project, base_url: &str, index: &Index) -> Option<String> {
    let base_url = as_url(base_url);
    let mut offered = index.complete().rev();
    let newest = offered.find_map(|(version, entry)| {
        let systems = systems(project, &base_url, version, entry);
        (!systems.is_empty()).then_some((version, systems))
    });
    match newest {
        Some((version, systems)) => {
            let version = format!("  version \"{version}\"\n");
            Some(class(project, &version, &systems))
        }
        None if is_for_homebrew(index) => {
            // Homebrew wants a URL and a version of every formula, and a date of one that is disabled.
            let url = ruby_string(&format!("{base_url}/latest-version.txt"));
            let version = format!("  url {url}\n  version \"0\"\n");
            let disabled =
                "  disable! date: \"2000-01-01\", because: \"has no version that is offered\"\n\n";
            Some(class(project, &version, disabled))
        }
        None => None,
    }
}

fn is_for_homebrew(index: &Index) -> bool {
    let mut platforms = index
        .versions
        .values()
        .flat_map(|entry| entry.platforms.keys());
    platforms.any(|platform| {
        let mut blocks = SYSTEMS.iter();
        blocks.any(|(os, _)| *os == platform.os())
    })
}

const SYSTEMS: [(Os, &str); 2] = [(Os::Macos, "on_macos"), (Os::Linux, "on_linux")];
const MACHINES: [(Arch, &str); 2] = [(Arch::Aarch64, "on_arm"), (Arch::X86_64, "on_intel")];

fn systems(project: &Project, base_url: &str, version: &Version, entry: &Entry) -> String {
    let mut systems = String::new();
    for (os, block) in SYSTEMS {
        let mut machines = String::new();
        for (arch, block) in MACHINES {
            let mut platforms = Platform::all();
            let platform = platforms.find(|it| (it.os(), it.arch()) == (os, arch));
            let Some((platform, listed)) =
                platform.and_then(|it| entry.platforms.get_key_value(&it))
            else {
                continue;
            };
            let file = artifact_file(&project.binary, version, *platform);
            let url = ruby_string(&format!("{base_url}/{version}/{file}"));
            let _ = write!(
                machines,
                "    {block} do\n      url {url}\n      sha256 \"{}\"\n    end\n",
                listed.sha256
            );
        }
        if !machines.is_empty() {
            let _ = write!(systems, "  {block} do\n{machines}  end\n\n");
        }
    }
    systems
}

fn class(project: &Project, version: &str, body: &str) -> String {
    let (binary, class) = (&project.binary, class_name(project.binary.as_str()));
    format!(
        "class {class} < Formula\n  desc \"Exterior ballistics: trajectories, zeros and range cards\"\n  homepage {homepage}\n{version}  \
         license any_of: [\"MIT\", \"Apache-2.0\"]\n\n{body}  def install\n    bin.install Dir[\"{binary}-*\"].first => \"{binary}\"\n  end\n\n  \
         test do\n    assert_match version.to_s, shell_output(\"#{{bin}}/{binary} --version\")\n  end\nend\n",
        homepage = ruby_string(&project.repository),
    )
}

/// A directory store is a URL to Homebrew too.
fn as_url(base: &str) -> String {
    if base.starts_with('/') {
        format!("file://{base}")
    } else {
        base.to_string()
    }
}

fn ruby_string(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('#', "\\#")
    )
}

/// Homebrew's rule: `my-tool` is `MyTool`.
fn class_name(program: &str) -> String {
    let words = program.split(['-', '_', '.']);
    words
        .map(|word| word[..1.min(word.len())].to_uppercase() + word.get(1..).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Entry, Listed};
    use crate::inventory::Inventory;
    use crate::process::Timed;
    use crate::words::{Digest, Version};
    use std::time::Duration;

    fn index(platforms: &[&str]) -> Index {
        let listed = Listed {
            sha256: Digest::of(b"x"),
            size: 1,
            signed: false,
            floor: "-".into(),
        };
        let entry = Entry {
            commit: Some("c0ffee".into()),
            source_sha256: Some(Digest::of(b"s")),
            development: false,
            promoted: false,
            promoted_at: None,
            yanked: false,
            required: Default::default(),
            platforms: platforms
                .iter()
                .map(|name| (Platform::parse(name).unwrap(), listed.clone()))
                .collect(),
        };
        let mut index = Index::default();
        index
            .merge(&Version::parse("0.14.0").unwrap(), &entry)
            .unwrap();
        index
    }

    fn formula(base_url: &str, index: &Index) -> Option<String> {
        let fleet = Inventory::parse("nodes.toml", include_str!("../../nodes.toml")).unwrap();
        render(&fleet.project, base_url, index)
    }

    fn rendered(base_url: &str, platforms: &[&str]) -> Option<String> {
        formula(base_url, &index(platforms))
    }

    fn assert_ruby_reads(formula: &str) {
        let ruby = Timed::new("ruby", Duration::from_secs(60))
            .arg("-c")
            .input(formula.as_bytes())
            .run();
        let ruby = ruby.expect("ruby is installed by `cargo xtask ci`");
        assert_eq!(ruby.text(), "Syntax OK", "{}\n{formula}", ruby.complaint());
    }

    #[test]
    fn ruby_reads_the_formula_and_it_names_every_file() {
        let platforms = [
            "macos-aarch64",
            "macos-x86_64",
            "linux-x86_64",
            "openbsd-aarch64",
        ];
        let formula = rendered("https://ballistics.zip", &platforms).unwrap();
        assert_ruby_reads(&formula);
        assert!(formula.starts_with("class Ballistics < Formula\n"));
        for platform in &platforms[..3] {
            let url = format!("url \"https://ballistics.zip/0.14.0/ballistics-0.14.0-{platform}\"");
            assert!(formula.contains(&url), "{formula}");
        }
        assert!(!formula.contains("openbsd"));
    }

    #[test]
    fn when_nobody_is_to_get_a_version_the_formula_says_so() {
        let mut index = index(&["linux-x86_64"]);
        let version = Version::parse("0.14.0").unwrap();
        index.yank(&version).unwrap();
        let disabled = formula("https://ballistics.zip", &index).unwrap();
        assert_ruby_reads(&disabled);
        assert!(disabled.contains("  disable! date: "), "{disabled}");
        assert!(!disabled.contains("0.14.0"), "{disabled}");
        index.restore(&version).unwrap();
        let again = formula("https://ballistics.zip", &index).unwrap();
        assert!(again.contains("  version \"0.14.0\"\n"), "{again}");
    }

    #[test]
    fn a_directory_is_a_url_and_nothing_of_it_is_read_by_ruby() {
        let formula = rendered("/srv/a \"b\" #{c}", &["linux-x86_64"]).unwrap();
        assert!(
            formula.contains(r#"url "file:///srv/a \"b\" \#{c}/0.14.0/"#),
            "{formula}"
        );
    }

    #[test]
    fn without_a_platform_of_homebrews_there_is_no_formula() {
        assert_eq!(rendered("https://ballistics.zip", &["netbsd-x86_64"]), None);
    }
}
