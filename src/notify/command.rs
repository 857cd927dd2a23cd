//! A program of the operator's: the alert document on its standard input, never a word of a feed in its arguments.
//!
//! No shell is asked. Exit code 0 is taken as delivered, 65 (`EX_DATAERR` of sysexits.h) as "never this message",
//! everything else as "try again".

use std::{path::PathBuf, time::Duration};

use super::{Message, Notifier, Verdict, clean_line, document, odd_reply};
use crate::{
    envelope::{Envelope, Program, Reply},
    time::Timestamp,
};

/// What a program says when it will never take this message (sysexits.h).
const EX_DATAERR: i32 = 65;

#[derive(Clone, Debug)]
pub struct Command {
    /// The program and its arguments; at least one.
    pub argv: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// After this it is killed.
    pub timeout: Duration,
}

impl Notifier for Command {
    fn compose(&self, message: &Message<'_>) -> Result<Envelope, String> {
        let mut input = document(message)?;
        input.push('\n');
        Ok(Envelope::Run(Program {
            argv: self.argv.clone(),
            folder: self.folder.clone(),
            input: input.into_bytes(),
            // For scripts that want to know a repeat without reading JSON.
            environment: vec![("WIREWATCH_DELIVERY".to_owned(), message.id.to_owned())],
            timeout: self.timeout,
        }))
    }

    fn verdict(&self, reply: &Reply, _now: Timestamp) -> Verdict {
        let exit = match reply {
            Reply::Exit(exit) => exit,
            other => return odd_reply(other),
        };
        let said = clean_line(&exit.said, 200);
        let text = |how: String| match said.is_empty() {
            true => how,
            false => format!("{how}: {said}"),
        };
        match exit.code {
            Some(0) => Verdict::Accepted,
            Some(EX_DATAERR) => Verdict::Refused(text("exit code 65".to_owned())),
            Some(code) => Verdict::TryAfter(None, text(format!("exit code {code}"))),
            None => Verdict::TryAfter(None, text("ended by a signal".to_owned())),
        }
    }
}
