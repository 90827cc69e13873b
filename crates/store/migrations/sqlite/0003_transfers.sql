-- That this installation is being moved to another database, was moved there, or came from one: at most one of these.

create table transfers (
    only integer not null primary key check (only = 1),
    transfer_id blob not null check (length(transfer_id) = 16),
    state text not null check (state in ('leaving', 'left', 'arriving', 'arrived', 'here')),
    place text not null
) strict;
