-- What: who may not write: a person, or an address or network.
-- Why: a block is a row with a reason and an end, so it can be shown, ends by itself, and is taken back by deleting it.
-- Leaves out: LC-01's `blocked_ips` of the settings, which counts as well (is_blocked.sql).

create table if not exists chat.blocks (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    visitor_id uuid,
    address cidr,
    reason text,
    blocked_by uuid,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    constraint blocks_one_target check (num_nonnulls(visitor_id, address) = 1),
    constraint blocks_visitor_id_key unique (site_id, visitor_id),
    constraint blocks_address_key unique (site_id, address),
    constraint blocks_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade
);
comment on table chat.blocks is 'People and addresses that may not write to a site.';
comment on column chat.blocks.blocked_by is 'auth.uid() of who blocked; null for the owner of the database.';
comment on column chat.blocks.expires_at is 'When it ends by itself; null: never.';
alter table chat.blocks enable row level security;
