//! Every change of the schema, in order, in the words of both engines. Forward only.

/// One change. What it makes has the same names on both engines.
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// Expand, then contract: while nodes are replaced one by one, the old version still runs on the new schema.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "spine",
        sqlite: include_str!("../migrations/sqlite/0001_spine.sql"),
        postgres: include_str!("../migrations/postgres/0001_spine.sql"),
    },
    Migration {
        number: 2,
        name: "keys",
        sqlite: include_str!("../migrations/sqlite/0002_keys.sql"),
        postgres: include_str!("../migrations/postgres/0002_keys.sql"),
    },
    Migration {
        number: 3,
        name: "transfers",
        sqlite: include_str!("../migrations/sqlite/0003_transfers.sql"),
        postgres: include_str!("../migrations/postgres/0003_transfers.sql"),
    },
    Migration {
        number: 4,
        name: "marks",
        sqlite: include_str!("../migrations/sqlite/0004_marks.sql"),
        postgres: include_str!("../migrations/postgres/0004_marks.sql"),
    },
    Migration {
        number: 5,
        name: "sweep",
        sqlite: include_str!("../migrations/sqlite/0005_sweep.sql"),
        postgres: include_str!("../migrations/postgres/0005_sweep.sql"),
    },
    Migration {
        number: 6,
        name: "verifiers",
        sqlite: include_str!("../migrations/sqlite/0006_verifiers.sql"),
        postgres: include_str!("../migrations/postgres/0006_verifiers.sql"),
    },
    Migration {
        number: 7,
        name: "listeners",
        sqlite: include_str!("../migrations/sqlite/0007_listeners.sql"),
        postgres: include_str!("../migrations/postgres/0007_listeners.sql"),
    },
    Migration {
        number: 8,
        name: "floors",
        sqlite: include_str!("../migrations/sqlite/0008_floors.sql"),
        postgres: include_str!("../migrations/postgres/0008_floors.sql"),
    },
    Migration {
        number: 9,
        name: "weight",
        sqlite: include_str!("../migrations/sqlite/0009_weight.sql"),
        postgres: include_str!("../migrations/postgres/0009_weight.sql"),
    },
    Migration {
        number: 10,
        name: "lighter",
        sqlite: include_str!("../migrations/sqlite/0010_lighter.sql"),
        postgres: include_str!("../migrations/postgres/0010_lighter.sql"),
    },
];

/// The number of the last one that this version knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}
