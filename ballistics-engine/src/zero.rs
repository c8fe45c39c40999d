//! Finds the elevation at which the line of sight is met at the zero range: a secant search on the miss
//! distance, kept inside a bracket. It begins at the drag-free angle and needs two or three flights.

use std::f64::consts::FRAC_PI_4;

use crate::elementary::{asin, atan};
use crate::error::Error;
use crate::forces::Forces;
use crate::integration::{Flight, FINE_TOLERANCE};
use crate::solver::Launch;
use crate::wind::Wind;

/// The miss in meters at which the search ends.
const MISS: f64 = 1e-9;
const MOST_FLIGHTS: u32 = 80;
const GRAVITY: f64 = 9.806_65;

/// The flatter of the two elevations, in radians.
pub(crate) fn elevation(level: &Forces, launch: &Launch, range: f64) -> Result<f64, Error> {
    let still = Wind::still();
    let shoot = |elevation: f64| {
        miss(
            level,
            &still,
            &Launch {
                elevation,
                ..*launch
            },
            range,
        )
    };
    let mut bracket = (-FRAC_PI_4, FRAC_PI_4);
    let mut trial = drag_free(launch, range);
    let mut last: Option<(f64, f64)> = None;
    let mut reached = 0.0f64;
    for _ in 0..MOST_FLIGHTS {
        let next = match shoot(trial) {
            Ok(miss) if miss.abs() <= MISS => return Ok(trial),
            Ok(miss) => {
                narrow(&mut bracket, trial, miss);
                let slope = last.map_or(range, |(angle, off)| (miss - off) / (trial - angle));
                last = Some((trial, miss));
                trial - miss / slope
            }
            Err(spent_at) => {
                reached = reached.max(spent_at);
                bracket.0 = trial;
                FRAC_PI_4
            }
        };
        if bracket.1 - bracket.0 < 1e-12 {
            break;
        }
        let inside = next > bracket.0 && next < bracket.1;
        trial = if inside {
            next
        } else {
            0.5 * (bracket.0 + bracket.1)
        };
    }
    Err(Error::OutOfReach {
        field: "zero range",
        asked: range,
        reached,
    })
}

/// Height over the line of sight at the range, or how far the shot came.
fn miss(forces: &Forces, wind: &Wind, launch: &Launch, range: f64) -> Result<f64, f64> {
    let mut flight = Flight::new(forces, wind, launch.state(), FINE_TOLERANCE);
    match flight.fly_to(range) {
        Ok(()) => Ok(flight.state[1]),
        Err(_) => Err(flight.range),
    }
}

fn narrow(bracket: &mut (f64, f64), trial: f64, miss: f64) {
    if miss < 0.0 {
        bracket.0 = trial;
    } else {
        bracket.1 = trial;
    }
}

/// Elevation without drag, as if the muzzle were a sight height below a target on its own level.
fn drag_free(launch: &Launch, range: f64) -> f64 {
    let sine = (GRAVITY * range / (launch.velocity * launch.velocity)).min(1.0);
    0.5 * asin(sine) + atan(launch.sight_height / range)
}
