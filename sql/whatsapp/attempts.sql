-- What: one row for each time a message was handed to Graph, written before the call.
-- Why: a lease that runs out after its attempt was recorded becomes `unknown` and is never sent again blindly.
-- Leaves out: message texts.

create table if not exists chat.attempts (
    message_id uuid not null references public.mod_chat_messages (id) on delete cascade,
    number integer not null,
    lease_token uuid not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    outcome text check (outcome in ('accepted', 'retry', 'failed', 'unknown')),
    code integer,
    http integer,
    wamid text,
    primary key (message_id, number),
    constraint attempts_finished_has_outcome check ((finished_at is null) = (outcome is null))
);
comment on table chat.attempts is 'Every hand-over of a message to Graph, kept as long as the message.';
comment on column chat.attempts.number is '1 and on; part of the callback data `<message id>:<number>` that Meta echoes on statuses.';
alter table chat.attempts enable row level security;
