-- Programs that may follow the revocations, and whose numbers those of the revocations are.

create table verifiers (
    name text collate "C" not null primary key,
    secret_hash bytea not null unique check (length(secret_hash) = 32),
    created_at bigint not null
);

-- PostgreSQL itself empties it when it recovers from a crash and when a standby takes over, after which numbers of
-- transactions may be given out again. What is drawn then is another number.
create unlogged table log_life (
    only_one bigint not null primary key check (only_one = 1),
    drawn bigint not null
);
