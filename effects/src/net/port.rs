//! Whether a TCP port is free.
//!
//! The TCP transport lets listeners share a port (`SO_REUSEPORT`), because it dials from the port
//! that it listens on. So a second node on the same port would start without a word, and the
//! system would hand each of the two a part of the connections.

use std::io;
use std::net::{IpAddr, SocketAddr};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};

/// Asks for the port of a TCP address alone, and gives it back; whatever is no TCP address with a
/// port of its own passes.
///
/// Two processes that ask at the same moment may both pass.
pub(super) fn require_free(address: &Multiaddr) -> io::Result<()> {
    let Some(wanted) = tcp_socket(address) else { return Ok(()) };
    let family = if wanted.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let asking = socket(family, SocketType::STREAM, None)?;
    // Connections of a node that has just ended do not keep the port.
    sockopt::set_socket_reuseaddr(&asking, true)?;
    if wanted.is_ipv6() {
        sockopt::set_ipv6_v6only(&asking, true)?;
    }
    bind(&asking, &wanted)?;
    Ok(())
}

fn tcp_socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let first = parts.next()?;
    let ip = if let Protocol::Ip4(ip) = first {
        IpAddr::V4(ip)
    } else if let Protocol::Ip6(ip) = first {
        IpAddr::V6(ip)
    } else {
        return None;
    };
    let Protocol::Tcp(port @ 1..) = parts.next()? else { return None };
    Some(SocketAddr::new(ip, port))
}
