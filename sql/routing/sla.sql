-- What: what a site promises its visitors, and the clocks that say how each conversation stands with it.
-- Why: tables of their own, which only the tick writes: a message's transaction pays nothing, and there is nobody to wait
--      for. Of each promise a conversation has one clock, the latest; what earlier ones came to are its counts.
-- Leaves out: what a clock shows (chat_rules::routing::sla) and when it is looked at (follow_sla.sql).

create table if not exists chat.sla_policies (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    department_id uuid,
    priority chat.priority,
    tag text check (char_length(tag) between 1 and 64),
    first_response_seconds integer check (first_response_seconds > 0),
    next_response_seconds integer check (next_response_seconds > 0),
    resolution_seconds integer check (resolution_seconds > 0),
    in_business_hours boolean not null default true,
    warn_percent integer check (warn_percent between 1 and 99),
    created_at timestamptz not null default clock_timestamp(),
    constraint sla_policies_key unique nulls not distinct (site_id, department_id, priority, tag),
    constraint sla_policies_department_id_fkey foreign key (site_id, department_id)
        references public.mod_chat_departments (site_id, id) on delete cascade
);
comment on table chat.sla_policies is
    'Promises of a site; the most specific that fits counts: of a tag, then of a priority, then of a department, then of all.';
comment on column chat.sla_policies.first_response_seconds is 'In how many seconds somebody answers first; null: not promised.';
comment on column chat.sla_policies.next_response_seconds is 'In how many seconds somebody answers each later question; null: not promised.';
comment on column chat.sla_policies.resolution_seconds is
    'In how many seconds it is over, the time that the visitor was waited for left out; null: not promised.';
comment on column chat.sla_policies.warn_percent is 'After how much of the time there is a warning; null: none.';
alter table chat.sla_policies enable row level security;

create table if not exists chat.sla_cases (
    conversation_id uuid primary key,
    site_id uuid not null,
    read_seq bigint not null,
    answered boolean not null,
    asked jsonb,
    policy_id uuid,
    due_at timestamptz,
    target text,
    warned boolean not null default false,
    breached boolean not null default false,
    next_at timestamptz,
    constraint sla_cases_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
) with (fillfactor = 70);
comment on table chat.sla_cases is 'How a conversation stands with what was promised: a row each, of sites with policies.';
comment on column chat.sla_cases.read_seq is 'Messages up to this seq have been looked at.';
comment on column chat.sla_cases.asked is '{seq, at} of the message that waits for an answer; null: none.';
comment on column chat.sla_cases.due_at is 'The earliest that is due of the clocks that run; past: so long too late; null: none runs.';
comment on column chat.sla_cases.target is 'Which of them that is.';
comment on column chat.sla_cases.next_at is 'When a clock that runs warns or breaks next.';
create index if not exists sla_cases_due_idx on chat.sla_cases (site_id, due_at, conversation_id) where due_at is not null;
create index if not exists sla_cases_next_idx on chat.sla_cases (next_at) where next_at is not null;
alter table chat.sla_cases enable row level security;

create table if not exists chat.sla_clocks (
    conversation_id uuid not null references chat.sla_cases (conversation_id) on delete cascade,
    target text not null check (target in ('first_response', 'next_response', 'resolution')),
    seq bigint not null,
    state text not null check (state in ('running', 'paused', 'kept', 'dropped', 'withdrawn')),
    started_at timestamptz not null,
    ended_at timestamptz,
    paused_at timestamptz,
    warn_at timestamptz,
    due_at timestamptz,
    warned_at timestamptz,
    breached_at timestamptz,
    warnings integer not null default 0,
    breaches integer not null default 0,
    primary key (conversation_id, target)
) with (fillfactor = 70);
comment on table chat.sla_clocks is 'The latest clock of each promise to a conversation.';
comment on column chat.sla_clocks.seq is 'The message it began with; 0 of the resolution. The same seq is the same clock.';
comment on column chat.sla_clocks.state is
    'running; paused: waits for the visitor; kept: answered or over; dropped: over before an answer; withdrawn: promised no more.';
comment on column chat.sla_clocks.warnings is 'Warnings of this and of earlier clocks; each has an event.';
comment on column chat.sla_clocks.breaches is 'Broken promises of this and of earlier clocks; each has an event.';
alter table chat.sla_clocks enable row level security;

create table if not exists chat.sla_pauses (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    conversation_id uuid not null,
    seq bigint not null,
    began_at timestamptz not null,
    ended_at timestamptz,
    is_end boolean not null,
    constraint sla_pauses_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
);
comment on table chat.sla_pauses is
    'When a conversation of a site with policies waited for its visitor, slept, or was over (is_end), and since when one was over that began so. Written as it happens, by whoever changes the status.';
comment on column chat.sla_pauses.seq is 'The last message before.';
create index if not exists sla_pauses_conversation_id_idx on chat.sla_pauses (conversation_id, seq);
alter table chat.sla_pauses enable row level security;

create table if not exists chat.sla_changes (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    conversation_id uuid,
    told_xid xid8,
    reached uuid
);
comment on table chat.sla_changes is
    'What the tick looks at beyond new messages: a conversation whose status, department, priority or tags changed, or, without one, every open conversation of a site whose policies or hours did.';
comment on column chat.sla_changes.told_xid is
    'Of a site: a transaction id that was given after a tick first saw it; it begins when those before have ended, which may not have seen the policies.';
comment on column chat.sla_changes.reached is 'Of a site: conversations up to this id have been looked at.';
alter table chat.sla_changes enable row level security;

create table if not exists chat.sla_progress (
    only_row boolean primary key default true check (only_row),
    seen_id bigint not null default 0,
    event_id bigint not null default 0,
    up_to bigint not null default 0,
    up_to_xid xid8 not null default '0'
);
comment on table chat.sla_progress is
    'How far the tick has followed chat.events for the clocks. One row; whoever holds it is the one who looks.';
comment on column chat.sla_progress.seen_id is 'Events up to this one were looked at as soon as they were seen; one with a lower id may still have appeared later.';
comment on column chat.sla_progress.event_id is 'Events up to this one were looked at when none below could appear any more.';
comment on column chat.sla_progress.up_to is 'An event id that was the newest once.';
comment on column chat.sla_progress.up_to_xid is 'A transaction id that was given after that.';
insert into chat.sla_progress default values on conflict do nothing;
alter table chat.sla_progress enable row level security;
