use super::*;

const SAMPLE: &str = r#"
[target]
base_url = "http://127.0.0.1:4010/"
time_scale = 0.01
timeout_s = 240
connect_timeout_s = 3
origin = "https://shop.example"
http = "1.1"
insecure = false
resolve = "10.0.0.7:443"
rate = 10

[headers]
"CF-Access-Client-Id" = "${CF_ID}"
X-Before = "b"

[keys]
valid = "${CLAWBITE_KEY}"
revoked = "clawbite_sk_revoked00000000"
foreign = "clawbite_sk_foreign00000000"
rate_limited = "clawbite_sk_limited00000000"
concurrency_limited = "clawbite_sk_streams00000000"

[bots]
main = "main"
api_off = { id = "off", key = "${OFF_KEY}" }
offline = "offline"
unreachable = "unreachable"
slow = "slow"
faulty = "faulty"
rate_limited = "limited"

[models]
override = "anthropic/claude-sonnet-4-6"

[prompt]
text = "Hello?"
long = "Count."

[provoke]
burst = 7
streams = 3
"#;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "CF_ID" => "cf-client-identity",
        "CLAWBITE_KEY" => "clawbite_sk_0123456789abcdef",
        "OFF_KEY" => "clawbite_sk_fedcba9876543210",
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn the_sample_is_read_to_the_letter() {
    let profile = Profile::parse(SAMPLE, "staging.toml", &env).expect("the sample is right");
    assert_eq!(profile.target.base_url, "http://127.0.0.1:4010");
    assert_eq!(profile.target.time_scale, Scale::new(0.01).unwrap());
    assert_eq!(profile.target.timeout(), Duration::from_secs(10));
    assert_eq!(profile.target.connect_timeout, Duration::from_secs(3));
    assert_eq!(profile.target.origin, "https://shop.example");
    assert_eq!(profile.target.http, HttpVersion::Http1);
    assert_eq!(profile.target.resolve.as_deref(), Some("10.0.0.7:443"));
    assert_eq!(profile.target.rate, Some(10.0));
    assert_eq!(
        profile.headers,
        [
            (
                "CF-Access-Client-Id".to_owned(),
                "cf-client-identity".to_owned()
            ),
            ("X-Before".to_owned(), "b".to_owned())
        ]
    );
    assert_eq!(profile.keys.valid.variable.as_deref(), Some("CLAWBITE_KEY"));
    let off = profile.bots.api_off.as_ref().expect("it is there");
    let own = off.key.as_ref().expect("it has a key of its own");
    assert_eq!((off.id.as_str(), own.variable_name()), ("off", "OFF_KEY"));
    assert_eq!(
        profile.provoke,
        Provoke {
            burst: 7,
            streams: 3
        }
    );
    for fixture in Fixture::ALL {
        assert!(profile.has(*fixture), "{fixture}");
        assert_eq!(Fixture::parse(fixture.name()), Some(*fixture));
    }
    let scrubbed = profile
        .scrubber()
        .scrub_text("clawbite_sk_fedcba9876543210 cf-client-identity");
    assert_eq!(scrubbed, "clawbite_sk_…3210 [CF-Access-Client-Id]");
}

#[test]
fn what_is_left_out_has_its_default() {
    let least = "target.base_url = \"https://h.example\"\nkeys.valid = \"clawbite_sk_1\"\nbots.main = \"b\"\n";
    let profile = Profile::parse(least, "p.toml", &env).expect("nothing required is missing");
    assert_eq!(profile.target.timeout(), Duration::from_secs(240));
    assert_eq!(profile.target.http, HttpVersion::Auto);
    assert_eq!(profile.prompt, Prompt::default());
    assert_eq!(profile.keys.valid.variable_name(), "CLAWBITE_KEY");
    for fixture in Fixture::ALL {
        assert!(!profile.has(*fixture), "{fixture}");
    }
}

#[test]
fn a_base_url_from_elsewhere_takes_the_place_of_the_files_own() {
    let text = "keys.valid = \"clawbite_sk_1\"\nbots.main = \"b\"\n";
    let profile = Profile::parse_for(text, "p.toml", Some("https://other.example"), &env)
        .expect("base_url is given");
    assert_eq!(profile.target.base_url, "https://other.example");
    assert!(Profile::parse(text, "p.toml", &env).is_err());
}

#[test]
fn declared_defaults_are_those_that_hold() {
    let default = default_target();
    let declared = |keys: &[Key], name: &str| {
        let key = keys.iter().find(|key| key.name == name).expect("declared");
        key.default.expect("has a default").to_owned()
    };
    assert_eq!(declared(TARGET, "timeout_s"), default.timeout_s.to_string());
    assert_eq!(declared(TARGET, "origin"), format!("{:?}", default.origin));
    assert_eq!(
        declared(PROMPT, "text"),
        format!("{:?}", Prompt::default().text)
    );
    assert_eq!(
        declared(PROMPT, "long"),
        format!("{:?}", Prompt::default().long)
    );
    assert_eq!(
        declared(PROVOKE, "burst"),
        Provoke::default().burst.to_string()
    );
    assert_eq!(
        declared(PROVOKE, "streams"),
        Provoke::default().streams.to_string()
    );
}

#[test]
fn a_wrong_profile_tells_everything_at_once_in_order() {
    let text =
        "[target]\nbase_url = \"x\"\nrate = 0\n[keys]\nrevokd = \"k\"\nvalid = \"${NOPE}\"\n";
    let mistakes = Profile::parse(text, "p.toml", &env).expect_err("it is wrong");
    let places: Vec<_> = mistakes.mistakes.iter().filter_map(|m| m.place).collect();
    assert_eq!(places, [(2, 12), (3, 8), (5, 1), (6, 10), (7, 1)]);
}
