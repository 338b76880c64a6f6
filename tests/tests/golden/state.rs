//! Roots and heads of a history in which everything meets.

use super::{Book, hex};
use crate::support::{Case, Engine};

#[test]
fn golden_roots_of_a_crowded_history() {
    let case = Case::crowded();
    let mut engine = Engine::new(case.stage.oracle.namespace());
    let mut book = Book::new("state.txt");
    for (number, op) in case.stage.log.iter().enumerate() {
        engine.add(op);
        let name = format!("{number:02}.{}", op.payload.body.name());
        book.bytes(format!("{name}.id"), op.id.0);
        book.bytes(format!("{name}.state_root"), engine.summary().state_root);
        for group in engine.groups() {
            book.bytes(format!("{name}.group.{group}"), engine.space().group_root(&group));
        }
        let heads: Vec<String> = engine.heads().iter().map(|head| hex(head.0)).collect();
        book.text(format!("{name}.heads"), heads.join(","));
    }
    book.close();
}
