-- What: what agents did that their row does not count yet.
-- Why: an agent's row is locked by routing; an answer only adds a row here, and the tick adds them up.
-- Leaves out: daily figures (reports).

create table if not exists chat.agent_deeds (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    agent_id uuid not null,
    chats integer not null default 0,
    responses integer not null default 0,
    response_seconds bigint not null default 0,
    ratings integer not null default 0,
    stars integer not null default 0,
    unanswered integer not null default 0,
    constraint agent_deeds_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
);
comment on table chat.agent_deeds is 'Answers, ratings and chats taken back, not yet in the totals of mod_chat_agents; the tick adds and deletes them.';
alter table chat.agent_deeds enable row level security;
