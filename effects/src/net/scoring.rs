//! How gossip rates the peers that it gets messages from.
//!
//! A score only falls: by messages that were rejected, and by breaking the rules of gossip itself.
//! Nothing is earned by time or zeal, so nobody can save up for an attack. Below zero a peer leaves
//! the mesh; then it is told less and less; below the last threshold nothing of it is looked at.
//! Scores outlive a connection, so coming back does not help.
//!
//! Not rated, because honest peers would suffer:
//! - silence on a topic (P3): most topics are quiet for hours;
//! - many peers behind one address (P6): a household, an office, a test;
//! - being slow: a node that is busy reads later, and loses nothing by it.
//!
//! There is no score by the application (P5) either: what the layers above have to say about a
//! peer, they say by blocking it.

use std::time::Duration;

use libp2p::gossipsub::{
    PeerScoreParams, PeerScoreThresholds, TopicScoreParams, score_parameter_decay,
};

/// How long a fault is remembered: it counts less and less, and nothing after this time.
const MEMORY: Duration = Duration::from_mins(10);

/// Five rejected messages within minutes weigh more than a peer can afford: the weight of P4 times
/// the square of their number.
const INVALID_WEIGHT: f64 = -5.0;

/// The weight of P7, times the square of what exceeds [`FAULTS_MAX`].
const BEHAVIOUR_WEIGHT: f64 = -1.0;

/// Breaches of gossip's rules that are forgiven: a promise of a message that was not kept, because
/// the peer was busy, or a graft that crossed a prune on its way.
const FAULTS_MAX: f64 = 30.0;

pub(super) const THRESHOLDS: PeerScoreThresholds = PeerScoreThresholds {
    gossip_threshold: -20.0,
    publish_threshold: -50.0,
    graylist_threshold: -100.0,
    // Peers are not taken from prune messages, and no score is positive.
    accept_px_threshold: 0.0,
    opportunistic_graft_threshold: 0.0,
};

pub(super) fn of_peers() -> PeerScoreParams {
    PeerScoreParams {
        app_specific_weight: 0.0,
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: BEHAVIOUR_WEIGHT,
        behaviour_penalty_threshold: FAULTS_MAX,
        behaviour_penalty_decay: score_parameter_decay(MEMORY),
        retain_score: MEMORY,
        slow_peer_weight: 0.0,
        ..PeerScoreParams::default()
    }
}

/// The same for every topic.
pub(super) fn of_topic() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: INVALID_WEIGHT,
        invalid_message_deliveries_decay: score_parameter_decay(MEMORY),
        ..TopicScoreParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_ones_that_gossip_accepts() {
        assert_eq!(of_peers().validate(), Ok(()));
        assert_eq!(of_topic().validate(), Ok(()));
        assert_eq!(THRESHOLDS.validate(), Ok(()));
    }

    #[test]
    fn attack_39_one_slip_is_forgiven_and_five_are_not() {
        let score = |count: f64| INVALID_WEIGHT * count * count;
        assert!(score(1.0) > THRESHOLDS.gossip_threshold);
        assert!(score(5.0) < THRESHOLDS.graylist_threshold);
    }
}
