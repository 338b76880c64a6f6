//! The groups of a namespace, nested, with their members.

use serde::{Deserialize, Serialize};

use super::group::GroupReply;
use super::member::MemberReply;
use crate::args::VisibilityArg;
use crate::call::{Call, Cx, Method};
use crate::errors::Failure;
use crate::render::{Page, Show, Tone};

/// Groups of the namespace, nested, with their members
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Tree {}

/// One group of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// The group.
    #[serde(flatten)]
    pub group: GroupReply,
    /// Its direct members, the most senior first.
    pub rows: Vec<MemberReply>,
}

/// The tree, parents before children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeReply {
    /// Each group.
    pub groups: Vec<Branch>,
}

impl TreeReply {
    /// The groups in reading order, each below its parent.
    fn nested(&self) -> Vec<&Branch> {
        let children = |parent: Option<&str>| {
            let is_child = move |branch: &&Branch| {
                branch.group.parent.as_ref().map(|parent| parent.id.as_str()) == parent
            };
            self.groups.iter().rev().filter(is_child).collect::<Vec<_>>()
        };
        let mut open = children(None);
        let mut nested = Vec::new();
        while let Some(branch) = open.pop() {
            nested.push(branch);
            open.extend(children(Some(&branch.group.place.id)));
        }
        nested
    }
}

impl Show for TreeReply {
    fn show(&self, page: &mut Page) {
        for branch in self.nested() {
            let depth = usize::try_from(branch.group.depth.saturating_sub(1)).unwrap_or(0);
            let indent = "    ".repeat(depth);
            page.put(Tone::Plain, &indent).put(Tone::Strong, &branch.group.place.label());
            if branch.group.visibility == VisibilityArg::Restricted {
                page.put(Tone::Warn, "  restricted");
            }
            let contexts = branch.group.contexts.len();
            if contexts > 0 {
                page.put(Tone::Dim, &format!("  {contexts} contexts"));
            }
            page.end();
            for member in &branch.rows {
                page.put(Tone::Plain, &format!("{indent}  - {}", member.who.label()));
                let rank = format!("  {} (rank {}.{})", member.role(), member.tier, member.rank);
                page.put(Tone::Dim, &rank).end();
            }
        }
    }
}

impl Call for Tree {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/tree";
    type Reply = TreeReply;

    async fn answer(self, cx: &Cx) -> Result<TreeReply, Failure> {
        let scene = cx.scene().await?;
        let replies = cx.group_replies(&scene).await?;
        let groups = replies.into_iter().zip(&scene.groups).map(|(group, view)| Branch {
            group,
            rows: scene
                .members
                .get(&view.group)
                .into_iter()
                .flatten()
                .map(|row| MemberReply::new(&scene, row))
                .collect(),
        });
        Ok(TreeReply { groups: groups.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Place;

    fn branch(name: &str, parent: Option<&str>, depth: u64) -> Branch {
        let place = |name: &str| Place {
            id: format!("grp1{name}"),
            name: Some(name.to_owned()),
            root: name == "top",
        };
        Branch {
            group: GroupReply {
                place: place(name),
                parent: parent.map(place),
                depth,
                visibility: VisibilityArg::Open,
                members: 0,
                contexts: Vec::new(),
                state_root: String::new(),
            },
            rows: Vec::new(),
        }
    }

    #[test]
    fn every_group_stands_below_its_parent() {
        let groups = vec![
            branch("top", None, 1),
            branch("a", Some("top"), 2),
            branch("b", Some("top"), 2),
            branch("a2", Some("a"), 3),
        ];
        let mut page = Page::new(false);
        TreeReply { groups }.show(&mut page);
        let shown = page.into_text();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines, ["top (root)", "    a grp1a", "        a2 grp1a2", "    b grp1b"]);
    }
}
