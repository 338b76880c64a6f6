//! A driver that checks what peers sent while it has nothing else to do.

use super::*;
use crate::ingress::{self, Book, Ingress, Queue};
use crate::net::NetEvent;
use crate::perform::{Asked, Charges};

/// Whoever helps with these events, which no other thread takes.
fn helper(inbox: &SyncSender<Message>, events: Vec<NetEvent>) -> Helper {
    let ingress = Ingress {
        asked: Asked::default(),
        charges: Charges::default(),
        book: Book::default(),
        net: Arc::new(MemoryNet::default()),
    };
    let queue = Arc::new(Queue::default());
    let (sender, received) = sync_channel(events.len());
    for event in events {
        sender.send(event).unwrap();
    }
    drop(sender);
    ingress::run(&ingress, &queue, 0, (&received, inbox));
    Helper::new(ingress, queue)
}

fn connected(peer: PeerKey) -> NetEvent {
    NetEvent::PeerConnected { peer, address: "/memory/1".to_owned() }
}

fn start(driver: &mut Driver) {
    let (peer, settings) = (PeerKey::default(), Settings::default());
    let started = Input::Started { seed: [7; 32], peer, settings };
    driver.executor.take(driver.clock.now(), started).unwrap();
}

#[test]
fn a_driver_without_messages_checks_what_peers_sent() {
    let (driver, inbox) = driver(&MemoryLog::default());
    let [first, second] = [1, 2].map(|number| PeerKey([number; 32]));
    let gone = NetEvent::PeerDisconnected { peer: first };
    let events = vec![connected(first), gone, connected(second)];
    let count = events.len();
    let mut driver = driver.with_helper(helper(&inbox, events));
    start(&mut driver);
    // One each time that nothing else is to be done.
    for _ in 0..count {
        driver.wait().unwrap();
    }
    let peers: Vec<&PeerKey> = driver.executor.state().volatile.peers.keys().collect();
    assert_eq!(peers, [&second]);
    inbox.send(Message::Stop).unwrap();
    driver.run([7; 32], PeerKey::default(), Settings::default()).unwrap();
}

#[test]
fn what_was_checked_while_the_end_was_told_is_not_lost() {
    let (driver, inbox) = driver(&MemoryLog::default());
    let peer = PeerKey([1; 32]);
    let mut driver = driver.with_helper(helper(&inbox, vec![connected(peer)]));
    start(&mut driver);
    inbox.send(Message::Stop).unwrap();
    driver.help();
    driver.wait().unwrap();
    assert!(driver.is_stopping && driver.next.len() == 1);
    driver.drain().unwrap();
    assert!(driver.executor.state().volatile.peers.contains_key(&peer));
}
