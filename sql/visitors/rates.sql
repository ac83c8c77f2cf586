-- What: how much of an allowance each site, address and session has used.
-- Why: one timestamp a subject holds a whole bucket: the moment at which it would be empty again.
-- Leaves out: the allowances, which are columns of the site's settings.

create table if not exists chat.rates (
    site_id uuid not null references public.sites (id) on delete cascade,
    kind text not null check (kind in ('site_sessions', 'address_sessions', 'messages', 'address_messages', 'proofs', 'starts')),
    subject text not null,
    empty_at timestamptz not null,
    primary key (site_id, kind, subject)
) with (fillfactor = 70);
comment on table chat.rates is 'Used allowances. Taken before every other lock of a transaction, site before address before session.';
comment on column chat.rates.subject is 'An address, a session''s id, or empty for the site itself.';
comment on column chat.rates.empty_at is 'When all that was taken will have flowed off.';
create index if not exists rates_empty_at_idx on chat.rates (empty_at);
alter table chat.rates enable row level security;
