//! The screen: a live line per node on a terminal, plain lines elsewhere, events with `--json`. The only file that uses indicatif.
//!
//! stdout carries results, stderr talk. Either may be gone before the work is done: what cannot be shown is not shown, and nothing
//! that is done depends on it.

use crate::words::{show_duration, Absence, Outcome, Platform, Stage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{json, Value};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Talk {
    #[default]
    Normal,
    Quiet,
    Verbose,
}

/// How results are given on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Results {
    #[default]
    Text,
    /// One event a line, as docs/json.md describes.
    Events,
}

pub struct Ui {
    talk: Talk,
    results: Results,
    live: Option<MultiProgress>,
}

/// One line of the closing table.
pub struct Row {
    pub node: String,
    pub platform: Platform,
    pub absence: Absence,
    pub outcome: Outcome,
    pub elapsed: Duration,
}

impl Ui {
    pub fn new(talk: Talk, results: Results) -> Ui {
        let terminal = std::io::stderr().is_terminal()
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let live = (terminal && results == Results::Text && talk == Talk::Normal)
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        Ui {
            talk,
            results,
            live,
        }
    }

    /// Talk: what happens.
    pub fn say(&self, text: &str) {
        match self.talk {
            Talk::Quiet => {}
            _ => self.warn(text),
        }
    }

    /// What the user has to know although the run goes on; also under `--quiet`.
    pub fn warn(&self, text: &str) {
        let text = printable(text);
        match &self.live {
            // Not its `suspend`, which panics when the terminal is gone.
            Some(live) => drop(live.println(text)),
            None => talk(&text),
        }
    }

    /// A result, on stdout; under `--json` an event of that name.
    pub fn result(&self, text: &str) {
        match self.results {
            Results::Events => self.event("result", json!({"text": text})),
            Results::Text => print(&printable(text)),
        }
    }

    /// The same for values that an event of their own has: nothing under `--json`.
    pub fn show(&self, text: &str) {
        if self.results == Results::Text {
            print(&printable(text));
        }
    }

    /// One line of JSON on stdout; docs/json.md describes each event.
    pub fn event(&self, name: &str, mut fields: Value) {
        if self.results == Results::Events {
            fields["event"] = json!(name);
            print(&fields.to_string());
        }
    }

    pub fn job(&self, name: &str, usual: Option<Duration>) -> JobLine<'_> {
        let bar = self.live.as_ref().map(|live| {
            let bar = live.add(ProgressBar::new_spinner());
            bar.set_style(live_style());
            bar.set_prefix(name.to_string());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        JobLine {
            ui: self,
            name: name.to_string(),
            usual,
            started: Instant::now(),
            warned: false,
            stage: None,
            bar,
        }
    }

    /// The closing table, the fastest first.
    pub fn table(&self, rows: &mut [Row]) {
        rows.sort_by_key(|row| row.elapsed);
        self.say("Build results:");
        let width = terminal::Term::stderr().size_checked();
        for line in table_lines(rows, width.map(|(_, columns)| columns.into())) {
            self.say(&line);
        }
    }
}

/// Cut to the terminal's width, if there is a terminal.
fn table_lines(rows: &[Row], width: Option<usize>) -> Vec<String> {
    let node_width = rows.iter().map(|row| row.node.len()).max().unwrap_or(0);
    let line = |row: &Row| {
        let time = match row.outcome {
            Outcome::Skipped(_) => "-".into(),
            _ => show_duration(row.elapsed),
        };
        let note = match &row.outcome {
            Outcome::Built(artifact) | Outcome::Reused(artifact) => {
                format!("{:>9} bytes  {}", artifact.size, artifact.floor)
            }
            Outcome::Failed(failure) => failure.message.clone(),
            Outcome::Skipped(reason) => reason.clone(),
        };
        let note = note.lines().next().unwrap_or_default();
        let line = format!(
            "  {:node_width$}  {:16}  {:8} {time:>8}  {note}",
            row.node,
            row.platform,
            row.outcome.word()
        );
        cut(line.trim_end(), width.unwrap_or(usize::MAX))
    };
    rows.iter().map(line).collect()
}

fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_string();
    }
    let kept: String = line.chars().take(width.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

/// A line on stdout, for those who still read it.
pub fn print(text: &str) {
    write_line(std::io::stdout(), text);
}

/// A line on stderr, likewise.
pub fn talk(text: &str) {
    write_line(std::io::stderr(), text);
}

/// Unlike `println!`, which panics when the terminal was closed or a pipe's reader has left: a release has machines to stop then.
fn write_line(mut stream: impl Write, text: &str) {
    let _ = writeln!(stream, "{text}");
}

fn live_style() -> ProgressStyle {
    let template = match std::env::var_os("NO_COLOR") {
        Some(_) => "{spinner} {prefix} {elapsed:>4} {wide_msg}",
        None => "{spinner:.cyan} {prefix:.bold} {elapsed:>4} {wide_msg}",
    };
    ProgressStyle::with_template(template).expect("the template is constant")
}

/// The stage first: of a narrow terminal's line it is what has to be left.
fn live_message(stage: Option<Stage>, usual: Option<Duration>, line: &str) -> String {
    let stage = stage.map(|stage| format!("{stage:7} ")).unwrap_or_default();
    let usual = usual.map(|usual| format!("of about {} ", show_duration(usual)));
    format!("{stage}{}{}", usual.unwrap_or_default(), shortened(line))
}

/// One job's line while it runs.
pub struct JobLine<'a> {
    ui: &'a Ui,
    name: String,
    /// What it took the last times, for the estimate.
    usual: Option<Duration>,
    started: Instant,
    warned: bool,
    stage: Option<Stage>,
    bar: Option<ProgressBar>,
}

impl JobLine<'_> {
    pub fn stage(&mut self, stage: Stage) {
        self.stage = Some(stage);
        self.ui
            .event("stage", json!({"job": self.name, "stage": stage}));
        match self.bar {
            Some(_) => self.show(""),
            None => self.ui.say(&format!("[{}] {stage}", self.name)),
        }
    }

    /// Looked at every tick.
    pub fn tick(&mut self) {
        self.warn_when_late();
    }

    /// The last line of the build's output.
    pub fn output(&self, line: &str) {
        match self.bar {
            Some(_) => self.show(line),
            None if self.ui.talk == Talk::Verbose => {
                self.ui.say(&format!("[{}] {}", self.name, shortened(line)))
            }
            None => {}
        }
    }

    pub fn note(&self, text: &str) {
        self.ui.say(&format!("[{}] {text}", self.name));
    }

    fn show(&self, line: &str) {
        let Some(bar) = &self.bar else { return };
        bar.set_message(live_message(self.stage, self.usual, line));
    }

    /// The job is over: its live line goes, one plain line stays.
    pub fn done(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.ui.say(&format!(
            "[{}] ended after {}",
            self.name,
            show_duration(self.started.elapsed())
        ));
    }

    /// The live line goes, and nothing is said.
    pub fn clear(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Said once, when a job takes three times as long as it usually does. Never a reason to end it.
    fn warn_when_late(&mut self) {
        let Some(usual) = self.usual.filter(|_| !self.warned) else {
            return;
        };
        if self.started.elapsed() > usual * 3 {
            self.warned = true;
            self.ui.warn(&format!(
                "[{}] takes three times as long as usual ({})",
                self.name,
                show_duration(usual)
            ));
        }
    }
}

/// What nodes say may hold anything, and much of what is said here quotes them; a terminal must not obey it.
fn printable(text: &str) -> String {
    let harmless = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(harmless).collect()
}

fn shortened(line: &str) -> String {
    let plain = line.chars().filter(|c| !c.is_control());
    plain.take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Failure, FailureClass};

    fn row(node: &str, outcome: Outcome) -> Row {
        Row {
            node: node.into(),
            platform: Platform::parse("openbsd-aarch64").unwrap(),
            absence: Absence::HoldsBack,
            outcome,
            elapsed: Duration::from_secs(75),
        }
    }

    #[test]
    fn the_table_says_why_a_node_failed_as_far_as_the_terminal_is_wide() {
        let failure = Failure {
            stage: Stage::Build,
            class: FailureClass::Build,
            message: "the build ended with status 101".into(),
        };
        let reason = "a linux machine does not build it".to_string();
        let rows = [
            row("rig", Outcome::Failed(failure)),
            row("elsewhere", Outcome::Skipped(reason)),
        ];
        assert_eq!(
            table_lines(&rows, None),
            [
                "  rig        openbsd-aarch64   failed     1m 15s  the build ended with status 101",
                "  elsewhere  openbsd-aarch64   skipped         -  a linux machine does not build it",
            ]
        );
        let narrow = table_lines(&rows, Some(60));
        assert_eq!(
            narrow[0],
            "  rig        openbsd-aarch64   failed     1m 15s  the bui..."
        );
        assert_eq!(
            narrow[1],
            "  elsewhere  openbsd-aarch64   skipped         -  a linux..."
        );
        assert!(narrow.iter().all(|line| line.len() <= 60));
    }

    #[test]
    fn the_stage_stands_before_what_a_narrow_terminal_cuts() {
        let usual = Some(Duration::from_secs(392));
        assert_eq!(
            live_message(Some(Stage::Build), usual, "Compiling x\t"),
            "build   of about 6m 32s Compiling x"
        );
        assert_eq!(live_message(Some(Stage::Collect), None, ""), "collect ");
        assert_eq!(live_message(None, None, "1.0 MB"), "1.0 MB");
    }
}
