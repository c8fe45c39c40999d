//! What a command found, apart from how it is printed: facts, then a table, then notes.

use std::fmt::Write;

/// A command's result.
#[derive(Debug, Default)]
pub struct Report {
    /// The assumptions and single results.
    pub facts: Vec<Fact>,
    /// The table's columns.
    pub columns: Vec<Column>,
    /// The table's rows, one number for each column.
    pub rows: Vec<Vec<f64>>,
}

/// A named text.
#[derive(Debug)]
pub struct Fact {
    pub name: &'static str,
    pub text: String,
}

/// A column of numbers.
#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub unit: &'static str,
    pub decimals: usize,
}

impl Report {
    pub fn fact(&mut self, name: &'static str, text: String) {
        self.facts.push(Fact { name, text });
    }

    /// For people.
    pub fn to_table(&self) -> String {
        let mut text = String::new();
        let width = self
            .facts
            .iter()
            .map(|fact| fact.name.len())
            .max()
            .unwrap_or(0);
        for fact in &self.facts {
            let _ = writeln!(text, "{:width$}  {}", fact.name, fact.text);
        }
        if !self.columns.is_empty() {
            text.push('\n');
            self.write_grid(&mut text);
        }
        text
    }

    fn write_grid(&self, text: &mut String) {
        let show = |row: &Vec<f64>| -> Vec<String> {
            row.iter()
                .zip(&self.columns)
                .map(|(value, column)| fixed(*value, column.decimals))
                .collect()
        };
        let mut lines: Vec<Vec<String>> = vec![
            self.columns
                .iter()
                .map(|column| column.name.to_string())
                .collect(),
            self.columns
                .iter()
                .map(|column| column.unit.to_string())
                .collect(),
        ];
        lines.extend(self.rows.iter().map(show));
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|k| lines.iter().map(|line| line[k].len()).max().unwrap_or(0))
            .collect();
        for line in &lines {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:>width$}"))
                .collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
    }
}

/// Fixed decimals, without a minus before zero.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|letter| matches!(letter, '0' | '.')) => rest.to_string(),
        _ => text,
    }
}
