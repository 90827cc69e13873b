-- Programs that may follow the revocations, and whose numbers those of the revocations are.

create table verifiers (
    name text collate "C" not null primary key,
    secret_hash bytea not null unique check (length(secret_hash) = 32),
    created_at bigint not null
);

insert into meta (name, value) values ('revocations_source', (random() * 9007199254740991)::bigint);
