-- What: one row a site that every routing decision locks, and the decisions kept.
-- Why: without the row a chat that arrives while an agent comes online sees neither; with it nobody waits beside a free
--      agent and nobody goes over capacity.
-- Leaves out: how it is decided (settings.sql, site_rules.sql), hours, SLA.

create table if not exists chat.routing (
    site_id uuid primary key references public.sites (id) on delete cascade,
    next_session bigint not null default 1,
    rules_version integer
) with (fillfactor = 70);
comment on table chat.routing is 'A row a site; locked before agents are looked at. Also counts session numbers.';
comment on column chat.routing.rules_version is
    'Which version of its rules (chat.routing_rules) sorts what comes; null: the site has none.';
alter table chat.routing enable row level security;

create table if not exists chat.choices (
    id bigint generated always as identity primary key,
    site_id uuid not null references public.sites (id) on delete cascade,
    conversation_id uuid not null,
    agent_id uuid,
    by_user uuid,
    at timestamptz not null,
    department_id uuid,
    waited_seconds integer,
    facts json,
    choice jsonb not null,
    constraint choices_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
);
comment on table chat.choices is 'Each choice of an agent, by routing or by a person, with the facts it was made from, so it can be explained and replayed.';
comment on column chat.choices.agent_id is 'Who got it; null: it went back to the queue, and the choice says why.';
comment on column chat.choices.by_user is 'The person who chose; null: routing did.';
comment on column chat.choices.department_id is 'The department in whose line it stood; null: that of no department.';
comment on column chat.choices.waited_seconds is
    'How long it had stood in the line when somebody got it; null: it came from an agent, not from the end of the line.';
comment on column chat.choices.facts is
    'What the rule decided from, as it was given; null once they are older than the site keeps them. chat.facts_in_full is for people.';
create index if not exists choices_conversation_id_idx on chat.choices (conversation_id, id desc);
-- What an agent got within the hour, or in the period of a report.
create index if not exists choices_agent_id_idx on chat.choices (agent_id, at) include (by_user);
-- How fast the lines of a site move.
create index if not exists choices_waited_idx on chat.choices (site_id, at) where waited_seconds > 0;
-- What agents lost, for the same report.
create index if not exists choices_returned_idx on chat.choices (site_id, at) where agent_id is null;
create index if not exists choices_facts_idx on chat.choices (site_id, at) where facts is not null;
alter table chat.choices enable row level security;
-- With a hundred agents a choice takes ten kilobytes; lz4 packs them in a tenth of the time, where the server has it.
do $$
begin
    if (select 'lz4' = any (s.enumvals) from pg_settings s where s.name = 'default_toast_compression') then
        alter table chat.choices alter column facts set compression lz4, alter column choice set compression lz4;
    end if;
end
$$;
