//! Plots for the terminal: curves of braille dots, two by four to a character.

use std::fmt::Write;

use ballistics_engine::{Length, Row, Solver};

use super::failure::Failure;
use super::plot::sample;
use super::scale::Scale;
use super::units::System;

const COLUMNS: usize = 64;
const LINES: usize = 12;

/// Drop, then velocity, against range.
pub fn draw(solver: &Solver, last: Length, system: System) -> Result<String, Failure> {
    let rows = sample(solver, last)?;
    let ranges: Vec<f64> = rows
        .iter()
        .map(|row| system.show_range(row.range).0)
        .collect();
    let values = |read: &dyn Fn(&Row) -> f64| rows.iter().map(read).collect::<Vec<f64>>();
    let drop = values(&|row| system.show_offset(row.drop).0);
    let velocity = values(&|row| system.show_velocity(row.velocity).0);
    let mut text = String::new();
    for (title, values) in [
        (system.pick("drop, in", "drop, cm"), drop),
        (system.pick("velocity, fps", "velocity, m/s"), velocity),
    ] {
        let _ = writeln!(text, "\n{title}");
        text.push_str(&curve(&ranges, &values, system.pick("yd", "m")));
    }
    Ok(text)
}

fn curve(ranges: &[f64], values: &[f64], range_unit: &str) -> String {
    let (across, upward) = (Scale::over(ranges, 5), Scale::over(values, 5));
    let dots = dots(ranges, values, &across, &upward);
    let labels = labels(&upward);
    let width = labels.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (line, label) in dots.iter().zip(&labels) {
        let edge = if label.is_empty() { '│' } else { '┤' };
        let curve: String = line.iter().map(|dots| braille(*dots)).collect();
        let _ = writeln!(
            text,
            "{label:>width$} {edge}{}",
            curve.trim_end_matches(' ')
        );
    }
    let _ = writeln!(text, "{:width$} └{}", "", "─".repeat(COLUMNS));
    let mut axis = vec![' '; width + 2 + COLUMNS + 8];
    for tick in &across.ticks {
        let label = across.label(*tick);
        let middle = width + 2 + (across.part(*tick) * (COLUMNS - 1) as f64).round() as usize;
        for (at, letter) in label.chars().enumerate() {
            axis[(middle + at).saturating_sub(label.len() / 2)] = letter;
        }
    }
    let axis: String = axis.into_iter().collect();
    let _ = writeln!(text, "{} {range_unit}", axis.trim_end());
    text
}

/// The dots of every character, as the bits of Unicode's braille patterns.
fn dots(ranges: &[f64], values: &[f64], across: &Scale, upward: &Scale) -> Vec<Vec<u8>> {
    const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
    let mut dots = vec![vec![0u8; COLUMNS]; LINES];
    for (range, value) in ranges.iter().zip(values) {
        let x = (across.part(*range) * (2 * COLUMNS - 1) as f64).round() as usize;
        let y = ((1.0 - upward.part(*value)) * (4 * LINES - 1) as f64).round() as usize;
        let (x, y) = (x.min(2 * COLUMNS - 1), y.min(4 * LINES - 1));
        dots[y / 4][x / 2] |= BITS[y % 4][x % 2];
    }
    dots
}

/// A label on each line that holds a tick.
fn labels(scale: &Scale) -> Vec<String> {
    let mut labels = vec![String::new(); LINES];
    for tick in &scale.ticks {
        let line = ((1.0 - scale.part(*tick)) * (LINES - 1) as f64).round() as usize;
        labels[line.min(LINES - 1)] = scale.label(*tick);
    }
    labels
}

fn braille(dots: u8) -> char {
    match dots {
        0 => ' ',
        dots => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
    }
}
