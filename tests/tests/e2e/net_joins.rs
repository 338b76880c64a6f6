//! Joins while members, partners and joiners go away.

use std::thread;
use std::time::{Duration, Instant};

use folkmoot_tests::e2e::{Node, Ran, Running, Stage, agree, meet, text, until};
use rustix::process::Signal;

use super::{founder, stage};

/// How long a join may take here.
const WITHIN: Duration = Duration::from_secs(25);
/// The same where it cannot succeed.
const SHORT: Duration = Duration::from_secs(3);
/// What `moot` may take beyond the deadline that it was given.
const GRACE: Duration = Duration::from_secs(5);
/// When something happens during a join.
const ALL: [Moment; 5] = [
    Moment::Ms(0),
    Moment::Ms(15),
    Moment::Phase("probing"),
    Moment::Phase("pulling"),
    Moment::Phase("asking"),
];
/// What a join may end with besides success (NET-26).
const FAILURES: [&str; 4] =
    ["no-ready-peers", "partners-failed", "pull-incomplete", "join-unconfirmed"];

fn join(joiner: &Node, code: &str) -> Ran {
    joiner.run(&["join", code, "--timeout", "25s", "--json"])
}

fn invite(member: &Node) -> String {
    text(&member.data(&["invite", "--rights", "admin"]), "/code")
}

/// A moment of a join.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many milliseconds after its beginning. Arbitrary by intent: nothing is waited for.
    Ms(u64),
    /// When this phase is told of; or at its end, where that is missed.
    Phase(&'static str),
}

/// Joins, and has something happen meanwhile; gives what became of the join, which ended in time.
fn join_while(
    joiner: &Node,
    (code, within): (&str, Duration),
    moment: Moment,
    meanwhile: impl FnOnce(),
) -> Ran {
    let begin = Instant::now();
    let timeout = format!("{}s", within.as_secs());
    let words = ["join", code, "--timeout", &timeout, "--json"];
    let mut joining = Running::new(joiner.command(&words));
    match moment {
        Moment::Ms(ms) => thread::sleep(Duration::from_millis(ms)),
        Moment::Phase(phase) => {
            while !joining.err().contains(phase) && !joining.has_ended() {
                assert!(begin.elapsed() < within + GRACE, "{moment:?} does not come");
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    let is_over = joining.has_ended();
    meanwhile();
    let ran = joining.end((within + GRACE).saturating_sub(begin.elapsed()));
    // What it was like is shown where the test fails.
    eprintln!("{moment:?}, over before: {is_over}, took {:?}: {ran:?}", begin.elapsed());
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
fn a_join_survives_the_kill_of_its_partner_and_of_its_witness() {
    let stage = stage();
    let [mut olga, mut ada] = two(&stage);
    // Each of the two may be partner and witness: at each moment, each of them goes once.
    let rounds = ALL.into_iter().flat_map(|moment| [moment; 2]);
    for (round, moment) in rounds.clone().enumerate() {
        let mut joiner = stage.node(&format!("joiner{round}"));
        joiner.start();
        let code = invite(&olga);
        joiner.data(&["connect", &ada.address()]);
        let (victim, survivor) = if round % 2 == 0 { (&mut olga, &ada) } else { (&mut ada, &olga) };
        let ran = join_while(&joiner, (&code, WITHIN), moment, || victim.kill());
        if ran.exit == Some(0) {
            let op = text(&ran.data(), "/op");
            until("the survivor has it", || {
                if survivor.has_effect(&op) { Ok(()) } else { Err("it has not") }
            });
        } else {
            // The one failure is that nobody was left to confirm it, which is no failure to join.
            let refusal = ran.refusal();
            assert_eq!(refusal.code, "join-unconfirmed", "{moment:?}: {refusal:?}");
        }
        assert_eq!(identities(&joiner).len(), 1);
        victim.start();
        agree(&[&olga, &ada, &joiner]);
        joiner.down();
    }
    let members = olga.data(&["member", "list"]);
    assert_eq!(members["members"].as_array().unwrap().len(), 2 + rounds.count());
}

#[test]
fn a_join_goes_on_while_its_partner_or_its_witness_stands_still() {
    let stage = stage();
    let [olga, ada] = two(&stage);
    // Somebody besides the witness is there to confirm.
    let mut ben = stage.node("ben");
    ben.start();
    olga.admit(&ben, "admin");
    meet(&ben, &ada);
    for (round, phase) in ["pulling", "asking", "pulling", "asking"].into_iter().enumerate() {
        let mut joiner = stage.node(&format!("joiner{round}"));
        joiner.start();
        let code = invite(&olga);
        joiner.data(&["connect", &ada.address()]);
        joiner.data(&["connect", &ben.address()]);
        let victim = if round < 2 { &olga } else { &ada };
        let still = || victim.signal(Signal::STOP);
        join_while(&joiner, (&code, WITHIN), Moment::Phase(phase), still).data();
        victim.signal(Signal::CONT);
        agree(&[&olga, &ada, &ben, &joiner]);
        joiner.down();
    }
}

#[test]
fn a_join_without_any_member_left_ends_typed_and_can_be_repeated() {
    let stage = stage();
    let mut olga = founder(&stage, "olga");
    for (round, moment) in ALL.into_iter().enumerate() {
        let mut joiner = stage.node(&format!("joiner{round}"));
        joiner.start();
        let code = invite(&olga);
        let ran = join_while(&joiner, (&code, SHORT), moment, || olga.kill());
        if ran.exit != Some(0) {
            let refusal = ran.refusal();
            assert!(FAILURES.contains(&refusal.code.as_str()), "{moment:?}: {refusal:?}");
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
    for (round, moment) in ALL.into_iter().enumerate() {
        let mut joiner = stage.node(&format!("joiner{round}"));
        joiner.flags(&["--dial", &ada.address()]);
        joiner.start();
        let code = invite(&olga);
        let ran = join_while(&joiner, (&code, WITHIN), moment, || joiner.signal(Signal::KILL));
        joiner.wait();
        let before = identities(&joiner);
        joiner.start();
        let again = join(&joiner, &code);
        if again.exit != Some(0) {
            let refusal = again.refusal();
            assert_eq!(refusal.code, "already-member", "{moment:?}: {ran:?}, then {refusal:?}");
        }
        agree(&[&olga, &ada, &joiner]);
        let after = identities(&joiner);
        assert_eq!((after.len(), &joiner.me()), (1, &after[0]));
        if !before.is_empty() {
            assert_eq!(after, before, "{moment:?}");
        }
        joiner.down();
    }
}

#[test]
fn a_join_that_was_cut_off_is_ended_by_the_next_start_alone() {
    let stage = stage();
    let mut olga = founder(&stage, "olga");
    let mut cleo = stage.node("cleo");
    cleo.start();
    let code = invite(&olga);
    // Nobody is there to ask: the join is under way until the kill.
    olga.kill();
    thread::scope(|scope| {
        scope.spawn(|| join(&cleo, &code));
        until("it is joining", || {
            let status = cleo.data(&["status"]);
            if status["namespaces"][0]["state"] == "joining" { Ok(()) } else { Err(status) }
        });
        cleo.signal(Signal::KILL);
    });
    cleo.wait();
    let before = identities(&cleo);
    olga.start();
    cleo.start();
    // No command is given: what is left of the time is enough.
    agree(&[&olga, &cleo]);
    assert_eq!(identities(&cleo), before);
}
