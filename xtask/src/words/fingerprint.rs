//! What is compared of bytes that are far away.

use super::Digest;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use std::io::{self, Read};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub size: u64,
    /// Google's own checksum of every object, as its API writes it. It finds accidents; whether two files are the same their SHA-256 tells.
    pub crc32c: String,
    pub sha256: Digest,
}

impl Fingerprint {
    pub fn of(bytes: &[u8]) -> Fingerprint {
        Fingerprint {
            size: bytes.len() as u64,
            crc32c: in_base64(crc32c::crc32c(bytes)),
            sha256: Digest::of(bytes),
        }
    }

    /// Reads to the end, keeping nothing.
    pub fn of_reader(reader: impl Read) -> io::Result<Fingerprint> {
        struct Summed<R>(R, u32);
        impl<R: Read> Read for Summed<R> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let size = self.0.read(buffer)?;
                self.1 = crc32c::crc32c_append(self.1, &buffer[..size]);
                Ok(size)
            }
        }
        let mut summed = Summed(reader, 0);
        let (sha256, size) = Digest::of_reader(&mut summed)?;
        Ok(Fingerprint {
            size,
            crc32c: in_base64(summed.1),
            sha256,
        })
    }
}

fn in_base64(crc32c: u32) -> String {
    BASE64.encode(crc32c.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_and_its_bytes_have_the_same_fingerprint() {
        // The check value of CRC-32C, of RFC 3720 and every table of it.
        let digits = Fingerprint::of(b"123456789");
        assert_eq!(
            BASE64.decode(&digits.crc32c).unwrap(),
            [0xe3, 0x06, 0x92, 0x83]
        );
        let long = vec![7; 300_000];
        for bytes in [&b""[..], b"123456789", &long] {
            assert_eq!(
                Fingerprint::of_reader(bytes).unwrap(),
                Fingerprint::of(bytes)
            );
        }
    }
}
