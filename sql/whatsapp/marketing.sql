-- What: whether a person wants marketing messages.
-- Why: who said stop gets none, whoever asks; what they said last counts, in whatever order it comes.
-- Leaves out: which messages are marketing; a template's category says it.

create table if not exists chat.marketing_wishes (
    identity_id uuid primary key,
    site_id uuid not null,
    wish text not null check (wish in ('stop', 'resume', 'signup')),
    at timestamptz not null,
    constraint marketing_wishes_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete cascade
);
comment on table chat.marketing_wishes is 'What people last said about marketing messages: stop, resume, or signup by a link.';
comment on column chat.marketing_wishes.at is 'When they said it, by Meta''s clock.';
alter table chat.marketing_wishes enable row level security;

create or replace function chat.note_wish(p_identity uuid, p_wish text, p_at timestamptz)
returns boolean
language plpgsql
as $$
begin
    insert into chat.marketing_wishes as w (identity_id, site_id, wish, at)
    select i.id, i.site_id, p_wish, coalesce(p_at, clock_timestamp()) from chat.identities i where i.id = p_identity
    on conflict (identity_id) do update set wish = excluded.wish, at = excluded.at where w.at < excluded.at;
    return found;
end
$$;
comment on function chat.note_wish(uuid, text, timestamptz) is
    'What a person said about marketing: stop, resume or signup. False when something later is known already.';

create or replace function chat.may_market(p_identity uuid)
returns boolean
language plpgsql
stable
as $$
begin
    return not exists (select from chat.marketing_wishes w where w.identity_id = p_identity and w.wish = 'stop');
end
$$;
comment on function chat.may_market(uuid) is 'Whether marketing may be sent to a person: unless they said stop.';
