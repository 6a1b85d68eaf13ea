//! The run over time for a spreadsheet: a row a window, numbers only; a field is empty where there was no sample.

use crate::record::load::LoadRecord;
use std::io::{self, Write};

/// Names and numbers, of which none needs quotes.
const HEADER: &str =
    "t_s,sent,succeeded,errors,in_flight,ttft_p50_ms,ttft_p99_ms,icl_p99_ms,lag_p99_ms";

pub(super) fn write(record: &LoadRecord, out: &mut dyn Write) -> io::Result<()> {
    let series = &record.series;
    let count = |values: &[u64], at: usize| values.get(at).map(u64::to_string).unwrap_or_default();
    let time = |values: &[Option<f64>], at: usize| {
        let value = values.get(at).copied().flatten();
        value.map(decimal).unwrap_or_default()
    };
    writeln!(out, "{HEADER}")?;
    for (at, t) in series.t_s.iter().enumerate() {
        let row = [
            decimal(*t),
            count(&series.sent, at),
            count(&series.succeeded, at),
            count(&series.errors, at),
            count(&series.in_flight, at),
            time(&series.ttft_p50_ms, at),
            time(&series.ttft_p99_ms, at),
            time(&series.icl_p99_ms, at),
            time(&series.lag_p99_ms, at),
        ];
        writeln!(out, "{}", row.join(","))?;
    }
    Ok(())
}

/// To three decimals, without zeros that say nothing.
fn decimal(value: f64) -> String {
    format!("{}", (value * 1e3).round() / 1e3)
}
