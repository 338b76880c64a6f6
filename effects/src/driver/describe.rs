//! Names of inputs and of what comes of them, for logs and recordings.

use folkmoot_core::effect::Effect;
use folkmoot_core::event::Event;
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

/// The name of an event, without its content.
pub const fn event_name(event: &Event) -> &'static str {
    match event {
        Event::NamespaceOpened { .. } => "NamespaceOpened",
        Event::NamespaceClosed { .. } => "NamespaceClosed",
        Event::OpAccepted { .. } => "OpAccepted",
        Event::OpParked { .. } => "OpParked",
        Event::InvitationIssued { .. } => "InvitationIssued",
        Event::JoinStarted { .. } => "JoinStarted",
        Event::JoinEnded { .. } => "JoinEnded",
    }
}

/// The name of an effect, without its content.
pub const fn effect_name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Sign { .. } => "Sign",
        Effect::Reply { .. } => "Reply",
        Effect::Subscribe(_) => "Subscribe",
        Effect::Unsubscribe(_) => "Unsubscribe",
        Effect::Publish { .. } => "Publish",
        Effect::PublishStored { .. } => "PublishStored",
        Effect::Validate { .. } => "Validate",
        Effect::Ask { .. } => "Ask",
        Effect::Respond { .. } => "Respond",
        Effect::RespondWithOps { .. } => "RespondWithOps",
        Effect::RespondJoined { .. } => "RespondJoined",
        Effect::Announce(_) => "Announce",
        Effect::Introduce { .. } => "Introduce",
        Effect::Acknowledge { .. } => "Acknowledge",
        Effect::Dial(_) => "Dial",
        Effect::StopDialing(_) => "StopDialing",
        Effect::Charge { .. } => "Charge",
        Effect::Notify(_) => "Notify",
    }
}
