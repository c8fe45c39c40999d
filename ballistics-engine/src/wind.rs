//! Wind along the line of sight, in segments. Each holds from the end of the one before it.

use crate::error::{within, Error, Unit};
use crate::quantity::{Angle, Length, Velocity};

/// Wind over one stretch of the flight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WindSegment {
    /// Horizontal speed, 0 to 100 m/s.
    pub speed: Velocity,
    /// Where it comes from, seen by the shooter: 0 is a headwind, 90 degrees from the right. Any turn up to +-360 degrees.
    pub from: Angle,
    /// Vertical speed, positive upward, -50 to 50 m/s.
    pub updraft: Velocity,
    /// Range at which the segment ends; `None` is never. Beyond the last segment's end the air is still.
    pub until: Option<Length>,
}

/// Wind vectors (along the line of sight, up, right) in m/s, each to a range in meters.
#[derive(Debug, Clone)]
pub(crate) struct Wind {
    stretches: Vec<(f64, [f64; 3])>,
}

impl Wind {
    /// Turns the segments into vectors in the frame of a line of sight that rises by `look_angle`.
    pub(crate) fn new(segments: &[WindSegment], look_angle: Angle) -> Result<Self, Error> {
        let mut stretches = Vec::with_capacity(segments.len() + 1);
        let mut start = 0.0;
        for segment in segments {
            let vector = vector(segment, look_angle)?;
            if start == f64::INFINITY {
                return Err(Error::Malformed {
                    field: "wind",
                    problem: "a segment without an end must be the last".to_string(),
                });
            }
            let until = segment.until.map_or(f64::INFINITY, Length::as_meters);
            if until.is_nan() || until <= start {
                let problem = format!(
                    "segment ends at {until} m, but must end beyond {start} m where it starts"
                );
                return Err(Error::Malformed {
                    field: "wind",
                    problem,
                });
            }
            stretches.push((until, vector));
            start = until;
        }
        stretches.push((f64::INFINITY, [0.0; 3]));
        Ok(Self { stretches })
    }

    /// No wind at all, as when a rifle is zeroed.
    pub(crate) fn still() -> Self {
        Self {
            stretches: vec![(f64::INFINITY, [0.0; 3])],
        }
    }

    pub(crate) fn stretches(&self) -> &[(f64, [f64; 3])] {
        &self.stretches
    }
}

fn vector(segment: &WindSegment, look_angle: Angle) -> Result<[f64; 3], Error> {
    let speed = within(
        "wind speed",
        Unit::Velocity,
        segment.speed.as_mps(),
        (0.0, 100.0),
    )?;
    let turn = std::f64::consts::TAU;
    within(
        "wind direction",
        Unit::Angle,
        segment.from.as_radians(),
        (-turn, turn),
    )?;
    let updraft = within(
        "updraft",
        Unit::Velocity,
        segment.updraft.as_mps(),
        (-50.0, 50.0),
    )?;
    let (sin_from, cos_from) = segment.from.sin_cos();
    let (sin_look, cos_look) = look_angle.sin_cos();
    let downrange = -speed * cos_from;
    Ok([
        downrange * cos_look + updraft * sin_look,
        updraft * cos_look - downrange * sin_look,
        -speed * sin_from,
    ])
}
