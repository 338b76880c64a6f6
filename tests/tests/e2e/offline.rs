//! What can be done with a data folder and its files: recording, replay, verify, export, import.

use std::fs;

use folkmoot_tests::e2e::{Node, agree, text};

use super::{founder, stage};

fn replay(node: &Node, words: &[&str]) -> serde_json::Value {
    let recording = node.home().join("recording");
    node.data(&[&["replay", recording.to_str().unwrap()], words].concat())
}

#[test]
fn a_recording_replays_to_the_same_outputs_and_the_log_verifies() {
    let stage = stage();
    let (mut anna, mut bob) = (stage.node("anna"), stage.node("bob"));
    for node in [&mut anna, &mut bob] {
        node.flags(&["--record", "true"]);
        node.start();
    }
    anna.data(&["ns", "create", "Acme"]);
    anna.admit(&bob, "admin");
    for count in 0..10_u32 {
        let author = if count % 2 == 0 { &anna } else { &bob };
        author.data(&["group", "create", &format!("group {count}")]);
    }
    bob.refusal(&["member", "remove", &anna.me()]);
    let summit = agree(&[&anna, &bob]);
    // One run ends in good order; a kill takes what was recorded in the last second. The recordings
    // go on in the next run.
    anna.down();
    bob.kill();
    for (node, steps_min) in [(&mut anna, 40), (&mut bob, 2)] {
        node.start();
        node.down();
        let whole = replay(node, &[]);
        let steps = whole["steps"].as_u64().unwrap();
        assert!(steps > steps_min, "{whole}");
        let first = whole["range"][0].as_u64().unwrap();
        let half = replay(node, &["--until", &(first + steps / 2).to_string(), "--step"]);
        let each = half["each"].as_array().unwrap();
        assert!(!each.is_empty() && each.iter().all(|step| step["same"] == true));
        assert!((each.len() as u64) < steps);
        let verified = node.data(&["verify"]);
        assert_eq!(verified["namespaces"][0]["state_root"], summit["state_root"]);
        assert_eq!(verified["namespaces"][0]["heads"], summit["heads"]);
    }
    assert_eq!(replay(&anna, &[])["torn"], serde_json::json!([]));
}

#[test]
fn a_recording_that_was_changed_is_not_the_same() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    anna.data(&["group", "create", "Garden"]);
    anna.down();
    let file = anna.home().join("recording/0000000000.rec");
    let bytes = fs::read(&file).unwrap();
    let steps = replay(&anna, &[])["steps"].as_u64().unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        fs::write(&file, &changed).unwrap();
        let ran = anna.run(&["replay", file.to_str().unwrap(), "--json"]);
        // What can still be read comes out the same; what cannot is told, and is no success.
        if ran.exit == Some(0) {
            let seen = ran.data();
            let is_told = seen["torn"].as_array().is_some_and(|torn| !torn.is_empty());
            assert!(is_told && seen["steps"].as_u64().unwrap() < steps, "byte {at}: {seen}");
        } else {
            assert!(ran.refusal().exit > 0, "byte {at}");
        }
    }
}

#[test]
fn an_export_brings_a_member_up_to_date_without_any_connection() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let (mut bob, mut carol) = (stage.node("bob"), stage.node("carol"));
    bob.start();
    carol.start();
    anna.admit(&bob, "admin");
    agree(&[&anna, &bob]);
    // Carol is admitted by Bob, and never meets Anna.
    bob.data(&["block", &anna.peer()]);
    anna.data(&["block", &bob.peer()]);
    bob.admit(&carol, "member");
    agree(&[&bob, &carol]);
    carol.down();
    bob.data(&["group", "create", "Orchard"]);
    let garden = text(&anna.data(&["group", "create", "Garden"]), "/ops/0");
    bob.data(&["unblock", &anna.peer()]);
    anna.data(&["unblock", &bob.peer()]);
    bob.data(&["connect", &anna.address()]);
    let summit = agree(&[&anna, &bob]);

    let file = stage.path().join("acme.ops");
    let file = file.to_str().unwrap();
    let exported = anna.data(&["export", file]);
    let ops = exported["ops"].as_u64().unwrap();
    anna.down();
    bob.down();
    carol.start();
    assert!(!carol.has_effect(&garden));
    let report = carol.data(&["import", file]);
    assert_eq!((&report["pending"], &report["refused"]), (&0.into(), &0.into()));
    let (new, known) = (report["new"].as_u64().unwrap(), report["known"].as_u64().unwrap());
    assert!(new >= 4 && new + known == ops, "{report} {exported}");
    assert_eq!(carol.summit(), summit);
    assert!(carol.has_effect(&garden));
    // A second time nothing is new.
    let again = carol.data(&["import", file]);
    assert_eq!((&again["new"], &again["known"]), (&0.into(), &ops.into()));

    // Who takes no part in the namespace gets nothing by a file: membership is asked for.
    let mut dan = stage.node("dan");
    dan.start();
    let refusal = dan.refusal(&["import", file]);
    assert_eq!((refusal.exit, refusal.code.as_str()), (1, "import-refused"));
    assert!(refusal.message.contains(&format!("all {ops} ops")), "{refusal:?}");
    assert_eq!(dan.data(&["ns", "list"])["namespaces"], serde_json::json!([]));

    // A file that was cut or changed is refused as a whole.
    let bytes = fs::read(file).unwrap();
    for damaged in [&bytes[..bytes.len() - 1], &bytes[1..]] {
        fs::write(file, damaged).unwrap();
        assert_eq!(carol.refusal(&["import", file]).exit, 8);
    }
    assert_eq!(carol.summit(), summit);
}

#[test]
fn the_demonstration_comes_out_as_told() {
    let stage = stage();
    let node = stage.node("nobody");
    let ran = node.run(&["demo"]);
    assert_eq!(ran.exit, Some(0), "{}", ran.err);
    assert!(ran.out.contains("They agree to the byte"), "{}", ran.out);
    let outcome = node.data(&["demo"]);
    assert!(outcome.is_object());
    assert!(!node.home().exists());
}
