//! A drag curve measured by radar instead of a standard one. The coefficient is then the sectional density.

use ballistics_engine::{
    BallisticCoefficient, DragCurve, Error, Length, Mass, Shot, Solver, Velocity,
};

fn main() -> Result<(), Error> {
    let curve = DragCurve::through(&[
        (0.50, 0.122),
        (0.80, 0.124),
        (0.90, 0.142),
        (0.95, 0.190),
        (1.00, 0.305),
        (1.05, 0.345),
        (1.20, 0.341),
        (1.50, 0.300),
        (2.00, 0.255),
        (3.00, 0.205),
    ])?;
    let (mass, diameter) = (Mass::grains(140.0), Length::inches(0.264));
    let shot = Shot {
        drag: curve,
        coefficient: BallisticCoefficient::sectional_density(mass, diameter),
        mass,
        muzzle_velocity: Velocity::fps(2_710.0),
        ..Shot::default()
    };
    let solver = Solver::new(&shot)?;
    for mach in [1.2, 1.0] {
        if let Some(range) = solver.range_at_mach(mach) {
            println!("slower than Mach {mach} beyond {:.0} yd", range.as_yards());
        }
    }
    Ok(())
}
