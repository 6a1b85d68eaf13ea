//! `clawcheck mock`.

use super::complaint::Complaint;
use super::outlet::{tell, unless_closed};
use super::quantity;
use super::signals::Signals;
use super::{Failure, runtime};
use crate::compare::SavedConform;
use crate::contract::chat_path;
use crate::mock::{self, Deviation, Deviations, Fixtures, Identity, Kind, Mock, MockConfig};
use crate::profile::nearest;
use crate::report::line;
use crate::time::Scale;
use crate::wire::make_room;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Listen on this address; port 0 takes a free one [default: 127.0.0.1:4010].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Write a profile with all fixtures, for `clawcheck conform --profile FILE`.
    #[arg(long, value_name = "FILE")]
    profile_out: Option<PathBuf>,
    /// Run its clock faster: at 0.01 the 130 s time-out comes after 1.3 s.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    time_scale: Option<String>,
    /// Break the contract in this way; `clawcheck list violations` and `list flaws` show them.
    #[arg(long, value_name = "ID")]
    violate: Vec<String>,
    /// Use the contract's room in this way; `clawcheck list leniencies` shows them.
    #[arg(long, value_name = "ID")]
    lenient: Vec<String>,
    /// Answer as a deployment does where the contract leaves that open: as the JSON report of `clawcheck conform` tells.
    #[arg(long, value_name = "REPORT")]
    like: Option<PathBuf>,
    /// Make answers from this seed, so that two runs give the same ones.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<String>,
    /// Wait so long before the first chunk of a stream, such as `5ms` or `1.5s`.
    #[arg(long, value_name = "D", allow_negative_numbers = true)]
    ttft: Option<String>,
    /// Wait so long between two chunks.
    #[arg(long, value_name = "D", allow_negative_numbers = true)]
    gap: Option<String>,
    /// Send so many chunks with content in a stream.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    chunks: Option<String>,
    /// Serve https, HTTP/2 or HTTP/1.1 as the client likes, with a certificate of its own making that the profile trusts.
    #[arg(long)]
    tls: bool,
}

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4010);

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let config = check(args)?;
    let runtime = runtime()?;
    let result = runtime.block_on(serve(config, args.profile_out.as_deref()));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

fn check(args: &Args) -> Result<MockConfig, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let default = MockConfig::default();
    let span = "a time such as `5ms` or `1.5s`";
    let config = MockConfig {
        listen: checked(
            "--listen",
            &args.listen,
            "an address such as 127.0.0.1:4010",
            &mut complaints,
            |text| text.parse().ok(),
        )
        .unwrap_or(LISTEN),
        stamps: default.stamps,
        slots: default.slots,
        limits: default.limits,
        tls: None,
        bend: default.bend.clone(),
        time_scale: checked(
            "--time-scale",
            &args.time_scale,
            "a number over 0",
            &mut complaints,
            |text| quantity::positive(text).and_then(Scale::new),
        )
        .unwrap_or(default.time_scale),
        seed: checked(
            "--seed",
            &args.seed,
            "a number of 0 or more",
            &mut complaints,
            |text| text.parse().ok(),
        )
        .unwrap_or(default.seed),
        ttft: checked(
            "--ttft",
            &args.ttft,
            span,
            &mut complaints,
            quantity::duration,
        )
        .unwrap_or(default.ttft),
        gap: checked(
            "--gap",
            &args.gap,
            span,
            &mut complaints,
            quantity::duration,
        )
        .unwrap_or(default.gap),
        chunks: checked(
            "--chunks",
            &args.chunks,
            "a number from 1 to 1000000",
            &mut complaints,
            // A stream is made before it is sent.
            |text| {
                text.parse()
                    .ok()
                    .filter(|chunks| (1..=1_000_000).contains(chunks))
            },
        )
        .unwrap_or(default.chunks),
    };
    let tls = match args.tls.then(|| Identity::on(config.listen.ip())) {
        Some(Err(error)) => {
            complaints.push(Complaint::new(format!("--tls: {error}")));
            None
        }
        Some(Ok(identity)) => Some(identity),
        None => None,
    };
    let chosen = deviations(args, config.seed, &mut complaints);
    if complaints.is_empty() && args.tls {
        for deviation in chosen.iter().filter(|deviation| deviation.needs_http1()) {
            tell(&format!(
                "`{}` is in the bytes of HTTP/1.1 and does not show over HTTP/2; `http = \"1.1\"` in the profile keeps to HTTP/1.1",
                deviation.id
            ));
        }
    }
    let config = MockConfig {
        tls,
        bend: Deviations::new(chosen),
        ..config
    };
    if complaints.is_empty() {
        Ok(config)
    } else {
        Err(complaints)
    }
}

/// The deviations that were asked for. Leniencies that contradict each other can't be had in one server.
fn deviations(args: &Args, seed: u64, complaints: &mut Vec<Complaint>) -> Vec<Deviation> {
    let fixtures = Fixtures::derive(seed);
    let mut chosen: Vec<Deviation> = Vec::new();
    let flags: [(&str, &[String], &[Kind]); 2] = [
        ("--violate", &args.violate, &[Kind::Violation, Kind::Flaw]),
        ("--lenient", &args.lenient, &[Kind::Leniency]),
    ];
    if let Some(path) = &args.like {
        chosen = liked(path, &fixtures, complaints);
    }
    for (flag, ids, kinds) in flags {
        for id in ids {
            let mut known: Vec<Deviation> = kinds
                .iter()
                .flat_map(|kind| Deviation::all(*kind, &fixtures))
                .collect();
            match known.iter().position(|deviation| deviation.id == *id) {
                Some(index) => {
                    let new = known.swap_remove(index);
                    let rival = chosen.iter().find(|other| {
                        new.kind == Kind::Leniency
                            && other.kind == Kind::Leniency
                            && !new.goes_with(other)
                    });
                    if let Some(rival) = rival {
                        let message = format!("`{id}` and `{}` contradict each other", rival.id);
                        complaints.push(Complaint::new(message).help("leave one of them out"));
                    }
                    chosen.push(new);
                }
                None => complaints.push(unknown(flag, id, kinds, &fixtures)),
            }
        }
    }
    chosen
}

/// The leniencies that a report's fingerprint asks for. What they can't take over is told, and what they can.
fn liked(path: &Path, fixtures: &Fixtures, complaints: &mut Vec<Complaint>) -> Vec<Deviation> {
    let name = path.display();
    let read = fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| SavedConform::read(&text));
    let saved = match read {
        Ok(saved) => saved,
        Err(why) => {
            complaints.push(
                Complaint::new(format!("--like: `{name}`: {why}"))
                    .help("a report is written by `clawcheck conform` with `--report json=PATH`"),
            );
            return Vec::new();
        }
    };
    let like = mock::like(saved.fingerprint(), fixtures);
    if like.same + like.others.len() == 0 {
        complaints.push(
            Complaint::new(format!("--like: `{name}` tells no open answer"))
                .help("its run came to nothing, or to few of the cases"),
        );
    }
    let total = like.same + like.others.len();
    tell(&format!(
        "answers like `{name}`: {} of {total} that the contract leaves open are the same",
        like.same
    ));
    for deviation in &like.leniencies {
        tell(&format!("  --lenient {}", deviation.id));
    }
    for (answer, theirs, ours) in &like.others {
        tell(&format!(
            "  not taken over: {answer} is {} there and {} here",
            line(theirs),
            line(ours)
        ));
    }
    like.leniencies
}

fn unknown(flag: &str, id: &str, kinds: &[Kind], fixtures: &Fixtures) -> Complaint {
    let every: Vec<Deviation> = Kind::ALL
        .iter()
        .flat_map(|kind| Deviation::all(*kind, fixtures))
        .collect();
    let complaint = Complaint::new(format!("{flag}: there is no {} `{id}`", kinds[0].as_str()));
    let other = every.iter().find(|deviation| deviation.id == *id);
    let near = nearest(id, every.iter().map(|deviation| deviation.id.as_ref()));
    complaint.help(match (other, near) {
        (Some(other), _) if other.kind == Kind::Leniency => {
            format!("it is a leniency: `--lenient {id}`")
        }
        (Some(other), _) => format!("it is a {}: `--violate {id}`", other.kind.as_str()),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("`clawcheck list {}` shows them", kinds[0].plural()),
    })
}

fn checked<T>(
    flag: &str,
    typed: &Option<String>,
    expected: &str,
    complaints: &mut Vec<Complaint>,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let typed = typed.as_deref()?;
    let value = parse(typed);
    if value.is_none() {
        complaints.push(Complaint::value(flag, typed, expected));
    }
    value
}

/// So many connections at once need no more room than was made before.
const CONNECTIONS: usize = 65_536;

async fn serve(config: MockConfig, profile_out: Option<&Path>) -> Result<u8, Failure> {
    let mut signals = Signals::listen().map_err(|error| {
        Failure::Unable(Complaint::new(format!(
            "signals can't be listened to: {error}"
        )))
    })?;
    let listen = config.listen;
    make_room(CONNECTIONS);
    let mock = Mock::start(config).await.map_err(|error| {
        vec![
            Complaint::new(format!("the mock can't listen on {listen}: {error}"))
                .help("`--listen 127.0.0.1:0` takes a free port"),
        ]
    })?;
    let written = Written::write(profile_out, &mock)?;
    unless_closed(announce(&mock, &written, &mut io::stdout().lock()))?;
    signals.next().await;
    Ok(0)
}

/// The profile's file, and beside it the certificate's where there is one. What nobody asked for goes when the mock
/// does.
struct Written {
    profile: PathBuf,
    certificate: Option<PathBuf>,
    temporary: bool,
}

impl Written {
    fn write(wanted: Option<&Path>, mock: &Mock) -> Result<Written, Vec<Complaint>> {
        let (profile, temporary) = match wanted {
            Some(path) => (path.to_owned(), false),
            None => {
                let name = format!("clawcheck-mock-{}.toml", mock.addr().port());
                (std::env::temp_dir().join(name), true)
            }
        };
        let put = |what: &str, path: &Path, text: &str| {
            let written = if temporary {
                write_private(path, text)
            } else {
                fs::write(path, text)
            };
            written.map_err(|error| {
                let message = format!("{what} can't be written to `{}`: {error}", path.display());
                vec![Complaint::new(message).help("`--profile-out FILE` says where it goes")]
            })
        };
        let mut written = Written {
            certificate: None,
            profile,
            temporary,
        };
        let mut ca_file = None;
        if let Some(identity) = &mock.config().tls {
            // Relative to the profile: the two can be moved together.
            let stem = written.profile.file_stem().unwrap_or_default();
            let name = format!("{}-ca.pem", stem.to_string_lossy());
            let path = written.profile.with_file_name(&name);
            put("the certificate", &path, identity.certificate_pem())?;
            written.certificate = Some(path);
            ca_file = Some(name);
        }
        let text = mock.profile_toml_trusting(ca_file.as_deref());
        put("the profile", &written.profile, &text)?;
        Ok(written)
    }
}

/// In a folder that others can write to: whatever has the name is taken away, not written to.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)?
        }
        opened => opened?,
    };
    file.write_all(text.as_bytes())
}

impl Drop for Written {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_file(&self.profile);
            if let Some(path) = &self.certificate {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The address, and two lines that test it. No key stands in them: they read it from the profile.
fn announce(mock: &Mock, written: &Written, out: &mut dyn Write) -> io::Result<()> {
    let base_url = mock.base_url();
    let file = quoted(&written.profile.display().to_string());
    let trust = written
        .certificate
        .as_ref()
        .map_or_else(String::new, |path| {
            format!("--cacert {} ", quoted(&path.display().to_string()))
        });
    let everywhere = match mock.addr().ip().is_unspecified() {
        true => ", and on every other address of this machine",
        false => "",
    };
    writeln!(out, "listening on {base_url}{everywhere}")?;
    writeln!(out, "  clawcheck conform --profile {file}")?;
    writeln!(
        out,
        "  curl {trust}{base_url}{} -H \"Authorization: Bearer $(sed -n 's/^valid *= *\"\\(.*\\)\".*/\\1/p' {file})\" \
         -H 'Content-Type: application/json' -d '{{\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'",
        chat_path(&mock.fixtures().bots.main)
    )?;
    out.flush()
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
