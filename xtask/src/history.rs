//! `dist/history.jsonl`: one line per job, for order and estimates. A line that does not read is passed over: nothing depends on this file.

use crate::words::{NodeName, Platform, Stage, Version};
use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub at: String,
    pub version: Version,
    pub node: NodeName,
    pub platform: Platform,
    pub outcome: String,
    pub seconds: f64,
    pub stages: BTreeMap<Stage, f64>,
}

pub struct History {
    path: Utf8PathBuf,
    lines: Vec<Line>,
}

impl History {
    pub fn read(dist: &Utf8Path) -> History {
        let path = dist.join("history.jsonl");
        let lines = File::open(&path).map(|file| {
            let lines = BufReader::new(file).lines().map_while(Result::ok);
            lines
                .filter_map(|line| serde_json::from_str(&line).ok())
                .collect()
        });
        History {
            path,
            lines: lines.unwrap_or_default(),
        }
    }

    /// The median of the last five builds of a node.
    pub fn usual(&self, node: &NodeName) -> Option<Duration> {
        let built = |line: &&Line| line.node == *node && line.outcome == "built";
        let mut last: Vec<f64> = self
            .lines
            .iter()
            .rev()
            .filter(built)
            .take(5)
            .map(|line| line.seconds)
            .collect();
        last.sort_by(f64::total_cmp);
        let median = last.get(last.len() / 2)?;
        Duration::try_from_secs_f64(*median).ok()
    }

    /// One write of one line, so that two releases at once do not cut each other's.
    pub fn add(&self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{} cannot be written", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_time_is_the_median_of_the_last_builds() {
        let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let dist = Utf8Path::from_path(directory.path()).unwrap();
        let node = NodeName::parse("n").unwrap();
        assert_eq!(History::read(dist).usual(&node), None);
        let history = History::read(dist);
        for (outcome, seconds) in [
            ("built", 500.0),
            ("built", 1.0),
            ("built", 9.0),
            ("failed", 0.1),
            ("built", 2.0),
            ("built", 3.0),
            ("built", 4.0),
        ] {
            let line = Line {
                at: "2026-01-01T00:00:00Z".into(),
                version: Version::parse("1.0.0").unwrap(),
                node: node.clone(),
                platform: Platform::parse("netbsd-x86_64").unwrap(),
                outcome: outcome.into(),
                seconds,
                stages: BTreeMap::from([(Stage::Build, seconds)]),
            };
            history.add(&line).unwrap();
        }
        std::fs::OpenOptions::new()
            .append(true)
            .open(dist.join("history.jsonl"))
            .unwrap()
            .write_all(b"{\"cut")
            .unwrap();
        assert_eq!(
            History::read(dist).usual(&node),
            Some(Duration::from_secs(3))
        );
    }
}
