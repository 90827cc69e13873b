//! A process with some of the verifiers, as the main process sees it; and what it does.

use std::env;
use std::io::{BufReader, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::runtime::Runtime;
use verifier::Verifier;

use crate::clock::{millis, now};
use crate::loader::Loader;
use crate::words::{Ready, Schedule, Task, Watched, hear, say};

/// The argument by which this program becomes such a process.
pub const GROUP: &str = "--as-a-group-of-verifiers";

pub struct Group {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Whether it is the one that is cut off.
    pub is_cut: bool,
}

impl Group {
    pub fn start(task: &Task, is_cut: bool) -> Self {
        let mut process = Command::new(env::current_exe().unwrap());
        process.arg(GROUP).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut group = Self { process, to, from, is_cut };
        say(&mut group.to, task);
        group
    }

    pub fn until_ready(&mut self) -> Ready {
        hear(&mut self.from)
    }

    pub fn begin(&mut self, schedule: Schedule) {
        say(&mut self.to, &schedule);
    }

    pub fn end(&mut self) {
        say(&mut self.to, &());
    }

    pub fn watched(&mut self) -> Watched {
        hear(&mut self.from)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the process does.
pub fn work() {
    let (mut from, mut to) = (stdin().lock(), stdout().lock());
    let task: Task = hear(&mut from);
    // The feed has a thread of its own; tokens are checked on another, as if by requests.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (verifiers, started_in) = start(&task, &runtime);
    let mut loader = Loader::new(&verifiers, &task);
    runtime.handle().block_on(loader.meet_all());
    say(&mut to, &Ready { started_in });

    let schedule: Schedule = hear(&mut from);
    let is_over = AtomicBool::new(false);
    let watched: Watched = thread::scope(|scope| {
        let loading = scope.spawn(|| {
            setpriority_process(None, task.nice).unwrap();
            loader.run(schedule, runtime.handle(), &is_over)
        });
        let () = hear(&mut from);
        is_over.store(true, Ordering::Relaxed);
        loading.join().unwrap()
    });
    say(&mut to, &watched);
}

/// How long a machine may take that has much else to do, until the server answers.
const PATIENCE: Duration = Duration::from_mins(1);

/// One after the other, and how many milliseconds each took.
fn start(task: &Task, runtime: &Runtime) -> (Vec<Verifier>, Vec<f64>) {
    let tokens = task.staying.len() + task.ending.len();
    let started = (0..task.verifiers).map(|number| {
        let began = now();
        let connect = Verifier::from_issuer(&task.issuer).follow(&task.credential).retry_for(PATIENCE);
        let connect = connect.named(format!("{}{number}", task.name)).bound(Duration::from_millis(task.bound));
        // With room to spare, so that nothing gives way.
        let connect = connect.cached_tokens(tokens * 3 / 2 + 1_000);
        let verifier = runtime.block_on(connect.into_future()).unwrap();
        (verifier, millis(now() - began))
    });
    started.unzip()
}
