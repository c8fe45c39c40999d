//! The Homebrew formula of a store's latest version. Values in, text out.

use crate::index::Index;
use crate::inventory::Project;
use crate::words::{artifact_file, Arch, Os, Platform};
use std::fmt::Write;

/// What a store's root calls it.
pub const FILE: &str = "ballistics.rb";

/// `None` while no version is latest, or none of Homebrew's platforms is in it.
pub fn render(project: &Project, base_url: &str, index: &Index) -> Option<String> {
    let version = index.latest.as_ref()?;
    let entry = index.versions.get(version)?;
    let mut systems = String::new();
    for (os, block) in [(Os::Macos, "on_macos"), (Os::Linux, "on_linux")] {
        let mut machines = String::new();
        for (arch, block) in [(Arch::Aarch64, "on_arm"), (Arch::X86_64, "on_intel")] {
            let platform =
                Platform::all().find(|platform| (platform.os(), platform.arch()) == (os, arch))?;
            let Some(listed) = entry.platforms.get(&platform) else {
                continue;
            };
            let file = artifact_file(&project.binary, version, platform);
            let url = format!("{}/{version}/{file}", as_url(base_url));
            let _ = write!(
                machines,
                "    {block} do\n      url {}\n      sha256 \"{}\"\n    end\n",
                ruby_string(&url),
                listed.sha256
            );
        }
        if !machines.is_empty() {
            let _ = write!(systems, "  {block} do\n{machines}  end\n\n");
        }
    }
    if systems.is_empty() {
        return None;
    }
    let (binary, class) = (&project.binary, class_name(project.binary.as_str()));
    Some(format!(
        "class {class} < Formula\n  desc \"Exterior ballistics: trajectories, zeros and range cards\"\n  homepage {homepage}\n  version \"{version}\"\n  \
         license any_of: [\"MIT\", \"Apache-2.0\"]\n\n{systems}  def install\n    bin.install Dir[\"{binary}-*\"].first => \"{binary}\"\n  end\n\n  \
         test do\n    assert_match version.to_s, shell_output(\"#{{bin}}/{binary} --version\")\n  end\nend\n",
        homepage = ruby_string(&project.repository),
    ))
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

    fn rendered(base_url: &str, platforms: &[&str]) -> Option<String> {
        let fleet = Inventory::parse("nodes.toml", include_str!("../../nodes.toml")).unwrap();
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
        render(&fleet.project, base_url, &index)
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
        let ruby = Timed::new("ruby", Duration::from_secs(60))
            .arg("-c")
            .input(formula.as_bytes())
            .run();
        let ruby = ruby.expect("ruby is installed by `cargo xtask ci`");
        assert_eq!(ruby.text(), "Syntax OK", "{}\n{formula}", ruby.complaint());
        assert!(formula.starts_with("class Ballistics < Formula\n"));
        for platform in &platforms[..3] {
            let url = format!("url \"https://ballistics.zip/0.14.0/ballistics-0.14.0-{platform}\"");
            assert!(formula.contains(&url), "{formula}");
        }
        assert!(!formula.contains("openbsd"));
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
