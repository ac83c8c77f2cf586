-- What: the rules of a site, by which what comes is sorted, version by version.
-- Why: whoever saves replaces the whole list, so that its order is one person's; a conversation names the version that
--      sorted it, and that can be read afterwards.
-- Leaves out: what rules may say (docs/routing-rules.md, chat_rules::routing::site_rules).

create table if not exists chat.routing_rules (
    site_id uuid not null references public.sites (id) on delete cascade,
    version integer not null,
    rules jsonb not null,
    saved_by uuid,
    saved_at timestamptz not null default clock_timestamp(),
    constraint routing_rules_pkey primary key (site_id, version)
);
comment on table chat.routing_rules is 'Ordered rules of sites; the highest version counts. The last hundred are kept.';
comment on column chat.routing_rules.saved_by is 'The user who saved it.';
alter table chat.routing_rules enable row level security;
