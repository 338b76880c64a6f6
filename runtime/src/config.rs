//! Configuration: one TOML file, every key with a default.
//!
//! A flag wins over the environment (`MOOT_*`), the environment over the file, the file over the
//! default.

use std::path::{Path, PathBuf};

use folkmoot_core::limits::DELIVERY_MS_MAX;
use folkmoot_core::settings::Settings;
use folkmoot_effects::net::{KadConfig, WideConfig};
use serde::{Deserialize, Serialize};

use crate::errors::{Class, Failure};
use crate::resolve::nearest;

/// Name of the file under the data folder.
pub const FILE: &str = "config.toml";

/// Shortest time that may be set for what is repeated, in milliseconds.
const SHORTEST_MS: u64 = 100;

/// Every key of the file, with what it means.
pub const KEYS: [(&str, &str); 23] = [
    ("listen", "multiaddresses to listen on"),
    ("dial", "multiaddresses of peers to keep connections with"),
    ("quic", "QUIC beside TCP"),
    ("mdns", "find peers of the local network"),
    ("record", "keep a flight recording under the data folder"),
    ("reserve_mib", "MiB of the disk to keep free: with less, nothing is signed"),
    ("reducer.anchor_ops", "ops after the last anchor that make the notary anchor; 0: by hand"),
    ("reducer.anchor_age_ms", "milliseconds after the last anchor that make it anchor; 0: never"),
    ("reducer.join_ms", "milliseconds that a join may take that goes on after a restart"),
    ("reducer.mesh_low", "peers that --strict wants, or all known if those are fewer"),
    ("reducer.deliver_cheap_ms", "milliseconds to wait for acks of settings and names"),
    ("reducer.deliver_structure_ms", "milliseconds to wait for acks of members and groups"),
    ("reducer.deliver_cascade_ms", "milliseconds to wait for acks of removals and moves"),
    ("reducer.compare_every_ms", "milliseconds between comparisons with a member by lot"),
    ("reducer.page_ms", "milliseconds that a peer may let this node wait for a page"),
    ("wide.relays", "multiaddresses of relays, each with /p2p/PEER, to be reached over"),
    ("wide.relay_server", "carry connections of others; for a node that anybody can dial"),
    ("wide.autonat", "have others find out which addresses of this node can be reached"),
    ("wide.external", "multiaddresses at which others reach this node, where it cannot know them"),
    ("wide.directory", "find the peers of a namespace in a directory, and stand in it"),
    ("wide.bootstrap", "multiaddresses of nodes in the directory, each with /p2p/PEER"),
    ("log.level", "what is logged: error, warn, info, debug, trace, or directives per module"),
    ("log.format", "how it is logged: text or json"),
];

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Multiaddresses to listen on.
    pub listen: Vec<String>,
    /// Multiaddresses of peers to keep connections with.
    pub dial: Vec<String>,
    /// QUIC beside TCP.
    pub quic: bool,
    /// Find peers of the local network.
    pub mdns: bool,
    /// Keep a flight recording under the data folder.
    pub record: bool,
    /// MiB of the disk to keep free: with less, nothing is signed. 0 for none.
    pub reserve_mib: u32,
    /// What the reducer leaves to whoever runs the node.
    pub reducer: Reducer,
    /// Reaching others, and being reached, beyond the own network.
    pub wide: Wide,
    /// Logging.
    pub log: Log,
}

/// Reaching others, and being reached, beyond the own network: nothing of it unless it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wide {
    /// Relays over which this node can be reached, each with `/p2p/<peer>`.
    pub relays: Vec<String>,
    /// Carry connections of others.
    pub relay_server: bool,
    /// Have others find out which addresses of this node can be reached.
    pub autonat: bool,
    /// Addresses at which others reach this node, where it cannot know them.
    pub external: Vec<String>,
    /// Take part in a directory of peers.
    pub directory: bool,
    /// Nodes that are in the directory, each with `/p2p/<peer>`.
    pub bootstrap: Vec<String>,
}

impl From<Wide> for WideConfig {
    fn from(wide: Wide) -> Self {
        let Wide { relays, relay_server, autonat, external, directory, bootstrap } = wide;
        let kad = directory.then_some(KadConfig { bootstrap });
        Self { relays, relay_server, autonat, external, kad }
    }
}

/// What the reducer leaves to whoever runs the node; nothing of it enters a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reducer {
    /// Ops after the last anchor that make the notary's node anchor; 0: only by hand.
    pub anchor_ops: u64,
    /// Milliseconds after the last anchor that make it anchor; 0: never.
    pub anchor_age_ms: u64,
    /// Milliseconds that a join may take that goes on after a restart.
    pub join_ms: u64,
    /// Peers in the mesh that a strict command wants, or all known if those are fewer.
    pub mesh_low: u64,
    /// Milliseconds to wait for acks of ops that write a slot.
    pub deliver_cheap_ms: u64,
    /// Milliseconds to wait for acks of ops that change members or groups.
    pub deliver_structure_ms: u64,
    /// Milliseconds to wait for acks of ops that may take the effect of others.
    pub deliver_cascade_ms: u64,
    /// Milliseconds between comparisons of heads with one member.
    pub compare_every_ms: u64,
    /// Milliseconds that a peer may let this node wait for a page.
    pub page_ms: u64,
}

impl Default for Reducer {
    fn default() -> Self {
        Settings::default().into()
    }
}

impl From<Settings> for Reducer {
    fn from(settings: Settings) -> Self {
        let Settings { anchor_ops, anchor_age_ms, join_ms, mesh_low, .. } = settings;
        let Settings { deliver_cheap_ms, deliver_structure_ms, deliver_cascade_ms, .. } = settings;
        let Settings { compare_every_ms, page_ms, .. } = settings;
        Self {
            anchor_ops,
            anchor_age_ms,
            join_ms,
            mesh_low,
            deliver_cheap_ms,
            deliver_structure_ms,
            deliver_cascade_ms,
            compare_every_ms,
            page_ms,
        }
    }
}

impl From<Reducer> for Settings {
    fn from(reducer: Reducer) -> Self {
        let Reducer { anchor_ops, anchor_age_ms, join_ms, mesh_low, .. } = reducer;
        let Reducer { deliver_cheap_ms, deliver_structure_ms, deliver_cascade_ms, .. } = reducer;
        let Reducer { compare_every_ms, page_ms, .. } = reducer;
        Self {
            anchor_ops,
            anchor_age_ms,
            join_ms,
            mesh_low,
            deliver_cheap_ms: deliver_cheap_ms.min(DELIVERY_MS_MAX),
            deliver_structure_ms: deliver_structure_ms.min(DELIVERY_MS_MAX),
            deliver_cascade_ms: deliver_cascade_ms.min(DELIVERY_MS_MAX),
            // Shorter ones would keep the node busy with nothing else.
            compare_every_ms: compare_every_ms.max(SHORTEST_MS),
            page_ms: page_ms.max(SHORTEST_MS),
            ..Self::default()
        }
    }
}

/// How a node logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Level or directives, as in `info,folkmoot_effects=debug`.
    pub level: String,
    /// Text or JSON.
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec!["/ip4/0.0.0.0/tcp/0".to_owned(), "/ip4/0.0.0.0/udp/0/quic-v1".to_owned()],
            dial: Vec::new(),
            quic: true,
            mdns: true,
            record: true,
            reserve_mib: 16,
            reducer: Reducer::default(),
            wide: Wide::default(),
            log: Log::default(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// What flags and environment say.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Overrides {
    /// Multiaddress to listen on; may be repeated
    #[arg(long, value_name = "ADDR", env = "MOOT_LISTEN", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// Multiaddress of a peer to keep a connection with; may be repeated
    #[arg(long, value_name = "ADDR", env = "MOOT_DIAL", value_delimiter = ',')]
    pub dial: Vec<String>,
    /// Whether to use QUIC beside TCP
    #[arg(long, value_name = "BOOL", env = "MOOT_QUIC")]
    pub quic: Option<bool>,
    /// Whether to find peers of the local network
    #[arg(long, value_name = "BOOL", env = "MOOT_MDNS")]
    pub mdns: Option<bool>,
    /// Whether to keep a flight recording
    #[arg(long, value_name = "BOOL", env = "MOOT_RECORD")]
    pub record: Option<bool>,
    /// MiB of the disk to keep free: with less, nothing is signed
    #[arg(long, value_name = "MIB", env = "MOOT_RESERVE_MIB")]
    pub reserve_mib: Option<u32>,
    /// What to log: error, warn, info, debug, trace, or directives per module
    #[arg(long, value_name = "LEVEL", env = "MOOT_LOG")]
    pub log: Option<String>,
    /// How to log
    #[arg(long, value_name = "FORMAT", env = "MOOT_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that does not exist.
    #[error("{} has an unknown key `{key}`; did you mean `{near}`?", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The known key that looks most like it.
        near: &'static str,
    },
    /// Not TOML, or a value of the wrong kind.
    #[error("{} cannot be read as configuration: {why}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// The operating system refused.
    #[error("could not read {}: {source}; check its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let code = match &error {
            ConfigError::UnknownKey { .. } => "config-unknown-key",
            ConfigError::Form { .. } => "config-form",
            ConfigError::Io { path, source } => return Self::file("read", path, source),
        };
        Self::new(Class::Usage, code, error.to_string())
            .hint("known keys: `moot config show`; check with `moot config validate`")
    }
}

impl Config {
    /// Reads the file of a data folder; the defaults where there is none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for an unknown key with the known one that is nearest.
    pub fn read(home: &Path) -> Result<Self, ConfigError> {
        let path = home.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Io { path, source }),
        }
    }

    /// This configuration with what flags and environment say.
    #[must_use]
    pub fn with(mut self, said: &Overrides) -> Self {
        if !said.listen.is_empty() {
            self.listen.clone_from(&said.listen);
        }
        if !said.dial.is_empty() {
            self.dial.clone_from(&said.dial);
        }
        self.quic = said.quic.unwrap_or(self.quic);
        self.mdns = said.mdns.unwrap_or(self.mdns);
        self.record = said.record.unwrap_or(self.record);
        self.reserve_mib = said.reserve_mib.unwrap_or(self.reserve_mib);
        if let Some(level) = &said.log {
            self.log.level.clone_from(level);
        }
        self.log.format = said.log_format.unwrap_or(self.log.format);
        self
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let form = |why: String| ConfigError::Form { path: path.to_path_buf(), why };
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| form(e.to_string()))?;
        if let Some(key) = keys(&table).into_iter().find(|key| !is_known(key)) {
            let known = KEYS.iter().map(|(known, _)| *known).chain(["log", "reducer", "wide"]);
            let near = nearest(&key, known).unwrap_or("listen");
            return Err(ConfigError::UnknownKey { path: path.to_path_buf(), key, near });
        }
        toml::from_str(text).map_err(|error| form(error.to_string()))
    }
}

fn is_known(key: &str) -> bool {
    KEYS.iter().any(|(known, _)| *known == key)
}

/// The keys of a file, those of a section with the section's name before them.
fn keys(table: &toml::Table) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in table {
        match value.as_table().filter(|_| !is_known(name)) {
            Some(section) if KEYS.iter().any(|(key, _)| key.starts_with(&format!("{name}."))) => {
                all.extend(section.keys().map(|key| format!("{name}.{key}")));
            }
            Some(_) | None => all.push(name.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("config.toml"), text)
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest_known_one() {
        for (text, wrong, right) in [
            ("lisen = []", "lisen", "listen"),
            ("[log]\nlevle = 'info'", "log.levle", "log.level"),
            ("[logs]\nlevel = 'info'", "logs", "log"),
            ("mdsn = true", "mdsn", "mdns"),
        ] {
            match parse(text) {
                Err(ConfigError::UnknownKey { key, near, .. }) => {
                    assert_eq!((key.as_str(), near), (wrong, right));
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_table_of_keys_is_complete() {
        let text = toml::to_string(&Config::default()).unwrap();
        let written = keys(&text.parse().unwrap());
        assert!(
            KEYS.iter().all(|(key, _)| written.iter().any(|other| other == key)),
            "{written:?}"
        );
        assert_eq!(written.len(), KEYS.len());
        assert_eq!(parse(&text).unwrap(), Config::default());
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let file = parse("mdns = false\nquic = false\n[log]\nformat = 'json'").unwrap();
        assert_eq!(file.log, Log { level: "info".to_owned(), format: LogFormat::Json });
        let said = Overrides {
            quic: Some(true),
            listen: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
            ..Overrides::default()
        };
        let config = file.with(&said);
        assert_eq!((config.quic, config.mdns, config.record), (true, false, true));
        assert_eq!(config.listen, ["/ip4/127.0.0.1/tcp/1"]);
    }

    #[test]
    fn the_reducer_gets_what_the_file_says_within_bounds() {
        let file = parse("[reducer]\nmesh_low = 2\ndeliver_cheap_ms = 100000\npage_ms = 1");
        let settings = Settings::from(file.unwrap().reducer);
        let due = Settings {
            mesh_low: 2,
            deliver_cheap_ms: DELIVERY_MS_MAX,
            page_ms: SHORTEST_MS,
            ..Settings::default()
        };
        assert_eq!(settings, due);
        assert_eq!(Settings::from(Reducer::default()), Settings::default());
        assert!(parse("[reducer]\nmesh = 2").unwrap_err().to_string().contains("mesh_low"));
    }

    #[test]
    fn the_network_gets_what_the_file_says_of_the_wide_area_and_nothing_else() {
        assert_eq!(WideConfig::from(Wide::default()), WideConfig::default());
        let file = parse("[wide]\nrelays = ['/a']\ndirectory = true\nbootstrap = ['/b']");
        let due = WideConfig {
            relays: vec!["/a".to_owned()],
            kad: Some(KadConfig { bootstrap: vec!["/b".to_owned()] }),
            ..WideConfig::default()
        };
        assert_eq!(WideConfig::from(file.unwrap().wide), due);
        assert!(parse("[wide]\nrelay = []").unwrap_err().to_string().contains("wide.relays"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_with_its_place() {
        let error = parse("mdns = 'yes'").unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
        assert!(parse("listen = [").is_err());
    }
}
