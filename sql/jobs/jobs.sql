-- What: the queue: lanes and their jobs.
-- Why: a lane is an ordering key with one row. It is claimed with skip locked, then its first job: one at a time, in
--      order, at a cost that stays flat behind a deep lane. A lease, not a transaction, holds it.
-- Leaves out: anything not yet due; scheduled things wait in their own tables.

create table if not exists chat.lanes (
    key text primary key,
    kind text not null,
    class text not null,
    urgency smallint not null,
    ready boolean not null default true,
    busy boolean not null default false,
    next_at timestamptz not null default clock_timestamp(),
    lease_token uuid,
    lease_until timestamptz,
    running_job bigint,
    attempts integer not null default 0,
    held_since timestamptz,
    idle_since timestamptz,
    owed_until timestamptz
) with (fillfactor = 70);
comment on table chat.lanes is 'Ordering keys of the queue, e.g. send:<number>:<identity>. A lane runs one job at a time.';
comment on column chat.lanes.class is 'reply, assistant, notification or bulk.';
comment on column chat.lanes.urgency is '1 for reply to 4 for bulk; claims go by it.';
comment on column chat.lanes.ready is 'It has a job. Set again by finish under the lane''s lock.';
comment on column chat.lanes.attempts is 'Tries of the job at its head.';
comment on column chat.lanes.held_since is 'Since when the job at its head has been retried or is unknown; each kind says how long that may last.';
comment on column chat.lanes.owed_until is
    'Of a lane of sends: when all that the pair of number and person has used of its allowance will have flowed off.';
create index if not exists lanes_claim_idx on chat.lanes (urgency, next_at) where ready and not busy;
create index if not exists lanes_lease_idx on chat.lanes (lease_until) where busy;
create index if not exists lanes_idle_idx on chat.lanes (idle_since) where not ready;
alter table chat.lanes enable row level security;

create table if not exists chat.jobs (
    id bigint generated always as identity primary key,
    lane text not null,
    kind text not null,
    site_id uuid not null,
    payload jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    died_at timestamptz,
    reason text
);
comment on table chat.jobs is 'Work of the queue. Done jobs are deleted; dead ones keep their reason.';
comment on column chat.jobs.lane is 'Its lane. No key: enqueue writes the lane first, and a dead job outlives it.';
create index if not exists jobs_lane_idx on chat.jobs (lane, id) where died_at is null;
create index if not exists jobs_dead_idx on chat.jobs (lane) where died_at is not null;
alter table chat.jobs enable row level security;
