//! Threads that do nothing but hash. Each keeps its memory while there is work, and takes the next job without a detour.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::argon::Argon;

/// What a thread is asked to do.
pub type Job = Box<dyn FnOnce(&mut Argon) + Send>;

/// The threads, and the jobs that wait for one of them. A thread is started when there is work for it. After [`IDLE`]
/// without any it frees its memory, and after as long again it ends.
pub struct Hashers(Arc<Queue>);

struct Queue {
    new_argon: Box<dyn Fn() -> Argon + Send + Sync>,
    most_threads: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

impl Hashers {
    /// At most `most_threads` threads, each with an [`Argon`] of its own.
    pub fn new(most_threads: usize, new_argon: impl Fn() -> Argon + Send + Sync + 'static) -> Self {
        let new_argon = Box::new(new_argon);
        Self(Arc::new(Queue { new_argon, most_threads, waiting: Mutex::default(), changed: Condvar::new() }))
    }

    /// Puts a job behind those that wait; false if there are [`MOST`] already, or no thread can be had.
    pub fn ask(&self, job: Job) -> bool {
        let mut waiting = self.0.lock();
        if waiting.jobs.len() >= MOST {
            return false;
        }
        if waiting.jobs.len() >= waiting.idle && waiting.threads < self.0.most_threads {
            let queue = Arc::clone(&self.0);
            let started = std::thread::Builder::new().name("hasher".into()).spawn(move || queue.work()).is_ok();
            if !started && waiting.threads == 0 {
                return false;
            }
            waiting.threads += usize::from(started);
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
    fn work(&self) {
        let mut argon = (self.new_argon)();
        while let Some(job) = self.next(&mut argon) {
            // Whoever asked sees that no answer comes; the next one is not to suffer for it.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut argon)));
        }
    }

    /// The next job; `None` when the thread is to end, which is then counted off already.
    fn next(&self, argon: &mut Argon) -> Option<Job> {
        let mut waiting = self.lock();
        let mut has_rested = false;
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.is_closed {
                waiting.threads -= 1;
                return None;
            }
            waiting.idle += 1;
            let (again, timeout) = self.changed.wait_timeout(waiting, IDLE).unwrap_or_else(PoisonError::into_inner);
            waiting = again;
            waiting.idle -= 1;
            if !timeout.timed_out() || !waiting.jobs.is_empty() {
                continue;
            }
            if has_rested {
                waiting.threads -= 1;
                return None;
            }
            // The allocator hands memory to the system some time after it was freed, at the latest when a thread ends.
            argon.rest();
            has_rested = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Most jobs that wait; one more is answered 503.
const MOST: usize = 128;

/// How long a thread without work waits for some.
const IDLE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn hashers() -> Hashers {
        Hashers::new(1, || Argon::new(argon2::Params::new(16, 1, 1, None).unwrap()))
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
