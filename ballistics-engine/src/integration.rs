//! Carries a state along the range: Dormand and Prince's 5(4) pair (J. Comput. Appl. Math. 6 (1980) 19) with
//! step control, steps ending exactly where a row or a wind segment does. The error that is controlled is that
//! of the slopes, which is what moves a bullet at the target.

use crate::forces::{speed, Forces, State};
use crate::wind::Wind;

/// How exactly a flight is followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Precision {
    /// Error allowed per step, relative to the velocity along the line of sight: an angle.
    tolerance: f64,
    /// The first step that is tried, in meters.
    first_step: f64,
}

/// For rows. The reference cases are met within 1e-4 mrad.
pub(crate) const NORMAL: Precision = Precision {
    tolerance: 2e-7,
    first_step: 50.0,
};
/// For zeroing, whose error acts on every row.
pub(crate) const FINE: Precision = Precision {
    tolerance: 2e-9,
    first_step: 31.0,
};

const LONGEST_STEP: f64 = 91.44;
const SHORTEST_STEP: f64 = 1e-4;
/// No flight within the accepted ranges takes a hundredth of these.
const MOST_STEPS: u32 = 200_000;
/// The flight is given up where its path is 60 degrees off the line of sight: cos 60.
const LEAST_FORWARD_PART: f64 = 0.5;
/// The flight is given up below this speed in m/s along the line of sight.
const LEAST_SPEED: f64 = 5.0;

/// A projectile on its way.
#[derive(Debug, Clone)]
pub(crate) struct Flight<'a> {
    forces: &'a Forces,
    wind: &'a Wind,
    stretch: usize,
    tolerance: f64,
    step: f64,
    steps_left: u32,
    pub(crate) range: f64,
    pub(crate) state: State,
    slope: State,
}

/// The flight ended before the asked range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spent;

impl<'a> Flight<'a> {
    pub(crate) fn new(
        forces: &'a Forces,
        wind: &'a Wind,
        start: State,
        precision: Precision,
    ) -> Self {
        let slope = forces.slope(0.0, &start, &wind.stretches()[0].1);
        // A step in the coefficient is a step in the slope, which the estimate of the error sees too late.
        let caution = if forces.retardation.is_stepwise() {
            0.1
        } else {
            1.0
        };
        Self {
            forces,
            wind,
            stretch: 0,
            tolerance: precision.tolerance * caution,
            step: precision.first_step,
            steps_left: MOST_STEPS,
            range: 0.0,
            state: start,
            slope,
        }
    }

    /// Flies to a range in meters, not before the present one.
    pub(crate) fn fly_to(&mut self, range: f64) -> Result<(), Spent> {
        while self.range < range {
            let stretch_end = self.wind.stretches()[self.stretch].0;
            if self.range >= stretch_end {
                self.stretch += 1;
                self.slope = self.forces.slope(
                    self.range,
                    &self.state,
                    &self.wind.stretches()[self.stretch].1,
                );
            } else {
                self.step_towards(range.min(stretch_end))?;
            }
        }
        Ok(())
    }

    /// One step, of equal length with those that will follow it to the end.
    fn step_towards(&mut self, end: f64) -> Result<(), Spent> {
        let rest = end - self.range;
        // Not ceil(), which is a call on x86-64's baseline.
        let ratio = rest / self.step;
        let whole = f64::from(ratio as u32);
        let count = if whole < ratio { whole + 1.0 } else { whole };
        let length = rest / count;
        let trial = self.trial(length);
        let error = trial.error / self.tolerance;
        if self.steps_left == 0 {
            return Err(Spent);
        }
        self.steps_left -= 1;
        let accepted = error <= 1.0 || length <= SHORTEST_STEP;
        if accepted {
            if !still_flying(self.forces, self.range + length, &trial.state) {
                if length <= SHORTEST_STEP {
                    return Err(Spent);
                }
                // The flight ends within this step, which must not decide where.
                self.step = 0.5 * length;
                return Ok(());
            }
            self.range = if count == 1.0 {
                end
            } else {
                self.range + length
            };
            self.state = trial.state;
            self.slope = trial.slope;
        }
        self.step = next_step(self.step, length, error);
        Ok(())
    }

    /// A step of some length, whether it is accurate or not.
    #[inline]
    fn trial(&self, length: f64) -> Trial {
        let (forces, range, state) = (self.forces, self.range, &self.state);
        let wind = &self.wind.stretches()[self.stretch].1;
        let [_, _, _, _, offset, time] = *state;
        // Neither force depends on offset or time, so the stages leave them alone.
        let slope_at = |position: f64, moved: [f64; 4]| {
            let [vx, vy, vz, height] = moved;
            let moved = [vx, vy, vz, height, offset, time];
            forces.slope(range + position * length, &moved, wind)
        };
        let k1 = self.slope;
        let k2 = slope_at(POSITIONS[0], moved(state, length, &STAGE_2, [&k1]));
        let k3 = slope_at(POSITIONS[1], moved(state, length, &STAGE_3, [&k1, &k2]));
        let k4 = slope_at(
            POSITIONS[2],
            moved(state, length, &STAGE_4, [&k1, &k2, &k3]),
        );
        let k5 = slope_at(
            POSITIONS[3],
            moved(state, length, &STAGE_5, [&k1, &k2, &k3, &k4]),
        );
        let k6 = slope_at(
            POSITIONS[4],
            moved(state, length, &STAGE_6, [&k1, &k2, &k3, &k4, &k5]),
        );
        let end: State = moved(state, length, &FIFTH_ORDER, [&k1, &k3, &k4, &k5, &k6]);
        let k7 = forces.slope(range + length, &end, wind);
        let slopes = [&k1, &k3, &k4, &k5, &k6, &k7];
        let [off_x, off_y, off_z, _] = moved(&[0.0; 6], length, &DIFFERENCE, slopes);
        let error = off_x.abs().max(off_y.abs()).max(off_z.abs()) / end[0].abs();
        Trial {
            state: end,
            slope: k7,
            error,
        }
    }
}

/// Whether a state is worth following.
pub(crate) fn still_flying(forces: &Forces, range: f64, state: &State) -> bool {
    state[0] > LEAST_SPEED
        && state[0] > LEAST_FORWARD_PART * speed(state)
        && forces.is_in_troposphere(range, state[3])
}

/// The usual controller: error grows with the fifth power of the step. A step that was shortened to end on a row
/// does not shorten the ones after it.
fn next_step(planned: f64, taken: f64, error: f64) -> f64 {
    let factor = if error.is_nan() {
        0.2
    } else {
        (0.9 / fifth_root(error)).clamp(0.2, 2.0)
    };
    let next = taken * factor;
    let next = if factor >= 1.0 {
        next.max(planned)
    } else {
        next
    };
    next.clamp(SHORTEST_STEP, LONGEST_STEP)
}

/// Fifth root to 1 %, which is enough for a step length: the exponent divided by five, then one Newton step.
fn fifth_root(x: f64) -> f64 {
    let x = x.clamp(1e-10, 1e10);
    let guess = f64::from_bits(x.to_bits() / 5 + 0x3ff0_0000_0000_0000 / 5 * 4);
    let fourth = guess * guess * guess * guess;
    0.8 * guess + 0.2 * x / fourth
}

struct Trial {
    state: State,
    slope: State,
    error: f64,
}

// Stage positions, stage weights, the fifth-order result and its difference from the fourth-order one.
// The second stage has no part in the last two.
const POSITIONS: [f64; 5] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0];
const STAGE_2: [f64; 1] = [1.0 / 5.0];
const STAGE_3: [f64; 2] = [3.0 / 40.0, 9.0 / 40.0];
const STAGE_4: [f64; 3] = [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0];
const STAGE_5: [f64; 4] = [
    19_372.0 / 6_561.0,
    -25_360.0 / 2_187.0,
    64_448.0 / 6_561.0,
    -212.0 / 729.0,
];
const STAGE_6: [f64; 5] = [
    9_017.0 / 3_168.0,
    -355.0 / 33.0,
    46_732.0 / 5_247.0,
    49.0 / 176.0,
    -5_103.0 / 18_656.0,
];
const FIFTH_ORDER: [f64; 5] = [
    35.0 / 384.0,
    500.0 / 1_113.0,
    125.0 / 192.0,
    -2_187.0 / 6_784.0,
    11.0 / 84.0,
];
const DIFFERENCE: [f64; 6] = [
    71.0 / 57_600.0,
    -71.0 / 16_695.0,
    71.0 / 1_920.0,
    -17_253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// The first components of a state, moved along the weighted mean of some slopes.
#[inline]
fn moved<const PARTS: usize, const SLOPES: usize>(
    state: &State,
    length: f64,
    weights: &[f64; SLOPES],
    slopes: [&State; SLOPES],
) -> [f64; PARTS] {
    let mut moved = [0.0; PARTS];
    moved.copy_from_slice(&state[..PARTS]);
    for (weight, slope) in weights.iter().zip(slopes) {
        let weight = weight * length;
        for (value, part) in moved.iter_mut().zip(slope) {
            *value += weight * part;
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drag::DragFunction;
    use crate::shot::Shot;
    use crate::solver::Solver;

    #[test]
    fn a_finer_tolerance_moves_a_result_less_than_the_coarser_claims() {
        for drag in DragFunction::ALL {
            let shot = Shot {
                drag: drag.curve(),
                ..Shot::default()
            };
            let solver = Solver::new(&shot).unwrap();
            let (forces, wind, launch) = solver.parts();
            let end = |tolerance: f64| {
                let precision = Precision {
                    tolerance,
                    ..NORMAL
                };
                let mut flight = Flight::new(forces, wind, launch.state(), precision);
                flight.fly_to(800.0).unwrap();
                (flight.state, MOST_STEPS - flight.steps_left)
            };
            for tolerance in [1e-5, 1e-6, 1e-7] {
                let ((coarse, steps), (fine, _)) = (end(tolerance), end(0.1 * tolerance));
                let claimed = tolerance * f64::from(steps);
                let turned = (coarse[3] - fine[3]).abs() / 800.0;
                assert!(
                    turned < claimed,
                    "{drag}: {turned:e} rad, claimed {claimed:e}"
                );
            }
        }
    }

    #[test]
    fn fifth_root_is_good_enough_for_a_step_length() {
        for exponent in -90..=90 {
            let x = 10f64.powf(f64::from(exponent) * 0.1);
            assert!((fifth_root(x) / x.powf(0.2) - 1.0).abs() < 0.02, "{x:e}");
        }
    }
}
