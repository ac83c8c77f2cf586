-- What: visits of people to a site, and the pages they looked at in them.
-- Why: a visit is what an agent calls one: pages with no more than half an hour between them, whatever tokens were renewed.
-- Leaves out: who is there at this moment to the second; browsers tell each other that through Realtime.

create table if not exists chat.visits (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    visitor_id uuid not null,
    session_id uuid,
    started_at timestamptz not null,
    last_at timestamptz not null,
    pages integer not null default 0,
    landing_page_url text,
    referrer_url text,
    browser text,
    os text,
    device text,
    ip_address inet,
    country text,
    city text,
    constraint visits_site_id_id_key unique (site_id, id),
    constraint visits_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint visits_session_id_fkey foreign key (site_id, session_id)
        references chat.sessions (site_id, id) on delete set null (session_id)
) with (fillfactor = 80);
comment on table chat.visits is 'A row a visit, written under the visitor''s lock. total_visits of a visitor counts them, and is at least 1.';
comment on column chat.visits.last_at is 'When a page was last shown, or told to be still open.';
comment on column chat.visits.pages is 'Pages looked at, each change of address one; counted up to 500.';
create index if not exists visits_visitor_id_idx on chat.visits (visitor_id, id desc);
create index if not exists visits_live_idx on chat.visits (site_id, last_at desc);
create index if not exists visits_session_id_idx on chat.visits (session_id);
alter table chat.visits enable row level security;

create table if not exists chat.page_views (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    visit_id bigint not null,
    url text not null,
    title text,
    at timestamptz not null,
    constraint page_views_visit_id_fkey foreign key (site_id, visit_id)
        references chat.visits (site_id, id) on delete cascade
);
comment on table chat.page_views is 'Pages of visits, kept for 90 days.';
create index if not exists page_views_visit_id_idx on chat.page_views (visit_id, id desc);
create index if not exists page_views_at_idx on chat.page_views (at);
alter table chat.page_views enable row level security;
