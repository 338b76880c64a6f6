//! The words of the text form, and what they stand for.

use crate::cluster::{Tail, Wrong};
use crate::scenario::{Forgery, Lie, Profile, Role};

/// A word that stands for a value.
pub(super) trait Word: Sized + Copy + PartialEq + 'static {
    const ALL: &'static [(&'static str, Self)];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, value)| *value == self).map_or("?", |(word, _)| *word)
    }
}

impl Word for Profile {
    const ALL: &'static [(&'static str, Self)] = &[
        ("mixed", Self::Mixed),
        ("nice", Self::Nice),
        ("joins", Self::Joins),
        ("removals", Self::Removals),
        ("anchors", Self::Anchors),
        ("two", Self::Two),
        ("sixteen", Self::Sixteen),
        ("disk", Self::Disk),
        ("scale", Self::Scale),
        ("crowd", Self::Crowd),
    ];
}

impl Word for Role {
    const ALL: &'static [(&'static str, Self)] = &[
        ("admin", Self::Admin),
        ("member", Self::Member),
        ("reader", Self::Reader),
        ("inviter", Self::Inviter),
        ("steward", Self::Steward),
    ];
}

impl Word for Tail {
    const ALL: &'static [(&'static str, Self)] =
        &[("kept", Self::Kept), ("lost", Self::Lost), ("torn", Self::Torn)];
}

impl Word for Wrong {
    const ALL: &'static [(&'static str, Self)] = &[
        ("well", Self::Nothing),
        ("sync-fails", Self::Sync),
        ("full", Self::Full),
        ("short", Self::Short),
        ("forgets", Self::Forgets),
        ("loses", Self::Loses),
        ("misdirects", Self::Misdirects),
        ("unreadable", Self::Unreadable),
        ("rots", Self::Rots),
    ];
}

impl Word for Lie {
    const ALL: &'static [(&'static str, Self)] = &[
        ("silence", Self::Silence),
        ("garbage", Self::Garbage),
        ("mutate", Self::Mutate),
        ("half", Self::Half),
        ("heads", Self::Heads),
        ("withhold", Self::Withhold),
        ("busy", Self::Busy),
    ];
}

impl Word for Forgery {
    const ALL: &'static [(&'static str, Self)] = &[
        ("unsigned", Self::Unsigned),
        ("inviter", Self::Inviter),
        ("frontier", Self::Frontier),
        ("used-up", Self::UsedUp),
        ("revoked", Self::Revoked),
        ("removed", Self::Removed),
        ("left", Self::Left),
        ("senior", Self::Senior),
        ("nothing", Self::Nothing),
        ("no-group", Self::NoGroup),
        ("deep", Self::Deep),
        ("circle", Self::Circle),
        ("root", Self::Root),
        ("again", Self::Again),
        ("no-context", Self::NoContext),
        ("not-root", Self::NotRoot),
        ("not-owner", Self::NotOwner),
        ("moved", Self::Moved),
    ];
}

impl Word for bool {
    const ALL: &'static [(&'static str, Self)] = &[("yes", true), ("no", false)];
}
