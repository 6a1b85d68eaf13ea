//! A value over time: users, or arrivals a second, as the stages say. Exact: nothing is stepped or sampled.

use std::time::Duration;

/// Straight lines, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timeline {
    pieces: Vec<Piece>,
}

/// A straight line from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    /// When it begins, in seconds.
    pub(super) begin: f64,
    /// How long it is, in seconds; over 0.
    pub(super) length: f64,
    pub(super) from: f64,
    pub(super) to: f64,
    /// Whatever it belongs to: the number of a stage, none for the warm-up.
    pub(super) stage: Option<usize>,
    /// The integral up to its begin.
    sum: f64,
}

impl Piece {
    fn at(&self, seconds: f64) -> f64 {
        let share = ((seconds - self.begin) / self.length).clamp(0.0, 1.0);
        self.from + (self.to - self.from) * share
    }

    fn area(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.length
    }

    fn end(&self) -> f64 {
        self.begin + self.length
    }
}

impl Timeline {
    pub(super) fn new() -> Timeline {
        Timeline { pieces: Vec::new() }
    }

    /// Adds a piece at the end.
    pub(super) fn push(&mut self, length: Duration, from: f64, to: f64, stage: Option<usize>) {
        let length = length.as_secs_f64();
        if length <= 0.0 {
            return;
        }
        let (begin, sum) = self
            .pieces
            .last()
            .map_or((0.0, 0.0), |last| (last.end(), last.sum + last.area()));
        self.pieces.push(Piece {
            begin,
            length,
            from,
            to,
            stage,
            sum,
        });
    }

    /// How long it is, in seconds.
    pub(super) fn length(&self) -> f64 {
        self.pieces.last().map_or(0.0, Piece::end)
    }

    /// The pieces.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The piece at that instant; none behind the end.
    pub(super) fn piece_at(&self, seconds: f64) -> Option<&Piece> {
        let index = self.pieces.partition_point(|piece| piece.end() <= seconds);
        self.pieces.get(index)
    }

    /// The value at that instant; 0 behind the end.
    #[cfg(test)]
    fn value(&self, seconds: f64) -> f64 {
        self.piece_at(seconds)
            .map_or(0.0, |piece| piece.at(seconds))
    }

    /// The integral of the whole: of arrivals a second, how many come.
    pub(super) fn total(&self) -> f64 {
        self.pieces
            .last()
            .map_or(0.0, |last| last.sum + last.area())
    }

    /// When the integral reaches a value: of arrivals a second, when so many have come. None where it never does.
    pub(super) fn when(&self, sum: f64) -> Option<f64> {
        if sum >= self.total() {
            return None;
        }
        let index = self
            .pieces
            .partition_point(|piece| piece.sum + piece.area() <= sum);
        let piece = self.pieces.get(index)?;
        let wanted = (sum - piece.sum).max(0.0);
        let slope = (piece.to - piece.from) / piece.length;
        // from·t + slope·t²/2 = wanted, in the form that doesn't cancel.
        let root = (piece.from * piece.from + 2.0 * slope * wanted)
            .max(0.0)
            .sqrt();
        let after = if wanted == 0.0 {
            0.0
        } else {
            2.0 * wanted / (piece.from + root)
        };
        Some(piece.begin + after.clamp(0.0, piece.length))
    }

    /// The first instant from `seconds` on at which the value is over that one; none where it never is again.
    pub(super) fn next_over(&self, value: f64, seconds: f64) -> Option<f64> {
        self.pieces
            .iter()
            .filter(|piece| piece.end() > seconds)
            .find_map(|piece| {
                let begin = seconds.max(piece.begin);
                if piece.at(begin) > value {
                    return Some(begin);
                }
                let rises = piece.to > piece.from && piece.to > value;
                rises.then(|| {
                    let share = (value - piece.from) / (piece.to - piece.from);
                    (piece.begin + share * piece.length).max(begin)
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(length: f64) -> Duration {
        Duration::from_secs_f64(length)
    }

    #[test]
    fn arrivals_come_when_the_integral_says() {
        let mut line = Timeline::new();
        line.push(seconds(10.0), 0.0, 20.0, Some(0));
        line.push(seconds(5.0), 20.0, 20.0, Some(1));
        assert_eq!(line.total(), 200.0);
        assert_eq!(line.when(0.0), Some(0.0));
        assert!((line.when(100.0).unwrap() - 10.0).abs() < 1e-9);
        assert!((line.when(25.0).unwrap() - 5.0).abs() < 1e-9);
        assert!((line.when(150.0).unwrap() - 12.5).abs() < 1e-9);
        assert_eq!(line.when(200.0), None);
        assert_eq!(line.value(15.0), 0.0);
        assert_eq!(line.piece_at(12.0).unwrap().stage, Some(1));
    }

    #[test]
    fn a_user_knows_when_its_turn_comes() {
        let mut line = Timeline::new();
        line.push(seconds(10.0), 0.0, 10.0, Some(0));
        line.push(seconds(10.0), 10.0, 0.0, Some(1));
        line.push(seconds(10.0), 4.0, 4.0, Some(2));
        assert_eq!(line.next_over(0.0, 0.0), Some(0.0));
        assert_eq!(line.next_over(5.0, 0.0), Some(5.0));
        assert_eq!(line.next_over(5.0, 12.0), Some(12.0));
        assert_eq!(line.next_over(5.0, 16.0), None);
        assert_eq!(line.next_over(3.0, 18.0), Some(20.0));
        assert_eq!(line.next_over(10.0, 0.0), None);
    }

    proptest! {
        #[test]
        fn when_is_the_inverse_of_the_integral(
            pieces in proptest::collection::vec((0.1f64..30.0, 0.0f64..500.0, 0.0f64..500.0), 1..6),
            share in 0.0f64..0.999,
        ) {
            let mut line = Timeline::new();
            for (length, from, to) in &pieces {
                line.push(seconds(*length), *from, *to, None);
            }
            let sum = line.total() * share;
            if let Some(at) = line.when(sum) {
                let reached: f64 = line.pieces().iter().map(|piece| {
                    let end = at.clamp(piece.begin, piece.end());
                    (piece.from + piece.at(end)) / 2.0 * (end - piece.begin)
                }).sum();
                prop_assert!((reached - sum).abs() < 1e-6 * (1.0 + line.total()), "{reached} {sum}");
            }
        }
    }
}
