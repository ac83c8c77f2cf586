-- What: what a webhook brought and no row wanted: dead letters, and statuses that came before their message was known.
-- Why: nothing Meta sent is lost; a person can look, the tick can apply it later.
-- Leaves out: retention, which comes with the tick's housekeeping.

create table if not exists chat.dead_letters (
    id bigint generated always as identity primary key,
    app_id uuid references chat.whatsapp_apps (id) on delete set null,
    phone_number_id text,
    reason text not null,
    item jsonb not null,
    received_at timestamptz not null default clock_timestamp()
);
comment on table chat.dead_letters is 'Webhook items that were taken but fit no row, with the reason.';
create index if not exists dead_letters_phone_number_id_idx on chat.dead_letters (phone_number_id, id);
alter table chat.dead_letters enable row level security;

create table if not exists chat.orphan_statuses (
    site_id uuid not null references public.sites (id) on delete cascade,
    wamid text not null,
    status text not null,
    at timestamptz not null,
    item jsonb not null,
    received_at timestamptz not null default clock_timestamp(),
    primary key (site_id, wamid, status)
);
comment on table chat.orphan_statuses is 'Statuses of a wamid no message has yet, and files of the past (status file); applied when one has.';
alter table chat.orphan_statuses enable row level security;
