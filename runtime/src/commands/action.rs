//! Actions that `why-not` asks about, as a person writes them: `remove:Bob`, `create-group`.

use folkmoot_core::governance::op::{Body, SlotWrite, Subject, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::GroupId;
use folkmoot_core::limits::RULES_VERSION;

use super::namespace::name_body;
use crate::args::{RightsArg, VisibilityArg};
use crate::call::Cx;
use crate::errors::{Class, Failure};
use crate::resolve::nearest;
use crate::scene::Scene;

/// Every action, with its form.
pub const ACTIONS: [(&str, &str); 13] = [
    ("add", "add:MEMBER[:RIGHTS]"),
    ("remove", "remove:MEMBER"),
    ("restrict", "restrict:MEMBER:RIGHTS"),
    ("leave", "leave"),
    ("create-group", "create-group[:restricted]"),
    ("move", "move:GROUP:TO"),
    ("delete", "delete[:GROUP]"),
    ("rename", "rename[:GROUP]"),
    ("visibility", "visibility[:restricted]"),
    ("defaults", "defaults:RIGHTS"),
    ("register", "register"),
    ("detach", "detach:CONTEXT"),
    ("anchor", "anchor"),
];

fn unknown(word: &str) -> Failure {
    let near = nearest(word, ACTIONS.iter().map(|(name, _)| *name));
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let forms: Vec<_> = ACTIONS.iter().map(|(_, form)| *form).collect();
    Failure::new(Class::Usage, "unknown-action", format!("there is no action `{word}`{near}"))
        .hint(format!("actions: {}", forms.join(", ")))
}

fn wrong_form(word: &str) -> Failure {
    let form = ACTIONS.iter().find(|(name, _)| *name == word).map_or(word, |(_, form)| form);
    Failure::new(Class::Usage, "bad-action", format!("`{word}` is written so: {form}"))
}

impl Cx {
    /// The group and the body of an op that an action would be, in `group` where it names none.
    ///
    /// # Errors
    ///
    /// When there is no such action, or what it names does not exist.
    pub async fn action(
        &self,
        scene: &Scene,
        group: GroupId,
        text: &str,
    ) -> Result<(GroupId, Body), Failure> {
        let mut words = text.split(':');
        let verb = words.next().unwrap_or_default();
        let (first, second) = (words.next(), words.next());
        if words.next().is_some() {
            return Err(wrong_form(verb));
        }
        let rights = |text: Option<&str>| {
            let parsed = text.ok_or_else(|| wrong_form(verb))?.parse::<RightsArg>();
            parsed.map(|rights| rights.0).map_err(Failure::usage)
        };
        let member = || scene.member(first.ok_or_else(|| wrong_form(verb))?);
        let named = || first.map_or(Ok(group), |text| scene.group(Some(text)));
        let slot = |write| Body::SlotSet { strict: false, write };
        let body = match verb {
            "add" => {
                let rights = match second {
                    Some(_) => rights(second)?,
                    None => self.default_rights(scene, group).await?,
                };
                Body::MemberAdded { member: member()?, rights }
            }
            "remove" => Body::MemberRestricted { member: member()?, keep: Rights::NONE },
            "restrict" => Body::MemberRestricted { member: member()?, keep: rights(second)? },
            "leave" => Body::MemberLeft,
            "create-group" => Body::GroupCreated { visibility: visibility(first)? },
            "move" => {
                let to = second.ok_or_else(|| wrong_form(verb))?;
                let new_parent = scene.group(Some(to))?;
                return Ok((named()?, Body::GroupMoved { new_parent }));
            }
            "delete" => return Ok((named()?, Body::GroupDeleted)),
            "rename" => return Ok((named()?, name_body(Subject::Group, "name")?)),
            "visibility" => slot(SlotWrite::Visibility(visibility(first)?)),
            "defaults" => slot(SlotWrite::DefaultRights(rights(first)?)),
            "register" => Body::ContextRegistered { application: [0; 32] },
            "detach" => {
                let text = first.ok_or_else(|| wrong_form(verb))?;
                let (context, group) = self.context(scene, text).await?;
                return Ok((group, slot(SlotWrite::ContextDetached(context))));
            }
            "anchor" => Body::Anchor { rules: RULES_VERSION, notary: None },
            _ => return Err(unknown(verb)),
        };
        Ok((group, body))
    }
}

fn visibility(text: Option<&str>) -> Result<Visibility, Failure> {
    let parsed = text.map(str::parse::<VisibilityArg>).transpose().map_err(Failure::usage)?;
    Ok(parsed.map_or(Visibility::Open, Visibility::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_action_has_a_suggestion_and_the_list() {
        let failure = unknown("remvoe");
        assert!(failure.message.contains("`remove`"), "{}", failure.message);
        assert!(failure.hint.unwrap().contains("move:GROUP:TO"));
        assert!(wrong_form("add").message.ends_with("add:MEMBER[:RIGHTS]"));
    }
}
