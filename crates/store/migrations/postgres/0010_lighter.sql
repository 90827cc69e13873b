-- A session's row takes a fifth less room: half of the cookie's hash, addresses as bytes, minutes where a minute is near enough,
-- nothing that another column says, and columns in an order that leaves no gaps.
-- contract: the version before finds neither the old columns nor their old forms. What it says of others goes on.

-- Who changes sessions now is waited for, and then waits. Where one that has the one table waits for another, it is this that gives up
-- after half a second, lets it pass and begins again, for five minutes. PostgreSQL sends an autovacuum away for whoever has waited for it
-- longer than deadlock_timeout: so every fifth time it waits for so long.
do $$
declare
    patience text := current_setting('lock_timeout');
    deadline timestamptz := clock_timestamp() + interval '5 minutes';
    longer interval := current_setting('deadlock_timeout')::interval + interval '1 second';
    round integer := 0;
begin
    loop
        round := round + 1;
        begin
            perform set_config('lock_timeout', case when round % 5 = 0 then extract(epoch from longer) * 1000 else 500 end::integer::text, true);
            lock table users in access exclusive mode;
            lock table sessions in access exclusive mode;
            lock table grants in access exclusive mode;
            exit;
        exception when lock_not_available or deadlock_detected then
            if clock_timestamp() > deadline then
                raise;
            end if;
        end;
        perform pg_sleep(0.2);
    end loop;
    perform set_config('lock_timeout', patience, true);
end
$$;

drop index sessions_standing_by_user;
drop index sessions_ended_by_user;
drop index sessions_to_sweep;
drop index sessions_by_end;
alter table grants drop constraint grants_session_id_fkey;
alter table sessions rename to sessions_before;
alter index sessions_pkey rename to sessions_before_pkey;

-- authenticated_at: null if at created_at. …_minute: minutes since 1970, rounded up.
-- fillfactor: what changes at every use finds room on its own page: for one row, which is cleared away when the next needs it.
create table sessions (
    created_at bigint not null,
    seen_at bigint not null,
    idle_expires_at bigint not null,
    expires_at bigint not null,
    epoch_at_issue bigint not null,
    authenticated_at bigint,
    ended_at bigint,
    max_access_minute integer not null,
    sweep_minute integer not null,
    session_id bytea not null primary key check (length(session_id) = 16),
    user_id bytea not null,
    cookie_hash bytea check (length(cookie_hash) = 16),
    ip bytea not null check (length(ip) in (4, 16)),
    amr text not null,
    user_agent text not null,
    ended_why text check ((ended_why is null) = (ended_at is null))
) with (fillfactor = 97);

insert into sessions (created_at, seen_at, idle_expires_at, expires_at, epoch_at_issue, authenticated_at, ended_at, max_access_minute,
    sweep_minute, session_id, user_id, cookie_hash, ip, amr, user_agent, ended_why)
select created_at, seen_at, idle_expires_at, expires_at, epoch_at_issue, nullif(authenticated_at, created_at), ended_at,
    (max_access_exp + 59999) / 60000, (sweep_at + 59999) / 60000, session_id, user_id, substr(cookie_hash, 1, 16),
    substr(inet_send(ip::inet), 5), amr, user_agent, ended_why
from sessions_before order by session_id;

-- Whose it was and who might use it stays so, whoever runs this, and whatever new tables are given to somebody by default.
do $$
declare
    given record;
begin
    execute format('alter table sessions owner to %I', (select pg_get_userbyid(relowner) from pg_class where oid = 'sessions_before'::regclass));
    for given in
        select distinct a.grantee from pg_class c, aclexplode(c.relacl) a where c.oid = 'sessions'::regclass and a.grantee <> c.relowner
    loop
        execute format('revoke all on sessions from %s', case when given.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(given.grantee)) end);
    end loop;
    for given in
        select a.* from pg_class c, aclexplode(c.relacl) a where c.oid = 'sessions_before'::regclass and a.grantee <> c.relowner
    loop
        execute format('grant %s on sessions to %s%s', given.privilege_type,
            case when given.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(given.grantee)) end,
            case when given.is_grantable then ' with grant option' else '' end);
    end loop;
end
$$;

drop table sessions_before;

-- The last four bytes of a user's id are random and tell users apart well enough.
create index sessions_standing_by_user on sessions (substr(user_id, 13)) where ended_at is null;
-- How many share them the planner would otherwise guess, as one in two hundred: it takes no statistics from a partial index.
create statistics sessions_by_user on (substr(user_id, 13)) from sessions;
create index sessions_ended_by_user on sessions (user_id, ended_at) where ended_at is not null;
create index sessions_to_sweep on sessions (sweep_minute) where ended_at is null;
create index sessions_by_end on sessions (ended_at) where ended_at is not null;
alter table sessions add foreign key (user_id) references users (user_id);
alter table grants add foreign key (session_id) references sessions (session_id) on delete cascade;

-- Of an empty table the planner had better believe that it will fill.
do $$
begin
    if exists (select from sessions) then
        analyze sessions;
    end if;
end
$$;
