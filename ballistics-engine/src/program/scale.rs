//! An axis with ticks at round numbers.

/// The numbers that an axis spans.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<f64>,
    decimals: usize,
}

impl Scale {
    /// Spans all values, with about `count` ticks.
    pub fn over(values: &[f64], count: usize) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if high - low > 1e-9 {
            (low, high)
        } else {
            (low - 1.0, high + 1.0)
        };
        let (step, decimals) = round_step((high - low) / count as f64);
        // Half a step of room, rather than a whole one, keeps the curve large.
        let low = (low / (0.5 * step) + 1e-9).floor() * 0.5 * step;
        let high = (high / (0.5 * step) - 1e-9).ceil() * 0.5 * step;
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let ticks = (0..=(last - first) as usize)
            .map(|k| (first + k as f64) * step)
            .collect();
        Self {
            low,
            high,
            ticks,
            decimals,
        }
    }

    /// Where a value lies, from 0 at the low end to 1 at the high one.
    pub fn part(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// A tick's label.
    pub fn label(&self, tick: f64) -> String {
        super::report::fixed(tick, self.decimals)
    }
}

/// The next 1, 2 or 5 times a power of ten, and its decimals.
fn round_step(least: f64) -> (f64, usize) {
    let mut power = 1.0;
    let mut decimals = 0;
    while power > least {
        power /= 10.0;
        decimals += 1;
    }
    while power * 10.0 <= least {
        power *= 10.0;
    }
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= least);
    match factor {
        Some(factor) => (factor * power, decimals),
        None => (10.0 * power, usize::saturating_sub(decimals, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::over(&[-432.2, 0.0], 6);
        assert_eq!(scale.ticks, [-400.0, -300.0, -200.0, -100.0, 0.0]);
        assert_eq!((scale.low, scale.high), (-450.0, 0.0));
        let fine = Scale::over(&[0.12, 0.31], 4);
        let labels: Vec<String> = fine.ticks.iter().map(|tick| fine.label(*tick)).collect();
        assert_eq!(labels, ["0.10", "0.15", "0.20", "0.25", "0.30"]);
    }

    #[test]
    fn a_constant_gets_room() {
        let scale = Scale::over(&[0.0, 0.0], 5);
        assert_eq!((scale.low, scale.high), (-1.0, 1.0));
        assert_eq!(scale.part(0.0), 0.5);
    }
}
