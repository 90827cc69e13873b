-- Keys in turn: at most one signs and at most one waits to; and secrets that are sealed under the master key.

-- A key that was made for later and never used may have been left behind by a stop at the wrong moment.
update signing_keys set state = 'gone', sealed = x'' where state = 'next';

create unique index signing_keys_in_turn on signing_keys (state) where state in ('next', 'active');

create table sealed_secrets (
    name text not null primary key,
    sealed blob not null
) strict, without rowid;
