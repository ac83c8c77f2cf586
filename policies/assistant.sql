-- What: who reads and keeps the knowledge base.
-- Why: colleagues read; kb.manage writes. Usage figures have no grant.
-- Leaves out: the assistant's own functions, which come with it.

grant select on public.mod_chat_knowledge_base to authenticated;
grant insert (id, site_id, title, content, category, tags, is_active) on public.mod_chat_knowledge_base to authenticated;
grant update (title, content, category, tags, is_active) on public.mod_chat_knowledge_base to authenticated;
grant delete on public.mod_chat_knowledge_base to authenticated;
grant select, insert, update, delete, truncate on public.mod_chat_knowledge_base to service_role;

drop policy if exists chat_knowledge_base_select on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_select on public.mod_chat_knowledge_base for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_knowledge_base_insert on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_insert on public.mod_chat_knowledge_base for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.kb.manage'))::uuid[]));
drop policy if exists chat_knowledge_base_update on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_update on public.mod_chat_knowledge_base for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.kb.manage'))::uuid[]));
drop policy if exists chat_knowledge_base_delete on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_delete on public.mod_chat_knowledge_base for delete to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.kb.manage'))::uuid[]));
