//! What a command found, apart from how it is printed: facts, then a table. Printed for people, as CSV, or as JSON.

use std::fmt::Write;

use super::arguments::{Arguments, Flag};
use super::failure::Failure;
use super::json::{digits, Json};

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
    /// Words for people, the same in parts for programs.
    Parts(String, Json),
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

    /// Adds words, and what they say in parts.
    pub fn parts(&mut self, name: &'static str, text: String, parts: Json) {
        self.facts.push(Fact {
            name,
            value: Value::Parts(text, parts),
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
                Value::Text(words) | Value::Parts(words, _) => words.clone(),
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

    /// The table; the facts only where there is none. As many digits as in JSON.
    fn to_csv(&self) -> String {
        let lines: Vec<Vec<String>> = if self.columns.is_empty() {
            let heading = ["name", "value", "unit"].map(String::from).to_vec();
            let facts = self.facts.iter().map(Fact::to_csv);
            [heading].into_iter().chain(facts).collect()
        } else {
            let heading = self.columns.iter().map(Column::key).collect();
            let cell = |value: &f64| digits(*value).unwrap_or_default();
            let rows = self.rows.iter().map(|row| row.iter().map(cell).collect());
            [heading].into_iter().chain(rows).collect()
        };
        let line = |cells: &Vec<String>| {
            let fields: Vec<String> = cells.iter().map(|cell| field(cell)).collect();
            fields.join(",") + "\n"
        };
        lines.iter().map(line).collect()
    }

    /// Keys carry the units. The schema's number rises when a key is renamed or goes.
    fn to_json(&self) -> String {
        let member = |fact: &Fact| {
            let (key, value) = fact.to_json();
            format!("\"{key}\": {value}")
        };
        let facts: Vec<String> = self.facts.iter().map(member).collect();
        let facts = facts.join(",\n    ");
        let mut text = format!("{{\n  \"schema\": {SCHEMA},\n  \"facts\": {{\n    {facts}\n  }}");
        if !self.columns.is_empty() {
            let rows: Vec<String> = self.rows.iter().map(|row| self.row_to_json(row)).collect();
            let _ = write!(text, ",\n  \"rows\": [\n    {}\n  ]", rows.join(",\n    "));
        }
        text.push_str("\n}\n");
        text
    }

    fn row_to_json(&self, row: &[f64]) -> String {
        let cells = self.columns.iter().zip(row);
        Json::Object(
            cells
                .map(|(column, value)| (column.key(), (*value).into()))
                .collect(),
        )
        .to_string()
    }
}

/// Of the JSON.
const SCHEMA: u32 = 1;

impl Column {
    fn key(&self) -> String {
        key(self.name, self.unit)
    }
}

impl Fact {
    /// Name, value and unit.
    fn to_csv(&self) -> Vec<String> {
        let (value, unit) = match &self.value {
            Value::Text(words) | Value::Parts(words, _) => (words.clone(), ""),
            Value::Number(number, _, unit) => (digits(*number).unwrap_or_default(), *unit),
        };
        vec![self.name.to_string(), value, unit.to_string()]
    }

    fn to_json(&self) -> (String, Json) {
        match &self.value {
            Value::Text(words) => (key(self.name, ""), words.as_str().into()),
            Value::Parts(_, parts) => (key(self.name, ""), parts.clone()),
            Value::Number(number, _, unit) => (key(self.name, unit), (*number).into()),
        }
    }
}

/// `energy` in `ft-lb` is `energy_ft_lb`: letters and digits, one underscore for all else in between.
pub fn key(name: &str, unit: &str) -> String {
    let joined = format!("{name} {unit}")
        .to_lowercase()
        .replace('%', "percent");
    let words = joined.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// A field of CSV (RFC 4180): quoted where it has to be.
fn field(words: &str) -> String {
    if words.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", words.replace('"', "\"\""))
    } else {
        words.to_string()
    }
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
        assert_eq!(report().to_csv(), "range_yd,energy_ft_lb\n100,-0.04\n");
        let json = "{\n  \"schema\": 1,\n  \"facts\": {\n    \"drag\": \"G7 \\\"match\\\"\",\n    \"zero_elevation_mil\": 1.16638\n  },\n  \"rows\": [\n    {\"range_yd\": 100, \"energy_ft_lb\": -0.04}\n  ]\n}\n";
        assert_eq!(report().to_json(), json);
    }

    #[test]
    fn facts_are_quoted_where_csv_needs_it() {
        let mut report = Report::default();
        report.number(
            "jump, 10 mph from right",
            (59.0 / 3.0 * 3.0 + 1e-14, 2, "MOA"),
        );
        report.text("drag", "G7 \"match\"");
        report.parts("wind", "none".to_string(), Json::List(Vec::new()));
        let csv = "name,value,unit\n\"jump, 10 mph from right\",59,MOA\ndrag,\"G7 \"\"match\"\"\",\nwind,none,\n";
        assert_eq!(report.to_csv(), csv);
        let json = "{\n  \"schema\": 1,\n  \"facts\": {\n    \"jump_10_mph_from_right_moa\": 59,\n    \"drag\": \"G7 \\\"match\\\"\",\n    \"wind\": []\n  }\n}\n";
        assert_eq!(report.to_json(), json);
    }

    #[test]
    fn keys_are_words_and_underscores() {
        assert_eq!(
            key("CEP (radius of 50 %)", "in"),
            "cep_radius_of_50_percent_in"
        );
        assert_eq!(key("energy", "ft-lb"), "energy_ft_lb");
        assert_eq!(key("Mach", ""), "mach");
    }
}
