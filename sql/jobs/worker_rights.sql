-- What: who the caller is, and which of the functions it names are missing or not its to call.
-- Why: `worker check` compares a database with the worker, over a connection and over PostgREST alike.
-- Leaves out: whether versions fit: chat_worker_facts.

create or replace function public.chat_worker_rights(functions text[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select jsonb_build_object(
            'role', r.rolname,
            'bound', not (r.rolsuper or r.rolbypassrls),
            'missing', (
                select coalesce(jsonb_agg(f.signature order by f.place), '[]')
                from unnest(chat_worker_rights.functions) with ordinality f (signature, place)
                where to_regprocedure(f.signature) is null),
            'refused', (
                select coalesce(jsonb_agg(f.signature order by f.place), '[]')
                from unnest(chat_worker_rights.functions) with ordinality f (signature, place)
                where not has_function_privilege(to_regprocedure(f.signature)::oid, 'execute')))
        from pg_catalog.pg_roles r where r.rolname = current_user);
end
$$;
comment on function public.chat_worker_rights(text[]) is
    'For the worker: its role, whether policies bind it, and which of these functions (as schema.name(types)) are missing or not its to call.';
