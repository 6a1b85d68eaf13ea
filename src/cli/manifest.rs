//! What starts the shards of a run elsewhere: for Kubernetes an Indexed Job, which needs no operator.

use super::complaint::Complaint;
use std::fmt::Write as _;

/// What a job is to run.
pub(super) struct Job<'j> {
    /// The scenario: its name, and its text where it is a file of the user's.
    pub(super) scenario: (&'j str, Option<&'j str>),
    /// The deployment's base URL.
    pub(super) target: &'j str,
    /// The agent's id, where it was given.
    pub(super) bot: Option<&'j str>,
    /// How many shards.
    pub(super) shards: u32,
    /// Flags that change the scenario, and when to start.
    pub(super) flags: Vec<String>,
}

/// The most completions that an Indexed Job may have.
pub(super) const MOST_SHARDS: u32 = 10_000;

impl Job<'_> {
    /// The job as YAML.
    pub(super) fn kubernetes(&self) -> String {
        let (scenario, text) = self.scenario;
        let name = object_name(scenario);
        let mounted = format!("/scenario/{name}.toml");
        let mut args = vec!["load".to_owned()];
        args.push(if text.is_some() {
            mounted
        } else {
            scenario.to_owned()
        });
        args.extend(["--target".to_owned(), self.target.to_owned()]);
        args.extend(["--shard".to_owned(), format!("/{}", self.shards)]);
        args.extend(self.flags.iter().cloned());
        args.extend(["--quiet", "--report", "json=-"].map(str::to_owned));
        let mut yaml = String::new();
        let mut put = |line: &str| {
            let _ = writeln!(yaml, "{line}"); // text takes anything
        };
        put("# The key comes from a secret, made once; a command line would show it to everybody:");
        let bot = match self.bot {
            Some(_) => "",
            None => " --from-literal=bot=\"$CLAWBITE_BOT\"",
        };
        put(&format!(
            "#   kubectl create secret generic clawbite --from-literal=key=\"$CLAWBITE_KEY\"{bot}"
        ));
        put("# Each shard prints its report. When all have ended:");
        put(&format!(
            "#   for i in $(seq 0 {}); do kubectl logs -l job-name={name},batch.kubernetes.io/job-completion-index=$i --tail=-1 > shard-$i.log; done",
            self.shards - 1
        ));
        put("#   clawcheck merge shard-*.log");
        if !self.flags.iter().any(|flag| flag == "--start-at") {
            put(
                "# With --start-at T (RFC 3339) all shards start at the same time, whenever their pods are ready.",
            );
        }
        if let Some(text) = text {
            put("apiVersion: v1");
            put("kind: ConfigMap");
            put("metadata:");
            put(&format!("  name: {}", quoted(&name)));
            put("data:");
            put(&format!(
                "  {}: {}",
                quoted(&format!("{name}.toml")),
                quoted(text)
            ));
            put("---");
        }
        put("apiVersion: batch/v1");
        put("kind: Job");
        put("metadata:");
        put(&format!("  name: {}", quoted(&name)));
        put("spec:");
        put("  completionMode: Indexed");
        put(&format!("  completions: {}", self.shards));
        put(&format!("  parallelism: {}", self.shards));
        put("  # A shard that is started again would send its load twice.");
        put("  backoffLimit: 0");
        put("  template:");
        put("    spec:");
        put("      restartPolicy: Never");
        put("      containers:");
        put("        - name: clawcheck");
        put(&format!(
            "          image: {} # your registry's",
            quoted(&format!("clawcheck:{}", env!("CARGO_PKG_VERSION")))
        ));
        put("          command: [\"clawcheck\"]");
        let args: Vec<String> = args.iter().map(|arg| quoted(&literal(arg))).collect();
        put(&format!("          args: [{}]", args.join(", ")));
        put("          env:");
        put("            - name: CLAWBITE_KEY");
        put("              valueFrom: { secretKeyRef: { name: clawbite, key: key } }");
        put("            - name: CLAWBITE_BOT");
        match self.bot {
            Some(bot) => put(&format!("              value: {}", quoted(&literal(bot)))),
            None => put("              valueFrom: { secretKeyRef: { name: clawbite, key: bot } }"),
        }
        put("          resources:");
        put("            # The measurement needs its cores for itself.");
        put("            requests: { cpu: \"2\", memory: \"1Gi\" }");
        if text.is_some() {
            put("          volumeMounts:");
            put("            - { name: scenario, mountPath: /scenario, readOnly: true }");
            put("      volumes:");
            put("        - name: scenario");
            put(&format!(
                "          configMap: {{ name: {} }}",
                quoted(&name)
            ));
        }
        yaml
    }
}

/// `--shards`, with what is wrong about it.
pub(super) fn shards(typed: Option<&str>, complaints: &mut Vec<Complaint>) -> Option<u32> {
    let expected = format!("a number from 1 to {MOST_SHARDS}");
    let Some(typed) = typed else {
        let message = "--manifest needs --shards: how many processes share the load";
        complaints.push(Complaint::new(message).help("such as --shards 4"));
        return None;
    };
    let number = typed.parse().ok();
    let number = number.filter(|number| (1..=MOST_SHARDS).contains(number));
    if number.is_none() {
        complaints.push(Complaint::value("--shards", typed, &expected));
    }
    number
}

/// A string of YAML: one of JSON is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// As an argument that Kubernetes fills nothing into.
fn literal(text: &str) -> String {
    text.replace("$(", "$$(")
}

/// A name that an object may have: lower case, 63 characters, its pods' names longer still.
fn object_name(scenario: &str) -> String {
    let stem = scenario.rsplit(['/', '\\']).next().unwrap_or(scenario);
    let stem = stem.strip_suffix(".toml").unwrap_or(stem);
    let plain: String = stem
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() {
        return "clawcheck".to_owned();
    }
    format!("clawcheck-{plain}")
}
