//! That the faults of a scenario really happen.

use super::*;
use crate::scenario::{Deed, Harm, generate};

fn marks_of(text: &str) -> Marks {
    let scenario = Scenario::parse(&format!("folkmoot scenario 1\n{text}")).unwrap();
    let report = run(&scenario);
    assert_eq!(report.violation, None, "{text}");
    report.marks
}

fn count(marks: &Marks, name: &str) -> u64 {
    marks.iter().find(|(mark, _)| *mark == name).unwrap().1
}

#[test]
fn a_node_that_is_lost_stays_away_and_the_others_go_on() {
    let text = "folkmoot scenario 1\nnodes 3\nfound 0\nwait 200\njoin 0 1 admin\nwait 2000\n\
                join 0 2 admin\nwait 2000\nlose 2\nboot 2\nheal 0 2\ngovern 0 0 create\nwait 500\n\
                mend\nlose 0\n";
    let scenario = Scenario::parse(text).unwrap();
    let mut runner = Runner::new(&scenario, Bug::None, None, Variant::Same);
    assert_eq!(runner.go().err(), None);
    let up: Vec<bool> = runner.world.nodes.iter().map(Node::is_up).collect();
    assert_eq!(up, [true, true, false, true], "the founder stays, and a newcomer came");
    assert!(!runner.world.is_linked(0, 2));
}

#[test]
fn two_who_use_one_invitation_apart_are_not_both_in() {
    let marks = marks_of(
        "nodes 4\nfound 0\nwait 200\njoin 0 1 admin\nwait 5000\nsplit 10\nrace 0 2 3 member\n\
         wait 30000\nmend\nwait 10000\n",
    );
    assert!(count(&marks, "void: invitation spent") > 0);
}

#[test]
fn an_op_of_newer_rules_is_kept_and_changes_nothing() {
    let marks = marks_of(
        "nodes 3\nfound 0\nwait 200\njoin 0 1 admin\nwait 3000\njoin 0 2 admin\nwait 3000\n\
         harm 2 newer\nwait 3000\nharm 2 foreign\nwait 100\n",
    );
    assert!(count(&marks, "op parked") > 0);
}

#[test]
fn attack_18_the_heads_of_a_fork_bomb_are_joined() {
    let marks = marks_of(
        "nodes 3\nfound 0\nwait 200\njoin 0 1 admin\nwait 3000\njoin 0 2 admin\nwait 3000\n\
         harm 2 fork 70\nwait 5000\ngovern 0 0 create\nwait 3000\n",
    );
    assert!(count(&marks, "heads joined") > 0);
}

#[test]
fn what_is_forced_is_void_and_a_wrong_nonce_is_refused() {
    let marks = marks_of(
        "nodes 3\nfound 0\nwait 200\njoin 0 1 admin\nwait 3000\njoin 0 2 reader\nwait 3000\n\
         harm 2 force 0 remove 1\nwait 500\nharm 2 force 0 create\nwait 500\nharm 2 nonce 1000\n\
         wait 1000\nharm 2 related\nwait 1000\nharm 2 child\nwait 3000\n",
    );
    assert!(count(&marks, "A6: parents related") > 0);
    assert!(count(&marks, "A5: parent refused") > 0);
    assert!(count(&marks, "A10: signer") > 0);
    assert!(count(&marks, "A7: nonce") > 0);
}

#[test]
fn a_crash_a_failed_sync_and_a_full_disk_are_seen() {
    let marks = marks_of(
        "nodes 2\nsnapshots 2\nfound 0\nwait 200\njoin 0 1 admin\nwait 3000\ncrash 1 2 lost\n\
         govern 1 0 create\nwait 5000\ndisk 1 sync-fails\ngovern 1 0 create\nwait 5000\n\
         disk 1 full\ngovern 0 0 create\nwait 5000\ndisk 1 well\nwait 5000\n\
         disk 0 unreadable\nwait 3000\n",
    );
    for name in [
        "world: crash point",
        "world: sync failed",
        "world: disk full",
        "world: restart from a snapshot",
        "world: op unreadable",
    ] {
        assert!(count(&marks, name) > 0, "{name}");
    }
}

/// Four nodes, of which the last two are admins; the second owner is the notary if there are two.
const TOWN: &str = "found 0\nwait 200\njoin 0 1 admin\nwait 3000\njoin 0 2 admin\nwait 3000\n\
                    join 0 3 admin\nwait 3000\n";

#[test]
fn what_is_forged_fails_for_the_reason_that_it_was_forged_for() {
    let reasons = [
        ("unsigned", "A10: invitation"),
        ("inviter", "A10: inviter"),
        ("frontier", "A10: frontier"),
        ("used-up", "A10: used up"),
        ("revoked", "A10: revoked"),
        ("removed", "A10: removed"),
        ("left", "A10: left"),
        ("senior", "A11: not senior"),
        ("nothing", "A11: nothing to take"),
        ("no-group", "A12: no such group"),
        ("deep", "A12: too deep"),
        ("circle", "A12: circle"),
        ("root", "A12: root"),
        ("again", "A12: nothing added"),
        ("no-context", "A12: no such context"),
        ("not-root", "A12: not the root"),
        ("moved", "void: moved away"),
    ];
    for (word, reason) in reasons {
        let marks = marks_of(&format!("nodes 4\n{TOWN}harm 3 forge {word}\nwait 9000\n"));
        assert!(count(&marks, reason) > 0, "{word}: {reason}");
    }
}

#[test]
fn attack_66_a_notary_that_means_ill_changes_no_agreement() {
    let ill = |harm: &str| {
        marks_of(&format!(
            "nodes 4\nowners 2\n{TOWN}govern 0 0 notary 1\nwait 3000\ngovern 2 0 create\n\
             wait 1000\ngovern 3 0 create\nwait 1000\nharm 1 {harm}\nwait 9000\n\
             govern 2 0 create\nwait 3000\n"
        ))
    };
    assert!(count(&ill("anchors"), "anchors equivocated") > 0);
    let moved = |harm: &str| count(&ill(harm), "epoch moved");
    assert!(moved("omit") > moved("early"), "{} {}", moved("omit"), moved("early"));
    assert!(count(&ill("early"), "op parked") > 0);
    assert!(count(&ill("forge not-owner"), "A12: not an owner") > 0);
    let early = marks_of(&format!("nodes 4\nowners 2\n{TOWN}harm 1 anchors\nwait 9000\n"));
    assert!(count(&early, "A10: not the notary") > 0);
}

const SET_BACK: &str = "nodes 3\nsnapshots 2\nfound 0\nwait 200\njoin 0 1 admin\nwait 3000\n\
                        join 0 2 admin\nwait 3000\ngovern 1 0 create\nwait 3000\n\
                        set-back 1 2\nboot 1\nwait 9000\ngovern 0 0 create\nwait 1000\n";

#[test]
fn attack_51_a_node_that_was_set_back_stays_down_until_its_disk_is_put_right() {
    let scenario = Scenario::parse(&format!("folkmoot scenario 1\n{SET_BACK}")).unwrap();
    let mut runner = Runner::new(&scenario, Bug::None, None, Variant::Same);
    for action in &scenario.actions {
        if let Action::Wait(ms) = action {
            runner.wait(*ms).unwrap();
        } else {
            runner.perform(action);
        }
    }
    let node = &runner.world.nodes[1];
    assert!(!node.is_up() && node.disk.is_set_back());
    let failure = node.failure.clone().unwrap();
    assert!(failure.contains("its marks say"), "{failure}");
    assert!(count(&marks_of(SET_BACK), "world: set back") > 0);
    let marks = marks_of(&format!("{SET_BACK}put-right 1\nwait 5000\ngovern 1 0 create\n"));
    assert!(count(&marks, "world: restart from a snapshot") > 0);
}

#[test]
fn a_start_from_an_earlier_image_that_nobody_notices_is_a_violation() {
    let scenario = Scenario::parse(&format!("folkmoot scenario 1\n{SET_BACK}")).unwrap();
    let mut runner = Runner::new(&scenario, Bug::None, None, Variant::Same);
    runner.world.nodes[1].disk.ignore_marks();
    let found = runner.go().unwrap_err();
    assert_eq!((found.invariant, found.nodes), (Invariant::I6, vec![1]));
}

#[test]
fn what_several_do_at_once_is_in_the_worlds() {
    let scenarios: Vec<Scenario> = (0..400).map(generate).collect();
    let holds = |is_sought: fn(&Action, &Action) -> bool| {
        let pairs =
            scenarios.iter().flat_map(|it| it.actions.iter().zip(it.actions.iter().skip(1)));
        pairs.filter(|(one, next)| is_sought(one, next)).count()
    };
    let crossing = holds(|one, next| match (one, next) {
        (
            Action::Govern { group: a, deed: Deed::Move { to: b }, .. },
            Action::Govern { group: c, deed: Deed::Move { to: d }, .. },
        ) => (a, b) == (d, c),
        _ => false,
    });
    let clash = holds(|one, next| match (one, next) {
        (
            Action::Govern { deed: Deed::Remove { who: one }, .. },
            Action::Govern { deed: Deed::Add { who: next, .. }, .. },
        ) => one == next,
        _ => false,
    });
    let anchors = holds(|one, _| matches!(one, Action::Harm { harm: Harm::Anchors, .. }));
    assert!(crossing > 50 && clash > 50 && anchors > 2, "{crossing} {clash} {anchors}");
}

#[test]
fn worlds_are_of_all_sizes_and_have_one_villain_or_many() {
    let scenarios: Vec<Scenario> = (0..1_200).map(generate).collect();
    let sizes: BTreeSet<u16> = scenarios.iter().map(|it| it.options.nodes).collect();
    assert!(sizes.contains(&1) && sizes.contains(&16) && sizes.len() > 12, "{sizes:?}");
    let villains = |it: &Scenario| -> usize {
        it.actions.iter().filter_map(Action::villain).collect::<BTreeSet<u16>>().len()
    };
    let most = scenarios.iter().map(villains).max();
    assert!(most > Some(3), "{most:?}");
    let owners: BTreeSet<u16> = scenarios.iter().map(|it| it.options.owners).collect();
    assert_eq!(owners, BTreeSet::from([1, 2, 3]));
    let slowest = scenarios.iter().map(|it| it.options.topic.delay_ms.1).max();
    assert!(slowest > Some(15_000), "{slowest:?}");
}
