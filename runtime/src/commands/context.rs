//! Contexts: register, list, detach.

use folkmoot_core::governance::op::SlotName;
use folkmoot_core::governance::op::{Body, SlotWrite, Subject};
use folkmoot_core::id::{ContextId, GroupId, OpId};
use serde::{Deserialize, Serialize};

use super::namespace::{hex, name_body};
use crate::call::{Call, Cx, Method};
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{Place, Written};
use crate::resolve::{Candidate, pick};
use crate::scene::{Scene, written_name};

/// Register a context in a group
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct CtxRegister {
    /// Its name
    pub name: Option<String>,
    /// Digest of the application it runs, 64 hex digits; none yet unless said
    #[arg(long, value_name = "HEX")]
    pub application: Option<String>,
    /// Where; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
}

/// 32 bytes from 64 hex digits.
fn digest(text: &str) -> Result<[u8; 32], Failure> {
    let wrong = || Failure::new(Class::Usage, "bad-digest", "a digest has 64 hex digits");
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(at * 2..at * 2 + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

impl Call for CtxRegister {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/ctx/register";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let application = self.application.as_deref().map_or(Ok([0; 32]), digest)?;
        let scene = cx.scene().await?;
        let group = scene.group(self.group.as_deref())?;
        // A name that cannot be written is noticed before anything is.
        let check = self.name.as_deref().map(|name| name_body(Subject::Group, name));
        check.transpose()?;
        let registration = Body::ContextRegistered { application };
        let done = format!("registered a context in {}", scene.place(group).label());
        let mut chain = cx.chain(scene.namespace());
        let Some(name) = &self.name else {
            let sent = chain.last(Some(&scene), group, registration).await?;
            let context = sent.ops.first().map(|op| ContextId::from(*op).to_string());
            return Ok(Written { created: context, ..Written::new(done, sent) });
        };
        let context = ContextId::from(chain.next(group, registration).await?);
        let naming = name_body(Subject::Context(context), name)?;
        let sent = chain.last(Some(&scene), group, naming).await?;
        Ok(Written::new(done, sent).creating(&context))
    }
}

/// Contexts of the namespace
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct CtxList {}

/// One context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CtxReply {
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its group.
    pub group: Place,
    /// Digest of the application it runs, in hex; none until one is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
}

/// Contexts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CtxListReply {
    /// Each of them.
    pub contexts: Vec<CtxReply>,
}

impl Show for CtxListReply {
    fn show(&self, page: &mut Page) {
        let row = |context: &CtxReply| {
            vec![
                Cell(Tone::Strong, context.name.clone().unwrap_or_else(|| "-".to_owned())),
                context.group.label().into(),
                context.application.clone().unwrap_or_else(|| "-".to_owned()).into(),
                context.id.clone().into(),
            ]
        };
        let rows: Vec<_> = self.contexts.iter().map(row).collect();
        page.table(&["context", "group", "application", "id"], &rows);
    }
}

impl Cx {
    /// The contexts of a namespace with their groups and names.
    async fn contexts(
        &self,
        scene: &Scene,
    ) -> Result<Vec<(ContextId, GroupId, Option<String>)>, Failure> {
        let (namespace, groups) = (scene.namespace(), scene.groups.clone());
        let name_ops = self.query(move |state| {
            let groups = groups.iter().filter(|group| !group.contexts.is_empty());
            let slots = groups.flat_map(|group| state.slots(&namespace, &group.group));
            let named = slots.filter_map(|slot| {
                let SlotName::Metadata(Subject::Context(context), key) = slot.key.name else {
                    return None;
                };
                (&*key == "name").then_some((context, slot.winner))
            });
            named.collect::<Vec<(ContextId, OpId)>>()
        });
        let name_ops = name_ops.await?;
        let payloads = self.payloads(name_ops.iter().map(|(_, op)| *op).collect()).await?;
        let names: std::collections::BTreeMap<_, _> = name_ops
            .into_iter()
            .zip(payloads)
            .filter_map(|((context, _), payload)| Some((context, written_name(&payload?)?)))
            .collect();
        let all = scene
            .groups
            .iter()
            .flat_map(|group| group.contexts.iter().map(|context| (*context, group.group)));
        Ok(all.map(|(context, group)| (context, group, names.get(&context).cloned())).collect())
    }
}

impl Call for CtxList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/ctx/list";
    type Reply = CtxListReply;

    async fn answer(self, cx: &Cx) -> Result<CtxListReply, Failure> {
        let scene = cx.scene().await?;
        let all = cx.contexts(&scene).await?;
        let made = cx.payloads(all.iter().map(|(context, ..)| OpId(context.0)).collect()).await?;
        let contexts = all.into_iter().zip(made).map(|((context, group, name), made)| {
            let application = match made.map(|payload| payload.body) {
                Some(Body::ContextRegistered { application }) if application != [0; 32] => {
                    Some(hex(&application))
                }
                Some(_) | None => None,
            };
            CtxReply { id: context.to_string(), name, group: scene.place(group), application }
        });
        Ok(CtxListReply { contexts: contexts.collect() })
    }
}

/// Take a context out of its group
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct CtxDetach {
    /// Which
    pub context: String,
}

impl Cx {
    /// The context that was named, and its group.
    ///
    /// # Errors
    ///
    /// When there is no such context, or several.
    pub async fn context(
        &self,
        scene: &Scene,
        text: &str,
    ) -> Result<(ContextId, GroupId), Failure> {
        let all = self.contexts(scene).await?.into_iter();
        let candidates: Vec<_> = all
            .map(|(context, group, name)| Candidate {
                value: (context, group),
                id: context.to_string(),
                name,
            })
            .collect();
        pick("context", ContextId::PREFIX, text, &candidates)
    }
}

impl Call for CtxDetach {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/ctx/detach";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let (context, group) = cx.context(&scene, &self.context).await?;
        let write = SlotWrite::ContextDetached(context);
        let sent = cx.govern(&scene, group, Body::SlotSet { strict: false, write }).await?;
        let done = format!("detached {context} from {}", scene.place(group).label());
        Ok(Written::new(done, sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hex_digits() {
        assert_eq!(digest(&hex(&[0xab; 32])), Ok([0xab; 32]));
        assert!(digest("ab").is_err() && digest(&"g".repeat(64)).is_err());
    }
}
