//! The vectors that stand in `docs/protocol.md`, section 19.

use super::hex;
use crate::support::{Case, Engine, cast, wire};
use folkmoot_core::codec;
use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::table::GroupIx;
use folkmoot_core::governance::verdict::{Unauthorised, VoidAtCut};
use folkmoot_core::id::NamespaceId;
use folkmoot_core::statement::{Ack, AckOutcome, Statement};
use folkmoot_core::wire::{Heads, Refused, Request, Response};
use folkmoot_sim::kit::{Author, add};

/// The document with nothing between its letters.
fn document() -> String {
    let text = include_str!("../../../docs/protocol.md");
    let (_, vectors) = text.split_once("## 19. Test vectors").unwrap();
    let (vectors, _) = vectors.split_once("\n## ").unwrap();
    vectors.split_whitespace().collect()
}

#[track_caller]
fn holds(document: &str, what: &str, value: &str) {
    assert!(document.contains(value), "docs/protocol.md has another {what} than {value}");
}

fn seed(author: u64) -> String {
    hex(blake3::hash(&author.to_le_bytes()).as_bytes())
}

#[test]
fn golden_vectors_of_the_protocol_document() {
    let document = document();
    let p = cast();
    let mut case = Case::found(&[p.o]);
    let root = case.root();
    case.say(p.o, &[case.stage.genesis()], root, add(p.a, Rights::MEMBER));
    for (number, author) in [p.o, p.a].into_iter().enumerate() {
        holds(&document, "seed", &seed(number as u64));
        holds(&document, "key", &hex(author.id.0));
    }
    holds(&document, "namespace", &case.stage.oracle.namespace().to_string());
    let mut engine = Engine::new(case.stage.oracle.namespace());
    for (op, added) in case.stage.log.iter().zip([p.o, p.a]) {
        engine.add(op);
        holds(&document, "payload", &hex(codec::encode(&op.payload)));
        holds(&document, "id", &hex(op.id.0));
        holds(&document, "signature", &hex(op.signed.signature.0));
        check_rows(&document, &engine, added);
    }
    holds(&document, "length", &format!("{}bytes", wire(&case.stage.log[0]).len()));
    let namespace = case.stage.oracle.namespace();
    let (op, outcome) = (case.stage.log[1].id, AckOutcome::Applied);
    let ack = p.a.attest(Ack { namespace, op, outcome, member: p.a.id });
    let gist = [&namespace.0[..], &op.0, &[0], &p.a.id.0].concat();
    assert_eq!(codec::encode(&ack.statement), gist);
    holds(&document, "digest of an ack", &hex(ack.statement.digest()));
    holds(&document, "signature of an ack", &hex(ack.signature.0));
}

fn check_rows(document: &str, engine: &Engine, added: &Author) {
    let space = engine.space();
    let root = space.graph().group_id(GroupIx::ROOT);
    let key = [&[1][..], &added.id.0].concat();
    let path = digest(Domain::MerkleKey, &key);
    holds(document, "path", &hex(path));
    let row = engine.members(root).into_iter().find(|row| row.member == added.id).unwrap();
    let value =
        [&row.rights.bits().to_le_bytes()[..], &[row.tier], &row.rank.to_le_bytes()].concat();
    let value = [&value[..], &row.by.0].concat();
    holds(document, "row value", &hex(&value));
    // Each of the two rows is alone in its quarter.
    let mut slots = [[0; 32]; 4];
    slots[usize::from(path[0] >> 4) % 4] =
        digest(Domain::MerkleLeaf, &[&path[..], &value].concat());
    holds(document, "quarter", &hex(digest(Domain::MerkleQuarter, slots.as_flattened())));
    holds(document, "own root", &hex(space.view().own_root(GroupIx::ROOT)));
    holds(document, "group root", &hex(space.group_root(&root)));
    holds(document, "state root", &hex(space.view().state_root()));
}

#[test]
fn golden_small_vectors_of_the_protocol_document() {
    let document = document();
    holds(&document, "digest of nothing", &hex(digest(Domain::Op, b"")));
    let namespace = NamespaceId([1; 32]);
    let request = Request::Heads { namespace, heads: Heads::default(), common: None }.encode();
    assert_eq!(request, [&[1, 0][..], &[1; 32], &[0; 5]].concat());
    holds(&document, "request", "`0100`,32times`01`,`0000000000`");
    let void = VoidAtCut::NotAuthorised(Unauthorised::Signer(Rights::NONE));
    let refusal = Response::Refused(Refused::NotAdmitted(void)).encode();
    holds(&document, "refusal", &format!("`{}`", hex(refusal)));
}
