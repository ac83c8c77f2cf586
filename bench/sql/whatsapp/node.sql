-- What: what the webhook of the users' plan (LC-05, task 2) reads and writes besides visitors, conversations and messages:
--       the settings that say whose number it is, agents, and notifications for them.
-- Why: beside seeds.sql this is all that the handler in bench/node needs.
-- Leaves out: departments; nothing of a message asks for them.

create table seeds.widget_settings (
    site_id uuid primary key references seeds.sites (id) on delete cascade,
    whatsapp_phone_number_id text,
    auto_assign boolean not null default true
);
insert into seeds.widget_settings (site_id, whatsapp_phone_number_id)
select site_id, phone_number_id from chat.whatsapp_numbers;

create table seeds.agents (
    id uuid primary key,
    site_id uuid not null references seeds.sites (id) on delete cascade,
    user_id uuid not null,
    status text not null default 'offline',
    max_concurrent_chats integer default 5,
    current_chat_count integer default 0
);
create index on seeds.agents (site_id, status);
insert into seeds.agents (id, site_id, user_id, status, max_concurrent_chats, current_chat_count)
select id, site_id, user_id, status, max_concurrent_chats, current_chat_count from public.mod_chat_agents;

create table seeds.notifications (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null, user_id uuid not null, type text not null, title text, body text,
    data jsonb default '{}', is_read boolean default false,
    created_at timestamptz default now()
);
create index on seeds.notifications (user_id);
