//! A way from one process to another, for TCP: it can hold all bytes back, in either direction and without anybody being told, or
//! let each of them wait.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A wire that leads to one address.
pub struct Wire {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    to: SocketAddr,
    there_is_cut: AtomicBool,
    back_is_cut: AtomicBool,
    delay: Duration,
}

impl Wire {
    /// Lays a wire from a port of this address; 0 takes a free one.
    pub fn lay(from: IpAddr, port: u16, to: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind((from, port)).unwrap();
        let address = listener.local_addr().unwrap();
        let cut = || AtomicBool::new(false);
        let state = Arc::new(State { to, there_is_cut: cut(), back_is_cut: cut(), delay });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || connect(&near, &state));
            }
        });
        Self { address, state }
    }

    /// Holds back what goes there, or lets it go on.
    pub fn hold_there(&self, is_held: bool) {
        self.state.there_is_cut.store(is_held, Ordering::SeqCst);
    }

    /// The same with what comes back.
    pub fn hold_back(&self, is_held: bool) {
        self.state.back_is_cut.store(is_held, Ordering::SeqCst);
    }
}

fn connect(near: &TcpStream, state: &Arc<State>) {
    wait(&state.there_is_cut);
    let Ok(far) = TcpStream::connect(state.to) else {
        let _ = near.shutdown(Shutdown::Both);
        return;
    };
    let (back_from, back_to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    let back = Arc::clone(state);
    thread::spawn(move || pump(back_from, back_to, &back.back_is_cut, back.delay));
    pump(near.try_clone().unwrap(), far, &state.there_is_cut, state.delay);
}

fn pump(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool, delay: Duration) {
    let mut part = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut part) {
        let read = Instant::now();
        wait(is_cut);
        while read.elapsed() < delay {
            thread::park_timeout(delay.saturating_sub(read.elapsed()));
        }
        if to.write_all(&part[..length]).is_err() {
            break;
        }
    }
    wait(is_cut);
    // The other direction may have closed it already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn wait(is_cut: &AtomicBool) {
    while is_cut.load(Ordering::SeqCst) {
        thread::park_timeout(Duration::from_millis(1));
    }
}
