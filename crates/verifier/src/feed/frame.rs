//! What answers of the revocation feed are made of: frames, as `docs/revocation-feed.md` lays them out.

use super::View;
use crate::Revocation;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Something has been withdrawn.
    Entry(Revocation),
    /// Everything up to a moment has been told.
    Watermark(Watermark),
    /// The stream ends here, although nothing is wrong: open another.
    End,
    /// From a later version. A watermark behind it in the same answer proves nothing.
    Unknown,
}

/// That everything committed up to a moment has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// How long before this was made that moment was, in milliseconds.
    pub age_ms: u32,
    /// The latest that any node's clock may have shown when this was made, in unix milliseconds.
    pub now_ms: i64,
    /// Where to go on.
    pub position: Position,
}

impl Watermark {
    /// How things stood where it was made.
    pub fn view(&self) -> View {
        View { now_ms: self.now_ms, age_ms: i64::from(self.age_ms) }
    }
}

/// Up to where somebody has been told. Opaque: only who made it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(Box<str>);

impl Position {
    /// The longest, in bytes.
    pub const MAX_BYTES: usize = 2_048;

    /// A position as it came in, if it can be one.
    ///
    /// ```
    /// use verifier::feed::Position;
    /// assert!(Position::parse("p1.745:751:747,749").is_some());
    /// assert!(Position::parse("a b").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:,".contains(&byte);
        let is_sound = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(is_ours);
        is_sound.then(|| Self(text.into()))
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Frame {
    /// Appends the frame to an answer that is made at `now_ms`.
    pub fn encode(&self, now_ms: i64, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(&[0; HEAD]);
        let kind = match self {
            Self::Entry(revocation) => entry(revocation, now_ms, into),
            Self::Watermark(Watermark { age_ms, now_ms, position }) => {
                into.extend_from_slice(&age_ms.to_be_bytes());
                into.extend_from_slice(&unsigned(*now_ms).to_be_bytes());
                into.extend_from_slice(position.0.as_bytes());
                WATERMARK
            }
            Self::End => END,
            // There is nothing to say of what is not known.
            Self::Unknown => return into.truncate(start),
        };
        let length = u16::try_from(into.len() - start - HEAD).expect("names and positions have a longest");
        into[start] = kind;
        into[start + 1..start + HEAD].copy_from_slice(&length.to_be_bytes());
    }

    fn decode(kind: u8, body: &[u8], now_ms: i64) -> Self {
        let frame = match kind {
            WATERMARK => watermark(body).map(Self::Watermark),
            END => body.is_empty().then_some(Self::End),
            _ => revocation(kind, body, now_ms).map(Self::Entry),
        };
        frame.unwrap_or(Self::Unknown)
    }
}

/// Splits an answer into frames while it comes in.
///
/// ```
/// use verifier::feed::{Frame, Frames};
/// let mut frames = Frames::default();
/// frames.push(&[0x11, 0]);
/// assert_eq!(frames.next(0), None, "it is not all there yet");
/// frames.push(&[0]);
/// assert_eq!(frames.next(0), Some(Frame::End));
/// ```
#[derive(Default)]
pub struct Frames {
    buffer: Vec<u8>,
    read: usize,
}

impl Frames {
    /// Adds what has come in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame that is all there, heard at `now_ms`.
    pub fn next(&mut self, now_ms: i64) -> Option<Frame> {
        let rest = &self.buffer[self.read..];
        let (head, rest) = rest.split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
        let frame = Frame::decode(head[0], rest.get(..length)?, now_ms);
        self.read += HEAD + length;
        Some(frame)
    }

    /// Whether it stands between two frames: an answer that stops elsewhere was cut off.
    pub fn is_between(&self) -> bool {
        self.read == self.buffer.len()
    }
}

fn entry(revocation: &Revocation, now_ms: i64, into: &mut Vec<u8>) -> u8 {
    let remaining = revocation.keep_until().saturating_sub(now_ms).max(0);
    // Rounded up: an entry may be kept for too long, never for too short.
    let seconds = remaining / 1_000 + i64::from(remaining % 1_000 > 0);
    into.extend_from_slice(&u32::try_from(seconds).unwrap_or(u32::MAX).to_be_bytes());
    match revocation {
        Revocation::Session { sid, .. } => {
            into.extend_from_slice(sid);
            SESSION
        }
        Revocation::Epoch { user, epoch, .. } => {
            into.extend_from_slice(user);
            into.extend_from_slice(&epoch.to_be_bytes());
            EPOCH
        }
        Revocation::Key { kid, .. } => {
            into.extend_from_slice(kid.as_bytes());
            KEY
        }
        Revocation::Everybody { read_until, .. } => {
            into.extend_from_slice(&unsigned(*read_until).to_be_bytes());
            EVERYBODY
        }
        Revocation::Client { client_id, read_until, .. } => {
            into.extend_from_slice(&unsigned(*read_until).to_be_bytes());
            into.extend_from_slice(client_id.as_bytes());
            CLIENT
        }
    }
}

fn revocation(kind: u8, body: &[u8], now_ms: i64) -> Option<Revocation> {
    let (remaining, body) = body.split_first_chunk::<4>()?;
    let keep_until = now_ms.saturating_add(i64::from(u32::from_be_bytes(*remaining)) * 1_000);
    Some(match kind {
        SESSION => Revocation::Session { sid: body.try_into().ok()?, keep_until },
        EPOCH => {
            let (user, epoch) = body.split_first_chunk::<16>()?;
            Revocation::Epoch { user: *user, epoch: u64::from_be_bytes(epoch.try_into().ok()?), keep_until }
        }
        KEY => Revocation::Key { kid: name(body)?, keep_until },
        EVERYBODY => Revocation::Everybody { read_until: moment(body.try_into().ok()?), keep_until },
        CLIENT => {
            let (read_until, client_id) = body.split_first_chunk::<8>()?;
            Revocation::Client { client_id: name(client_id)?, read_until: moment(*read_until), keep_until }
        }
        _ => return None,
    })
}

fn watermark(body: &[u8]) -> Option<Watermark> {
    let (age, body) = body.split_first_chunk::<4>()?;
    let (now, position) = body.split_first_chunk::<8>()?;
    let position = Position::parse(std::str::from_utf8(position).ok()?)?;
    Some(Watermark { age_ms: u32::from_be_bytes(*age), now_ms: moment(*now), position })
}

fn name(bytes: &[u8]) -> Option<String> {
    let is_sound = (1..=Revocation::MAX_NAME_BYTES).contains(&bytes.len());
    String::from_utf8(bytes.to_vec()).ok().filter(|_| is_sound)
}

/// A moment too late to be written as a signed number is as good as the last.
fn moment(bytes: [u8; 8]) -> i64 {
    i64::try_from(u64::from_be_bytes(bytes)).unwrap_or(i64::MAX)
}

/// A moment before 1970 is as good as the first.
fn unsigned(moment: i64) -> u64 {
    u64::try_from(moment).unwrap_or(0)
}

/// The type and the length.
const HEAD: usize = 3;

const SESSION: u8 = 0x01;
const EPOCH: u8 = 0x02;
const KEY: u8 = 0x03;
const EVERYBODY: u8 = 0x04;
const CLIENT: u8 = 0x05;
const WATERMARK: u8 = 0x10;
const END: u8 = 0x11;
