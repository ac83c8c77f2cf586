-- What: the proof that a person was erased, and the files that are still to be deleted.
-- Why: who asks later is shown when and how much; a file lies outside the database and is deleted after the commit.
-- Leaves out: anything about the person. Their ids name nothing any more.

create table if not exists chat.erasures (
    id bigint generated always as identity primary key,
    site_id uuid not null references public.sites (id) on delete cascade,
    visitor_ids uuid[] not null,
    erased_by uuid,
    erased_at timestamptz not null default clock_timestamp(),
    counts jsonb not null
);
comment on table chat.erasures is 'A row for each erased person. Kept.';
comment on column chat.erasures.visitor_ids is 'Ids the rows had; several when visitors were merged.';
comment on column chat.erasures.erased_by is 'auth.uid() of who asked for it; null for the owner of the database.';
comment on column chat.erasures.counts is
    'How many rows of each kind went; answered_by: in how many of the conversations each agent had answered, which their figures keep.';
create index if not exists erasures_site_id_idx on chat.erasures (site_id, id);
alter table chat.erasures enable row level security;

create table if not exists chat.file_deletions (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    file_url text not null,
    requested_at timestamptz not null default clock_timestamp()
);
comment on table chat.file_deletions is 'Files of erased people that storage still holds. The row goes when the file has gone.';
create index if not exists file_deletions_site_id_idx on chat.file_deletions (site_id, id);
alter table chat.file_deletions enable row level security;
