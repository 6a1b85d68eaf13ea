//! Which leniencies meet in one server: rows in which every pair that goes together meets (a covering array of
//! strength two, with constraints), and random rows.

/// Rows of items, given by their indices, such that every two items that go together are in one row at least. Greedy:
/// a row begins with the first pair that no row has yet, and takes in whatever brings most new pairs.
pub fn pairs(items: usize, goes: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    // Who goes with whom, asked once; and which pairs no row has yet. Both are square, and the same both ways round.
    let together: Vec<Vec<bool>> = (0..items)
        .map(|a| (0..items).map(|b| a != b && goes(a, b)).collect())
        .collect();
    let mut open = together.clone();
    let mut rows = Vec::new();
    for first in 0..items {
        while let Some(second) = (first + 1..items).find(|second| open[first][*second]) {
            let mut row = vec![first, second];
            loop {
                let gain = |item: usize| row.iter().filter(|other| open[item][**other]).count();
                let best = (0..items)
                    .filter(|item| row.iter().all(|other| together[*item][*other]))
                    .map(|item| (gain(item), std::cmp::Reverse(item)))
                    .max();
                match best {
                    Some((gained, std::cmp::Reverse(item))) if gained > 0 => row.push(item),
                    Some(_) | None => break,
                }
            }
            for a in &row {
                for b in &row {
                    open[*a][*b] = false;
                }
            }
            row.sort_unstable();
            rows.push(row);
        }
    }
    rows
}

/// So many random rows of items that go together, of any size, the same ones for the same seed.
pub fn combinations(
    items: usize,
    goes: impl Fn(usize, usize) -> bool,
    rows: usize,
    seed: u64,
) -> Vec<Vec<usize>> {
    let mut random = Random(seed ^ 0x5e1f_7e57);
    (0..rows)
        .map(|_| {
            let mut order: Vec<usize> = (0..items).collect();
            for last in (1..items).rev() {
                order.swap(last, random.below(last + 1));
            }
            let wanted = 1 + random.below(items.max(1));
            let mut row: Vec<usize> = Vec::new();
            for item in order {
                if row.len() < wanted && row.iter().all(|other| goes(item, *other)) {
                    row.push(item);
                }
            }
            row.sort_unstable();
            row
        })
        .collect()
}

/// splitmix64: the same numbers for the same seed, in every version.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (bound.max(1) as u64)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_pair_that_goes_together_meets_and_no_other(
            settles in proptest::collection::vec(0usize..8, 0..30),
        ) {
            let goes = |a: usize, b: usize| a != b && settles[a] != settles[b];
            let rows = pairs(settles.len(), goes);
            for row in &rows {
                for a in row {
                    prop_assert!(row.iter().all(|b| a == b || goes(*a, *b)));
                }
            }
            for a in 0..settles.len() {
                for b in a + 1..settles.len() {
                    let meets = rows.iter().any(|row| row.contains(&a) && row.contains(&b));
                    prop_assert_eq!(meets, goes(a, b));
                }
            }
        }

        #[test]
        fn random_rows_go_together_and_come_again(
            settles in proptest::collection::vec(0usize..8, 1..30),
            seed: u64,
        ) {
            let goes = |a: usize, b: usize| a != b && settles[a] != settles[b];
            let rows = combinations(settles.len(), goes, 20, seed);
            prop_assert_eq!(&rows, &combinations(settles.len(), goes, 20, seed));
            for row in &rows {
                prop_assert!(!row.is_empty());
                for a in row {
                    prop_assert!(row.iter().all(|b| a == b || goes(*a, *b)));
                }
            }
        }
    }
}
