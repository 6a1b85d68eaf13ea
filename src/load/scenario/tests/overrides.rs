//! What the command line changes.

use super::*;
use serde_json::{Value, json};

fn with(text: &str, overrides: Overrides) -> Result<Value, Vec<Unsuited>> {
    let changed = read(text).with(&overrides)?;
    let again = read(&written(&changed));
    assert_eq!(again.resolved(), changed.resolved());
    Ok(changed.resolved()["load"].clone())
}

#[test]
fn a_number_of_users_or_a_rate_takes_the_place_of_all_stages() {
    let users = Some(7);
    let hold = |seconds: f64| json!([{ "name": "hold", "duration_s": seconds, "users": 7, "shape": "step" }]);
    let same = with(
        CLOSED,
        Overrides {
            users,
            ..Overrides::default()
        },
    );
    let same = same.expect("it suits");
    assert_eq!((&same["stage"], &same["repeat"]), (&hold(60.75), &json!(1)));
    let duration = Some(Duration::from_millis(2500));
    let both = with(
        CLOSED,
        Overrides {
            users,
            duration,
            ..Overrides::default()
        },
    );
    assert_eq!(both.expect("it suits")["stage"], hold(2.5));
    let open = LEAST.replace("closed", "open").replace("users", "rate_rps");
    let rate = with(
        &open,
        Overrides {
            rate: Some(2.5),
            ..Overrides::default()
        },
    );
    assert_eq!(rate.expect("it suits")["stage"][0]["rate_rps"], json!(2.5));
}

#[test]
fn a_duration_by_itself_keeps_the_shape() {
    let duration = Some(Duration::from_secs_f64(6.075));
    let load = with(
        CLOSED,
        Overrides {
            duration,
            ..Overrides::default()
        },
    )
    .expect("it suits");
    assert_eq!(load["repeat"], json!(3));
    let stages: Vec<(&Value, &Value)> = load["stage"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|stage| (&stage["duration_s"], &stage["users"]))
        .collect();
    assert_eq!(
        stages,
        [(&json!(2), &json!(50)), (&json!(0.025), &json!(0))]
    );
    let short = Some(Duration::from_millis(10));
    let unsuited = with(
        CLOSED,
        Overrides {
            duration: short,
            ..Overrides::default()
        },
    );
    assert!(matches!(
        unsuited.expect_err("a stage would vanish").as_slice(),
        [Unsuited::OutOfRange {
            flag: "--duration",
            ..
        }]
    ));
}

#[test]
fn a_seed_changes_nothing_else() {
    let scenario = read(CLOSED);
    let seed = Overrides {
        seed: Some(9),
        ..Overrides::default()
    };
    let other = scenario.clone().with(&seed).expect("it suits");
    assert_eq!(
        other,
        Scenario {
            seed: 9,
            ..scenario.clone()
        }
    );
    assert_eq!(scenario.clone().with(&Overrides::default()), Ok(scenario));
}

#[test]
fn overrides_that_contradict_the_scenario_are_told_all_at_once() {
    let none = Overrides::default;
    let open = LEAST.replace("closed", "open").replace("users", "rate_rps");
    let (users, rate) = (Some(1), Some(1.0));
    let duration = Some(Duration::from_secs(1));
    let searches = |flag| Unsuited::Searches { flag };
    for (text, overrides, expected) in [
        (
            CLOSED,
            Overrides { rate, ..none() },
            vec![Unsuited::RateInClosedModel],
        ),
        (
            &open,
            Overrides { users, ..none() },
            vec![Unsuited::UsersInOpenModel],
        ),
        (
            CLOSED,
            Overrides {
                users,
                rate,
                ..none()
            },
            vec![Unsuited::UsersAndRate],
        ),
        (
            OPEN,
            Overrides {
                rate,
                duration,
                ..none()
            },
            vec![searches("--rate"), searches("--duration")],
        ),
    ] {
        assert_eq!(with(text, overrides), Err(expected));
    }
    let wild = Overrides {
        users: Some(0),
        rate: Some(f64::NAN),
        duration: Some(Duration::MAX),
        seed: Some(u64::MAX),
    };
    let unsuited = with(CLOSED, wild).expect_err("nothing of it is in range");
    let flags: Vec<&str> = unsuited
        .iter()
        .filter_map(|unsuited| match unsuited {
            Unsuited::OutOfRange { flag, .. } => Some(*flag),
            _ => None,
        })
        .collect();
    assert_eq!(flags, ["--users", "--rate", "--duration", "--seed"]);
    for unsuited in unsuited {
        assert!(unsuited.to_string().len() > 10);
    }
}
