//! What a run owes at its start, out of the durable state.

use super::Turn;
use crate::effect::Effect;
use crate::id::{NamespaceId, PeerKey};
use crate::prng::Prng;
use crate::settings::Settings;
use crate::timers::Timer;

impl Turn<'_> {
    /// Every effect of the run before that may have been lost is owed again.
    pub(super) fn on_started(&mut self, seed: [u8; 32], peer: PeerKey, settings: Settings) {
        self.volatile.prng = Prng::new(seed);
        self.volatile.boot = self.volatile.prng.bytes();
        self.volatile.peer = peer;
        self.volatile.lists.share = settings.share;
        self.volatile.settings = settings;
        // What the last record of the log led to is evaluated first.
        self.volatile.busy.extend(self.durable.namespaces.keys().copied());
        let durable = self.durable;
        for (namespace, known) in durable.namespaces.iter().filter(|(_, known)| known.is_open) {
            self.take_part(*namespace);
            for address in &known.addresses {
                self.effect(Effect::Dial(address.clone()));
            }
            self.resume_joining(*namespace, known);
        }
    }

    /// Subscribes to a namespace and sets its timers.
    pub(super) fn take_part(&mut self, namespace: NamespaceId) {
        self.effect(Effect::Subscribe(namespace));
        let now = self.now.mono;
        let every = self.volatile.settings.compare_every_ms;
        let spread = self.volatile.prng.below(every / 5);
        self.volatile.timers.set(Timer::Compare(namespace), now.plus(every + spread));
        self.expect_anchor(namespace);
        self.begin_publishing(namespace);
        self.begin_readiness(namespace);
        let share = self.volatile.settings.share;
        let desk = self.desk(namespace);
        (desk.pending.share, desk.refused.share) = (share, share);
        desk.syncing.notes.share = share;
        self.wake_desk(namespace);
    }
}
