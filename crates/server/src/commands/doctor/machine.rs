//! What the machine can bear, and what it would tell.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::config::Passwords;

/// What hashing passwords costs here.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// How long one hash takes.
    pub time: Duration,
    /// Bytes for as many as are computed at a time.
    pub memory: u64,
    /// Bytes that this machine, or this container, still has; none if that cannot be told.
    pub available: Option<u64>,
}

impl Cost {
    /// Computes one hash as the server would. The best of three, since others use the machine, too.
    pub fn measured(config: &Passwords) -> Self {
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None)
            .expect("the configuration has checked the ranges");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let once = || {
            let began = Instant::now();
            let hashed = argon2.hash_password_into(b"six quiet otters swim", &[7; 16], &mut [0; 32]);
            hashed.expect("salt and output are within Argon2's limits");
            began.elapsed()
        };
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let concurrent = if config.concurrent == 0 { processors } else { config.concurrent };
        Self {
            time: (0..3).map(|_| once()).min().unwrap_or_default(),
            memory: u64::from(config.memory_kib) * 1024 * concurrent as u64,
            available: available(),
        }
    }
}

pub fn judge(cost: Cost) -> Vec<Finding> {
    vec![time(cost), memory(cost), core_dumps(is_closed())]
}

fn time(cost: Cost) -> Finding {
    let is = format!("one takes {} ms", cost.time.as_millis());
    if cost.time > Duration::from_secs(1) {
        return Finding::warning(
            "password hashing",
            is,
            "lower passwords.memory_kib or passwords.iterations: logins queue",
        );
    }
    Finding::ok("password hashing", is)
}

fn memory(cost: Cost) -> Finding {
    let needed = cost.memory >> 20;
    let Some(available) = cost.available else {
        return Finding::ok("password memory", format!("{needed} MiB for all that are computed at a time"));
    };
    let is = format!("{needed} MiB for all that are computed at a time; {} MiB are available", available >> 20);
    let advice = "lower passwords.concurrent or passwords.memory_kib, or give the machine more memory";
    if cost.memory > available {
        Finding::problem("password memory", is, advice)
    } else if cost.memory > available / 2 {
        Finding::warning("password memory", is, advice)
    } else {
        Finding::ok("password memory", is)
    }
}

fn core_dumps(is_closed: bool) -> Finding {
    if is_closed {
        return Finding::ok("core dumps", "off, and no other process of this user can look into this one");
    }
    Finding::problem(
        "core dumps",
        "the system lets this process be dumped, with the keys and passwords in it",
        "find out what keeps RLIMIT_CORE from being 0, or PR_SET_DUMPABLE from being off",
    )
}

/// Whether what every command asks for at its start was granted.
fn is_closed() -> bool {
    let limited = getrlimit(Resource::Core).current == Some(0);
    #[cfg(target_os = "linux")]
    let limited = limited
        && rustix::process::dumpable_behavior()
            .is_ok_and(|as_is| as_is == rustix::process::DumpableBehavior::NotDumpable);
    limited
}

/// What is left: to the machine, or to the container if that is less.
fn available() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024;
    let number =
        |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    let container = number("memory.max").zip(number("memory.current")).map(|(most, now)| most.saturating_sub(now));
    Some(container.map_or(machine, |container| container.min(machine)))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn hashing_that_is_too_slow_or_too_large_for_the_machine_is_found() {
        let cost = |millis, memory, available| Cost { time: Duration::from_millis(millis), memory, available };
        for (cost, expected) in [
            (cost(50, 40, Some(400)), [Outcome::Ok, Outcome::Ok]),
            (cost(50, 40, None), [Outcome::Ok, Outcome::Ok]),
            (cost(1001, 40, Some(400)), [Outcome::Warning, Outcome::Ok]),
            (cost(50, 201, Some(400)), [Outcome::Ok, Outcome::Warning]),
            (cost(50, 401, Some(400)), [Outcome::Ok, Outcome::Problem]),
        ] {
            assert_eq!([time(cost).result, memory(cost).result], expected, "{cost:?}");
        }
        assert_eq!((core_dumps(true).result, core_dumps(false).result), (Outcome::Ok, Outcome::Problem));
    }

    #[test]
    fn the_cost_is_that_of_all_hashes_at_a_time() {
        let config = Passwords { concurrent: 3, ..Passwords::default() };
        let cost = Cost::measured(&config);
        assert_eq!(cost.memory, 3 * 19_456 * 1024);
        assert!(cost.time > Duration::ZERO);
    }
}
