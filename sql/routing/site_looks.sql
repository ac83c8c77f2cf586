-- What: when the tick last looked at what a site does now and then, and what visitors in its queue were told of their place.
-- Why: so that visitors hear of it when they moved, and not each second; and old rows are looked for once an hour.
-- Leaves out: keys to conversations: the tick that writes here must not wait for whoever deletes one.

create table if not exists chat.site_looks (
    site_id uuid primary key references public.sites (id) on delete cascade,
    queue_at timestamptz not null default '-infinity',
    facts_at timestamptz not null default '-infinity'
) with (fillfactor = 50);
comment on table chat.site_looks is 'A row for each site that routes. It is locked by the one tick that looks; the others pass it by.';
comment on column chat.site_looks.queue_at is 'When visitors were last told their places.';
comment on column chat.site_looks.facts_at is 'When all old facts of choices had last been forgotten.';
alter table chat.site_looks enable row level security;

create table if not exists chat.queue_told (
    conversation_id uuid primary key,
    site_id uuid not null references public.sites (id) on delete cascade,
    place integer not null,
    expected_seconds bigint,
    told_at timestamptz not null
) with (fillfactor = 50);
comment on table chat.queue_told is 'The place and expected wait that visitors who wait were last told; gone when they wait no more.';
create index if not exists queue_told_site_id_idx on chat.queue_told (site_id);
alter table chat.queue_told enable row level security;
