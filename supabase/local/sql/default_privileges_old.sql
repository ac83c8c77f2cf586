-- What: what older Supabase projects grant by themselves on each new object of `postgres` in `public`.
-- Why: our grants must come out the same on those projects as on the newer ones, which grant nothing.

alter default privileges for role postgres in schema public
    grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on sequences to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on functions to anon, authenticated, service_role;
