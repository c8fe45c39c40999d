//! A checked and zeroed shot, ready to be asked for rows.

use crate::atmosphere::Air;
use crate::drag::Retardation;
use crate::elementary::angle_of;
use crate::error::{out_of_range, within, Error, Unit};
use crate::forces::{speed, Forces, State};
use crate::integration::{Flight, NORMAL};
use crate::quantity::{Angle, Energy, Length, Velocity};
use crate::shot::{Place, Shot, Zero};
use crate::stability::{Spin, Stability, MASS_LIMITS, VELOCITY_LIMITS};
use crate::wind::Wind;
use crate::zero;

/// The greatest range that may be asked for, in meters.
pub(crate) const LONGEST_RANGE: f64 = 10_000.0;
/// Rotation of the earth in rad/s (IERS).
const EARTH_ROTATION: f64 = 7.292_115_9e-5;

/// A shot that has been checked and zeroed.
#[derive(Debug, Clone)]
pub struct Solver {
    forces: Forces,
    wind: Wind,
    launch: Launch,
    air: Air,
    zero_angle: Angle,
    stability: Option<Stability>,
    spin_drift: bool,
    aerodynamic_jump: bool,
    mass: f64,
}

/// Where and how the projectile leaves the muzzle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch {
    pub(crate) velocity: f64,
    pub(crate) sight_height: f64,
    pub(crate) elevation: f64,
    pub(crate) cant: f64,
}

/// The projectile at one range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Distance along the line of sight.
    pub range: Length,
    /// Time of flight in seconds.
    pub seconds: f64,
    /// Height over the line of sight: negative is below. Perpendicular to it on inclined shots.
    pub drop: Length,
    /// Offset to the right of the line of sight, spin drift included: negative is left.
    pub windage: Length,
    /// `drop` as an angle; 0 at range 0.
    pub drop_angle: Angle,
    /// `windage` as an angle; 0 at range 0.
    pub windage_angle: Angle,
    /// Speed over ground.
    pub velocity: Velocity,
    /// Speed over ground by the local speed of sound.
    pub mach: f64,
    /// Kinetic energy.
    pub energy: Energy,
}

impl Solver {
    /// Checks every input, computes the air, and finds the zero.
    ///
    /// # Errors
    /// The first input that is out of its range, by name; a zero range that the shot does not reach.
    pub fn new(shot: &Shot) -> Result<Self, Error> {
        let air = shot.atmosphere.air()?;
        let velocity = muzzle_velocity(shot)?;
        let spin = spin_effects(shot, Velocity::mps(velocity), &air)?;
        let retardation = Retardation::new(shot.drag.clone(), shot.coefficient.clone())?;
        let limit = 80f64.to_radians();
        within(
            "look angle",
            Unit::Angle,
            shot.look_angle.as_radians(),
            (-limit, limit),
        )?;
        let wind = Wind::new(&shot.wind, shot.look_angle)?;
        let level = Forces::level(retardation, &air, shot.atmosphere.altitude);
        let launch = launch(shot, velocity)?;
        let zero_angle = zero_angle(shot, &level, &launch)?;
        let look = shot.look_angle.sin_cos();
        let mut solver = Self {
            forces: level.inclined(look, rotation(shot)?),
            wind,
            launch,
            air,
            zero_angle: Angle::radians(zero_angle),
            stability: spin,
            spin_drift: shot.spin_drift,
            aerodynamic_jump: shot.aerodynamic_jump,
            mass: within("mass", Unit::Mass, shot.mass.as_kilograms(), MASS_LIMITS)?,
        };
        let from_right = -solver.wind.stretches()[0].1[2];
        solver.launch.elevation = zero_angle + solver.jump_per_mps() * from_right;
        Ok(solver)
    }

    /// Elevation of the bore over the line of sight, without aerodynamic jump.
    #[must_use]
    pub fn zero_angle(&self) -> Angle {
        self.zero_angle
    }

    /// The air at the muzzle.
    #[must_use]
    pub fn air(&self) -> &Air {
        &self.air
    }

    /// Stability at the muzzle, where the shot says what is spun.
    #[must_use]
    pub fn stability(&self) -> Option<&Stability> {
        self.stability.as_ref()
    }

    /// Velocity at the muzzle, powder temperature included.
    #[must_use]
    pub fn muzzle_velocity(&self) -> Velocity {
        Velocity::mps(self.launch.velocity)
    }

    /// The projectile at each of some ranges, which must not fall.
    ///
    /// # Errors
    /// A range that is negative, beyond 10 km, smaller than the one before it, or out of the shot's reach.
    pub fn rows(&self, ranges: &[Length]) -> Result<Vec<Row>, Error> {
        let mut flight = self.flight();
        let mut rows = Vec::with_capacity(ranges.len());
        for range in ranges {
            let asked = range.as_meters();
            // Exactly, not only to what is printed: the flight cannot go back.
            if asked < flight.range {
                let limits = (flight.range, LONGEST_RANGE);
                return Err(out_of_range("range", Unit::Range, asked, limits));
            }
            let range = within("range", Unit::Range, asked, (0.0, LONGEST_RANGE))?;
            if flight.fly_to(range).is_err() {
                return Err(Error::OutOfReach {
                    field: "range",
                    asked: range,
                    reached: flight.range,
                });
            }
            rows.push(self.row_of(&flight));
        }
        Ok(rows)
    }

    /// The projectile at one range.
    ///
    /// # Errors
    /// As [`Solver::rows`].
    pub fn row(&self, range: Length) -> Result<Row, Error> {
        Ok(self.rows(&[range])?[0])
    }

    /// The same shot with another elevation of the bore, in radians.
    pub(crate) fn with_elevation(&self, elevation: f64) -> Self {
        let launch = Launch {
            elevation,
            ..self.launch
        };
        Self {
            launch,
            ..self.clone()
        }
    }

    pub(crate) fn parts(&self) -> (&Forces, &Wind, &Launch) {
        (&self.forces, &self.wind, &self.launch)
    }

    pub(crate) fn flight(&self) -> Flight<'_> {
        Flight::new(&self.forces, &self.wind, self.launch.state(), NORMAL)
    }

    /// In meters to the right; 0 where it was not asked for.
    pub(crate) fn spin_drift(&self, seconds: f64) -> f64 {
        match &self.stability {
            Some(stability) if self.spin_drift => stability.spin_drift(seconds).as_meters(),
            _ => 0.0,
        }
    }

    /// Radians of elevation for each m/s of wind from the right at the muzzle; 0 where it was not asked for.
    pub(crate) fn jump_per_mps(&self) -> f64 {
        match &self.stability {
            Some(stability) if self.aerodynamic_jump => stability.jump.as_radians(),
            _ => 0.0,
        }
    }

    pub(crate) fn row_of(&self, flight: &Flight) -> Row {
        let state = &flight.state;
        let [_, _, _, drop, offset, seconds] = *state;
        let velocity = speed(state);
        let windage = offset + self.spin_drift(seconds);
        Row {
            range: Length::meters(flight.range),
            seconds,
            drop: Length::meters(drop),
            windage: Length::meters(windage),
            drop_angle: Angle::radians(angle_of(drop, flight.range)),
            windage_angle: Angle::radians(angle_of(windage, flight.range)),
            velocity: Velocity::mps(velocity),
            mach: self.forces.mach(flight.range, state),
            energy: Energy::joules(0.5 * self.mass * velocity * velocity),
        }
    }
}

impl Launch {
    /// The bore and its offset from the line of sight turn together when the rifle is canted.
    pub(crate) fn state(&self) -> State {
        let (sin_cant, cos_cant) = Angle::radians(self.cant).sin_cos();
        let (sin, cos) = Angle::radians(self.elevation).sin_cos();
        let (forward, upward) = (self.velocity * cos, self.velocity * sin);
        let (height, offset) = (-self.sight_height * cos_cant, -self.sight_height * sin_cant);
        [
            forward,
            upward * cos_cant,
            upward * sin_cant,
            height,
            offset,
            0.0,
        ]
    }
}

fn muzzle_velocity(shot: &Shot) -> Result<f64, Error> {
    let measured = shot.muzzle_velocity.as_mps();
    within("muzzle velocity", Unit::Velocity, measured, VELOCITY_LIMITS)?;
    let gain = match &shot.powder {
        None => 0.0,
        Some(powder) => {
            let limits = (213.15, 353.15);
            let temperature = within(
                "powder temperature",
                Unit::Temperature,
                powder.temperature.as_kelvins(),
                limits,
            )?;
            let reference = within(
                "powder reference temperature",
                Unit::Temperature,
                powder.reference.as_kelvins(),
                limits,
            )?;
            let slope = within(
                "powder sensitivity",
                Unit::Velocity,
                powder.per_kelvin.as_mps(),
                (-20.0, 20.0),
            )?;
            slope * (temperature - reference)
        }
    };
    within(
        "muzzle velocity at the powder's temperature",
        Unit::Velocity,
        measured + gain,
        VELOCITY_LIMITS,
    )
}

fn spin_effects(shot: &Shot, velocity: Velocity, air: &Air) -> Result<Option<Stability>, Error> {
    let stability = shot
        .spin
        .as_ref()
        .map(|spin: &Spin| spin.stability(velocity, air))
        .transpose()?;
    if stability.is_none() && (shot.spin_drift || shot.aerodynamic_jump) {
        let problem =
            "needed for spin drift and aerodynamic jump: mass, diameter, length and twist"
                .to_string();
        return Err(Error::Malformed {
            field: "spin",
            problem,
        });
    }
    Ok(stability)
}

/// With the bore on the line of sight.
fn launch(shot: &Shot, velocity: f64) -> Result<Launch, Error> {
    let half_turn = std::f64::consts::PI;
    Ok(Launch {
        velocity,
        sight_height: within(
            "sight height",
            Unit::Size,
            shot.sight_height.as_meters(),
            (-0.5, 0.5),
        )?,
        elevation: 0.0,
        cant: within(
            "cant",
            Unit::Angle,
            shot.cant.as_radians(),
            (-half_turn, half_turn),
        )?,
    })
}

fn zero_angle(shot: &Shot, level: &Forces, launch: &Launch) -> Result<f64, Error> {
    match shot.zero {
        Zero::Angle(angle) => {
            let limit = 45f64.to_radians();
            within(
                "zero angle",
                Unit::Angle,
                angle.as_radians(),
                (-limit, limit),
            )
        }
        Zero::Range(range) => {
            let range = within(
                "zero range",
                Unit::Range,
                range.as_meters(),
                (1.0, LONGEST_RANGE),
            )?;
            let upright = Launch {
                cant: 0.0,
                ..*launch
            };
            zero::elevation(level, &Wind::still(), &upright, range).map_err(|short| {
                Error::OutOfReach {
                    field: "zero range",
                    asked: range,
                    reached: short.reached,
                }
            })
        }
    }
}

/// Twice the earth's rotation in the frame of the line of sight: a = -2 omega x v.
fn rotation(shot: &Shot) -> Result<[f64; 3], Error> {
    let Place { latitude, azimuth } = match shot.place {
        Some(place) => place,
        None => return Ok([0.0; 3]),
    };
    let (right_angle, turn) = (90f64.to_radians(), 360f64.to_radians());
    within(
        "latitude",
        Unit::Angle,
        latitude.as_radians(),
        (-right_angle, right_angle),
    )?;
    within("azimuth", Unit::Angle, azimuth.as_radians(), (-turn, turn))?;
    let (sin_latitude, cos_latitude) = latitude.sin_cos();
    let (sin_azimuth, cos_azimuth) = azimuth.sin_cos();
    let (sin_look, cos_look) = shot.look_angle.sin_cos();
    let (north, up) = (cos_latitude * cos_azimuth, sin_latitude);
    let twice = 2.0 * EARTH_ROTATION;
    Ok([
        twice * (north * cos_look + up * sin_look),
        twice * (up * cos_look - north * sin_look),
        twice * -cos_latitude * sin_azimuth,
    ])
}
