//! The store's own copy of `install.sh`: where it reads from and whose signatures it takes. Text in, text out.

use crate::script::{quote, quote_where_needed};
use crate::words::Version;
use anyhow::{bail, Result};

/// What a store's installer is told; without keys it says so to its users.
pub struct Settings<'a> {
    pub base_url: &'a str,
    pub release_keys: &'a [String],
    pub signed_since: Option<&'a Version>,
}

/// What this machine's user has set for an installer of his own, which a check of a store's installer must not see.
pub const FORGET_SETTINGS: &str =
    "unset BALLISTICS_BASE_URL BALLISTICS_CA_FILE BALLISTICS_REQUIRE_SIGNATURE BALLISTICS_TIMEOUT";

/// What a user pastes to install from a bucket that is read at this URL.
pub fn one_liner(base_url: &str) -> String {
    let installer = quote_where_needed(&format!("{base_url}/install.sh"));
    match base_url.starts_with("https://") {
        true => format!("curl --proto '=https' --tlsv1.2 -sSf {installer} | sh"),
        false => format!("curl -sSf {installer} | sh"),
    }
}

/// Fills in the three assignments of the repository's `install.sh`.
pub fn fill(template: &str, settings: &Settings) -> Result<String> {
    let since = settings
        .signed_since
        .map(Version::to_string)
        .unwrap_or_default();
    let mut text = template.to_string();
    for (name, value) in [
        ("base_url", settings.base_url),
        ("release_keys", &settings.release_keys.join("\n")),
        ("signed_since", &since),
    ] {
        text = assign(&text, name, value)?;
    }
    Ok(text)
}

fn assign(text: &str, name: &str, value: &str) -> Result<String> {
    let starts: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(&format!("{name}='")))
        .collect();
    let [line] = starts[..] else {
        bail!(
            "install.sh has {} lines that start with {name}=', and one is needed",
            starts.len()
        );
    };
    Ok(text.replacen(
        &format!("{line}\n"),
        &format!("{name}={}\n", quote(value)),
        1,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "#!/bin/sh\nbase_url='https://ballistics.zip'\nrelease_keys=''\nsigned_since=''\nmain() { :; }\n";

    #[test]
    fn the_three_assignments_are_filled_in_and_nothing_else_changes() {
        let keys = ["ssh-ed25519 A".to_string(), "ssh-ed25519 B".to_string()];
        let since = Version::parse("0.14.0").unwrap();
        let settings = Settings {
            base_url: "/it's here",
            release_keys: &keys,
            signed_since: Some(&since),
        };
        let expected = "#!/bin/sh\nbase_url='/it'\\''s here'\nrelease_keys='ssh-ed25519 A\nssh-ed25519 B'\nsigned_since='0.14.0'\nmain() { :; }\n";
        assert_eq!(fill(TEMPLATE, &settings).unwrap(), expected);
    }

    #[test]
    fn only_https_asks_for_what_only_https_has() {
        assert_eq!(
            one_liner("https://ballistics.zip"),
            "curl --proto '=https' --tlsv1.2 -sSf https://ballistics.zip/install.sh | sh"
        );
        assert_eq!(
            one_liner("http://127.0.0.1:8080/it's"),
            "curl -sSf 'http://127.0.0.1:8080/it'\\''s/install.sh' | sh"
        );
    }

    #[test]
    fn an_installer_without_its_assignments_is_refused() {
        let settings = Settings {
            base_url: "/x",
            release_keys: &[],
            signed_since: None,
        };
        let error = fill("#!/bin/sh\n", &settings).unwrap_err().to_string();
        assert_eq!(
            error,
            "install.sh has 0 lines that start with base_url=', and one is needed"
        );
    }

    #[test]
    fn the_repositorys_own_installer_can_be_filled() {
        let settings = Settings {
            base_url: "/x",
            release_keys: &[],
            signed_since: None,
        };
        assert!(fill(include_str!("../../install.sh"), &settings)
            .unwrap()
            .contains("\nbase_url='/x'\n"));
    }
}
