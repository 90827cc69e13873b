//! The statements of the store, word for word.

pub const INSERT_SESSION: &str =
    "insert into sessions (session_id, user_id, cookie_hash, created_at, seen_at, idle_expires_at,
    expires_at, amr, user_agent, ip, epoch_at_issue, max_access_minute, sweep_minute)
    select $1, user_id, $3, $4, $4, $5, $6, $7, $8, $9, epoch, (($10 + 59999) / 60000), (($5 + 59999) / 60000)
    from users where user_id = $2 and epoch = $11 and disabled_at is null
    and $4 > coalesce((select value from meta where name = 'everybody_ended_at'), -1)";

pub const LOCKING_USER: &str = " for no key update";

pub const INSERT_GRANT: &str = "insert into grants (grant_id, session_id, client_id, scope, rotation, rotated_at)
    select $1, $2, $3, $4, 0, $5
    where not exists (select 1 from client_endings where client_id = $3 and ended_at >= $5)";

pub const MAKE_ROOM: &str = "update sessions set ended_at = $3, ended_why = $4 where ended_at is null and session_id in
    (select session_id from sessions where session_id <> $2 and substr(user_id, 13) = substr($1, 13) and user_id = $1
    and ended_at is null
    and created_at > coalesce((select value from meta where name = 'everybody_ended_at'), -1)
    order by idle_expires_at <= $3, seen_at desc, session_id limit $6 offset $5) returning session_id";

pub const FIND: &str = "select s.session_id, s.user_id, s.cookie_hash, s.created_at, coalesce(s.authenticated_at, s.created_at), s.seen_at,
    s.idle_expires_at, s.expires_at, s.amr, s.user_agent, s.ip, s.epoch_at_issue, cast(max_access_minute as bigint) * 60000,
    coalesce(s.ended_at, (select value from meta where name = 'everybody_ended_at' and value >= s.created_at)),
    s.ended_why, u.user_id, u.username, u.email, u.roles, u.epoch, u.created_at, u.disabled_at
    from sessions s join users u using (user_id) where s.session_id = $1";

pub const FIND_GRANT: &str = "select g.grant_id, g.session_id, g.client_id, g.scope, g.rotation, g.rotated_at,
    s.session_id, s.user_id, s.cookie_hash, s.created_at, coalesce(s.authenticated_at, s.created_at), s.seen_at,
    s.idle_expires_at, s.expires_at, s.amr, s.user_agent, s.ip, s.epoch_at_issue, cast(max_access_minute as bigint) * 60000,
    coalesce(s.ended_at, (select value from meta where name = 'everybody_ended_at' and value >= s.created_at)),
    s.ended_why, u.user_id, u.username, u.email, u.roles, u.epoch, u.created_at, u.disabled_at
    from grants g join sessions s using (session_id) join users u using (user_id)
    where g.grant_id = $1 and g.session_id = $2
    and g.rotated_at > coalesce((select ended_at from client_endings c where c.client_id = g.client_id), -1)";

pub const LOCKING_BOTH: &str = " for no key update of g, s";

pub const ADVANCE: &str = "update grants set rotation = $3, rotated_at = $4 where grant_id = $1 and rotation = $2";

pub const RENEW: &str = "update sessions set seen_at = $2, idle_expires_at = $3, max_access_minute = (($4 + 59999) / 60000) where session_id = $1";
