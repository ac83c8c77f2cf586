-- What: the roles of a Supabase project, once a cluster.
-- Why: migrations and policies are written for them; `postgres` is not a superuser there, so it is none here.
-- Leaves out: passwords (set by the caller); chat_worker, which our migrations make.

do $$
declare
    v_role record;
begin
    for v_role in
        select * from (values
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls'),
            ('authenticator', 'login noinherit'),
            ('supabase_auth_admin', 'login noinherit'),
            ('supabase_realtime_admin', 'nologin noinherit'),
            ('postgres', 'login createdb createrole replication bypassrls')
        ) as r (name, attributes)
    loop
        if to_regrole(v_role.name) is null then
            execute format('create role %I %s', v_role.name, v_role.attributes);
        end if;
    end loop;
end
$$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
-- As on self-hosted images; on hosted projects supautils lets postgres make policies on realtime.messages instead.
grant supabase_realtime_admin to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
