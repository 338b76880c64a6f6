//! What a person sees of a join while it runs.

use std::time::{Duration, Instant};

use crate::commands::join::Progress;
use crate::errors::{Class, Failure};
use crate::reply::{short, time};

/// How often the progress of one phase is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Turns what happens into lines.
#[derive(Debug, Default)]
pub(super) struct Teller {
    namespace: Option<String>,
    phase: Option<String>,
    told: Option<Instant>,
}

impl Teller {
    /// The line to show, where something is to be told.
    pub(super) fn line(&mut self, progress: Progress, now: Instant) -> Option<String> {
        match progress {
            Progress::Job { namespace, phase } => {
                self.namespace = Some(namespace);
                self.phase = phase;
                let phase = self.phase.as_ref()?;
                Some(format!("this join is under way already: {phase} …"))
            }
            Progress::Phase { name, after_ms } => {
                let is_end = name == "confirmed" || name == "failed";
                let now = if is_end { name.clone() } else { format!("{name} …") };
                let before = self.phase.replace(name);
                self.told = None;
                Some(before.map_or_else(
                    || now.clone(),
                    |before| format!("{now} ({before} took {})", time(after_ms)),
                ))
            }
            Progress::Pulled { ops, expected } => {
                let is_due = self.told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
                (is_due || ops >= expected).then(|| {
                    self.told = Some(now);
                    format!("  {ops} of {expected} ops")
                })
            }
            Progress::Warning(text) => Some(format!("warning: {text}")),
        }
    }

    /// The person does not want to watch any longer.
    pub(super) fn interrupted(&self) -> Failure {
        let message = "the join goes on in the node; only the watching has ended";
        let cancel = self.namespace.as_deref().map_or("NS".to_owned(), short);
        Failure::new(Class::Failed, "interrupted", message).hint(format!(
            "`moot join CODE` with the same code watches it again, `moot join --cancel {cancel}` \
             gives it up"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(name: &str, after_ms: u64) -> Progress {
        Progress::Phase { name: name.to_owned(), after_ms }
    }

    #[test]
    fn net_28_phases_are_told_with_their_durations_and_progress_once_a_second() {
        let (mut teller, start) = (Teller::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let job = Progress::Job { namespace: "ns1abcdefghijklmnop".to_owned(), phase: None };
        let pulled = |ops| Progress::Pulled { ops, expected: 9 };
        let lines: Vec<_> = [
            (job, 0),
            (phase("probing", 0), 1),
            (phase("pulling", 312), 313),
            (pulled(1), 320),
            (pulled(2), 570),
            (pulled(4), 1320),
            (pulled(9), 1400),
            (phase("asking", 1500), 1813),
            (phase("confirmed", 40), 1900),
        ]
        .into_iter()
        .filter_map(|(progress, ms)| teller.line(progress, at(ms)))
        .collect();
        assert_eq!(
            lines,
            [
                "probing …",
                "pulling … (probing took 312 ms)",
                "  1 of 9 ops",
                "  4 of 9 ops",
                "  9 of 9 ops",
                "asking … (pulling took 1.5 s)",
                "confirmed (asking took 40 ms)",
            ]
        );
        let hint = teller.interrupted().hint.unwrap();
        assert!(hint.contains("--cancel ns1abcdefghi`"), "{hint}");
    }

    #[test]
    fn a_join_that_is_under_way_is_shown_from_where_it_is() {
        let mut teller = Teller::default();
        let job = Progress::Job { namespace: "ns1x".to_owned(), phase: Some("probing".to_owned()) };
        let line = teller.line(job, Instant::now()).unwrap();
        assert_eq!(line, "this join is under way already: probing …");
        let line = teller.line(phase("pulling", 5000), Instant::now()).unwrap();
        assert_eq!(line, "pulling … (probing took 5.0 s)");
    }
}
