-- Programs that may follow the revocations, and whose numbers those of the revocations are.

create table verifiers (
    name text not null primary key,
    secret_hash blob not null unique check (length(secret_hash) = 32),
    created_at integer not null
) strict, without rowid;

insert into meta (name, value) values ('revocations_source', random() & 9223372036854775807);
