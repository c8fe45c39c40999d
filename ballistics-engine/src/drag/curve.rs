//! A drag curve: monotone cubic interpolation (PCHIP) of (Mach, Cd) knots, found in constant time.
//! Slopes: Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300; ends by the three-point rule
//! that Moler, *Numerical Computing with MATLAB* (2004) 3.6 gives. Outside the knots Cd stays constant.

use std::sync::Arc;

use crate::error::{within, Error, Unit};

/// Cells per Mach of the grid on which all standard functions have their knots.
const CELLS_PER_MACH: f64 = 40.0;
const MAXIMUM_MACH: f64 = 20.0;
const MAXIMUM_KNOTS: usize = 10_000;

/// Drag coefficient against Mach number.
#[derive(Debug, Clone, PartialEq)]
pub struct DragCurve {
    table: Arc<Table>,
}

#[derive(Debug, PartialEq)]
enum Table {
    /// Cubics in the position within a cell of the grid: found without a search.
    Grid(Vec<[f64; 4]>),
    /// Cubics from knot to knot.
    Knots(Vec<Segment>),
}

/// A cubic in `mach - start`, valid to the start of the next segment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    start: f64,
    cubic: [f64; 4],
}

impl DragCurve {
    /// A curve through measured points, for instance from Doppler radar.
    ///
    /// # Errors
    /// Fewer than two points, Mach outside 0 to 20 or not increasing, Cd outside 0.001 to 10.
    pub fn through(points: &[(f64, f64)]) -> Result<Self, Error> {
        let malformed = |problem: String| {
            Err(Error::Malformed {
                field: "drag curve",
                problem,
            })
        };
        if points.len() < 2 || points.len() > MAXIMUM_KNOTS {
            return malformed(format!(
                "{} points; 2 to {MAXIMUM_KNOTS} are needed",
                points.len()
            ));
        }
        for (mach, cd) in points {
            within("drag curve Mach", Unit::None, *mach, (0.0, MAXIMUM_MACH))?;
            within("drag curve Cd", Unit::None, *cd, (0.001, 10.0))?;
        }
        // Closer knots than this would make slopes that overflow.
        if let Some(pair) = points.windows(2).find(|pair| pair[1].0 - pair[0].0 < 1e-6) {
            return malformed(format!(
                "Mach must increase, but {} follows {}",
                pair[1].0, pair[0].0
            ));
        }
        Ok(Self::from_table(points))
    }

    /// Drag coefficient at a Mach number >= 0.
    #[must_use]
    pub fn at(&self, mach: f64) -> f64 {
        self.table.at(mach)
    }

    pub(super) fn from_table(knots: &[(f64, f64)]) -> Self {
        let segments = segments(knots);
        let table = if knots.iter().all(|knot| is_on_grid(knot.0)) {
            Table::Grid(cells(&segments))
        } else {
            Table::Knots(segments)
        };
        Self {
            table: Arc::new(table),
        }
    }
}

impl Table {
    #[inline]
    fn at(&self, mach: f64) -> f64 {
        match self {
            Table::Grid(cells) => {
                let position = mach * CELLS_PER_MACH;
                // u32, because a cast to usize costs a dozen instructions more.
                let cell = (position as u32 as usize).min(cells.len() - 1);
                value(&cells[cell], position - cell as f64)
            }
            Table::Knots(segments) => search(segments, mach),
        }
    }
}

#[inline(never)]
fn search(segments: &[Segment], mach: f64) -> f64 {
    let segment = &segments[segment_at(segments, mach)];
    value(&segment.cubic, mach - segment.start)
}

#[inline]
fn value(cubic: &[f64; 4], x: f64) -> f64 {
    let [a, b, c, d] = *cubic;
    (a + x * b) + x * x * (c + x * d)
}

fn segment_at(segments: &[Segment], mach: f64) -> usize {
    segments
        .partition_point(|segment| segment.start <= mach)
        .max(1)
        - 1
}

fn is_on_grid(mach: f64) -> bool {
    let position = mach * CELLS_PER_MACH;
    (position - position.round()).abs() < 1e-9
}

/// The cubics of the segments, each expanded about the cell's left edge in units of a cell.
fn cells(segments: &[Segment]) -> Vec<[f64; 4]> {
    let end = segments[segments.len() - 1].start;
    let count = (end * CELLS_PER_MACH).round() as usize + 1;
    let cell = |index: usize| {
        let left = index as f64 / CELLS_PER_MACH;
        // The cell's middle is in no doubt about its segment.
        let segment = &segments[segment_at(segments, left + 0.5 / CELLS_PER_MACH)];
        let [_, b, c, d] = segment.cubic;
        let (x, unit) = (left - segment.start, 1.0 / CELLS_PER_MACH);
        let slope = b + x * (2.0 * c + x * 3.0 * d);
        [
            value(&segment.cubic, x),
            slope * unit,
            (c + 3.0 * d * x) * unit * unit,
            d * unit * unit * unit,
        ]
    };
    (0..count).map(cell).collect()
}

/// One cubic per knot interval, between a constant below the first knot and one above the last.
fn segments(knots: &[(f64, f64)]) -> Vec<Segment> {
    let (first, last) = (knots[0], knots[knots.len() - 1]);
    let slopes = slopes(knots);
    let mut segments = vec![Segment {
        start: 0.0,
        cubic: [first.1, 0.0, 0.0, 0.0],
    }];
    for (k, pair) in knots.windows(2).enumerate() {
        let width = pair[1].0 - pair[0].0;
        let secant = (pair[1].1 - pair[0].1) / width;
        let square = (3.0 * secant - 2.0 * slopes[k] - slopes[k + 1]) / width;
        let cube = (slopes[k] + slopes[k + 1] - 2.0 * secant) / (width * width);
        segments.push(Segment {
            start: pair[0].0,
            cubic: [pair[0].1, slopes[k], square, cube],
        });
    }
    segments.push(Segment {
        start: last.0,
        cubic: [last.1, 0.0, 0.0, 0.0],
    });
    segments
}

fn slopes(knots: &[(f64, f64)]) -> Vec<f64> {
    let widths: Vec<f64> = knots.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let secants: Vec<f64> = knots
        .windows(2)
        .zip(&widths)
        .map(|(pair, width)| (pair[1].1 - pair[0].1) / width)
        .collect();
    let last = secants.len() - 1;
    if last == 0 {
        return vec![secants[0]; 2];
    }
    let mut slopes = vec![end_slope((widths[0], secants[0]), (widths[1], secants[1]))];
    for k in 1..=last {
        slopes.push(inner_slope(
            (widths[k - 1], secants[k - 1]),
            (widths[k], secants[k]),
        ));
    }
    slopes.push(end_slope(
        (widths[last], secants[last]),
        (widths[last - 1], secants[last - 1]),
    ));
    slopes
}

/// Weighted harmonic mean of the neighboring secants; 0 at a local extremum.
fn inner_slope(left: (f64, f64), right: (f64, f64)) -> f64 {
    if left.1 * right.1 <= 0.0 {
        return 0.0;
    }
    let left_weight = 2.0 * right.0 + left.0;
    let right_weight = right.0 + 2.0 * left.0;
    (left_weight + right_weight) / (left_weight / left.1 + right_weight / right.1)
}

/// Three-point end slope, limited so that the curve stays monotone.
fn end_slope(near: (f64, f64), far: (f64, f64)) -> f64 {
    let slope = ((2.0 * near.0 + far.0) * near.1 - near.0 * far.1) / (near.0 + far.0);
    if slope * near.1 <= 0.0 {
        0.0
    } else if near.1 * far.1 <= 0.0 && slope.abs() > 3.0 * near.1.abs() {
        3.0 * near.1
    } else {
        slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drag::DragFunction;

    #[test]
    fn every_standard_curve_passes_through_its_knots() {
        for function in DragFunction::ALL {
            let curve = function.curve();
            for (mach, cd) in function.knots() {
                let off = (curve.at(*mach) - cd).abs();
                assert!(off < 1e-12, "{function} at Mach {mach}: off by {off:e}");
            }
        }
    }

    #[test]
    fn known_values_and_constant_ends() {
        assert_eq!(DragFunction::G1.curve().at(1.0), 0.4805);
        assert_eq!(DragFunction::G7.curve().at(2.0), 0.2980);
        assert_eq!(DragFunction::G7.curve().at(9.0), 0.1618);
        let curve = DragCurve::through(&[(0.5, 0.2), (1.0, 0.4)]).unwrap();
        assert_eq!(
            (curve.at(0.1), curve.at(0.75), curve.at(1.3)),
            (0.2, 0.30000000000000004, 0.4)
        );
    }

    #[test]
    fn bad_points_are_named() {
        let problem = |points: &[(f64, f64)]| DragCurve::through(points).unwrap_err().to_string();
        assert_eq!(
            problem(&[(1.0, 0.3)]),
            "drag curve: 1 points; 2 to 10000 are needed"
        );
        assert_eq!(
            problem(&[(1.0, 0.3), (0.9, 0.3)]),
            "drag curve: Mach must increase, but 0.9 follows 1"
        );
        assert_eq!(
            problem(&[(1.0, 0.0), (2.0, 0.3)]),
            "drag curve Cd 0: must be 0.001 to 10"
        );
        assert_eq!(
            problem(&[(f64::NAN, 0.3), (2.0, 0.3)]),
            "drag curve Mach NaN: must be 0 to 20"
        );
    }
}
