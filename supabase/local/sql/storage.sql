-- What: Supabase Storage as SQL sees it: buckets and objects, whose policies decide who puts and reads files, and the
--       functions that policies use.
-- Why: our policies for bucket chat-media stand on these tables.
-- Leaves out: the files themselves and the API over them, which are the Storage double's (src/storage/).

create schema if not exists storage;
create table if not exists storage.buckets (
    id text primary key,
    name text not null unique,
    owner uuid,
    owner_id text,
    public boolean not null default false,
    file_size_limit bigint,
    allowed_mime_types text[],
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table if not exists storage.objects (
    id uuid primary key default gen_random_uuid(),
    bucket_id text references storage.buckets (id),
    name text,
    owner uuid,
    owner_id text,
    metadata jsonb,
    user_metadata jsonb,
    path_tokens text[] generated always as (string_to_array(name, '/')) stored,
    version text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_accessed_at timestamptz not null default now(),
    constraint objects_bucket_id_name_key unique (bucket_id, name)
);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
-- On Supabase a guard lets postgres make policies on these tables; here it owns them.
alter table storage.buckets owner to postgres;
alter table storage.objects owner to postgres;

create or replace function storage.foldername(name text)
returns text[]
language sql immutable
as $$ select (string_to_array(name, '/'))[1 : cardinality(string_to_array(name, '/')) - 1] $$;
create or replace function storage.filename(name text)
returns text
language sql immutable
as $$ select (string_to_array(name, '/'))[cardinality(string_to_array(name, '/'))] $$;
create or replace function storage.extension(name text)
returns text
language sql immutable
as $$ select split_part(storage.filename(name), '.', -1) $$;

grant usage on schema storage to postgres, anon, authenticated, service_role;
grant all on storage.buckets, storage.objects to postgres, anon, authenticated, service_role;
grant execute on all functions in schema storage to postgres, anon, authenticated, service_role;
