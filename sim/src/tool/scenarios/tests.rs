use super::super::tests::run;
use super::*;
use tempfile::TempDir;

fn stored(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("one.scenario");
    fs::write(&path, text).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn a_seed_that_holds_ends_with_zero_and_its_digest() {
    let ran = run(&["run", "--seed", "2", "--twice", "--json"]).unwrap();
    assert_eq!(ran.exit, 0, "{}", ran.out);
    let line: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(line["seed"], 2);
    assert_eq!(line["digest"].as_str().unwrap().len(), 64);
    assert_eq!(line["violation"], serde_json::Value::Null);
}

#[test]
fn what_is_printed_is_replayed_the_same_way() {
    let printed = run(&["run", "--seed", "2", "--print"]).unwrap().out;
    let (_folder, path) = stored(&printed);
    let ran = run(&["replay", &path, "--json"]).unwrap();
    let replayed: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let ran = run(&["run", "--seed", "2", "--json"]).unwrap();
    let first: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(replayed["digest"], first["digest"]);
}

#[test]
fn a_malformed_scenario_says_where_and_runs_nothing() {
    let (_folder, path) = stored("folkmoot scenario 1\nseed 1\nkill 1 burnt\n");
    for command in ["replay", "shrink"] {
        let error = run(&[command, &path]).unwrap_err();
        assert!(error.contains("line 3, column 8: expected one of kept, lost, torn"), "{error}");
        assert!(error.contains(&path), "{error}");
    }
}

#[test]
fn a_disk_that_forgets_is_a_violation_that_shrinks() {
    let text = "folkmoot scenario 1\nnodes 2\nfound 0\ndisk 0 loses\nwait 100\n\
                govern 0 0 create\nwait 10\nkill 0 lost\nwait 9000\n";
    let (_folder, path) = stored(text);
    let ran = run(&["replay", &path]).unwrap();
    assert_eq!(ran.exit, 1, "{}", ran.out);
    assert!(ran.out.contains("again: moot-sim replay"), "{}", ran.out);
    let ran = run(&["shrink", &path]).unwrap();
    assert_eq!(ran.exit, 1);
    let small = Scenario::parse(&ran.out).unwrap();
    assert!(small.actions.len() <= 6, "{small}");
}

#[test]
fn a_soak_makes_its_folder_before_it_runs_anything() {
    let (folder, path) = stored("no folder");
    let store = folder.path().join("deep").join("down");
    run(&["soak", "--seeds", "0", "--store", store.to_str().unwrap()]).unwrap();
    assert!(store.is_dir());
    let error = run(&["soak", "--seeds", "1", "--store", &path]).unwrap_err();
    assert!(error.starts_with("could not write"), "{error}");
    assert!(error.contains(&path), "{error}");
}

#[test]
fn a_soak_counts_what_it_ran() {
    let ran = run(&["soak", "--seeds", "3", "--from", "7", "--jobs", "2", "--json"]).unwrap();
    let lines: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [progress, reached] = lines.as_slice() else { panic!("{}", ran.out) };
    let counted = (ran.exit, &progress["seeds"], &progress["violations"]);
    assert_eq!(counted, (0, &3.into(), &0.into()));
    let marks = reached["marks"].as_array().unwrap();
    assert!(marks.iter().any(|mark| mark[0] == "join: confirmed" && mark[1] != 0), "{reached}");
}

#[test]
fn the_list_names_every_invariant() {
    let ran = run(&["list"]).unwrap();
    assert!(Invariant::ALL.iter().all(|it| ran.out.contains(&it.to_string())), "{}", ran.out);
}
