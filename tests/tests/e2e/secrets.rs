//! What must not get out: secrets (attack 64), and characters that a terminal obeys (attack 63).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ed25519_zebra::{SigningKey, VerificationKey};
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::codec;
use folkmoot_core::command::{Command, Delivery, Outcome};
use folkmoot_core::governance::op::{Body, SlotWrite, Subject};
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_effects::node::{self, NodeConfig, Signer};
use folkmoot_runtime::armor::unarmor;
use folkmoot_runtime::code::Code;
use folkmoot_runtime::commands::namespace::hex;
use folkmoot_runtime::keys::Keystore;
use folkmoot_runtime::render::safe;
use folkmoot_tests::e2e::{Node, Stage, agree, contents, text};

use super::{founder, stage};

/// A secret in every form in which it might be written.
struct Secret {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Secret {
    fn new(name: &str, text: &str, bytes: &[u8]) -> Self {
        assert_eq!(bytes.len(), 32);
        let hex = hex(bytes);
        let debug = format!("{bytes:?}");
        let forms = vec![
            bytes.to_vec(),
            text.trim().as_bytes().to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            // As `{:?}` of an array has it.
            debug.trim_matches(['[', ']']).as_bytes().to_vec(),
        ];
        Self { name: name.to_owned(), forms }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
    }
}

/// The secret keys of a node: of the transport, and of each identity.
fn key_secrets(node: &Node) -> Vec<Secret> {
    let files = contents(&node.home().join("keys"));
    let keys = files.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "key"));
    keys.map(|(path, bytes)| {
        let armored = String::from_utf8(bytes.clone()).unwrap();
        let secret = unarmor("secret", armored.trim(), 32).unwrap();
        Secret::new(&path.display().to_string(), &armored, &secret)
    })
    .collect()
}

/// The one-time secret in an invitation: what follows what the inviter signed.
fn one_time_secret(code: &str) -> Secret {
    let bytes = unarmor("moot", code, 8192).unwrap();
    let invitation = Code::decode(code).unwrap().invitation;
    let secret = *bytes[codec::encode(&invitation).len()..].first_chunk::<32>().unwrap();
    let public = VerificationKey::from(&SigningKey::from(secret));
    assert_eq!(<[u8; 32]>::from(public), invitation.terms.one_time_key.0);
    Secret::new("one-time secret", code, &secret)
}

/// Every file that a run leaves, but the key folders: logs, outputs, recordings, logs of ops,
/// snapshots.
fn traces(stage: &Stage, nodes: &[&Node]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = stage.said();
    for node in nodes {
        let files = contents(node.home()).into_iter();
        let files = files.filter(|(path, _)| !path.starts_with("keys"));
        all.extend(files.map(|(path, bytes)| (node.home().join(path), bytes)));
    }
    all
}

#[test]
fn attack_64_no_secret_is_in_any_log_output_or_recording() {
    let stage = stage();
    let (mut anna, mut bob) = (stage.node("anna"), stage.node("bob"));
    for node in [&mut anna, &mut bob] {
        // Everything that every library has to say.
        node.flags(&["--record", "true", "--log", "trace,folkmoot_runtime=trace"]);
        node.start();
    }
    anna.data(&["ns", "create", "Acme"]);
    let code = text(&anna.data(&["invite"]), "/code");
    let revoked = text(&anna.data(&["invite"]), "/code");
    bob.data(&["join", &code]);
    agree(&[&anna, &bob]);
    anna.data(&["invite", "revoke", &revoked]);
    bob.data(&["id", "new"]);
    bob.refusal(&["join", &code]);
    bob.refusal(&["join", &code[..code.len() - 1]]);
    for words in [&["group", "create", "Garden"][..], &["tree"], &["history"], &["id", "show"]] {
        assert_eq!(bob.run(words).exit, Some(0));
    }
    // The command line of a process can be read by everyone.
    let pid = anna.data(&["status"])["pid"].to_string();
    let shown = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    agree(&[&anna, &bob]);
    let me: MemberId = anna.me().parse().unwrap();
    bob.kill();
    bob.start();
    bob.down();
    anna.down();

    let traces = traces(&stage, &[&anna, &bob]);
    assert!(traces.iter().any(|(path, bytes)| path.ends_with("anna.log") && bytes.len() > 10_000));
    let keys: Vec<_> = key_secrets(&anna).into_iter().chain(key_secrets(&bob)).collect();
    assert_eq!(keys.len(), 5, "two of transport, two of members, one spare");
    for secret in &keys {
        assert!(!secret.is_in(&shown), "{}", secret.name);
        for (path, bytes) in &traces {
            assert!(!secret.is_in(bytes), "{} is in {}", secret.name, path.display());
        }
    }
    // An invitation is printed once, for its reader, and typed once, by who uses it; no node keeps
    // or logs it.
    for secret in [one_time_secret(&code), one_time_secret(&revoked)] {
        let kept = traces.iter().filter(|(path, _)| !path.ends_with("anna.said"));
        for (path, bytes) in kept.filter(|(path, _)| !path.ends_with("bob.said")) {
            assert!(!secret.is_in(bytes), "{} is in {}", secret.name, path.display());
        }
    }
    // What is looked for would be found: the public half of a key is in the recording.
    let public = Secret::new("public key", &me.to_string(), &me.0);
    let mut recorded =
        traces.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "rec"));
    assert!(recorded.any(|(_, bytes)| public.is_in(bytes)), "the search finds nothing at all");
}

/// A name as a hostile program writes it: it clears the screen, sets the title, begins new lines,
/// and turns the direction of what follows.
const EVIL: &str = "Eve\u{1b}[2J\u{1b}]0;x\u{7}\r\nerror[fake]: pay\u{202e}cba\u{200b}\u{9b}31m";

/// Has the stopped node of a member write `bodies` as a program would that checks no names.
fn write_unchecked(node: &Node, bodies: Vec<Body>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let keys = Arc::new(Keystore::open(node.home()).unwrap());
        let secret = keys.transport().unwrap();
        let signer: Arc<dyn Signer> = keys;
        let config = NodeConfig {
            listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
            mdns: false,
            ..NodeConfig::new(node.home().to_path_buf())
        };
        let (handle, exit) = node::start(config, signer, *secret).unwrap();
        let namespace: NamespaceId =
            handle.query(|state| state.namespaces()[0].namespace).await.unwrap();
        for body in bodies {
            let group = namespace.root();
            let delivery = Delivery::default();
            let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
            let outcome = handle.command(wish).await.unwrap();
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        }
        handle.shutdown().await;
        exit.wait().await.unwrap();
    });
}

fn named(subject: Subject) -> Body {
    let key = Text::new("name").unwrap();
    let value = Bytes::new(EVIL.as_bytes().to_vec()).unwrap();
    Body::SlotSet { strict: false, write: SlotWrite::Metadata { subject, key, value } }
}

#[test]
fn attack_63_a_name_cannot_steer_the_terminal_or_forge_a_line() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let mut bob = stage.node("bob");
    bob.start();
    anna.admit(&bob, "member");
    bob.flags(&["--log", "trace", "--dial", &anna.address()]);
    let eve: MemberId = anna.me().parse().unwrap();
    bob.down();
    anna.down();
    write_unchecked(&anna, vec![named(Subject::Member(eve)), named(Subject::Group)]);
    anna.start();
    bob.start();
    agree(&[&anna, &bob]);

    let op = text(&bob.data(&["history"]), "/ops/0/id");
    let commands = [
        vec!["status"],
        vec!["ns", "list"],
        vec!["ns", "show"],
        vec!["tree"],
        vec!["group", "list"],
        vec!["member", "list"],
        vec!["history"],
        vec!["show", &op],
        vec!["why", &op],
        vec!["why-not", "me", "remove:Eve"],
    ];
    for words in commands {
        let ran = bob.run(&words);
        assert_eq!(ran.exit, Some(0), "{words:?}: {ran:?}");
        for line in ran.out.lines().chain(ran.err.lines()) {
            assert_eq!(safe(line), line, "{words:?}");
            assert!(
                !line.trim_start().starts_with("error["),
                "{words:?}: a line is forged: {line}"
            );
        }
        // In JSON it means what it is, and is harmless to look at.
        let ran = bob.run(&[&words[..], &["--json"]].concat());
        assert_eq!(safe(ran.out.trim_end()), ran.out.trim_end(), "{words:?}");
        assert!(!words.contains(&"list") || ran.data().to_string().contains("pay"), "{words:?}");
    }
    let name = bob.data(&["ns", "show"])["name"].clone();
    assert_eq!(name, EVIL);
    // The names that an error lists are the same.
    bob.data(&["member", "rename", "me", "Evan"]);
    let ran = bob.run(&["member", "remove", "Ev"]);
    assert_eq!(ran.exit, Some(4), "{ran:?}");
    for line in ran.err.lines() {
        assert_eq!(safe(line), line);
        let starts = ["error[ambiguous]: ", "hint: ", "  mem1"];
        assert!(starts.iter().any(|start| line.starts_with(start)), "a line is forged: {line}");
    }
    bob.down();
    for line in bob.log().lines() {
        assert_eq!(safe(line), line, "the log of the node");
    }
}
