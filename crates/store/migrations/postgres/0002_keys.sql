-- Keys in turn: at most one signs and at most one waits to; and secrets that are sealed under the master key.

create unique index signing_keys_in_turn on signing_keys (state) where state in ('next', 'active');

create table sealed_secrets (
    name text not null primary key,
    sealed bytea not null
);
