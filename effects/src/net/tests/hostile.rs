//! Clients that do not keep to the protocol (attack 41).

use std::future::pending;
use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, StreamProtocol, SwarmBuilder, noise, tcp, yamux};
use tokio::time::{interval, sleep};

use super::*;

/// What a client does with its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Malice {
    /// Sends a byte now and then.
    Drips,
    /// Asks properly, and never reads the answer.
    NeverReads,
}

impl request_response::Codec for Malice {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        match self {
            Self::Drips => stream.read_to_end(&mut Vec::new()).await.map(|_| ()),
            Self::NeverReads => pending().await,
        }
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        (): (),
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let length = if *self == Self::Drips { 10_000_u32 } else { 0 };
        stream.write_all(&length.to_be_bytes()).await?;
        stream.flush().await?;
        for _ in 0..length {
            sleep(Duration::from_millis(20)).await;
            stream.write_all(&[0]).await?;
            stream.flush().await?;
        }
        Ok(())
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Ok(())
    }
}

/// Streams that the client opens at once.
const STREAMS: usize = 1_000;

struct Client {
    /// Something for each stream that the node ended.
    ended: Receiver<()>,
    _runtime: Runtime,
}

impl Client {
    /// Opens `at_once` streams to a node, and then one more now and then.
    fn start(malice: Malice, target: &Node, at_once: usize) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, ended) = sync_channel(10_000);
        let address: Multiaddr = target.address.parse().unwrap();
        runtime.spawn(async move { malice.run(address, at_once, &sender).await });
        Self { ended, _runtime: runtime }
    }
}

impl Malice {
    async fn run(self, address: Multiaddr, at_once: usize, ended: &SyncSender<()>) {
        let protocol = StreamProtocol::new("/folkmoot/exchange/1");
        let settings = request_response::Config::default()
            .with_request_timeout(DEADLINE * 10)
            .with_max_concurrent_streams(10_000);
        let client = request_response::Behaviour::with_codec(
            self,
            [(protocol, ProtocolSupport::Outbound)],
            settings,
        );
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| client)
            .unwrap()
            .build();
        swarm.dial(address).unwrap();
        let mut tick = interval(Duration::from_millis(100));
        let mut target = None;
        loop {
            tokio::select! {
                _ = tick.tick() => if let Some(peer) = &target {
                    swarm.behaviour_mut().send_request(peer, ());
                },
                event = swarm.select_next_some() => match event {
                    SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                        for _ in 0..at_once {
                            swarm.behaviour_mut().send_request(&peer_id, ());
                        }
                        target = (self == Self::NeverReads).then_some(peer_id);
                    }
                    SwarmEvent::Behaviour(request_response::Event::OutboundFailure { .. }) => {
                        ended.send(()).unwrap();
                    }
                    _ => {}
                }
            }
        }
    }
}

fn impatient() -> Node {
    // Soon, and not so soon that an honest frame on a busy machine is late.
    let frame_timeout = Duration::from_secs(2);
    Node::start_with(1, &NetConfig { frame_timeout, ..config(TCP) }, 1_024)
}

#[test]
fn attack_41_a_thousand_requests_that_only_drip_in_are_given_up() {
    let node = impatient();
    let client = Client::start(Malice::Drips, &node, STREAMS);
    // Each would take more than three minutes. Meanwhile others are served.
    let honest = Node::start(2, TCP);
    honest.dial(&node);
    honest.wait_connected(node.key());
    honest.request(1, node.key(), vec![7]);
    let (exchange, _, bytes) = node.wait_request();
    assert_eq!(bytes, [7]);
    node.send(NetCommand::Respond { exchange, bytes });
    honest.wait_for(&NetEvent::ResponseReceived {
        exchange: ExchangeId(1),
        peer: node.key(),
        bytes: vec![7],
    });
    for _ in 0..STREAMS {
        client.ended.recv_timeout(DEADLINE).unwrap();
    }
}

#[test]
fn attack_41_an_answer_that_nobody_takes_is_given_up() {
    let node = impatient();
    let client = Client::start(Malice::NeverReads, &node, 32);
    // More than may be in flight at once: room is made by giving up.
    for _ in 0..50 {
        let (exchange, ..) = node.wait_request();
        node.send(NetCommand::Respond { exchange, bytes: vec![0; EXCHANGE_BYTES_MAX] });
    }
    drop(client);
}
