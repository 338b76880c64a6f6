//! Names of inputs, for logs and recordings.

use folkmoot_core::input::Input;

/// The name of an input, without its content.
pub const fn input_name(input: &Input) -> &'static str {
    match input {
        Input::Started { .. } => "Started",
        Input::CommandIssued { .. } => "CommandIssued",
        Input::SignatureReady { .. } => "SignatureReady",
        Input::GossipReceived { .. } => "GossipReceived",
        Input::NewerOpReceived { .. } => "NewerOpReceived",
        Input::RequestReceived { .. } => "RequestReceived",
        Input::ResponseReceived { .. } => "ResponseReceived",
        Input::RequestFailed { .. } => "RequestFailed",
        Input::OpsImported { .. } => "OpsImported",
        Input::PeerConnected { .. } => "PeerConnected",
        Input::PeerDisconnected { .. } => "PeerDisconnected",
        Input::PeerSubscribed { .. } => "PeerSubscribed",
        Input::PeerUnsubscribed { .. } => "PeerUnsubscribed",
        Input::MeshChanged { .. } => "MeshChanged",
        Input::Wake => "Wake",
    }
}
