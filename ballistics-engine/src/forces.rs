//! What accelerates the projectile: drag in air whose density and temperature fall with height, gravity,
//! and the rotation of the earth. Range, not time, is the independent variable: velocity is then almost an
//! exponential, and rows land on steps without interpolation.

use crate::atmosphere::{Air, DENSITY_EXPONENT, LAPSE};
use crate::drag::Retardation;
use crate::quantity::Length;

/// Standard acceleration of gravity in m/s2 (CGPM 1901).
pub(crate) const GRAVITY: f64 = 9.806_65;

/// Height above sea level of the troposphere's end in m (ICAO Doc 7488).
const TROPOPAUSE: f64 = 11_000.0;

/// Velocity along, up and right of the line of sight, height above it, offset right of it, and time; SI.
pub(crate) type State = [f64; 6];

/// Everything that acts on the projectile but the wind.
#[derive(Debug, Clone)]
pub(crate) struct Forces {
    pub(crate) retardation: Retardation,
    pub(crate) density: f64,
    inverse_sound: f64,
    /// LAPSE over the muzzle's temperature, times the height gained per meter along and above the line of sight.
    lapse_along: f64,
    lapse_above: f64,
    /// Cooling at the end of the troposphere.
    most_cooling: f64,
    pub(crate) gravity_along: f64,
    pub(crate) gravity_above: f64,
    /// Twice the earth's rotation in (along, up, right).
    pub(crate) rotation: [f64; 3],
}

impl Forces {
    /// On a level line of sight at some height above the sea, without the earth's rotation.
    pub(crate) fn level(retardation: Retardation, air: &Air, altitude: Length) -> Self {
        let lapse = LAPSE / air.temperature.as_kelvins();
        Self {
            retardation,
            density: air.density,
            inverse_sound: 1.0 / air.sound_speed.as_mps(),
            lapse_along: 0.0,
            lapse_above: lapse,
            most_cooling: lapse * (TROPOPAUSE - altitude.as_meters()),
            gravity_along: 0.0,
            gravity_above: -GRAVITY,
            rotation: [0.0; 3],
        }
    }

    /// The same on a line of sight whose rise has this (sine, cosine), with twice the earth's rotation in its frame.
    pub(crate) fn inclined(self, look: (f64, f64), rotation: [f64; 3]) -> Self {
        Self {
            lapse_along: self.lapse_above * look.0,
            lapse_above: self.lapse_above * look.1,
            gravity_along: self.gravity_above * look.0,
            gravity_above: self.gravity_above * look.1,
            rotation,
            ..self
        }
    }

    /// Change of the state per meter of range.
    // Inlined into all stages of a step: the state then stays in registers, a third faster.
    #[inline(always)]
    pub(crate) fn slope(&self, range: f64, state: &State, wind: &[f64; 3]) -> State {
        let [vx, vy, vz, height, _, _] = *state;
        let (wx, wy, wz) = (vx - wind[0], vy - wind[1], vz - wind[2]);
        let speed = (wx * wx + wy * wy + wz * wz).sqrt();
        let cooling = self.cooling(range, height);
        let mach = speed * self.inverse_sound_speed(cooling);
        let inverse = 1.0 / vx;
        // All but Cd, which is known last, is multiplied first: the processor does it while it waits.
        let dynamic = self.density
            * density_ratio(cooling)
            * self.retardation.factor(mach, speed)
            * speed
            * inverse;
        let (drag_x, drag_y, drag_z) = (dynamic * wx, dynamic * wy, dynamic * wz);
        let [spin_x, spin_y, spin_z] = self.rotation;
        let free_x = (self.gravity_along - (spin_y * vz - spin_z * vy)) * inverse;
        let free_y = (self.gravity_above - (spin_z * vx - spin_x * vz)) * inverse;
        let free_z = (spin_y * vx - spin_x * vy) * inverse;
        let cd = self.retardation.curve.at(mach);
        [
            free_x - cd * drag_x,
            free_y - cd * drag_y,
            free_z - cd * drag_z,
            vy * inverse,
            vz * inverse,
            inverse,
        ]
    }

    /// Ground speed over the local speed of sound.
    pub(crate) fn mach(&self, range: f64, state: &State) -> f64 {
        let cooling = self.cooling(range, state[3]);
        speed(state) * self.inverse_sound_speed(cooling)
    }

    /// The part of the muzzle's temperature that is lost at a place.
    #[inline]
    pub(crate) fn cooling(&self, range: f64, height: f64) -> f64 {
        range * self.lapse_along + height * self.lapse_above
    }

    /// Whether a place is below the height from which on temperature does not fall any more.
    pub(crate) fn is_in_troposphere(&self, range: f64, height: f64) -> bool {
        self.cooling(range, height) <= self.most_cooling
    }

    #[inline]
    pub(crate) fn inverse_sound_speed(&self, cooling: f64) -> f64 {
        self.inverse_sound / (1.0 - cooling).sqrt()
    }
}

/// Ground speed in m/s.
pub(crate) fn speed(state: &State) -> f64 {
    let [vx, vy, vz, ..] = *state;
    (vx * vx + vy * vy + vz * vz).sqrt()
}

/// Binomial series of (1 - cooling)^4.255876: cut where it is off by 3e-7 at 10 km over the muzzle, and by 1e-14 at 1 km.
const DENSITY_SERIES: [f64; 7] = {
    let mut terms = [1.0; 7];
    let mut k = 1;
    while k < 7 {
        terms[k] = -terms[k - 1] * (DENSITY_EXPONENT - (k - 1) as f64) / k as f64;
        k += 1;
    }
    terms
};

/// Density over that at the muzzle, where the temperature is lower by the part `cooling`.
#[inline]
pub(crate) fn density_ratio(cooling: f64) -> f64 {
    DENSITY_SERIES
        .iter()
        .rev()
        .fold(0.0, |sum, term| sum * cooling + term)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementary::power;

    #[test]
    fn density_series_holds_for_ten_kilometers_up_and_down() {
        for step in -22..=22 {
            let cooling = f64::from(step) * 0.01;
            let exact = power(1.0 - cooling, DENSITY_EXPONENT);
            assert!(
                (density_ratio(cooling) / exact - 1.0).abs() < 4e-7,
                "cooling {cooling}"
            );
        }
    }
}
