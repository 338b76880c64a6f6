//! Whose data folder it is, and that one process has it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use folkmoot_tests::e2e::{PATIENCE, contents, run_within};

use super::{founder, stage};

/// A second process says within this time that it cannot have the folder.
const SECOND_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn attack_52_a_second_process_is_refused_at_once() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    for words in [&["--json"][..], &["--detach", "--json"][..]] {
        let begin = Instant::now();
        let refusal = run_within(anna.up(words), PATIENCE).refusal();
        assert!(begin.elapsed() < SECOND_WITHIN, "{:?}", begin.elapsed());
        assert_eq!((refusal.exit, refusal.code.as_str()), (9, "data-in-use"));
        assert!(refusal.message.contains("moot down"), "{refusal:?}");
    }
    assert_eq!(anna.refusal(&["verify"]).exit, 9);
    // The first one has not noticed anything: it still has its socket.
    anna.data(&["group", "create", "Garden"]);
}

#[test]
fn attack_52_a_lock_file_that_is_deleted_does_not_let_a_second_process_in() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    fs::remove_file(anna.home().join("lock")).unwrap();
    let refusal = run_within(anna.up(&["--json"]), PATIENCE).refusal();
    assert_eq!((refusal.exit, refusal.code.as_str()), (9, "data-in-use"), "{refusal:?}");
    anna.data(&["group", "create", "Garden"]);
    anna.down();
    anna.data(&["verify"]);
    anna.start();
    assert_eq!(anna.data(&["group", "list"])["groups"].as_array().unwrap().len(), 2);
    // The database has a lock of its own. Without it as well, nobody gets in at all.
    for name in ["lock", "log/lock"] {
        fs::remove_file(anna.home().join(name)).unwrap();
    }
    let refusal = run_within(anna.up(&["--json"]), PATIENCE).refusal();
    assert_eq!((refusal.exit, refusal.code.as_str()), (9, "data-in-use"), "{refusal:?}");
    assert!(refusal.message.contains("log/lock"), "{refusal:?}");
    anna.data(&["group", "create", "Orchard"]);
}

#[test]
fn a_folder_of_somebody_else_is_left_as_it_is() {
    let stage = stage();
    let mut node = stage.node("thesis");
    fs::create_dir(node.home()).unwrap();
    fs::write(node.home().join("chapter-1.txt"), "It was a dark and stormy night.").unwrap();
    fs::set_permissions(node.home(), fs::Permissions::from_mode(0o755)).unwrap();
    let before = contents(node.home());
    let mut refusals = vec![node.try_start().unwrap_err()];
    refusals.push(run_within(node.up(&["--detach", "--json"]), PATIENCE).refusal());
    refusals.push(node.refusal(&["id", "new"]));
    for refusal in refusals {
        assert_eq!((refusal.exit, refusal.code.as_str()), (8, "foreign-folder"), "{refusal:?}");
        assert!(refusal.message.contains("chapter-1.txt"), "{refusal:?}");
    }
    assert_eq!(contents(node.home()), before);
    assert_eq!(fs::read_dir(node.home()).unwrap().count(), 1);
    assert_eq!(fs::metadata(node.home()).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn the_folder_of_another_version_is_left_as_it_is_and_not_called_damaged() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    anna.down();
    let identity = anna.home().join("folkmoot");
    let known = fs::read_to_string(&identity).unwrap();
    for other in ["format 1", "format 2", "format 4"] {
        fs::write(&identity, known.replace("format 3", other)).unwrap();
        let before = contents(anna.home());
        let mut refusals = vec![anna.try_start().unwrap_err()];
        refusals.push(anna.refusal(&["verify"]));
        for refusal in refusals {
            assert_eq!((refusal.exit, refusal.code.as_str()), (8, "other-format"), "{refusal:?}");
            assert!(refusal.message.contains(other), "{refusal:?}");
            assert!(refusal.message.contains("start the program that wrote it"), "{refusal:?}");
        }
        assert_eq!(contents(anna.home()), before);
    }
    fs::write(&identity, known).unwrap();
    anna.start();
}

#[test]
fn a_folder_that_one_may_not_use_is_refused_with_its_name() {
    /// Nobody, on every system: permissions do not hold for root.
    const NOBODY: u32 = 65_534;
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    anna.down();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(stage.path(), open).unwrap();
    fs::set_permissions(anna.home(), fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    for words in [&["up", "--json"][..], &["up", "-d", "--json"], &["verify", "--json"]] {
        let mut command = anna.command(words);
        if is_root {
            command.uid(NOBODY).gid(NOBODY).current_dir("/");
        }
        let refusal = run_within(command, PATIENCE).refusal();
        assert!([1, 10].contains(&refusal.exit), "neither usage nor damage: {refusal:?}");
        assert!(refusal.message.contains(anna.home().to_str().unwrap()), "{refusal:?}");
        assert!(refusal.message.contains("ermission denied"), "{refusal:?}");
    }
    fs::set_permissions(anna.home(), fs::Permissions::from_mode(0o700)).unwrap();
    anna.start();
    anna.data(&["group", "create", "Garden"]);
}
