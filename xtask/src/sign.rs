//! Signatures by OpenSSH: `ssh-keygen -Y`, ed25519, over the line that `SHA256SUMS` has for a file. Never prompts.

use crate::index::{sum_line, Index};
use crate::process::{Output, Timed};
use crate::words::{refuse, Digest};
use anyhow::{bail, Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::time::Duration;

pub const NAMESPACE: &str = "ballistics-release";
/// A file that nobody has, to try a key on.
const PROBE: &str = "probe";
const DEADLINE: Duration = Duration::from_secs(30);

/// The key that signs, and all keys that installers accept.
#[derive(Clone)]
pub struct Signer {
    key: Utf8PathBuf,
    release_keys: Vec<String>,
}

impl Signer {
    /// Signs a probe and verifies it, so that a bad key is known before anything is built.
    pub fn open(key: &str, release_keys: &[String]) -> Result<Signer> {
        let signer = Signer::at(key, release_keys)?;
        let (hash, name) = (Digest::of(PROBE.as_bytes()), PROBE);
        if !signer.verifies(&hash, name, &signer.sign(&hash, name)?)? {
            bail!("signing key {} is none of `release_keys` in nodes.toml; add the line of its .pub file there", signer.key);
        }
        Ok(signer)
    }

    /// Fails where the key is not, or does not sign.
    pub fn try_out(key: &str) -> Result<()> {
        let signer = Signer::at(key, &[])?;
        signer.sign(&Digest::of(PROBE.as_bytes()), PROBE)?;
        Ok(())
    }

    fn at(key: &str, release_keys: &[String]) -> Result<Signer> {
        let key = expand_home(key)?;
        if !key.is_file() {
            bail!("signing key {key} does not exist; make it with `ssh-keygen -t ed25519 -f {key}`, or leave `signing_key` out of nodes.toml");
        }
        Ok(Signer {
            key,
            release_keys: release_keys.to_vec(),
        })
    }

    pub fn sign(&self, sha256: &Digest, file: &str) -> Result<Vec<u8>> {
        let output = keygen(&["-Y", "sign", "-q", "-n", NAMESPACE, "-f", self.key.as_str()])
            .input(sum_line(sha256, file).as_bytes())
            .run()
            .with_context(|| format!("signing with {}", self.key))?;
        if !output.status.success() || output.stdout.is_empty() {
            bail!("signing with {}: {}; a key with a passphrase belongs in the ssh agent, with `signing_key` naming its .pub file", self.key, last_line(&output));
        }
        Ok(output.stdout)
    }

    pub fn verifies(&self, sha256: &Digest, file: &str, signature: &[u8]) -> Result<bool> {
        verifies(&self.release_keys, sha256, file, signature)
    }
}

/// Whoever installed a signed release has an installer that asks for signatures, and an unsigned one would take its keys away.
pub fn check_continued(index: &Index, signer: Option<&Signer>, place: &str) -> Result<()> {
    match (index.newest_signed(), signer) {
        (Some(version), None) => Err(refuse(format!(
            "{place} holds signed releases ({version}), and this one would be unsigned, its installer without keys; set `signing_key` in nodes.toml (for a lost key: a new one, in `release_keys` too)"
        ))),
        _ => Ok(()),
    }
}

/// True when one of the keys made the signature over this file's line.
pub fn verifies(keys: &[String], sha256: &Digest, file: &str, signature: &[u8]) -> Result<bool> {
    let directory = xshell::Shell::new()?.create_temp_dir()?;
    let (signers, signature_file) = (
        directory.path().join("signers"),
        directory.path().join("signature"),
    );
    let lines: String = keys
        .iter()
        .map(|key| format!("{NAMESPACE} namespaces=\"{NAMESPACE}\" {key}\n"))
        .collect();
    std::fs::write(&signers, lines)?;
    std::fs::write(&signature_file, signature)?;
    let output = keygen(&["-Y", "verify", "-q", "-n", NAMESPACE, "-I", NAMESPACE])
        .arg("-f")
        .arg(signers)
        .arg("-s")
        .arg(signature_file)
        .input(sum_line(sha256, file).as_bytes())
        .run()?;
    Ok(output.status.success())
}

/// `SHA256:...` of each key, as it belongs in the README.
pub fn fingerprints(keys: &[String]) -> Result<Vec<String>> {
    let read = |key: &String| {
        let output = keygen(&["-l", "-f", "-"])
            .input(format!("{key}\n").as_bytes())
            .run()?;
        let text = output.text();
        let word = text
            .split_whitespace()
            .nth(1)
            .context("ssh-keygen names no fingerprint")?;
        Ok(word.to_string())
    };
    keys.iter().map(read).collect()
}

fn keygen(arguments: &[&str]) -> Timed {
    // An askpass that refuses: without it ssh-keygen would ask for a passphrase on the terminal.
    Timed::new("ssh-keygen", DEADLINE)
        .args(arguments.iter().copied())
        .env("SSH_ASKPASS", "false")
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("DISPLAY", ":")
}

fn last_line(output: &Output) -> String {
    let text = output.complaint();
    text.lines()
        .last()
        .unwrap_or("ssh-keygen said nothing")
        .trim()
        .to_string()
}

fn expand_home(path: &str) -> Result<Utf8PathBuf> {
    match path.strip_prefix("~/") {
        None => Ok(path.into()),
        Some(rest) => {
            let home = std::env::var("HOME")
                .context("HOME is not set, and `signing_key` starts with ~")?;
            Ok(Utf8Path::new(&home).join(rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(directory: &std::path::Path, name: &str, passphrase: &str) -> (String, String) {
        let path = directory.join(name).into_os_string().into_string().unwrap();
        let made = keygen(&["-q", "-t", "ed25519", "-N", passphrase, "-f", &path])
            .run()
            .unwrap();
        assert!(made.status.success(), "{}", made.complaint());
        let public = std::fs::read_to_string(format!("{path}.pub")).unwrap();
        let words: Vec<&str> = public.split_whitespace().take(2).collect();
        (path, words.join(" "))
    }

    #[test]
    fn a_signature_binds_hash_and_name_and_is_made_again_the_same() {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let (path, public) = key(directory.path(), "key", "");
        let signer = Signer::open(&path, &[public]).unwrap();
        let hash = Digest::of(b"a");
        let signature = signer.sign(&hash, "a-linux").unwrap();
        assert_eq!(signature, signer.sign(&hash, "a-linux").unwrap());
        assert!(signer.verifies(&hash, "a-linux", &signature).unwrap());
        assert!(!signer.verifies(&hash, "a-netbsd", &signature).unwrap());
        assert!(!signer
            .verifies(&Digest::of(b"b"), "a-linux", &signature)
            .unwrap());
    }

    #[test]
    fn keys_that_will_not_do_are_refused_before_anything_is_built() {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let (mine, public) = key(directory.path(), "mine", "");
        let (_, other) = key(directory.path(), "other", "");
        let (locked, locked_public) = key(directory.path(), "locked", "secret");
        let said = |key: &str, keys: &[String]| Signer::open(key, keys).err().unwrap().to_string();
        assert!(said("/nowhere/key", std::slice::from_ref(&public)).contains("does not exist"));
        assert!(said(&mine, std::slice::from_ref(&other)).contains("none of `release_keys`"));
        assert!(said(&locked, &[locked_public]).contains("belongs in the ssh agent"));
        assert!(Signer::open(&mine, &[other, public]).is_ok());
    }
}
