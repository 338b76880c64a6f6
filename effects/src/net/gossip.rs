//! Gossip: its settings, its topics, and the messages that wait for a verdict.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::gossipsub::{
    self, IdentTopic, IdentityTransform, MaxCountSubscriptionFilter, Message, MessageAcceptance,
    MessageAuthenticity, TopicHash, TopicSubscriptionFilter, ValidationMode,
};

use super::{
    GOSSIP_BYTES_MAX, MessageId, NetConfig, NetError, TOPICS_MAX, Topic, Verdict, scoring,
};

const TOPIC_PREFIX: &str = "/folkmoot/1/";

/// Domain of the hash that names a message among all nodes.
const MESSAGE_DOMAIN: &str = "folkmoot gossip message v1";

/// The limit of a frame: a message, its envelope, and the start of the next frame, which the
/// decoder counts as well.
const FRAME_BYTES_MAX: usize = GOSSIP_BYTES_MAX + (64 << 10);

/// The hello of a peer with [`TOPICS_MAX`] topics takes 90 KiB, a full `IHAVE` 180 KiB. Both fall
/// under this limit, and a frame beyond it ends the stream.
const CONTROL_BYTES_MAX: usize = 256 << 10;

/// Most messages that wait for a verdict at once.
const UNJUDGED_MAX: usize = 4_096;

/// What says nothing new is forwarded after less than so many milliseconds, by chance. With what
/// passes until deadlines are looked at, that is a second.
const LEISURE_MS: u64 = 750;

/// Peers outside a mesh that are offered what was said lately, at each heartbeat. Whoever writes
/// sends to all it is connected with, so few lack anything.
const LAZY: usize = 3;

/// Offers of messages (`IHAVE`) of one peer that are looked at between two heartbeats.
const IHAVES_MAX: usize = 10;

/// Messages in one frame that are looked at; we send one in each.
const MESSAGES_PER_FRAME_MAX: usize = 64;

/// A peer that offered a message and does not send it within this time has broken a promise. As
/// long as it may take to judge one: a busy peer is no liar.
const PROMISE: Duration = Duration::from_secs(10);

const HEARTBEAT: Duration = Duration::from_secs(1);

/// Heartbeats for which a message is kept at least, so that it can be offered to others.
const HISTORY_MIN: u64 = 5;

/// Gossipsub without signatures of its own, since all content is signed.
pub(super) type Gossip =
    gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<OurTopics>>;

/// Lets pass topics of our form only.
#[derive(Clone, Copy, Debug)]
pub(super) struct OurTopics;

impl TopicSubscriptionFilter for OurTopics {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        parse_topic(topic).is_some()
    }
}

pub(super) fn behaviour(config: &NetConfig) -> Result<Gossip, NetError> {
    let setup = |why: String| NetError::Setup { part: "gossip", why };
    // After this many heartbeats a message leaves the cache and cannot be forwarded any more.
    let kept = HISTORY_MIN.saturating_add(config.validation_timeout.as_secs());
    let settings = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(FRAME_BYTES_MAX)
        .max_control_message_size(CONTROL_BYTES_MAX)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(HEARTBEAT)
        .history_length(usize::try_from(kept).unwrap_or(usize::MAX))
        // A hub with more spokes than the upper bound loses messages.
        .mesh_n(8)
        .mesh_n_low(4)
        .mesh_n_high(24)
        .mesh_outbound_min(2)
        .gossip_lazy(LAZY)
        // What we write goes to every peer of the topic at once, not only to the mesh. It is ours
        // alone and small, and delivery does not wait for a mesh then.
        .flood_publish(true)
        .max_ihave_messages_heartbeat(IHAVES_MAX)
        .max_publish_messages(MESSAGES_PER_FRAME_MAX)
        .iwant_followup_time(PROMISE)
        .build()
        .map_err(|error| setup(error.to_string()))?;
    let filter = MaxCountSubscriptionFilter {
        filter: OurTopics,
        max_subscribed_topics: TOPICS_MAX,
        max_subscriptions_per_request: TOPICS_MAX,
    };
    let mut gossip =
        Gossip::new_with_subscription_filter(MessageAuthenticity::Anonymous, settings, filter)
            .map_err(|error| setup(error.to_owned()))?;
    gossip.with_peer_score(scoring::of_peers(), scoring::THRESHOLDS).map_err(setup)?;
    Ok(gossip)
}

/// The hash of topic and content: the same message from two peers is one message.
fn message_id(message: &Message) -> gossipsub::MessageId {
    let mut hasher = blake3::Hasher::new_derive_key(MESSAGE_DOMAIN);
    hasher.update(message.topic.as_str().as_bytes());
    hasher.update(&message.data);
    gossipsub::MessageId::new(hasher.finalize().as_bytes())
}

/// The name under which a topic is known to gossipsub.
pub(super) fn name_of(topic: Topic) -> IdentTopic {
    IdentTopic::new(format!("{TOPIC_PREFIX}{topic}"))
}

/// The topic of a name; `None` for a name that [`name_of`] would not give.
pub(super) fn parse_topic(name: &TopicHash) -> Option<Topic> {
    let digits = name.as_str().strip_prefix(TOPIC_PREFIX)?;
    let topic = Topic(*blake3::Hash::from_hex(digits).ok()?.as_bytes());
    (topic.to_string() == digits).then_some(topic)
}

impl From<Verdict> for MessageAcceptance {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept | Verdict::AcceptLater => Self::Accept,
            Verdict::Ignore => Self::Ignore,
            Verdict::Reject => Self::Reject,
        }
    }
}

/// A message as gossipsub needs to hear of it again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) id: gossipsub::MessageId,
    pub(super) from: PeerId,
}

/// The messages that were handed out and have no verdict yet, oldest first.
pub(super) struct Unjudged {
    waiting: BTreeMap<MessageId, (Received, Instant)>,
    next: u64,
    timeout: Duration,
}

impl Unjudged {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { waiting: BTreeMap::new(), next: 0, timeout }
    }

    /// Names a message. The oldest one makes room when too many wait, and is to be ignored.
    pub(super) fn insert(
        &mut self,
        received: Received,
        now: Instant,
    ) -> (MessageId, Option<Received>) {
        let full = self.waiting.len() >= UNJUDGED_MAX;
        let displaced = if full { self.waiting.pop_first() } else { None };
        let name = MessageId(self.next);
        self.next += 1;
        self.waiting.insert(name, (received, now));
        (name, displaced.map(|(_, (received, _))| received))
    }

    /// Takes out a message for its verdict; `None` if it had one already.
    pub(super) fn judge(&mut self, name: MessageId) -> Option<Received> {
        self.waiting.remove(&name).map(|(received, _)| received)
    }

    /// Takes out one message that has waited too long.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Received> {
        let oldest = self.waiting.first_entry()?;
        let since = oldest.get().1;
        (now.saturating_duration_since(since) >= self.timeout).then(|| oldest.remove().0)
    }
}

/// Messages that say nothing new, until they are forwarded. All who hear one from its author would
/// else send it to each other, both ways at once; so the one of two neighbours that is first saves
/// the other its copy.
#[derive(Default)]
pub(super) struct Unhurried {
    waiting: BTreeMap<(Instant, MessageId), Received>,
    dice: RandomState,
}

impl Unhurried {
    /// Puts off a message. The one that was to be forwarded next makes room when too many wait.
    pub(super) fn insert(
        &mut self,
        name: MessageId,
        received: Received,
        now: Instant,
    ) -> Option<Received> {
        let full = self.waiting.len() >= UNJUDGED_MAX;
        let displaced = if full { self.waiting.pop_first() } else { None };
        let wait = self.dice.hash_one(name.0) % LEISURE_MS;
        self.waiting.insert((now + Duration::from_millis(wait), name), received);
        displaced.map(|(_, received)| received)
    }

    /// Takes out one message whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Received> {
        let next = self.waiting.first_entry()?;
        (next.key().0 <= now).then(|| next.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(number: usize) -> Received {
        let id = gossipsub::MessageId::new(&number.to_be_bytes());
        Received { id, from: PeerId::from_bytes(&[0, 1, 0]).unwrap() }
    }

    #[test]
    fn only_the_one_spelling_of_a_topic_is_a_topic() {
        let topic = Topic([0xab; 32]);
        let name = name_of(topic).hash();
        assert_eq!(parse_topic(&name), Some(topic));
        let digits = "ab".repeat(32);
        for other in [
            digits.clone(),
            format!("/folkmoot/2/{digits}"),
            format!("/folkmoot/1/{}", digits.to_uppercase()),
            format!("/folkmoot/1/{digits}00"),
            "/folkmoot/1/".to_owned(),
        ] {
            assert_eq!(parse_topic(&TopicHash::from_raw(other)), None);
        }
    }

    #[test]
    fn a_message_is_judged_once_and_expires_in_time() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut unjudged = Unjudged::new(second * 2);
        let (first, _) = unjudged.insert(received(1), start);
        let (other, _) = unjudged.insert(received(2), start + second);
        assert_eq!(unjudged.judge(first), Some(received(1)));
        assert_eq!(unjudged.judge(first), None);
        assert_eq!(unjudged.expire(start + second * 2), None);
        assert_eq!(unjudged.expire(start + second * 3), Some(received(2)));
        assert_eq!(unjudged.judge(other), None);
    }

    #[test]
    fn what_is_not_new_is_forwarded_once_and_in_time() {
        let start = Instant::now();
        let mut unhurried = Unhurried::default();
        let count = 100;
        for number in 0..count {
            assert_eq!(unhurried.insert(MessageId(number as u64), received(number), start), None);
        }
        let end = start + Duration::from_millis(LEISURE_MS);
        let half = start + Duration::from_millis(LEISURE_MS / 2);
        let count_until = |unhurried: &mut Unhurried, now: Instant| {
            std::iter::from_fn(|| unhurried.due(now)).count()
        };
        let early = count_until(&mut unhurried, half);
        assert!((20..=80).contains(&early), "{early}");
        assert_eq!(count_until(&mut unhurried, end), count - early);
        for number in 0..UNJUDGED_MAX {
            assert_eq!(unhurried.insert(MessageId(number as u64), received(number), end), None);
        }
        assert!(unhurried.insert(MessageId(0), received(0), end).is_some(), "no room is made");
    }

    #[test]
    fn the_oldest_message_makes_room() {
        let now = Instant::now();
        let mut unjudged = Unjudged::new(Duration::from_secs(1));
        for number in 0..UNJUDGED_MAX {
            assert_eq!(unjudged.insert(received(number), now).1, None);
        }
        assert_eq!(unjudged.insert(received(UNJUDGED_MAX), now).1, Some(received(0)));
        assert_eq!(unjudged.waiting.len(), UNJUDGED_MAX);
    }
}
