use std::io::{Write, stderr, stdin};

/// Asks on the terminal; anything but `y` or `yes` is no.
pub fn ask_terminal(question: &str) -> bool {
    let mut answer = String::new();
    let asked = write!(stderr(), "{question} [y/N] ").and_then(|()| stderr().flush());
    asked.and_then(|()| stdin().read_line(&mut answer)).is_ok()
        && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
