//! Network namespaces of the system around one router: links that can be cut, one way or both, and
//! that lose packets.
//!
//! Each seat is a network namespace with one interface, whose other end is at the router, which is
//! a network namespace too: nothing of it touches the network of the machine. Cuts and losses are
//! made at the router, where packets vanish silently, as they do in a network that fails: the ends
//! are told nothing. Needs root, `ip`, and `nft` for losses.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Most seats of one ground.
const SEATS_MAX: usize = 8;

/// A router with seats around it. It vanishes with this value, which has to outlive the processes
/// on its seats.
#[derive(Debug)]
pub struct Ground {
    router: Space,
    seats: Vec<Space>,
    hidden: Vec<Space>,
}

/// A network namespace; removed when dropped, also by a test that panics.
#[derive(Debug)]
struct Space(String);

/// Where a process can be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The network namespace.
    pub space: String,
    /// Its address there.
    pub ip: Ipv4Addr,
}

impl Space {
    fn new(name: String) -> Result<Self, String> {
        run("ip", &["netns", "add", &name])?;
        // From here on it is removed, whatever happens.
        let space = Self(name);
        space.ip("link set lo up")?;
        Ok(space)
    }

    /// Has it pass packets on.
    fn forward(&self) -> Result<(), String> {
        run("ip", &["netns", "exec", &self.0, "sysctl", "-qw", "net.ipv4.ip_forward=1"])
    }

    /// Runs `ip` in it.
    fn ip(&self, words: &str) -> Result<(), String> {
        let words: Vec<&str> = words.split(' ').collect();
        run("ip", &[&["-n", &self.0], words.as_slice()].concat())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // There is nothing else to do where that fails.
        let _ = run("ip", &["netns", "del", &self.0]);
    }
}

impl Ground {
    /// A router with so many seats.
    ///
    /// # Errors
    ///
    /// What this machine lacks: the test is to be skipped.
    ///
    /// # Panics
    ///
    /// For more than eight seats.
    pub fn new(count: usize) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        assert!(count <= SEATS_MAX, "there are names and addresses for {SEATS_MAX} seats");
        let name = format!("moot{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let router = Space::new(format!("{name}-router"))?;
        let mut ground = Self { router, seats: Vec::new(), hidden: Vec::new() };
        ground.router.forward()?;
        for at in 0..count {
            let seat = Space::new(format!("{name}-{at}"))?;
            let router = &ground.router;
            router.ip(&format!("link add to{at} type veth peer name out netns {}", seat.0))?;
            router.ip(&format!("address add 10.77.{at}.1/24 dev to{at}"))?;
            router.ip(&format!("link set to{at} up"))?;
            seat.ip(&format!("address add {}/24 dev out", address(at)))?;
            seat.ip("link set out up")?;
            seat.ip(&format!("route add default via 10.77.{at}.1"))?;
            ground.seats.push(seat);
        }
        Ok(ground)
    }

    /// A seat.
    pub fn seat(&self, at: usize) -> Seat {
        Seat { space: self.seats[at].0.clone(), ip: address(at) }
    }

    /// Makes a seat into a box that translates addresses, as people have at home, and gives the
    /// seat behind it: what that sends goes out with the address of the box, and nothing comes in
    /// but answers. Packets that nobody asked for vanish.
    ///
    /// # Errors
    ///
    /// What this machine lacks: the test is to be skipped.
    pub fn hide(&mut self, at: usize) -> Result<Seat, String> {
        let translator = &self.seats[at];
        let rules = "table ip moot { \
            chain out { type nat hook postrouting priority 100; oifname out masquerade; }; \
            chain through { type filter hook forward priority 0; \
                iifname out ct state new drop; }; \
            chain here { type filter hook input priority 0; iifname out ct state new drop; }; }";
        run("ip", &["netns", "exec", &translator.0, "nft", rules])?;
        translator.forward()?;
        let hidden = Space::new(format!("{}-hidden", translator.0))?;
        let ip = Ipv4Addr::new(10, 78, u8::try_from(at).unwrap_or(u8::MAX), 2);
        translator.ip(&format!("link add in type veth peer name out netns {}", hidden.0))?;
        translator.ip(&format!("address add 10.78.{at}.1/24 dev in"))?;
        translator.ip("link set in up")?;
        hidden.ip(&format!("address add {ip}/24 dev out"))?;
        hidden.ip("link set out up")?;
        hidden.ip(&format!("route add default via 10.78.{at}.1"))?;
        let seat = Seat { space: hidden.0.clone(), ip };
        self.hidden.push(hidden);
        Ok(seat)
    }

    /// Has all packets from one seat to another vanish; the other way is as it was.
    ///
    /// # Panics
    ///
    /// When the router does not take it.
    pub fn cut(&self, from: usize, to: usize) {
        self.rule("add", from, to);
    }

    /// Ends a [`Ground::cut`].
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn mend(&self, from: usize, to: usize) {
        self.rule("del", from, to);
    }

    /// Has so many of a hundred packets vanish, on all ways.
    ///
    /// # Errors
    ///
    /// What this machine lacks: the test is to be skipped.
    ///
    /// # Panics
    ///
    /// When there is `nft`, and it does not take the rule.
    pub fn lose(&self, percent: u32) -> Result<(), String> {
        let nft = ["netns", "exec", &self.router.0, "nft"];
        run("ip", &[&nft[..], &["list", "ruleset"]].concat())?;
        let rules = format!(
            "table ip moot {{ chain lose {{ type filter hook forward priority 0; \
             numgen random mod 100 < {percent} drop; }}; }}"
        );
        run("ip", &[&nft[..], &[&rules]].concat()).expect("a router that takes rules");
        Ok(())
    }

    fn rule(&self, what: &str, from: usize, to: usize) {
        let rule = format!("rule {what} from {} to {} blackhole", address(from), address(to));
        self.router.ip(&rule).expect("a router that takes rules");
    }
}

fn address(at: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, u8::try_from(at).unwrap_or(u8::MAX), 2)
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let said = |why: &dyn std::fmt::Display| format!("{program} {}: {why}", words.join(" "));
    let output = Command::new(program).args(words).output().map_err(|why| said(&why))?;
    if output.status.success() {
        return Ok(());
    }
    Err(said(&String::from_utf8_lossy(&output.stderr).trim()))
}
