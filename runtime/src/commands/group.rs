//! Groups: create, list, show, move, delete, visibility, rename.

use folkmoot_core::governance::op::{Body, SlotName, SlotWrite, Subject, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{ContextId, GroupId, OpId};
use folkmoot_core::query::GroupView;
use serde::{Deserialize, Serialize};

use super::member::{MemberReply, show_members};
use super::namespace::{hex, name_body};
use crate::args::{RightsArg, VisibilityArg};
use crate::call::{Call, Cx, Method};
use crate::errors::Failure;
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{Place, Written, short};
use crate::scene::Scene;

/// Create a group
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct GroupCreate {
    /// Its name
    pub name: String,
    /// The group it is created in; the root unless said
    #[arg(long = "in", value_name = "GROUP")]
    pub parent: Option<String>,
    /// Only direct members take part, nobody by inheritance
    #[arg(long)]
    #[serde(default)]
    pub restricted: bool,
}

impl Call for GroupCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/group/create";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let naming = name_body(Subject::Group, &self.name)?;
        let scene = cx.scene().await?;
        let parent = scene.group(self.parent.as_deref())?;
        let visibility = if self.restricted { Visibility::Restricted } else { Visibility::Open };
        let body = Body::GroupCreated { visibility };
        let mut chain = cx.chain(scene.namespace());
        let group = GroupId::from(chain.next(parent, body).await?);
        let sent = chain.last(Some(&scene), group, naming).await?;
        let done = format!("created {} in {}", self.name, scene.place(parent).label());
        Ok(Written::new(done, sent).creating(&group))
    }
}

/// One group in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReply {
    /// The group.
    #[serde(flatten)]
    pub place: Place,
    /// Its parent; none at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Place>,
    /// Groups on its path, itself included.
    pub depth: u64,
    /// Who takes part by inheritance.
    pub visibility: VisibilityArg,
    /// Direct members.
    pub members: u64,
    /// Its contexts.
    pub contexts: Vec<String>,
    /// Root of its rows and its ancestors', in hex.
    pub state_root: String,
}

impl Cx {
    /// Groups for an answer.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn group_replies(&self, scene: &Scene) -> Result<Vec<GroupReply>, Failure> {
        // The op that made a group says its visibility where no later one does.
        let ops = scene.groups.iter().map(|group| group.visibility.unwrap_or(OpId(group.group.0)));
        let said = self.payloads(ops.collect()).await?;
        let said = said.iter().map(|payload| match payload.as_ref().map(|it| &it.body) {
            Some(
                Body::GroupCreated { visibility: Visibility::Restricted }
                | Body::SlotSet { write: SlotWrite::Visibility(Visibility::Restricted), .. },
            ) => VisibilityArg::Restricted,
            Some(_) | None => VisibilityArg::Open,
        });
        Ok(scene.groups.iter().zip(said).map(|(group, to)| group_reply(scene, group, to)).collect())
    }
}

fn group_reply(scene: &Scene, group: &GroupView, visibility: VisibilityArg) -> GroupReply {
    GroupReply {
        place: scene.place(group.group),
        parent: group.parent.map(|parent| scene.place(parent)),
        depth: group.depth,
        visibility,
        members: group.members,
        contexts: group.contexts.iter().map(ContextId::to_string).collect(),
        state_root: hex(&group.root),
    }
}

/// Groups of the namespace
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct GroupList {}

/// Groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupListReply {
    /// Each, parents before children.
    pub groups: Vec<GroupReply>,
}

impl Show for GroupListReply {
    fn show(&self, page: &mut Page) {
        let row = |group: &GroupReply| {
            vec![
                Cell(Tone::Strong, group.place.label()),
                group.parent.as_ref().map_or_else(String::new, Place::label).into(),
                group.visibility.to_string().into(),
                group.members.into(),
                (group.contexts.len() as u64).into(),
                short(&group.place.id).into(),
            ]
        };
        let rows: Vec<_> = self.groups.iter().map(row).collect();
        page.table(&["group", "in", "visibility", "members", "contexts", "id"], &rows);
    }
}

impl Call for GroupList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/group/list";
    type Reply = GroupListReply;

    async fn answer(self, cx: &Cx) -> Result<GroupListReply, Failure> {
        let scene = cx.scene().await?;
        Ok(GroupListReply { groups: cx.group_replies(&scene).await? })
    }
}

/// One group in full
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct GroupShow {
    /// Which
    pub group: String,
}

/// One group in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupShowReply {
    /// The group.
    #[serde(flatten)]
    pub group: GroupReply,
    /// What a grant gives when the command names no rights.
    pub default_rights: RightsArg,
    /// Its direct members, the most senior first.
    pub rows: Vec<MemberReply>,
    /// Slots whose concurrent writes were outranked.
    pub contested: Vec<Contested>,
}

/// A slot with concurrent writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contested {
    /// The op that counts.
    pub winner: String,
    /// The ops that do not.
    pub losers: Vec<String>,
}

impl Show for GroupShowReply {
    fn show(&self, page: &mut Page) {
        let group = &self.group;
        page.fields(&[
            ("name", Cell(Tone::Strong, group.place.label())),
            ("id", group.place.id.clone().into()),
            ("in", group.parent.as_ref().map_or_else(|| "-".to_owned(), Place::label).into()),
            ("visibility", group.visibility.to_string().into()),
            ("default rights", self.default_rights.to_string().into()),
            ("contexts", group.contexts.join(" ").into()),
            ("state root", group.state_root.clone().into()),
        ]);
        show_members(&self.rows, page);
        for slot in &self.contested {
            let losers: Vec<_> = slot.losers.iter().map(|op| short(op)).collect();
            let text = format!("{} outranks {}", short(&slot.winner), losers.join(", "));
            page.put(Tone::Warn, &text).end();
        }
    }
}

impl Cx {
    /// What a grant in the group gives when the command names no rights.
    ///
    /// # Errors
    ///
    /// When the node is stopping or the store cannot be read.
    pub async fn default_rights(&self, scene: &Scene, group: GroupId) -> Result<Rights, Failure> {
        let namespace = scene.namespace();
        let slots = self.query(move |state| state.slots(&namespace, &group)).await?;
        let slot = slots.iter().find(|slot| slot.key.name == SlotName::DefaultRights);
        let Some(slot) = slot else { return Ok(Rights::MEMBER) };
        let payload = self.payloads(vec![slot.winner]).await?.pop().flatten();
        match payload.map(|payload| payload.body) {
            Some(Body::SlotSet { write: SlotWrite::DefaultRights(rights), .. }) => Ok(rights),
            Some(_) | None => Ok(Rights::MEMBER),
        }
    }
}

impl Call for GroupShow {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/group/show";
    type Reply = GroupShowReply;

    async fn answer(self, cx: &Cx) -> Result<GroupShowReply, Failure> {
        let scene = cx.scene().await?;
        let id = scene.group(Some(&self.group))?;
        let replies = cx.group_replies(&scene).await?;
        let found = replies.into_iter().find(|group| group.place.id == id.to_string());
        let group = found.ok_or_else(|| Failure::protocol("the group vanished meanwhile"))?;
        let namespace = scene.namespace();
        let slots = cx.query(move |state| state.slots(&namespace, &id)).await?;
        let contested = slots.iter().filter(|slot| !slot.losers.is_empty()).map(|slot| Contested {
            winner: slot.winner.to_string(),
            losers: slot.losers.iter().map(OpId::to_string).collect(),
        });
        let rows = scene.members.get(&id).into_iter().flatten();
        Ok(GroupShowReply {
            group,
            default_rights: RightsArg(cx.default_rights(&scene, id).await?),
            rows: rows.map(|row| MemberReply::new(&scene, row)).collect(),
            contested: contested.collect(),
        })
    }
}

/// Move a group, with all below it, into another
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct GroupMove {
    /// Which
    pub group: String,
    /// The group it goes into; `root` for the root
    #[arg(value_name = "TO")]
    pub new_parent: String,
}

impl Call for GroupMove {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/group/move";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(Some(&self.group))?;
        let new_parent = scene.group(Some(&self.new_parent))?;
        let sent = cx.govern(&scene, group, Body::GroupMoved { new_parent }).await?;
        let (what, to) = (scene.place(group).label(), scene.place(new_parent).label());
        Ok(Written::new(format!("moved {what} into {to}"), sent))
    }
}

/// Delete a group with all below it
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct GroupDelete {
    /// Which
    pub group: String,
}

impl Call for GroupDelete {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/group/delete";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(Some(&self.group))?;
        let sent = cx.govern(&scene, group, Body::GroupDeleted).await?;
        let done = format!("deleted {}", scene.place(group).label());
        Ok(Written::new(done, sent))
    }
}

/// Say who takes part in a group by inheritance
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct GroupVisibility {
    /// Which
    pub group: String,
    /// Who
    pub visibility: VisibilityArg,
}

impl Call for GroupVisibility {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/group/visibility";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(Some(&self.group))?;
        let write = SlotWrite::Visibility(self.visibility.into());
        let sent = cx.govern(&scene, group, Body::SlotSet { strict: false, write }).await?;
        let done = format!("{} is {} now", scene.place(group).label(), self.visibility);
        Ok(Written::new(done, sent))
    }
}

/// Give a group another name
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct GroupRename {
    /// Which; `root` for the namespace itself
    pub group: String,
    /// The new name
    pub name: String,
}

impl Call for GroupRename {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/group/rename";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let body = name_body(Subject::Group, &self.name)?;
        let scene = cx.scene().await?;
        let group = scene.group(Some(&self.group))?;
        let sent = cx.govern(&scene, group, body).await?;
        let done = format!("{} is called {} now", scene.place(group).label(), self.name);
        Ok(Written::new(done, sent))
    }
}
