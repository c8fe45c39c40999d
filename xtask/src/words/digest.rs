//! A SHA-256 as this program speaks of it: 64 lower-case hex digits.

use anyhow::{bail, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, BufReader, Read};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// Read at once: a call of the hasher costs more than a few bytes.
const PIECE: usize = 1 << 17;

impl Digest {
    /// Stands for bytes that are not made yet.
    pub fn zero() -> Digest {
        Digest("0".repeat(64))
    }

    pub fn of(bytes: &[u8]) -> Digest {
        Digest(hex::encode(Sha256::digest(bytes)))
    }

    /// Reads to the end, keeping nothing; returns the size too.
    pub fn of_reader(reader: impl Read) -> io::Result<(Digest, u64)> {
        let mut hasher = Sha256::new();
        let size = io::copy(&mut BufReader::with_capacity(PIECE, reader), &mut hasher)?;
        Ok((Digest(hex::encode(hasher.finalize())), size))
    }

    pub fn parse(text: &str) -> Result<Digest> {
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            bail!(
                "`{}` is no SHA-256 (64 lower-case hex digits)",
                text.escape_debug()
            );
        }
        Ok(Digest(text.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = anyhow::Error;
    fn try_from(text: String) -> Result<Digest> {
        Digest::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc_is_the_one_fips_180_gives() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").as_str(), expected);
        assert_eq!(
            Digest::of_reader(&b"abc"[..]).unwrap(),
            (Digest::of(b"abc"), 3)
        );
    }

    #[test]
    fn only_64_lower_case_hex_digits_are_a_digest() {
        let good = Digest::of(b"").to_string();
        assert!(Digest::parse(&good).is_ok());
        for bad in [&good[1..], &good.to_uppercase(), &format!("{good}\n"), ""] {
            assert!(Digest::parse(bad).is_err(), "{bad:?}");
        }
    }
}
