//! What every test of the binary shares: how it is run, what is filtered from its output, and the check that no key
//! stands in it.

pub(crate) mod bent;
pub(crate) mod load_record;
pub(crate) mod markdown;
pub(crate) mod page;
pub(crate) mod record;
pub(crate) mod server;

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Every command of the program.
pub(crate) const COMMANDS: [&str; 13] = [
    "conform",
    "load",
    "merge",
    "compare",
    "mock",
    "selftest",
    "list",
    "explain",
    "init",
    "check",
    "schema",
    "completions",
    "man",
];

/// A run of the program, in a folder of its own.
pub(crate) struct Run {
    command: Command,
    folder: PathBuf,
}

/// What came of it.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Longer than any run takes.
const TOO_LONG: Duration = Duration::from_secs(60);

impl Run {
    pub(crate) fn new<'a>(args: impl IntoIterator<Item = &'a str>) -> Run {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let name = format!("run-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("the tests' folder can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_clawcheck"));
        command.args(args);
        Run::of(command, folder)
    }

    /// A line of shell in a folder; `clawcheck` in it is the program under test.
    #[cfg(unix)]
    pub(crate) fn shell(line: &str, folder: &Path) -> Run {
        let programs = Path::new(env!("CARGO_BIN_EXE_clawcheck"))
            .parent()
            .expect("a program stands in a folder");
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&others));
        let mut command = Command::new("sh");
        command.args(["-c", line]).env(
            "PATH",
            std::env::join_paths(path).expect("no folder has a colon in its name"),
        );
        Run::of(command, folder.to_owned())
    }

    fn of(mut command: Command, folder: PathBuf) -> Run {
        command.current_dir(&folder).env("TMPDIR", &folder);
        for variable in [
            "CLAWBITE_KEY",
            "CLAWBITE_BOT",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "COLUMNS",
            "GITHUB_ACTIONS",
            "GITHUB_STEP_SUMMARY",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
            "no_proxy",
            "NO_PROXY",
        ] {
            command.env_remove(variable);
        }
        Run { command, folder }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Run {
        self.command.env(name, value);
        self
    }

    /// A file in the run's folder.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Run {
        fs::write(self.folder.join(name), text).expect("the run's folder can be written");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Run {
        self.command.stdout(stdout);
        self
    }

    pub(crate) fn spawn(&mut self) -> Child {
        self.command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts")
    }

    /// Runs it to its end. Every file of its folder is checked for keys, and so is what it printed.
    pub(crate) fn output(mut self) -> Output {
        self.command.stdout(Stdio::piped());
        let child = self.spawn();
        finish(child)
    }

    /// The same, and the text of a file that it wrote.
    pub(crate) fn output_and(self, name: &str) -> (Output, String) {
        let path = self.path(name);
        let output = self.output();
        let text = fs::read_to_string(path).expect("the file was written");
        assert_no_key(&text);
        (output, text)
    }
}

/// Waits for a program and takes what it printed.
pub(crate) fn finish(mut child: Child) -> Output {
    let reader = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut text);
            }
            String::from_utf8(text).expect("output is UTF-8")
        })
    };
    let stdout = reader(child.stdout.take().map(|s| Box::new(s) as _));
    let stderr = reader(child.stderr.take().map(|s| Box::new(s) as _));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if begun.elapsed() > TOO_LONG {
            let _ = child.kill();
            panic!("the program did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let output = Output {
        code: status.code(),
        stdout: stdout.join().expect("it was read"),
        stderr: stderr.join().expect("it was read"),
    };
    assert_no_key(&output.stdout);
    assert_no_key(&output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    output
}

impl Output {
    /// Standard output as one line, wherever it was wrapped.
    pub(crate) fn unwrapped(&self) -> String {
        let words: Vec<&str> = self.stdout.split_whitespace().collect();
        words.join(" ")
    }

    /// Everything, for a snapshot.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "exit {}\n",
            self.code.map_or("none".to_owned(), |c| c.to_string())
        );
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text.push_str(&format!("--- {name}\n{stream}"));
            }
        }
        text
    }
}

/// Says, past what catches the output of tests that pass, that a test had nothing to look at.
pub(crate) fn looked_at_nothing(why: &str) {
    let _ = writeln!(std::io::stderr(), "looked at nothing: {why}");
}

/// Fails where more of a key stands than its prefix and its last four characters.
pub(crate) fn assert_no_key(text: &str) {
    for (at, prefix) in text.match_indices("clawbite_sk_") {
        let rest = &text[at + prefix.len()..];
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        assert!(length < 5, "a key stands in: {text}");
    }
}

/// Compares with the approved text in `snapshots/`; what differs from run to run is filtered.
pub(crate) fn assert_approved(name: &str, text: &str) {
    assert_approved_but(name, text, &[]);
}

/// The same, with further filters: a regular expression each, and what stands in its place.
pub(crate) fn assert_approved_but(name: &str, text: &str, filters: &[(&str, &str)]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"127\.0\.0\.1:\d{5}", "127.0.0.1:[port]");
    settings.add_filter(r"clawcheck-mock-\d+", "clawcheck-mock-[port]");
    settings.add_filter(&regex_literal(env!("CARGO_TARGET_TMPDIR")), "[tmp]");
    settings.add_filter(r"\[tmp\]/run-\d+-\d+", "[folder]");
    settings.add_filter(
        &regex_literal(&format!("clawcheck {}", env!("CARGO_PKG_VERSION"))),
        "clawcheck [version]",
    );
    settings.add_filter(
        &format!(
            "\"version\": \"{}\"",
            regex_literal(env!("CARGO_PKG_VERSION"))
        ),
        "\"version\": \"[version]\"",
    );
    for (pattern, replacement) in filters {
        settings.add_filter(pattern, *replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn regex_literal(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let plain = c.is_ascii_alphanumeric() || c == '/' || c == '_' || c == ' ';
            (!plain).then_some('\\').into_iter().chain([c])
        })
        .collect()
}
