//! The best zero for a deer's vital zone, and how far off a range estimate may be at 300 yd.

use ballistics_engine::{
    BallisticCoefficient, DragFunction, Error, Length, Shot, Solver, Velocity,
};

fn main() -> Result<(), Error> {
    let shot = Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.243),
        muzzle_velocity: Velocity::fps(2_600.0),
        ..Shot::default()
    };
    let solver = Solver::new(&shot)?;
    let best = solver.point_blank(Length::inches(4.0))?;
    println!("zero at {:.0} yd", best.far_zero.as_yards());
    println!(
        "within 4 in of the aim to {:.0} yd",
        best.maximum.as_yards()
    );
    let danger = solver.danger_space(Length::yards(300.0), Length::inches(8.0))?;
    println!(
        "dialed for 300 yd: hits from {:.0} to {:.0} yd",
        danger.begin.as_yards(),
        danger.end.as_yards()
    );
    Ok(())
}
