//! Logging: to standard error, as text or JSON.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::errors::{Class, Failure};

/// Modules that a bare level is about; others are heard from `warn` up.
const OURS: [&str; 3] = ["folkmoot_core", "folkmoot_effects", "folkmoot_runtime"];

/// Starts logging. A second start in one process changes nothing.
///
/// # Errors
///
/// When the level is none.
pub fn start(log: &Log) -> Result<(), Failure> {
    let filter = filter(&log.level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(crate::render::wants_color(&std::io::stderr()));
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // Another subscriber is there already: a test that runs several nodes in one process.
    drop(started);
    Ok(())
}

/// Whether a node could log so.
///
/// # Errors
///
/// As [`start`].
pub fn check(log: &Log) -> Result<(), Failure> {
    filter(&log.level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, Failure> {
    let is_bare = !level.contains(['=', ',']);
    let directives = if is_bare {
        let ours: Vec<_> = OURS.iter().map(|module| format!("{module}={level}")).collect();
        format!("warn,{}", ours.join(","))
    } else {
        level.to_owned()
    };
    EnvFilter::try_new(directives).map_err(|error| {
        let message = format!("`{level}` is no log level: {error}");
        Failure::new(Class::Usage, "bad-log-level", message)
            .hint("error, warn, info, debug, trace, or directives such as info,libp2p_swarm=debug")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_about_our_modules() {
        assert!(filter("debug").unwrap().to_string().contains("folkmoot_core=debug"));
        assert_eq!(filter("error,a=info").unwrap().to_string(), "a=info,error");
        assert_eq!(filter("loud").unwrap_err().code, "bad-log-level");
    }
}
