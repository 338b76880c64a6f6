//! What hostile peers, members and disks try: one test for each row, with its number in the name.
//!
//! [`ELSEWHERE`] names the tests beside the code that a row is about, where it has such. Rows that
//! have tests neither here nor there wait for parts that do not exist yet.

mod anchors;
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
pub(crate) const ELSEWHERE: [(u8, &[&str]); 25] = [
    // What a node remembers of ops on unknown parents, to the millisecond and the byte.
    (
        16,
        &[
            "attack_16_a_parent_that_nobody_has_is_asked_for_ever_more_rarely",
            "net_41_an_op_is_dropped_after_five_minutes_to_the_millisecond",
            "net_41_of_32_mib_the_oldest_give_way",
        ],
    ),
    (17, &["attack_17_a_peer_that_forwards_orphans_is_asked_once_a_second"]),
    // Beacons that are replayed, moved or nobody's.
    (
        31,
        &[
            "net_10_attack_31_a_replay_changes_nothing_and_is_not_forwarded",
            "net_10_attack_31_a_beacon_of_another_namespace_or_hand_is_refused_before",
        ],
    ),
    // Beacons that claim more than there is.
    (
        32,
        &[
            "attack_32_one_liar_takes_nobody_out_of_a_ready_state",
            "attack_32_a_liar_costs_one_fetch_in_thirty_seconds",
        ],
    ),
    // Partners that lie: each kind of lie as the page or the heads that it is.
    (
        33,
        &[
            "attack_33_who_serves_nothing_or_garbage_lies_and_only_bad_bytes_are_charged",
            "attack_33_ranges_that_are_none_end_the_exchange",
            "net_43_a_partner_is_replaced_after_five_seconds_without_a_page",
        ],
    ),
    (34, &["attack_34_two_others_are_asked_after_a_second_for_what_the_forwarder_withholds"]),
    // Probes: when and how often they are answered.
    (
        35,
        &[
            "net_14_attack_35_a_thousand_probes_get_one_answer_in_two_and_a_half_seconds",
            "net_14_a_probe_is_answered_within_a_quarter_of_a_second_at_random",
        ],
    ),
    // Acks, one by one; a hundred thousand of them leave nothing behind.
    (
        36,
        &[
            "net_33_attack_36_an_ack_that_is_forged_is_charged_and_changes_nothing",
            "net_33_attack_36_a_removed_member_does_not_count",
            "net_33_attack_36_many_acks_leave_no_trace",
        ],
    ),
    // The last connections are kept for those that the node itself opens; the alarm of one that no
    // member confirms, to the millisecond.
    (
        38,
        &[
            "attack_38_strangers_cannot_take_the_last_connections",
            "attack_38_the_alarm_begins_after_two_minutes_to_the_millisecond_and_once",
            "attack_38_two_minutes_without_a_member_that_confirms_raise_one_alarm",
        ],
    ),
    // The topic itself, as the network has it: scoring and subscriptions of real peers.
    (
        39,
        &[
            "attack_39_a_peer_whose_messages_are_rejected_is_not_heard_any_more",
            "attack_39_one_slip_is_forgiven_and_five_are_not",
        ],
    ),
    (40, &["attack_40_a_peer_whose_messages_are_ignored_stays"]),
    // Requests that drip in, and answers that nobody takes, over real connections.
    (
        41,
        &[
            "attack_41_a_thousand_requests_that_only_drip_in_are_given_up",
            "attack_41_an_answer_that_nobody_takes_is_given_up",
        ],
    ),
    (42, &["attack_42_a_list_that_brings_nothing_for_sixteen_pages_is_given_up"]),
    (44, &["attack_44_a_proof_for_others_of_another_challenge_or_of_our_own_is_none"]),
    // Row 43 is about snapshots for joiners. There are none: a joiner fetches every op from the
    // genesis on and judges it, so there is nothing to forge and nothing to test yet. Row 46 is
    // about the data plane and row 65 about standby groups: there is neither of them.
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
            "a_hole_or_a_changed_row_is_found_where_it_is_read",
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
    // Bodies that are too large, over the real socket; deep ones and any bytes: `attack_62_…`.
    (62, &["the_socket_is_private_and_bad_requests_are_answered_in_one_form"]),
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
