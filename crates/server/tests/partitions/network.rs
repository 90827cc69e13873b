//! Machines, and what is between them: packets that a router drops, or wires that hold bytes back.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ledger::HEALED;
use crate::support::own_address;
use crate::wire::Wire;

/// What machines are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A network namespace each, and this process is the router between them.
    Namespaces,
    /// This machine's loopback, with a wire for each link.
    Wires,
}

/// All machines of a scenario.
pub struct Network {
    pub kind: Kind,
    machines: Vec<Machine>,
    /// Where each machine listens if it is this one.
    doors: Vec<Ipv4Addr>,
    links: Vec<Link>,
    folder: TempDir,
}

/// One of them, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(usize);

struct Machine {
    /// It lives in the namespace, and the namespace as long as it.
    holder: Option<Child>,
}

struct Link {
    from: Id,
    to: Id,
    wire: Wire,
}

impl Kind {
    /// By which a scenario is told.
    pub const VARIABLE: &str = "PARTITIONS_BY";

    /// Namespaces, if this process may make them.
    pub fn possible() -> Self {
        let probe = "ip link add probe type veth peer name other && ip rule add iif probe to 10.77.1.2 blackhole";
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--mount", "--", "sh", "-c", probe]).stdout(Stdio::null()).stderr(Stdio::null());
        let is_asked_for = |kind: Self| std::env::var(Self::VARIABLE).is_ok_and(|name| name == kind.name());
        if !is_asked_for(Self::Wires) && unshare.status().is_ok_and(|status| status.success()) {
            return Self::Namespaces;
        }
        assert!(!is_asked_for(Self::Namespaces), "network namespaces cannot be had");
        Self::Wires
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Wires => "wires",
        }
    }

    fn chosen() -> Self {
        let name = std::env::var(Self::VARIABLE).unwrap();
        if name == Self::Namespaces.name() { Self::Namespaces } else { Self::Wires }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespaces => "in network namespaces",
            Self::Wires => "by wires on loopback, as network namespaces cannot be had or are not wanted",
        })
    }
}

impl Network {
    pub fn new() -> Self {
        let kind = Kind::chosen();
        if kind == Kind::Namespaces {
            ip(&["link", "set", "lo", "up"]);
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        }
        Self { kind, machines: Vec::new(), doors: Vec::new(), links: Vec::new(), folder: tempfile::tempdir().unwrap() }
    }

    /// Another machine.
    pub fn machine(&mut self) -> Id {
        let id = Id(self.machines.len());
        let holder = (self.kind == Kind::Namespaces).then(|| self.namespace(id));
        self.machines.push(Machine { holder });
        self.doors.push(own_address());
        id
    }

    fn namespace(&self, id: Id) -> Child {
        // It ends with this process, which holds the other end of the pipe.
        let mut cat = Command::new("unshare");
        cat.args(["--net", "--mount", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let holder = cat.spawn().unwrap();
        let began = Instant::now();
        let (own, other) = (PathBuf::from("/proc/self/ns/mnt"), PathBuf::from(format!("/proc/{}/ns/mnt", holder.id())));
        while other.read_link().unwrap() == own.read_link().unwrap() {
            assert!(began.elapsed() < HEALED, "no namespace is made");
        }
        let (pid, near) = (holder.id().to_string(), id.interface());
        ip(&["link", "add", &near, "type", "veth", "peer", "name", "eth0", "netns", &pid]);
        ip(&["address", "add", &format!("{}/24", id.router()), "dev", &near]);
        ip(&["link", "set", &near, "up"]);
        std::fs::write(self.hosts(id), "").unwrap();
        let there = format!(
            "ip link set lo up && ip address add {}/24 dev eth0 && ip link set eth0 up && ip route add default via {} && \
             mount --bind {} /etc/hosts",
            id.address(),
            id.router(),
            self.hosts(id).display()
        );
        done(Command::new("nsenter").args(["--target", &pid, "--net", "--mount", "--", "sh", "-c", &there]));
        holder
    }

    /// A program as it is started on a machine.
    pub fn on(&self, id: Id, program: &Command) -> Command {
        let mut command = Command::new("sh");
        if let Some(holder) = &self.machines[id.0].holder {
            command = Command::new("nsenter");
            command.args(["--target", &holder.id().to_string(), "--net", "--mount", "--", "sh"]);
        }
        // Whoever enters another namespace has left the folder.
        command.args(["-c", "cd \"$0\" && exec \"$@\""]).arg(program.get_current_dir().unwrap_or(self.folder.path()));
        command.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Where programs listen on a machine, and where this process reaches them, whatever is cut.
    pub fn door(&self, id: Id, port: u16) -> SocketAddr {
        match self.kind {
            Kind::Namespaces => (id.address(), port).into(),
            Kind::Wires => (self.doors[id.0], port).into(),
        }
    }

    /// Lets a machine see another one as `localhost`, or by a wire; where its port is found from there. What is sent there and back
    /// may be slow.
    pub fn see(&mut self, from: Id, to: Id, port: u16, delay: Duration) -> String {
        let door = self.door(to, port);
        if self.kind == Kind::Wires {
            let wire = Wire::lay(IpAddr::from(Ipv4Addr::LOCALHOST), 0, door, delay);
            let url = format!("http://{}", wire.address);
            self.links.push(Link { from, to, wire });
            return url;
        }
        let seen = if delay.is_zero() {
            to.address()
        } else {
            let wire = Wire::lay(from.router().into(), port, door, delay);
            self.links.push(Link { from, to, wire });
            from.router()
        };
        std::fs::write(self.hosts(from), format!("{seen} localhost\n")).unwrap();
        format!("http://localhost:{port}")
    }

    /// From now on nothing comes through from one machine to another, and nobody is told.
    pub fn cut_one_way(&self, from: Id, to: Id) {
        match self.kind {
            Kind::Namespaces => {
                ip(&["rule", "add", "iif", &from.interface(), "to", &to.address().to_string(), "blackhole"]);
            }
            Kind::Wires => self.hold(from, to, true),
        }
    }

    /// The same in both directions.
    pub fn cut(&self, one: Id, other: Id) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Takes back one cut in each direction.
    pub fn mend(&self, one: Id, other: Id) {
        for (from, to) in [(one, other), (other, one)] {
            match self.kind {
                Kind::Namespaces => {
                    let address = to.address().to_string();
                    // It may have been cut in one direction only.
                    let mut delete = Command::new("ip");
                    delete.args(["rule", "del", "iif", &from.interface(), "to", &address, "blackhole"]);
                    delete.stderr(Stdio::null()).status().unwrap();
                }
                Kind::Wires => self.hold(from, to, false),
            }
        }
    }

    fn hold(&self, from: Id, to: Id, is_held: bool) {
        for link in &self.links {
            if (link.from, link.to) == (from, to) {
                link.wire.hold_there(is_held);
            } else if (link.from, link.to) == (to, from) {
                link.wire.hold_back(is_held);
            }
        }
    }

    fn hosts(&self, id: Id) -> PathBuf {
        self.folder.path().join(format!("hosts-{}", id.0))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in &mut self.machines {
            if let Some(holder) = &mut machine.holder {
                let _ = holder.kill();
                let _ = holder.wait();
            }
        }
    }
}

impl Id {
    /// The machine that is there first.
    pub const FIRST: Self = Self(0);

    fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.0 as u8, 2)
    }

    fn router(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.0 as u8, 1)
    }

    fn interface(self) -> String {
        format!("machine{}", self.0)
    }
}

fn ip(arguments: &[&str]) {
    done(Command::new("ip").args(arguments));
}

fn done(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
