-- Accounts, sessions, grants, and the log of what must be forgotten.

-- collate "C": in the order of the bytes, as in SQLite, whatever the server's language.
create table users (
    user_id bytea not null primary key check (length(user_id) = 16),
    username text collate "C" not null unique,
    email text collate "C" unique,
    password_hash text,
    roles text not null,
    epoch bigint not null,
    created_at bigint not null,
    disabled_at bigint
);

-- The link that creates the first administrator: at most one at a time.
create table setup_offers (
    "only" bigint not null primary key check ("only" = 1),
    secret_hash bytea not null check (length(secret_hash) = 32),
    expires_at bigint not null
);

create table sessions (
    session_id bytea not null primary key check (length(session_id) = 16),
    user_id bytea not null references users (user_id),
    cookie_hash bytea check (length(cookie_hash) = 32),
    created_at bigint not null,
    authenticated_at bigint not null,
    seen_at bigint not null,
    idle_expires_at bigint not null,
    expires_at bigint not null,
    amr text not null,
    user_agent text not null,
    ip text not null,
    epoch_at_issue bigint not null,
    max_access_exp bigint not null,
    ended_at bigint,
    ended_why text check ((ended_why is null) = (ended_at is null))
);

create index sessions_by_user on sessions (user_id, ended_at);
create index sessions_by_deadline on sessions (idle_expires_at) where ended_at is null;
create index sessions_by_end on sessions (ended_at) where ended_at is not null;

-- fillfactor: what changes at every use finds room on its own page, so that no index has to change with it.
create table grants (
    grant_id bytea not null primary key check (length(grant_id) = 16),
    session_id bytea not null references sessions (session_id) on delete cascade,
    client_id text not null,
    scope text not null,
    rotation bigint not null,
    rotated_at bigint not null
) with (fillfactor = 80);

create index grants_by_session on grants (session_id);

-- xid: who wrote it. Readers ask which transactions they have not seen yet, because seq says nothing about that here.
create table revocations (
    seq bigint generated always as identity primary key,
    kind text not null check (kind in ('session', 'epoch', 'key')),
    key bytea not null,
    value bigint not null,
    keep_until bigint not null,
    xid xid8 not null default pg_current_xact_id()
);

create index revocations_by_end on revocations (keep_until);
create index revocations_by_xid on revocations (xid);

create table throttles (
    throttle_key bytea not null primary key check (length(throttle_key) = 16),
    free_at bigint not null
) with (fillfactor = 80);

create index throttles_by_end on throttles (free_at);

create table signing_keys (
    kid text not null primary key,
    algorithm text not null,
    state text not null check (state in ('next', 'active', 'retired', 'gone')),
    public_jwk text,
    sealed bytea not null,
    created_at bigint not null,
    activated_at bigint,
    retired_at bigint
);

create table meta (
    name text not null primary key,
    value bigint not null
);
