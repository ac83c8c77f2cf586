-- What: who agreed to which privacy text, and when.
-- Why: the text is kept as it was shown, so what somebody agreed to can be shown after it has changed.
-- Leaves out: asking again, which the version does: consent to an older one does not count.

create table if not exists chat.consents (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    visitor_id uuid not null,
    version integer not null,
    privacy_text text,
    privacy_url text,
    given_at timestamptz not null default clock_timestamp(),
    constraint consents_visitor_id_key unique (visitor_id, version),
    constraint consents_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade
);
comment on table chat.consents is 'Consents of visitors to a site''s privacy text, each version once.';
alter table chat.consents enable row level security;
