//! Elementary functions made of `+ - * /` and `sqrt` alone, which IEEE 754 rounds alike everywhere.
//! The C libraries of the BSDs, macOS and Linux differ in the last digit of `sin`, `exp` and `pow`;
//! with these, a trajectory has the same bits on every platform. Accurate to about 1e-15 relative.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, LN_2, SQRT_2};

// pi/2 and ln 2 in two parts: the first has zeros at its end, so that a small multiple of it is exact.
const HALF_PI_HIGH: f64 = 1.570_796_326_734_125_6;
const HALF_PI_LOW: f64 = 6.077_100_506_506_192e-11;
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Sine and cosine of an angle in radians, |x| up to about 1e5.
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    let quarters = (x * FRAC_2_PI).round();
    let rest = x - quarters * HALF_PI_HIGH - quarters * HALF_PI_LOW;
    let (sin, cos) = (sin_series(rest), cos_series(rest));
    match quarters as i64 & 3 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// Arc tangent in radians.
pub(crate) fn atan(x: f64) -> f64 {
    if x < 0.0 {
        return -atan(-x);
    }
    if x > 1.0 {
        return FRAC_PI_2 - atan(1.0 / x);
    }
    if x > 0.1 {
        return 2.0 * atan(x / (1.0 + (1.0 + x * x).sqrt()));
    }
    let square = x * x;
    x * ODD_RECIPROCALS[..9]
        .iter()
        .rev()
        .fold(0.0, |sum, term| term - square * sum)
}

/// Angle whose tangent is `opposite / adjacent`, for a positive `adjacent`; 0 where that is 0.
pub(crate) fn angle_of(opposite: f64, adjacent: f64) -> f64 {
    if adjacent > 0.0 {
        atan(opposite / adjacent)
    } else {
        0.0
    }
}

/// Arc sine in radians, |x| <= 1.
pub(crate) fn asin(x: f64) -> f64 {
    2.0 * atan(x / (1.0 + ((1.0 - x) * (1.0 + x)).sqrt()))
}

/// Natural exponential, |x| up to 700.
pub(crate) fn exp(x: f64) -> f64 {
    let doublings = (x / LN_2).round();
    let rest = x - doublings * LN_2_HIGH - doublings * LN_2_LOW;
    let mut sum = 1.0;
    for n in (1..=14).rev() {
        sum = 1.0 + rest * sum / f64::from(n);
    }
    sum * f64::from_bits(((doublings as i64 + 1023) as u64) << 52)
}

/// Natural logarithm of a positive, normal number; NaN of everything else.
pub(crate) fn ln(x: f64) -> f64 {
    if !x.is_normal() || x < 0.0 {
        return f64::NAN;
    }
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mut mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let sum = ODD_RECIPROCALS
        .iter()
        .rev()
        .fold(0.0, |sum, term| sum * square + term);
    let exponent = f64::from(exponent);
    exponent * LN_2_HIGH + (2.0 * ratio * sum + exponent * LN_2_LOW)
}

/// 1, 1/3, 1/5 and so on.
const ODD_RECIPROCALS: [f64; 12] = [
    1.0,
    1.0 / 3.0,
    1.0 / 5.0,
    1.0 / 7.0,
    1.0 / 9.0,
    1.0 / 11.0,
    1.0 / 13.0,
    1.0 / 15.0,
    1.0 / 17.0,
    1.0 / 19.0,
    1.0 / 21.0,
    1.0 / 23.0,
];

/// `base` to the power `exponent`, for a positive base; 0 for 0, NaN for other bases.
pub(crate) fn power(base: f64, exponent: f64) -> f64 {
    if base == 0.0 {
        0.0
    } else {
        exp(exponent * ln(base))
    }
}

/// 1/n! with the signs of the series of the sine and, shifted by one, of the cosine: n = 0 to 18.
const SIGNED_RECIPROCAL_FACTORIALS: [f64; 19] = {
    let mut terms = [1.0; 19];
    let mut factorial = 1.0;
    let mut n = 1;
    while n < 19 {
        factorial *= n as f64;
        terms[n] = if n / 2 % 2 == 1 {
            -1.0 / factorial
        } else {
            1.0 / factorial
        };
        n += 1;
    }
    terms
};

/// Taylor series, |x| <= pi/4: the first term left out is 1e-19.
fn sin_series(x: f64) -> f64 {
    x * every_second_term(17, x * x)
}

fn cos_series(x: f64) -> f64 {
    every_second_term(18, x * x)
}

fn every_second_term(last: usize, square: f64) -> f64 {
    let mut sum = 0.0;
    let mut n = last;
    loop {
        sum = sum * square + SIGNED_RECIPROCAL_FACTORIALS[n];
        if n < 2 {
            return sum;
        }
        n -= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, libm: f64) {
        let scale = libm.abs().max(1e-3);
        assert!(
            (ours - libm).abs() <= 2e-15 * scale,
            "{ours:e} against {libm:e}"
        );
    }

    #[test]
    fn agrees_with_the_c_library_to_the_last_digits() {
        for step in -2000..=2000 {
            let x = f64::from(step) * 0.0071;
            close(sin_cos(x).0, x.sin());
            close(sin_cos(x).1, x.cos());
            close(atan(x), x.atan());
            close(exp(x), x.exp());
        }
        for step in 1..4000 {
            let x = f64::from(step) * 0.013;
            close(ln(x), x.ln());
            close(power(x, 1.83), x.powf(1.83));
            close(asin(x / 52.0), (x / 52.0).asin());
        }
    }

    #[test]
    fn zero_has_a_power_and_no_range_has_no_angle() {
        assert_eq!(power(0.0, 1.83), 0.0);
        assert_eq!(angle_of(-0.04, 0.0), 0.0);
    }

    #[test]
    fn what_has_no_logarithm_has_none() {
        for x in [f64::NAN, f64::INFINITY, -1.0, 0.0, -0.0] {
            assert!(ln(x).is_nan(), "{x}");
        }
        assert!(power(-8.0, 1.0 / 3.0).is_nan() && power(f64::NAN, 2.0).is_nan());
    }
}
