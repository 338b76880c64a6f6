//! Who is connected: peers, the members behind them, and how fast they answer.

use folkmoot_core::id::{NamespaceId, OpId, PeerKey};
use folkmoot_core::input::Answer;
use folkmoot_core::query::{HeardView, TopicView};
use folkmoot_core::statement::Hello;
use folkmoot_core::wire::Request;
use folkmoot_effects::node::AskError;
use serde::{Deserialize, Serialize};

use super::readiness::{tier_name, topic_tone};
use crate::call::{Call, Cx, Method};
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{Who, short, time};
use crate::resolve::{Candidate, pick};

/// Connected peers, and the members behind them
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Peers {
    /// Look again every second, until Ctrl-C
    #[arg(short, long)]
    #[serde(skip)]
    pub watch: bool,
}

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its transport key.
    pub id: String,
    /// Where its connections lead.
    pub addresses: Vec<String>,
    /// What it is in each namespace that both take part in.
    pub topics: Vec<Topic>,
}

/// What a peer is in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// The namespace.
    pub namespace: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member that it proved to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Who>,
    /// Whether that member has rights there, by what is known here.
    pub has_standing: bool,
    /// How long the proof took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<u64>,
    /// How ready that member is, by its last beacon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// How long ago that beacon came, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_age_ms: Option<u64>,
}

/// Connected peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeersReply {
    /// Each of them.
    pub peers: Vec<Peer>,
}

impl Show for PeersReply {
    fn show(&self, page: &mut Page) {
        if self.peers.is_empty() {
            page.line("nobody is connected; `moot connect ADDR` reaches a member by hand");
            return;
        }
        let head = ["peer", "namespace", "member", "round trip", "readiness", "addresses"];
        page.table(&head, &self.peers.iter().flat_map(Peer::rows).collect::<Vec<_>>());
    }
}

impl Peer {
    fn rows(&self) -> Vec<Vec<Cell>> {
        let addresses = self.addresses.join(" ");
        let id = Cell(Tone::Strong, short(&self.id));
        if self.topics.is_empty() {
            let none = Cell(Tone::Dim, "none in common".to_owned());
            let (member, trip, ready) = ("".into(), "".into(), "".into());
            return vec![vec![id, none, member, trip, ready, addresses.into()]];
        }
        let row = |(at, topic): (usize, &Topic)| {
            let is_first = at == 0;
            let first = |cell: Cell| if is_first { cell } else { "".into() };
            let [namespace, member, trip, ready] = topic.cells();
            vec![first(id.clone()), namespace, member, trip, ready, first(addresses.clone().into())]
        };
        self.topics.iter().enumerate().map(row).collect()
    }
}

impl Topic {
    fn new(view: &TopicView, name: Option<String>, member: Option<String>) -> Self {
        let heard = view.heard.as_ref();
        let who = |id| Who { id, name: member, me: false };
        Self {
            namespace: view.namespace.to_string(),
            name,
            member: view.member.map(|member| who(member.to_string())),
            has_standing: view.has_standing,
            round_trip_ms: view.round_trip_ms,
            tier: heard.map(|heard: &HeardView| tier_name(heard.tier).to_owned()),
            beacon_age_ms: heard.map(|heard| heard.age_ms),
        }
    }

    fn cells(&self) -> [Cell; 4] {
        let member = match (&self.member, self.has_standing) {
            (None, _) => Cell(Tone::Dim, "not known yet".to_owned()),
            (Some(who), true) => who.label().into(),
            (Some(who), false) => Cell(Tone::Warn, format!("{} (no member)", who.label())),
        };
        let trip = self.round_trip_ms.map_or_else(String::new, time);
        let ready = match (&self.tier, self.beacon_age_ms) {
            (Some(tier), Some(age)) => Cell(topic_tone(tier), format!("{tier}, {} ago", time(age))),
            (Some(_) | None, _) => Cell(Tone::Dim, "no beacon yet".to_owned()),
        };
        let name = self.name.clone().unwrap_or_else(|| short(&self.namespace));
        [name.into(), member, trip.into(), ready]
    }
}

impl Cx {
    /// The connected peers with what is known of them.
    async fn peer_replies(&self) -> Result<Vec<Peer>, Failure> {
        let now = self.node.now().mono;
        let asked = self.query(move |state| {
            let names: Vec<(NamespaceId, Option<OpId>)> =
                state.namespaces().iter().map(|view| (view.namespace, view.name)).collect();
            (state.peers(now), names)
        });
        let (mut topics, namespaces) = asked.await?;
        let names = self.names(namespaces.iter().map(|(_, name)| *name).collect()).await?;
        let name_of = |namespace: &NamespaceId| {
            let mut all = namespaces.iter().zip(&names);
            all.find(|((id, _), _)| id == namespace).and_then(|(_, name)| name.clone())
        };
        let mut peers = Vec::new();
        for (peer, addresses) in self.node.peers() {
            let views = topics.remove(&peer).unwrap_or_default();
            let members = self.names(views.iter().map(|view| view.name).collect()).await?;
            let topics = views.iter().zip(members);
            let topics =
                topics.map(|(view, member)| Topic::new(view, name_of(&view.namespace), member));
            peers.push(Peer { id: peer.to_string(), addresses, topics: topics.collect() });
        }
        Ok(peers)
    }

    /// The peer that was named: any whole id, the beginning of a connected one's, or the name of
    /// the member behind it.
    ///
    /// # Errors
    ///
    /// When none is meant, or several.
    pub async fn peer(&self, text: &str) -> Result<PeerKey, Failure> {
        if let Ok(peer) = text.parse() {
            return Ok(peer);
        }
        let mut candidates = Vec::new();
        for peer in self.peer_replies().await? {
            let Ok(value) = peer.id.parse::<PeerKey>() else { continue };
            let members = peer.topics.into_iter().filter_map(|topic| topic.member?.name);
            let mut names: Vec<_> = members.map(Some).collect();
            names.sort_unstable();
            names.dedup();
            if names.is_empty() {
                names.push(None);
            }
            let of_peer = names.into_iter();
            candidates.extend(of_peer.map(|name| Candidate { value, id: peer.id.clone(), name }));
        }
        pick("peer", PeerKey::PREFIX, text, &candidates)
    }

    /// What a peer is in the namespace that was named; in the first that both take part in where
    /// none was.
    ///
    /// # Errors
    ///
    /// When it is not connected there.
    pub async fn topic_of(&self, peer: PeerKey) -> Result<TopicView, Failure> {
        let wanted = match &self.ns {
            Some(_) => Some(self.namespace().await?.namespace),
            None => None,
        };
        let now = self.node.now().mono;
        let topics = self.query(move |state| state.peers(now).remove(&peer)).await?;
        let is_wanted =
            |topic: &TopicView| wanted.is_none_or(|namespace| namespace == topic.namespace);
        topics.into_iter().flatten().find(is_wanted).ok_or_else(|| {
            let message = format!(
                "{} is not connected to a namespace of this node",
                short(&peer.to_string())
            );
            Failure::new(Class::NotFound, "not-connected", message)
                .hint("`moot peers` shows who is connected, and where")
        })
    }
}

impl Call for Peers {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/peers";
    type Reply = PeersReply;

    async fn answer(self, cx: &Cx) -> Result<PeersReply, Failure> {
        Ok(PeersReply { peers: cx.peer_replies().await? })
    }
}

/// Measure a round trip to a peer: it is asked to prove who it is
///
/// The time is that of one question and its answer, with the signature that the peer makes
/// meanwhile and whatever else its node is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Ping {
    /// Which: its id, the beginning of it, or the name of the member behind it
    pub peer: String,
}

/// A peer answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingReply {
    /// Its transport key.
    pub peer: String,
    /// The member that it proved to be.
    pub member: Who,
    /// Where.
    pub namespace: String,
    /// How long that took, in microseconds.
    pub round_trip_us: u64,
}

impl Show for PingReply {
    fn show(&self, page: &mut Page) {
        let (millis, micros) = (self.round_trip_us / 1000, self.round_trip_us % 1000);
        let (peer, member) = (short(&self.peer), self.member.label());
        page.line(&format!("{peer} answered as {member} after {millis}.{micros:03} ms"));
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        let text = error.to_string();
        match error {
            AskError::Unanswered(_) => {
                Self::new(Class::Timeout, "unanswered", text).hint("`moot peers`")
            }
            AskError::Malformed(..) => Self::new(Class::Failed, "bad-answer", text)
                .hint("compare `moot version` on both nodes"),
            AskError::Gone(gone) => gone.into(),
        }
    }
}

impl Call for Ping {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/ping";
    type Reply = PingReply;

    async fn answer(self, cx: &Cx) -> Result<PingReply, Failure> {
        let peer = cx.peer(&self.peer).await?;
        let topic = cx.topic_of(peer).await?;
        let namespace = topic.namespace;
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|error| Failure::new(Class::Failed, "no-randomness", error.to_string()))?;
        let (answer, took) = cx.node.ask(peer, &Request::Identify { namespace, nonce }).await?;
        let unproved = || {
            let message = format!("{} did not prove who it is", short(&peer.to_string()));
            Failure::new(Class::Failed, "unproved", message).hint("compare `moot version`")
        };
        let Answer::Identity { hello, .. } = answer else { return Err(unproved()) };
        let hello: &Hello = &hello;
        let to = cx.node.local_peer();
        let expected = Hello { namespace, member: hello.member, from: peer, to, nonce };
        if *hello != expected {
            return Err(unproved());
        }
        let name = cx.names(vec![topic.name]).await?.pop().flatten();
        Ok(PingReply {
            peer: peer.to_string(),
            member: Who { id: hello.member.to_string(), name, me: false },
            namespace: namespace.to_string(),
            round_trip_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        })
    }
}
