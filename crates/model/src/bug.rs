//! Mistakes that the protocol avoids, each of which the checker must find.

/// What is done wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A token's life is counted from its signing instead of from when the session was read.
    LifeFromSigning,
    /// A token says when it was signed where it should say when the session was read.
    RatFromSigning,
    /// A remembered session's life is counted from when the answer came instead of from when the session was read.
    LifeFromInsertion,
    /// A node says how far it has read before it has taken in what it read.
    WatermarkOvertakes,
    /// An entry is kept for the life of a token, without the leeway of those who check or the time that a commit takes.
    DroppedEarly,
    /// A node reads on in the log behind the highest `seq` that it has read.
    SeqCursor,
    /// The same, and it reads only what was written by transactions before the oldest open one.
    SeqCursorBelowXmin,
    /// A position says only how far, and not what was still missing.
    PositionWithoutMissing,
    /// A verifier that was just started takes its empty set for everything.
    EmptyIsComplete,
    /// What an answer proves is counted from its arrival instead of from the question.
    KnownFromArrival,
    /// The watermark of a stream is taken as a proof.
    StreamProves,
    /// A relay answers from its memory as if that were new.
    RelayAgeLeftOut,
    /// Whoever has dropped an entry goes on with an estimate of the issuer's clock from before the end of that entry.
    HorizonLeftOut,
    /// The same by a relay, towards those who ask it.
    RelayHorizonLeftOut,
    /// A relay goes on from a watermark on a stream before what came with it can be told.
    RelayTellsLate,
    /// A verifier goes by the wall clock.
    WallClockAlone,
    /// A verifier goes by a steady clock that stands still while the machine sleeps.
    SteadyClockAlone,
    /// A verifier goes by the steady clock and the furthest lead that the wall clock ever had over it: after the wall clock
    /// was set back, a sleep goes unnoticed until it has made up for that.
    FurthestLead,
    /// A refresh token is judged when it is read and not again when it is replaced, and its successor is drawn.
    TwoSuccessors,
}
