//! Bad input: the exit code, the stable code, and what the message says.

use folkmoot_tests::e2e::{Node, PATIENCE, Ran, run_within, text};

use super::{founder, stage};

/// The command fails with this exit and code, and message or hint say this.
fn refused(node: &Node, words: &[&str], exit: i32, code: &str, says: &str) {
    let refusal = node.refusal(words);
    assert_eq!((refusal.exit, refusal.code.as_str()), (exit, code), "{words:?}: {refusal:?}");
    let said = format!("{}\n{}", refusal.message, refusal.hint);
    assert!(said.contains(says), "{words:?}: {said}");
}

/// The text with another last character, so that a checksum is wrong.
fn changed(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    format!("{rest}{}", if last == "q" { "p" } else { "q" })
}

#[test]
fn what_is_named_wrongly_is_told_apart() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    let garden = text(&anna.data(&["group", "create", "Garden"]), "/created");
    anna.data(&["group", "create", "Garage"]);
    let op = text(&anna.data(&["group", "rename", "Garage", "Gate"]), "/ops/0");

    refused(&anna, &["group", "show", "Ga"], 4, "ambiguous", &garden);
    refused(&anna, &["group", "show", "Gardem"], 4, "not-found", "did you mean `Garden`?");
    refused(&anna, &["group", "show", &changed(&garden)], 4, "not-found", "there is no group");
    refused(&anna, &["group", "show", "grp1"], 4, "ambiguous", "fits 3");
    refused(&anna, &["show", "op1"], 4, "ambiguous", &op);
    refused(&anna, &["show", &changed(&op)], 4, "not-found", "op1");
    refused(&anna, &["tree", "-n", "Acne"], 4, "not-found", "did you mean `Acme`?");
    refused(&anna, &["member", "remove", "Bob"], 4, "not-found", "there is no member `Bob`");
    refused(&anna, &["member", "add", &changed(&anna.me())], 2, "bad-id", "checksum");
    refused(&anna, &["block", "peer1xyz"], 4, "not-found", "there is no peer");
    // The beginning of a name or an id is enough where it fits one.
    assert_eq!(text(&anna.data(&["group", "show", "Gar"]), "/id"), garden);
    assert_eq!(text(&anna.data(&["group", "show", &garden[..12]]), "/name"), "Garden");
    anna.data(&["ns", "create", "Other"]);
    refused(&anna, &["tree"], 2, "which-namespace", "-n");
    anna.data(&["tree", "-n", "Oth"]);
}

#[test]
fn what_is_not_understood_is_refused_before_anything_happens() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    let code = text(&anna.data(&["invite"]), "/code");
    let before = anna.summit();
    let file = stage.path().join("none");
    std::fs::write(&file, "not an export").unwrap();
    let file = file.to_str().unwrap();

    refused(&anna, &["frobnicate"], 2, "usage", "unrecognized subcommand");
    refused(&anna, &["member", "rights", "me", "invit"], 2, "usage", "did you mean `invite`?");
    refused(&anna, &["invite", "--expires", "5"], 2, "usage", "is no length of time");
    refused(&anna, &["group", "create", "a\u{1b}[2Jb"], 2, "bad-name", "invisible");
    refused(&anna, &["group", "create", ""], 2, "bad-name", "1 to 64");
    refused(&anna, &["connect", "example.org"], 2, "bad-address", "/ip4/");
    refused(&anna, &["join", "mutt1qqqq"], 2, "invitation-prefix", "`moot1`");
    refused(&anna, &["join", &code[..60]], 2, "invitation-truncated", "cut off");
    refused(&anna, &["join", &changed(&code)], 2, "invitation-checksum", "copy it again");
    refused(&anna, &["join", &code], 1, "already-member", "");
    refused(&anna, &["import", file], 8, "export-damaged", "");
    refused(&anna, &["import", "/nonexistent/x"], 1, "file", "/nonexistent/x");
    refused(&anna, &["export", "/nonexistent/x"], 1, "file", "/nonexistent/x");
    refused(&anna, &["replay", stage.path().to_str().unwrap()], 4, "no-recording", "");
    assert_eq!(anna.summit(), before);
    // Without --json the same goes to standard error, and nothing to standard output.
    let Ran { exit, out, err } = anna.run(&["group", "show", "Nope"]);
    assert_eq!((exit, out.as_str()), (Some(4), ""));
    assert!(err.starts_with("error[not-found]: there is no group `Nope`\nhint: "), "{err}");
}

#[test]
fn what_one_may_not_is_refused_with_the_rule() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    let mut bob = stage.node("bob");
    bob.start();
    anna.admit(&bob, "read-only");
    refused(&bob, &["group", "create", "Garden"], 5, "not-authorised", "why-not");
    refused(&bob, &["member", "remove", &anna.me()], 5, "not-authorised", "why-not");
    refused(&bob, &["anchor"], 5, "not-authorised", "");
    bob.data(&["why-not", "me", &format!("remove:{}", anna.me())]);
    let used = text(&anna.data(&["invite", "list"]), "/invitations/0/state");
    assert_eq!(used, "used up");
}

#[test]
fn a_node_that_is_not_there_has_an_exit_code_of_its_own() {
    let stage = stage();
    let mut anna = stage.node("anna");
    let commands = [
        vec!["status"],
        vec!["down"],
        vec!["ns", "create", "Acme"],
        vec!["export", "/dev/null"],
        vec!["peers"],
    ];
    for words in &commands {
        refused(&anna, words, 3, "not-running", "moot up -d");
    }
    assert!(!anna.home().exists(), "asking for a node leaves nothing behind");
    // A socket that a killed node left is the same.
    anna.start();
    anna.kill();
    assert!(anna.home().join("moot.sock").exists());
    for words in &commands {
        refused(&anna, words, 3, "not-running", "moot up -d");
    }
    anna.start();
    anna.data(&["status"]);
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_before_the_folder_is_touched() {
    let stage = stage();
    let mut anna = stage.node("anna");
    std::fs::create_dir(anna.home()).unwrap();
    let config = anna.home().join("config.toml");
    let cases = [
        ("listne = []", "unknown", "did you mean `listen`?"),
        ("record = 7", "", "config.toml"),
        ("log.level = \"loud\"", "", "loud"),
    ];
    for (content, _, says) in cases {
        std::fs::write(&config, content).unwrap();
        let refusal = anna.try_start().unwrap_err();
        assert_eq!(refusal.exit, 2, "{refusal:?}");
        let said = format!("{}\n{}", refusal.message, refusal.hint);
        assert!(said.contains(says), "{said}");
        assert_eq!(anna.refusal(&["config", "validate"]).exit, 2);
        assert_eq!(std::fs::read_dir(anna.home()).unwrap().count(), 1);
    }
    std::fs::write(&config, "record = false").unwrap();
    anna.data(&["config", "validate"]);
    anna.start();
    assert!(!anna.home().join("recording").exists());
    // A flag that cannot be used ends the start as well.
    let mut bob = stage.node("bob");
    bob.flags(&["--listen", "/ip4/127.0.0.1/tcp/notaport"]);
    let refusal = bob.try_start().unwrap_err();
    assert!(refusal.message.contains("notaport"), "{refusal:?}");
}

#[test]
fn help_needs_no_node_and_no_folder() {
    let stage = stage();
    let node = stage.node("nobody");
    for words in
        [vec!["--help"], vec!["group", "--help"], vec!["version"], vec!["completions", "bash"]]
    {
        let ran = run_within(node.command(&words), PATIENCE);
        assert_eq!((ran.exit, ran.err.as_str()), (Some(0), ""), "{words:?}");
        assert!(!ran.out.is_empty());
    }
    assert_eq!(node.data(&["version"])["rules"], 1);
    assert!(!node.home().exists());
}

#[test]
fn a_port_that_another_node_has_is_refused_by_name() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    let taken = anna.address();
    let taken = taken.split("/p2p/").next().unwrap();
    let bob = stage.node("bob");
    for words in [&["up"][..], &["up", "--detach"]] {
        let mut command = bob.command(words);
        command.args(["--listen", taken, "--mdns", "false", "--json"]);
        let refusal = run_within(command, PATIENCE).refusal();
        assert_eq!((refusal.exit, refusal.code.as_str()), (1, "cannot-listen"), "{refusal:?}");
        assert!(refusal.message.contains(taken), "{refusal:?}");
    }
    anna.data(&["group", "create", "Garden"]);
}
