//! Rules and attacks have tests that carry their names.

use super::tree::{none, rust_files};
use crate::attacks::ELSEWHERE;
use std::collections::BTreeSet;

/// Names of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for file in rust_files() {
        let mut is_test = false;
        for line in file.text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ")
                && std::mem::take(&mut is_test)
            {
                tests.extend(rest.split('(').next().map(str::to_owned));
            }
        }
    }
    assert!(tests.len() > 200, "{} tests", tests.len());
    tests
}

#[test]
fn tidy_every_rule_has_a_test_with_its_name() {
    let tests = tests();
    let words: BTreeSet<&str> = tests.iter().flat_map(|name| name.split('_')).collect();
    let rules = (1..=12).map(|at| format!("a{at}"));
    let rules = rules.chain((9..=12).map(|at| format!("d{at}")));
    let rules = rules.chain((1..=12).map(|at| format!("k{at}")));
    let missing: Vec<String> = rules.filter(|rule| !words.contains(rule.as_str())).collect();
    none(&missing, "rules without a test");
}

#[test]
fn tidy_every_case_has_a_test_with_its_name() {
    let tests = tests();
    let cases = (1..=24).map(|at| format!("case_{at:02}_"));
    let is_missing = |case: &String| !tests.iter().any(|name| name.starts_with(case.as_str()));
    none(&cases.filter(is_missing).collect::<Vec<_>>(), "cases without a test");
}

#[test]
fn tidy_every_attack_has_a_test() {
    let tests = tests();
    // Of rows 43 and 46 the parts do not exist yet.
    let rows = (1..=42).chain([44, 45]).chain(47..=55).chain(62..=64).chain([66, 67]);
    let mut missing = Vec::new();
    for row in rows {
        let own = format!("attack_{row:02}_");
        let named = ELSEWHERE.iter().filter(|(number, _)| *number == row);
        let elsewhere: Vec<&str> = named.flat_map(|(_, names)| *names).copied().collect();
        if elsewhere.is_empty() && !tests.iter().any(|name| name.starts_with(&own)) {
            missing.push(own);
        }
        let gone = elsewhere.into_iter().filter(|name| !tests.contains(*name));
        missing.extend(gone.map(|name| format!("row {row}: {name}")));
    }
    none(&missing, "attacks without a test");
}
