//! Point-mass exterior ballistics: where a small-arms projectile is, how fast, and when.
//!
//! A [`Shot`] is a plain struct of typed inputs with defaults. [`Solver::new`] checks it, computes the air, and
//! finds the zero; the solver then answers questions: rows at ranges, the apex, point-blank range, danger space,
//! transonic range, and Monte Carlo.
//!
//! ```
//! use ballistics_engine::{BallisticCoefficient, DragFunction, Length, Shot, Solver, Velocity};
//!
//! let shot = Shot {
//!     drag: DragFunction::G7.curve(),
//!     coefficient: BallisticCoefficient::Constant(0.243),
//!     muzzle_velocity: Velocity::fps(2_600.0),
//!     ..Shot::default()
//! };
//! let solver = Solver::new(&shot)?;
//! let row = solver.row(Length::yards(1_000.0))?;
//! assert!((row.drop.as_inches() + 432.2).abs() < 0.01);
//! assert!((row.drop_angle.as_mils() + 12.005).abs() < 0.001);
//! # Ok::<(), ballistics_engine::Error>(())
//! ```
//!
//! # Conventions
//!
//! | what | convention |
//! | --- | --- |
//! | range | along the line of sight, from the muzzle |
//! | drop | from the line of sight, perpendicular to it, negative below; also on inclined shots |
//! | windage | positive right; spin drift is part of it |
//! | angles | of drop and windage as the shooter sees them, with their signs; a correction is the opposite |
//! | mil, MOA | 1/1000 radian, 1/60 degree |
//! | wind | where it comes from: 0 ahead, 90 degrees right (pushes left), 180 behind; updraft positive; horizontal and vertical refer to the earth, also on inclined shots |
//! | look angle | positive uphill |
//! | cant | positive clockwise as the shooter sees it; bore and sight height turn together |
//! | azimuth, latitude | 0 north, 90 degrees east; positive north |
//! | twist | positive right-hand |
//! | zero | solved level, uncanted, in still air of the shot's atmosphere, without spin effects and Coriolis; then held |
//! | coefficients | lb/in2, relative to ICAO air of 1.225 kg/m3; not Army Standard Metro |
//! | Mach | speed over ground by the local speed of sound |
//!
//! # What is computed
//!
//! | what | how |
//! | --- | --- |
//! | drag | (pi/8) rho Cd(M) v^2 / BC (McCoy, *Modern Exterior Ballistics*, 1999), speed relative to the wind; Cd by monotone cubic interpolation (PCHIP) of the Aberdeen tables |
//! | air | density after CIPM-2007, moist speed of sound, ICAO lapse of 6.5 K/km with the height of the flight; see [`Air`] |
//! | gravity | 9.80665 m/s2 |
//! | Coriolis | a = -2 omega x v in three dimensions, not the flat-fire estimate, which is a fifth too large at 1000 yd |
//! | spin | estimators: Miller's stability, Litz's spin drift and aerodynamic jump; see [`Spin`] |
//! | integration | Dormand and Prince's 5(4) pair in range with step control |
//!
//! CIPM-2007 air at 15 C, 1013.25 hPa is 0.04 % denser than ICAO's 1.225 kg/m3: 0.16 in of drop at 1000 yd
//! against an engine with ideal-gas air. [`Air::density_ratio`] says what was used.
//!
//! # Accuracy and reproducibility
//!
//! Independent reference trajectories, 100 to 2500 yd, are met within 0.002 mil and 0.1 fps by a wide margin: this is
//! tested. That is the error of the solution; the model's own limits (estimators of spin, coefficients in place of
//! a bullet's own curve) are larger. No function of a C library is used whose last digit differs between platforms,
//! so the same inputs give the same bits everywhere, Monte Carlo included, whatever the number of threads.
//!
//! # Limits
//!
//! Ranges to 10 km; path angles to 60 degrees off the line of sight; heights below 11 km, where a flight ends; no yaw,
//! no lift.
//! Each input has a range, stated at its field; outside it an [`Error`] names the field, the value and the range.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod atmosphere;
mod drag;
mod elementary;
mod error;
mod forces;
mod integration;
mod lanes;
mod monte_carlo;
mod quantity;
mod random;
mod reach;
mod shot;
mod solver;
mod stability;
mod wind;
mod zero;

pub use atmosphere::{Air, AirPressure, Atmosphere};
pub use drag::{BallisticCoefficient, DragCurve, DragFunction};
pub use error::{Error, Unit};
pub use monte_carlo::{Deviations, Impacts, MonteCarlo, Probability, Target};
pub use quantity::{Angle, Energy, Length, Mass, Pressure, Temperature, Velocity};
pub use reach::{DangerSpace, PointBlank};
pub use shot::{Place, Powder, Shot, Zero};
pub use solver::{Row, Solver};
pub use stability::{Spin, Stability};
pub use wind::WindSegment;
