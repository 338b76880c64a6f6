//! The port that a node listens on, chosen once: an address in an invitation stays true over a
//! restart.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// File of the chosen port, in the data folder.
pub const PORT: &str = "port";

/// Multiaddresses in which port 0 stands for "any", with the port that this node chose.
///
/// Where that port is taken at the moment, or cannot be remembered, the addresses stay as they are
/// and the node gets another port for this run.
pub fn settle(home: &Path, listen: Vec<String>) -> Vec<String> {
    let is_any = |address: &String| address.contains("/tcp/0") || address.contains("/udp/0");
    if !listen.iter().any(is_any) {
        return listen;
    }
    let Some(port) = chosen(home) else { return listen };
    listen.iter().map(|address| with_port(address, port)).collect()
}

fn chosen(home: &Path) -> Option<u16> {
    let file = home.join(PORT);
    let known = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, known.unwrap_or(0)));
    match free.and_then(|listener| listener.local_addr()) {
        Ok(address) => {
            if known.is_none() {
                fs::write(&file, format!("{}\n", address.port())).ok()?;
            }
            Some(address.port())
        }
        Err(error) => {
            tracing::warn!(?known, %error, "the usual port is taken: another for this run");
            None
        }
    }
}

fn with_port(address: &str, port: u16) -> String {
    let mut parts: Vec<String> = address.split('/').map(str::to_owned).collect();
    for at in 1..parts.len() {
        let is_port = parts.get(at - 1).is_some_and(|part| part == "tcp" || part == "udp");
        if let Some(part) = parts.get_mut(at).filter(|part| is_port && *part == "0") {
            *part = port.to_string();
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_chosen_once_and_avoided_while_it_is_taken() {
        let home = tempfile::tempdir().unwrap();
        let any = vec!["/ip4/127.0.0.1/tcp/0".to_owned(), "/ip4/0.0.0.0/udp/0/quic-v1".to_owned()];
        let first = settle(home.path(), any.clone());
        assert_eq!(settle(home.path(), any.clone()), first);
        let port: u16 = fs::read_to_string(home.path().join(PORT)).unwrap().trim().parse().unwrap();
        assert_eq!(first[0], format!("/ip4/127.0.0.1/tcp/{port}"));
        assert_eq!(first[1], format!("/ip4/0.0.0.0/udp/{port}/quic-v1"));
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        assert_eq!(settle(home.path(), any.clone()), any);
        drop(taken);
        let fixed = vec!["/ip4/127.0.0.1/tcp/4801".to_owned()];
        assert_eq!(settle(home.path(), fixed.clone()), fixed);
    }
}
