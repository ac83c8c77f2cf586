-- What: Meta apps, WhatsApp Business Accounts and numbers.
-- Why: an app signs webhooks, an account's token sends, a number routes. A number belongs to a site only after Graph
--      answered for it with that site's own token (confirmed_at).
-- Leaves out: plain secrets. Sealed columns hold what only the worker's private key opens; the environment's app keeps
--      its secrets in the environment and these columns null.

create table if not exists chat.whatsapp_apps (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    meta_app_id text,
    sealed_secret bytea,
    sealed_verify_token bytea,
    created_at timestamptz not null default now()
);
comment on table chat.whatsapp_apps is 'Meta apps whose webhooks are taken. One app may serve many accounts.';
comment on column chat.whatsapp_apps.name is '`environment`, or the name in the worker''s configuration.';
alter table chat.whatsapp_apps enable row level security;

create table if not exists chat.whatsapp_accounts (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    app_id uuid not null references chat.whatsapp_apps (id),
    waba_id text not null,
    portfolio_id text,
    graph_version text not null default 'v26.0',
    sealed_token bytea,
    created_at timestamptz not null default now(),
    constraint whatsapp_accounts_site_id_id_key unique (site_id, id),
    constraint whatsapp_accounts_site_id_waba_id_key unique (site_id, waba_id)
);
comment on table chat.whatsapp_accounts is 'WhatsApp Business Accounts of sites. Only the owning site may send with an account''s token.';
create index if not exists whatsapp_accounts_app_id_idx on chat.whatsapp_accounts (app_id);
alter table chat.whatsapp_accounts enable row level security;

create table if not exists chat.whatsapp_numbers (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    account_id uuid,
    phone_number_id text not null,
    display_number text,
    verified_name text,
    is_default boolean not null default false,
    confirmed_at timestamptz,
    unknown_policy text not null default 'ask' check (unknown_policy in ('ask', 'resend')),
    details jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint whatsapp_numbers_site_id_phone_number_id_key unique (site_id, phone_number_id),
    constraint whatsapp_numbers_account_id_fkey foreign key (site_id, account_id)
        references chat.whatsapp_accounts (site_id, id) on delete set null (account_id)
);
comment on table chat.whatsapp_numbers is 'Business numbers. Several sites may claim one; only one can have it confirmed.';
comment on column chat.whatsapp_numbers.phone_number_id is 'Meta''s id of the number; messages route by it alone.';
comment on column chat.whatsapp_numbers.confirmed_at is 'When Graph answered for it with this site''s token. Null: it neither receives nor sends.';
comment on column chat.whatsapp_numbers.unknown_policy is
    'A send whose outcome nobody knows: ask = leave it to the agent, resend = send again.';
-- A number that a site has confirmed is that site's; a claim by settings alone holds nothing.
create unique index if not exists whatsapp_numbers_confirmed_idx
    on chat.whatsapp_numbers (phone_number_id) where confirmed_at is not null;
create unique index if not exists whatsapp_numbers_default_idx
    on chat.whatsapp_numbers (site_id) where is_default;
alter table chat.whatsapp_numbers enable row level security;
