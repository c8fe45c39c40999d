//! The node's side of the conversation, read back: marks between the lines of its log, and binaries framed in its stdout.

use crate::words::{Digest, FailureClass, Stage, Target};
use std::io::{self, BufRead};

/// One `::NONCE:word ...` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    Fact {
        name: String,
        value: String,
    },
    /// The node waits for the source archive: on its stdin, or under this path.
    Ready(String),
    /// A proven binary lies under this path, for scp.
    File(RemoteFile),
    Stage(Stage),
    /// Another release holds the node's work directory.
    Waiting(String),
    TargetLost {
        target: Target,
        class: FailureClass,
        message: String,
    },
    JobLost {
        class: FailureClass,
        message: String,
    },
    /// The script's last word. Only this proves that it ran to its end.
    End(i32),
}

/// Tells this session's marks from the build's own output.
pub struct Marks {
    prefix: String,
}

impl Marks {
    pub fn new(nonce: &str) -> Marks {
        Marks {
            prefix: format!("::{nonce}:"),
        }
    }

    /// What a mark's line starts with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// `None` for a line of the log, and for a mark that is not well formed: that is then only a line.
    pub fn read(&self, line: &str) -> Option<Mark> {
        let (word, rest) = split(line.strip_prefix(&self.prefix)?);
        match word {
            "fact" => {
                let (name, value) = split(rest);
                Some(Mark::Fact {
                    name: name.into(),
                    // Whatever a program there said of itself.
                    value: value.replace(char::is_control, ""),
                })
            }
            "ready" => Some(Mark::Ready(split(rest).1.into())),
            "file" => read_file(rest).map(Mark::File),
            "stage" => Stage::parse(rest).map(Mark::Stage),
            "waiting" => Some(Mark::Waiting(rest.into())),
            "target" => {
                let (target, rest) = split(rest);
                let (class, message) = split(rest);
                let target = Target::parse(target).ok()?;
                Some(Mark::TargetLost {
                    target,
                    class: class_of(class)?,
                    message: message.into(),
                })
            }
            "fail" => {
                let (class, message) = split(rest);
                Some(Mark::JobLost {
                    class: class_of(class)?,
                    message: message.into(),
                })
            }
            "end" => rest.parse().ok().map(Mark::End),
            _ => None,
        }
    }
}

/// Whether a line is a mark of some session's. What a compiler says may hold colons too.
pub fn is_mark(line: &str) -> bool {
    let nonce = line
        .strip_prefix("::")
        .and_then(|rest| rest.split_once(':'));
    nonce
        .is_some_and(|(nonce, _)| nonce.len() == 12 && nonce.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn split(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

fn class_of(word: &str) -> Option<FailureClass> {
    match word {
        "probe" => Some(FailureClass::Probe),
        "build" => Some(FailureClass::Build),
        "proof" => Some(FailureClass::Proof),
        "transfer" | "collect" => Some(FailureClass::Transfer),
        "lost" => Some(FailureClass::Lost),
        _ => None,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    pub target: Target,
    pub size: u64,
    pub sha256: Digest,
    pub path: String,
}

fn read_file(text: &str) -> Option<RemoteFile> {
    let [target, size, sha256, path] = text.splitn(4, ' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(RemoteFile {
        target: Target::parse(target).ok()?,
        size: size.parse().ok()?,
        sha256: Digest::parse(sha256).ok()?,
        path: path.into(),
    })
}

/// A binary's place in the stream, and what the node says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    pub target: Target,
    pub offset: u64,
    pub size: u64,
    pub sha256: Digest,
}

/// Finds the frames. Whatever an rc file printed before the first one is skipped; a frame that is cut short is left out.
pub fn find_binaries(
    nonce: &str,
    stream: &mut (impl BufRead + io::Seek),
) -> io::Result<Vec<Framed>> {
    let prefix = format!("::{nonce}:binary ");
    let length = stream.seek(io::SeekFrom::End(0))?;
    let mut offset = stream.seek(io::SeekFrom::Start(0))?;
    let mut found = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = stream.read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(found);
        }
        offset += read;
        let frame = std::str::from_utf8(&line)
            .ok()
            .and_then(|text| read_frame(text.strip_prefix(&prefix)?, offset));
        if let Some(frame) = frame {
            if offset + frame.size > length {
                return Ok(found);
            }
            offset = stream.seek(io::SeekFrom::Start(offset + frame.size))?;
            found.push(frame);
        }
    }
}

fn read_frame(text: &str, offset: u64) -> Option<Framed> {
    let [target, size, sha256] = text.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(Framed {
        target: Target::parse(target).ok()?,
        offset,
        size: size.parse().ok()?,
        sha256: Digest::parse(sha256).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn target() -> Target {
        Target::parse("x86_64-unknown-netbsd").unwrap()
    }

    #[test]
    fn marks_are_told_from_the_log() {
        let marks = Marks::new("N");
        let cases = [
            (
                "::N:fact rustc rustc 1.95.0 (x)",
                Some(Mark::Fact {
                    name: "rustc".into(),
                    value: "rustc 1.95.0 (x)".into(),
                }),
            ),
            (
                "::N:fact cargo",
                Some(Mark::Fact {
                    name: "cargo".into(),
                    value: "".into(),
                }),
            ),
            (
                "::N:fact cargo a\x1b[31m\tb",
                Some(Mark::Fact {
                    name: "cargo".into(),
                    value: "a[31mb".into(),
                }),
            ),
            (
                "::N:ready 123 /w/source.7",
                Some(Mark::Ready("/w/source.7".into())),
            ),
            ("::N:stage prove", Some(Mark::Stage(Stage::Prove))),
            (
                "::N:target x86_64-unknown-netbsd proof it hangs",
                Some(Mark::TargetLost {
                    target: target(),
                    class: FailureClass::Proof,
                    message: "it hangs".into(),
                }),
            ),
            (
                "::N:fail collect no hash",
                Some(Mark::JobLost {
                    class: FailureClass::Transfer,
                    message: "no hash".into(),
                }),
            ),
            ("::N:end 1", Some(Mark::End(1))),
            ("::M:end 0", None),
            ("::N:end", None),
            ("::N:stage lunch", None),
            (" ::N:end 0", None),
            ("   Compiling p v0.1.0", None),
        ];
        for (line, mark) in cases {
            assert_eq!(marks.read(line), mark, "{line}");
        }
    }

    #[test]
    fn marks_of_any_session_are_told_from_a_languages_paths() {
        for (line, mark) in [
            ("::0123456789ab:fact os Linux", true),
            ("::0123456789ab", false),
            ("::core::fmt::Debug", false),
            ("  use ::0123456789ab:x", false),
            ("", false),
        ] {
            assert_eq!(is_mark(line), mark, "{line}");
        }
    }

    #[test]
    fn binaries_are_cut_out_of_whatever_surrounds_them() {
        let body: &[u8] = b"\x7fELF\n::N:binary fake 1 2\n\0";
        let sum = Digest::of(body);
        let mut stream = b"motd without a newline".to_vec();
        for _ in 0..2 {
            stream.extend(format!("\n::N:binary {} {} {sum}\n", target(), body.len()).bytes());
            stream.extend(body);
        }
        let frames = find_binaries("N", &mut Cursor::new(&stream)).unwrap();
        assert_eq!(frames.len(), 2);
        for frame in frames {
            let bytes = &stream[frame.offset as usize..(frame.offset + frame.size) as usize];
            assert_eq!((bytes, &frame.sha256), (body, &sum));
        }
    }

    #[test]
    fn a_binary_cut_short_is_not_found() {
        let stream =
            format!("\n::N:binary {} 10 {}\nshort", target(), Digest::of(b"")).into_bytes();
        assert_eq!(find_binaries("N", &mut Cursor::new(&stream)).unwrap(), []);
        assert_eq!(find_binaries("N", &mut Cursor::new(b"")).unwrap(), []);
    }
}
