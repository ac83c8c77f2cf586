-- What: how a site, or one of its departments, hands out conversations.
-- Why: a department's own row counts, else its site's (no department), else the defaults below. Apart from LC-01's
--      departments, because routing reads it under its lock and only a function changes it.
-- Leaves out: auto_assign and capacity (team/departments.sql), and what each strategy does (chat_rules::routing).

create table if not exists chat.routing_settings (
    site_id uuid not null references public.sites (id) on delete cascade,
    department_id uuid,
    strategy text not null default 'least_busy'
        check (strategy in ('least_busy', 'round_robin', 'sticky', 'skills')),
    hourly_limit integer check (hourly_limit > 0),
    skills_wait_seconds integer default 300 check (skills_wait_seconds >= 0),
    fallback_seconds integer check (fallback_seconds >= 0),
    fallback_department_id uuid,
    unanswered_seconds integer check (unanswered_seconds between 10 and 86400),
    unanswered_limit integer not null default 3 check (unanswered_limit between 1 and 10),
    constraint routing_settings_key unique nulls not distinct (site_id, department_id),
    constraint routing_settings_department_id_fkey foreign key (site_id, department_id)
        references public.mod_chat_departments (site_id, id) on delete cascade,
    constraint routing_settings_fallback_department_id_fkey foreign key (site_id, fallback_department_id)
        references public.mod_chat_departments (site_id, id) on delete set null (fallback_department_id)
);
comment on table chat.routing_settings is 'Sites (department null) and departments that have changed how conversations are handed out.';
comment on column chat.routing_settings.hourly_limit is 'Routing gives one agent at most so many within an hour; null: no such limit.';
comment on column chat.routing_settings.skills_wait_seconds is
    'With the strategy skills: so long a conversation waits for somebody who has them all; null: for ever.';
comment on column chat.routing_settings.fallback_seconds is
    'After so long others may take what waits for a department; null: never.';
comment on column chat.routing_settings.fallback_department_id is 'Whose agents the others are; null: anybody of the site.';
comment on column chat.routing_settings.unanswered_seconds is
    'An agent who lets a visitor wait for so long loses the chat to somebody else who is there; null: never.';
comment on column chat.routing_settings.unanswered_limit is 'So often one chat is taken back before somebody has answered.';
alter table chat.routing_settings enable row level security;
