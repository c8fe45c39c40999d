//! The line that says how far the objects on their way are.

use crate::ui::{JobLine, Ui};
use crate::words::{counted, show_duration};
use anyhow::{Context, Result};
use camino::Utf8Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Bytes and rate.
pub struct Progress<'a> {
    ui: &'a Ui,
    line: Option<JobLine<'a>>,
    files: usize,
    total: u64,
    started: Instant,
    so_far: Mutex<(u64, Instant)>,
}

const SHOWN_EVERY: Duration = Duration::from_millis(500);

impl<'a> Progress<'a> {
    /// Quiet where there is nothing to send.
    pub fn of<'p>(paths: impl Iterator<Item = &'p Utf8Path>, ui: &'a Ui) -> Result<Progress<'a>> {
        let sizes = paths.map(|path| {
            let metadata = path.metadata().with_context(|| format!("reading {path}"))?;
            anyhow::Ok(metadata.len())
        });
        let sizes = sizes.collect::<Result<Vec<u64>>>()?;
        let now = Instant::now();
        Ok(Progress {
            ui,
            line: (!sizes.is_empty()).then(|| ui.job("upload", None)),
            files: sizes.len(),
            total: sizes.iter().sum(),
            started: now,
            so_far: Mutex::new((0, now)),
        })
    }

    pub fn sent(&self, bytes: u64) {
        let mut so_far = self.so_far.lock().expect("nothing panics here");
        so_far.0 += bytes;
        if so_far.1.elapsed() < SHOWN_EVERY {
            return;
        }
        so_far.1 = Instant::now();
        if let Some(line) = &self.line {
            // What is sent twice is counted twice.
            let done = so_far.0.min(self.total);
            line.output(&format!(
                "{} of {}, {}",
                megabytes(done),
                megabytes(self.total),
                self.rate(so_far.0)
            ));
        }
    }

    pub fn done(self) {
        let elapsed = self.started.elapsed();
        let text = format!(
            "{}, {} in {}, {}",
            counted(self.files, "file"),
            megabytes(self.total),
            show_duration(elapsed),
            self.rate(self.total)
        );
        if let Some(line) = self.line {
            line.clear();
            self.ui.say(&format!("[upload] {text}"));
        }
    }

    fn rate(&self, bytes: u64) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        format!("{}/s", megabytes((bytes as f64 / seconds) as u64))
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0..=99_999 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(megabytes(65), "0.1 kB");
        assert_eq!(megabytes(5_000_000), "5.0 MB");
    }
}
