-- What: who sees agencies, sites and members of a standalone install; permissions and the module's switch by function.
-- Why: a host's own tables keep the host's own policies.
-- Leaves out: writing them; the owner of the database does.

grant execute on function public.chat_may(uuid, text), public.chat_permissions(uuid),
    public.chat_save_permission(uuid, text, text, boolean), public.chat_save_role_limit(uuid, text, text, text),
    public.chat_set_module(uuid, boolean)
to authenticated;

do $$
begin
    if obj_description(to_regclass('public.sites'), 'pg_class') not like 'pg_chat standalone:%' then
        return;
    end if;
    alter table public.agencies enable row level security;
    alter table public.sites enable row level security;
    alter table public.agency_members enable row level security;
    grant select on public.agencies, public.sites, public.agency_members to authenticated;
    grant select, insert, update, delete, truncate on public.agencies, public.sites, public.agency_members to service_role;

    drop policy if exists chat_sites_select on public.sites;
    create policy chat_sites_select on public.sites for select to authenticated
        using (id = any ((select chat.my_site_ids())::uuid[]));
    drop policy if exists chat_agencies_select on public.agencies;
    create policy chat_agencies_select on public.agencies for select to authenticated
        using (id in (select m.agency_id from public.agency_members m where m.user_id = (select auth.uid())));
    drop policy if exists chat_agency_members_select on public.agency_members;
    create policy chat_agency_members_select on public.agency_members for select to authenticated
        using (user_id = (select auth.uid()));
end
$$;
