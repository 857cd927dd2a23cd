//! `[web]`: where wirewatch listens, who may look, how hubs reach it.

use std::net::SocketAddr;

use super::{
    WebSettings,
    checked::{Checked, Written},
    include::Files,
    problem::Finding,
    settings::complain_in,
    value::{Complaint, web_url},
};

pub fn web(
    table: Option<&Checked>,
    files: &Files,
    findings: &mut Vec<Finding>,
) -> Option<WebSettings> {
    let table = table?;
    let token = table.secret("token").cloned();
    if token
        .as_ref()
        .is_some_and(|token| token.expose().trim().is_empty())
    {
        findings.push(Finding::error(table.spot_of("token"), "the token is empty"));
    }
    let public_url = table
        .written("public_url")
        .and_then(|written| match public(written) {
            Ok(url) => Some(url),
            Err(complaint) => {
                findings.extend(complain_in(files, written, complaint));
                None
            }
        });
    if public_url.is_some() && !table.is_written("token") {
        let message = "whoever reaches `public_url` can ask for the pages as well";
        let help = "set token, or let the proxy pass on /websub/ alone";
        findings.push(Finding::warning(table.spot_of("public_url"), message).help(help));
    }
    let listen = table.written("listen")?;
    let address: SocketAddr = match listen.text.parse() {
        Ok(address) => address,
        Err(_) => {
            let complaint = Complaint::new("is not an address and a port");
            let complaint = complaint
                .help("write 127.0.0.1:9119 or [::1]:9119, or 0.0.0.0:9119 for every interface");
            findings.extend(complain_in(files, listen, complaint));
            return None;
        }
    };
    if !address.ip().is_loopback() && !table.is_written("token") {
        let complaint =
            Complaint::new("can be reached from other machines, and there is no `token`");
        let complaint = complaint.help("add token = { file = \"token\" }, or listen on 127.0.0.1");
        findings.extend(complain_in(files, listen, complaint));
    }
    Some(WebSettings {
        listen: address,
        token,
        public_url,
    })
}

/// An address to which paths can be added, without the closing slash.
fn public(written: &Written) -> Result<String, Complaint> {
    let url = web_url(&written.text)?;
    match () {
        () if url.query().is_some() || url.fragment().is_some() => {
            Err(Complaint::new("has more than a path").help("write https://wirewatch.example.org"))
        }
        () if !url.username().is_empty() || url.password().is_some() => {
            Err(Complaint::new("holds a user name or a password").help("hubs get this address"))
        }
        () => Ok(url.as_str().trim_end_matches('/').to_owned()),
    }
}
