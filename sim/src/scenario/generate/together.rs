//! What two people do at once. Chance alone brings it together too rarely: each of these is a rule
//! that only concurrent ops can show to be broken.

use super::{Action, Deed, Role, Writer};

/// How long what goes before is given to reach everybody, in milliseconds.
const SPREAD_MS: u64 = 1_500;
/// How many groups are moved among each other.
const CROSSED: u16 = 5;

impl Writer {
    /// Several actions that belong together.
    pub(super) fn together(&mut self) {
        match self.rng.below(3) {
            0 => self.crossing(),
            1 => self.clash(),
            _ => self.seniors(),
        }
    }

    fn govern(&mut self, node: u16, group: u16, deed: Deed) {
        self.actions.push(Action::Govern { node, group, deed });
    }

    fn spread(&mut self) {
        self.actions.push(Action::Wait(SPREAD_MS));
    }

    /// Two people move two groups at once, each below the other (A12, K5).
    fn crossing(&mut self) {
        let (node, other) = (self.node(), self.node());
        self.govern(0, 0, Deed::Create);
        self.govern(0, 0, Deed::Create);
        self.spread();
        let one = 1 + self.below(CROSSED);
        let two = 1 + (one + self.below(CROSSED - 1)) % CROSSED;
        self.govern(node, one, Deed::Move { to: two });
        self.govern(other, two, Deed::Move { to: one });
    }

    /// One gives a person what another one takes at once (R1).
    fn clash(&mut self) {
        let (giver, taker, who) = (self.node(), self.node(), self.person());
        let (first, role) = (self.role(), self.role());
        self.govern(taker, 0, Deed::Add { who, role: first });
        self.spread();
        let deed = if self.rng.chance(50) {
            Deed::Remove { who }
        } else {
            Deed::Restrict { who, role: Role::Reader }
        };
        self.govern(taker, 0, deed);
        self.govern(giver, 0, Deed::Add { who, role });
    }

    /// One who may remove people, and is junior to admins, removes a person to whom an admin or
    /// owner gives more at once: what a senior gave stays (D9, case 20).
    fn seniors(&mut self) {
        let Some(steward) = self.rng.pick(&self.stewards).copied() else { return self.clash() };
        let (senior, who) = (if self.rng.chance(60) { 0 } else { self.node() }, self.person());
        self.govern(steward, 0, Deed::Add { who, role: Role::Reader });
        self.spread();
        self.govern(steward, 0, Deed::Remove { who });
        self.govern(senior, 0, Deed::Add { who, role: Role::Admin });
    }
}

/// The deed itself, or another where it takes something from somebody or may lose a race.
pub(super) fn peaceful(deed: Deed) -> Deed {
    match deed {
        Deed::Restrict { who, role } => Deed::Add { who, role },
        Deed::Remove { who } => Deed::Add { who, role: Role::Member },
        Deed::Leave | Deed::Move { .. } | Deed::Close { .. } => Deed::Noop,
        Deed::Add { .. }
        | Deed::Create
        | Deed::Delete
        | Deed::Anchor
        | Deed::Notary { .. }
        | Deed::Default { .. }
        | Deed::Name { .. }
        | Deed::Context
        | Deed::Revoke
        | Deed::Noop => deed,
    }
}
