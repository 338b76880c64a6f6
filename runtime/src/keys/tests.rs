use super::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

fn store() -> (tempfile::TempDir, Keystore) {
    let home = tempfile::tempdir().unwrap();
    let keys = Keystore::open(home.path()).unwrap();
    (home, keys)
}

/// The store as another process would open it: nothing of it is in memory.
fn again(home: &tempfile::TempDir) -> Keystore {
    Keystore::open(home.path()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn keys_are_for_their_owner_alone_and_outlive_the_process() {
    let (home, keys) = store();
    let member = keys.create().unwrap();
    assert_eq!(mode(&home.path().join(KEYS)), 0o700);
    assert_eq!(mode(&keys.key_path(&member)), 0o600);
    let message = [3; 32];
    let signature = again(&home).sign(&member, &message).unwrap().signature();
    assert!(folkmoot_core::key::is_valid(&member, &message, &signature));
    assert_eq!(again(&home).sign(&MemberId([9; 32]), &message), None);
    assert_eq!(*keys.transport().unwrap(), *again(&home).transport().unwrap());
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let (home, keys) = store();
    let member = keys.create().unwrap();
    fs::set_permissions(keys.key_path(&member), Permissions::from_mode(0o640)).unwrap();
    let refused = again(&home).has(&member);
    assert!(matches!(refused, Err(KeyError::OpenToOthers { mode: 0o640, wanted: 0o600, .. })));
    assert_eq!(again(&home).sign(&member, &[0; 32]), None);
    fs::set_permissions(home.path().join(KEYS), Permissions::from_mode(0o755)).unwrap();
    let refused = Keystore::open(home.path());
    assert!(matches!(refused, Err(KeyError::OpenToOthers { mode: 0o755, wanted: 0o700, .. })));
}

#[test]
fn a_link_a_pipe_and_a_folder_are_no_keys() {
    let (home, keys) = store();
    let path = home.path().join(KEYS).join(NODE_KEY);
    let elsewhere = home.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(matches!(keys.transport(), Err(KeyError::Symlink { .. })));
    fs::remove_file(&path).unwrap();

    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert!(matches!(keys.transport(), Err(KeyError::WrongType { wanted: "a file", .. })));
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    assert!(matches!(keys.transport(), Err(KeyError::WrongType { .. })));
    fs::remove_dir(&path).unwrap();
    keys.transport().unwrap();
}

#[test]
fn a_damaged_or_exchanged_key_is_refused_and_never_replaced() {
    let (home, keys) = store();
    let (one, two) = (keys.create().unwrap(), keys.create().unwrap());
    fs::copy(keys.key_path(&one), keys.key_path(&two)).unwrap();
    assert!(matches!(again(&home).has(&two), Err(KeyError::Damaged { .. })));
    let text = fs::read_to_string(keys.key_path(&one)).unwrap();
    fs::write(keys.key_path(&one), &text[..40]).unwrap();
    assert!(matches!(again(&home).has(&one), Err(KeyError::Damaged { .. })));
    let refused = write_secret(&keys.key_path(&one), &[1; 32]);
    assert!(matches!(refused, Err(KeyError::Exists { .. })));
    assert_eq!(fs::read_to_string(keys.key_path(&one)).unwrap(), text[..40]);
}

#[test]
fn an_identity_is_used_for_one_namespace() {
    let (home, keys) = store();
    let member = keys.create().unwrap();
    let (one, other) = (NamespaceId([4; 32]), NamespaceId([6; 32]));
    assert_eq!(keys.used_for(&member).unwrap(), None);
    keys.use_for(&member, &one).unwrap();
    keys.use_for(&member, &one).unwrap();
    assert!(matches!(keys.use_for(&member, &other), Err(KeyError::Used { .. })));
    let keys = again(&home);
    assert_eq!(keys.list().unwrap(), [(member, Some(one))]);
    assert_eq!(keys.identity_for(&one).unwrap(), Some(member));
    assert_eq!(keys.identity_for(&other).unwrap(), None);
}

#[test]
fn secrets_do_not_show() {
    let (_home, keys) = store();
    let member = keys.create().unwrap();
    assert!(keys.has(&member).unwrap());
    let text = fs::read_to_string(keys.key_path(&member)).unwrap();
    assert!(!format!("{keys:?}").contains(text.trim_end()));
}

#[test]
fn an_identity_made_for_a_namespace_is_never_there_without_its_use() {
    let (home, keys) = store();
    let namespace = NamespaceId([4; 32]);
    // Killed after the note and before the key.
    let (lost, _) = new_identity().unwrap();
    keys.use_for(&lost, &namespace).unwrap();
    assert_eq!(again(&home).list().unwrap(), []);
    assert_eq!(again(&home).identity_for(&namespace).unwrap(), None);
    let member = keys.create_for(&namespace).unwrap();
    assert_eq!(again(&home).list().unwrap(), [(member, Some(namespace))]);
    assert_eq!(again(&home).identity_for(&namespace).unwrap(), Some(member));
}
