//! What the spin does, by estimators: Miller's stability, Litz's spin drift and aerodynamic jump.
//! They are fits to six-degree-of-freedom results, good to some tenths of the effect.

use crate::atmosphere::Air;
use crate::elementary::power;
use crate::error::{within, Error, Unit};
use crate::quantity::{Angle, Length, Mass, Velocity};

/// A bullet's body and the twist that spins it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spin {
    /// Bullet mass, 0.1 g to 1 kg.
    pub mass: Mass,
    /// Bullet diameter, 1 mm to 50 mm.
    pub diameter: Length,
    /// Bullet length, half to ten diameters.
    pub length: Length,
    /// Barrel length per turn, positive for a right-hand twist; 25 mm to 10 m either way.
    pub twist: Length,
}

/// What follows from a [`Spin`] at a velocity in a given air.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stability {
    /// Gyroscopic stability factor: below 1 the bullet tumbles, 1.5 and more is wanted.
    pub factor: f64,
    /// Change of the launch angle per m/s of crosswind from the right, positive up.
    pub jump: Angle,
    /// +1 for a right-hand twist, -1 for a left-hand one.
    hand: f64,
}

impl Spin {
    /// Miller's stability factor with his corrections for velocity and air (D. Miller, *Precision Shooting*,
    /// March 2005): SG = 30 m / (t^2 d^3 l (1 + l^2)) (v / 2800)^(1/3) (T / 518.67) (29.92 / p),
    /// m in grains, d in inches, t and l in diameters, v in fps, T in Rankine, p in inHg.
    ///
    /// # Errors
    /// Any input outside its range; a velocity outside 15 m/s to 3000 m/s.
    pub fn stability(&self, velocity: Velocity, air: &Air) -> Result<Stability, Error> {
        let velocity = within(
            "muzzle velocity",
            Unit::Velocity,
            velocity.as_mps(),
            VELOCITY_LIMITS,
        )?;
        let mass = within("mass", Unit::Mass, self.mass.as_kilograms(), MASS_LIMITS)?;
        let diameter = within(
            "diameter",
            Unit::Size,
            self.diameter.as_meters(),
            DIAMETER_LIMITS,
        )?;
        let length = within(
            "bullet length",
            Unit::Size,
            self.length.as_meters(),
            (0.5 * diameter, 10.0 * diameter),
        )?;
        let twist = within(
            "twist",
            Unit::Size,
            self.twist.as_meters().abs(),
            (0.025, 10.0),
        )?;
        let (turn, calibers) = (twist / diameter, length / diameter);
        let inches = Length::meters(diameter).as_inches();
        let form = turn * turn * inches * inches * inches * calibers * (1.0 + calibers * calibers);
        let speed = power(Velocity::mps(velocity).as_fps() / 2_800.0, 1.0 / 3.0);
        let temperature = air.temperature.as_kelvins() * 1.8 / 518.67;
        let pressure = 29.921_26 / air.pressure.as_inches_of_mercury();
        let factor =
            30.0 * Mass::kilograms(mass).as_grains() / form * speed * temperature * pressure;
        let hand = if self.twist.as_meters() < 0.0 {
            -1.0
        } else {
            1.0
        };
        Ok(Stability {
            factor,
            jump: jump(factor, calibers, hand),
            hand,
        })
    }
}

pub(crate) const MASS_LIMITS: (f64, f64) = (1e-4, 1.0);
/// Of the muzzle, in m/s.
pub(crate) const VELOCITY_LIMITS: (f64, f64) = (15.0, 3_000.0);
pub(crate) const DIAMETER_LIMITS: (f64, f64) = (0.001, 0.05);

impl Stability {
    /// Spin drift after a time of flight, positive right: 1.25 (SG + 1.2) t^1.83 inches
    /// (B. Litz, *Applied Ballistics for Long-Range Shooting*, 3rd ed. 2015). No time, no drift; NaN for a
    /// negative one.
    #[must_use]
    pub fn spin_drift(&self, seconds: f64) -> Length {
        Length::inches(self.hand * 1.25 * (self.factor + 1.2) * power(seconds, 1.83))
    }
}

/// Litz: 0.01 SG - 0.0024 L + 0.032 MOA per mph of crosswind, L in calibers; a wind from the right
/// lifts a bullet of right-hand twist.
fn jump(factor: f64, calibers: f64, hand: f64) -> Angle {
    let moa_per_mph = 0.01 * factor - 0.0024 * calibers + 0.032;
    Angle::moa(hand * moa_per_mph / Velocity::mph(1.0).as_mps())
}
