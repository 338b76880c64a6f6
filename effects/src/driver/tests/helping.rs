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

#[test]
fn a_driver_without_messages_checks_what_peers_sent() {
    let (driver, inbox) = driver(&MemoryLog::default());
    let [first, second] = [1, 2].map(|number| PeerKey([number; 32]));
    let gone = NetEvent::PeerDisconnected { peer: first };
    let events = vec![connected(first), gone, connected(second)];
    let driver = driver.with_helper(helper(&inbox, events));
    let thread =
        thread::spawn(move || driver.run([7; 32], PeerKey::default(), Settings::default()));
    let peers = || -> Vec<PeerKey> {
        let (answer, answers) = sync_channel(1);
        let query = move |state: &State| {
            answer.send(state.volatile.peers.keys().copied().collect()).unwrap();
        };
        inbox.send(Message::Query(Box::new(query))).unwrap();
        answers.recv().unwrap()
    };
    let is_done = |_: &i32| {
        thread::sleep(Duration::from_millis(5));
        peers() == [second]
    };
    assert!((0..2_000).any(|turn| is_done(&turn)), "{:?}", peers());
    inbox.send(Message::Stop).unwrap();
    thread.join().unwrap().unwrap();
}

#[test]
fn what_was_checked_while_the_end_was_told_is_not_lost() {
    let (driver, inbox) = driver(&MemoryLog::default());
    let peer = PeerKey([1; 32]);
    let mut driver = driver.with_helper(helper(&inbox, vec![connected(peer)]));
    let started =
        Input::Started { seed: [7; 32], peer: PeerKey::default(), settings: Settings::default() };
    driver.executor.take(driver.clock.now(), started).unwrap();
    inbox.send(Message::Stop).unwrap();
    driver.help();
    driver.wait().unwrap();
    assert!(driver.is_stopping && driver.next.len() == 1);
    driver.drain().unwrap();
    assert!(driver.executor.state().volatile.peers.contains_key(&peer));
}
