//! Between a node and PostgreSQL: passes everything on, and can cut a connection right before or right after a commit.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::Random;

/// A way to the server that the test controls.
pub struct Proxy {
    pub address: SocketAddr,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    next: Mutex<Option<Cut>>,
    /// Of a hundred commits, so many are cut off, half of them before and half of them after.
    percent: AtomicUsize,
    cuts: AtomicUsize,
}

/// Where a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The commit never arrives.
    Before,
    /// It is done, but the answer never arrives.
    After,
}

impl Proxy {
    /// A proxy in front of the server at this address.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let orders = Arc::new(Orders::default());
        let shared = Arc::clone(&orders);
        thread::spawn(move || {
            for (number, node) in listener.incoming().map_while(Result::ok).enumerate() {
                let Ok(server) = TcpStream::connect(to) else { continue };
                connect(node, server, &shared, number as u64);
            }
        });
        Self { address, orders }
    }

    /// Cuts the connection at the next commit.
    pub fn cut_next(&self, cut: Cut) {
        *self.orders.next.lock().unwrap() = Some(cut);
    }

    /// Takes that back.
    pub fn cut_none(&self) {
        *self.orders.next.lock().unwrap() = None;
    }

    /// Whether that has happened.
    pub fn has_cut(&self) -> bool {
        self.orders.next.lock().unwrap().is_none()
    }

    /// Cuts connections at so many of a hundred commits from now on.
    pub fn cut_often(&self, percent: usize) {
        self.orders.percent.store(percent, Ordering::Relaxed);
    }

    /// How often a connection was cut.
    pub fn cuts(&self) -> usize {
        self.orders.cuts.load(Ordering::Relaxed)
    }
}

impl Orders {
    fn at_commit(&self, random: &mut Random) -> Option<Cut> {
        let ordered = self.next.lock().unwrap().take();
        let by_chance = || {
            let is_due = random.below(100) < self.percent.load(Ordering::Relaxed);
            is_due.then(|| if random.below(2) == 0 { Cut::Before } else { Cut::After })
        };
        let cut = ordered.or_else(by_chance);
        self.cuts.fetch_add(cut.is_some().into(), Ordering::Relaxed);
        cut
    }
}

fn connect(mut node: TcpStream, mut server: TcpStream, orders: &Arc<Orders>, number: u64) {
    let (mut from_node, mut from_server) = (node.try_clone().unwrap(), server.try_clone().unwrap());
    let withholds = Arc::new(AtomicBool::new(false));
    let (orders, withheld) = (Arc::clone(orders), Arc::clone(&withholds));
    let mut random = Random::seeded(number + 1);
    thread::spawn(move || {
        // The first message has no kind.
        let mut is_open = read_message(&mut from_node, false).is_some_and(|first| server.write_all(&first).is_ok());
        while is_open {
            let Some(message) = read_message(&mut from_node, true) else { break };
            let cut = if message.ends_with(b"commit\0") { orders.at_commit(&mut random) } else { None };
            withholds.fetch_or(cut == Some(Cut::After), Ordering::SeqCst);
            is_open = cut != Some(Cut::Before) && server.write_all(&message).is_ok();
        }
        close(&from_node, &server);
    });
    thread::spawn(move || {
        while let Some(message) = read_message(&mut from_server, true) {
            let is_commit = message.starts_with(b"C") && message.ends_with(b"COMMIT\0");
            if (is_commit && withheld.load(Ordering::SeqCst)) || node.write_all(&message).is_err() {
                break;
            }
        }
        close(&node, &from_server);
    });
}

/// One message of the protocol: a letter unless it is the first, its length, and the rest.
fn read_message(from: &mut TcpStream, has_kind: bool) -> Option<Vec<u8>> {
    let mut message = vec![0; if has_kind { 5 } else { 4 }];
    from.read_exact(&mut message).ok()?;
    let length = message.last_chunk::<4>().map(|length| u32::from_be_bytes(*length))?;
    let head = message.len();
    message.resize(head + length as usize - 4, 0);
    from.read_exact(&mut message[head..]).ok()?;
    Some(message)
}

fn close(node: &TcpStream, server: &TcpStream) {
    // The other direction may have closed it already.
    let _ = (node.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
