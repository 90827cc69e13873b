//! An address of loopback for one server, so that nobody takes its port while it is started again, or before it is started.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

/// An address that no other test has, in this process or another: all of 127.0.0.0/8 is this machine, and ports that the system
/// gives away are of 127.0.0.1.
pub fn own_address() -> Ipv4Addr {
    let [.., c, d] = std::process::id().to_be_bytes();
    // Neither 127.0.0.1 nor the address for all.
    Ipv4Addr::new(127, 1 + count() % 250, c, d)
}

/// The same with a port, which the system gives nobody at any address.
pub fn own_socket() -> SocketAddr {
    let address = own_address();
    let port = 10_000 + (std::process::id() * 251 + u32::from(address.octets()[1])) % 20_000;
    SocketAddr::from((address, port as u16))
}

fn count() -> u8 {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
