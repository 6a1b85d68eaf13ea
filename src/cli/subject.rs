//! What is tested: the deployment of a profile or a URL, or else the mock inside this process.

use super::complaint::Complaint;
use super::sort::Sort;
use crate::profile::{NamedKey, Profile, api_key, base_url, bot_id};
use crate::secret::ApiKey;
use std::path::PathBuf;

/// Where the target is, as typed.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Test the deployment at this URL; the key comes from CLAWBITE_KEY.
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub(super) target: Option<String>,
    /// Test the deployment of this profile, with the fixtures that it offers.
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(super) profile: Option<PathBuf>,
    /// Ask this agent of --target; without it CLAWBITE_BOT is asked.
    #[arg(long, value_name = "ID", help_heading = "Target")]
    pub(super) bot: Option<String>,
}

/// What is tested.
#[derive(Debug)]
pub(super) enum Subject {
    /// The mock, inside this process.
    Mock,
    /// A deployment.
    Deployment(Box<Profile>),
}

type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Subject {
    /// Reads the profile, or what the command line and the environment say; adds what is wrong to `complaints`.
    pub(super) fn choose(
        args: &Args,
        env: Env<'_>,
        complaints: &mut Vec<Complaint>,
    ) -> Option<Subject> {
        let url = args.target.as_deref().map(|target| {
            base_url(target).map_err(|unfit| Complaint::unfit("--target", target, unfit))
        });
        let url = match url {
            Some(Err(complaint)) => {
                complaints.push(complaint);
                None
            }
            Some(Ok(url)) => Some(url),
            None => None,
        };
        let mut subject = Subject::named(args, url, env, complaints);
        if let Some(Subject::Deployment(profile)) = &mut subject
            && let Err(error) = profile.target.behind_proxy_of(env)
        {
            let complaint = Complaint::new(error.to_string());
            complaints.push(complaint.help("unset it, or let NO_PROXY spare the target"));
        }
        subject
    }

    fn named(
        args: &Args,
        url: Option<String>,
        env: Env<'_>,
        complaints: &mut Vec<Complaint>,
    ) -> Option<Subject> {
        match (&args.profile, &args.target) {
            (Some(path), _) => {
                if args.bot.is_some() {
                    complaints.push(
                        Complaint::new("--bot does not go with --profile")
                            .help("the profile names its agents: change `main` in [bots]"),
                    );
                }
                // Its own base URL is not missed where --target was given, however wrong.
                let given = args.target.is_some().then(|| url.as_deref().unwrap_or(""));
                match Profile::load(path, given, env) {
                    Ok(profile) => Some(Subject::Deployment(Box::new(profile))),
                    Err(mistakes) => {
                        complaints.extend(Sort::Profile.complaints(path, mistakes));
                        None
                    }
                }
            }
            (None, Some(_)) => {
                let key = key(env).map_err(|complaint| complaints.push(complaint));
                let bot = bot(args, env).map_err(|complaint| complaints.push(complaint));
                let profile = Profile::from_target(&url?, key.ok()?, &bot.ok()?);
                Some(Subject::Deployment(Box::new(profile)))
            }
            (None, None) => {
                if args.bot.is_some() {
                    complaints.push(
                        Complaint::new("--bot needs --target")
                            .help("without --target and --profile the built-in mock is tested"),
                    );
                }
                Some(Subject::Mock)
            }
        }
    }
}

fn set(env: Env<'_>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.is_empty())
}

fn key(env: Env<'_>) -> Result<NamedKey, Complaint> {
    let variable = "CLAWBITE_KEY";
    let Some(key) = set(env, variable) else {
        let message = format!(
            "--target needs a key, and the environment variable `{variable}` is not set, or is no text"
        );
        return Err(Complaint::new(message).help(format!(
            "export {variable}=…; a command line would show it to everybody"
        )));
    };
    if let Err(unfit) = api_key(&key) {
        let complaint = Complaint::new(format!("{variable} has to be {}", unfit.expected));
        return Err(match unfit.hint {
            Some(hint) => complaint.help(hint),
            None => complaint,
        });
    }
    Ok(NamedKey {
        key: ApiKey::new(key),
        variable: Some(variable.to_owned()),
    })
}

fn bot(args: &Args, env: Env<'_>) -> Result<String, Complaint> {
    let (source, bot) = match (&args.bot, set(env, "CLAWBITE_BOT")) {
        (Some(bot), _) => ("--bot", bot.clone()),
        (None, Some(bot)) => ("CLAWBITE_BOT", bot),
        (None, None) => {
            return Err(Complaint::new(
                "--target needs an agent: neither --bot nor CLAWBITE_BOT names one",
            )
            .help("give the botId that the dashboard shows, or a --profile"));
        }
    };
    match bot_id(&bot) {
        Ok(()) => Ok(bot),
        Err(unfit) => Err(Complaint::unfit(source, &bot, unfit)),
    }
}
