//! The built binary in surroundings that mean harm.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
};

/// Serves one feed once; gives its address.
fn one_feed() -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/feed.xml", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        let body = "<rss version=\"2.0\"><channel><item><title>A signal at sea</title></item></channel></rss>";
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).unwrap();
    });
    (url, serving)
}

#[test]
fn a_proxy_of_the_environment_is_not_asked() {
    let folder = tempfile::TempDir::new().unwrap();
    let rule = "[rules.watch]\ntitle = \"The word was seen\"\nany = [\"signal\"]\n";
    std::fs::write(folder.path().join("wirewatch.toml"), rule).unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let (url, serving) = one_feed();
    let mut scan = Command::new(env!("CARGO_BIN_EXE_wirewatch"));
    scan.args(["-c", "wirewatch.toml", "scan", &url])
        .current_dir(folder.path());
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        scan.env(name, &proxy_url)
            .env(name.to_uppercase(), &proxy_url);
    }
    let output = scan.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serving.join().unwrap();
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err(), "the proxy was asked");
}
