-- What: verified identities of people, and the ids (aliases) each is known by.
-- Why: a WhatsApp person may have a phone, a BSUID or both, per business portfolio; the unique alias makes a person once,
--      and the identity row is what a writer locks first.
-- Leaves out: typed e-mails and phones; they are fields of the visitor and select nobody.

create table if not exists chat.identities (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    portfolio text not null default '',
    visitor_id uuid not null,
    proven_as uuid,
    created_at timestamptz not null default now(),
    constraint identities_site_id_id_key unique (site_id, id),
    constraint identities_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint identities_proven_as_fkey foreign key (site_id, proven_as)
        references chat.identities (site_id, id) on delete set null (proven_as)
);
comment on table chat.identities is 'A verified person on a channel. Locked first (design: lock order).';
comment on column chat.identities.portfolio is
    'WhatsApp: the account''s business portfolio id, else its WABA id; BSUIDs are valid within it. Empty elsewhere.';
comment on column chat.identities.proven_as is
    'Of somebody anonymous who then proved who they are: that identity. Theirs to see from then on.';
create index if not exists identities_proven_as_idx on chat.identities (proven_as) where proven_as is not null;
create index if not exists identities_visitor_id_idx on chat.identities (visitor_id);
alter table chat.identities enable row level security;

create table if not exists chat.identity_aliases (
    site_id uuid not null,
    portfolio text not null,
    kind text not null check (kind in ('bsuid', 'phone', 'hmac', 'auth', 'api')),
    value text not null,
    identity_id uuid not null,
    seen_with text,
    created_at timestamptz not null default now(),
    primary key (site_id, portfolio, kind, value),
    -- Deferred: the alias is taken first, so that of two transactions only one goes on to make the person.
    constraint identity_aliases_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete cascade deferrable initially deferred
);
comment on table chat.identity_aliases is 'Ids an identity is known by: BSUID, phone, HMAC id, auth user, external id. Old ones stay.';
comment on column chat.identity_aliases.seen_with is
    'Of a BSUID: the phone it last came with and that is known beside it. The same pair again brings nothing to learn.';
create index if not exists identity_aliases_identity_id_idx on chat.identity_aliases (identity_id);
alter table chat.identity_aliases enable row level security;
