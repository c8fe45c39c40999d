//! Many shots at one target, with what varies from shot to shot drawn at random. The same seed gives the same shots
//! on every platform and with any number of threads.

use crate::elementary::{angle_of, sin_cos};
use crate::error::{within, Error, Unit};
use crate::forces::State;
use crate::integration::still_flying;
use crate::lanes::{Batch, Lane, LANES};
use crate::quantity::{Angle, Length, Velocity};
use crate::random::Random;
use crate::solver::Solver;

/// Shots drawn from one random stream. Streams, not threads, decide which shot gets which numbers.
const BLOCK: usize = 1_024;
const MOST_SHOTS: usize = 10_000_000;
const MOST_THREADS: usize = 256;
/// The nominal shot flown in fixed steps may differ by this angle, in radians, from the one in controlled steps.
const STEP_ERROR: f64 = 1e-5;
const LONGEST_STEP: f64 = 200.0;
const SHORTEST_STEP: f64 = 2.0;

/// What is fired, at what.
#[derive(Debug, Clone, PartialEq)]
pub struct MonteCarlo {
    /// Range of the target. Its corrections are dialed: the nominal shot hits the center, whatever the zero is.
    pub range: Length,
    /// Shots, 1 to 10 million.
    pub shots: usize,
    /// Chooses the random numbers.
    pub seed: u64,
    /// Threads, 1 to 256; the result does not depend on them.
    pub threads: usize,
    /// What varies.
    pub deviations: Deviations,
}

impl Default for MonteCarlo {
    /// Ten thousand shots at 100 yd on one thread, nothing varying.
    fn default() -> Self {
        Self {
            range: Length::yards(100.0),
            shots: 10_000,
            seed: 1,
            threads: 1,
            deviations: Deviations::default(),
        }
    }
}

/// Standard deviations of what varies from shot to shot, all independent and normal. The default is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Deviations {
    /// Of the muzzle velocity, 0 to a tenth of it.
    pub velocity: Velocity,
    /// Of the ballistic coefficient, as a part of it: 0 to 0.1.
    pub coefficient: f64,
    /// Of the wind's component along its direction (of a head wind, if there is none), 0 to 30 m/s.
    pub wind_speed: Velocity,
    /// Of the wind across that direction, 0 to 30 m/s: a crosswind, if there is none.
    pub wind_across: Velocity,
    /// Of the direction of the wind, 0 to 180 degrees.
    pub wind_direction: Angle,
    /// Of the rifle and shooter, up and down: 0 to 50 mil.
    pub elevation: Angle,
    /// Of the rifle and shooter, to the sides: 0 to 50 mil.
    pub azimuth: Angle,
    /// Of the range, as the shooter estimates it: 0 to a fifth of it. The shot is dialed for the plan's range, and
    /// the target stands nearer or farther.
    pub range: Length,
}

/// What the shots are fired at, centered on the aim. Sizes are 1 mm to 1000 m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// A circle of a diameter.
    Circle(Length),
    /// A rectangle of a width and a height.
    Rectangle(Length, Length),
}

/// Where the shots went.
#[derive(Debug, Clone, PartialEq)]
pub struct Impacts {
    /// (up, right) of the center in meters; NaN for a shot that did not arrive.
    offsets: Vec<(f64, f64)>,
    range: f64,
}

/// A measured probability with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    /// Hits over shots.
    pub estimate: f64,
    /// Lower end of the Wilson interval.
    pub low: f64,
    /// Upper end of the Wilson interval.
    pub high: f64,
}

impl Solver {
    /// Fires the shots.
    ///
    /// # Errors
    /// A number outside its range; a target that the nominal shot does not reach.
    pub fn monte_carlo(&self, plan: &MonteCarlo) -> Result<Impacts, Error> {
        plan.check(self.muzzle_velocity())?;
        let range = plan.range.as_meters();
        let step = self.monte_carlo_step(range)?;
        let gunner = Gunner {
            solver: self,
            plan,
            range,
            aim: self.nominal_aim(range, step),
            step,
        };
        let mut offsets = vec![(0.0, 0.0); plan.shots];
        let blocks_each = (plan.shots + BLOCK * plan.threads - 1) / (BLOCK * plan.threads);
        std::thread::scope(|scope| {
            for (thread, part) in offsets.chunks_mut(blocks_each * BLOCK).enumerate() {
                let gunner = &gunner;
                scope.spawn(move || gunner.fire(thread * blocks_each, part));
            }
        });
        Ok(Impacts {
            offsets,
            range: plan.range.as_meters(),
        })
    }

    /// Tangents (up, right) of the angles at which the nominal shot, flown in the same steps as the others, meets
    /// the range: what a shooter dials the opposite of.
    fn nominal_aim(&self, range: f64, step: f64) -> (f64, f64) {
        let (forces, wind, launch) = self.parts();
        let mut batch = Batch::all(&launch.state());
        batch.fly(forces, wind, range, step);
        let [_, _, _, up, right, seconds] = batch.state.map(|part| part[0]);
        (up / range, (right + self.spin_drift(seconds)) / range)
    }

    /// The longest fixed step with which the nominal shot still hits where it should.
    fn monte_carlo_step(&self, range: f64) -> Result<f64, Error> {
        let (forces, wind, launch) = self.parts();
        let mut exact = self.flight();
        if exact.fly_to(range).is_err() {
            return Err(Error::OutOfReach {
                field: "range",
                asked: range,
                reached: exact.range,
            });
        }
        let mut step = LONGEST_STEP;
        while step > SHORTEST_STEP {
            let mut batch = Batch::all(&launch.state());
            batch.fly(forces, wind, range, step);
            let (up, right) = (
                batch.state[3][0] - exact.state[3],
                batch.state[4][0] - exact.state[4],
            );
            if up.abs().max(right.abs()) <= STEP_ERROR * range {
                break;
            }
            step *= 0.5;
        }
        Ok(step)
    }
}

impl MonteCarlo {
    fn check(&self, velocity: Velocity) -> Result<(), Error> {
        let count = |field, value: usize, most: usize| {
            within(field, Unit::None, value as f64, (1.0, most as f64))
        };
        count("shots", self.shots, MOST_SHOTS)?;
        count("threads", self.threads, MOST_THREADS)?;
        let range = within(
            "range",
            Unit::Range,
            self.range.as_meters(),
            (1.0, 10_000.0),
        )?;
        let Deviations {
            velocity: speed,
            wind_speed,
            wind_across,
            ..
        } = self.deviations;
        let Deviations {
            coefficient,
            wind_direction,
            elevation,
            azimuth,
            range: estimate,
            ..
        } = self.deviations;
        for (field, unit, value, most) in [
            (
                "deviation of velocity",
                Unit::Velocity,
                speed.as_mps(),
                0.1 * velocity.as_mps(),
            ),
            (
                "deviation of the coefficient",
                Unit::Percent,
                coefficient,
                0.1,
            ),
            (
                "deviation of wind speed",
                Unit::Velocity,
                wind_speed.as_mps(),
                30.0,
            ),
            (
                "deviation of crosswind",
                Unit::Velocity,
                wind_across.as_mps(),
                30.0,
            ),
            (
                "deviation of wind direction",
                Unit::Angle,
                wind_direction.as_radians(),
                std::f64::consts::PI,
            ),
            (
                "deviation of elevation",
                Unit::Angle,
                elevation.as_radians(),
                0.05,
            ),
            (
                "deviation of azimuth",
                Unit::Angle,
                azimuth.as_radians(),
                0.05,
            ),
            (
                "deviation of range",
                Unit::Range,
                estimate.as_meters(),
                0.2 * range,
            ),
        ] {
            within(field, unit, value, (0.0, most))?;
        }
        Ok(())
    }
}

/// Fires blocks of shots.
struct Gunner<'a> {
    solver: &'a Solver,
    plan: &'a MonteCarlo,
    range: f64,
    aim: (f64, f64),
    step: f64,
}

impl Gunner<'_> {
    /// Fires whole blocks from a given one on; only the very last may be cut short.
    fn fire(&self, first_block: usize, offsets: &mut [(f64, f64)]) {
        for (block, part) in offsets.chunks_mut(BLOCK).enumerate() {
            let mut random = Random::new(self.plan.seed, (first_block + block) as u64);
            for batch in part.chunks_mut(LANES) {
                self.fire_batch(&mut random, batch);
            }
        }
    }

    fn fire_batch(&self, random: &mut Random, offsets: &mut [(f64, f64)]) {
        let (forces, wind, launch) = self.solver.parts();
        let mut batch = self.draw(random, &launch.state());
        batch.fly(forces, wind, self.range, self.step);
        for (lane, offset) in offsets.iter_mut().enumerate() {
            let state = batch.state.map(|part| part[lane]);
            let [_, _, _, up, right, seconds] = state;
            let reached = self.range + batch.beyond[lane];
            *offset =
                if still_flying(forces, reached, &state) && up.is_finite() && right.is_finite() {
                    let right = right + self.solver.spin_drift(seconds);
                    // The line that was dialed goes on to where the target really stands.
                    (up - self.aim.0 * reached, right - self.aim.1 * reached)
                } else {
                    (f64::NAN, f64::NAN)
                };
        }
    }

    /// Draws what varies. Every quantity is drawn for all lanes, also when it does not vary, so that one
    /// deviation more does not change the others' numbers.
    fn draw(&self, random: &mut Random, start: &State) -> Batch {
        let deviations = &self.plan.deviations;
        let mut normals =
            |deviation: f64| -> Lane { [(); LANES].map(|()| deviation * random.normal()) };
        let velocity =
            normals(deviations.velocity.as_mps() / self.solver.muzzle_velocity().as_mps());
        let coefficient = normals(deviations.coefficient);
        let along = normals(deviations.wind_speed.as_mps());
        let across = normals(deviations.wind_across.as_mps());
        let turn = normals(deviations.wind_direction.as_radians());
        let elevation = normals(deviations.elevation.as_radians());
        let azimuth = normals(deviations.azimuth.as_radians());
        let mut batch = Batch::all(start);
        batch.beyond = normals(deviations.range.as_meters());
        let (cosine, sine) = self.wind_direction();
        for lane in 0..LANES {
            batch.drag_scale[lane] = 1.0 / (1.0 + coefficient[lane]);
            let (sin_turn, cos_turn) = sin_cos(turn[lane]);
            batch.wind_scale[0][lane] = cos_turn;
            batch.wind_scale[1][lane] = sin_turn;
            batch.wind_change[0][lane] = along[lane] * cosine - across[lane] * sine;
            batch.wind_change[2][lane] = along[lane] * sine + across[lane] * cosine;
        }
        let jump = self.drawn_jump(&batch);
        for lane in 0..LANES {
            let turn = (elevation[lane] + jump.0[lane], azimuth[lane] + jump.1[lane]);
            batch.launch_lane(lane, 1.0 + velocity[lane], turn);
        }
        batch
    }

    /// Aerodynamic jump (up, right) of the crosswind at the muzzle that was drawn over the nominal one, whose own
    /// is in the launch. Like that one, it turns with a canted rifle.
    fn drawn_jump(&self, batch: &Batch) -> (Lane, Lane) {
        let (_, wind, launch) = self.solver.parts();
        let nominal = wind.stretches()[0].1;
        let (sin_cant, cos_cant) = Angle::radians(launch.cant).sin_cos();
        let per_mps = self.solver.jump_per_mps();
        let jump = batch.wind(&nominal)[2].map(|right| per_mps * (nominal[2] - right));
        (
            jump.map(|jump| jump * cos_cant),
            jump.map(|jump| jump * sin_cant),
        )
    }

    /// Cosine and sine of the direction of the wind at the muzzle; along the line of sight if there is none.
    fn wind_direction(&self) -> (f64, f64) {
        let [along, _, right] = self.solver.parts().1.stretches()[0].1;
        let speed = (along * along + right * right).sqrt();
        if speed > 0.0 {
            (along / speed, right / speed)
        } else {
            (1.0, 0.0)
        }
    }
}

impl Batch {
    /// Eight times the nominal shot.
    fn all(start: &State) -> Self {
        Self {
            state: start.map(|part| [part; LANES]),
            drag_scale: [1.0; LANES],
            wind_scale: [[1.0; LANES], [0.0; LANES]],
            wind_change: [[0.0; LANES]; 3],
            beyond: [0.0; LANES],
        }
    }

    /// Scales a lane's velocity and turns it by small angles up and right.
    fn launch_lane(&mut self, lane: usize, scale: f64, turn: (f64, f64)) {
        let [vx, vy, vz, ..] = self.state.map(|part| part[lane]);
        let (up, right) = (vy + vx * turn.0, vz + vx * turn.1);
        let before = vx * vx + vy * vy + vz * vz;
        let scale = scale * (before / (vx * vx + up * up + right * right)).sqrt();
        self.state[0][lane] = vx * scale;
        self.state[1][lane] = up * scale;
        self.state[2][lane] = right * scale;
    }
}

impl Impacts {
    /// (up, right) of the target's center for each shot; `None` for one that did not arrive.
    pub fn offsets(&self) -> impl Iterator<Item = Option<(Length, Length)>> + '_ {
        self.offsets.iter().map(|(up, right)| {
            let arrived = !up.is_nan();
            arrived.then(|| (Length::meters(*up), Length::meters(*right)))
        })
    }

    /// Mean (up, right) of the shots that arrived.
    #[must_use]
    pub fn mean(&self) -> (Length, Length) {
        let (mut up, mut right, mut count) = (0.0, 0.0, 0.0f64);
        for offset in self.arrived() {
            up += offset.0;
            right += offset.1;
            count += 1.0;
        }
        (
            Length::meters(up / count.max(1.0)),
            Length::meters(right / count.max(1.0)),
        )
    }

    /// Standard deviation (up, right) of the shots that arrived.
    #[must_use]
    pub fn deviation(&self) -> (Length, Length) {
        let (mean_up, mean_right) = self.mean();
        let (mut up, mut right, mut count) = (0.0, 0.0, 0.0f64);
        for offset in self.arrived() {
            up += (offset.0 - mean_up.as_meters()) * (offset.0 - mean_up.as_meters());
            right += (offset.1 - mean_right.as_meters()) * (offset.1 - mean_right.as_meters());
            count += 1.0;
        }
        let degrees = (count - 1.0).max(1.0);
        (
            Length::meters((up / degrees).sqrt()),
            Length::meters((right / degrees).sqrt()),
        )
    }

    /// Radius about the mean point of impact that holds the given part, 0 to 1, of the shots that arrived.
    /// With 0.5 it is the circular error probable (CEP).
    #[must_use]
    pub fn radius_holding(&self, part: f64) -> Length {
        let (up, right) = self.mean();
        let (up, right) = (up.as_meters(), right.as_meters());
        let square = |offset: (f64, f64)| {
            (offset.0 - up) * (offset.0 - up) + (offset.1 - right) * (offset.1 - right)
        };
        let mut squares: Vec<f64> = self.arrived().map(square).collect();
        if squares.is_empty() {
            return Length::meters(0.0);
        }
        let last = squares.len() - 1;
        let index = ((last as f64 * part.clamp(0.0, 1.0)).round() as usize).min(last);
        let (_, square, _) = squares.select_nth_unstable_by(index, f64::total_cmp);
        Length::meters(square.sqrt())
    }

    /// Probability that a shot hits; those that did not arrive are misses. Interval: E. B. Wilson,
    /// J. Am. Stat. Assoc. 22 (1927) 209.
    ///
    /// # Errors
    /// A target's size outside its range.
    pub fn hit_probability(&self, target: Target) -> Result<Probability, Error> {
        target.check()?;
        let hits = self
            .arrived()
            .filter(|offset| target.holds(*offset))
            .count() as f64;
        let shots = self.offsets.len() as f64;
        let estimate = hits / shots;
        // 97.5 % quantile of the normal distribution, squared.
        let z2 = 1.959_963_984_540_054 * 1.959_963_984_540_054;
        let middle = (estimate + z2 / (2.0 * shots)) / (1.0 + z2 / shots);
        let variance = estimate * (1.0 - estimate) / shots + z2 / (4.0 * shots * shots);
        let half = (z2 * variance).sqrt() / (1.0 + z2 / shots);
        Ok(Probability {
            estimate,
            low: (middle - half).max(0.0),
            high: (middle + half).min(1.0),
        })
    }

    /// How many shots did not arrive.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.offsets.len() - self.arrived().count()
    }

    /// A length at the target as the shooter sees it.
    #[must_use]
    pub fn as_angle(&self, length: Length) -> Angle {
        Angle::radians(angle_of(length.as_meters(), self.range))
    }

    fn arrived(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.offsets
            .iter()
            .copied()
            .filter(|offset| !offset.0.is_nan())
    }
}

impl Target {
    /// Whether the target can be hit at all; [`Impacts::hit_probability`] asks the same.
    ///
    /// # Errors
    /// A size outside its range.
    pub fn check(self) -> Result<(), Error> {
        let sizes = match self {
            Target::Circle(diameter) => [diameter, diameter],
            Target::Rectangle(width, height) => [width, height],
        };
        for size in sizes {
            let limits = (0.001, 1_000.0);
            within("target", Unit::Size, size.as_meters(), limits)?;
        }
        Ok(())
    }

    fn holds(self, (up, right): (f64, f64)) -> bool {
        match self {
            Target::Circle(diameter) => {
                let radius = 0.5 * diameter.as_meters();
                up * up + right * right <= radius * radius
            }
            Target::Rectangle(width, height) => {
                right.abs() <= 0.5 * width.as_meters() && up.abs() <= 0.5 * height.as_meters()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drag::BallisticCoefficient;
    use crate::shot::{Shot, Zero};
    use crate::wind::WindSegment;

    fn plan(shots: usize, threads: usize, deviations: Deviations) -> MonteCarlo {
        MonteCarlo {
            range: Length::yards(600.0),
            shots,
            seed: 1,
            threads,
            deviations,
        }
    }

    fn solver() -> Solver {
        Solver::new(&Shot::default()).unwrap()
    }

    #[test]
    fn without_deviations_every_shot_hits_the_center() {
        let impacts = solver()
            .monte_carlo(&plan(20, 1, Deviations::default()))
            .unwrap();
        for offset in impacts.offsets() {
            let (up, right) = offset.unwrap();
            assert_eq!((up.as_meters(), right.as_meters()), (0.0, 0.0));
        }
    }

    #[test]
    fn threads_change_nothing_and_seeds_everything() {
        let deviations = Deviations {
            elevation: Angle::mils(0.1),
            velocity: Velocity::fps(10.0),
            ..Deviations::default()
        };
        let one = solver().monte_carlo(&plan(5_000, 1, deviations)).unwrap();
        let three = solver().monte_carlo(&plan(5_000, 3, deviations)).unwrap();
        assert_eq!(one, three);
        let other = solver()
            .monte_carlo(&MonteCarlo {
                seed: 2,
                ..plan(5_000, 1, deviations)
            })
            .unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn round_dispersion_gives_the_textbook_cep_and_hit_probability() {
        let angle = Angle::mils(0.2);
        let deviations = Deviations {
            elevation: angle,
            azimuth: angle,
            ..Deviations::default()
        };
        let impacts = solver().monte_carlo(&plan(60_000, 2, deviations)).unwrap();
        let sigma = 0.2e-3 * 548.64;
        // CEP of a circular normal distribution is sqrt(2 ln 2) sigma; one sigma's circle holds 39.35 %.
        let cep = impacts.radius_holding(0.5).as_meters();
        assert!((cep / (1.177_41 * sigma) - 1.0).abs() < 0.02, "CEP {cep}");
        let hit = impacts
            .hit_probability(Target::Circle(Length::meters(2.0 * sigma)))
            .unwrap();
        assert!(hit.low < 0.3935 && hit.high > 0.3935, "{hit:?}");
        assert!(hit.high - hit.low < 0.01);
    }

    /// A deviation moves the shots as much as two trajectories differ that are one deviation to either side.
    #[test]
    fn every_deviation_acts_as_the_trajectory_does() {
        let wind = WindSegment {
            speed: Velocity::mps(6.0),
            from: Angle::degrees(50.0),
            ..WindSegment::default()
        };
        let nominal = Shot {
            zero: Zero::Angle(Angle::mils(2.0)),
            wind: vec![wind],
            ..Shot::default()
        };
        let none = Deviations::default();
        let with_wind = |segment: WindSegment| Shot {
            wind: vec![segment],
            ..nominal.clone()
        };
        let speed = |mps: f64| {
            with_wind(WindSegment {
                speed: Velocity::mps(mps),
                ..wind
            })
        };
        let from = |degrees: f64| {
            with_wind(WindSegment {
                from: Angle::degrees(degrees),
                ..wind
            })
        };
        let coefficient = |bc: f64| Shot {
            coefficient: BallisticCoefficient::Constant(bc),
            ..nominal.clone()
        };
        let velocity = |fps: f64| Shot {
            muzzle_velocity: Velocity::fps(fps),
            ..nominal.clone()
        };
        for (deviations, below, above) in [
            (
                Deviations {
                    wind_speed: Velocity::mps(1.0),
                    ..none
                },
                speed(5.0),
                speed(7.0),
            ),
            (
                Deviations {
                    wind_direction: Angle::degrees(4.0),
                    ..none
                },
                from(46.0),
                from(54.0),
            ),
            (
                Deviations {
                    coefficient: 0.02,
                    ..none
                },
                coefficient(0.49),
                coefficient(0.51),
            ),
            (
                Deviations {
                    velocity: Velocity::fps(10.0),
                    ..none
                },
                velocity(2_690.0),
                velocity(2_710.0),
            ),
        ] {
            let impacts = Solver::new(&nominal)
                .unwrap()
                .monte_carlo(&plan(20_000, 2, deviations))
                .unwrap();
            let (up, right) = impacts.deviation();
            let (below, above) = (impact(&below, 600.0), impact(&above, 600.0));
            let close = |ours: Length, two: f64| {
                (ours.as_meters() - 0.5 * two.abs()).abs() < 0.02 * two.abs() + 1e-4
            };
            assert!(close(up, above.0 - below.0), "{deviations:?}: {up:?} up");
            assert!(
                close(right, above.1 - below.1),
                "{deviations:?}: {right:?} right"
            );
        }
    }

    #[test]
    fn a_gust_from_the_side_acts_as_the_trajectory_does() {
        let deviations = Deviations {
            wind_across: Velocity::mps(1.0),
            ..Deviations::default()
        };
        let impacts = solver().monte_carlo(&plan(20_000, 2, deviations)).unwrap();
        let gust = WindSegment {
            speed: Velocity::mps(1.0),
            from: Angle::degrees(-90.0),
            ..WindSegment::default()
        };
        let gusty = Shot {
            zero: Zero::Angle(solver().zero_angle()),
            wind: vec![gust],
            ..Shot::default()
        };
        let drift = impact(&gusty, 600.0).1;
        assert!(
            (impacts.deviation().1.as_meters() / drift - 1.0).abs() < 0.02,
            "{drift}"
        );
    }

    #[test]
    fn the_interval_is_that_of_printed_tables() {
        // Wilson's, 95 %: R. G. Newcombe, Stat. Med. 17 (1998) 857, table I, method 3.
        for (hits, shots, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let offset = |shot: usize| (if shot < hits { 0.0 } else { 1.0 }, 0.0);
            let impacts = Impacts {
                offsets: (0..shots).map(offset).collect(),
                range: 100.0,
            };
            let target = Target::Circle(Length::meters(0.5));
            let found = impacts.hit_probability(target).unwrap();
            assert!(
                (found.low - low).abs() < 6e-5,
                "{hits} of {shots}: {found:?}"
            );
            assert!(
                (found.high - high).abs() < 6e-5,
                "{hits} of {shots}: {found:?}"
            );
        }
    }

    #[test]
    fn a_rectangle_is_as_wide_and_high_as_it_says() {
        let angle = Angle::mils(0.2);
        let deviations = Deviations {
            elevation: angle,
            azimuth: angle,
            ..Deviations::default()
        };
        let impacts = solver().monte_carlo(&plan(40_000, 2, deviations)).unwrap();
        let sigma = 0.2e-3 * 548.64;
        // Within one deviation to the sides, 68.27 %, and two up and down, 95.45 %; then a slit.
        let plate = Target::Rectangle(Length::meters(2.0 * sigma), Length::meters(4.0 * sigma));
        let estimate = |target| impacts.hit_probability(target).unwrap().estimate;
        assert!((estimate(plate) - 0.6516).abs() < 0.01);
        let slit = Target::Rectangle(Length::meters(2.0 * sigma), Length::meters(100.0));
        assert!((estimate(slit) - 0.6827).abs() < 0.01);
    }

    /// (up, right) in meters at a range in yards.
    fn impact(shot: &Shot, yards: f64) -> (f64, f64) {
        let row = Solver::new(shot)
            .unwrap()
            .rows(&[Length::yards(yards)])
            .unwrap()[0];
        (row.drop.as_meters(), row.windage.as_meters())
    }
}
