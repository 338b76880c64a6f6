use super::*;
use crate::client::Client;
use crate::commands::group::{GroupCreate, GroupMove};
use crate::commands::history::{History, ShowOp};
use crate::commands::invite::Invite;
use crate::commands::member::{MemberList, MemberRename};
use crate::commands::namespace::{NsCreate, NsList};
use crate::commands::node::{Down, Status};
use crate::commands::tree::Tree;
use crate::commands::why::WhyNot;
use folkmoot_core::record::SCHEMA;
use folkmoot_effects::store::{Home, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

struct Running {
    home: tempfile::TempDir,
    client: Client,
    task: JoinHandle<Result<(), Failure>>,
}

fn config() -> Config {
    Config {
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        mdns: false,
        quic: false,
        ..Config::default()
    }
}

async fn start() -> Running {
    let home = tempfile::tempdir().unwrap();
    let (told, heard) = tokio::sync::oneshot::channel();
    let path = home.path().to_path_buf();
    let task = tokio::spawn(async move {
        run(&path, config(), |ready| {
            told.send(ready.clone()).unwrap();
            Ok(())
        })
        .await
    });
    assert_eq!(heard.await.unwrap().addresses.len(), 1);
    let client = Client {
        socket: home.path().join(SOCKET),
        timeout: Duration::from_secs(20),
        namespace: None,
        wanted: Wanted::default(),
    };
    Running { home, client, task }
}

fn create(name: &str) -> NsCreate {
    NsCreate { name: name.to_owned(), owners: Vec::new(), identity: None }
}

fn group(name: &str, parent: Option<&str>) -> GroupCreate {
    let parent = parent.map(str::to_owned);
    GroupCreate { name: name.to_owned(), parent, restricted: true }
}

/// Speaks HTTP by hand, as a client of another make.
async fn raw(socket: &Path, request: &str) -> String {
    let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_founded_governed_and_stopped_over_its_socket() {
    let Running { home, client, task } = start().await;
    let failure = client.call(&Tree {}).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.class), ("no-namespace", Class::NotFound));

    let founded = client.call(&create("Acme & Söhne")).await.unwrap();
    client.call(&group("Eng", None)).await.unwrap();
    client.call(&group("Ops", Some("Eng"))).await.unwrap();
    let name = MemberRename { member: "me".to_owned(), name: "Alice".to_owned() };
    client.call(&name).await.unwrap();
    let tree = client.call(&Tree {}).await.unwrap();
    let names: Vec<_> = tree.groups.iter().map(|it| it.group.place.name.clone()).collect();
    assert_eq!(names, ["Acme & Söhne", "Eng", "Ops"].map(|name| Some(name.to_owned())));

    let rows = client.call(&MemberList { group: Some("O".to_owned()) }).await.unwrap();
    assert_eq!(rows.members[0].who.name.as_deref(), Some("Alice"));
    let circle = GroupMove { group: "Eng".to_owned(), new_parent: "Ops".to_owned() };
    assert_eq!(client.call(&circle).await.unwrap_err().code, "circle");
    let asked = WhyNot { member: "me".into(), action: "remove:me".into(), group: None };
    assert!(!client.call(&asked).await.unwrap().may);

    let history = client.call(&History { limit: 50, ..History::default() }).await.unwrap();
    assert_eq!(history.ops.len(), 7);
    let op = client.call(&ShowOp { op: founded.ops[1][..14].to_owned() }).await.unwrap();
    assert_eq!(op.op.summary, "named Acme & Söhne (root) “Acme & Söhne”");
    assert_eq!(op.authority[0].kind, "NamespaceCreated");
    let invited = client.call(&Invite::default()).await.unwrap();
    let code = crate::code::Code::decode(&invited.code).unwrap();
    assert_eq!(code.addresses.len(), 1);

    let (_, file) = client.export().await.unwrap();
    assert_eq!(file.ops.len(), 7);
    let report = client.import(file).await.unwrap();
    assert_eq!((report.known, report.new, report.refused), (7, 0, 0));

    client.call(&Down {}).await.unwrap();
    wait_until_free(home.path(), Duration::from_secs(20)).await.unwrap();
    task.await.unwrap().unwrap();
    assert!(!home.path().join(SOCKET).exists() && !home.path().join(PID).exists());
    assert_eq!(client.call(&Status::default()).await.unwrap_err().class, Class::NotRunning);
    let report = crate::commands::offline::verify(home.path()).unwrap();
    assert_eq!(report.ops, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_namespaces_are_told_apart_by_name() {
    let Running { home: _home, client, task } = start().await;
    client.call(&create("Acme")).await.unwrap();
    client.call(&create("Globex")).await.unwrap();
    assert_eq!(client.call(&Tree {}).await.unwrap_err().code, "which-namespace");
    let named = Client { namespace: Some("Glo".to_owned()), ..client.clone() };
    let tree = named.call(&Tree {}).await.unwrap();
    assert_eq!(tree.groups[0].group.place.name.as_deref(), Some("Globex"));
    let all = client.call(&NsList {}).await.unwrap().namespaces;
    assert_ne!(all[0].me, all[1].me, "an identity is used for one namespace");
    client.call(&Down {}).await.unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_private_and_bad_requests_are_answered_in_one_form() {
    let Running { home, client, task } = start().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&client.socket), mode(home.path())), (0o600, 0o700));

    let head = "HTTP/1.1\r\nHost: moot\r\nConnection: close\r\n";
    let answer = raw(&client.socket, &format!("GET /v1/nothing {head}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains(r#""code":"no-route""#));
    let answer = raw(&client.socket, &format!("GET /v1/ns/create {head}\r\n")).await;
    assert!(answer.contains(r#""code":"no-route""#), "{answer}");
    let answer = raw(&client.socket, &format!("GET /v1/history?limit=x {head}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(r#""ok":false"#), "{answer}");
    let post = format!("POST /v1/ns/create {head}Content-Length: 9\r\n\r\n{{\"nam\":1}}");
    assert!(raw(&client.socket, &post).await.starts_with("HTTP/1.1 400"));
    let large = crate::commands::export::PAGE_BYTES_MAX + 1;
    let post = format!("POST /v1/join {head}Content-Length: {large}\r\n\r\n");
    let answer = raw(&client.socket, &(post + &" ".repeat(large))).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");

    let second = run(home.path(), config(), |_| Ok(())).await.unwrap_err();
    assert_eq!((second.code.as_str(), second.class), ("data-in-use", Class::InUse));
    client.call(&Status::default()).await.unwrap();
    client.call(&Down {}).await.unwrap();
    task.await.unwrap().unwrap();
}

/// The record is whole, and so is the log; only this program cannot read it.
#[tokio::test]
async fn a_record_of_another_schema_is_of_another_format_and_not_damaged() {
    let home = tempfile::tempdir().unwrap();
    let claimed = Home::claim(home.path(), &[]).unwrap();
    let (mut store, _) = Store::open(claimed, [7; 16]).unwrap();
    store.append(&[vec![SCHEMA + 1, 0]]).unwrap();
    store.close().unwrap();
    let failure = run(home.path(), config(), |_| Ok(())).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.class), ("other-format", Class::Damaged));
}

#[test]
fn a_node_that_ends_leaves_what_the_next_one_has_put_there() {
    let home = tempfile::tempdir().unwrap();
    let [socket, pid] = [SOCKET, PID].map(|name| home.path().join(name));
    fs::write(&socket, "").unwrap();
    for (written, stays) in [("1\n".to_owned(), true), (own_pid(), false)] {
        fs::write(&pid, written).unwrap();
        vacate(home.path());
        assert_eq!((socket.exists(), pid.exists()), (stays, stays));
    }
}
