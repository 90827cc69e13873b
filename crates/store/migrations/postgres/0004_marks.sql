-- What each node knows to be committed: one row in every transaction that it writes. A server that lacks one of the latest has
-- lost what was acknowledged. Rows are only added and deleted, so that a transaction left open does not slow the next one.

create table marks (
    node_id bigint not null,
    number bigint not null,
    marked_at bigint not null default (extract(epoch from now()) * 1000)::bigint
);
