-- What: who sees and edits the people who write.
-- Why: whoever may view conversations sees them; whoever may reply corrects name, contact, tags and notes. Totals and
--      what was tracked have no UPDATE grant.
--      Visitors themselves have no grant on any table: they come with a token of ours and call functions.
-- Leaves out: identities, aliases and sessions, which no client role touches.

grant select on public.mod_chat_visitors to authenticated;
grant update (name, email, phone, avatar_url, crm_contact_id, tags, notes, custom_data)
    on public.mod_chat_visitors to authenticated;
grant select, insert, update on public.mod_chat_visitors to service_role;

drop policy if exists chat_visitors_select on public.mod_chat_visitors;
create policy chat_visitors_select on public.mod_chat_visitors for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[]));
drop policy if exists chat_visitors_update on public.mod_chat_visitors;
create policy chat_visitors_update on public.mod_chat_visitors for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.reply'))::uuid[]));

grant execute on function public.chat_open_session(uuid, text, jsonb), public.chat_set_page(jsonb), public.chat_end_session()
    to anon, authenticated;
