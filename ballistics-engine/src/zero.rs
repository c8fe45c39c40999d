//! Finds the elevation at which the line of sight is met at the zero range: a secant search on the miss
//! distance, kept inside a bracket. It begins at the drag-free angle and needs two or three flights.

use std::f64::consts::FRAC_PI_4;

use crate::elementary::{asin, atan};
use crate::forces::{Forces, GRAVITY};
use crate::integration::{Flight, FINE};
use crate::solver::Launch;
use crate::wind::Wind;

/// The miss, as an angle, from which one secant step more ends within 1e-12 rad and needs no flight to confirm it.
const NEAR_MISS: f64 = 1e-7;
const MOST_FLIGHTS: u32 = 80;

/// No elevation meets the line of sight there; the farthest that a shot came, in meters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ShortOf {
    pub(crate) reached: f64,
}

/// The flatter of the two elevations that meet the line of sight at the range, in radians.
pub(crate) fn elevation(
    forces: &Forces,
    wind: &Wind,
    launch: &Launch,
    range: f64,
) -> Result<f64, ShortOf> {
    let shoot = |elevation: f64| {
        let launch = Launch {
            elevation,
            ..*launch
        };
        miss(forces, wind, &launch, range)
    };
    let mut bracket = (-FRAC_PI_4, FRAC_PI_4);
    let mut trial = drag_free(launch, range);
    let mut last: Option<(f64, f64)> = None;
    let mut reached = 0.0f64;
    for _ in 0..MOST_FLIGHTS {
        let next = match shoot(trial) {
            Ok(miss) => {
                narrow(&mut bracket, trial, miss);
                let slope = last.map_or(range, |(angle, off)| (miss - off) / (trial - angle));
                let next = trial - miss / slope;
                if miss.abs() <= NEAR_MISS * range {
                    return Ok(next);
                }
                last = Some((trial, miss));
                next
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
    Err(ShortOf { reached })
}

/// Height over the line of sight at the range, or how far the shot came.
fn miss(forces: &Forces, wind: &Wind, launch: &Launch, range: f64) -> Result<f64, f64> {
    let mut flight = Flight::new(forces, wind, launch.state(), FINE);
    match flight.fly_to(range) {
        Ok(()) => Ok(flight.state[3]),
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
