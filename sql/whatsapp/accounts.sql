-- What: Meta apps, WhatsApp Business Accounts and numbers.
-- Why: an app signs webhooks, an account's token sends, a number routes. A number belongs to a site only after Graph
--      answered for it with that site's own token (confirmed_at).
-- Leaves out: plain secrets. Sealed columns hold what only the worker's private key opens (sealed.sql); the environment's
--      app keeps its secrets in the environment and these columns null.

create table if not exists chat.whatsapp_apps (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    meta_app_id text,
    sealed_secret bytea,
    sealed_verify_token bytea,
    created_at timestamptz not null default now(),
    site_id uuid references public.sites (id) on delete cascade,
    verify_token_hash bytea,
    last_webhook_at timestamptz,
    last_refused_at timestamptz,
    last_refused_why text,
    refused_count bigint not null default 0
);
comment on table chat.whatsapp_apps is 'Meta apps whose webhooks are taken. One app may serve many accounts.';
comment on column chat.whatsapp_apps.name is
    '`environment`, the name in the worker''s configuration, or the id of an app that people saved.';
comment on column chat.whatsapp_apps.site_id is
    'Whose managers may change it; other sites may share it. Null: the worker''s configuration says it.';
comment on column chat.whatsapp_apps.sealed_verify_token is
    'Of 0.1.0, never filled; it stays because an upgrade drops nothing. The hash beside it is asked.';
comment on column chat.whatsapp_apps.verify_token_hash is
    'SHA-256 of the text that answers Meta''s challenge; the text itself is shown once and not kept.';
comment on column chat.whatsapp_apps.last_refused_at is 'When a delivery came whose signature was not right.';
create index if not exists whatsapp_apps_site_id_idx on chat.whatsapp_apps (site_id);
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
    token_mark text,
    auth_failed_at timestamptz,
    auth_error jsonb,
    details jsonb not null default '{}',
    constraint whatsapp_accounts_site_id_id_key unique (site_id, id),
    constraint whatsapp_accounts_site_id_waba_id_key unique (site_id, waba_id)
);
comment on table chat.whatsapp_accounts is 'WhatsApp Business Accounts of sites. Only the owning site may send with an account''s token.';
comment on column chat.whatsapp_accounts.token_mark is
    'Tells one token from the next without telling what it is; a refusal counts only for the token it was said of.';
comment on column chat.whatsapp_accounts.auth_failed_at is
    'Since when Graph does not accept the token. Sends wait until there is another, or a test goes well.';
comment on column chat.whatsapp_accounts.details is
    'What Meta told of it (told.sql): event, review, restrictions, ban_state, ban_date, violation, disconnected, alert, messaging_limit, max_phone_numbers.';
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
    read_policy text not null default 'arrival',
    constraint whatsapp_numbers_read_policy_check check (read_policy in ('arrival', 'agent_reads', 'never')),
    disconnected_at timestamptz,
    last_error jsonb,
    test jsonb,
    test_send jsonb,
    constraint whatsapp_numbers_site_id_phone_number_id_key unique (site_id, phone_number_id),
    constraint whatsapp_numbers_account_id_fkey foreign key (site_id, account_id)
        references chat.whatsapp_accounts (site_id, id) on delete set null (account_id)
);
comment on table chat.whatsapp_numbers is 'Business numbers. Several sites may claim one; only one can have it confirmed.';
comment on column chat.whatsapp_numbers.phone_number_id is 'Meta''s id of the number; messages route by it alone.';
comment on column chat.whatsapp_numbers.confirmed_at is 'When Graph answered for it with this site''s token. Null: it neither receives nor sends.';
comment on column chat.whatsapp_numbers.unknown_policy is
    'A send whose outcome nobody knows: ask = leave it to the agent, resend = send again.';
comment on column chat.whatsapp_numbers.read_policy is
    'When a person sees that they were read: arrival = at once, agent_reads = when an agent has, never.';
comment on column chat.whatsapp_numbers.disconnected_at is
    'When a person disconnected it: it stays so until it is saved again, whatever settings or a worker''s configuration say.';
comment on column chat.whatsapp_numbers.last_error is 'What Graph last refused: {code, title, details, at}.';
comment on column chat.whatsapp_numbers.test is 'The last test: {state: queued | done, at, …}, see chat_test_whatsapp_number.';
comment on column chat.whatsapp_numbers.test_send is
    'The last test message: {state: queued | sending | sent | failed | unknown, at, to, …}.';
-- A number that a site has confirmed is that site's; a claim by settings alone holds nothing.
create unique index if not exists whatsapp_numbers_confirmed_idx
    on chat.whatsapp_numbers (phone_number_id) where confirmed_at is not null;
create unique index if not exists whatsapp_numbers_default_idx
    on chat.whatsapp_numbers (site_id) where is_default;
alter table chat.whatsapp_numbers enable row level security;
