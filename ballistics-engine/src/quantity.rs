//! Physical quantities: an `f64` in SI units behind a type, made and read in a named unit.
//! `Length::yards(100.0).as_meters()` is 91.44, and a length cannot stand where a velocity is meant. Quantities of one
//! kind are added and subtracted, and scaled by numbers; temperatures, which have no common zero, are not.

use std::f64::consts::PI;
use std::ops::{Add, Mul, Neg, Sub};

use crate::elementary;

/// Meters in a yard (international yard, 1959).
pub(crate) const METERS_PER_YARD: f64 = 0.9144;
/// Meters in a foot.
pub(crate) const METERS_PER_FOOT: f64 = 0.3048;
/// Meters in an inch.
pub(crate) const METERS_PER_INCH: f64 = 0.0254;
/// Meters per second in a mile per hour.
pub(crate) const MPS_PER_MPH: f64 = 0.447_04;
/// Radians in a minute of angle.
pub(crate) const RADIANS_PER_MOA: f64 = PI / 10_800.0;

// A macro, because these types differ in nothing but their names and units.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident { $($unit:ident, $read:ident: $si:expr, $what:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(f64);

        impl $name {
            $(
                #[doc = concat!("From ", $what, ".")]
                #[must_use]
                pub fn $unit(value: f64) -> Self {
                    Self(value * $si)
                }

                #[doc = concat!("In ", $what, ".")]
                #[must_use]
                pub fn $read(self) -> f64 {
                    self.0 / $si
                }
            )+
        }

        impl Add for $name {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;

            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Neg for $name {
            type Output = Self;

            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;

            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
    };
}

quantity! {
    /// A distance, kept in meters.
    Length {
        meters, as_meters: 1.0, "meters";
        centimeters, as_centimeters: 0.01, "centimeters";
        millimeters, as_millimeters: 0.001, "millimeters";
        yards, as_yards: METERS_PER_YARD, "yards";
        feet, as_feet: METERS_PER_FOOT, "feet";
        inches, as_inches: METERS_PER_INCH, "inches";
    }
}

quantity! {
    /// A speed, kept in meters per second.
    Velocity {
        mps, as_mps: 1.0, "meters per second";
        kph, as_kph: 1.0 / 3.6, "kilometers per hour";
        fps, as_fps: METERS_PER_FOOT, "feet per second";
        mph, as_mph: MPS_PER_MPH, "miles per hour";
    }
}

quantity! {
    /// An angle, kept in radians. A mil is a milliradian; an MOA is 1/60 of a degree.
    Angle {
        radians, as_radians: 1.0, "radians";
        degrees, as_degrees: PI / 180.0, "degrees";
        mils, as_mils: 0.001, "milliradians";
        moa, as_moa: RADIANS_PER_MOA, "minutes of angle";
    }
}

quantity! {
    /// A mass, kept in kilograms.
    Mass {
        kilograms, as_kilograms: 1.0, "kilograms";
        grams, as_grams: 0.001, "grams";
        grains, as_grains: 6.479_891e-5, "grains";
    }
}

quantity! {
    /// A pressure, kept in pascals. An inch of mercury is 3386.389 Pa (0 C).
    Pressure {
        pascals, as_pascals: 1.0, "pascals";
        hectopascals, as_hectopascals: 100.0, "hectopascals (millibars)";
        inches_of_mercury, as_inches_of_mercury: 3_386.389, "inches of mercury";
    }
}

quantity! {
    /// An energy, kept in joules.
    Energy {
        joules, as_joules: 1.0, "joules";
        foot_pounds, as_foot_pounds: 1.355_817_948_331_400_4, "foot-pounds";
    }
}

/// A temperature, kept in kelvins.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Temperature(f64);

impl Temperature {
    /// From kelvins.
    #[must_use]
    pub fn kelvins(value: f64) -> Self {
        Self(value)
    }

    /// From degrees Celsius.
    #[must_use]
    pub fn celsius(value: f64) -> Self {
        Self(value + 273.15)
    }

    /// From degrees Fahrenheit.
    #[must_use]
    pub fn fahrenheit(value: f64) -> Self {
        Self((value + 459.67) / 1.8)
    }

    /// In kelvins.
    #[must_use]
    pub fn as_kelvins(self) -> f64 {
        self.0
    }

    /// In degrees Celsius.
    #[must_use]
    pub fn as_celsius(self) -> f64 {
        self.0 - 273.15
    }

    /// In degrees Fahrenheit.
    #[must_use]
    pub fn as_fahrenheit(self) -> f64 {
        self.0 * 1.8 - 459.67
    }
}

impl Angle {
    /// Sine and cosine.
    pub(crate) fn sin_cos(self) -> (f64, f64) {
        elementary::sin_cos(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn units_are_the_international_ones() {
        close(Length::yards(100.0).as_meters(), 91.44);
        close(Length::inches(1.0).as_millimeters(), 25.4);
        close(Velocity::fps(2600.0).as_mps(), 792.48);
        close(Velocity::mph(10.0).as_kph(), 16.093_44);
        close(Mass::grains(7000.0).as_grams(), 453.592_37);
        close(Angle::degrees(1.0).as_moa(), 60.0);
        close(Angle::moa(1.0).as_mils(), 0.290_888_208_666);
        close(Energy::foot_pounds(1.0).as_joules(), 1.355_817_948);
        close(Temperature::fahrenheit(59.0).as_celsius(), 15.0);
        close(Temperature::celsius(-40.0).as_fahrenheit(), -40.0);
    }

    #[test]
    fn quantities_of_a_kind_add_up() {
        let yard = Length::feet(2.0) + Length::inches(12.0);
        close(yard.as_yards(), 1.0);
        close((yard * 3.0 - yard).as_feet(), 6.0);
        assert_eq!(-Velocity::mps(3.0), Velocity::mps(-3.0));
    }
}
