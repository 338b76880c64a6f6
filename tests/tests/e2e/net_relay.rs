//! A link that is slow, stands still, and hangs up.

use std::time::{Duration, Instant};

use folkmoot_runtime::code::Code;
use folkmoot_tests::e2e::{Node, Relay, Way, agree, text, until};

use super::{acknowledged, founder, stage};

/// One way; as between continents.
const SLOW: Way = Way::After(Duration::from_millis(150));
/// How soon nodes agree when a link works again. A dead connection is dialled anew after 1 s.
const HEALED: Duration = Duration::from_secs(30);

/// The port in an address of a node on TCP.
fn port(address: &str) -> u16 {
    address.split('/').nth(4).and_then(|port| port.parse().ok()).unwrap()
}

/// An invitation that leads to the relay, and to nowhere else.
fn invite_over(member: &Node, relay: &Relay) -> String {
    let code = text(&member.data(&["invite", "--rights", "admin"]), "/code");
    let mut code = Code::decode(&code).unwrap();
    let address = member.address();
    let (direct, relayed) =
        (format!("/tcp/{}/", port(&address)), format!("/tcp/{}/", relay.port()));
    code.addresses = vec![address.replace(&direct, &relayed)];
    code.encode().unwrap().to_string()
}

#[test]
fn a_slow_link_that_stands_still_and_hangs_up_only_takes_time() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    for count in 0..20_u32 {
        anna.data(&["group", "create", &format!("before {count}")]);
    }
    let relay = Relay::new(port(&anna.address()), SLOW);
    let mut bob = stage.node("bob");
    bob.start();
    let begin = Instant::now();
    bob.data(&["join", &invite_over(&anna, &relay), "--timeout", "25s"]);
    assert!(begin.elapsed() > Duration::from_millis(1_000), "the way led through the relay");
    agree(&[&anna, &bob]);
    let carried = relay.carried();
    assert!(carried > 20 * 200, "{carried} bytes");
    acknowledged(&anna, 1);
    acknowledged(&bob, 1);

    // It stands still: neither end is told.
    relay.set(Way::Hold);
    let late = anna.data(&["group", "create", "late", "--timeout", "1s"]);
    assert_eq!(late["receipt"]["delivery"], "unconfirmed");
    assert_eq!((anna.peers().len(), bob.peers().len()), (1, 1));
    relay.set(SLOW);
    let begin = Instant::now();
    let op = text(&late, "/ops/0");
    until("it arrives late", || if bob.has_effect(&op) { Ok(()) } else { Err("it has not") });
    agree(&[&anna, &bob]);
    assert!(begin.elapsed() < HEALED, "{:?}", begin.elapsed());

    // It hangs up, again and again.
    for round in 0..3_u32 {
        relay.hang_up();
        let op = text(&bob.data(&["group", "create", &format!("{round}"), "--no-wait"]), "/ops/0");
        let begin = Instant::now();
        until("it arrives", || if anna.has_effect(&op) { Ok(()) } else { Err("it has not") });
        assert!(begin.elapsed() < HEALED, "{:?}", begin.elapsed());
    }
    acknowledged(&anna, 1);
    agree(&[&anna, &bob]);
}

#[test]
fn a_link_that_stands_still_during_a_join_delays_it_only() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    let relay = Relay::new(port(&anna.address()), SLOW);
    for after_ms in [300, 900, 1_500] {
        let mut joiner = stage.node(&format!("joiner{after_ms}"));
        joiner.start();
        let code = invite_over(&anna, &relay);
        std::thread::scope(|scope| {
            let joining =
                scope.spawn(|| joiner.run(&["join", &code, "--timeout", "25s", "--json"]));
            // Both moments are arbitrary by intent: nothing is waited for here.
            std::thread::sleep(Duration::from_millis(after_ms));
            relay.set(Way::Hold);
            std::thread::sleep(Duration::from_millis(1_500));
            relay.set(SLOW);
            joining.join().unwrap().data();
        });
        agree(&[&anna, &joiner]);
        joiner.down();
    }
}
