//! The binary logarithm in integers.
//!
//! Two machines whose floating point differs in the last bit would disagree about who owns a slot,
//! so there is no floating point here: a table of 257 values, made by squaring (one binary digit of
//! the logarithm for each square), and straight lines between them. The lines meet the exact curve
//! at 1, so even for a hash close to the largest the relative error stays under 0.2 %. The table is
//! part of placement version 1: `vectors/logarithm.json` holds samples of it.

/// Binary digits behind the point of every logarithm here.
pub(super) const FRACTION_BITS: u32 = 56;
/// The table has a value for each 1/256 from 1 to 2.
const INDEX_BITS: u32 = 8;
/// Bits of a mantissa that choose a point between two values of the table.
const REST_BITS: u32 = 63 - INDEX_BITS;

const TABLE: [u64; (1 << INDEX_BITS) + 1] = table();

const fn table() -> [u64; (1 << INDEX_BITS) + 1] {
    let mut table = [1 << FRACTION_BITS; (1 << INDEX_BITS) + 1];
    let mut index = 0;
    while index < 1 << INDEX_BITS {
        table[index] = log2_by_squaring(((1 << INDEX_BITS) + index as u64) << REST_BITS);
        index += 1;
    }
    table
}

/// log2 of a number from 1 to 2 that has 63 binary digits behind the point, rounded down.
const fn log2_by_squaring(mut number: u64) -> u64 {
    let mut digits = 0;
    let mut count = 0;
    while count < FRACTION_BITS {
        let square = (number as u128 * number as u128) >> 63;
        let is_two_or_more = square >> 64 != 0;
        digits = digits << 1 | is_two_or_more as u64;
        number = if is_two_or_more { square >> 1 } else { square } as u64;
        count += 1;
    }
    digits
}

/// `-log2((hash | 1) / 2^64)`, with [`FRACTION_BITS`] digits behind the point.
///
/// From 1 (never 0) for the largest hash to 2^62 for the smallest; never rises with the hash.
#[must_use]
pub(super) fn negative_log2(hash: u64) -> u64 {
    let odd = hash | 1;
    let zeros = odd.leading_zeros();
    let mantissa = odd << zeros;
    let index = (mantissa >> REST_BITS) as usize & ((1 << INDEX_BITS) - 1);
    let rest = mantissa & ((1 << REST_BITS) - 1);
    let low = TABLE[index];
    let step = TABLE[index + 1] - low;
    let fraction = low + ((u128::from(step) * u128::from(rest)) >> REST_BITS) as u64;
    (u64::from(zeros + 1) << FRACTION_BITS) - fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_and_powers_of_two_are_exact() {
        assert_eq!(negative_log2(u64::MAX), 1);
        assert_eq!(negative_log2(0), 64 << FRACTION_BITS);
        // The lowest bit is always set, so a half is a hair more than a half.
        let half = negative_log2(1 << 63);
        assert!((1 << FRACTION_BITS) - half <= 1, "{half}");
    }

    proptest! {
        #[test]
        fn it_is_near_the_real_logarithm(hash: u64) {
            let exact = -((hash | 1) as f64 / 2f64.powi(64)).log2();
            let ours = negative_log2(hash) as f64 / 2f64.powi(FRACTION_BITS as i32);
            // Near 1 the f64 itself is coarse: hence the absolute part.
            prop_assert!((ours - exact).abs() <= exact * 0.002 + 1e-12, "{ours} {exact}");
        }

        #[test]
        fn it_never_rises(a: u64, b: u64, close in 0_u64..1000) {
            for (low, high) in [(a.min(b), a.max(b)), (a, a.saturating_add(close))] {
                prop_assert!(negative_log2(low) >= negative_log2(high));
            }
        }
    }
}
