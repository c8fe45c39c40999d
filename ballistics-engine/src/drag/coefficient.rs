//! The ballistic coefficient, which may change with Mach or velocity, and the retardation that follows from it:
//! a = (pi/8) rho Cd(M) v^2 / BC, with BC in kg/m2 (McCoy, *Modern Exterior Ballistics*, 1999, 6.3).

use std::f64::consts::PI;

use super::DragCurve;
use crate::error::{within, Error, Unit};
use crate::quantity::{Length, Mass, Velocity};

/// kg/m2 in a lb/in2: 0.45359237 / 0.0254^2.
const KG_PER_M2_PER_LB_PER_IN2: f64 = 703.069_579_639_159_9;
/// Accepted coefficients in lb/in2.
const LIMITS: (f64, f64) = (0.001, 10.0);

/// Ballistic coefficient in lb/in2, relative to ICAO standard air (1.225 kg/m3).
#[derive(Debug, Clone, PartialEq)]
pub enum BallisticCoefficient {
    /// One number for all speeds.
    Constant(f64),
    /// (Mach, coefficient) points, Mach increasing; linear in between, constant outside.
    ByMach(Vec<(f64, f64)>),
    /// (lower limit, coefficient) bands, fastest first; the last holds for all lower speeds.
    ByVelocity(Vec<(Velocity, f64)>),
}

impl BallisticCoefficient {
    /// Mass over diameter squared: the coefficient that goes with a projectile's own drag curve.
    #[must_use]
    pub fn sectional_density(mass: Mass, diameter: Length) -> Self {
        let kg_per_m2 = mass.as_kilograms() / (diameter.as_meters() * diameter.as_meters());
        BallisticCoefficient::Constant(kg_per_m2 / KG_PER_M2_PER_LB_PER_IN2)
    }
}

/// pi/8 over the coefficient's unit: what Cd / BC is multiplied by.
const FACTOR: f64 = PI / 8.0 / KG_PER_M2_PER_LB_PER_IN2;

/// Drag of one projectile: its curve over its coefficient.
#[derive(Debug, Clone)]
pub(crate) struct Retardation {
    pub(crate) curve: DragCurve,
    coefficient: BallisticCoefficient,
    /// FACTOR / BC where that is constant.
    constant: Option<f64>,
}

impl Retardation {
    pub(crate) fn new(curve: DragCurve, coefficient: BallisticCoefficient) -> Result<Self, Error> {
        let constant = match &coefficient {
            BallisticCoefficient::Constant(value) => Some(FACTOR / check(*value)?),
            BallisticCoefficient::ByMach(points) => check_points(points).map(|()| None)?,
            BallisticCoefficient::ByVelocity(bands) => check_bands(bands).map(|()| None)?,
        };
        Ok(Self {
            curve,
            coefficient,
            constant,
        })
    }

    /// What density * speed^2 * Cd is multiplied by to give the deceleration, in m2/kg.
    #[inline]
    pub(crate) fn factor(&self, mach: f64, speed: f64) -> f64 {
        match self.constant {
            Some(factor) => factor,
            None => self.varying(mach, speed),
        }
    }

    /// Whether the coefficient jumps from band to band.
    pub(crate) fn is_stepwise(&self) -> bool {
        matches!(self.coefficient, BallisticCoefficient::ByVelocity(_))
    }

    #[inline(never)]
    fn varying(&self, mach: f64, speed: f64) -> f64 {
        let coefficient = match &self.coefficient {
            BallisticCoefficient::Constant(value) => *value,
            BallisticCoefficient::ByMach(points) => interpolate(points, mach),
            BallisticCoefficient::ByVelocity(bands) => band(bands, speed),
        };
        FACTOR / coefficient
    }
}

fn interpolate(points: &[(f64, f64)], mach: f64) -> f64 {
    let above = points.partition_point(|point| point.0 <= mach);
    if above == 0 {
        return points[0].1;
    }
    let left = points[above - 1];
    match points.get(above) {
        Some(right) => left.1 + (right.1 - left.1) * (mach - left.0) / (right.0 - left.0),
        None => left.1,
    }
}

fn band(bands: &[(Velocity, f64)], speed: f64) -> f64 {
    let reached = bands.iter().find(|band| speed >= band.0.as_mps());
    reached.unwrap_or(&bands[bands.len() - 1]).1
}

fn check(coefficient: f64) -> Result<f64, Error> {
    within("ballistic coefficient", Unit::None, coefficient, LIMITS)
}

fn check_points(points: &[(f64, f64)]) -> Result<(), Error> {
    let field = "ballistic coefficient by Mach";
    if points.is_empty() {
        return Err(Error::Malformed {
            field,
            problem: "no points; at least one is needed".to_string(),
        });
    }
    for point in points {
        within(field, Unit::None, point.0, (0.0, 20.0))?;
        check(point.1)?;
    }
    match points.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
        Some(pair) => {
            let problem = format!(
                "Mach must increase, but {} follows {}",
                pair[1].0, pair[0].0
            );
            Err(Error::Malformed { field, problem })
        }
        None => Ok(()),
    }
}

fn check_bands(bands: &[(Velocity, f64)]) -> Result<(), Error> {
    let field = "ballistic coefficient by velocity";
    if bands.is_empty() {
        return Err(Error::Malformed {
            field,
            problem: "no bands; at least one is needed".to_string(),
        });
    }
    for band in bands {
        within(field, Unit::Velocity, band.0.as_mps(), (0.0, 3_048.0))?;
        check(band.1)?;
    }
    if bands.windows(2).any(|pair| pair[1].0 >= pair[0].0) {
        let problem = "limits must fall from band to band, fastest first".to_string();
        return Err(Error::Malformed { field, problem });
    }
    Ok(())
}
