//! The local API: HTTP/1.1 on a Unix socket, a route for each command, one form of answers.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{get, post};
use folkmoot_core::digest::{Domain, hasher};
use folkmoot_core::id::{NamespaceId, OpId};
use futures::stream;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::call::{Call, Cx, Method};
use crate::commands::export::{ImportReply, MAGIC, OpsFile, PAGE_BYTES_MAX};
use crate::commands::join::{self, Join};
use crate::commands::{
    compare, context, group, history, invite, member, namespace, network, node, peers, tree, why,
};
use crate::delivery::Wanted;
use crate::envelope::seal;
use crate::errors::{Class, Failure};

/// Route of the export, which streams a file.
pub const EXPORT: &str = "/v1/export";
/// Route of the import, which takes a page of such a file.
pub const IMPORT: &str = "/v1/import";

/// Type of the body of an export and of an import.
pub const OPS_TYPE: &str = "application/octet-stream";

/// Lines or chunks that wait for a slow reader.
const WAITING_MAX: usize = 16;
/// Ops read from the store at once for an export.
const EXPORT_OPS: usize = 256;

/// Sees every command that is one call and one answer.
pub trait Visit {
    /// Sees one.
    fn see<C: Call>(&mut self);
}

/// Shows all of them: for routes, and for whoever tries what each of them reads.
pub fn visit(visitor: &mut impl Visit) {
    visitor.see::<node::Status>();
    visitor.see::<node::Down>();
    visitor.see::<namespace::NsCreate>();
    visitor.see::<namespace::NsList>();
    visitor.see::<namespace::NsShow>();
    visitor.see::<namespace::NsLeave>();
    visitor.see::<tree::Tree>();
    visitor.see::<group::GroupCreate>();
    visitor.see::<group::GroupList>();
    visitor.see::<group::GroupShow>();
    visitor.see::<group::GroupMove>();
    visitor.see::<group::GroupDelete>();
    visitor.see::<group::GroupVisibility>();
    visitor.see::<group::GroupRename>();
    visitor.see::<invite::Invite>();
    visitor.see::<invite::InviteList>();
    visitor.see::<invite::InviteRevoke>();
    visitor.see::<member::MemberAdd>();
    visitor.see::<member::MemberList>();
    visitor.see::<member::MemberRemove>();
    visitor.see::<member::MemberRights>();
    visitor.see::<member::MemberRename>();
    visitor.see::<member::Defaults>();
    visitor.see::<context::CtxRegister>();
    visitor.see::<context::CtxList>();
    visitor.see::<context::CtxDetach>();
    visitor.see::<history::History>();
    visitor.see::<history::ShowOp>();
    visitor.see::<history::Anchor>();
    visitor.see::<why::Why>();
    visitor.see::<why::WhyNot>();
    visitor.see::<peers::Peers>();
    visitor.see::<peers::Ping>();
    visitor.see::<compare::Compare>();
    visitor.see::<network::Connect>();
    visitor.see::<network::Block>();
    visitor.see::<network::Unblock>();
    visitor.see::<join::JoinCancel>();
}

/// The API.
pub fn router(cx: Cx) -> Router {
    let mut routes = Routes(Router::new());
    visit(&mut routes);
    routes
        .0
        .route(Join::PATH, post(joined))
        .route(EXPORT, get(export))
        .route(IMPORT, post(import))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(cx)
}

struct Routes(Router<Cx>);

impl Visit for Routes {
    fn see<C: Call>(&mut self) {
        let handler = match C::METHOD {
            Method::Get => get(answer::<C>),
            Method::Post => post(answer::<C>),
        };
        self.0 = std::mem::take(&mut self.0).route(C::PATH, handler);
    }
}

/// What every route takes beside its own parameters.
#[derive(Deserialize)]
struct Common {
    ns: Option<String>,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    no_wait: bool,
    acks: Option<u32>,
    within_ms: Option<u64>,
}

async fn answer<C: Call>(State(cx): State<Cx>, request: Request) -> Response {
    let result = match read::<C>(cx, request).await {
        Ok((cx, call)) => call.answer(&cx).await,
        Err(failure) => Err(failure),
    };
    sealed(&result)
}

async fn read<C: Call>(cx: Cx, request: Request) -> Result<(Cx, C), Failure> {
    let cx = with_namespace(cx, request.uri())?;
    let call = match C::METHOD {
        Method::Get => parameters(request.uri())?,
        Method::Post => json(request).await?,
    };
    Ok((cx, call))
}

fn with_namespace(cx: Cx, uri: &Uri) -> Result<Cx, Failure> {
    let Common { ns, strict, no_wait, acks, within_ms } = parameters(uri)?;
    let wanted = Wanted { strict, acks, no_wait, within_ms };
    Ok(Cx { ns, wanted, ..cx })
}

/// The parameters in the query of an address such as `/v1/tree?depth=3`.
///
/// # Errors
///
/// What is wrong with it.
pub fn query_of<T: serde::de::DeserializeOwned>(address: &str) -> Result<T, Failure> {
    let uri = Uri::try_from(address);
    parameters(&uri.map_err(|error| Failure::usage(format!("bad address: {error}")))?)
}

fn parameters<T: serde::de::DeserializeOwned>(uri: &Uri) -> Result<T, Failure> {
    let parsed = Query::<T>::try_from_uri(uri);
    let parsed = parsed.map_err(|error| Failure::usage(format!("bad parameters: {error}")));
    parsed.map(|Query(parameters)| parameters)
}

async fn body(request: Request) -> Result<Bytes, Failure> {
    let read = axum::body::to_bytes(request.into_body(), PAGE_BYTES_MAX).await;
    read.map_err(|error| {
        let message = format!("the body is larger than {PAGE_BYTES_MAX} bytes, or broke off");
        Failure::usage(format!("{message}: {error}"))
    })
}

async fn json<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Failure> {
    body_of(&body(request).await?)
}

/// The parameters in the body of a request.
///
/// # Errors
///
/// What is wrong with them.
pub fn body_of<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::usage(format!("bad body: {error}")))
}

async fn unknown(uri: Uri) -> Response {
    let message = format!("there is no route {} of this method", uri.path());
    sealed(&Err::<(), _>(Failure::new(Class::NotFound, "no-route", message)))
}

fn sealed<T: serde::Serialize>(result: &Result<T, Failure>) -> Response {
    let status = result.as_ref().map_or_else(|failure| status(failure.class), |_| StatusCode::OK);
    let text = seal(result);
    respond(status, "application/json", Body::from(text))
}

fn respond(status: StatusCode, content: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let value = header::HeaderValue::from_static(content);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

const fn status(class: Class) -> StatusCode {
    match class {
        Class::Usage => StatusCode::BAD_REQUEST,
        Class::Denied => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Failed | Class::InUse => StatusCode::CONFLICT,
        Class::NotRunning | Class::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        Class::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Class::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
        Class::Storage => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// A body whose pieces come from a channel.
fn streamed(pieces: mpsc::Receiver<Result<Bytes, Failure>>) -> Body {
    let next = |mut pieces: mpsc::Receiver<_>| async { Some((pieces.recv().await?, pieces)) };
    Body::from_stream(stream::unfold(pieces, next))
}

/// A line for each phase, then the answer. The join goes on when the reader leaves.
async fn joined(State(cx): State<Cx>, request: Request) -> Response {
    let call: Join = match json(request).await {
        Ok(call) => call,
        Err(failure) => return sealed(&Err::<(), _>(failure)),
    };
    let (lines, written) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        let (progress, mut phases) = mpsc::channel(WAITING_MAX);
        let running = async {
            let result = join::run(call, &cx, &progress).await;
            drop(progress);
            result
        };
        let telling = async {
            while let Some(phase) = phases.recv().await {
                let line = serde_json::to_string(&phase).unwrap_or_default() + "\n";
                // A reader who has gone away does not stop the join.
                let _ = lines.send(Ok(Bytes::from(line))).await;
            }
        };
        // The sender lives in the first future, whose end ends the second.
        let (result, ()) = tokio::join!(running, telling);
        let _ = lines.send(Ok(Bytes::from(seal(&result) + "\n"))).await;
    });
    respond(StatusCode::OK, "application/x-ndjson", streamed(written))
}

async fn import(State(cx): State<Cx>, request: Request) -> Response {
    let imported = async {
        let OpsFile { namespace, ops } = OpsFile::decode(&body(request).await?)?;
        let report = cx.node.import(namespace, ops).await?;
        Ok(ImportReply {
            namespace: namespace.to_string(),
            new: report.new,
            known: report.known,
            pending: report.pending,
            refused: report.refused,
            reason: report.first_refusal,
        })
    };
    sealed(&imported.await)
}

async fn export(State(cx): State<Cx>, uri: Uri) -> Response {
    let planned = async {
        let cx = with_namespace(cx, &uri)?;
        let namespace = cx.namespace().await?.namespace;
        let mut ops = cx.all_ops(namespace).await?;
        // A parent has a smaller generation.
        ops.sort_unstable();
        Ok((cx, namespace, ops.into_iter().map(|(_, op)| op).collect::<Vec<_>>()))
    };
    let (cx, namespace, ops) = match planned.await {
        Ok(plan) => plan,
        Err(failure) => return sealed(&Err::<(), _>(failure)),
    };
    let (pieces, written) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        if let Err(failure) = export_into(&cx, namespace, &ops, &pieces).await {
            tracing::error!(%failure, "the export broke off");
            // The reader sees a body that ends too early.
            let _ = pieces.send(Err(failure)).await;
        }
    });
    respond(StatusCode::OK, OPS_TYPE, streamed(written))
}

/// Writes an export piece by piece; ends early when the reader leaves.
async fn export_into(
    cx: &Cx,
    namespace: NamespaceId,
    ops: &[OpId],
    pieces: &mpsc::Sender<Result<Bytes, Failure>>,
) -> Result<(), Failure> {
    let mut hasher = hasher(Domain::Checksum);
    let mut piece = MAGIC.to_vec();
    piece.extend_from_slice(&namespace.0);
    for some in ops.chunks(EXPORT_OPS) {
        for (id, op) in some.iter().zip(cx.node.bodies(some.to_vec()).await?) {
            let op = op.ok_or_else(|| {
                Failure::new(Class::Damaged, "op-missing", format!("the store has no body of {id}"))
            })?;
            OpsFile::append(&mut piece, &op);
        }
        hasher.update(&piece);
        if pieces.send(Ok(Bytes::from(std::mem::take(&mut piece)))).await.is_err() {
            return Ok(());
        }
    }
    hasher.update(&[0; 4]);
    let _ = pieces.send(Ok(Bytes::from_static(&[0; 4]))).await;
    let check = hasher.finalize().as_bytes().to_vec();
    let _ = pieces.send(Ok(Bytes::from(check))).await;
    Ok(())
}
