//! A table for a load in a crosswind: the shortest use of the library.

use ballistics_engine::{
    Angle, BallisticCoefficient, DragFunction, Error, Length, Mass, Shot, Solver, Velocity,
    WindSegment,
};

fn main() -> Result<(), Error> {
    let shot = Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.243),
        mass: Mass::grains(175.0),
        muzzle_velocity: Velocity::fps(2_600.0),
        wind: vec![WindSegment {
            speed: Velocity::mph(10.0),
            from: Angle::degrees(90.0),
            ..WindSegment::default()
        }],
        ..Shot::default()
    };
    let ranges: Vec<Length> = (1..=10)
        .map(|k| Length::yards(100.0 * f64::from(k)))
        .collect();
    for row in Solver::new(&shot)?.rows(&ranges)? {
        println!(
            "{:5.0} yd {:8.2} in {:7.2} mil {:8.2} in {:6.0} fps",
            row.range.as_yards(),
            row.drop.as_inches(),
            row.drop_angle.as_mils(),
            row.windage.as_inches(),
            row.velocity.as_fps(),
        );
    }
    Ok(())
}
