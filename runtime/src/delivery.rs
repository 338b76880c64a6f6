//! Who else has what was written: what a command asks for, and what it is told.

use std::time::Duration;

use folkmoot_core::command::{Command, Delivery, Outcome};
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::{GroupId, NamespaceId, OpId};
use folkmoot_core::publish::Receipt;
use serde::{Deserialize, Serialize};

use crate::call::{Cx, unexpected};
use crate::errors::Failure;
use crate::render::{Page, Tone};
use crate::reply::Who;
use crate::scene::Scene;

/// Title of the options.
const WRITING: &str = "Options of commands that write";

/// What a command that writes asks for, on the command line and in the query of its route.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Wanted {
    /// Write nothing while too few peers are connected for it to spread
    #[arg(long, global = true, help_heading = WRITING)]
    pub strict: bool,
    /// How many other members are to say that they have it; 1 unless said. For how long: --timeout
    #[arg(long, global = true, help_heading = WRITING, value_name = "N")]
    pub acks: Option<u32>,
    /// Wait for nobody to say so
    #[arg(long, global = true, help_heading = WRITING, conflicts_with = "acks")]
    pub no_wait: bool,
    /// How long to wait for them, in milliseconds; by the kind of op unless said.
    #[arg(skip)]
    pub within_ms: Option<u64>,
}

impl Wanted {
    /// The same, with at most this time to wait.
    #[must_use]
    pub fn within(mut self, time: Option<Duration>) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.within_ms = time.map(millis);
        self
    }

    /// The same as parameters of a query.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let flags = [("strict", self.strict), ("no_wait", self.no_wait)];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set);
        let numbers = [("acks", self.acks.map(u64::from)), ("within_ms", self.within_ms)];
        let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, number?)));
        flags
            .map(|(name, _)| (name, "true".to_owned()))
            .chain(numbers.map(|(name, number)| (name, number.to_string())))
            .collect()
    }

    const fn delivery(&self) -> Delivery {
        let min_acks = match (self.no_wait, self.acks) {
            (true, _) => 0,
            (false, Some(acks)) => acks,
            (false, None) => 1,
        };
        Delivery { strict: self.strict, min_acks, within_ms: self.within_ms }
    }
}

/// Ops that one command writes, one after the other.
///
/// Only the last of them waits for others: own ops form a chain, so who has it has all. Only the
/// first may be refused for want of peers, so that a strict command writes all or nothing.
pub struct Chain<'a> {
    cx: &'a Cx,
    namespace: NamespaceId,
    ops: Vec<OpId>,
}

/// Ops that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Their namespace.
    pub namespace: NamespaceId,
    /// Each, in the order in which they were written.
    pub ops: Vec<OpId>,
    /// Who else has them.
    pub receipt: ReceiptReply,
}

impl Chain<'_> {
    /// Writes an op that another one follows.
    ///
    /// # Errors
    ///
    /// As [`Cx::command`].
    pub async fn next(&mut self, group: GroupId, body: Body) -> Result<OpId, Failure> {
        Ok(self.write(group, body, 0).await?.0)
    }

    /// Writes the last op, and waits for others to have it.
    ///
    /// # Errors
    ///
    /// As [`Cx::command`].
    pub async fn last(
        mut self,
        scene: Option<&Scene>,
        group: GroupId,
        body: Body,
    ) -> Result<Sent, Failure> {
        let min_acks = self.cx.wanted.delivery().min_acks;
        let (_, receipt) = self.write(group, body, min_acks).await?;
        let receipt = ReceiptReply::new(scene, &receipt, min_acks);
        Ok(Sent { namespace: self.namespace, ops: self.ops, receipt })
    }

    async fn write(
        &mut self,
        group: GroupId,
        body: Body,
        min_acks: u32,
    ) -> Result<(OpId, Receipt), Failure> {
        let wanted = self.cx.wanted.delivery();
        let strict = wanted.strict && self.ops.is_empty();
        let delivery = Delivery { strict, min_acks, ..wanted };
        let namespace = self.namespace;
        let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
        let outcome = self.cx.command(wish).await?;
        let Outcome::Accepted { op, receipt, .. } = outcome else {
            return Err(unexpected(&outcome));
        };
        self.ops.push(op);
        Ok((op, receipt))
    }
}

impl Cx {
    /// Begins to write ops.
    pub const fn chain(&self, namespace: NamespaceId) -> Chain<'_> {
        Chain { cx: self, namespace, ops: Vec::new() }
    }

    /// Writes one op, and waits for others to have it.
    ///
    /// # Errors
    ///
    /// As [`Cx::command`].
    pub async fn govern(&self, scene: &Scene, group: GroupId, body: Body) -> Result<Sent, Failure> {
        self.chain(scene.namespace()).last(Some(scene), group, body).await
    }
}

/// What is known of the delivery of ops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptReply {
    /// Whether others have them.
    pub delivery: Delivered,
    /// The members that said so in time.
    pub acked_by: Vec<Who>,
}

/// Whether others have what was written (NET-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivered {
    /// As many members as were asked for.
    Delivered,
    /// Fewer, in time. What was written is kept, and published again until somebody has it.
    Unconfirmed,
    /// Nobody is known who could.
    Solo,
    /// Nobody was waited for.
    NotAwaited,
}

impl ReceiptReply {
    fn new(scene: Option<&Scene>, receipt: &Receipt, min_acks: u32) -> Self {
        let (delivery, acked_by) = match receipt {
            Receipt::Delivered { acked_by } => (Delivered::Delivered, acked_by.as_slice()),
            Receipt::Unconfirmed { acked_by } => (Delivered::Unconfirmed, acked_by.as_slice()),
            Receipt::Solo if min_acks == 0 => (Delivered::NotAwaited, [].as_slice()),
            Receipt::Solo => (Delivered::Solo, [].as_slice()),
        };
        let who = |member| match scene {
            Some(scene) => scene.who(member),
            None => Who { id: member.to_string(), name: None, me: false },
        };
        Self { delivery, acked_by: acked_by.iter().map(|member| who(*member)).collect() }
    }

    /// Writes it on a page.
    pub fn show(&self, page: &mut Page) {
        let names: Vec<_> = self.acked_by.iter().map(Who::label).collect();
        let names = names.join(", ");
        let again = "it is kept, and published again";
        match (self.delivery, self.acked_by.is_empty()) {
            (Delivered::Delivered, _) => {
                page.put(Tone::Good, &format!("acknowledged by {names}")).end();
            }
            (Delivered::Unconfirmed, true) => {
                let text = format!("not confirmed yet: nobody else is known to have it; {again}");
                page.put(Tone::Warn, &text).end();
            }
            (Delivered::Unconfirmed, false) => {
                let text = format!("not confirmed yet: acknowledged by {names} only; {again}");
                page.put(Tone::Warn, &text).end();
            }
            (Delivered::Solo, _) => {
                page.put(Tone::Dim, "nobody else is connected").end();
            }
            (Delivered::NotAwaited, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use folkmoot_core::id::MemberId;

    const ADA: MemberId = MemberId([1; 32]);

    fn shown(receipt: &Receipt, min_acks: u32) -> String {
        let mut page = Page::new(false);
        ReceiptReply::new(None, receipt, min_acks).show(&mut page);
        page.into_text()
    }

    #[test]
    fn net_32_silence_is_never_called_success() {
        let delivered = shown(&Receipt::Delivered { acked_by: vec![ADA] }, 1);
        assert!(delivered.starts_with("acknowledged by mem1"), "{delivered}");
        let silent = shown(&Receipt::Unconfirmed { acked_by: Vec::new() }, 1);
        assert!(silent.contains("nobody else is known to have it"), "{silent}");
        let few = shown(&Receipt::Unconfirmed { acked_by: vec![ADA] }, 2);
        assert!(few.contains("not confirmed yet: acknowledged by mem1"), "{few}");
        assert_eq!(shown(&Receipt::Solo, 1), "nobody else is connected\n");
        assert_eq!(shown(&Receipt::Solo, 0), "", "nobody was asked for");
    }

    #[test]
    fn flags_say_for_how_many_and_how_long() {
        assert_eq!(Wanted::default().delivery(), Delivery::default());
        let wanted = Wanted { acks: Some(3), ..Wanted::default() };
        assert_eq!(wanted.delivery().min_acks, 3);
        let wanted = Wanted { no_wait: true, strict: true, ..Wanted::default() };
        let within = wanted.within(Some(Duration::from_secs(2)));
        let delivery = Delivery { strict: true, min_acks: 0, within_ms: Some(2000) };
        assert_eq!(within.delivery(), delivery);
    }
}
