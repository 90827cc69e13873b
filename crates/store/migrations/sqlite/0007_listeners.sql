-- Who follows the revocations, and up to where each has said to have heard of them. It is true for seconds only, and is filled
-- anew by the next questions.

create table listeners (
    verifier text not null,
    instance text not null,
    position text,
    acknowledged_at integer not null,
    asked_at integer not null,
    bound integer not null,
    primary key (verifier, instance)
) strict, without rowid;
