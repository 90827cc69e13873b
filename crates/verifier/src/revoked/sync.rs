//! What threads share, gathered here so that the models in `tests/revoked_models` can put a model checker's in their place.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};

/// A pointer that one thread exchanges while others read what it points to.
pub(super) type Swap<T> = arc_swap::ArcSwap<T>;
