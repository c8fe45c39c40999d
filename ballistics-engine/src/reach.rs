//! Questions about a whole flight: where it is highest, where it crosses the line of sight or a Mach number,
//! how far a target is hit without holding over, and how far off a guessed range may be.

use crate::error::{within, Error, Unit};
use crate::forces::GRAVITY;
use crate::integration::Flight;
use crate::quantity::{Angle, Length};
use crate::solver::{Row, Solver, LONGEST_RANGE};
use crate::zero;

/// Distance in meters at which a flight is looked at. Two crossings closer than this are not told apart.
const STRIDE: f64 = 2.0;
/// The same where one crossing is looked for, and there is one at most.
const LONG_STRIDE: f64 = 64.0;
/// Halvings of a stride: to a hundredth of a micrometer.
const HALVINGS: u32 = 28;
/// By how much the end of a steep flight may move with the steps before it, and a tenfold margin, in meters.
const REACH_IN_DOUBT: f64 = 0.25;
/// Steepest elevation that is tried, in radians: 45 degrees.
const HIGHEST_ELEVATION: f64 = std::f64::consts::FRAC_PI_4;
/// Elevations that are tried for a height; five are usual.
const MOST_TRIALS: u32 = 60;
/// Cosine of the greatest cant at which elevation still raises a shot: 87 degrees.
const LEAST_UPRIGHT: f64 = 0.05;

/// The maximum point-blank range for a target of some height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointBlank {
    /// Elevation at which the path's top touches the upper edge of the target.
    pub elevation: Angle,
    /// Where the path is highest.
    pub apex: Length,
    /// Where the path first crosses the line of sight, going up.
    pub near_zero: Length,
    /// Where it crosses it again, going down: the range to zero at.
    pub far_zero: Length,
    /// Where it leaves the target through the lower edge.
    pub maximum: Length,
}

/// The stretch about a range, without a gap, in which a target is hit by a shot aimed at its center.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DangerSpace {
    /// Where the path comes between the target's edges, falling from above or still rising from below; 0 if it
    /// leaves the muzzle between them.
    pub begin: Length,
    /// Where it goes out, through the lower edge or, still rising, through the upper one; the shot's reach if it
    /// does not.
    pub end: Length,
    /// Elevation with which the center is hit at the asked range.
    pub elevation: Angle,
}

impl Solver {
    /// The highest point over the line of sight; none while the shot still climbs at its end, or never does.
    #[must_use]
    pub fn apex(&self) -> Option<Row> {
        let top = self.crossings(climb).find(|crossing| !crossing.upward)?;
        Some(self.row_of(&top.flight))
    }

    /// Where the line of sight is crossed, in order: going up, going down.
    #[must_use]
    pub fn zero_ranges(&self) -> Vec<Length> {
        self.crossings(height)
            .map(|crossing| Length::meters(crossing.flight.range))
            .take(2)
            .collect()
    }

    /// Where the Mach number, see [`Row::mach`], first falls below a given one.
    #[must_use]
    pub fn range_at_mach(&self, mach: f64) -> Option<Length> {
        let excess = move |solver: &Solver, flight: &Flight| solver.row_of(flight).mach - mach;
        let slow = self.crossings(excess).find(|crossing| !crossing.upward)?;
        Some(Length::meters(slow.flight.range))
    }

    /// The range up to which a target of twice `half_height` is hit by aiming at its center, with the best zero.
    ///
    /// # Errors
    /// A half height outside 1 mm to 10 m; a bore above the target's upper edge; a shot too slow to rise so far.
    pub fn point_blank(&self, half_height: Length) -> Result<PointBlank, Error> {
        let half = within(
            "half height of the target",
            Unit::Size,
            half_height.as_meters(),
            (0.001, 10.0),
        )?;
        if self.flight().state[3] > half {
            return Err(Error::NoSolution {
                field: "point-blank range",
                problem: "the bore is above the upper edge of the target".to_string(),
            });
        }
        let elevation = self.elevation_for_apex(half)?;
        let best = self.with_elevation(elevation);
        let no_solution = || Error::NoSolution {
            field: "point-blank range",
            problem: "the path does not come back through the line of sight".to_string(),
        };
        let zeros = best.zero_ranges();
        let apex = best.apex().ok_or_else(no_solution)?;
        let below = move |_: &Solver, flight: &Flight| flight.state[3] + half;
        let lower = best
            .crossings(below)
            .find(|crossing| !crossing.upward)
            .ok_or_else(no_solution)?;
        // With the sights on or under the bore the path starts above the line and crosses it once.
        let (near_zero, far_zero) = match zeros[..] {
            [near, far] => (near, far),
            [far] => (Length::meters(0.0), far),
            _ => return Err(no_solution()),
        };
        Ok(PointBlank {
            elevation: Angle::radians(elevation),
            apex: apex.range,
            near_zero,
            far_zero,
            maximum: Length::meters(lower.flight.range),
        })
    }

    /// Where a target of the given height, aimed at its center with the elevation for `range`, is hit.
    ///
    /// # Errors
    /// A range of no reach; a height outside 1 mm to 100 m; a rifle on its side or upside down.
    pub fn danger_space(&self, range: Length, height: Length) -> Result<DangerSpace, Error> {
        let target = within(
            "range",
            Unit::Range,
            range.as_meters(),
            (1.0, LONGEST_RANGE),
        )?;
        let half = 0.5
            * within(
                "target height",
                Unit::Size,
                height.as_meters(),
                (0.001, 100.0),
            )?;
        let elevation = self.elevation_for(target)?;
        let aimed = self.with_elevation(elevation);
        let edges = [half, -half].map(|edge| aimed.leaves_edge(edge, target));
        let begin = edges.iter().map(|edge| edge.0).fold(0.0, f64::max);
        let end = edges
            .iter()
            .filter_map(|edge| edge.1)
            .fold(f64::INFINITY, f64::min);
        let end = if end.is_finite() {
            end
        } else {
            aimed.last_range()
        };
        Ok(DangerSpace {
            begin: Length::meters(begin),
            end: Length::meters(end),
            elevation: Angle::radians(elevation),
        })
    }

    /// Where the path last crosses a height before a range, 0 if it does not, and where it next does beyond it.
    fn leaves_edge(&self, edge: f64, range: f64) -> (f64, Option<f64>) {
        let mut before = 0.0;
        for crossing in self.crossings(move |_, flight| flight.state[3] - edge) {
            if crossing.flight.range > range {
                return (before, Some(crossing.flight.range));
            }
            before = crossing.flight.range;
        }
        (before, None)
    }

    /// Elevation with which the line of sight is met at a range, all winds and turns of the rifle included.
    fn elevation_for(&self, range: f64) -> Result<f64, Error> {
        let (forces, wind, launch) = self.parts();
        let upright = Angle::radians(launch.cant).sin_cos().1;
        if upright < LEAST_UPRIGHT {
            let degrees = launch.cant.to_degrees();
            return Err(Error::NoSolution {
                field: "elevation",
                problem: format!(
                    "a rifle canted by {degrees:.0} degrees is not raised by elevating it"
                ),
            });
        }
        zero::elevation(forces, wind, launch, range).map_err(|short| Error::OutOfReach {
            field: "range",
            asked: range,
            reached: short.reached,
        })
    }

    /// How far the shot is followed: to 10 km, the troposphere's end at 11 km above the sea, a path 60 degrees off the
    /// line of sight, or 5 m/s along it. A quarter of a meter short of that, so that there are rows up to here
    /// whatever rows are asked for on the way.
    #[must_use]
    pub fn reach(&self) -> Length {
        Length::meters(self.last_range())
    }

    fn last_range(&self) -> f64 {
        let mut flight = self.flight();
        match flight.fly_to(LONGEST_RANGE) {
            Ok(()) => LONGEST_RANGE,
            Err(_) => (flight.range - REACH_IN_DOUBT).max(0.0),
        }
    }

    /// Elevation at which the path just rises to a height over the line of sight: a secant search, kept inside a
    /// bracket, on the root of the rise, which grows almost as the elevation does.
    fn elevation_for_apex(&self, top: f64) -> Result<f64, Error> {
        let start = self.flight().state[3];
        let wanted = (top - start).sqrt();
        let excess = |elevation: f64| self.with_elevation(elevation).rise().sqrt() - wanted;
        if excess(HIGHEST_ELEVATION) < 0.0 {
            let problem = "the shot does not rise to the upper edge of the target".to_string();
            return Err(Error::NoSolution {
                field: "point-blank range",
                problem,
            });
        }
        let (mut low, mut high) = (0.0, HIGHEST_ELEVATION);
        let mut last = (0.0, -wanted);
        let mut trial = (2.0 * GRAVITY).sqrt() * wanted / self.muzzle_velocity().as_mps();
        for _ in 0..MOST_TRIALS {
            if !(trial > low && trial < high) {
                trial = 0.5 * (low + high);
            }
            let off = excess(trial);
            if off < 0.0 {
                low = trial;
            } else {
                high = trial;
            }
            if off.abs() < 1e-10 || high - low < 1e-15 {
                break;
            }
            let slope = (off - last.1) / (trial - last.0);
            last = (trial, off);
            trial -= off / slope;
        }
        Ok(trial)
    }

    /// How far the path rises above the muzzle, to its top or to where the flight ends.
    fn rise(&self) -> f64 {
        let start = self.flight();
        let mut flight = start.clone();
        while climb(self, &flight) > 0.0 && flight.range < LONGEST_RANGE {
            let mut next = flight.clone();
            let end = (flight.range + LONG_STRIDE).min(LONGEST_RANGE);
            let is_spent = next.fly_to(end).is_err();
            if climb(self, &next) <= 0.0 {
                flight = narrowed(flight, next.range, |flight| climb(self, flight) > 0.0);
                break;
            }
            flight = next;
            if is_spent {
                break;
            }
        }
        flight.state[3] - start.state[3]
    }

    /// All sign changes of a function of the flight, in order of range.
    fn crossings<'a, F>(&'a self, function: F) -> impl Iterator<Item = Crossing<'a>>
    where
        F: Fn(&Solver, &Flight) -> f64 + 'a,
    {
        let mut before = self.flight();
        let mut below = function(self, &before) < 0.0;
        std::iter::from_fn(move || {
            while before.range < LONGEST_RANGE {
                let mut after = before.clone();
                after
                    .fly_to((before.range + STRIDE).min(LONGEST_RANGE))
                    .ok()?;
                let upward = below;
                let crossed = (function(self, &after) < 0.0) != below;
                let start = std::mem::replace(&mut before, after);
                if crossed {
                    below = !below;
                    let flight = narrowed(start, before.range, |flight| {
                        (function(self, flight) < 0.0) == upward
                    });
                    return Some(Crossing { flight, upward });
                }
            }
            None
        })
    }
}

/// A flight halted where a function changes its sign.
struct Crossing<'a> {
    flight: Flight<'a>,
    upward: bool,
}

/// Advances a flight to the last place before `end` where `unchanged` holds.
fn narrowed<'a>(
    mut flight: Flight<'a>,
    end: f64,
    unchanged: impl Fn(&Flight<'a>) -> bool,
) -> Flight<'a> {
    let mut width = end - flight.range;
    for _ in 0..HALVINGS {
        width *= 0.5;
        let mut trial = flight.clone();
        if trial.fly_to(flight.range + width).is_ok() && unchanged(&trial) {
            flight = trial;
        }
    }
    flight
}

fn height(_: &Solver, flight: &Flight) -> f64 {
    flight.state[3]
}

fn climb(_: &Solver, flight: &Flight) -> f64 {
    flight.state[1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drag::{BallisticCoefficient, DragFunction};
    use crate::quantity::Velocity;
    use crate::shot::{Shot, Zero};

    fn match_308(zero_yards: f64) -> Solver {
        let shot = Shot {
            drag: DragFunction::G7.curve(),
            coefficient: BallisticCoefficient::Constant(0.243),
            muzzle_velocity: Velocity::fps(2_600.0),
            zero: Zero::Range(Length::yards(zero_yards)),
            ..Shot::default()
        };
        Solver::new(&shot).unwrap()
    }

    fn close(ours: f64, reference: f64) {
        assert!(
            (ours - reference).abs() < 1e-3 * reference.abs().max(1.0),
            "{ours} is not {reference}"
        );
    }

    #[test]
    fn point_blank_range_is_that_of_an_independent_solution() {
        let found = match_308(100.0).point_blank(Length::inches(3.0)).unwrap();
        close(found.elevation.as_mils(), 1.948_957_4);
        close(found.apex.as_yards(), 124.484_301);
        close(found.near_zero.as_yards(), 23.408_989);
        close(found.far_zero.as_yards(), 220.706_236);
        close(found.maximum.as_yards(), 259.198_639);
    }

    #[test]
    fn danger_space_is_that_of_an_independent_solution() {
        let found = match_308(100.0)
            .danger_space(Length::yards(500.0), Length::inches(20.0))
            .unwrap();
        close(found.begin.as_yards(), 446.012_281);
        close(found.end.as_yards(), 541.879_843);
    }

    #[test]
    fn a_zeroed_shot_crosses_its_zero_range_and_slows_through_sound() {
        let solver = match_308(300.0);
        let zeros = solver.zero_ranges();
        assert_eq!(zeros.len(), 2);
        close(zeros[1].as_yards(), 300.0);
        let sound = solver.range_at_mach(1.0).unwrap();
        close(solver.row(sound).unwrap().mach, 1.0);
        assert!(solver.apex().unwrap().range < zeros[1]);
    }
}
