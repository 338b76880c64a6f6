//! What hostile peers, members and disks try: one test for each row, with its number in the name.
//!
//! [`ELSEWHERE`] names the rows that are tested beside the code they are about. Rows that are in
//! neither list wait for parts that do not exist yet.

mod authority;
mod bytes;
mod cluster;
mod equivocation;
mod flood;
mod invitations;
mod keys;
mod liars;
mod load;
mod network;
mod orphans;
mod removed;
mod replay;
mod statements;
mod strangers;
mod tree;

/// Rows that have tests under other names, in the crate of the part they attack.
pub(crate) const ELSEWHERE: [(u8, &[&str]); 10] = [
    // Disk full at every write site.
    (47, &["a_full_disk_stops_the_store_and_loses_nothing", "a_failed_append_performs_nothing"]),
    // Torn write, lost tail.
    (
        48,
        &[
            "a_torn_batch_that_was_not_answered_is_dropped",
            "a_torn_batch_that_was_answered_is_damage",
            "a_batch_that_turns_out_to_be_missing_is_kept_aside",
        ],
    ),
    // Bit flips in the log, its tables and snapshots.
    (
        49,
        &[
            "a_flipped_byte_in_the_last_batch_never_shortens_the_history",
            "a_flipped_byte_in_a_table_is_never_read_as_something_else",
            "a_hole_or_a_changed_record_is_found_where_it_is_read",
            "a_damaged_snapshot_gives_way_to_the_one_before",
        ],
    ),
    // A sync that fails once: no second try on the same handle.
    (50, &["a_failed_append_ends_the_loop_and_leaves_no_reply"]),
    // An older copy of the folder in the place of the newer one; see also `attack_51_…` here.
    (
        51,
        &[
            "a_log_behind_the_watermark_is_refused_untouched",
            "another_log_of_the_same_length_is_refused",
        ],
    ),
    // Two processes on one folder, the lock file deleted meanwhile.
    (
        52,
        &[
            "a_second_store_is_refused_at_once",
            "one_folder_has_one_node",
            "a_stranger_who_got_past_the_lock_is_noticed",
        ],
    ),
    // Key files that others may read, links, pipes.
    (
        54,
        &[
            "a_key_that_others_may_read_is_refused",
            "a_link_a_pipe_and_a_folder_are_no_keys",
            "keys_are_for_their_owner_alone_and_outlive_the_process",
        ],
    ),
    // Killed at every boundary.
    (
        55,
        &[
            "a_killed_process_loses_nothing_that_was_answered",
            "a_restart_after_every_append_gives_the_state_of_then",
            "what_a_kill_during_the_first_start_leaves_is_no_obstacle",
        ],
    ),
    // Names that a terminal or a parser would obey.
    (
        63,
        &[
            "attack_63_json_keeps_its_meaning",
            "attack_63_nothing_that_a_terminal_obeys_gets_through",
        ],
    ),
    // Secrets in messages and logs.
    (64, &["secrets_do_not_show"]),
];
