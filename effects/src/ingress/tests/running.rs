//! The threads of the ingress.

use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::*;
use crate::net::NetGone;

/// Threads that check.
const WORKERS: usize = 2;

#[test]
fn events_of_one_peer_keep_their_order_through_the_workers() {
    let (ingress, _) = ingress();
    let (namespace, ops) = ops(30);
    let (inbox, messages) = sync_channel(1_000);
    let (events, received) = sync_channel(1_000);
    let peers = [PeerKey([1; 32]), PeerKey([2; 32]), PeerKey([3; 32])];
    for op in &ops {
        for peer in peers {
            let NetEvent::Gossip { message, topic, bytes, .. } = gossip(namespace, publish(op))
            else {
                unreachable!()
            };
            events.send(NetEvent::Gossip { message, from: peer, topic, bytes }).unwrap();
        }
    }
    for peer in peers {
        events.send(NetEvent::PeerDisconnected { peer }).unwrap();
    }
    drop(events);
    run(&ingress, &Queue::default(), WORKERS, (&received, &inbox));
    drop(inbox);
    let inputs: Vec<Input> = messages
        .iter()
        .map(|message| {
            let Message::Input(input) = message else { panic!("not an input") };
            input
        })
        .collect();
    for peer in peers {
        let mut left = ops.iter();
        let mut is_gone = false;
        for input in &inputs {
            if let Input::GossipReceived { peer: from, heard: Ok(Heard::Op(op)), .. } = input
                && *from == peer
            {
                assert_eq!(Some(&codec::encode(&op.signed)), left.next());
                assert!(!is_gone);
            }
            is_gone |= *input == Input::PeerDisconnected { peer };
        }
        assert!(is_gone && left.next().is_none());
    }
}

/// A network that takes an order only when another one is given beside it.
#[derive(Default)]
struct Both {
    given: Mutex<usize>,
    changed: Condvar,
}

impl Net for Both {
    fn send(&self, _: NetCommand) -> Result<(), NetGone> {
        let mut given = self.given.lock().unwrap();
        *given += 1;
        self.changed.notify_all();
        let is_alone = |given: &mut usize| *given < WORKERS;
        let limit = Duration::from_secs(10);
        let waited = self.changed.wait_timeout_while(given, limit, is_alone).unwrap().1;
        assert!(!waited.timed_out(), "events of one peer are checked one after the other");
        Ok(())
    }
}

#[test]
fn events_of_one_peer_are_checked_by_all_workers() {
    let ingress = Ingress { net: Arc::new(Both::default()), ..ingress().0 };
    let (inbox, messages) = sync_channel(10);
    let (events, received) = sync_channel(10);
    // Each of the two is refused by an order to the network, while its worker waits.
    for _ in 0..WORKERS {
        events.send(request(vec![1, 99])).unwrap();
    }
    events.send(NetEvent::PeerDisconnected { peer: PEER }).unwrap();
    drop(events);
    run(&ingress, &Queue::default(), WORKERS, (&received, &inbox));
    drop(inbox);
    let left: Vec<Message> = messages.iter().collect();
    let gone = Input::PeerDisconnected { peer: PEER };
    assert!(matches!(&left[..], [Message::Input(input)] if *input == gone));
}

#[test]
fn the_ingress_ends_when_nobody_takes_its_inputs() {
    let (ingress, _) = ingress();
    let (inbox, messages) = sync_channel(1);
    let (events, received) = sync_channel(1_000);
    for number in 0..1_000 {
        let [low, high, ..] = u32::to_le_bytes(number);
        let mut key = [low; 32];
        key[1] = high;
        events.send(NetEvent::PeerDisconnected { peer: PeerKey(key) }).unwrap();
    }
    drop(messages);
    // The network is there still.
    run(&ingress, &Queue::default(), WORKERS, (&received, &inbox));
    drop(events);
}

#[test]
fn connections_and_ends_are_told_and_written_down_in_order() {
    let (ingress, _) = ingress();
    let (inbox, messages) = sync_channel(10_000);
    let (events, received) = sync_channel(10_000);
    let address = "/ip4/127.0.0.1/tcp/1".to_owned();
    for _ in 0..2_000 {
        events.send(NetEvent::PeerConnected { peer: PEER, address: address.clone() }).unwrap();
        events.send(NetEvent::PeerDisconnected { peer: PEER }).unwrap();
    }
    drop(events);
    run(&ingress, &Queue::default(), WORKERS, (&received, &inbox));
    drop(inbox);
    let both = [Input::PeerConnected { peer: PEER }, Input::PeerDisconnected { peer: PEER }];
    let in_order = |(message, expected): (Message, &Input)| {
        let Message::Input(input) = message else { return false };
        input == *expected
    };
    assert!(messages.iter().zip(both.iter().cycle()).all(in_order));
    assert_eq!(ingress.book.peers(), []);
}
