//! The other end of the local API: what every command but `up` speaks with.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::call::{Call, Method};
use crate::commands::export::{ImportReply, OpsFile};
use crate::commands::join::{Join, JoinReply, Progress};
use crate::delivery::Wanted;
use crate::envelope;
use crate::errors::{Class, Failure};
use crate::server::{EXPORT, IMPORT, OPS_TYPE};

/// Largest answer that is read at once, in bytes; an export may be larger.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A way to a running node.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its socket.
    pub socket: PathBuf,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The namespace that commands are about, where one was named.
    pub namespace: Option<String>,
    /// What commands that write want of their delivery.
    pub wanted: Wanted,
}

impl Client {
    /// Has the node answer a command.
    ///
    /// # Errors
    ///
    /// What the node says, that it is not running, or that it took too long.
    pub async fn call<C: Call>(&self, call: &C) -> Result<C::Reply, Failure> {
        let parameters = serde_json::to_value(call);
        let parameters = parameters.map_err(|error| Failure::protocol(error.to_string()))?;
        let (query, body) = match C::METHOD {
            Method::Get => (parameters, Vec::new()),
            Method::Post => (Value::Null, parameters.to_string().into_bytes()),
        };
        let request = self.request(C::METHOD, C::PATH, &query, "application/json", body)?;
        self.within(async { envelope::open(&collect(self.send(request).await?).await?) }).await
    }

    /// Joins a namespace, and passes on what happens.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn join(
        &self,
        call: &Join,
        mut tell: impl FnMut(Progress),
    ) -> Result<JoinReply, Failure> {
        let body = serde_json::to_vec(call);
        let body = body.map_err(|error| Failure::protocol(error.to_string()))?;
        let json = "application/json";
        let request = self.request(Method::Post, Join::PATH, &Value::Null, json, body)?;
        let joining = async {
            let mut stream = self.send(request).await?.into_body();
            let mut text = Vec::new();
            while let Some(frame) = stream.frame().await {
                let frame = frame.map_err(|error| broken_off(&error))?;
                text.extend_from_slice(frame.data_ref().map_or(&[], |bytes| bytes));
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let rest = text.split_off(end + 1);
                    let line = std::mem::replace(&mut text, rest);
                    match serde_json::from_slice(&line) {
                        Ok(progress) => tell(progress),
                        Err(_) => return envelope::open(&line),
                    }
                }
            }
            envelope::open(&text)
        };
        self.within(joining).await
    }

    /// The export of a namespace, checked.
    ///
    /// # Errors
    ///
    /// As [`Client::call`], and when it broke off.
    pub async fn export(&self) -> Result<(Vec<u8>, OpsFile), Failure> {
        let request = self.request(Method::Get, EXPORT, &Value::Null, OPS_TYPE, Vec::new())?;
        let exporting = async {
            let response = self.send(request).await?;
            if response.status() != StatusCode::OK {
                return envelope::open::<Value>(&collect(response).await?).and_then(|_| {
                    Err(Failure::protocol("the node gave something else than an export"))
                });
            }
            let body = response.into_body().collect().await.map_err(|error| broken_off(&error))?;
            let bytes: Vec<u8> = body.to_bytes().into();
            let file = OpsFile::decode(&bytes)?;
            Ok((bytes, file))
        };
        self.within(exporting).await
    }

    /// Imports ops, page by page.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn import(&self, file: OpsFile) -> Result<ImportReply, Failure> {
        let namespace = file.namespace.to_string();
        let mut report = ImportReply { namespace, ..ImportReply::default() };
        for page in file.into_pages() {
            let body = page.encode();
            let request = self.request(Method::Post, IMPORT, &Value::Null, OPS_TYPE, body)?;
            let importing = async { envelope::open(&collect(self.send(request).await?).await?) };
            report.add(self.within(importing).await?);
        }
        Ok(report)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        parameters: &Value,
        content: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let verb = match method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
        };
        let mut common: Vec<(&str, String)> =
            self.namespace.iter().map(|text| ("ns", text.clone())).collect();
        if method == Method::Post {
            common.extend(self.wanted.parameters());
        }
        let target = format!("{path}{}", query(parameters, &common));
        let request = Request::builder()
            .method(verb)
            .uri(target)
            .header(header::HOST, "moot")
            .header(header::CONTENT_TYPE, content)
            .body(Full::new(Bytes::from(body)));
        request.map_err(|error| Failure::usage(error.to_string()))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|source| self.not_reached(&source))?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| broken_off(&error))?;
        // Ends with the answer; an error in between shows at the answer as well.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| broken_off(&error))
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let seconds = self.timeout.as_secs_f32();
        let late = |_| {
            let message = format!("the node did not answer within {seconds} s");
            Failure::new(Class::Timeout, "timeout", message)
                .hint("it may still do it: look, then try again with a longer --timeout")
        };
        tokio::time::timeout(self.timeout, answer).await.map_err(late)?
    }

    fn not_reached(&self, source: &io::Error) -> Failure {
        // Reset: it died before it took the connection.
        let absent = [
            io::ErrorKind::NotFound,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionReset,
        ];
        if !absent.contains(&source.kind()) {
            return Failure::file("connect to", &self.socket, source);
        }
        let home = self.socket.parent().unwrap_or(&self.socket);
        let message = format!("no node is running in {}", home.display());
        Failure::new(Class::NotRunning, "not-running", message).hint("moot up -d")
    }
}

fn broken_off(error: &hyper::Error) -> Failure {
    let message = format!("the node ended the connection: {error}");
    Failure::new(Class::NotRunning, "broken-off", message).hint("look at `moot status`")
}

async fn collect(response: Response<Incoming>) -> Result<Bytes, Failure> {
    let body = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let read = body.collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| {
        match error.downcast::<hyper::Error>() {
            Ok(error) => broken_off(&error),
            Err(error) => Failure::protocol(format!("the answer cannot be read: {error}")),
        }
    })
}

/// The parameters of a call as a query, with those that are common to all.
fn query(parameters: &Value, common: &[(&str, String)]) -> String {
    let mut pairs = Vec::new();
    for (name, value) in parameters.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => pairs.push(format!("{name}={}", escape(text))),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                pairs.push(format!("{name}={}", escape(&value.to_string())));
            }
        }
    }
    pairs.extend(common.iter().map(|(name, text)| format!("{name}={}", escape(text))));
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Text for a query: all but letters, digits and `-_.~` percent-encoded.
fn escape(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        let parameters = serde_json::json!({ "group": "A&B ö", "limit": 5, "member": null });
        let common = [("ns", "x=y".to_owned())];
        assert_eq!(query(&parameters, &common), "?group=A%26B%20%C3%B6&limit=5&ns=x%3Dy");
        assert_eq!(query(&Value::Null, &[]), "");
    }

    #[tokio::test]
    async fn without_a_node_the_hint_is_to_start_one() {
        let home = tempfile::tempdir().unwrap();
        let client = Client {
            socket: home.path().join("moot.sock"),
            timeout: Duration::from_secs(1),
            namespace: None,
            wanted: Wanted::default(),
        };
        let failure = client.call(&crate::commands::node::Status::default()).await.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.class), ("not-running", Class::NotRunning));
        // A socket that nobody listens at any more is the same.
        drop(std::os::unix::net::UnixListener::bind(&client.socket).unwrap());
        let failure = client.call(&crate::commands::node::Status::default()).await.unwrap_err();
        assert_eq!(failure.class, Class::NotRunning);
    }
}
