//! A session's log: the session writes its raw output to one file, and each line of it gets a time and goes into the node's log.

use crate::files::remove_if_there;
use crate::script::is_mark;
use crate::words::show_time;
use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant, SystemTime};

pub struct Log {
    raw_path: Utf8PathBuf,
    raw: File,
    path: Utf8PathBuf,
    log: File,
    /// What stands before it on a line is a line of the build's, or of an rc file's, that had no end.
    mark: String,
    /// The beginning of a line that is not whole yet.
    rest: Vec<u8>,
    buffer: Vec<u8>,
    /// How much of the raw output has been read.
    position: u64,
    last_growth: Instant,
}

impl Log {
    /// Adds to the log, which earlier attempts of the same job may have begun.
    pub fn open(raw_path: &Utf8Path, path: &Utf8Path, mark: &str) -> Result<Log> {
        let log = File::options()
            .append(true)
            .open(path)
            .with_context(|| format!("{path} cannot be written"))?;
        File::create(raw_path).with_context(|| format!("{raw_path} cannot be written"))?;
        let raw = File::open(raw_path).with_context(|| format!("reading {raw_path}"))?;
        Ok(Log {
            raw_path: raw_path.to_owned(),
            raw,
            path: path.to_owned(),
            log,
            mark: mark.to_string(),
            rest: Vec::new(),
            buffer: vec![0; 256 * 1024],
            position: 0,
            last_growth: Instant::now(),
        })
    }

    /// For the session's stderr.
    pub fn writer(&self) -> Result<File> {
        File::options()
            .append(true)
            .open(&self.raw_path)
            .with_context(|| format!("{} cannot be written", self.raw_path))
    }

    /// Since when nothing was written.
    pub fn silence(&self) -> Duration {
        self.last_growth.elapsed()
    }

    /// What the session has written until now. What it left behind may write on for ever.
    pub fn written(&self) -> Result<u64> {
        let metadata = self.raw.metadata();
        Ok(metadata
            .with_context(|| format!("reading {}", self.raw_path))?
            .len())
    }

    pub fn has_read(&self, written: u64) -> bool {
        self.position >= written
    }

    /// At most a buffer's worth at a time, so that a flood of output does not keep the caller from its clocks.
    pub fn new_lines(&mut self) -> Result<Vec<String>> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = self
            .raw
            .read(&mut buffer)
            .with_context(|| format!("reading {}", self.raw_path))?;
        let mut lines = Vec::new();
        self.position += read as u64;
        if read > 0 {
            self.last_growth = Instant::now();
        }
        for piece in buffer[..read].split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.rest.len() > MAX_LINE {
                self.take_line(&mut lines);
            }
        }
        self.buffer = buffer;
        if !lines.is_empty() {
            self.write(&lines)?;
        }
        Ok(lines)
    }

    fn take_line(&mut self, lines: &mut Vec<String>) {
        let text = String::from_utf8_lossy(&self.rest);
        let text = text.trim_end();
        match text.find(&self.mark) {
            Some(at) if at > 0 => lines.extend([text[..at].to_string(), text[at..].to_string()]),
            _ => lines.push(text.to_string()),
        }
        self.rest.clear();
    }

    fn write(&mut self, lines: &[String]) -> Result<()> {
        let now = now();
        let text: String = lines.iter().map(|line| format!("{now} {line}\n")).collect();
        self.log
            .write_all(text.as_bytes())
            .with_context(|| format!("{} cannot be written", self.path))
    }

    /// A last line without an end is one too.
    pub fn finish(mut self) -> Result<()> {
        if !self.rest.is_empty() {
            let mut lines = Vec::new();
            self.take_line(&mut lines);
            self.write(&lines)?;
        }
        remove_if_there(&self.raw_path)
    }
}

/// An empty log under several names: a job of several nodes writes it once.
pub fn begin(logs: &[Utf8PathBuf]) -> Result<()> {
    let first = &logs[0];
    for path in logs {
        remove_if_there(path)?;
    }
    File::create(first).with_context(|| format!("{first} cannot be written"))?;
    for path in &logs[1..] {
        fs::hard_link(first, path).with_context(|| format!("{path} cannot be written"))?;
    }
    Ok(())
}

/// One more line, when the session is over.
pub fn add_line(path: &Utf8Path, text: &str) -> Result<()> {
    let file = File::options().append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{} {text}", now()))
        .with_context(|| format!("{path} cannot be written"))
}

fn now() -> String {
    show_time(SystemTime::now())
}

/// The last lines that are no marks. The log may be longer than memory is.
pub fn last_lines(path: &Utf8Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(MAX_LINE as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MAX_LINE as u64).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first may have lost its beginning.
    let whole = text.lines().skip(usize::from(start > 0));
    let is_output = |line: &&str| line.split_once(' ').is_none_or(|(_, said)| !is_mark(said));
    let lines: Vec<&str> = whole.filter(is_output).collect();
    let last = &lines[lines.len().saturating_sub(count)..];
    Ok(last.iter().map(|line| line.to_string()).collect())
}

/// A longer line is broken: a build may write anything.
const MAX_LINE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_get_a_time_whatever_they_hold_and_one_log_has_both_names() {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let names = [root.join("a.log"), root.join("b.log")];
        begin(&names).unwrap();
        let mut log = Log::open(&root.join("raw"), &names[0], "::N:").unwrap();
        let mut writer = log.writer().unwrap();
        writer.write_all(b"one\ntw\xffo\nhal").unwrap();
        assert_eq!(log.new_lines().unwrap(), ["one", "tw\u{fffd}o"]);
        writer.write_all(b"f::N:end 0\nlast").unwrap();
        assert_eq!(log.new_lines().unwrap(), ["half", "::N:end 0"]);
        log.finish().unwrap();
        let text = fs::read_to_string(&names[1]).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.split_once("Z ").unwrap().1)
            .collect();
        assert_eq!(lines, ["one", "tw\u{fffd}o", "half", "::N:end 0", "last"]);
        add_line(&names[0], "::0123456789ab:end 0").unwrap();
        let last = super::last_lines(&names[0], 2).unwrap();
        assert!(
            last[0].ends_with("Z ::N:end 0") && last[1].ends_with("Z last"),
            "{last:?}"
        );
        assert!(!root.join("raw").exists());
    }
}
