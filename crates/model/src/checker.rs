//! Tries every course of events, the shortest first.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

/// Something that goes on in steps.
pub trait Model {
    /// How things stand.
    type State: Eq + Hash;
    /// What may happen.
    type Step: fmt::Debug;

    /// How it begins.
    fn start(&self) -> Self::State;
    /// Everything that may happen next.
    fn steps(&self, state: &Self::State) -> Vec<(Self::Step, Self::State)>;
    /// The rule that is broken, if one is.
    fn broken(&self, state: &Self::State) -> Option<&'static str>;
    /// What this state is an example of: a search that meets no example proves nothing.
    fn example(&self, state: &Self::State) -> Option<&'static str>;
}

/// What was found where no rule is broken.
#[derive(Debug)]
pub struct Explored {
    /// How many states there are.
    pub states: usize,
    /// What they are examples of.
    pub examples: BTreeSet<&'static str>,
}

/// The shortest course of events that breaks a rule.
#[derive(Debug)]
pub struct Counterexample {
    /// Which one.
    pub rule: &'static str,
    /// What happens, one step after the other.
    pub trace: Vec<String>,
}

/// Tries everything.
///
/// # Panics
/// If there are more than `most` states: then nothing has been shown.
pub fn explore<M: Model>(model: &M, most: usize) -> Result<Explored, Counterexample> {
    let start = Rc::new(model.start());
    let mut known = HashSet::<_, BuildHasherDefault<Quick>>::from_iter([Rc::clone(&start)]);
    let mut found: Found<M> = vec![(start, None)];
    let mut examples = BTreeSet::new();
    let mut at = 0;
    while at < found.len() {
        let state = Rc::clone(&found[at].0);
        if let Some(rule) = model.broken(&state) {
            return Err(Counterexample { rule, trace: trace::<M>(&found, at) });
        }
        examples.extend(model.example(&state));
        for (step, next) in model.steps(&state) {
            if !known.contains(&next) {
                let next = Rc::new(next);
                known.insert(Rc::clone(&next));
                found.push((next, Some((at, step))));
            }
        }
        assert!(found.len() <= most, "there are more than {most} states");
        at += 1;
    }
    Ok(Explored { states: found.len(), examples })
}

/// Each state with the step that led to it, and from where.
type Found<M> = Vec<(Rc<<M as Model>::State>, Option<(usize, <M as Model>::Step)>)>;

/// A hash in a few instructions: nobody chooses the states so that they collide.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

fn trace<M: Model>(found: &Found<M>, mut at: usize) -> Vec<String> {
    let mut trace = Vec::new();
    while let Some((before, step)) = &found[at].1 {
        trace.push(format!("{step:?}"));
        at = *before;
    }
    trace.reverse();
    trace
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "“{}” is broken after {} steps:", self.rule, self.trace.len())?;
        self.trace.iter().try_for_each(|step| writeln!(f, "  {step}"))
    }
}
