//! Threads that do nothing but hash. Each keeps its memory while there is work, and takes the next job without a detour.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::argon::Argon;

/// What a thread is asked to do.
pub type Job = Box<dyn FnOnce(&mut Argon) + Send>;

/// The threads, and the jobs that wait for one of them. When this is dropped, they finish what waits and end.
pub struct Hashers(Arc<Queue>);

struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

impl Hashers {
    /// Starts one thread for each.
    pub fn start(argons: impl IntoIterator<Item = Argon>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), changed: Condvar::new() });
        for argon in argons {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name("hasher".into()).spawn(move || queue.work(argon))?;
        }
        Ok(Self(queue))
    }

    /// Puts a job behind those that wait; false if there are [`MOST`] already.
    pub fn ask(&self, job: Job) -> bool {
        let mut waiting = self.0.lock();
        if waiting.jobs.len() >= MOST {
            return false;
        }
        waiting.jobs.push_back(job);
        self.0.changed.notify_one();
        true
    }
}

impl Drop for Hashers {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl Queue {
    fn work(&self, mut argon: Argon) {
        while let Some(job) = self.next(&mut argon) {
            // Whoever asked sees that no answer comes; the next one is not to suffer for it.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut argon)));
        }
    }

    /// The next job; `None` at the end. Memory is given back after a while without work.
    fn next(&self, argon: &mut Argon) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.is_closed {
                return None;
            }
            let (again, timeout) = self.changed.wait_timeout(waiting, IDLE).unwrap_or_else(PoisonError::into_inner);
            waiting = again;
            if timeout.timed_out() {
                argon.rest();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Most jobs that wait; one more is answered 503.
const MOST: usize = 128;

/// How long a thread without work keeps its memory.
const IDLE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn hashers() -> Hashers {
        let params = argon2::Params::new(16, 1, 1, None).unwrap();
        Hashers::start([Argon::new(params)]).unwrap()
    }

    #[test]
    fn a_job_that_panics_does_not_take_the_thread_with_it() {
        let hashers = hashers();
        let (said, heard) = channel();
        assert!(hashers.ask(Box::new(|_| panic!("on purpose"))));
        assert!(hashers.ask(Box::new(move |_| said.send(()).unwrap())));
        heard.recv().unwrap();
    }

    #[test]
    fn what_exceeds_the_queue_is_turned_away_and_what_waits_is_done() {
        let hashers = hashers();
        let (go, wait) = channel::<()>();
        let (started, is_started) = channel();
        let (said, heard) = channel();
        hashers.ask(Box::new(move |_| {
            started.send(()).unwrap();
            let _ = wait.recv();
        }));
        is_started.recv().unwrap();
        for _ in 0..MOST {
            let said = said.clone();
            assert!(hashers.ask(Box::new(move |_| said.send(()).unwrap())));
        }
        assert!(!hashers.ask(Box::new(|_| {})));
        drop((go, said, hashers));
        assert_eq!(heard.iter().count(), MOST);
    }
}
