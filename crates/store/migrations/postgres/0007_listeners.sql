-- Who follows the revocations, and up to where each has said to have heard of them. Unlogged: it is true for seconds only, and is
-- filled anew by the next questions. fillfactor: a row that changes finds room on its own page.

create unlogged table listeners (
    verifier text collate "C" not null,
    instance text collate "C" not null,
    position text,
    acknowledged_at bigint not null,
    asked_at bigint not null,
    bound bigint not null,
    primary key (verifier, instance)
) with (fillfactor = 50);
