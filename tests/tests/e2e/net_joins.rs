//! Joins while members, partners and joiners go away.

use std::thread;
use std::time::{Duration, Instant};

use folkmoot_tests::e2e::{Node, Ran, Stage, agree, meet, text, until};
use rustix::process::Signal;

use super::{founder, stage};

/// How long a join may take here.
const WITHIN: Duration = Duration::from_secs(25);
/// What `moot` may take beyond the deadline that it was given.
const GRACE: Duration = Duration::from_secs(5);
/// From the beginning of a join to a kill, in milliseconds: from before the first probe to after
/// the end of most joins.
const KILL_POINTS: [u64; 6] = [0, 30, 80, 150, 300, 700];
/// What a join may end with besides success (NET-26).
const FAILURES: [&str; 4] =
    ["no-ready-peers", "partners-failed", "pull-incomplete", "join-unconfirmed"];

fn join(joiner: &Node, code: &str) -> Ran {
    joiner.run(&["join", code, "--timeout", "25s", "--json"])
}

fn invite(member: &Node) -> String {
    text(&member.data(&["invite", "--rights", "admin"]), "/code")
}

/// Joins, and has something happen meanwhile; gives what became of the join, which ended in time.
fn join_while(joiner: &Node, code: &str, after_ms: u64, meanwhile: impl FnOnce()) -> Ran {
    let begin = Instant::now();
    let ran = thread::scope(|scope| {
        let joining = scope.spawn(|| join(joiner, code));
        // The moment of a kill is arbitrary by intent: nothing is waited for here.
        thread::sleep(Duration::from_millis(after_ms));
        meanwhile();
        joining.join().unwrap()
    });
    assert!(begin.elapsed() < WITHIN + GRACE, "{:?}: {ran:?}", begin.elapsed());
    ran
}

/// The identities that a node has made.
fn identities(node: &Node) -> Vec<String> {
    let shown = node.data(&["id", "show"]);
    shown["identities"].as_array().unwrap().iter().map(|it| text(it, "/id")).collect()
}

/// The founder and another member, connected.
fn two(stage: &Stage) -> [Node; 2] {
    let olga = founder(stage, "olga");
    let mut ada = stage.node("ada");
    ada.start();
    olga.admit(&ada, "admin");
    agree(&[&olga, &ada]);
    [olga, ada]
}

#[test]
fn any_member_witnesses_and_the_survivors_go_on_governing() {
    let stage = stage();
    let mut olga = founder(&stage, "olga");
    let (mut ada, mut ben, mut cleo) = (stage.node("ada"), stage.node("ben"), stage.node("cleo"));
    for node in [&mut ada, &mut ben, &mut cleo] {
        node.start();
    }
    // One string for each of them, all by the founder, who sees two of them come.
    let codes = [invite(&olga), invite(&olga), invite(&olga)];
    for (joiner, code) in [&ada, &ben].into_iter().zip(&codes) {
        let joined = join(joiner, code).data();
        assert_eq!(joined["name"], "Acme");
    }
    meet(&ada, &ben);
    agree(&[&olga, &ada, &ben]);
    olga.kill();

    // The two that are left govern, and hear of each other that it arrived.
    let group = ada.data(&["group", "create", "Garden"]);
    assert_eq!(group["receipt"]["delivery"], "delivered", "{group}");
    assert_eq!(text(&group, "/receipt/acked_by/0/id"), ben.me());
    let renamed = ben.data(&["group", "rename", "Garden", "Orchard"]);
    assert_eq!(renamed["receipt"]["delivery"], "delivered", "{renamed}");
    agree(&[&ada, &ben]);

    // The address in the code is the founder's, and dead: the third knows one of the others.
    cleo.data(&["connect", &ada.address()]);
    let joined = join(&cleo, &codes[2]).data();
    let admission = ada.data(&["show", &text(&joined, "/op")]);
    let witness = text(&admission, "/signer/id");
    assert!([ada.me(), ben.me()].contains(&witness), "{admission}");
    agree(&[&ada, &ben, &cleo]);
    let root = cleo.data(&["group", "rename", "root", "Acme without Olga"]);
    assert_eq!(root["receipt"]["delivery"], "delivered", "{root}");

    // And the founder, back again, takes it all as it is.
    olga.start();
    agree(&[&olga, &ada, &ben, &cleo]);
    assert_eq!(text(&olga.data(&["ns", "show"]), "/name"), "Acme without Olga");
}

#[test]
fn a_join_survives_the_kill_of_the_member_it_asks() {
    let stage = stage();
    let [mut olga, mut ada] = two(&stage);
    let mut joined = Vec::new();
    for (round, after_ms) in KILL_POINTS.into_iter().enumerate() {
        let mut joiner = stage.node(&format!("joiner{round}"));
        joiner.start();
        let code = invite(&olga);
        // Both can be the partner and the witness: each of them goes in every second round. Who is
        // left is known to the joiner by its address.
        joiner.data(&["connect", &ada.address()]);
        let (victim, survivor) = if round % 2 == 0 { (&mut olga, &ada) } else { (&mut ada, &olga) };
        let ran = join_while(&joiner, &code, after_ms, || victim.kill());
        if ran.exit == Some(0) {
            assert!(survivor.has_effect(&text(&ran.data(), "/op")));
        } else {
            // The one failure is that nobody was left to confirm it, which is no failure to join.
            let refusal = ran.refusal();
            assert_eq!(refusal.code, "join-unconfirmed", "{after_ms} ms: {refusal:?}");
        }
        assert_eq!(identities(&joiner).len(), 1);
        victim.start();
        agree(&[&olga, &ada, &joiner]);
        joined.push(joiner);
    }
    let members = olga.data(&["member", "list"]);
    assert_eq!(members["members"].as_array().unwrap().len(), 2 + joined.len());
}

#[test]
fn a_join_without_any_member_left_ends_typed_and_can_be_repeated() {
    let stage = stage();
    let mut olga = founder(&stage, "olga");
    for (round, after_ms) in [0, 40, 100].into_iter().enumerate() {
        let mut joiner = stage.node(&format!("joiner{round}"));
        joiner.start();
        let code = invite(&olga);
        let begin = Instant::now();
        let ran = thread::scope(|scope| {
            let joining = scope.spawn(|| joiner.run(&["join", &code, "--timeout", "3s", "--json"]));
            // As above.
            thread::sleep(Duration::from_millis(after_ms));
            olga.kill();
            joining.join().unwrap()
        });
        assert!(begin.elapsed() < Duration::from_secs(3) + GRACE);
        if ran.exit != Some(0) {
            let refusal = ran.refusal();
            assert!(FAILURES.contains(&refusal.code.as_str()), "{after_ms} ms: {refusal:?}");
        }
        let mine = identities(&joiner);
        olga.start();
        let again = join(&joiner, &code);
        if again.exit != Some(0) {
            assert_eq!(again.refusal().code, "already-member");
        }
        agree(&[&olga, &joiner]);
        // With the key of the first try.
        assert_eq!((identities(&joiner), joiner.me()), (mine.clone(), mine[0].clone()));
    }
}

#[test]
fn a_killed_joiner_goes_on_with_the_same_key() {
    let stage = stage();
    let [olga, ada] = two(&stage);
    for (round, after_ms) in KILL_POINTS.into_iter().enumerate() {
        let mut joiner = stage.node(&format!("joiner{round}"));
        joiner.flags(&["--dial", &ada.address()]);
        joiner.start();
        let code = invite(&olga);
        let ran = join_while(&joiner, &code, after_ms, || joiner.signal(Signal::KILL));
        joiner.wait();
        let before = identities(&joiner);
        joiner.start();
        let again = join(&joiner, &code);
        if again.exit != Some(0) {
            let refusal = again.refusal();
            assert_eq!(refusal.code, "already-member", "{after_ms} ms: {ran:?}, then {refusal:?}");
        }
        agree(&[&olga, &ada, &joiner]);
        let after = identities(&joiner);
        assert_eq!((after.len(), &joiner.me()), (1, &after[0]));
        if !before.is_empty() {
            assert_eq!(after, before, "{after_ms} ms");
        }
        joiner.down();
    }
}

#[test]
fn a_join_that_was_cut_off_is_ended_by_the_next_start_alone() {
    let stage = stage();
    let mut olga = founder(&stage, "olga");
    let mut joiner = stage.node("joiner");
    joiner.start();
    let code = invite(&olga);
    // Nobody is there to ask: the join is under way until the kill.
    olga.kill();
    thread::scope(|scope| {
        scope.spawn(|| join(&joiner, &code));
        until("it is joining", || {
            let status = joiner.data(&["status"]);
            let state = &status["namespaces"][0]["state"];
            if state == "joining" { Ok(()) } else { Err(status.clone()) }
        });
        joiner.signal(Signal::KILL);
    });
    joiner.wait();
    let before = identities(&joiner);
    olga.start();
    joiner.start();
    // No command is given: what is left of the time is enough.
    agree(&[&olga, &joiner]);
    assert_eq!(identities(&joiner), before);
}
