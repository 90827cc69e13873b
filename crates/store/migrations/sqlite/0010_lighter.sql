-- A session's row takes a fifth less room: half of the cookie's hash, addresses as bytes, minutes where a minute is near enough,
-- and nothing that another column says.
-- contract: the version before finds neither the old columns nor their old forms. What it says of others goes on.

-- authenticated_at: null if at created_at. …_minute: minutes since 1970, rounded up.
create table sessions_after (
    created_at integer not null,
    seen_at integer not null,
    idle_expires_at integer not null,
    expires_at integer not null,
    epoch_at_issue integer not null,
    authenticated_at integer,
    ended_at integer,
    max_access_minute integer not null,
    sweep_minute integer not null,
    session_id blob not null primary key check (length(session_id) = 16),
    user_id blob not null references users (user_id),
    cookie_hash blob check (length(cookie_hash) = 16),
    ip blob not null check (length(ip) in (4, 16)),
    amr text not null,
    user_agent text not null,
    ended_why text check ((ended_why is null) = (ended_at is null))
) strict, without rowid;

-- address_bytes is given to SQLite by whoever migrates.
insert into sessions_after (created_at, seen_at, idle_expires_at, expires_at, epoch_at_issue, authenticated_at, ended_at,
    max_access_minute, sweep_minute, session_id, user_id, cookie_hash, ip, amr, user_agent, ended_why)
select created_at, seen_at, idle_expires_at, expires_at, epoch_at_issue, nullif(authenticated_at, created_at), ended_at,
    (max_access_exp + 59999) / 60000, (sweep_at + 59999) / 60000, session_id, user_id, substr(cookie_hash, 1, 16),
    address_bytes(ip), amr, user_agent, ended_why
from sessions order by session_id;

-- The grants are made anew too: with a session they would go, and with the table of sessions all of them.
create table grants_after (
    grant_id blob not null primary key check (length(grant_id) = 16),
    session_id blob not null references sessions_after (session_id) on delete cascade,
    client_id text not null,
    scope text not null,
    rotation integer not null,
    rotated_at integer not null
) strict, without rowid;

insert into grants_after (grant_id, session_id, client_id, scope, rotation, rotated_at)
select grant_id, session_id, client_id, scope, rotation, rotated_at from grants order by grant_id;

drop table grants;
drop table sessions;
alter table sessions_after rename to sessions;
alter table grants_after rename to grants;

-- The last four bytes of a user's id are random and tell users apart well enough.
create index sessions_standing_by_user on sessions (substr(user_id, 13)) where ended_at is null;
create index sessions_ended_by_user on sessions (user_id, ended_at) where ended_at is not null;
create index sessions_to_sweep on sessions (sweep_minute) where ended_at is null;
create index sessions_by_end on sessions (ended_at) where ended_at is not null;
create index grants_by_session on grants (session_id);
