//! Ids and their strings, the digest of each domain, Merkle roots.

use super::{Book, unhex};
use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::id::{ContextId, GroupId, InvitationId, MemberId, NamespaceId, OpId, PeerKey};
use folkmoot_core::merkle::MerkleMap;

#[test]
fn golden_ids_and_their_strings() {
    let zero = [0; 32];
    let ones = [0xff; 32];
    let rising: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let mut book = Book::new("ids.txt");
    for (name, bytes) in [("zero", zero), ("ones", ones), ("rising", rising)] {
        book.bytes(format!("{name}.bytes"), bytes);
        book.text(format!("{name}.op"), OpId(bytes));
        book.text(format!("{name}.ns"), NamespaceId(bytes));
        book.text(format!("{name}.grp"), GroupId(bytes));
        book.text(format!("{name}.ctx"), ContextId(bytes));
        book.text(format!("{name}.mem"), MemberId(bytes));
        book.text(format!("{name}.inv"), InvitationId(bytes));
        book.text(format!("{name}.peer"), PeerKey(bytes));
    }
    let stored = book.close();
    assert_eq!(stored["rising.mem"].parse(), Ok(MemberId(rising)));
    assert_eq!(unhex(&stored["rising.bytes"]), rising);
}

#[test]
fn golden_digests_of_every_domain() {
    let mut book = Book::new("digests.txt");
    for domain in Domain::ALL {
        let name = domain.name().replace(' ', "-");
        book.bytes(format!("{name}.empty"), digest(domain, b""));
        book.bytes(format!("{name}.abc"), digest(domain, b"abc"));
    }
    book.close();
}

#[test]
fn golden_merkle_roots() {
    let mut book = Book::new("merkle.txt");
    let mut map: MerkleMap<Vec<u8>> = MerkleMap::new();
    for count in 0..=40_u8 {
        book.bytes(format!("entries.{count}"), map.root());
        map.insert(&[b'k', count], vec![b'v', count]);
    }
    // Taking out gives the roots of before.
    let roots = book.close();
    for count in (0..=40_u8).rev() {
        map.remove(&[b'k', count]);
        assert_eq!(map.root().to_vec(), unhex(&roots[&format!("entries.{count}")]));
    }
}
