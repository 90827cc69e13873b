-- Accounts, sessions, grants, and the log of what must be forgotten.

create table users (
    user_id blob not null primary key check (length(user_id) = 16),
    username text not null unique,
    email text unique,
    password_hash text,
    roles text not null,
    epoch integer not null,
    created_at integer not null,
    disabled_at integer
) strict, without rowid;

-- The link that creates the first administrator: at most one at a time.
create table setup_offers (
    only integer not null primary key check (only = 1),
    secret_hash blob not null check (length(secret_hash) = 32),
    expires_at integer not null
) strict;

create table sessions (
    session_id blob not null primary key check (length(session_id) = 16),
    user_id blob not null references users (user_id),
    cookie_hash blob check (length(cookie_hash) = 32),
    created_at integer not null,
    authenticated_at integer not null,
    seen_at integer not null,
    idle_expires_at integer not null,
    expires_at integer not null,
    amr text not null,
    user_agent text not null,
    ip text not null,
    epoch_at_issue integer not null,
    max_access_exp integer not null,
    ended_at integer,
    ended_why text check ((ended_why is null) = (ended_at is null))
) strict, without rowid;

create index sessions_by_user on sessions (user_id, ended_at);
create index sessions_by_deadline on sessions (idle_expires_at) where ended_at is null;
create index sessions_by_end on sessions (ended_at) where ended_at is not null;

create table grants (
    grant_id blob not null primary key check (length(grant_id) = 16),
    session_id blob not null references sessions (session_id) on delete cascade,
    client_id text not null,
    scope text not null,
    rotation integer not null,
    rotated_at integer not null
) strict, without rowid;

create index grants_by_session on grants (session_id);

-- autoincrement: a position is never used again, not even after its row was swept away.
create table revocations (
    seq integer primary key autoincrement,
    kind text not null check (kind in ('session', 'epoch', 'key')),
    key blob not null,
    value integer not null,
    keep_until integer not null
) strict;

create index revocations_by_end on revocations (keep_until);

create table throttles (
    throttle_key blob not null primary key check (length(throttle_key) = 16),
    free_at integer not null
) strict, without rowid;

create index throttles_by_end on throttles (free_at);

create table signing_keys (
    kid text not null primary key,
    algorithm text not null,
    state text not null check (state in ('next', 'active', 'retired', 'gone')),
    public_jwk text,
    sealed blob not null,
    created_at integer not null,
    activated_at integer,
    retired_at integer
) strict, without rowid;

create table meta (
    name text not null primary key,
    value integer not null
) strict, without rowid;
