//! Tries every course of events, the shortest first.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
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
    let mut numbers = HashMap::from([(Rc::clone(&start), 0)]);
    // Each state with the step that led to it, and from where.
    let mut found: Vec<(Rc<M::State>, Option<(usize, M::Step)>)> = vec![(start, None)];
    let mut examples = BTreeSet::new();
    let mut at = 0;
    while at < found.len() {
        let state = Rc::clone(&found[at].0);
        if let Some(rule) = model.broken(&state) {
            return Err(Counterexample { rule, trace: trace(&found, at) });
        }
        examples.extend(model.example(&state));
        for (step, next) in model.steps(&state) {
            let next = Rc::new(next);
            let number = *numbers.entry(Rc::clone(&next)).or_insert(found.len());
            if number == found.len() {
                found.push((next, Some((at, step))));
            }
        }
        assert!(found.len() <= most, "there are more than {most} states");
        at += 1;
    }
    Ok(Explored { states: found.len(), examples })
}

fn trace<S, T: fmt::Debug>(found: &[(S, Option<(usize, T)>)], mut at: usize) -> Vec<String> {
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
