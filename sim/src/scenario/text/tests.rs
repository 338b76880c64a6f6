use super::*;
use crate::scenario::generate;

fn error(lines: &str) -> ParseError {
    Scenario::parse(&format!("{TITLE}\n{lines}")).unwrap_err()
}

#[test]
fn printing_and_parsing_are_inverse_for_what_is_generated() {
    for seed in 0..400 {
        let scenario = generate(seed);
        let text = scenario.to_string();
        assert_eq!(Scenario::parse(&text).as_ref(), Ok(&scenario), "{text}");
    }
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
