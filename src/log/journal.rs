//! The journal's native protocol: one datagram an event, each field by its name.
//!
//! `journalctl` shows nothing but `MESSAGE`, so the fields stand there too, as `key=value`: whoever reads the log sees which
//! feed failed, and `journalctl WIREWATCH_FEED=bbc-world` finds it. (This is why tracing-journald is not used: its message
//! holds the words alone.)

use std::{io, os::unix::net::UnixDatagram, path::Path, sync::LazyLock};

use tracing::Level;

use super::line::{Record, escape};

/// Where systemd-journald listens (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const SOCKET: &str = "/run/systemd/journal/socket";

/// Whether what we write to stderr ends in the journal: systemd says so in `$JOURNAL_STREAM`, and a shell that inherited
/// the variable but redirected stderr is found out by comparing.
pub fn is_behind_stderr() -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| Some(stream) == super::stderr_stream())
        && Path::new(SOCKET).exists()
}

/// Sends one record to the journal.
///
/// # Errors
/// When there is no journal, or it does not take the datagram.
pub fn send(record: &Record) -> io::Result<()> {
    send_to(record, Path::new(SOCKET))
}

fn send_to(record: &Record, journal: &Path) -> io::Result<()> {
    static OUT: LazyLock<io::Result<UnixDatagram>> = LazyLock::new(UnixDatagram::unbound);
    match OUT.as_ref() {
        // By path each time: the socket of a journal that was restarted is a new one.
        Ok(socket) => socket.send_to(&datagram(record), journal).map(|_| ()),
        Err(error) => Err(error.kind().into()),
    }
}

/// The record as the protocol writes it. Every value goes with its length, so that a line break in it begins no field.
fn datagram(record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // The numbers of syslog (RFC 5424, 6.2.1).
    let priority = match record.level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    };
    put(&mut out, "PRIORITY", priority);
    put(&mut out, "SYSLOG_IDENTIFIER", "wirewatch");
    put(&mut out, "TARGET", &record.target);
    put(
        &mut out,
        "MESSAGE",
        &format!("{}{}", escape(&record.event), record.pairs()),
    );
    for (name, value) in &record.fields {
        put(&mut out, &field_name(name), &escape(value.raw()));
    }
    out
}

fn put(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

/// Journal names are `A-Z0-9_`, at most 64 bytes, and ours begin alike so that they clash with nobody's.
fn field_name(name: &str) -> String {
    let name = name.bytes().take(50).map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte.to_ascii_uppercase()),
        _ => '_',
    });
    "WIREWATCH_".chars().chain(name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::line::Value;
    use super::*;

    /// Reads a datagram back as journald does (the length form alone, which is all we write).
    fn fields(mut bytes: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let name_end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            let name = String::from_utf8(bytes[..name_end].to_vec()).unwrap();
            let length =
                u64::from_le_bytes(bytes[name_end + 1..name_end + 9].try_into().unwrap()) as usize;
            let value = &bytes[name_end + 9..name_end + 9 + length];
            assert_eq!(bytes[name_end + 9 + length], b'\n');
            fields.push((name, String::from_utf8(value.to_vec()).unwrap()));
            bytes = &bytes[name_end + 10 + length..];
        }
        fields
    }

    #[test]
    fn a_value_with_line_breaks_stays_one_field() {
        let record = Record {
            at: jiff::Timestamp::UNIX_EPOCH,
            level: Level::WARN,
            target: "wirewatch::poll".to_owned(),
            event: "feed refused\nPRIORITY=0".to_owned(),
            fields: vec![
                ("feed", Value::Text("bbc\n_PID\n\u{1b}[2J".to_owned())),
                ("status.code", Value::Plain("503".to_owned())),
            ],
        };
        let expected = [
            ("PRIORITY", "4"),
            ("SYSLOG_IDENTIFIER", "wirewatch"),
            ("TARGET", "wirewatch::poll"),
            (
                "MESSAGE",
                "feed refused\\nPRIORITY=0 feed=\"bbc\\n_PID\\n\\u001b[2J\" status.code=503",
            ),
            ("WIREWATCH_FEED", "bbc\\n_PID\\n\\u{1b}[2J"),
            ("WIREWATCH_STATUS_CODE", "503"),
        ];
        assert_eq!(
            fields(&datagram(&record)),
            expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn an_event_is_one_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let record = Record {
            at: jiff::Timestamp::UNIX_EPOCH,
            level: Level::INFO,
            target: "wirewatch".to_owned(),
            event: "watching".to_owned(),
            fields: vec![("why", Value::Text("é".repeat(2000)))],
        };
        send_to(&record, &path).unwrap();
        let mut buffer = vec![0; 1 << 16];
        let length = journal.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], datagram(&record));
        assert!(send_to(&record, &folder.path().join("absent")).is_err());
    }
}
