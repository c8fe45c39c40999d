//! Plots of a trajectory as SVG: drop, windage, velocity and energy against range, in four panels.

use std::fmt::Write;
use std::fs;

use ballistics_engine::{Length, Row, Solver};

use super::failure::Failure;
use super::scale::Scale;
use super::units::System;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 600.0;
const HEADING: f64 = 52.0;
/// Room within a panel for its labels.
const LEFT: f64 = 68.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;
/// Points of a curve.
const POINTS: u32 = 200;
/// Mean width of a letter, and the height of one over and under the line it stands on.
const LETTER: (f64, f64, f64) = (6.5, 10.0, 3.0);

/// What is drawn.
pub struct Subject<'a> {
    pub solver: &'a Solver,
    /// To this range.
    pub last: Length,
    pub system: System,
    /// What is shot, and through what: one line each.
    pub caption: [String; 2],
}

/// What one panel shows.
struct Panel {
    title: &'static str,
    unit: &'static str,
    values: Vec<f64>,
    /// A level worth a dashed line, with its name.
    level: Option<(f64, &'static str)>,
}

/// What all panels share: the range of each value.
struct Across {
    ranges: Vec<f64>,
    unit: &'static str,
}

/// Writes the plots of a shot into a file.
pub fn write(path: &str, subject: &Subject) -> Result<(), Failure> {
    let rows = sample(subject.solver, subject.last)?;
    fs::write(path, svg(subject, &rows))
        .map_err(|error| Failure::Failed(format!("plot {path}: {error}")))
}

/// Rows close enough for a smooth curve.
pub fn sample(solver: &Solver, last: Length) -> Result<Vec<Row>, Failure> {
    let at = |point: u32| Length::meters(last.as_meters() * f64::from(point) / f64::from(POINTS));
    let ranges: Vec<Length> = (0..=POINTS).map(at).collect();
    Ok(solver.rows(&ranges)?)
}

fn svg(subject: &Subject, rows: &[Row]) -> String {
    let system = subject.system;
    let across = Across {
        ranges: rows
            .iter()
            .map(|row| system.show_range(row.range).0)
            .collect(),
        unit: system.pick("yd", "m"),
    };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#333\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    for (line, caption) in subject.caption.iter().enumerate() {
        let y = 20.0 + 18.0 * line as f64;
        write_text(&mut text, (0.5 * WIDTH, y), "middle", caption);
    }
    let (width, height) = (0.5 * WIDTH, 0.5 * (HEIGHT - HEADING));
    for (index, panel) in panels(subject.solver, rows, system).iter().enumerate() {
        let (column, line) = ((index % 2) as f64, (index / 2) as f64);
        let _ = writeln!(
            text,
            "<g transform=\"translate({} {})\">",
            column * width,
            HEADING + line * height
        );
        draw(&mut text, panel, &across, (width, height));
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn panels(solver: &Solver, rows: &[Row], system: System) -> [Panel; 4] {
    let values = |read: &dyn Fn(&Row) -> f64| rows.iter().map(read).collect::<Vec<f64>>();
    let offset = system.pick("in", "cm");
    let sound = system.show_velocity(solver.air().sound_speed).0;
    let velocity = values(&|row| system.show_velocity(row.velocity).0);
    let windage = values(&|row| system.show_offset(row.windage).0);
    let is_still = windage.iter().all(|value| *value == 0.0);
    let crosses_sound =
        velocity.iter().any(|value| *value > sound) && velocity.iter().any(|value| *value < sound);
    [
        Panel {
            title: "drop",
            unit: offset,
            values: values(&|row| system.show_offset(row.drop).0),
            level: Some((0.0, "line of sight")),
        },
        Panel {
            title: "windage",
            unit: offset,
            values: windage,
            level: is_still.then_some((0.0, "no windage")),
        },
        Panel {
            title: "velocity",
            unit: system.pick("fps", "m/s"),
            values: velocity,
            level: crosses_sound.then_some((sound, "Mach 1 at the muzzle")),
        },
        Panel {
            title: "energy",
            unit: system.pick("ft-lb", "J"),
            values: values(&|row| system.show_energy(row.energy).0),
            level: None,
        },
    ]
}

fn draw(text: &mut String, panel: &Panel, across: &Across, size: (f64, f64)) {
    let frame = Frame {
        left: LEFT,
        right: size.0 - RIGHT,
        top: TOP,
        bottom: size.1 - BOTTOM,
        across: Scale::over(&across.ranges, 5),
        upward: Scale::over(&panel.values, 5),
    };
    let points: Vec<(f64, f64)> = across
        .ranges
        .iter()
        .zip(&panel.values)
        .map(|(range, value)| (frame.x(*range), frame.y(*value)))
        .collect();
    frame.grid(text);
    if let Some((level, name)) = panel.level {
        frame.level(text, level, name, &points);
    }
    curve(text, &points);
    frame.titles(
        text,
        &format!("range, {}", across.unit),
        &format!("{}, {}", panel.title, panel.unit),
    );
}

/// The rectangle between the axes of a panel.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    across: Scale,
    upward: Scale,
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        self.left + self.across.part(value) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - self.upward.part(value) * (self.bottom - self.top)
    }

    fn grid(&self, text: &mut String) {
        let (left, right, top, bottom) = (self.left, self.right, self.top, self.bottom);
        for tick in &self.across.ticks {
            let (x, label) = (self.x(*tick), self.across.label(*tick));
            let _ = writeln!(
                text,
                "<path d=\"M{x:.1} {top}V{bottom:.1}\" stroke=\"#e4e7eb\"/>"
            );
            write_text(text, (x, bottom + 17.0), "middle", &label);
        }
        for tick in &self.upward.ticks {
            let (y, label) = (self.y(*tick), self.upward.label(*tick));
            let _ = writeln!(
                text,
                "<path d=\"M{left} {y:.1}H{right:.1}\" stroke=\"#e4e7eb\"/>"
            );
            write_text(text, (left - 7.0, y + 4.0), "end", &label);
        }
        let _ = writeln!(
            text,
            "<path d=\"M{left} {top}V{bottom:.1}H{right:.1}\" fill=\"none\" stroke=\"#555\"/>"
        );
    }

    fn level(&self, text: &mut String, level: f64, name: &str, curve: &[(f64, f64)]) {
        let (left, right, y) = (self.left, self.right, self.y(level));
        let _ = writeln!(
            text,
            "<path d=\"M{left} {y:.1}H{right:.1}\" stroke=\"#888\" stroke-dasharray=\"5 4\"/>"
        );
        let (place, anchor) = self.room(y, name, curve);
        write_text(text, place, anchor, name);
    }

    /// Where words fit beside a level: at either end, over or under it, as far from the curve as need be.
    fn room(&self, level: f64, words: &str, curve: &[(f64, f64)]) -> ((f64, f64), &'static str) {
        const ENOUGH: f64 = 6.0;
        let (letter, over, under) = LETTER;
        let width = letter * words.len() as f64;
        let (left, right) = (self.left + 5.0, self.right - 4.0);
        let (above, below) = (level - 5.0, level + 14.0);
        let clearance = |(x, y): (f64, f64)| {
            if y - over < self.top || y + under > self.bottom {
                return -1.0;
            }
            let start = if x == left { left } else { right - width };
            let off = |from: f64, to: f64, at: f64| (from - at).max(at - to).max(0.0);
            let distance = |point: &(f64, f64)| {
                off(start, start + width, point.0).max(off(y - over, y + under, point.1))
            };
            curve.iter().map(distance).fold(ENOUGH, f64::min)
        };
        let mut best = (right, above);
        for place in [(left, above), (right, below), (left, below)] {
            if clearance(place) > clearance(best) {
                best = place;
            }
        }
        (best, if best.0 == left { "start" } else { "end" })
    }

    fn titles(&self, text: &mut String, across: &str, upward: &str) {
        write_text(
            text,
            (0.5 * (self.left + self.right), self.bottom + 37.0),
            "middle",
            across,
        );
        let middle = 0.5 * (self.top + self.bottom);
        let _ = writeln!(text, "<text transform=\"translate(16 {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{upward}</text>");
    }
}

fn curve(text: &mut String, points: &[(f64, f64)]) {
    let point = |(x, y): &(f64, f64)| format!("{x:.1},{y:.1}");
    let points: Vec<String> = points.iter().map(point).collect();
    let style = "fill=\"none\" stroke=\"#0b5cad\" stroke-width=\"2\" stroke-linejoin=\"round\"";
    let _ = writeln!(text, "<polyline points=\"{}\" {style}/>", points.join(" "));
}

fn write_text(text: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    // A curve's file may have any name.
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}
