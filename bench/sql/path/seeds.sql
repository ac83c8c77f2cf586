-- What: the tables, indexes and row triggers that the users' own plan (LC-01) has for the same work, in a schema of
--       their own; a function that does the rest of our path's work for them; and the loops.
-- Why: the peer. What we add must be worth its price beside what would have been built otherwise.
-- Leaves out: row security, which their webhook passes by as we do; tables that a message does not touch.

create schema seeds;

create table seeds.sites (id uuid primary key);

create table seeds.visitors (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references seeds.sites (id) on delete cascade,
    external_id text, name text, email text, phone text, avatar_url text,
    browser text, os text, device text, ip_address inet, country text, city text,
    current_page_url text, current_page_title text, referrer_url text, landing_page_url text,
    total_visits integer default 1, total_conversations integer default 0, total_messages integer default 0,
    first_seen_at timestamptz default now(), last_seen_at timestamptz default now(),
    crm_contact_id uuid, tags text[] default '{}', notes text, custom_data jsonb default '{}',
    channel text default 'widget' check (channel in ('widget', 'whatsapp', 'api')),
    whatsapp_phone text,
    created_at timestamptz default now(), updated_at timestamptz default now()
);
create index on seeds.visitors (site_id);
create index on seeds.visitors (site_id, email);
create index on seeds.visitors (site_id, whatsapp_phone);

create table seeds.conversations (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references seeds.sites (id) on delete cascade,
    visitor_id uuid not null references seeds.visitors (id) on delete cascade,
    assigned_agent_id uuid, department_id uuid,
    status text not null default 'pending'
        check (status in ('pending', 'active', 'waiting', 'resolved', 'closed', 'missed')),
    priority text default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
    channel text not null default 'widget' check (channel in ('widget', 'whatsapp', 'api')),
    subject text, last_message_text text, last_message_at timestamptz,
    last_message_by text check (last_message_by in ('visitor', 'agent', 'system', 'ai')),
    message_count integer default 0, unread_agent_count integer default 0, unread_visitor_count integer default 0,
    first_response_time_seconds integer, resolution_time_seconds integer, wait_time_seconds integer,
    rating integer check (rating between 1 and 5), rating_comment text, rated_at timestamptz,
    tags text[] default '{}', internal_notes text, metadata jsonb default '{}',
    whatsapp_conversation_id text, whatsapp_window_expires_at timestamptz,
    created_at timestamptz default now(), updated_at timestamptz default now(),
    resolved_at timestamptz, closed_at timestamptz
);
create index on seeds.conversations (site_id, status);
create index on seeds.conversations (assigned_agent_id, status);
create index on seeds.conversations (visitor_id);
create index on seeds.conversations (site_id, channel);

-- The columns are the floor's; what differs is the keys, the indexes and the triggers.
create table seeds.messages (
    like floor.messages including defaults including constraints,
    primary key (id),
    foreign key (conversation_id) references seeds.conversations (id) on delete cascade,
    foreign key (site_id) references seeds.sites (id) on delete cascade
);
create index on seeds.messages (conversation_id);
create index on seeds.messages (site_id);

insert into seeds.sites select id from public.sites;
insert into seeds.visitors (id, site_id, name, phone, whatsapp_phone, channel)
select id, site_id, name, phone, whatsapp_phone, channel from public.mod_chat_visitors;
insert into seeds.conversations (id, site_id, visitor_id, assigned_agent_id, status, channel, message_count,
    last_message_text, last_message_at, last_message_by)
select id, site_id, visitor_id, assigned_agent_id, status, channel, message_count,
    last_message_text, last_message_at, last_message_by
from public.mod_chat_conversations;
insert into seeds.messages select * from floor.messages;

-- After the row, so that its foreign keys have locked their parents before: as there.
create function seeds.count_message() returns trigger language plpgsql as $$
begin
    update seeds.conversations
    set message_count = message_count + 1,
        last_message_text = new.content,
        last_message_at = new.created_at,
        last_message_by = new.sender_type,
        unread_agent_count = unread_agent_count + (new.sender_type = 'visitor')::integer,
        unread_visitor_count = unread_visitor_count + (new.sender_type in ('agent', 'ai'))::integer
    where id = new.conversation_id;
    return new;
end
$$;
create trigger chat_count_message after insert on seeds.messages for each row execute function seeds.count_message();

create function seeds.touch() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$;
create trigger touch_conversation before update on seeds.conversations for each row execute function seeds.touch();
create trigger touch_message before update on seeds.messages for each row execute function seeds.touch();
