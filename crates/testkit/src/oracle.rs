use crate::root;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Python's ZODB and repozo in a process of their own; `tests/oracle/oracle.py` says what it can be asked.
pub struct Oracle {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What a run of a repozo, Python's or ours, ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Exit status.
    pub status: u8,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Panics with what was printed unless the run succeeded.
    #[track_caller]
    pub fn expect_success(self) -> Ran {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self
    }
}

/// The interpreter of the tests' own environment.
pub fn python() -> PathBuf {
    let given = std::env::var_os("REPOZO_TEST_PYTHON").map(PathBuf::from);
    let python = given.unwrap_or_else(|| root().join(".venv/bin/python"));
    assert!(python.exists(), "{} is not there: run `make venv`", python.display());
    python
}

impl Default for Oracle {
    fn default() -> Oracle {
        Oracle::start()
    }
}

impl Oracle {
    /// Starts the process.
    pub fn start() -> Oracle {
        let mut child = Command::new(python())
            .arg(root().join("tests/oracle/oracle.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the oracle starts");
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Oracle { child, requests, answers }
    }

    /// Asks, and panics if the answer is an error.
    #[track_caller]
    pub fn ask(&mut self, request: &Value) -> Value {
        let answer = self.try_ask(request);
        assert_eq!(answer["ok"], true, "{request}: {}", answer["traceback"].as_str().unwrap_or_default());
        answer
    }

    /// Asks; the answer as it is.
    pub fn try_ask(&mut self, request: &Value) -> Value {
        let requests = self.requests.as_mut().unwrap();
        writeln!(requests, "{request}").unwrap();
        requests.flush().unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{request}: {error}: {line:?}"))
    }

    /// Runs Python's repozo at a time, in seconds since 1970.
    pub fn repozo<S: AsRef<OsStr>>(&mut self, args: &[S], now: u64) -> Ran {
        let argv: Vec<String> = args.iter().map(|arg| BASE64.encode(arg.as_ref().as_bytes())).collect();
        let answer = self.ask(&json!({"op": "repozo", "argv_b64": argv, "now": now}));
        Ran {
            status: u8::try_from(answer["status"].as_u64().unwrap()).unwrap(),
            stdout: BASE64.decode(answer["stdout_b64"].as_str().unwrap()).unwrap(),
            stderr: answer["stderr"].as_str().unwrap().to_owned(),
        }
    }

    /// Does something to a database: `fields` are those of the op, besides its name and the path.
    #[track_caller]
    pub fn act(&mut self, op: &str, path: &Path, fields: &Value) -> Value {
        let mut request = json!({"op": op, "path": path.to_str().unwrap()});
        for (name, value) in fields.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        self.ask(&request)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends when its standard input does.
        self.requests = None;
        let _ = self.child.wait();
    }
}
