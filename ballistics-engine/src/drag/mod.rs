//! Drag: the coefficient of a reference projectile against Mach, and the ballistic coefficient that scales it.

mod coefficient;
mod curve;
// A drag coefficient of 0.3926 is no attempt at pi/8.
#[allow(clippy::approx_constant)]
mod tables;

pub use coefficient::BallisticCoefficient;
pub(crate) use coefficient::Retardation;
pub use curve::DragCurve;

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use crate::error::Error;

/// A standard drag function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DragFunction {
    /// Flat base, short ogive: the function of most published coefficients.
    G1,
    /// Aberdeen J projectile.
    G2,
    /// Short boat tail.
    G5,
    /// Flat base, 6-caliber secant ogive.
    G6,
    /// Long boat tail: modern long-range bullets.
    G7,
    /// Flat base, 10-caliber secant ogive.
    G8,
    /// Ingalls.
    GI,
    /// Sphere.
    GS,
    /// .22 rimfire.
    RA4,
}

impl DragFunction {
    /// All nine.
    pub const ALL: [DragFunction; 9] = [
        DragFunction::G1,
        DragFunction::G2,
        DragFunction::G5,
        DragFunction::G6,
        DragFunction::G7,
        DragFunction::G8,
        DragFunction::GI,
        DragFunction::GS,
        DragFunction::RA4,
    ];

    /// The published (Mach, Cd) knots.
    #[must_use]
    pub fn knots(self) -> &'static [(f64, f64)] {
        match self {
            DragFunction::G1 => tables::G1,
            DragFunction::G2 => tables::G2,
            DragFunction::G5 => tables::G5,
            DragFunction::G6 => tables::G6,
            DragFunction::G7 => tables::G7,
            DragFunction::G8 => tables::G8,
            DragFunction::GI => tables::GI,
            DragFunction::GS => tables::GS,
            DragFunction::RA4 => tables::RA4,
        }
    }

    /// The interpolated curve. Built once per process, on first use.
    #[must_use]
    pub fn curve(self) -> DragCurve {
        // A mutex where OnceLock would do: that one came with Rust 1.70.
        static CURVES: Mutex<[Option<DragCurve>; 9]> =
            Mutex::new([None, None, None, None, None, None, None, None, None]);
        let mut curves = match CURVES.lock() {
            Ok(curves) => curves,
            Err(poisoned) => poisoned.into_inner(),
        };
        curves[self as usize]
            .get_or_insert_with(|| DragCurve::from_table(self.knots()))
            .clone()
    }
}

impl fmt::Display for DragFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl FromStr for DragFunction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = Self::ALL
            .into_iter()
            .find(|function| function.to_string().eq_ignore_ascii_case(text));
        named.ok_or_else(|| Error::Malformed {
            field: "drag function",
            problem: format!("`{text}` is none of G1, G2, G5, G6, G7, G8, GI, GS, RA4"),
        })
    }
}
