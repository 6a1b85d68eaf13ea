//! Where a run becomes steady: MSER-5 (White 1997), which drops as many of the first batches as makes the mean of the
//! rest most certain.

/// Observations a batch.
const BATCH: usize = 5;

/// How many of the first observations to drop; none where the run never becomes steady: the best cut would leave less
/// than half of it, or there are too few observations.
pub(super) fn truncation(observations: &[f64]) -> Option<usize> {
    let batches: Vec<f64> = observations
        .chunks_exact(BATCH)
        .map(|batch| batch.iter().sum::<f64>() / BATCH as f64)
        .collect();
    let count = batches.len();
    if count < 4 {
        return None;
    }
    // Sums from the end, so that each cut costs one step.
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best: Option<(f64, usize)> = None;
    for cut in (0..count).rev() {
        sum += batches[cut];
        squares += batches[cut] * batches[cut];
        let left = (count - cut) as f64;
        if count - cut < 2 {
            continue; // one batch by itself is always certain
        }
        let spread = (squares - sum * sum / left).max(0.0);
        let doubt = spread / (left * left);
        // Of two cuts that are as good the earlier one keeps more.
        if best.is_none_or(|(least, _)| doubt <= least) {
            best = Some((doubt, cut));
        }
    }
    let (_, cut) = best?;
    (cut <= count / 2).then_some(cut * BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(index: usize) -> f64 {
        ((index * 7919) % 13) as f64 / 13.0
    }

    #[test]
    fn a_start_that_differs_is_dropped() {
        let run: Vec<f64> = (0..100)
            .map(|second| {
                let start = if second < 15 {
                    500.0 - 30.0 * second as f64
                } else {
                    0.0
                };
                100.0 + start + noise(second)
            })
            .collect();
        let cut = truncation(&run).expect("it becomes steady");
        assert!((15..=25).contains(&cut), "{cut}");
    }

    #[test]
    fn a_steady_run_keeps_almost_all_of_itself() {
        let run: Vec<f64> = (0..100).map(|second| 100.0 + noise(second)).collect();
        assert!(truncation(&run).expect("it is steady") <= 30);
        assert_eq!(truncation(&vec![3.0; 60]), Some(0));
    }

    #[test]
    fn a_run_that_only_grows_never_becomes_steady() {
        let run: Vec<f64> = (0..100)
            .map(|second| second as f64 * second as f64)
            .collect();
        assert_eq!(truncation(&run), None);
        assert_eq!(truncation(&[1.0; 12]), None);
    }
}
