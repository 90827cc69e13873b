-- A user's sessions are asked for by whether they are over: of those that stand, the moment of their end is nothing that an
-- index must hold.
create index if not exists sessions_standing_by_user on sessions (user_id) where ended_at is null;
create index if not exists sessions_ended_by_user on sessions (user_id, ended_at) where ended_at is not null;

drop index sessions_by_user;
