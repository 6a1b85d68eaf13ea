//! Charts as inline SVG. plotters draws them in placeholder colours, which then become CSS variables: the page's light
//! and dark scheme are theirs too. Nothing but numbers is written into a chart.

use crate::record::load::{LoadRecord, Series};
use crate::record::{Distribution, heat_floor_ms};
use crate::report::load::words::{figure, number, trimmed};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// A drawing with what the page says above it.
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// What its lines are; empty where there is only one.
    pub(super) key: Vec<(Colour, &'static str)>,
    /// The drawing.
    pub(super) svg: String,
    /// What a reader should know of it.
    pub(super) note: &'static str,
}

/// A colour by its part, not by its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    /// Text and axes.
    Ink,
    /// Lines of the grid, shades.
    Grid,
    /// A line that is there for comparison.
    Quiet,
    /// The first line.
    One,
    /// The second.
    Two,
    /// What should not be there.
    Bad,
}

impl Colour {
    const ALL: [Colour; 6] = [
        Colour::Ink,
        Colour::Grid,
        Colour::Quiet,
        Colour::One,
        Colour::Two,
        Colour::Bad,
    ];

    /// The CSS variable that has its value; also the class of a key's swatch.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Colour::Ink => "ink",
            Colour::Grid => "grid",
            Colour::Quiet => "quiet",
            Colour::One => "one",
            Colour::Two => "two",
            Colour::Bad => "bad",
        }
    }

    /// A value that stands for it until [`themed`].
    const fn placeholder(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }
}

/// The drawing's own units; it is scaled to the room that it gets. Small, so that text can be read on a phone.
const SIZE: (u32, u32) = (720, 340);

/// Text, in units; plotters divides it by 1.24.
const TEXT: i32 = 22;

/// An axis with marks of our choosing, linear between its ends. What lies outside is drawn at the end.
#[derive(Clone)]
struct Axis {
    from: f64,
    to: f64,
    marks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number.
    fn up_to(most: f64, marks: usize, unit: &str) -> Axis {
        let most = if most > 0.0 && most.is_finite() {
            most * 1.02 // a little air: no line runs along the upper edge
        } else {
            1.0
        };
        let step = round_step(most / marks as f64);
        let to = (most / step).ceil() * step;
        let count = (to / step).round() as usize;
        let label = |value: f64| format!("{}{unit}", short(value));
        Axis {
            from: 0.0,
            to,
            marks: (0..=count)
                .map(|n| (n as f64 * step, label(n as f64 * step)))
                .collect(),
        }
    }

    /// Time after the run's begin, in a unit that keeps the numbers small. Values on it stay in seconds.
    fn time(seconds: f64) -> Axis {
        let (unit, name) = match seconds {
            s if s > 3.0 * 3600.0 => (3600.0, " h"),
            s if s > 300.0 => (60.0, " min"),
            _ => (1.0, " s"),
        };
        let axis = Axis::up_to(seconds / unit, 5, name);
        let marks = axis.marks.into_iter();
        Axis {
            from: 0.0,
            to: seconds.max(f64::MIN_POSITIVE),
            marks: marks
                .map(|(value, text)| (value * unit, text))
                .filter(|(value, _)| *value <= seconds)
                .collect(),
        }
    }

    /// Quantiles, each further nine as wide as the last; values on it are [`nines`].
    fn quantiles(count: u64) -> Axis {
        let to = (count as f64).log10().max(1.0);
        let marks = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999];
        Axis {
            from: 0.0,
            to,
            marks: marks
                .into_iter()
                .map(|share| (nines(share), format!("{share}")))
                .filter(|(value, _)| *value <= to + 1e-9)
                .collect(),
        }
    }

    /// Times by their logarithm; values on it are `log10` of milliseconds.
    fn logarithm(least: f64, most: f64) -> Axis {
        let (from, to) = (least.log10(), most.log10());
        let decades = to - from;
        let steps: &[f64] = if decades > 3.0 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let mut marks = Vec::new();
        for power in from.floor() as i32..=to.ceil() as i32 {
            for step in steps {
                let value = step * 10f64.powi(power);
                if (from..=to).contains(&value.log10()) {
                    marks.push((value.log10(), short(value)));
                }
            }
        }
        Axis { from, to, marks }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let length = (self.to - self.from).max(f64::MIN_POSITIVE);
        let share = ((value - self.from) / length).clamp(0.0, 1.0);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let mark = self.marks.iter().find(|(mark, _)| mark == value);
        mark.map_or_else(String::new, |(_, text)| text.clone())
    }
}

/// How far out a quantile lies: 0.9 at 1, 0.99 at 2.
fn nines(share: f64) -> f64 {
    -(1.0 - share).max(1e-12).log10()
}

/// The next of 1, 2, 5, 10, 20, …, as large as this at least.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|step| step * power >= least * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

/// A number in few characters: `0.25`, `40`, `12k`.
fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    if value == value.trunc() {
        return format!("{}{unit}", number(value.abs() as u64));
    }
    format!("{}{unit}", trimmed(&figure(value)))
}

/// A line: points with gaps where nothing was measured.
type Line = (Colour, Vec<(f64, Option<f64>)>);

/// What is drawn: cells lowest, then lines.
struct Plot {
    x: Axis,
    y: Axis,
    /// Parts of the x axis that are not of the measured window.
    shades: Vec<(f64, f64)>,
    /// Where a stage begins.
    rules: Vec<f64>,
    cells: Vec<Cell>,
    lines: Vec<Line>,
}

/// A rectangle of a heat map; the more, the less transparent.
struct Cell {
    x: (f64, f64),
    y: (f64, f64),
    opacity: f64,
}

impl Plot {
    fn draw(&self, label: &str) -> io::Result<String> {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw_on(&root)
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        Ok(themed(&svg, label))
    }

    fn draw_on(
        &self,
        root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    ) -> Result<(), DrawingAreaErrorKind<io::Error>> {
        let mut chart = ChartBuilder::on(root)
            .margin(12)
            .margin_right(30)
            .x_label_area_size(40)
            .y_label_area_size(72)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let (bottom, top) = (self.y.from, self.y.to);
        let shade = Colour::Grid.placeholder().mix(0.35).filled();
        chart.draw_series(
            self.shades
                .iter()
                .map(|(from, to)| Rectangle::new([(*from, bottom), (*to, top)], shade)),
        )?;
        let grid = Colour::Grid.placeholder();
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(grid)
            .axis_style(Colour::Ink.placeholder().mix(0.6))
            .label_style(("sans-serif", TEXT, &Colour::Ink.placeholder()))
            .set_all_tick_mark_size(7)
            .x_labels(self.x.marks.len())
            .y_labels(self.y.marks.len())
            .draw()?;
        let rule = Colour::Ink.placeholder().mix(0.35).stroke_width(1);
        chart.draw_series(
            self.rules
                .iter()
                .map(|at| PathElement::new([(*at, bottom), (*at, top)], rule)),
        )?;
        chart.draw_series(self.cells.iter().map(|cell| {
            let style = Colour::One.placeholder().mix(cell.opacity).filled();
            Rectangle::new([(cell.x.0, cell.y.0), (cell.x.1, cell.y.1)], style)
        }))?;
        for (colour, points) in &self.lines {
            let style = colour.placeholder().stroke_width(3);
            for points in unbroken(points) {
                if let [alone] = points[..] {
                    let dot = Circle::new(alone, 3, colour.placeholder().filled());
                    chart.draw_series([dot])?;
                } else {
                    chart.draw_series(LineSeries::new(points, style))?;
                }
            }
        }
        root.present()
    }
}

/// The pieces of a line between its gaps.
fn unbroken(points: &[(f64, Option<f64>)]) -> Vec<Vec<(f64, f64)>> {
    points
        .split(|(_, y)| y.is_none())
        .map(|piece| {
            piece
                .iter()
                .filter_map(|(x, y)| Some((*x, (*y)?)))
                .collect()
        })
        .filter(|piece: &Vec<_>| !piece.is_empty())
        .collect()
}

/// The drawing in the page's colours and at any size, with a name for those who can't see it.
fn themed(svg: &str, label: &str) -> String {
    let start = svg.find('>').map_or(0, |at| at + 1);
    let (width, height) = SIZE;
    // The label is one of ours; no quote stands in it.
    let mut themed = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">{}",
        &svg[start..]
    );
    for colour in Colour::ALL {
        let RGBColor(r, g, b) = colour.placeholder();
        themed = themed.replace(
            &format!("\"#{r:02X}{g:02X}{b:02X}\""),
            &format!("\"var(--{})\"", colour.name()),
        );
    }
    themed
        .replace(" opacity=\"1\"", "")
        .replace(" font-family=\"sans-serif\"", "")
        .replace("\n", "")
}

/// Points along the time axis that can be told apart; of more, each takes up several windows.
const MOST_POINTS: usize = 360;
/// The same for a heat map, where each is a rectangle a bucket.
const MOST_COLUMNS: usize = 90;

/// How windows become one point.
#[derive(Clone, Copy)]
enum Sum {
    Mean,
    Most,
}

fn thin(t: &[f64], values: &[Option<f64>], sum: Sum) -> Vec<(f64, Option<f64>)> {
    let each = t.len().div_ceil(MOST_POINTS).max(1);
    t.chunks(each)
        .zip(values.chunks(each))
        .map(|(t, values)| {
            let present = values.iter().flatten().copied();
            let y = match sum {
                Sum::Most => present.reduce(f64::max),
                Sum::Mean => {
                    let count = values.iter().flatten().count();
                    (count > 0).then(|| present.sum::<f64>() / count as f64)
                }
            };
            (t[0], y)
        })
        .collect()
}

/// Everything that is drawn of a run: what had no sample is not.
///
/// # Errors
/// Those of plotters; drawing into memory has none.
pub(super) fn of(record: &LoadRecord) -> io::Result<Vec<Chart>> {
    let series = &record.series;
    let timeline = Timeline::new(record);
    let window = series.window.as_secs_f64().max(f64::MIN_POSITIVE);
    let per_second = |counts: &[u64]| -> Vec<Option<f64>> {
        let rates = counts.iter().map(|count| Some(*count as f64 / window));
        rates.collect()
    };
    let counts = |counts: &[u64]| -> Vec<Option<f64>> {
        counts.iter().map(|count| Some(*count as f64)).collect()
    };
    let charts = vec![
        timeline.chart(
            "Requests a second",
            &[
                (Colour::Quiet, "sent", per_second(&series.sent), Sum::Mean),
                (
                    Colour::One,
                    "right",
                    per_second(&series.succeeded),
                    Sum::Mean,
                ),
                (Colour::Bad, "errors", per_second(&series.errors), Sum::Mean),
            ],
        )?,
        timeline.chart(
            "In flight",
            &[(Colour::One, "", counts(&series.in_flight), Sum::Most)],
        )?,
        timeline.chart(
            "Time to first token, ms",
            &[
                (Colour::Two, "p99", series.ttft_p99_ms.clone(), Sum::Most),
                (Colour::One, "p50", series.ttft_p50_ms.clone(), Sum::Mean),
            ],
        )?,
        timeline.chart(
            "Inter-chunk latency, ms",
            &[(Colour::Two, "p99", series.icl_p99_ms.clone(), Sum::Most)],
        )?,
        timeline.chart(
            "Arrivals sent late, ms",
            &[(Colour::Two, "p99", series.lag_p99_ms.clone(), Sum::Most)],
        )?,
        heat_map(series, &timeline)?,
    ];
    let mut charts: Vec<Chart> = charts.into_iter().flatten().collect();
    let figures = &record.measured.figures;
    for (title, lines) in [
        (
            "Time to first token by quantile, ms",
            vec![
                (Colour::Two, "from due", &figures.ttft_from_intended),
                (Colour::One, "from sent", &figures.time_to_first_token),
            ],
        ),
        (
            "Inter-chunk latency by quantile, ms",
            vec![(
                Colour::One,
                "between chunks with content",
                &figures.inter_chunk_latency,
            )],
        ),
        (
            "Request latency by quantile, ms",
            vec![(Colour::One, "from sent", &figures.request_latency)],
        ),
        (
            "Response time by quantile, ms",
            vec![(Colour::One, "from due", &figures.response_time)],
        ),
    ] {
        charts.extend(quantile_plot(title, &lines)?);
    }
    Ok(charts)
}

/// The time axis of a run, with what is not of its measured window.
struct Timeline<'r> {
    t: &'r [f64],
    x: Axis,
    shades: Vec<(f64, f64)>,
    rules: Vec<f64>,
}

impl Timeline<'_> {
    fn new(record: &LoadRecord) -> Timeline<'_> {
        let series = &record.series;
        let window = series.window.as_secs_f64();
        let end = series.t_s.last().map_or(0.0, |last| last + window);
        let warm_up = record.windows.warm_up.as_secs_f64();
        let measured = warm_up + record.windows.measured.as_secs_f64();
        let shades = [(0.0, warm_up), (measured, end)];
        // Stages count from the measured window's begin, the series from the run's.
        let begins = record.by_stage.iter().skip(1).take(40);
        Timeline {
            t: &series.t_s,
            x: Axis::time(end),
            shades: shades.into_iter().filter(|(from, to)| from < to).collect(),
            rules: begins
                .map(|stage| warm_up + stage.from.as_secs_f64())
                .collect(),
        }
    }

    fn chart(
        &self,
        title: &'static str,
        lines: &[(Colour, &'static str, Vec<Option<f64>>, Sum)],
    ) -> io::Result<Option<Chart>> {
        let drawn: Vec<_> = lines
            .iter()
            .map(|(colour, _, values, sum)| (*colour, thin(self.t, values, *sum)))
            .collect();
        let key = lines.iter().map(|(colour, name, ..)| (*colour, *name));
        let Some(most) = greatest(&drawn) else {
            return Ok(None);
        };
        let plot = Plot {
            x: self.x.clone(),
            y: Axis::up_to(most, 5, ""),
            shades: self.shades.clone(),
            rules: self.rules.clone(),
            cells: Vec::new(),
            lines: drawn,
        };
        Ok(Some(Chart {
            title,
            key: key.collect(),
            svg: plot.draw(title)?,
            note: "",
        }))
    }
}

/// The greatest value of lines; none where they have no point.
fn greatest(lines: &[Line]) -> Option<f64> {
    let points = lines.iter().flat_map(|(_, points)| points);
    points.filter_map(|(_, y)| *y).reduce(f64::max)
}

/// Times to first token over time: how many in each bucket, the square root of it, so that a few can still be seen.
fn heat_map(series: &Series, timeline: &Timeline<'_>) -> io::Result<Option<Chart>> {
    let each = series.ttft_heat.len().div_ceil(MOST_COLUMNS).max(1);
    let columns: Vec<(f64, BTreeMap<u16, u64>)> = series
        .t_s
        .chunks(each)
        .zip(series.ttft_heat.chunks(each))
        .map(|(t, windows)| {
            let mut sum = BTreeMap::new();
            for (bucket, count) in windows.iter().flatten() {
                *sum.entry(*bucket).or_insert(0) += count;
            }
            (t[0], sum)
        })
        .collect();
    let buckets = || columns.iter().flat_map(|(_, buckets)| buckets.iter());
    let most = buckets().map(|(_, count)| *count).max().unwrap_or(0);
    let least = buckets().map(|(bucket, _)| *bucket).min();
    let greatest = buckets().map(|(bucket, _)| *bucket).max();
    let (Some(least), Some(greatest), true) = (least, greatest, most > 0) else {
        return Ok(None);
    };
    let width = series.window.as_secs_f64() * each as f64;
    let height = |bucket: u16| heat_floor_ms(bucket).log10();
    let cells = columns.iter().flat_map(|(t, buckets)| {
        buckets.iter().map(move |(bucket, count)| Cell {
            x: (*t, t + width),
            y: (height(*bucket), height(bucket + 1)),
            opacity: (*count as f64 / most as f64).sqrt().clamp(0.1, 1.0),
        })
    });
    let plot = Plot {
        x: timeline.x.clone(),
        y: Axis::logarithm(heat_floor_ms(least), heat_floor_ms(greatest + 1)),
        shades: timeline.shades.clone(),
        rules: Vec::new(),
        cells: cells.collect(),
        lines: Vec::new(),
    };
    Ok(Some(Chart {
        title: "Where the times to first token lay, ms",
        key: Vec::new(),
        svg: plot.draw("Heat map of the time to first token")?,
        note: "the fuller, the more answers",
    }))
}

/// A distribution by quantile, each further nine as wide as the last: the tail is most of the picture.
fn quantile_plot(
    title: &'static str,
    lines: &[(Colour, &'static str, &Distribution)],
) -> io::Result<Option<Chart>> {
    let lines: Vec<_> = lines
        .iter()
        .filter(|(_, _, figure)| figure.count() > 0)
        .collect();
    let counts = lines.iter().map(|(_, _, figure)| figure.count());
    let Some(count) = counts.max() else {
        return Ok(None);
    };
    let drawn: Vec<_> = lines
        .iter()
        .map(|(colour, _, figure)| (*colour, quantile_line(figure)))
        .collect();
    let plot = Plot {
        x: Axis::quantiles(count),
        y: Axis::up_to(greatest(&drawn).unwrap_or(0.0), 5, ""),
        shades: Vec::new(),
        rules: Vec::new(),
        cells: Vec::new(),
        lines: drawn,
    };
    let key = lines.iter().map(|(colour, name, _)| (*colour, *name));
    Ok(Some(Chart {
        title,
        key: key.collect(),
        svg: plot.draw(title)?,
        note: "",
    }))
}

/// Every value beside the share of samples below it, as far out as the samples reach; of points that would lie on one
/// spot the last is kept.
fn quantile_line(figure: &Distribution) -> Vec<(f64, Option<f64>)> {
    let all = figure.count() as f64;
    let apart = all.log10().max(1.0) / MOST_POINTS as f64;
    let mut points = vec![(0.0, figure.min())];
    let mut spot = -1.0;
    let mut below = 0;
    for (value, count) in figure.buckets() {
        below += count;
        // The last of the bucket's samples has this share below it.
        let x = nines((below - 1) as f64 / all);
        let y = figure.max().map(|most| value.min(most));
        if (x / apart).floor() == spot {
            points.pop();
        }
        spot = (x / apart).floor();
        points.push((x, y));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_marks() {
        let marks =
            |axis: Axis| -> Vec<String> { axis.marks.into_iter().map(|(_, text)| text).collect() };
        assert_eq!(
            marks(Axis::up_to(93.0, 5, "")),
            ["0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(marks(Axis::up_to(0.0, 5, "")).last().unwrap(), "1");
        assert_eq!(marks(Axis::time(75.0)).last().unwrap(), "60 s");
        assert_eq!(marks(Axis::time(7200.0)).last().unwrap(), "100 min");
        assert_eq!(
            marks(Axis::quantiles(1000)),
            ["0", "0.5", "0.9", "0.99", "0.999"]
        );
        assert_eq!(marks(Axis::logarithm(9.0, 60.0)), ["10", "20", "50"]);
        assert_eq!(short(12_500.0), "12.5k");
    }

    #[test]
    fn a_line_has_gaps_where_nothing_was_measured() {
        let points = [
            (0.0, Some(1.0)),
            (1.0, None),
            (2.0, Some(2.0)),
            (3.0, Some(3.0)),
        ];
        assert_eq!(
            unbroken(&points),
            [vec![(0.0, 1.0)], vec![(2.0, 2.0), (3.0, 3.0)]]
        );
    }

    #[test]
    fn a_day_is_drawn_in_as_many_points_as_a_minute() {
        let t: Vec<f64> = (0..86_400).map(f64::from).collect();
        let mut values = vec![Some(1.0); t.len()];
        values[40_000] = Some(9.0);
        let thinned = thin(&t, &values, Sum::Most);
        assert!(thinned.len() <= MOST_POINTS);
        assert!(
            thinned.iter().any(|(_, y)| *y == Some(9.0)),
            "the peak is kept"
        );
    }
}
