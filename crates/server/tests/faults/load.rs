//! Clients at work, until they are told to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::ledger::{Client, Heard};
use crate::support::SOON;

/// Several clients, a thread each.
pub struct Load {
    clients: Vec<JoinHandle<Client>>,
    heard: mpsc::Receiver<Heard>,
    stop: Arc<AtomicBool>,
}

impl Load {
    pub fn start(fleet: &Arc<Fleet>, clients: Vec<Client>) -> Self {
        let (tell, heard) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let clients = clients.into_iter().map(|client| {
            let (fleet, tell, stop) = (Arc::clone(fleet), tell.clone(), Arc::clone(&stop));
            thread::spawn(move || work(client, &fleet, &tell, &stop))
        });
        Self { clients: clients.collect(), heard, stop }
    }

    /// Waits until the clients have heard this so often from now on.
    pub fn hears(&self, what: Heard, count: usize) {
        while self.heard.try_recv().is_ok() {}
        let deadline = Instant::now() + 2 * SOON;
        let mut left = count;
        while left > 0 {
            let rest = deadline.saturating_duration_since(Instant::now());
            let heard = self.heard.recv_timeout(rest).unwrap_or_else(|_| panic!("{what:?}: {left} of {count} to come"));
            left -= usize::from(heard == what);
        }
    }

    /// Lets the clients go on for a while; how often they got no answer, or 503.
    pub fn goes_on(&self, time: Duration) -> usize {
        let deadline = Instant::now() + time;
        let mut away = 0;
        while let Ok(heard) = self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            away += usize::from(heard == Heard::Away);
        }
        away
    }

    /// Ends the work; what they know.
    pub fn stop(self) -> Vec<Client> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().map(|client| client.join().unwrap()).collect()
    }
}

fn work(mut client: Client, fleet: &Fleet, tell: &mpsc::Sender<Heard>, stop: &AtomicBool) -> Client {
    // Nobody knows how long a check takes on a busy machine, and a refresh can be asked for again for a minute only.
    while !stop.load(Ordering::Relaxed) || client.awaits_refresh() {
        let heard = client.act(fleet);
        // Nobody listens between two waits.
        let _ = tell.send(heard);
        if heard == Heard::Away {
            thread::park_timeout(PATIENCE);
        }
    }
    client
}

/// How long a client that got no answer waits before it asks again: far less than it was told.
const PATIENCE: Duration = Duration::from_millis(50);
