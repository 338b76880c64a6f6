//! How a node is set up.

use std::path::PathBuf;

use folkmoot_core::settings::Settings;

use crate::driver::SNAPSHOT_EVERY;
use crate::net::{NetConfig, WideConfig};
use crate::ports::RESERVE_BYTES;
use crate::recorder::RecorderLimits;

/// How a node is set up. [`NodeConfig::new`] has the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The data folder; created, with mode 0700, if there is none.
    pub home: PathBuf,
    /// Names that a new data folder may have in it without being somebody else's.
    pub known_files: Vec<String>,
    /// Multiaddresses to listen on.
    pub listen: Vec<String>,
    /// QUIC beside TCP.
    pub quic: bool,
    /// Find and dial peers of the local network.
    pub mdns: bool,
    /// What to do to be reached beyond the own network.
    pub wide: WideConfig,
    /// Addresses to keep a connection with.
    pub dial: Vec<String>,
    /// Keep a flight recording in the folder `recording` of the data folder.
    pub record: bool,
    /// How much of it.
    pub recording: RecorderLimits,
    /// Bytes of the disk that are kept in reserve: with less, nothing is signed. 0 for none.
    pub reserve_bytes: u64,
    /// The shortest distance between two snapshots of the state, in events. It grows with the
    /// history.
    pub snapshot_every: u64,
    /// What the reducer leaves to whoever runs the node.
    pub settings: Settings,
}

impl NodeConfig {
    /// The defaults, on this data folder.
    pub fn new(home: PathBuf) -> Self {
        let NetConfig { listen, quic, mdns, wide, .. } = NetConfig::default();
        let known = ["keys", "config.toml", "recording"];
        Self {
            home,
            known_files: known.into_iter().map(str::to_owned).collect(),
            listen,
            quic,
            mdns,
            wide,
            dial: Vec::new(),
            record: true,
            recording: RecorderLimits::default(),
            reserve_bytes: RESERVE_BYTES,
            snapshot_every: SNAPSHOT_EVERY,
            settings: Settings::default(),
        }
    }
}
