-- What: people who write, one row a person and site.
-- Why: LC-01's columns. What selects a person is a verified identity (chat.identities), never an e-mail or phone typed here.
-- Leaves out: who they are verified as (identities.sql), what may be written (profile.sql), one person in several rows (merge.sql).

create table if not exists public.mod_chat_visitors (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    external_id text,
    name text,
    email text,
    phone text,
    avatar_url text,
    browser text,
    os text,
    device text,
    ip_address inet,
    country text,
    city text,
    current_page_url text,
    current_page_title text,
    referrer_url text,
    landing_page_url text,
    total_visits integer not null default 1,
    total_conversations integer not null default 0,
    total_messages integer not null default 0,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    crm_contact_id uuid,
    tags text[] not null default '{}',
    notes text,
    custom_data jsonb not null default '{}',
    channel chat.channel not null default 'widget',
    whatsapp_phone text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- beyond LC-01
    language text,
    merged_into uuid,
    constraint mod_chat_visitors_site_id_id_key unique (site_id, id),
    constraint mod_chat_visitors_merged_into_fkey foreign key (site_id, merged_into)
        references public.mod_chat_visitors (site_id, id) on delete set null (merged_into)
) with (fillfactor = 80);
comment on table public.mod_chat_visitors is 'People who write to a site.';
comment on column public.mod_chat_visitors.total_messages is 'Messages this person wrote, history imports left out.';
comment on column public.mod_chat_visitors.whatsapp_phone is
    'Their WhatsApp number for people to read; null for a person known by BSUID only. Not a key.';
comment on column public.mod_chat_visitors.language is
    'What the widget or the browser asks for, such as de-AT; null: nobody said, as on WhatsApp.';
comment on column public.mod_chat_visitors.merged_into is
    'The visitor this one turned out to be, by chat_merge_visitors; null when it stands for itself. Rows keep their visitor_id.';
create index if not exists mod_chat_visitors_merged_into_idx
    on public.mod_chat_visitors (merged_into) where merged_into is not null;
create index if not exists idx_chat_visitors_email on public.mod_chat_visitors (site_id, email);
create index if not exists idx_chat_visitors_whatsapp on public.mod_chat_visitors (site_id, whatsapp_phone);
alter table public.mod_chat_visitors enable row level security;
