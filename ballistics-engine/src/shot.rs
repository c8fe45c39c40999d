//! The inputs of a trajectory: a plain struct with defaults. [`crate::Solver::new`] checks it.

use crate::atmosphere::Atmosphere;
use crate::drag::{BallisticCoefficient, DragCurve, DragFunction};
use crate::quantity::{Angle, Length, Mass, Temperature, Velocity};
use crate::stability::Spin;
use crate::wind::WindSegment;

/// One shot: projectile, rifle, air and aim. The default is a 150 gr bullet of G1 0.5 at 2700 fps,
/// sights 1.5 in over the bore, zeroed at 100 yd, in ICAO sea-level air without wind. A coefficient goes with one
/// drag function: set both (the program takes G7 where `--drag` is not given).
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// Drag coefficient against Mach.
    pub drag: DragCurve,
    /// Ballistic coefficient in lb/in2, 0.001 to 10.
    pub coefficient: BallisticCoefficient,
    /// Projectile mass, 0.1 g to 1 kg: decides energy alone, as the coefficient holds it for drag.
    pub mass: Mass,
    /// Muzzle velocity at the reference temperature of `powder`, 15 m/s to 3000 m/s.
    pub muzzle_velocity: Velocity,
    /// How the velocity follows the temperature of the powder.
    pub powder: Option<Powder>,
    /// Height of the line of sight above the bore's axis at the muzzle, -0.5 m to 0.5 m.
    pub sight_height: Length,
    /// Elevation of the bore over the line of sight.
    pub zero: Zero,
    /// Weather at the muzzle.
    pub atmosphere: Atmosphere,
    /// Wind segments in order of range; none is still air.
    pub wind: Vec<WindSegment>,
    /// Rise of the line of sight, positive uphill, -80 to 80 degrees.
    pub look_angle: Angle,
    /// Roll of the rifle about the line of sight, positive clockwise as the shooter sees it, -180 to 180 degrees.
    pub cant: Angle,
    /// Where on earth the shot is fired, and in which direction: for the Coriolis effect.
    pub place: Option<Place>,
    /// Body and twist, needed for `spin_drift` and `aerodynamic_jump`.
    pub spin: Option<Spin>,
    /// Adds Litz's spin drift to the windage.
    pub spin_drift: bool,
    /// Adds Litz's aerodynamic jump to the launch angle.
    pub aerodynamic_jump: bool,
}

/// How the bore is elevated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Zero {
    /// The line of sight is met at this range: on the level, uncanted, in still air of the shot's atmosphere.
    Range(Length),
    /// The elevation itself, -45 to 45 degrees.
    Angle(Angle),
}

/// Latitude, and direction of fire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Positive north, -90 to 90 degrees.
    pub latitude: Angle,
    /// 0 is north, 90 degrees east; -360 to 360 degrees.
    pub azimuth: Angle,
}

/// Velocity gained or lost by warm or cold powder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Powder {
    /// Temperature of the powder, -60 C to 80 C.
    pub temperature: Temperature,
    /// Temperature at which the muzzle velocity was measured, -60 C to 80 C.
    pub reference: Temperature,
    /// Velocity gained per kelvin, -20 m/s to 20 m/s.
    pub per_kelvin: Velocity,
}

impl Default for Shot {
    fn default() -> Self {
        Self {
            drag: DragFunction::G1.curve(),
            coefficient: BallisticCoefficient::Constant(0.5),
            mass: Mass::grains(150.0),
            muzzle_velocity: Velocity::fps(2_700.0),
            powder: None,
            sight_height: Length::inches(1.5),
            zero: Zero::Range(Length::yards(100.0)),
            atmosphere: Atmosphere::default(),
            wind: Vec::new(),
            look_angle: Angle::radians(0.0),
            cant: Angle::radians(0.0),
            place: None,
            spin: None,
            spin_drift: false,
            aerodynamic_jump: false,
        }
    }
}
