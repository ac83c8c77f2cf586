-- What: who sees and keeps departments and agents.
-- Why: colleagues see each other; whoever may manage agents keeps names and descriptions. What routing reads (status,
--      capacity, department, load) has no UPDATE grant: functions take the routing row first.
-- Leaves out: deleting agents; they are deactivated by chat_save_agent.

grant select on public.mod_chat_departments to authenticated;
grant insert (id, site_id, name, description, is_default, auto_assign, max_concurrent_chats, sort_order, business_hours, timezone)
    on public.mod_chat_departments to authenticated;
grant update (name, description, is_default, sort_order, business_hours, timezone) on public.mod_chat_departments to authenticated;
grant delete on public.mod_chat_departments to authenticated;
grant select, insert, update (name, description, is_default, sort_order, business_hours, timezone), delete
    on public.mod_chat_departments to service_role;

drop policy if exists chat_departments_select on public.mod_chat_departments;
create policy chat_departments_select on public.mod_chat_departments for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_departments_insert on public.mod_chat_departments;
create policy chat_departments_insert on public.mod_chat_departments for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));
drop policy if exists chat_departments_update on public.mod_chat_departments;
create policy chat_departments_update on public.mod_chat_departments for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));
drop policy if exists chat_departments_delete on public.mod_chat_departments;
create policy chat_departments_delete on public.mod_chat_departments for delete to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));

grant select on public.mod_chat_agents to authenticated;
grant update (display_name, avatar_url, email) on public.mod_chat_agents to authenticated;
grant select, update (display_name, avatar_url, email) on public.mod_chat_agents to service_role;

drop policy if exists chat_agents_select on public.mod_chat_agents;
create policy chat_agents_select on public.mod_chat_agents for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_agents_update on public.mod_chat_agents;
create policy chat_agents_update on public.mod_chat_agents for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));

grant execute on function public.chat_set_status(uuid, text), public.chat_heartbeat(uuid),
    public.chat_save_presence(uuid, integer, text) to authenticated;
grant execute on function public.chat_save_department(uuid, text, uuid, text, boolean, boolean, boolean, integer, integer)
    to authenticated;
grant execute on function public.chat_save_agent(uuid, uuid, text, text, uuid, integer, boolean, text, text) to authenticated;
