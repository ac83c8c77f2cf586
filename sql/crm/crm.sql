-- What: whether a site's people go into its CRM, what is still to be told there, and contacts and activities of our own.
-- Why: most hosts have `crm_contacts` and `crm_activities`; where there are none, these two hold the same.
-- Leaves out: the host's tables; only adapter.sql touches them.

create table if not exists chat.crm_settings (
    site_id uuid primary key references public.sites (id) on delete cascade,
    is_on boolean not null
);
comment on table chat.crm_settings is 'Sites that said whether their people go into the CRM. Without a row they do.';
alter table chat.crm_settings enable row level security;

create table if not exists chat.crm_contacts (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    name text,
    email text,
    phone text,
    source text,
    created_at timestamptz not null default clock_timestamp(),
    constraint crm_contacts_site_id_id_key unique (site_id, id)
);
comment on table chat.crm_contacts is 'Contacts of sites whose host has no crm_contacts.';
create index if not exists crm_contacts_phone_idx on chat.crm_contacts (site_id, phone);
create index if not exists crm_contacts_digits_idx
    on chat.crm_contacts (site_id, regexp_replace(phone, '\D', '', 'g'));
create index if not exists crm_contacts_email_idx on chat.crm_contacts (site_id, lower(email));
alter table chat.crm_contacts enable row level security;

create table if not exists chat.crm_activities (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    contact_id uuid not null,
    type text not null,
    related_entity text,
    entity_id uuid,
    description text,
    created_at timestamptz not null default clock_timestamp(),
    constraint crm_activities_contact_id_fkey foreign key (site_id, contact_id)
        references chat.crm_contacts (site_id, id) on delete cascade
);
comment on table chat.crm_activities is 'What happened with contacts of chat.crm_contacts.';
create index if not exists crm_activities_contact_id_idx on chat.crm_activities (site_id, contact_id, created_at);
create index if not exists crm_activities_entity_id_idx on chat.crm_activities (entity_id);
alter table chat.crm_activities enable row level security;

create table if not exists chat.crm_due (
    event_id bigint primary key,
    site_id uuid not null,
    conversation_id uuid not null,
    name text not null,
    at timestamptz not null,
    tries integer not null default 0,
    next_at timestamptz default clock_timestamp(),
    error text,
    constraint crm_due_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
);
comment on table chat.crm_due is 'Beginnings and ends of conversations that the CRM is still to be told.';
comment on column chat.crm_due.next_at is 'When it is tried next; null: it was given up, chat_retry_crm tries again.';
comment on column chat.crm_due.error is 'SQLSTATE and message of the last try.';
create index if not exists crm_due_next_at_idx on chat.crm_due (next_at, event_id) where next_at is not null;
create index if not exists crm_due_conversation_id_idx on chat.crm_due (site_id, conversation_id, event_id);
alter table chat.crm_due enable row level security;

create table if not exists chat.crm_progress (
    only_row boolean primary key default true check (only_row),
    event_id bigint not null,
    up_to bigint not null,
    up_to_xid xid8 not null default '0'
);
comment on table chat.crm_progress is 'How far the tick has followed events for the CRM. One row.';
comment on column chat.crm_progress.event_id is 'Events up to this one are in chat.crm_due.';
comment on column chat.crm_progress.up_to is 'An event id that was the newest once; when all transactions of that time have ended, none at or below it can still appear.';
comment on column chat.crm_progress.up_to_xid is 'A transaction id that was given after that.';
-- What was before the CRM was followed stays as it is.
insert into chat.crm_progress (event_id, up_to)
select last.id, last.id from (select coalesce(max(e.id), 0) as id from chat.events e) last
on conflict do nothing;
alter table chat.crm_progress enable row level security;
