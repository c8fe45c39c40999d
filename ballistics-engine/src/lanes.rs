//! Eight flights side by side, in fixed steps of the classical Runge-Kutta method: plain loops over eight numbers,
//! which compilers turn into vector instructions. Used where many shots of one kind are wanted and a tenth of a
//! millimeter at a kilometer does not matter; the same forces as [`crate::forces`].

use crate::forces::{density_ratio, Forces};
use crate::wind::Wind;

/// Flights in a batch.
pub(crate) const LANES: usize = 8;
/// One number for each flight.
pub(crate) type Lane = [f64; LANES];
/// As in [`crate::forces::State`], for each flight.
pub(crate) type LaneState = [Lane; 6];

/// What differs from flight to flight besides the start.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) state: LaneState,
    /// Drag over that of the nominal shot.
    pub(crate) drag_scale: Lane,
    /// The nominal wind is turned and lengthened by this (cosine part, sine part) before
    pub(crate) wind_scale: [Lane; 2],
    /// this is added (along the line of sight, up, right), in m/s.
    pub(crate) wind_change: [Lane; 3],
    /// How far beyond the common range each flight is followed, in meters; may be negative.
    pub(crate) beyond: Lane,
}

impl Batch {
    /// Flies to a range in meters, then each flight's own bit beyond.
    pub(crate) fn fly(&mut self, forces: &Forces, wind: &Wind, range: f64, longest_step: f64) {
        let mut start = 0.0;
        let mut air = self.wind(&wind.stretches()[0].1);
        for (until, vector) in wind.stretches() {
            air = self.wind(vector);
            let end = until.min(range);
            let steps = ((end - start) / longest_step).ceil().max(1.0);
            let length = (end - start) / steps;
            for step in 0..steps as u32 {
                self.step(
                    forces,
                    &air,
                    start + f64::from(step) * length,
                    &[length; LANES],
                );
            }
            start = end;
            if start >= range {
                break;
            }
        }
        let beyond = self.beyond;
        self.step(forces, &air, range, &beyond);
    }

    /// The wind of every flight where the nominal one is given.
    pub(crate) fn wind(&self, nominal: &[f64; 3]) -> [Lane; 3] {
        let mut wind = self.wind_change;
        let [cosine, sine] = &self.wind_scale;
        for lane in 0..LANES {
            wind[0][lane] += nominal[0] * cosine[lane] - nominal[2] * sine[lane];
            wind[1][lane] += nominal[1];
            wind[2][lane] += nominal[2] * cosine[lane] + nominal[0] * sine[lane];
        }
        wind
    }

    fn step(&mut self, forces: &Forces, wind: &[Lane; 3], range: f64, length: &Lane) {
        let half = length.map(|length| 0.5 * length);
        let k1 = self.slope(forces, wind, &[range; LANES], &self.state);
        let middle = half.map(|half| range + half);
        let k2 = self.slope(forces, wind, &middle, &moved(&self.state, &half, &k1));
        let k3 = self.slope(forces, wind, &middle, &moved(&self.state, &half, &k2));
        let end = length.map(|length| range + length);
        let k4 = self.slope(forces, wind, &end, &moved(&self.state, length, &k3));
        for part in 0..6 {
            for lane in 0..LANES {
                let sum = k1[part][lane] + 2.0 * (k2[part][lane] + k3[part][lane]) + k4[part][lane];
                self.state[part][lane] += length[lane] * sum * (1.0 / 6.0);
            }
        }
    }

    /// As [`Forces::slope`].
    #[inline]
    fn slope(
        &self,
        forces: &Forces,
        wind: &[Lane; 3],
        range: &Lane,
        state: &LaneState,
    ) -> LaneState {
        let [vx, vy, vz, height, _, _] = state;
        let mut speed = [0.0; LANES];
        let mut mach = [0.0; LANES];
        let mut scale = [0.0; LANES];
        for lane in 0..LANES {
            let (wx, wy, wz) = (
                vx[lane] - wind[0][lane],
                vy[lane] - wind[1][lane],
                vz[lane] - wind[2][lane],
            );
            speed[lane] = (wx * wx + wy * wy + wz * wz).sqrt();
            let cooling = forces.cooling(range[lane], height[lane]);
            mach[lane] = speed[lane] * forces.inverse_sound_speed(cooling);
            scale[lane] =
                forces.density * density_ratio(cooling) * self.drag_scale[lane] * speed[lane];
        }
        for lane in 0..LANES {
            let cd = forces.retardation.curve.at(mach[lane]);
            scale[lane] *= cd * forces.retardation.factor(mach[lane], speed[lane]);
        }
        let mut slope = [[0.0; LANES]; 6];
        let [spin_x, spin_y, spin_z] = forces.rotation;
        for lane in 0..LANES {
            let (x, y, z) = (vx[lane], vy[lane], vz[lane]);
            let inverse = 1.0 / x;
            let drag = scale[lane];
            let ax = forces.gravity_along - (spin_y * z - spin_z * y) - drag * (x - wind[0][lane]);
            let ay = forces.gravity_above - (spin_z * x - spin_x * z) - drag * (y - wind[1][lane]);
            let az = (spin_y * x - spin_x * y) - drag * (z - wind[2][lane]);
            slope[0][lane] = ax * inverse;
            slope[1][lane] = ay * inverse;
            slope[2][lane] = az * inverse;
            slope[3][lane] = y * inverse;
            slope[4][lane] = z * inverse;
            slope[5][lane] = inverse;
        }
        slope
    }
}

#[inline]
fn moved(state: &LaneState, length: &Lane, slope: &LaneState) -> LaneState {
    let mut moved = *state;
    for part in 0..6 {
        for lane in 0..LANES {
            moved[part][lane] += length[lane] * slope[part][lane];
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementary::sin_cos;
    use crate::quantity::{Angle, Length, Velocity};
    use crate::shot::{Shot, Zero};
    use crate::solver::Solver;
    use crate::wind::WindSegment;

    fn solver(degrees: f64, coefficient_scale: f64) -> Solver {
        let coefficient = crate::drag::BallisticCoefficient::Constant(0.5 / coefficient_scale);
        let wind = WindSegment {
            speed: Velocity::mps(12.0),
            from: Angle::degrees(degrees),
            ..WindSegment::default()
        };
        let zero = Zero::Angle(Angle::mils(3.0));
        Solver::new(&Shot {
            wind: vec![wind],
            coefficient,
            zero,
            ..Shot::default()
        })
        .unwrap()
    }

    #[test]
    fn a_lane_with_turned_wind_more_drag_and_more_range_is_that_trajectory() {
        let nominal = solver(50.0, 1.0);
        let (forces, wind, launch) = nominal.parts();
        let (sine, cosine) = sin_cos(70f64.to_radians());
        let mut batch = Batch {
            state: launch.state().map(|part| [part; LANES]),
            drag_scale: [1.1; LANES],
            wind_scale: [[cosine; LANES], [sine; LANES]],
            wind_change: [[0.0; LANES]; 3],
            beyond: [7.0; LANES],
        };
        batch.fly(forces, wind, 500.0, 10.0);
        let row = solver(120.0, 1.1).rows(&[Length::meters(507.0)]).unwrap()[0];
        assert!(
            (batch.state[3][5] - row.drop.as_meters()).abs() < 1e-5,
            "{:?}",
            row.drop
        );
        assert!(
            (batch.state[4][5] - row.windage.as_meters()).abs() < 1e-5,
            "{:?}",
            row.windage
        );
        assert!(
            (batch.state[5][5] - row.seconds).abs() < 1e-6,
            "{}",
            row.seconds
        );
    }
}
