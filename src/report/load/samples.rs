//! Raw samples, a line an answer: JSON lines, or CSV with a first line of names. Times are in milliseconds to the
//! microsecond; instants (`t_…`) are told from the run's begin on.

use crate::record::Sample;
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// An object a line.
    JsonLines,
    /// A row a line, behind a header.
    Csv,
}

impl SampleFormat {
    /// By the file's name: CSV where it ends in `.csv`.
    pub fn of(path: &Path) -> SampleFormat {
        match path.extension() {
            Some(end) if end.eq_ignore_ascii_case("csv") => SampleFormat::Csv,
            _ => SampleFormat::JsonLines,
        }
    }

    /// Writes samples to their end; gives how many there were.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        self,
        samples: impl IntoIterator<Item = Sample>,
        out: &mut dyn Write,
    ) -> io::Result<u64> {
        let mut count = 0;
        if self == SampleFormat::Csv {
            writeln!(out, "{}", NAMES.join(","))?;
        }
        for sample in samples {
            let values = values(&sample);
            match self {
                SampleFormat::JsonLines => json(&values, out)?,
                SampleFormat::Csv => csv(&values, out)?,
            }
            count += 1;
        }
        out.flush()?;
        Ok(count)
    }
}

/// The names of the values, in their order.
const NAMES: [&str; 25] = [
    "request",
    "stage",
    "class",
    "status",
    "code",
    "good",
    "t_due_ms",
    "t_sent_ms",
    "t_headers_ms",
    "t_first_event_ms",
    "t_first_token_ms",
    "t_second_token_ms",
    "t_last_token_ms",
    "t_end_ms",
    "time_to_first_token_ms",
    "inter_chunk_latency_max_ms",
    "request_latency_ms",
    "response_time_ms",
    "connect_ms",
    "connection_reused",
    "chunks",
    "coalesced_chunks",
    "bytes_sent",
    "bytes_received",
    "completion_tokens",
];

fn values(sample: &Sample) -> [Value; NAMES.len()] {
    let since = |at: Option<Duration>, from: Option<Duration>| {
        let span = at.zip(from).map(|(at, from)| at.saturating_sub(from));
        span.map_or(Value::Null, millis)
    };
    let maybe = |at: Option<Duration>| at.map_or(Value::Null, millis);
    let sent = Some(sample.sent);
    let whole = sample.class.is_none().then_some(sample.ended);
    [
        sample.request.as_ref().into(),
        sample.stage.as_deref().into(),
        sample.class.map_or("ok", |class| class.as_str()).into(),
        sample.status.into(),
        sample.code.map(|code| code.as_str()).into(),
        sample.good.into(),
        maybe(sample.due),
        millis(sample.sent),
        maybe(sample.headers),
        maybe(sample.first_event),
        maybe(sample.first_token),
        maybe(sample.second_token),
        maybe(sample.last_token),
        millis(sample.ended),
        since(sample.first_token, sent),
        maybe(sample.longest_gap),
        since(whole, sent),
        since(whole, sample.due),
        maybe(sample.connect),
        sample.reused.into(),
        sample.chunks.into(),
        sample.coalesced.into(),
        sample.bytes_sent.into(),
        sample.bytes_received.into(),
        sample.tokens.map(|(_, completion)| completion).into(),
    ]
}

fn millis(span: Duration) -> Value {
    // Whole microseconds divided once: the shortest text that means them.
    (span.as_micros() as f64 / 1e3).into()
}

fn json(values: &[Value], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (index, (name, value)) in NAMES.iter().zip(values).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}\"{name}\":{value}")?;
    }
    out.write_all(b"}\n")
}

/// Names are letters, digits, `-`, `_` and `.`: none needs quotes.
fn csv(values: &[Value], out: &mut dyn Write) -> io::Result<()> {
    for (index, value) in values.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        match value {
            Value::Null => out.write_all(comma.as_bytes())?,
            Value::String(text) => write!(out, "{comma}{text}")?,
            value => write!(out, "{comma}{value}")?,
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ErrorCode;
    use crate::record::load::ErrorClass;
    use std::sync::Arc;

    fn samples() -> Vec<Sample> {
        const MS: fn(u64) -> Duration = Duration::from_millis;
        let good = Sample {
            request: Arc::from("stream"),
            stage: Some(Arc::from("hold#2")),
            due: Some(MS(1_000)),
            sent: Duration::from_micros(1_000_250),
            headers: Some(MS(1_010)),
            first_event: Some(MS(1_020)),
            first_token: Some(MS(1_021)),
            second_token: Some(MS(1_040)),
            last_token: Some(MS(1_060)),
            ended: MS(1_061),
            class: None,
            status: Some(200),
            code: None,
            good: true,
            chunks: 3,
            coalesced: 0,
            longest_gap: Some(MS(20)),
            stalls: 0,
            connect: Some(Duration::from_micros(310)),
            reused: false,
            bytes_sent: 300,
            bytes_received: 900,
            tokens: Some((7, 12)),
        };
        let limited = Sample {
            stage: None,
            due: None,
            first_event: None,
            first_token: None,
            second_token: None,
            last_token: None,
            class: Some(ErrorClass::Code(ErrorCode::RateLimited)),
            status: Some(429),
            code: Some(ErrorCode::RateLimited),
            good: false,
            chunks: 0,
            longest_gap: None,
            connect: None,
            reused: true,
            tokens: None,
            ..good.clone()
        };
        vec![good, limited]
    }

    fn written(format: SampleFormat) -> String {
        let mut out = Vec::new();
        let count = format.write(samples(), &mut out);
        assert_eq!(count.ok(), Some(2));
        String::from_utf8(out).expect("it is UTF-8")
    }

    #[test]
    fn a_line_an_answer_that_programs_read() {
        let text = written(SampleFormat::JsonLines);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("it is JSON"))
            .collect();
        assert_eq!(lines[0]["time_to_first_token_ms"], 20.75);
        assert_eq!(lines[0]["response_time_ms"], 61.0);
        assert_eq!(lines[1]["class"], "rate_limited");
        assert_eq!(lines[1]["request_latency_ms"], Value::Null);
        let header = "request,stage,class,status,code,good,t_due_ms";
        let csv = written(SampleFormat::Csv);
        let rows: Vec<Vec<&str>> = csv.lines().map(|row| row.split(',').collect()).collect();
        assert!(csv.starts_with(header), "{csv}");
        assert!(rows.iter().all(|row| row.len() == NAMES.len()), "{csv}");
        assert_eq!(rows[1][..6], ["stream", "hold#2", "ok", "200", "", "true"]);
    }

    #[test]
    fn the_name_says_the_format() {
        let of = |name: &str| SampleFormat::of(Path::new(name));
        assert_eq!(of("a/b.CSV"), SampleFormat::Csv);
        assert_eq!(of("a.jsonl"), SampleFormat::JsonLines);
        assert_eq!(of("samples"), SampleFormat::JsonLines);
    }
}
