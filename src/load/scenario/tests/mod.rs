//! What the tests of a scenario share: three files, and a folder for those that they name.

mod files;
mod letter;
mod overrides;
mod stable;

use super::*;
use std::fs;
use std::path::PathBuf;

/// As much of the file format as one scenario of the closed model can have.
const CLOSED: &str = r#"
name = "everything"
description = "${WHY}"
seed = 7
keys = ["valid", "foreign"]
bot = "slow"
contract = "report"
throttled = "retry"

[load]
model = "closed"
end = "cut"
repeat = 3
[[load.stage]]
name = "ramp"
duration_s = 20
users = 50
[[load.stage]]
duration_s = 0.25
users = 0
shape = "step"

[warm_up]
requests = 20
hand_over = false
[steady]
require = true
[think_time]
distribution = "lognormal"
mean_ms = 2000

[[request]]
name = "stream"
weight = 80
stream = true
prompt = "Hello {user}, {n}: {{{random}}} $${HOME}"
turns = 3
prompt_bytes = { distribution = "lognormal", mean = 400, max = 90000 }
unique = false
ask_words = 200
user = "load-{user}"
model = "override"
abandon = { ratio = 0.05, after_chunks = 3 }
[[request]]
name = "json"
weight = 20
stream = false
prompts = "builtin:unicode"

[client]
connections = "fresh"
connect_timeout_s = 1.5
idle_timeout_s = 2
stall_ms = 1.25
on_saturation = "abort"

[objective]
time_to_first_token_ms = 1000
inter_chunk_latency_max_ms = 500
request_latency_ms = 30000

[thresholds]
rules = [
  "time_to_first_token_ms.p95 < 800",
  "inter_chunk_latency_ms.p99_9 <= 200 for stream",
  "error_ratio < 0.01",
  "think_time_ms.mean > 0",
]
ci = "bound"

[abort]
error_ratio = { over = 0.5, for_s = 12 }
consecutive_errors = 100
codes = ["invalid_api_key", "bot_not_found"]
threshold = ["error_ratio"]
after_s = 15
over_saturation = true

[budget]
completions = 2000
duration_s = 600

[mock]
time_to_first_token_ms = { distribution = "normal", mean = 300, stddev = 100 }
inter_chunk_latency_ms = { distribution = "exponential", mean = 20, min = 5 }
chunks = { distribution = "uniform", min = 20, max = 200 }
faults = { truncated_stream = 0.0001, status_500 = 0.001, bot_offline = 0.5 }
slots = 8
stamp_chunks = true
"#;

/// The same for the open model, where it differs.
const OPEN: &str = r#"
name = "search"
key = "revoked"
[load]
model = "open"
arrivals = "gamma"
burstiness = 0.5
max_in_flight = 500
drain_s = 14
[warm_up]
duration_s = 10
[[request]]
name = "stream"
stream = true
[objective]
time_to_first_token_ms = 1000
[search]
variable = "rate_rps"
min = 0.5
max = 500
good_request_fraction = 0.95
confidence = 0.9
probe_s = 30
max_probes = 20
"#;

const LEAST: &str = "name = \"least\"\n[load]\nmodel = \"closed\"\n[[load.stage]]\nduration_s = 5\nusers = 5\n[[request]]\nname = \"one\"\nstream = true\n";

fn env(name: &str) -> Option<String> {
    (name == "WHY").then(|| "Because.".to_owned())
}

fn read(text: &str) -> Scenario {
    Scenario::parse(text, "s.toml", &env).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

/// The scenario as a file again.
fn written(scenario: &Scenario) -> String {
    let value = serde_json::to_value(scenario).expect("it is JSON");
    toml::to_string(&value).expect("what a file can't have is left out")
}

/// A folder of the test's own, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = std::env::temp_dir().join(format!("clawcheck-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("it can be made");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("it can be written");
        }
        Folder(folder)
    }

    fn read(&self, text: &str) -> Result<Scenario, Mistakes> {
        let file = self.0.join("s.toml").display().to_string();
        Scenario::parse(text, &file, &env)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
