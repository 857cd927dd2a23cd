//! Programs of the operator's: an argument list as the configuration has it, the message on standard input, an end in time.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use super::words::root_cause;
use crate::envelope::{Exit, NetError, Program};

/// Of what the program says; the rest is read and dropped, so that it never waits for us.
const SAID_BYTES_MAX: usize = 4 << 10;
/// How long a program that has ended may keep its output open by what it left behind.
const LINGER: Duration = Duration::from_millis(200);
/// What a program may know of the daemon's surroundings.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// Runs the program and waits for its end, at most for its time.
pub async fn run(program: Program) -> Result<Exit, NetError> {
    let Some((name, arguments)) = program.argv.split_first() else {
        return Err(NetError::Unsendable("no program is named".to_owned()));
    };
    let inherited = INHERITED
        .into_iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (name, value)));
    let mut child = Command::new(name)
        .args(arguments)
        .current_dir(&program.folder)
        .env_clear()
        .envs(inherited)
        .envs(program.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| NetError::Local(format!("cannot run {name}: {}", root_cause(&error))))?;
    let mut input = child.stdin.take();
    let feed = async {
        if let Some(mut pipe) = input.take() {
            // A program need not read what it does not want.
            let _ = pipe.write_all(&program.input).await;
        }
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut said = (String::new(), String::new());
    let ended = {
        let mut listen = std::pin::pin!(async {
            tokio::join!(feed, hear(out, &mut said.0), hear(err, &mut said.1));
        });
        let wait = async {
            let mut has_said_all = false;
            let status = loop {
                tokio::select! {
                    () = &mut listen, if !has_said_all => has_said_all = true,
                    status = child.wait() => break status,
                }
            };
            if !has_said_all {
                let _ = tokio::time::timeout(LINGER, &mut listen).await;
            }
            status
        };
        tokio::time::timeout(program.timeout, wait).await
    };
    let said = match said {
        (out, err) if err.trim().is_empty() => out,
        (_, err) => err,
    };
    match ended {
        Ok(Ok(status)) => Ok(Exit {
            code: status.code(),
            said,
        }),
        Ok(Err(error)) => Err(NetError::Local(format!(
            "cannot wait for {name}: {}",
            root_cause(&error)
        ))),
        Err(_) => {
            let _ = child.kill().await;
            Err(NetError::TimedOut {
                doing: "running the program",
                after: program.timeout,
            })
        }
    }
}

/// Reads to the end and keeps the beginning.
async fn hear(pipe: Option<impl AsyncRead + Unpin>, said: &mut String) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 1024];
    let mut kept = Vec::new();
    while let Ok(count) = pipe.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        let room = SAID_BYTES_MAX.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
        *said = String::from_utf8_lossy(&kept).into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(argv: &[&str], timeout_ms: u64) -> Program {
        Program {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            folder: "/".into(),
            input: b"{\"title\":\"$(touch /tmp/x); `id`\"}\n".repeat(10_000),
            environment: vec![("WIREWATCH_DELIVERY".to_owned(), "id-1".to_owned())],
            timeout: Duration::from_millis(timeout_ms),
        }
    }

    #[tokio::test]
    async fn programs_end_and_say_how() {
        for (argv, code, said) in [
            (&["/bin/sh", "-c", "cat > /dev/null; exit 0"][..], 0, ""),
            (
                &["/bin/sh", "-c", "echo out; echo no >&2; exit 3"],
                3,
                "no\n",
            ),
            (
                &[
                    "/bin/sh",
                    "-c",
                    "echo $WIREWATCH_DELIVERY${CARGO_MANIFEST_DIR}",
                ],
                0,
                "id-1\n",
            ),
            // Nobody reads the input, and the output is more than a pipe holds.
            (
                &[
                    "/bin/sh",
                    "-c",
                    "head -c 300000 /dev/zero | tr '\\0' x; exit 65",
                ],
                65,
                &"x".repeat(SAID_BYTES_MAX),
            ),
            // What it leaves behind holds the output open and is not waited for.
            (&["/bin/sh", "-c", "sleep 30 & exit 0"], 0, ""),
        ] {
            let exit = run(program(argv, 10_000)).await.unwrap();
            assert_eq!(
                (exit.code, exit.said.as_str()),
                (Some(code), said),
                "{argv:?}"
            );
        }
    }

    #[tokio::test]
    async fn programs_that_do_not_end_are_ended() {
        let error = run(program(&["/bin/sleep", "60"], 50)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "timed out running the program after 50ms"
        );
        let error = run(program(&["/no/such/program", "s3cret"], 50))
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot run /no/such/program: "),
            "{error}"
        );
        assert!(!format!("{error} {:?}", program(&["x", "s3cret"], 1)).contains("s3cret"));
    }
}
