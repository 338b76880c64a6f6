//! Which addresses are kept, and when they are dialled.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn peer() -> PeerId {
    PeerId::from_bytes(&[0, 1, 0]).unwrap()
}

fn address(port: u16) -> Multiaddr {
    format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
}

fn nobody(_: &PeerId) -> bool {
    false
}

fn one(standing: &mut Standing, now: Instant) -> ConnectionId {
    let dials = standing.due(now, nobody);
    assert_eq!(dials.len(), 1);
    dials[0].connection_id()
}

#[test]
fn the_delay_doubles_from_one_second_to_thirty() {
    let mut now = Instant::now();
    let mut standing = Standing::default();
    standing.add(address(1), Origin::Asked, now).unwrap();
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        let dial = one(&mut standing, now);
        assert!(standing.due(now, nobody).is_empty(), "one dial at a time");
        assert_eq!(standing.failed(dial, now), [address(1)]);
        now += SECOND * seconds;
        let early = now.checked_sub(Duration::from_millis(1)).unwrap();
        assert!(standing.due(early, nobody).is_empty());
    }
}

#[test]
fn a_peer_is_dialled_by_all_its_addresses_at_once_and_never_while_connected() {
    let now = Instant::now();
    let mut standing = Standing::default();
    for port in [1, 2] {
        let address = address(port).with(Protocol::P2p(peer()));
        standing.add(address, Origin::Asked, now).unwrap();
    }
    assert!(standing.due(now, |_| true).is_empty());
    let dial = one(&mut standing, now);
    assert_eq!(standing.failed(dial, now).len(), 2);
}

#[test]
fn a_lost_peer_is_dialled_after_a_second_and_a_restarted_one_at_once() {
    let start = Instant::now();
    let mut standing = Standing::default();
    standing.add(address(1), Origin::Asked, start).unwrap();
    let dial = one(&mut standing, start);
    standing.reached(dial, peer());
    standing.lost(&peer(), STABLE, start);
    assert!(standing.due(start, nobody).is_empty());
    let dial = one(&mut standing, start + SECOND);
    standing.reached(dial, peer());
    standing.lost(&peer(), Duration::ZERO, start + SECOND);
    assert!(standing.due(start + 2 * SECOND, nobody).is_empty(), "refused, so it waits longer");
    standing.hasten(&peer(), start + 2 * SECOND);
    one(&mut standing, start + 2 * SECOND);
}

#[test]
fn a_peer_met_at_an_address_is_forgotten_when_it_fails_there() {
    let now = Instant::now();
    let mut standing = Standing::default();
    standing.add(address(1), Origin::Asked, now).unwrap();
    let dial = one(&mut standing, now);
    standing.reached(dial, peer());
    assert!(standing.due(now, |_| true).is_empty());
    let dial = one(&mut standing, now);
    standing.failed(dial, now);
    assert_eq!(standing.due(now + SECOND, |_| true).len(), 1);
}

#[test]
fn what_was_discovered_expires_unless_somebody_asked_for_it() {
    let now = Instant::now();
    let mut standing = Standing::default();
    standing.add(address(1), Origin::Discovered, now).unwrap();
    standing.add(address(2), Origin::Discovered, now).unwrap();
    standing.add(address(2), Origin::Asked, now).unwrap();
    standing.expired(&address(1));
    standing.expired(&address(2));
    let dial = one(&mut standing, now);
    assert_eq!(standing.failed(dial, now), [address(2)]);
}

#[test]
fn a_blocked_peer_loses_its_addresses_and_the_table_has_an_end() {
    let now = Instant::now();
    let mut standing = Standing::default();
    let named = address(1).with(Protocol::P2p(peer()));
    standing.add(named, Origin::Asked, now).unwrap();
    standing.forget_peer(&peer());
    assert!(standing.due(now, nobody).is_empty());
    for port in 0..u16::try_from(STANDING_MAX).unwrap() {
        standing.add(address(port), Origin::Asked, now).unwrap();
    }
    let more = standing.add(address(u16::MAX), Origin::Asked, now);
    assert_eq!(more, Err(DialFailure::TooMany));
    standing.add(address(u16::MAX), Origin::Configured, now).unwrap();
    assert_eq!(standing.entries.len(), STANDING_MAX);
}

#[test]
fn net_3_what_is_announced_takes_no_place_from_what_is_asked_for() {
    let now = Instant::now();
    let mut standing = Standing::default();
    let peers_count = u8::try_from(DISCOVERED_MAX / DISCOVERED_OF_PEER_MAX).unwrap();
    for number in 0..2 * peers_count {
        let peer = PeerId::from_bytes(&[0, 1, number]).unwrap();
        let announced = (0..100).map(|port| address(port).with(Protocol::P2p(peer)));
        let kept = announced
            .filter(|address| standing.add(address.clone(), Origin::Discovered, now).is_ok());
        let expected = if number < peers_count { DISCOVERED_OF_PEER_MAX } else { 0 };
        assert_eq!(kept.count(), expected, "{number}");
    }
    assert_eq!(standing.entries.len(), DISCOVERED_MAX);
    for port in 0..u16::try_from(STANDING_MAX).unwrap() {
        standing.add(address(port), Origin::Asked, now).unwrap();
    }
    assert!(standing.entries.values().all(|entry| entry.origin == Origin::Asked));
}

#[test]
fn what_failed_most_makes_room_first() {
    let now = Instant::now();
    let mut standing = Standing::default();
    for port in 0..2 {
        standing.add(address(port), Origin::Discovered, now).unwrap();
    }
    let dials = standing.due(now, nobody);
    standing.failed(dials[1].connection_id(), now);
    for port in 2..=u16::try_from(STANDING_MAX).unwrap() {
        standing.add(address(port), Origin::Asked, now).unwrap();
    }
    assert!(standing.entries.contains_key(&address(0)));
    assert!(!standing.entries.contains_key(&address(1)));
}

#[test]
fn a_namespace_gives_up_its_own_addresses_alone() {
    let now = Instant::now();
    let mut standing = Standing::default();
    standing.add(address(1), Origin::Configured, now).unwrap();
    standing.add(address(1), Origin::Asked, now).unwrap();
    standing.add(address(2), Origin::Asked, now).unwrap();
    for port in 1..=3 {
        standing.give_up(&address(port));
    }
    let dial = one(&mut standing, now);
    assert_eq!(standing.failed(dial, now), [address(1)]);
}

#[test]
fn what_is_given_up_stays_while_it_is_announced() {
    let now = Instant::now();
    for asked_first in [false, true] {
        let mut standing = Standing::default();
        let mut origins = [Origin::Discovered, Origin::Asked];
        if asked_first {
            origins.reverse();
        }
        for origin in origins {
            standing.add(address(1), origin, now).unwrap();
            standing.add(address(2), origin, now).unwrap();
        }
        standing.give_up(&address(1));
        assert_eq!(standing.entries[&address(1)].origin, Origin::Discovered);
        standing.expired(&address(1));
        assert!(!standing.entries.contains_key(&address(1)));
        // The other way round.
        standing.expired(&address(2));
        assert_eq!(standing.entries[&address(2)].origin, Origin::Asked);
        standing.give_up(&address(2));
        assert!(standing.entries.is_empty());
    }
}

#[test]
fn net_3_what_is_given_up_takes_no_more_room_than_what_is_announced() {
    let now = Instant::now();
    let mut standing = Standing::default();
    let of_peer = |port| address(port).with(Protocol::P2p(peer()));
    standing.add(of_peer(0), Origin::Asked, now).unwrap();
    standing.add(of_peer(0), Origin::Discovered, now).unwrap();
    for port in 1..=u16::try_from(DISCOVERED_OF_PEER_MAX).unwrap() {
        standing.add(of_peer(port), Origin::Discovered, now).unwrap();
    }
    standing.give_up(&of_peer(0));
    assert!(!standing.entries.contains_key(&of_peer(0)));
    assert_eq!(standing.entries.len(), DISCOVERED_OF_PEER_MAX);
}

#[test]
fn net_3_announced_addresses_that_failed_make_room_for_others() {
    let mut now = Instant::now();
    let mut standing = Standing::default();
    let peers_count = u8::try_from(DISCOVERED_MAX / DISCOVERED_OF_PEER_MAX).unwrap();
    let of_peer = |number, port| {
        let peer = PeerId::from_bytes(&[0, 1, number]).unwrap();
        address(port).with(Protocol::P2p(peer))
    };
    let most = u16::try_from(DISCOVERED_OF_PEER_MAX).unwrap();
    for number in 0..peers_count {
        for port in 0..most {
            standing.add(of_peer(number, port), Origin::Discovered, now).unwrap();
        }
    }
    let announce = |standing: &mut Standing, number, port, now| {
        standing.add(of_peer(number, port), Origin::Discovered, now)
    };
    let (new, refused) = (most + 1, Err(DialFailure::TooMany));
    assert_eq!(announce(&mut standing, 0, new, now), refused);
    assert_eq!(announce(&mut standing, u8::MAX, 0, now), refused);
    // Of the first peer one address fails, of the second one another fails twice.
    for (number, times) in [(0, 1), (1, 2)] {
        for _ in 0..times {
            standing.entries.get_mut(&of_peer(number, 3)).unwrap().fail(now);
        }
    }
    now += SECOND;
    assert_eq!(announce(&mut standing, 0, new, now), Ok(()), "in place of one of its own");
    assert!(!standing.entries.contains_key(&of_peer(0, 3)));
    assert_eq!(announce(&mut standing, 0, new + 1, now), refused, "none of its own failed");
    assert_eq!(announce(&mut standing, u8::MAX, 0, now), Ok(()));
    assert!(!standing.entries.contains_key(&of_peer(1, 3)));
    assert_eq!(announce(&mut standing, u8::MAX, 1, now), refused);
    assert_eq!(standing.entries.len(), DISCOVERED_MAX);
}

#[test]
fn quic_addresses_are_refused_where_quic_is_off() {
    let address = "/ip6/2001:db8::1/udp/4001/quic-v1";
    assert!(parse(address, true).is_ok());
    assert_eq!(parse(address, false), Err(DialFailure::Unsupported));
    assert!(parse("/ip4/192.0.2.1/tcp/4001", false).is_ok());
    assert_eq!(parse("/ip4/192.0.2.1/tcp/1/ws", true), Err(DialFailure::Unsupported));
}

#[test]
fn a_relayed_address_names_the_peer_behind_the_relay() {
    let relay = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    let circuit = format!("/ip4/192.0.2.1/tcp/1/p2p/{relay}/p2p-circuit");
    assert_eq!(parse(&circuit, true), Err(DialFailure::Unsupported));
    let whole = parse(&format!("{circuit}/p2p/{}", peer()), true).unwrap();
    assert_eq!(named_in(&whole), Some(peer()));
    assert_eq!(named_in(&circuit.parse().unwrap()), None);
    let nested = format!("{whole}/p2p-circuit/p2p/{relay}");
    assert_eq!(parse(&nested, true), Err(DialFailure::Unsupported));
}
