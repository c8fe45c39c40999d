//! Random numbers that are the same on every platform: xoshiro256++ seeded by splitmix64
//! (D. Blackman, S. Vigna, ACM TOMS 47 (2021) 36), normals by the polar method
//! (G. Marsaglia, T. A. Bray, SIAM Review 6 (1964) 260).

use crate::elementary::ln;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
    /// The second number of the last pair.
    spare: Option<f64>,
}

impl Random {
    /// Streams of the same seed are independent of one another.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut counter = seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        let state = [(); 4].map(|()| splitmix(&mut counter));
        Self { state, spare: None }
    }

    /// A number from the standard normal distribution.
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (self.signed_unit(), self.signed_unit());
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * ln(square) / square).sqrt();
                self.spare = Some(y * factor);
                return x * factor;
            }
        }
    }

    /// Uniform in -1 to 1, in steps of 2^-52.
    fn signed_unit(&mut self) -> f64 {
        (self.next() as i64 >> 11) as f64 * (1.0 / (1u64 << 52) as f64)
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }
}

fn splitmix(counter: &mut u64) -> u64 {
    *counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *counter;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xoshiro_follows_its_published_sequence() {
        // First outputs of the authors' C program for the state 1, 2, 3, 4.
        let mut random = Random {
            state: [1, 2, 3, 4],
            spare: None,
        };
        let first = [random.next(), random.next(), random.next(), random.next()];
        assert_eq!(
            first,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn normals_have_mean_zero_variance_one_and_normal_tails() {
        let mut random = Random::new(7, 0);
        let count = 200_000;
        let numbers: Vec<f64> = (0..count).map(|_| random.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / f64::from(count);
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / f64::from(count);
        let beyond_two = numbers.iter().filter(|x| x.abs() > 2.0).count() as f64 / f64::from(count);
        assert!(mean.abs() < 0.01, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.015, "variance {variance}");
        assert!(
            (beyond_two - 0.0455).abs() < 0.002,
            "beyond two deviations {beyond_two}"
        );
    }
}
