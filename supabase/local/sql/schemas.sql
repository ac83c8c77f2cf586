-- What: schema `extensions` with what our SQL calls from it, and the right to look into `public`.
-- Why: Supabase keeps extensions out of `public`.
-- Leaves out: everything else of Supabase, a file a schema.

create schema if not exists extensions;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema extensions to postgres;
create extension if not exists pgcrypto schema extensions;
create extension if not exists pg_trgm schema extensions;

grant usage on schema public to anon, authenticated, service_role;
grant all on schema public to postgres;
