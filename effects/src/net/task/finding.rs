//! Finding the peers of a topic in the directory.

use std::time::{Duration, Instant};

use libp2p::kad::{self, GetProvidersOk, QueryResult, RecordKey};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{PeerId, identify};

use super::super::Topic;
use super::super::wide::KAD_PROTOCOL;
use super::Task;

/// Wait before the directory is asked again for the peers of a topic that has none: it doubles from
/// the first to the second. Then that of a topic that has some.
const LONELY_MIN: Duration = Duration::from_secs(2);
const LONELY_MAX: Duration = Duration::from_mins(1);
const IN_COMPANY: Duration = Duration::from_mins(15);

/// Topics looked up in one tick.
const LOOKUPS_MAX: usize = 4;

/// Addresses of one peer that are taken from its word.
const ADDRESSES_MAX: usize = 16;

/// Domain of the key of a topic: who keeps a part of the directory learns that somebody looks for
/// something, and not for which namespace.
const KEY_DOMAIN: &str = "folkmoot directory key v1";

fn key_of(topic: Topic) -> RecordKey {
    RecordKey::new(&blake3::derive_key(KEY_DOMAIN, &topic.0))
}

impl Task {
    /// Enters this node under its topics, and looks who else is there.
    pub(super) fn look_up(&mut self, now: Instant) {
        let Some(kad) = self.swarm.behaviour_mut().wide.kad.as_mut() else { return };
        let due = self.meshes.iter_mut().filter(|(_, mesh)| mesh.next_look_up <= now);
        for (topic, mesh) in due.take(LOOKUPS_MAX) {
            let lonely = (LONELY_MIN * (1 << mesh.look_ups.min(5))).min(LONELY_MAX);
            mesh.next_look_up = now + if mesh.peers == 0 { lonely } else { IN_COMPANY };
            mesh.look_ups = mesh.look_ups.saturating_add(1);
            if let Err(error) = kad.start_providing(key_of(*topic)) {
                tracing::debug!(%topic, ?error, "not entered in the directory");
            }
            kad.get_providers(key_of(*topic));
        }
    }

    /// This node has an address that the directory does not know.
    pub(super) fn look_up_soon(&mut self, now: Instant) {
        for mesh in self.meshes.values_mut() {
            mesh.next_look_up = now;
            mesh.look_ups = 0;
        }
    }

    pub(super) fn on_directory(&mut self, event: kad::Event) {
        let kad::Event::OutboundQueryProgressed {
            result: QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
            ..
        } = event
        else {
            return;
        };
        for peer in providers.into_iter().collect::<std::collections::BTreeSet<PeerId>>() {
            if peer == *self.swarm.local_peer_id() || self.peers.is_connected(&peer) {
                continue;
            }
            // The directory knows the addresses. What fails is tried again when it is looked up.
            if let Err(error) = self.swarm.dial(DialOpts::peer_id(peer).build()) {
                tracing::debug!(%peer, %error, "found, and not dialled");
            }
        }
    }

    /// A peer that answers in the directory said where it can be reached.
    pub(super) fn on_identified(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        if !info.protocols.contains(&KAD_PROTOCOL) {
            return;
        }
        if let Some(kad) = self.swarm.behaviour_mut().wide.kad.as_mut() {
            for address in info.listen_addrs.into_iter().take(ADDRESSES_MAX) {
                kad.add_address(&peer_id, address);
            }
        }
    }
}
