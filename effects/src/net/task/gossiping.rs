//! Gossip.

use std::time::Instant;

use libp2p::gossipsub::{self, MessageAcceptance, PublishError};

use super::super::behaviour::peer_key;
use super::super::gossip::{Received, name_of, parse_topic};
use super::super::{GOSSIP_BYTES_MAX, MessageId, NetEvent, TOPICS_MAX, Topic, Verdict, scoring};
use super::{Mesh, Task};

impl Task {
    pub(super) fn subscribe(&mut self, topic: Topic) {
        // One more, and the peers would ignore the whole announcement.
        if self.meshes.len() >= TOPICS_MAX {
            tracing::warn!(%topic, "not subscribed: {TOPICS_MAX} topics is the most");
            return;
        }
        let name = name_of(topic);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if let Err(error) = gossip.subscribe(&name) {
            tracing::warn!(%topic, %error, "not subscribed");
            return;
        }
        if let Err(error) = gossip.set_topic_params(name.clone(), scoring::of_topic()) {
            tracing::warn!(%topic, %error, "its messages are not rated");
        }
        let mesh = Mesh { name: name.hash(), peers: 0, next_look_up: Instant::now(), look_ups: 0 };
        self.meshes.entry(topic).or_insert(mesh);
        for peer in self.peers.entered(topic) {
            self.outbox.push(NetEvent::PeerSubscribed { peer, topic });
        }
        self.review_mesh(topic);
    }

    pub(super) fn unsubscribe(&mut self, topic: Topic) {
        self.swarm.behaviour_mut().gossip.unsubscribe(&name_of(topic));
        self.meshes.remove(&topic);
        for peer in self.peers.left(topic) {
            self.outbox.push(NetEvent::PeerUnsubscribed { peer, topic });
        }
    }

    /// Gossip tells nobody when a mesh changes, so they are counted again from time to time.
    pub(super) fn review_meshes(&mut self) {
        for topic in self.meshes.keys().copied().collect::<Vec<_>>() {
            self.review_mesh(topic);
        }
    }

    fn review_mesh(&mut self, topic: Topic) {
        let Some(mesh) = self.meshes.get_mut(&topic) else { return };
        let peers = self.swarm.behaviour().gossip.mesh_peers(&mesh.name).count() as u64;
        if peers != mesh.peers {
            mesh.peers = peers;
            self.outbox.push(NetEvent::Mesh { topic, peers });
        }
    }

    pub(super) fn publish(&mut self, topic: Topic, bytes: Vec<u8>) {
        let size = bytes.len();
        if size > GOSSIP_BYTES_MAX {
            tracing::warn!(%topic, size, "not published: {GOSSIP_BYTES_MAX} bytes is the most");
            return;
        }
        match self.swarm.behaviour_mut().gossip.publish(name_of(topic), bytes) {
            // Delivery is the business of acknowledgements and of anti-entropy.
            Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::Duplicate) => {}
            Err(error) => tracing::debug!(%topic, size, %error, "not published"),
        }
    }

    pub(super) fn on_gossip(&mut self, event: gossipsub::Event, now: Instant) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let received = Received { id: message_id, from: propagation_source };
                self.on_message(received, message, now);
            }
            gossipsub::Event::Subscribed { peer_id, topic } => {
                let Some(topic) = parse_topic(&topic) else { return };
                let is_ours = self.meshes.contains_key(&topic);
                if let Some(peer) = self.peers.subscribed(&peer_id, topic, is_ours) {
                    self.outbox.push(NetEvent::PeerSubscribed { peer, topic });
                }
                self.review_mesh(topic);
            }
            gossipsub::Event::Unsubscribed { peer_id, topic } => {
                let Some(topic) = parse_topic(&topic) else { return };
                if let Some(peer) = self.peers.unsubscribed(&peer_id, topic) {
                    self.outbox.push(NetEvent::PeerUnsubscribed { peer, topic });
                }
                self.review_mesh(topic);
            }
            gossipsub::Event::GossipsubNotSupported { peer_id } => {
                tracing::debug!(%peer_id, "peer without gossip");
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => tracing::debug!(%peer_id, "slow peer"),
        }
    }

    pub(super) fn on_message(
        &mut self,
        received: Received,
        message: gossipsub::Message,
        now: Instant,
    ) {
        let (Some(topic), Some(from)) = (parse_topic(&message.topic), peer_key(&received.from))
        else {
            self.report(&received, MessageAcceptance::Ignore);
            return;
        };
        // NET-3: nobody is to blame, it is just too much.
        if !self.peers.allows(&received.from, message.data.len(), now) {
            tracing::debug!(%from, "gossip passed over: more than one peer may send");
            self.report(&received, MessageAcceptance::Ignore);
            return;
        }
        let (name, displaced) = self.unjudged.insert(received, now);
        if let Some(displaced) = displaced {
            self.report(&displaced, MessageAcceptance::Ignore);
        }
        self.outbox.push(NetEvent::Gossip { message: name, from, topic, bytes: message.data });
    }

    pub(super) fn on_verdict(&mut self, message: MessageId, verdict: Verdict, now: Instant) {
        let Some(received) = self.unjudged.judge(message) else { return };
        if verdict != Verdict::AcceptLater {
            self.report(&received, verdict.into());
        } else if let Some(displaced) = self.unhurried.insert(message, received, now) {
            self.report(&displaced, MessageAcceptance::Accept);
        }
    }

    pub(super) fn report(&mut self, received: &Received, verdict: MessageAcceptance) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&received.id, &received.from, verdict);
    }
}
