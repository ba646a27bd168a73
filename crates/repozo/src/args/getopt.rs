//! Options as Python's `getopt.getopt` reads them: the first operand ends them, short ones can be joined, long
//! ones shortened to what is unique, and the first error wins.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// An option that a command line may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec<Id> {
    pub(crate) id: Id,
    /// `None` for an option that Python's repozo does not have: it never makes a prefix ambiguous that is
    /// unique there.
    pub(crate) short: Option<u8>,
    pub(crate) long: &'static str,
    pub(crate) value: Value,
}

/// Whether an option has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    None,
    Required,
    /// Only behind the `=` of the long form, which Python's `getopt` does not know.
    Optional,
}

/// Options with their values, in order, and the operands behind them.
pub(crate) type Parsed<Id> = (Vec<(Id, Option<OsString>)>, Vec<OsString>);

/// Parses a command line.
///
/// # Errors
/// The text that Python prints.
pub(crate) fn parse<Id: Copy>(specs: &[Spec<Id>], args: &[OsString]) -> Result<Parsed<Id>, String> {
    let mut options = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.clone().next() {
        let bytes = arg.as_bytes();
        if !bytes.starts_with(b"-") || bytes == b"-" {
            break;
        }
        rest.next();
        if bytes == b"--" {
            break;
        }
        match bytes.strip_prefix(b"--") {
            Some(long) => options.push(long_option(specs, long, &mut rest)?),
            None => short_options(specs, &bytes[1..], &mut rest, &mut options)?,
        }
    }
    Ok((options, rest.cloned().collect()))
}

fn short_options<Id: Copy>(
    specs: &[Spec<Id>],
    mut letters: &[u8],
    rest: &mut std::slice::Iter<'_, OsString>,
    options: &mut Vec<(Id, Option<OsString>)>,
) -> Result<(), String> {
    while let [letter, others @ ..] = letters {
        let spec = specs.iter().find(|spec| spec.short == Some(*letter)).ok_or_else(|| {
            // A letter of several bytes is named whole.
            let text = String::from_utf8_lossy(letters);
            format!("option -{} not recognized", text.chars().next().unwrap_or_default())
        })?;
        if spec.value != Value::Required {
            options.push((spec.id, None));
            letters = others;
            continue;
        }
        let value = match others {
            [] => rest
                .next()
                .cloned()
                .ok_or_else(|| format!("option -{} requires argument", char::from(*letter)))?,
            _ => OsString::from_vec(others.to_vec()),
        };
        options.push((spec.id, Some(value)));
        break;
    }
    Ok(())
}

fn long_option<Id: Copy>(
    specs: &[Spec<Id>],
    text: &[u8],
    rest: &mut std::slice::Iter<'_, OsString>,
) -> Result<(Id, Option<OsString>), String> {
    let (name, value) = match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (&text[..at], Some(OsStr::from_bytes(&text[at + 1..]).to_owned())),
        None => (text, None),
    };
    let spec = find_long(specs, name)?;
    match (spec.value, value) {
        (Value::Required | Value::Optional, Some(value)) => Ok((spec.id, Some(value))),
        (Value::Required, None) => match rest.next() {
            Some(value) => Ok((spec.id, Some(value.clone()))),
            None => Err(format!("option --{} requires argument", spec.long)),
        },
        (Value::None, Some(_)) => Err(format!("option --{} must not have an argument", spec.long)),
        (Value::None | Value::Optional, None) => Ok((spec.id, None)),
    }
}

fn find_long<'a, Id>(specs: &'a [Spec<Id>], name: &[u8]) -> Result<&'a Spec<Id>, String> {
    if let Some(exact) = specs.iter().find(|spec| spec.long.as_bytes() == name) {
        return Ok(exact);
    }
    // Python's own options first: a prefix that means something there means the same here.
    for pythons in [true, false] {
        let mut found = specs
            .iter()
            .filter(|spec| spec.short.is_some() == pythons && spec.long.as_bytes().starts_with(name));
        match (found.next(), found.next()) {
            (Some(spec), None) => return Ok(spec),
            (Some(_), Some(_)) => {
                return Err(format!("option --{} not a unique prefix", String::from_utf8_lossy(name)));
            }
            (None, _) => {}
        }
    }
    Err(format!("option --{} not recognized", String::from_utf8_lossy(name)))
}
