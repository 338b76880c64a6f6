//! Members: add, list, remove, rights, rename; and the default rights of a group.

use folkmoot_core::governance::op::{Body, SlotWrite, Subject};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::query::{MayView, MemberView};
use serde::{Deserialize, Serialize};

use super::namespace::name_body;
use crate::args::RightsArg;
use crate::call::{Call, Cx, Method};
use crate::delivery::ReceiptReply;
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{Place, Who, Written, short};
use crate::scene::Scene;

/// A direct row of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberReply {
    /// Who.
    #[serde(flatten)]
    pub who: Who,
    /// What they have.
    pub rights: RightsArg,
    /// 0 owner, 1 admin of the root, 2 admin of a group, 3 the rest.
    pub tier: u8,
    /// Place within the tier; smaller is more senior.
    pub rank: u64,
    /// The op of their most senior grant.
    pub by: String,
}

impl MemberReply {
    /// A row for an answer.
    pub fn new(scene: &Scene, row: &MemberView) -> Self {
        Self {
            who: scene.who(row.member),
            rights: RightsArg(row.rights),
            tier: row.tier,
            rank: row.rank,
            by: row.by.to_string(),
        }
    }

    /// Role and rights in short.
    pub fn role(&self) -> String {
        if self.tier == 0 { "owner".to_owned() } else { self.rights.to_string() }
    }
}

/// Members as a table.
pub fn show_members(rows: &[MemberReply], page: &mut Page) {
    let row = |member: &MemberReply| {
        vec![
            Cell(Tone::Strong, member.who.label()),
            member.role().into(),
            format!("{}.{}", member.tier, member.rank).into(),
            Cell(Tone::Dim, short(&member.by)),
        ]
    };
    page.table(&["member", "rights", "rank", "by"], &rows.iter().map(row).collect::<Vec<_>>());
}

/// Add a member, or give one more rights
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct MemberAdd {
    /// Who, by the whole id
    pub member: String,
    /// Role or rights; the group's defaults unless said
    pub rights: Option<RightsArg>,
    /// Where; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
}

impl Call for MemberAdd {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/member/add";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(self.group.as_deref())?;
        let member = scene.member(&self.member)?;
        let rights = match self.rights {
            Some(RightsArg(rights)) => rights,
            None => cx.default_rights(&scene, group).await?,
        };
        let body = Body::MemberAdded { member, rights };
        let sent = cx.govern(&scene, group, body).await?;
        let (who, place) = (scene.who(member).label(), scene.place(group).label());
        Ok(Written::new(format!("gave {who} {rights} in {place}"), sent))
    }
}

/// Members of a group
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct MemberList {
    /// Where; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
}

/// Members of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberListReply {
    /// The group.
    pub group: Place,
    /// Its direct members, the most senior first.
    pub members: Vec<MemberReply>,
}

impl Show for MemberListReply {
    fn show(&self, page: &mut Page) {
        show_members(&self.members, page);
    }
}

impl Call for MemberList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/member/list";
    type Reply = MemberListReply;

    async fn answer(self, cx: &Cx) -> Result<MemberListReply, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(self.group.as_deref())?;
        let rows = scene.members.get(&group).into_iter().flatten();
        let members = rows.map(|row| MemberReply::new(&scene, row)).collect();
        Ok(MemberListReply { group: scene.place(group), members })
    }
}

/// Remove a member
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct MemberRemove {
    /// Who; `me` for yourself
    pub member: String,
    /// Where, with all below; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
}

impl Call for MemberRemove {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/member/remove";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(self.group.as_deref())?;
        let member = scene.member(&self.member)?;
        let body = Body::MemberRestricted { member, keep: Rights::NONE };
        let sent = cx.govern(&scene, group, body).await?;
        let (who, place) = (scene.who(member).label(), scene.place(group).label());
        Ok(Written::new(format!("removed {who} from {place}"), sent))
    }
}

/// Set the rights of a member: what is missing is granted, what is too much is taken
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct MemberRights {
    /// Who
    pub member: String,
    /// Role or rights they shall have
    pub rights: RightsArg,
    /// Where; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
}

/// The ops that lead from one set of rights to another: a restriction of what is taken, then a
/// grant of what is added. In this order nobody has more than both at any time, and the grant,
/// having seen the restriction, is not touched by it.
pub fn rights_change(current: Rights, wanted: Rights) -> (Option<Rights>, Option<Rights>) {
    let keep = if wanted.covers(current) { None } else { Some(wanted) };
    let added = match (wanted.is_admin(), wanted.without(current)) {
        (_, Rights::NONE) => None,
        (true, _) => Some(Rights::ADMIN),
        (false, added) => Some(added),
    };
    (keep, added)
}

impl Call for MemberRights {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/member/rights";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(self.group.as_deref())?;
        let member = scene.member(&self.member)?;
        let current = scene.row(&group, &member).map_or(Rights::NONE, |row| row.rights);
        let (keep, added) = rights_change(current, self.rights.0);
        let (who, place) = (scene.who(member).label(), scene.place(group).label());
        let grant = added.map(|rights| Body::MemberAdded { member, rights });
        // Both or none: the grant is tried before the restriction is written.
        if let (Some(_), Some(body)) = (keep, grant.clone()) {
            let (namespace, me) = (scene.namespace(), scene.view.me);
            let may = cx.query(move |state| state.may(&namespace, &me, &group, &body)).await?;
            if let MayView::No { why, .. } = may {
                return Err(Failure::new(Class::Denied, "not-authorised", why)
                    .hint("nothing was written; `moot why-not` says who could do it"));
            }
        }
        let restriction = keep.map(|keep| Body::MemberRestricted { member, keep });
        let mut bodies: Vec<Body> = restriction.into_iter().chain(grant).collect();
        let Some(last) = bodies.pop() else {
            let message = format!("{who} has {current} in {place} already");
            return Err(Failure::new(Class::Failed, "nothing-added", message));
        };
        let mut chain = cx.chain(scene.namespace());
        for body in bodies {
            chain.next(group, body).await?;
        }
        let sent = chain.last(Some(&scene), group, last).await?;
        Ok(Written::new(format!("{who} has {} in {place} now", self.rights), sent))
    }
}

/// Give a member a name
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct MemberRename {
    /// Who; `me` for yourself
    pub member: String,
    /// The name
    pub name: String,
}

impl Call for MemberRename {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/member/rename";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let member = scene.member(&self.member)?;
        let body = name_body(Subject::Member(member), &self.name)?;
        let sent = cx.govern(&scene, scene.root(), body).await?;
        let done = format!("{} is called {} now", short(&member.to_string()), self.name);
        Ok(Written::new(done, sent))
    }
}

/// Show or set what a grant in a group gives when the command names no rights
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Defaults {
    /// Role or rights
    pub rights: Option<RightsArg>,
    /// Where; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
}

/// Default rights of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultsReply {
    /// The group.
    pub group: Place,
    /// What a grant gives by default.
    pub rights: RightsArg,
    /// The op that set it, if this command did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// Who else has that op.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptReply>,
}

impl Show for DefaultsReply {
    fn show(&self, page: &mut Page) {
        page.line(&format!("new members of {} get {}", self.group.label(), self.rights));
        if let Some(receipt) = &self.receipt {
            receipt.show(page);
        }
    }
}

impl Call for Defaults {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/defaults";
    type Reply = DefaultsReply;

    async fn answer(self, cx: &Cx) -> Result<DefaultsReply, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(self.group.as_deref())?;
        let place = scene.place(group);
        let Some(RightsArg(rights)) = self.rights else {
            let rights = RightsArg(cx.default_rights(&scene, group).await?);
            return Ok(DefaultsReply { group: place, rights, op: None, receipt: None });
        };
        let body = Body::SlotSet { strict: false, write: SlotWrite::DefaultRights(rights) };
        let sent = cx.govern(&scene, group, body).await?;
        let op = sent.ops.last().map(ToString::to_string);
        Ok(DefaultsReply {
            group: place,
            rights: RightsArg(rights),
            op,
            receipt: Some(sent.receipt),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_rights_is_a_restriction_and_a_grant() {
        let (read, write) = (Rights::READ, Rights::WRITE);
        assert_eq!(rights_change(Rights::MEMBER, Rights::MEMBER), (None, None));
        assert_eq!(rights_change(Rights::NONE, Rights::MEMBER), (None, Some(Rights::MEMBER)));
        assert_eq!(rights_change(Rights::MEMBER, read), (Some(read), None));
        assert_eq!(rights_change(read, write), (Some(write), Some(write)));
        assert_eq!(rights_change(Rights::MEMBER, Rights::NONE), (Some(Rights::NONE), None));
        assert_eq!(rights_change(Rights::MEMBER, Rights::ADMIN), (None, Some(Rights::ADMIN)));
        assert_eq!(rights_change(Rights::ADMIN, Rights::MEMBER), (Some(Rights::MEMBER), None));
    }
}
