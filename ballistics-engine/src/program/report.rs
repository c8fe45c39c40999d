//! What a command found, apart from how it is printed: facts, then a table. Printed for people, as CSV, or as JSON.

use std::fmt::Write;

use super::arguments::{Arguments, Flag};
use super::failure::Failure;

/// The flag that chooses the form.
pub const OUTPUT: Flag = Flag::valued(
    "output",
    "table|csv|json",
    "how results are printed [table]",
)
.or('o');

/// A command's result.
#[derive(Debug, Default)]
pub struct Report {
    facts: Vec<Fact>,
    columns: Vec<Column>,
    rows: Vec<Vec<f64>>,
}

/// A name with what is known under it.
#[derive(Debug)]
struct Fact {
    name: &'static str,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Text(String),
    /// A number, its decimals and its unit.
    Number(f64, usize, &'static str),
}

/// A column of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub unit: &'static str,
    pub decimals: usize,
}

impl Report {
    /// Adds words.
    pub fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.facts.push(Fact {
            name,
            value: Value::Text(text.into()),
        });
    }

    /// Adds a number: value, decimals, unit.
    pub fn number(
        &mut self,
        name: &'static str,
        (value, decimals, unit): (f64, usize, &'static str),
    ) {
        self.facts.push(Fact {
            name,
            value: Value::Number(value, decimals, unit),
        });
    }

    /// Adds the table.
    pub fn table(&mut self, columns: Vec<Column>, rows: Vec<Vec<f64>>) {
        self.columns = columns;
        self.rows = rows;
    }

    /// In the form that the arguments ask for.
    pub fn print(&self, arguments: &Arguments) -> Result<String, Failure> {
        match arguments.get(OUTPUT.name) {
            None | Some("table") => Ok(self.to_text()),
            Some("csv") => Ok(self.to_csv()),
            Some("json") => Ok(self.to_json()),
            Some(other) => Err(Failure::Usage(format!(
                "--output `{other}`: must be table, csv or json"
            ))),
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let width = self
            .facts
            .iter()
            .map(|fact| fact.name.len())
            .max()
            .unwrap_or(0);
        for fact in &self.facts {
            let value = match &fact.value {
                Value::Text(words) => words.clone(),
                Value::Number(number, decimals, unit) => {
                    format!("{} {unit}", fixed(*number, *decimals))
                }
            };
            let _ = writeln!(text, "{:width$}  {}", fact.name, value.trim_end());
        }
        if !self.columns.is_empty() {
            text.push('\n');
            self.write_grid(&mut text);
        }
        text
    }

    fn write_grid(&self, text: &mut String) {
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
        lines.extend(self.rows.iter().map(|row| self.cells(row)));
        let width = |at: usize| lines.iter().map(|line| line[at].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for line in &lines {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:>width$}"))
                .collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
    }

    fn cells(&self, row: &[f64]) -> Vec<String> {
        row.iter()
            .zip(&self.columns)
            .map(|(value, column)| fixed(*value, column.decimals))
            .collect()
    }

    /// The table; the facts only where there is none.
    fn to_csv(&self) -> String {
        let mut text = String::new();
        if self.columns.is_empty() {
            text.push_str("name,value,unit\n");
            for fact in &self.facts {
                let (value, unit) = match &fact.value {
                    Value::Text(words) => (quoted(words), ""),
                    Value::Number(number, _, unit) => (number.to_string(), *unit),
                };
                let _ = writeln!(text, "{},{value},{unit}", fact.name);
            }
            return text;
        }
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| key(column.name, column.unit))
            .collect();
        let _ = writeln!(text, "{}", names.join(","));
        for row in &self.rows {
            let _ = writeln!(text, "{}", self.cells(row).join(","));
        }
        text
    }

    /// Keys carry the units.
    fn to_json(&self) -> String {
        let facts: Vec<String> = self.facts.iter().map(Fact::to_json).collect();
        let mut text = format!("{{\n  \"facts\": {{\n    {}\n  }}", facts.join(",\n    "));
        if !self.columns.is_empty() {
            let rows: Vec<String> = self.rows.iter().map(|row| self.row_to_json(row)).collect();
            let _ = write!(text, ",\n  \"rows\": [\n    {}\n  ]", rows.join(",\n    "));
        }
        text.push_str("\n}\n");
        text
    }

    fn row_to_json(&self, row: &[f64]) -> String {
        let member = |(column, value): (&Column, &f64)| {
            format!(
                "\"{}\": {}",
                key(column.name, column.unit),
                json_number(*value)
            )
        };
        let members: Vec<String> = self.columns.iter().zip(row).map(member).collect();
        format!("{{{}}}", members.join(", "))
    }
}

impl Fact {
    fn to_json(&self) -> String {
        match &self.value {
            Value::Text(words) => format!("\"{}\": {}", key(self.name, ""), quoted_json(words)),
            Value::Number(number, _, unit) => {
                format!("\"{}\": {}", key(self.name, unit), json_number(*number))
            }
        }
    }
}

/// `drop` in `ft-lb` is `drop_ft_lb`.
fn key(name: &str, unit: &str) -> String {
    let joined = if unit.is_empty() {
        name.to_string()
    } else {
        format!("{name}_{unit}")
    };
    joined
        .to_lowercase()
        .replace('%', "percent")
        .replace([' ', '-', '/'], "_")
}

/// Twelve digits: units that are converted there and back do not show it.
fn json_number(value: f64) -> String {
    let rounded = format!("{value:.11e}").parse().unwrap_or(value);
    if f64::is_finite(rounded) {
        rounded.to_string()
    } else {
        "null".to_string()
    }
}

fn quoted(words: &str) -> String {
    format!("\"{}\"", words.replace('"', "\"\""))
}

fn quoted_json(words: &str) -> String {
    let mut text = String::from("\"");
    for letter in words.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            control if control.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}

/// Fixed decimals, without a minus before zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|letter| matches!(letter, '0' | '.')) => rest.to_string(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.text("drag", "G7 \"match\"");
        report.number("zero elevation", (1.16638, 3, "mil"));
        let column = |name, unit| Column {
            name,
            unit,
            decimals: 1,
        };
        report.table(
            vec![column("range", "yd"), column("energy", "ft-lb")],
            vec![vec![100.0, -0.04]],
        );
        report
    }

    #[test]
    fn people_read_a_grid() {
        let text = "drag            G7 \"match\"\nzero elevation  1.166 mil\n\nrange  energy\n   yd   ft-lb\n100.0     0.0\n";
        assert_eq!(report().to_text(), text);
    }

    #[test]
    fn programs_read_names_with_units() {
        assert_eq!(report().to_csv(), "range_yd,energy_ft_lb\n100.0,0.0\n");
        let json = "{\n  \"facts\": {\n    \"drag\": \"G7 \\\"match\\\"\",\n    \"zero_elevation_mil\": 1.16638\n  },\n  \"rows\": [\n    {\"range_yd\": 100, \"energy_ft_lb\": -0.04}\n  ]\n}\n";
        assert_eq!(report().to_json(), json);
    }
}
