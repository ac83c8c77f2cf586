-- What: closes everything of ours before the rooms open what they mean to.
-- Why: one project's default privileges grant all, another's nothing; the result has to be the same under both, and a
--      new object that nobody thought of stays closed.
-- Leaves out: tables of a host's own (agencies, sites, agency_members), which only a standalone install makes; the
--             extension's functions, which its own script closes.

do $$
declare
    thing record;
begin
    for thing in
        select format('%s %s', case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass) as name
        from pg_catalog.pg_class c
        where c.relkind in ('r', 'p', 'v', 'm', 'S')
            and (c.relnamespace = 'chat'::regnamespace
                or c.relnamespace = 'public'::regnamespace and c.relname like any (array['mod\_chat\_%', 'chat\_%'])
                or obj_description(c.oid, 'pg_class') like 'pg_chat standalone:%')
        union all
        select format('function %s', p.oid::regprocedure)
        from pg_catalog.pg_proc p
        where p.pronamespace = 'chat'::regnamespace
            or p.pronamespace = 'public'::regnamespace and p.proname like 'chat\_%'
    loop
        execute format('revoke all on %s from public, anon, authenticated, service_role, chat_worker', thing.name);
    end loop;
end
$$;
revoke all on schema chat from public, anon, authenticated, service_role, chat_worker;
revoke all on schema chat_rules from public, anon, authenticated, service_role, chat_worker;

-- Policies and invoker triggers call a few helpers of the schema; what is not granted by name stays closed.
grant usage on schema chat to anon, authenticated, service_role;
grant usage on schema chat_rules to authenticated, service_role;
grant execute on function chat.my_site_ids(), chat.my_sites_with(text), chat.may(uuid, text) to authenticated;
grant execute on function
    chat.my_limited_sites(), chat.my_whole_sites(text), chat.my_part(), chat.in_part(text[], uuid, uuid, uuid, uuid, text),
    chat.sees_conversation(uuid), chat.sees_visitor(uuid)
to authenticated;
