-- What: who sees and edits the people who write.
-- Why: whoever may view conversations sees them; whoever may reply corrects name, contact, tags and notes. Totals and
--      what was tracked have no UPDATE grant.
-- Leaves out: identities and their aliases, which no client role touches.

grant select on public.mod_chat_visitors to authenticated;
grant update (name, email, phone, avatar_url, crm_contact_id, tags, notes, custom_data)
    on public.mod_chat_visitors to authenticated;
grant select, insert, update on public.mod_chat_visitors to service_role;

drop policy if exists chat_visitors_select on public.mod_chat_visitors;
create policy chat_visitors_select on public.mod_chat_visitors for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[]) or chat.sees_visitor(id)));
drop policy if exists chat_visitors_update on public.mod_chat_visitors;
create policy chat_visitors_update on public.mod_chat_visitors for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.reply'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[]) or chat.sees_visitor(id)));
-- An index is kept with the rights of whoever writes the row.
grant execute on function chat.visitor_words(text, text, text, text) to authenticated, service_role;
