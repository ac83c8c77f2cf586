-- What: sessions of visitors, a row a browser (or app) that opened the widget.
-- Why: the token names this row and every check looks it up, so ending, blocking and erasing act at once.
-- Leaves out: the token itself, which is signed and not kept, and the key that renews it, of which only a hash is.

create table if not exists chat.sessions (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    visitor_id uuid not null,
    identity_id uuid not null,
    key_hash bytea not null,
    ip_address inet,
    user_agent text,
    origin text,
    created_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_why text check (ended_why in ('visitor', 'blocked')),
    constraint sessions_site_id_id_key unique (site_id, id),
    constraint sessions_key_hash_key unique (key_hash),
    constraint sessions_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint sessions_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete cascade
);
comment on table chat.sessions is 'Sessions of visitors; a token names one. Written after the visitor''s row is locked.';
comment on column chat.sessions.identity_id is 'Whose conversations are gone on with. Anonymous visitors have an identity without aliases.';
comment on column chat.sessions.key_hash is 'SHA-256 of the key that renews the token.';
comment on column chat.sessions.expires_at is 'Until when the key renews it; moved on by each renewal.';
comment on column chat.sessions.ended_at is 'When the visitor signed out, or was blocked.';
comment on column chat.sessions.ended_why is 'visitor: signed out; blocked: by an agent, and its key revives it when the block is over.';
create index if not exists sessions_visitor_id_idx on chat.sessions (visitor_id);
create index if not exists sessions_identity_id_idx on chat.sessions (identity_id);
create index if not exists sessions_expires_at_idx on chat.sessions (expires_at);
alter table chat.sessions enable row level security;
