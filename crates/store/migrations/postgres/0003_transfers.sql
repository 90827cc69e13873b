-- That this installation is being moved to another database, was moved there, or came from one: at most one of these.

create table transfers (
    "only" bigint not null primary key check ("only" = 1),
    transfer_id bytea not null check (length(transfer_id) = 16),
    state text not null check (state in ('leaving', 'left', 'arriving', 'arrived', 'here')),
    place text not null
);
