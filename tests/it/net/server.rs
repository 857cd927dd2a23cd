//! A server of a few dozen lines on loopback: it records what came, byte for byte, and answers with the bytes it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What the server does with one request.
pub enum Answer {
    /// Sends this and closes.
    Bytes(Vec<u8>),
    /// Sends this and resets the connection.
    Reset(Vec<u8>),
    /// Sends this, then one byte again and again until the client has gone.
    Drip(Vec<u8>),
    /// Sends nothing and keeps the connection.
    Hang,
}

impl Answer {
    pub fn text(text: &str) -> Answer {
        Answer::Bytes(text.replace('\n', "\r\n").into_bytes())
    }

    pub fn ok(body: &str) -> Answer {
        Answer::text(&format!(
            "HTTP/1.1 200 OK\ncontent-length: {}\n\n{body}",
            body.len()
        ))
    }

    pub fn redirect(status: u16, location: &str) -> Answer {
        Answer::text(&format!(
            "HTTP/1.1 {status} Moved\nlocation: {location}\ncontent-length: 0\n\n"
        ))
    }

    /// A whole body in some encoding.
    pub fn encoded(encoding: &str, body: &[u8]) -> Answer {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Answer::Bytes([head.as_bytes(), body].concat())
    }
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// All values of a header (lower case).
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        self.headers
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| value.as_slice())
            .collect()
    }

    /// Without the query.
    pub fn path(&self) -> &str {
        let target = self.line.split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }
}

/// Answers until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// `answer` is asked once a request.
    pub async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let record = Arc::clone(&seen);
        let answer = Arc::new(answer);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                connections.spawn(async move {
                    // The client may leave at any point; that is what some tests are about.
                    let _ = serve(stream, &record, &*answer).await;
                });
            }
        });
        Server {
            address,
            seen,
            _tasks: tasks,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    record: &Mutex<Vec<Seen>>,
    answer: &(impl Fn(&Seen) -> Answer + ?Sized),
) -> std::io::Result<()> {
    let seen = read_request(&mut stream).await?;
    record.lock().unwrap().push(seen.clone());
    match answer(&seen) {
        Answer::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Answer::Reset(bytes) => {
            stream.write_all(&bytes).await?;
            stream.set_zero_linger()
        }
        Answer::Drip(bytes) => {
            stream.write_all(&bytes).await?;
            let mut drops = tokio::time::interval(Duration::from_millis(5));
            loop {
                drops.tick().await;
                stream.write_all(b"x").await?;
            }
        }
        Answer::Hang => stream.read_to_end(&mut Vec::new()).await.map(|_| ()),
    }
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        // A TLS hello has no lines to wait for; it is answered in the clear.
        if bytes.first() == Some(&0x16) {
            return Ok(Seen::default());
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let mut lines = bytes[..end].split(|byte| *byte == b'\n');
    let mut seen = Seen {
        line: String::from_utf8_lossy(lines.next().unwrap_or_default())
            .trim()
            .to_owned(),
        ..Seen::default()
    };
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').unwrap();
        let name = String::from_utf8_lossy(&line[..colon]).to_lowercase();
        seen.headers
            .push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    let length: usize = seen
        .all("content-length")
        .first()
        .map_or(0, |value| String::from_utf8_lossy(value).parse().unwrap());
    seen.body = bytes[end + 4..].to_vec();
    while seen.body.len() < length {
        if stream.read_buf(&mut seen.body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(seen)
}
