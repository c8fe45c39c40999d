//! Point-mass exterior ballistics.

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
