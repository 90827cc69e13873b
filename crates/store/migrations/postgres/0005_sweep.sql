-- Sessions are swept by a moment that their use does not change, so that no index changes with every use. 0: not looked at
-- yet, as are all sessions of versions that do not know the column.
alter table sessions add column sweep_at bigint not null default 0;

create index sessions_to_sweep on sessions (sweep_at) where ended_at is null;

drop index sessions_by_deadline;

-- What changes at every use finds room on its own page: for one row, which is cleared away when the next needs it.
alter table sessions set (fillfactor = 95);
