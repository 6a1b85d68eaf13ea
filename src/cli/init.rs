//! `clawcheck init`: a profile to begin with.

use super::complaint::Complaint;
use super::outlet::{tell, unless_closed};
use super::{Failure, env, runtime};
use crate::conform::{Access, Discovered, Pages, discover};
use crate::profile::{Known, NamedKey, Profile, api_key, base_url, bot_id, template};
use crate::report::line;
use crate::secret::ApiKey;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The deployment's URL. With CLAWBITE_KEY and an agent it is asked what can be found out without cost.
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// The agent to ask; without it CLAWBITE_BOT.
    #[arg(long, value_name = "ID")]
    bot: Option<String>,
    /// Ask nothing, and write what is known.
    #[arg(long)]
    offline: bool,
    /// Write the profile here; `-` is standard output [default: clawcheck.toml].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

const OUT: &str = "clawcheck.toml";
const KEY: &str = "CLAWBITE_KEY";
const BOT: &str = "CLAWBITE_BOT";

/// What is meant.
struct Checked {
    url: Option<String>,
    bot: Option<String>,
    key: Option<ApiKey>,
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let checked = check(args)?;
    let mut notes = Vec::new();
    let found = match (&checked.url, &checked.bot, &checked.key) {
        (Some(url), Some(bot), Some(key)) if !args.offline => Some(ask(url, bot, key)?),
        _ => None,
    };
    let text = text(&checked, found.as_ref(), args.offline, &mut notes);
    write(&checked.out, &text, args.force)?;
    for note in notes {
        tell(&note);
    }
    if checked.out != Path::new("-") {
        let file = line(&checked.out.display().to_string());
        tell(&format!("{file} is written; next:"));
        tell(&format!("  clawcheck check {file}"));
        tell(&format!("  clawcheck conform --profile {file} --dry-run"));
    }
    Ok(0)
}

fn check(args: &Args) -> Result<Checked, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let url = args.target.as_deref().and_then(|target| {
        base_url(target)
            .map_err(|unfit| complaints.push(Complaint::unfit("--target", target, unfit)))
            .ok()
    });
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let named = args.bot.clone().map(|bot| ("--bot", bot));
    let bot = named.or_else(|| set(BOT).map(|bot| (BOT, bot)));
    let bot = bot.and_then(|(source, bot)| match bot_id(&bot) {
        Ok(()) => Some(bot),
        Err(unfit) => {
            complaints.push(Complaint::unfit(source, &bot, unfit));
            None
        }
    });
    let key = set(KEY).and_then(|key| match api_key(&key) {
        Ok(()) => Some(ApiKey::new(key)),
        Err(unfit) => {
            complaints.push(Complaint::new(format!(
                "{KEY} has to be {}",
                unfit.expected
            )));
            None
        }
    });
    let out = args.out.clone().unwrap_or_else(|| OUT.into());
    if !args.force && out != Path::new("-") && out.exists() {
        let message = format!("`{}` is there already", out.display());
        complaints.push(
            Complaint::new(message).help("--force writes over it; `--out -` prints the profile"),
        );
    }
    if complaints.is_empty() {
        Ok(Checked { url, bot, key, out })
    } else {
        Err(complaints)
    }
}

fn ask(url: &str, bot: &str, key: &ApiKey) -> Result<Discovered, Failure> {
    let key = NamedKey {
        key: key.clone(),
        variable: Some(KEY.to_owned()),
    };
    let profile = Profile::from_target(url, key, bot);
    let runtime = runtime()?;
    runtime.block_on(discover(&profile)).map_err(|why| {
        let message = format!("{url} can't be asked: {}", line(&why.0));
        Failure::Unable(Complaint::new(message).help("--offline writes the profile without asking"))
    })
}

fn text(
    checked: &Checked,
    found: Option<&Discovered>,
    offline: bool,
    notes: &mut Vec<String>,
) -> String {
    let mut head = vec![
        "A profile of clawcheck: where a deployment is, and which fixtures it offers. What is commented out holds as \
         it stands there, or is a fixture that is missing: tests that need it are skipped and say so."
            .to_owned(),
        "Keys stay in the environment: ${NAME} is read from there.".to_owned(),
    ];
    let mut known = vec![Known {
        key: "keys.valid",
        value: format!("${{{KEY}}}"),
        remark: None,
    }];
    if let Some(url) = &checked.url {
        known.push(Known {
            key: "target.base_url",
            value: url.clone(),
            remark: found.map(|found| format!("Asked: it speaks {}.", found.http)),
        });
    }
    if let Some(bot) = &checked.bot {
        known.push(Known {
            key: "bots.main",
            value: bot.clone(),
            remark: found.map(|found| said(&found.access)),
        });
    }
    match found {
        None => {
            let lacking: Vec<&str> = [
                ("--target", checked.url.is_none()),
                ("--bot", checked.bot.is_none()),
                (KEY, checked.key.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, lacks)| lacks.then_some(name))
            .collect();
            if !offline {
                notes.push(format!(
                    "nothing was asked: {} would be needed",
                    lacking.join(" and ")
                ));
            }
            head.push("Nothing was asked when this was written.".to_owned());
        }
        Some(found) => {
            if found.access != Access::Good {
                notes.push(said(&found.access));
            }
            let says = match found.pages {
                Pages::Any => "it lets pages of any origin call it: `origin` needs no change",
                Pages::ThisOne => "it lets pages of https://app.example call it",
                Pages::NotThisOne => {
                    "a preflight from https://app.example was not let in: set `origin` to a page of yours that is"
                }
            };
            notes.push(says.to_owned());
        }
    }
    template(&head, &known)
}

/// What became of the key and the agent, in a sentence.
fn said(access: &Access) -> String {
    match access {
        Access::Good => "Asked: the key may use this agent.".to_owned(),
        Access::Refused(code) => format!(
            "Asked, and refused: {} {code} ({})",
            code.status(),
            code.meaning()
        ),
        Access::Unclear(what) => format!(
            "Asked with a wrong body, which 400 answers on a deployment that works; it gave {}.",
            line(what)
        ),
    }
}

fn write(out: &Path, text: &str, force: bool) -> Result<(), Failure> {
    if out == Path::new("-") {
        unless_closed(io::stdout().lock().write_all(text.as_bytes()))?;
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(out)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let message = format!("`{}` can't be written: {error}", out.display());
        Failure::Usage(vec![Complaint::new(message)])
    })
}
