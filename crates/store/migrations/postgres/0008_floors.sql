-- The moments up to which everything was ended at once: everybody's is in meta, those of clients are here.
-- contract: the check is widened; what the version before writes passes it as before.

create table client_endings (
    client_id text collate "C" not null primary key,
    ended_at bigint not null
);

alter table revocations drop constraint revocations_kind_check,
    add constraint revocations_kind_check check (kind in ('session', 'epoch', 'key', 'everybody', 'client'));
