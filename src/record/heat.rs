//! The buckets of a heat map of times: their lower bounds are the powers of two and one and a half times these, in
//! microseconds (… 64, 96, 128, 192 …). Coarse on purpose: a heat map is looked at, and a window of it costs little.

/// The bucket of a time in microseconds; everything below 1 is in the first.
pub fn heat_bucket(us: u64) -> u16 {
    let us = us.max(1);
    let power = us.ilog2();
    let half = power > 0 && us >> (power - 1) & 1 == 1;
    // At most 2 * 63 + 1.
    (power * 2 + u32::from(half)) as u16
}

/// The least time of a bucket, in milliseconds; the next bucket's is where it ends.
pub fn heat_floor_ms(bucket: u16) -> f64 {
    let power = 2f64.powi(i32::from(bucket / 2));
    let half = if bucket % 2 == 1 { 1.5 } else { 1.0 };
    power * half / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_its_bucket() {
        for us in (0..5_000).chain([1 << 20, (1 << 20) - 1, 3 << 19, u64::MAX]) {
            let bucket = heat_bucket(us);
            let ms = us.max(1) as f64 / 1e3;
            assert!(heat_floor_ms(bucket) <= ms, "{us}");
            // Between 1 and 2 µs there is no half.
            assert!(
                ms < heat_floor_ms(bucket + 1) || us == 1 || us == u64::MAX,
                "{us}"
            );
        }
        assert_eq!(heat_floor_ms(heat_bucket(100_000)), 98.304);
    }
}
