-- The moments up to which everything was ended at once: everybody's is in meta, those of clients are here.
-- contract: the check is widened, for which the table is made anew; whoever has the file open reads the same of it.

create table client_endings (
    client_id text not null primary key,
    ended_at integer not null
) strict, without rowid;

-- autoincrement: a position is never used again, not even after its row was swept away.
create table revocations_of_all_kinds (
    seq integer primary key autoincrement,
    kind text not null check (kind in ('session', 'epoch', 'key', 'everybody', 'client')),
    key blob not null,
    value integer not null,
    keep_until integer not null
) strict;

insert into revocations_of_all_kinds (seq, kind, key, value, keep_until)
select seq, kind, key, value, keep_until from revocations;

-- The numbers go on where they were, also behind rows that are gone.
delete from sqlite_sequence where name = 'revocations_of_all_kinds';
insert into sqlite_sequence (name, seq)
select 'revocations_of_all_kinds', seq from sqlite_sequence where name = 'revocations';

drop table revocations;
alter table revocations_of_all_kinds rename to revocations;

create index revocations_by_end on revocations (keep_until);
