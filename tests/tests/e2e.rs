//! End to end: the program as processes of its own, on 127.0.0.1.

mod crash;
mod folder;
mod keys;
mod misuse;
mod net_joins;
mod net_links;
mod net_nat;
mod net_receipts;
mod net_relay;
mod net_strangers;
mod network;
mod offline;
mod readme;
mod secrets;
mod storage;
mod three;
mod two;

use folkmoot_tests::e2e::{Node, Stage, until};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_moot-under-test");

fn stage() -> Stage {
    Stage::new(PROGRAM)
}

/// A running node that has founded the namespace Acme.
fn founder(stage: &Stage, name: &str) -> Node {
    let mut node = stage.node(name);
    node.start().data(&["ns", "create", "Acme"]);
    node
}

/// Has a node write ops until others acknowledge one in time.
fn acknowledged(author: &Node, acks: usize) {
    let acks = acks.to_string();
    until("the others acknowledge", || {
        let words = ["group", "create", "x", "--acks", &acks, "--timeout", "1s"];
        let receipt = author.data(&words)["receipt"].clone();
        if receipt["delivery"] == "delivered" { Ok(()) } else { Err(receipt) }
    });
}
