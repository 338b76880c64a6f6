//! Gossip keeps off relayed connections where there is a direct one.
//!
//! Gossipsub tells a peer our topics once, on its first connection, and takes it for present until
//! its last one ends. What is under way on a connection that ends is gone. So when a hole was
//! punched and the relayed connection closes, a subscription may be lost that is never told again:
//! to the other end we take part in nothing from then on, and are told nothing.
//!
//! Therefore gossip changes over as a whole. To gossipsub a direct connection that joins relayed
//! ones is the first of a peer that was away: each end tells everything anew, on that connection,
//! which is there at the other end when it arrives. A relayed one that joins a direct one carries
//! no gossip. Nothing that matters is on a relayed connection then, and whoever likes may close it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::derive_prelude::{ConnectionEstablished, Either};
use libp2p::swarm::{
    CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};

/// A protocol that keeps off relayed connections of peers that have a direct one.
pub(super) struct DirectFirst<B> {
    inner: B,
    peers: BTreeMap<PeerId, Connections>,
    /// Connections to be closed: relayed ones of peers whose last direct one has ended.
    left_over: VecDeque<(PeerId, ConnectionId)>,
}

/// The connections of a peer.
#[derive(Default)]
struct Connections {
    /// Those that the protocol knows: all relayed, or all direct.
    in_use: BTreeMap<ConnectionId, ConnectedPoint>,
    /// Relayed ones beside direct ones.
    passed_over: BTreeSet<ConnectionId>,
}

impl Connections {
    fn is_direct(&self) -> bool {
        self.in_use.values().any(|end| !end.is_relayed())
    }
}

impl<B> DirectFirst<B> {
    pub(super) const fn new(inner: B) -> Self {
        Self { inner, peers: BTreeMap::new(), left_over: VecDeque::new() }
    }
}

impl<B> Deref for DirectFirst<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.inner
    }
}

impl<B> DerefMut for DirectFirst<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour> DirectFirst<B> {
    /// Whether the protocol uses a connection that is about to be there. A direct one takes the
    /// place of those that are relayed: it is told that they are closed.
    fn takes(&mut self, peer_id: PeerId, end: &ConnectedPoint) -> bool {
        let Some(known) = self.peers.get_mut(&peer_id) else { return true };
        match (end.is_relayed(), known.is_direct()) {
            (true, is_beside_direct) => !is_beside_direct,
            (false, true) => true,
            (false, false) => {
                while let Some((connection_id, endpoint)) = known.in_use.pop_first() {
                    known.passed_over.insert(connection_id);
                    self.inner.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
                        peer_id,
                        connection_id,
                        endpoint: &endpoint,
                        cause: None,
                        remaining_established: known.in_use.len(),
                    }));
                }
                true
            }
        }
    }

    fn on_established(&mut self, event: ConnectionEstablished<'_>) {
        let known = self.peers.entry(event.peer_id).or_default();
        if event.endpoint.is_relayed() && known.is_direct() {
            known.passed_over.insert(event.connection_id);
            return;
        }
        let other_established = known.in_use.len();
        known.in_use.insert(event.connection_id, event.endpoint.clone());
        let event = ConnectionEstablished { other_established, ..event };
        self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(event));
    }

    fn on_closed(&mut self, event: ConnectionClosed<'_>) {
        let Some(known) = self.peers.get_mut(&event.peer_id) else { return };
        if known.in_use.remove(&event.connection_id).is_some() {
            let remaining_established = known.in_use.len();
            let event = ConnectionClosed { remaining_established, ..event };
            self.inner.on_swarm_event(FromSwarm::ConnectionClosed(event));
        } else {
            known.passed_over.remove(&event.connection_id);
        }
        if known.in_use.is_empty() {
            // The protocol does not return to them: the peer is to be dialled anew.
            let passed_over = known.passed_over.iter();
            self.left_over.extend(passed_over.map(|connection| (event.peer_id, *connection)));
            if known.passed_over.is_empty() {
                self.peers.remove(&event.peer_id);
            }
        }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for DirectFirst<B> {
    type ConnectionHandler = Either<B::ConnectionHandler, dummy::ConnectionHandler>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let end =
            ConnectedPoint::Listener { local_addr: local.clone(), send_back_addr: remote.clone() };
        if !self.takes(peer, &end) {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        let handler =
            self.inner.handle_established_inbound_connection(connection, peer, local, remote);
        handler.map(Either::Left)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let end = ConnectedPoint::Dialer {
            address: address.clone(),
            role_override: role,
            port_use: port,
        };
        if !self.takes(peer, &end) {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        let handler = self
            .inner
            .handle_established_outbound_connection(connection, peer, address, role, port);
        handler.map(Either::Left)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionEstablished(event) = event {
            self.on_established(event);
        } else if let FromSwarm::ConnectionClosed(event) = event {
            self.on_closed(event);
        } else {
            self.inner.on_swarm_event(event);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {
            // What comes on a connection that is passed over was said before, and counts.
            Either::Left(event) => self.inner.on_connection_handler_event(peer, connection, event),
            Either::Right(never) => match never {},
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, connection)) = self.left_over.pop_front() {
            let connection = CloseConnection::One(connection);
            return Poll::Ready(ToSwarm::CloseConnection { peer_id, connection });
        }
        self.inner.poll(context).map(|order| order.map_in(Either::Left))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::Waker;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Told {
        /// A connection is there, beside so many.
        Opened(usize, usize),
        /// A connection is closed, and so many are left.
        Closed(usize, usize),
    }

    /// Notes what it is told.
    struct Listener(Vec<Told>);

    impl NetworkBehaviour for Listener {
        type ConnectionHandler = dummy::ConnectionHandler;
        type ToSwarm = Infallible;

        fn handle_established_inbound_connection(
            &mut self,
            _: ConnectionId,
            _: PeerId,
            _: &Multiaddr,
            _: &Multiaddr,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            Ok(dummy::ConnectionHandler)
        }

        fn handle_established_outbound_connection(
            &mut self,
            _: ConnectionId,
            _: PeerId,
            _: &Multiaddr,
            _: Endpoint,
            _: PortUse,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            Ok(dummy::ConnectionHandler)
        }

        fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
            let number = |id: ConnectionId| id.to_string().parse().unwrap();
            if let FromSwarm::ConnectionEstablished(event) = event {
                self.0.push(Told::Opened(number(event.connection_id), event.other_established));
            } else if let FromSwarm::ConnectionClosed(event) = event {
                self.0.push(Told::Closed(number(event.connection_id), event.remaining_established));
            }
        }

        fn on_connection_handler_event(
            &mut self,
            _: PeerId,
            _: ConnectionId,
            event: THandlerOutEvent<Self>,
        ) {
            match event {}
        }

        fn poll(
            &mut self,
            _: &mut Context<'_>,
        ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
            Poll::Pending
        }
    }

    /// The protocol, and the connections of one peer.
    struct Scene {
        protocol: DirectFirst<Listener>,
        open: BTreeMap<usize, ConnectedPoint>,
    }

    fn peer() -> PeerId {
        PeerId::from_bytes(&[0, 1, 0]).unwrap()
    }

    impl Scene {
        fn new() -> Self {
            Self { protocol: DirectFirst::new(Listener(Vec::new())), open: BTreeMap::new() }
        }

        /// Opens a connection; whether the protocol takes part in it.
        fn open(&mut self, number: usize, at: &str) -> bool {
            let (peer_id, connection_id) = (peer(), ConnectionId::new_unchecked(number));
            let (local_addr, from): (Multiaddr, Multiaddr) =
                (at.parse().unwrap(), "/ip4/192.0.2.1/tcp/1".parse().unwrap());
            let handler = self.protocol.handle_established_inbound_connection(
                connection_id,
                peer_id,
                &local_addr,
                &from,
            );
            let endpoint = ConnectedPoint::Listener { local_addr, send_back_addr: from };
            self.protocol.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint: &endpoint,
                failed_addresses: &[],
                other_established: self.open.len(),
            }));
            self.open.insert(number, endpoint);
            matches!(handler, Ok(Either::Left(_)))
        }

        fn close(&mut self, number: usize) {
            let endpoint = self.open.remove(&number).unwrap();
            self.protocol.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id: peer(),
                connection_id: ConnectionId::new_unchecked(number),
                endpoint: &endpoint,
                cause: None,
                remaining_established: self.open.len(),
            }));
        }

        fn told(&mut self) -> Vec<Told> {
            std::mem::take(&mut self.protocol.0)
        }

        /// The connections that it wants to be closed.
        fn wants_closed(&mut self) -> Vec<ConnectionId> {
            let mut context = Context::from_waker(Waker::noop());
            let mut closed = Vec::new();
            while let Poll::Ready(order) = self.protocol.poll(&mut context) {
                let ToSwarm::CloseConnection { connection: CloseConnection::One(id), .. } = order
                else {
                    panic!("another order")
                };
                closed.push(id);
            }
            closed
        }
    }

    const RELAYED: &str = "/ip4/192.0.2.2/tcp/1/p2p-circuit";
    const DIRECT: &str = "/ip4/192.0.2.3/tcp/1";

    #[test]
    fn a_direct_connection_is_the_first_one_where_others_are_relayed() {
        let mut scene = Scene::new();
        assert!(scene.open(1, RELAYED) && scene.open(2, RELAYED));
        assert_eq!(scene.told(), [Told::Opened(1, 0), Told::Opened(2, 1)]);
        assert!(scene.open(3, DIRECT));
        assert_eq!(scene.told(), [Told::Closed(1, 1), Told::Closed(2, 0), Told::Opened(3, 0)]);
        assert!(scene.open(4, DIRECT));
        scene.close(1);
        scene.close(3);
        assert_eq!(scene.told(), [Told::Opened(4, 1), Told::Closed(3, 1)]);
        assert_eq!(scene.wants_closed(), []);
    }

    #[test]
    fn a_relayed_connection_beside_a_direct_one_is_of_no_use_and_goes_with_it() {
        let mut scene = Scene::new();
        assert!(scene.open(1, DIRECT));
        assert!(!scene.open(2, RELAYED));
        assert!(scene.open(3, DIRECT));
        scene.close(1);
        assert_eq!(scene.told(), [Told::Opened(1, 0), Told::Opened(3, 1), Told::Closed(1, 1)]);
        assert_eq!(scene.wants_closed(), []);
        scene.close(3);
        assert_eq!(scene.told(), [Told::Closed(3, 0)]);
        assert_eq!(scene.wants_closed(), [ConnectionId::new_unchecked(2)]);
        // Whoever comes before that is gone comes anew.
        assert!(scene.open(4, RELAYED));
        scene.close(2);
        assert_eq!(scene.told(), [Told::Opened(4, 0)]);
        scene.close(4);
        assert_eq!(scene.told(), [Told::Closed(4, 0)]);
        assert!(scene.protocol.peers.is_empty());
    }
}
