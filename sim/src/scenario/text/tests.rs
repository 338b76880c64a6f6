use super::*;
use crate::scenario::{generate, generate_large};

fn error(lines: &str) -> ParseError {
    Scenario::parse(&format!("{TITLE}\n{lines}")).unwrap_err()
}

#[test]
fn printing_and_parsing_are_inverse_for_what_is_generated() {
    for seed in 0..404 {
        let scenario = if seed < 400 { generate(seed) } else { generate_large(seed, NODES_MAX) };
        assert!(seed < 400 || scenario.options.nodes == NODES_MAX);
        let text = scenario.to_string();
        assert_eq!(Scenario::parse(&text).as_ref(), Ok(&scenario), "{text}");
    }
}

/// One line of every form, with the largest and smallest values that there are.
const EVERY_FORM: &str = "wait 86400000
found 65535
join 0 1 admin
join 1 0 inviter
join 1 0 steward
late 0 1 member 86400000
spoilt 0 1 reader 511
cancel 1
many 0 1000
govern 0 65535 add 3 reader
govern 0 0 restrict 3 member
govern 0 0 remove 3
govern 0 0 leave
govern 0 0 create
govern 0 0 move 7
govern 0 0 delete
govern 0 0 anchor
govern 0 0 notary 1
govern 0 0 default reader
govern 0 0 name 255
govern 0 0 visible yes
govern 0 0 visible no
govern 0 0 context
govern 0 0 noop
kill 1 torn
crash 1 18446744073709551615 kept
stop 1
boot 1
disk 1 well
disk 1 sync-fails
disk 1 full
disk 1 short
disk 1 forgets
disk 1 loses
disk 1 misdirects
set-back 1 18446744073709551615
put-right 1
cut 1 2
heal 1 2
isolate 1
split 18446744073709551615
bridge 1 0
mute 1 2
impair 1 2 lost 100 doubled 0 delay 0 86400000
prune 1 2
stale 1 86400000
mend
clock 1 -1099511627776
drift 1 10000
pause 1 0
lie 1 silence
lie 1 garbage
lie 1 mutate
lie 1 half
lie 1 heads
lie 1 withhold
lie 1 busy
harm 1 equivocate
harm 1 backdate
harm 1 wrong-hash
harm 1 flood 10000
harm 1 replay
harm 1 malformed
harm 1 mutate 65535
harm 1 beacon
harm 1 ack
harm 1 ask 10000
harm 1 anchors
harm 1 omit
harm 1 early
harm 1 forge unsigned
harm 1 forge moved
";

#[test]
fn every_form_is_printed_as_it_was_read() {
    let scenario = Scenario::parse(&format!("{TITLE}\n{EVERY_FORM}")).unwrap();
    assert_eq!(scenario.actions.len(), EVERY_FORM.lines().count());
    assert!(scenario.to_string().ends_with(EVERY_FORM), "{scenario}");
}

#[test]
fn comments_and_space_are_passed_over_and_options_default() {
    let text = format!("{TITLE}  # a remark\n\n  wait   5 # of no use\n\t\n# seed 3\nmend\n");
    let scenario = Scenario::parse(&text).unwrap();
    assert_eq!(scenario.actions, [Action::Wait(5), Action::Mend]);
    assert_eq!((scenario.seed, scenario.options), (0, Options::default()));
}

#[test]
fn an_error_says_where_and_what() {
    let table = [
        ("seed 1\nwait x", 3, 6, "`x`"),
        ("wait", 2, 5, "the end"),
        ("wait 5 6", 2, 8, "`6`"),
        ("dance 3", 2, 1, "`dance`"),
        ("  nodes 0", 2, 9, "`0`"),
        ("nodes 1001", 2, 7, "`1001`"),
        ("kill 1 burnt", 2, 8, "`burnt`"),
        ("govern 1 2 sing", 2, 12, "`sing`"),
        ("topic lost 5 doubled 5 delay 9 8", 2, 32, "`8`"),
        ("topic lost 101", 2, 12, "`101`"),
        ("crash 1 0 lost", 2, 9, "`0`"),
    ];
    for (lines, line, column, found) in table {
        let error = error(lines);
        assert_eq!((error.line, error.column, &*error.found), (line, column, found), "{error}");
    }
    assert!(error("kill 1 burnt").expected.contains("kept, lost, torn"));
    let untitled = Scenario::parse("seed 3").unwrap_err();
    assert_eq!((untitled.line, untitled.column), (1, 1));
    let newer = Scenario::parse("folkmoot scenario 2").unwrap_err();
    assert_eq!((newer.column, &*newer.expected, &*newer.found), (19, "`1`", "`2`"));
    assert_eq!(Scenario::parse("").unwrap_err().found, "the end");
}
