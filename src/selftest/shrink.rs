//! Which of many things together are to blame: the smallest part of a set that still fails.

/// The smallest part of `items` that was found to fail, when `fails` may be asked so many times at most. Halves are
/// left out first, then smaller and smaller parts, at last one item at a time, until nothing more can go.
///
/// The whole set is taken to fail. The flag tells whether the search came to its end: then no item of the part can
/// be left out.
pub fn smallest<T: Clone>(
    items: &[T],
    most: usize,
    mut fails: impl FnMut(&[T]) -> bool,
) -> (Vec<T>, bool) {
    let mut kept = items.to_vec();
    let mut asked = 0;
    let mut size = kept.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut smaller = false;
        while at < kept.len() && kept.len() > 1 {
            let end = (at + size).min(kept.len());
            let rest: Vec<T> = [&kept[..at], &kept[end..]].concat();
            if rest.is_empty() {
                break;
            }
            if asked == most {
                return (kept, false);
            }
            asked += 1;
            if fails(&rest) {
                kept = rest;
                smaller = true;
            } else {
                at = end;
            }
        }
        if size == 1 && !smaller {
            return (kept, true);
        }
        // What could not go may be able to once others are gone, so the last step is repeated.
        size = size.div_ceil(2).min(kept.len().div_ceil(2)).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(part: &[usize], guilty: &[usize]) -> bool {
        guilty.iter().all(|item| part.contains(item))
    }

    #[test]
    fn two_of_forty_are_found_in_thirty_questions() {
        let items: Vec<usize> = (0..40).collect();
        for guilty in [[0, 39], [3, 4], [19, 20], [7, 31], [38, 39]] {
            let mut asked = 0;
            let (part, _) = smallest(&items, 30, |part| {
                asked += 1;
                holds(part, &guilty)
            });
            assert_eq!(part, guilty, "after {asked} questions");
            assert!(asked <= 30);
        }
    }

    #[test]
    fn what_may_not_be_asked_is_not_claimed() {
        let items: Vec<usize> = (0..40).collect();
        let (part, ended) = smallest(&items, 3, |part| holds(part, &[0, 39]));
        assert!(part.len() > 2 && holds(&part, &[0, 39]));
        assert!(!ended);
        assert_eq!(smallest(&[5], 30, |_| false), (vec![5], true));
        // A failure that comes from the whole alone stays whole.
        assert_eq!(smallest(&[1, 2, 3], 30, |_| false), (vec![1, 2, 3], true));
    }

    proptest! {
        #[test]
        fn the_guilty_are_found_and_nobody_else(
            count in 1usize..60,
            guilty in proptest::collection::btree_set(0usize..60, 1..5),
        ) {
            let guilty: Vec<usize> = guilty.into_iter().filter(|item| *item < count).collect();
            prop_assume!(!guilty.is_empty());
            let items: Vec<usize> = (0..count).collect();
            let (part, ended) = smallest(&items, usize::MAX, |part| holds(part, &guilty));
            prop_assert_eq!(part, guilty);
            prop_assert!(ended);
        }
    }
}
