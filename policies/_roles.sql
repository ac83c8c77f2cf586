-- What: the worker's role.
-- Why: it may call its listed functions and nothing else: no table grant.
-- Leaves out: its password; whoever installs makes it a login.

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'chat_worker') then
        create role chat_worker nologin noinherit;
    end if;
end
$$;
