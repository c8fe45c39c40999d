//! What each value of `nodes.toml` may hold. Whatever reaches a shell, an ssh command line or a URL is held to an alphabet here.

use crate::words::distance;
use anyhow::{bail, Result};

/// `user@name`, an alias, or `user@[address]`; nothing that ssh or a shell would read as anything else.
pub fn ssh_destination(text: &str) -> Result<String> {
    let remedy = "write `local`, user@name, or an alias of your ssh configuration (ports and keys belong there)";
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._@:%-[]".contains(&b);
    if text.is_empty()
        || text.starts_with('-')
        || !text.bytes().all(allowed)
        || text.matches('@').count() > 1
    {
        bail!(
            "host `{}` is no ssh destination; {remedy}",
            text.escape_debug()
        );
    }
    if text.ends_with('@') || text.starts_with('@') {
        bail!("host `{text}` lacks its user or its name; {remedy}");
    }
    if text
        .rsplit('@')
        .next()
        .is_some_and(|name| name.starts_with('-'))
    {
        bail!("host `{text}` has a name that starts with `-`; {remedy}");
    }
    Ok(text.to_string())
}

pub fn https_url(text: &str) -> Result<String> {
    let rest = text.strip_prefix("https://").or_else(|| loopback(text));
    let Some(rest) = rest else {
        bail!("`{}` is no https URL", text.escape_debug())
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&b);
    if rest.is_empty() || rest.starts_with('/') || !rest.bytes().all(allowed) {
        bail!(
            "`{}` is no plain https URL; leave out user, query and fragment",
            text.escape_debug()
        );
    }
    Ok(text.trim_end_matches('/').to_string())
}

/// Plain http is for a server on this very machine.
fn loopback(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("http://")?;
    let host = rest.split(['/', ':']).next()?;
    matches!(host, "127.0.0.1" | "localhost").then_some(rest)
}

/// `gs://bucket` or the path of a directory.
pub fn store(text: &str) -> Result<String> {
    if let Some(bucket) = text.strip_prefix("gs://") {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        if !(3..=222).contains(&bucket.len()) || !bucket.bytes().all(allowed) {
            bail!(
                "store `{}` is no bucket; write gs://name, without a folder",
                text.escape_debug()
            );
        }
    } else if text.is_empty() || text.contains("://") || text.contains(['\n', '\0']) {
        bail!(
            "store `{}` is neither gs://bucket nor a directory",
            text.escape_debug()
        );
    }
    Ok(text.to_string())
}

pub fn ed25519_key(text: &str) -> Result<String> {
    let mut words = text.split_ascii_whitespace();
    let (kind, blob) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let base64 = blob
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    // An ed25519 public key is 51 bytes: 68 characters that start with its type.
    if kind != "ssh-ed25519"
        || blob.len() != 68
        || !base64
        || !blob.starts_with("AAAAC3NzaC1lZDI1NTE5")
    {
        bail!(
            "release key `{}` is no ed25519 public key; paste the line of the .pub file",
            text.escape_debug()
        );
    }
    Ok(format!("{kind} {blob}"))
}

pub fn variable_name(text: &str) -> Result<String> {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !first || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        bail!(
            "`{}` is no environment variable's name",
            text.escape_debug()
        );
    }
    Ok(text.to_string())
}

/// One run of the binary, as in `--version` or `selftest --quick`.
pub fn program_arguments(text: &str) -> Result<Vec<String>> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_=.,/ ".contains(&b);
    let words: Vec<String> = text.split_ascii_whitespace().map(String::from).collect();
    if words.is_empty() || !text.bytes().all(allowed) {
        bail!(
            "prove `{}` is no plain list of arguments",
            text.escape_debug()
        );
    }
    Ok(words)
}

/// An argument of cargo travels quoted, so it may hold anything but a line break.
pub fn cargo_argument(text: &str) -> Result<()> {
    if text.is_empty() || text.contains(['\n', '\r', '\0']) {
        bail!(
            "cargo argument `{}` is empty or holds a line break",
            text.escape_debug()
        );
    }
    if ["--target", "--target-dir", "--locked", "--manifest-path"]
        .iter()
        .any(|own| text == *own || text.starts_with(&format!("{own}=")))
    {
        bail!("cargo argument `{text}` is set by the release itself; leave it out");
    }
    Ok(())
}

pub fn dotted_number(text: &str) -> Result<String> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| {
        !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit())
    };
    if parts.len() < 2 || !parts.iter().all(number) {
        bail!(
            "`{}` is no glibc version; write it as 2.28",
            text.escape_debug()
        );
    }
    Ok(text.to_string())
}

/// A `build_command` is run as its owner wrote it; only a near miss of a placeholder is refused.
pub fn template(text: &str) -> Result<String> {
    if text.trim().is_empty() || text.contains('\0') {
        bail!("an empty build_command; leave it out for `cargo build --release --locked`");
    }
    check_placeholders(text)?;
    Ok(text.to_string())
}

pub fn path_template(text: &str) -> Result<String> {
    if text.is_empty() || text.contains(['\n', '\r', '\0']) {
        bail!("binary_path `{}` is no path", text.escape_debug());
    }
    check_placeholders(text)?;
    Ok(text.to_string())
}

/// `{versoin}` is a mistake; `${HOME}` and awk's braces are nobody's business.
fn check_placeholders(text: &str) -> Result<()> {
    for (start, _) in text.match_indices('{') {
        let Some(length) = text[start + 1..].find(['}', '{', '\n']) else {
            continue;
        };
        let word = &text[start + 1..start + 1 + length];
        let closed = text[start + 1 + length..].starts_with('}');
        if !closed || text[..start].ends_with('$') {
            continue;
        }
        for known in ["version", "target"] {
            if word != known && distance(word, known) <= 2 {
                bail!("`{{{word}}}` is no placeholder; did you mean `{{{known}}}`?");
            }
        }
    }
    Ok(())
}
