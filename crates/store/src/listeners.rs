//! Who follows the revocations, as the nodes tell each other, and up to where each has heard of them.

use domain::{Span, UnixMillis};

use crate::datum::Value;
use crate::sql::{Columns, Sql};
use crate::{Error, Store};

/// A process that asks for revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name of its credential.
    pub verifier: String,
    /// What it calls itself.
    pub instance: String,
    /// A position that it has asked with, which is to say that it has heard of everything up to there. `None`: it has asked for
    /// everything so far.
    pub position: Option<String>,
    /// When it did so.
    pub acknowledged_at: UnixMillis,
    /// When it asked last.
    pub asked_at: UnixMillis,
    /// For how long after it was ended it may accept a credential, when it hears nothing.
    pub bound: Span,
}

/// Until when one is remembered that asks no more: for five minutes, or twice its bound, because for so long it may be late.
macro_rules! kept_until {
    () => {
        "asked_at + case when bound > 150000 then 2 * bound else 300000 end"
    };
}

/// Most that are read.
const MOST: i64 = 10_000;

/// Most of one verifier that are read, the latest: however many names somebody makes up, the others are read, too.
const MOST_OF_ONE: i64 = 257;

impl Store {
    /// Notes what listeners have told, where nothing later is known of them. In one transaction, and on PostgreSQL in one round
    /// trip.
    pub async fn note_listeners(&self, mut heard: Vec<Listener>) -> Result<(), Error> {
        // In one order, so that two nodes do not wait for each other.
        heard.sort_by(|a, b| (&a.verifier, &a.instance).cmp(&(&b.verifier, &b.instance)));
        self.write(async move |sql| {
            let rows: Vec<[&dyn Value; 6]> = heard
                .iter()
                .map(|one| -> [&dyn Value; 6] {
                    [&one.verifier, &one.instance, &one.position, &one.acknowledged_at.0, &one.asked_at.0, &one.bound.0]
                })
                .collect();
            sql.run_each(
                "insert into listeners (verifier, instance, position, acknowledged_at, asked_at, bound)
                values ($1, $2, $3, $4, $5, $6) on conflict (verifier, instance) do update set
                position = excluded.position, acknowledged_at = excluded.acknowledged_at,
                asked_at = excluded.asked_at, bound = excluded.bound where excluded.asked_at >= listeners.asked_at",
                &rows,
            )
            .await
        })
        .await
    }

    /// Those that are not to be forgotten yet at this moment, by name; the latest 257 of each verifier.
    pub async fn listeners(&self, now: UnixMillis) -> Result<Vec<Listener>, Error> {
        self.read(async move |sql| {
            sql.all(
                concat!(
                    "select verifier, instance, position, acknowledged_at, asked_at, bound from (select listeners.*,
                    row_number() over (partition by verifier order by asked_at desc, instance desc) as nth
                    from listeners where ",
                    kept_until!(),
                    " >= $1 and verifier in (select name from verifiers)) as latest
                    where nth <= $3 order by verifier, instance limit $2"
                ),
                &[&now.0, &MOST, &MOST_OF_ONE],
                listener,
            )
            .await
        })
        .await
    }
}

/// Deletes those that have not asked for minutes, nor within twice their bound.
pub(crate) async fn sweep(sql: Sql<'_>, now: UnixMillis) -> Result<usize, Error> {
    sql.run(concat!("delete from listeners where ", kept_until!(), " < $1"), &[&now.0]).await
}

fn listener(row: &mut Columns<'_>) -> Result<Listener, Error> {
    Ok(Listener {
        verifier: row.take()?,
        instance: row.take()?,
        position: row.take()?,
        acknowledged_at: row.moment()?,
        asked_at: row.moment()?,
        bound: Span(row.take()?),
    })
}
