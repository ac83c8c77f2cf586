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
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[]) or chat.sees_visitor(id)));
drop policy if exists chat_visitors_update on public.mod_chat_visitors;
create policy chat_visitors_update on public.mod_chat_visitors for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.reply'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[]) or chat.sees_visitor(id)));

grant execute on function public.chat_open_session(uuid, text, jsonb), public.chat_set_page(jsonb), public.chat_end_session(),
    public.chat_identify(text, text, jsonb)
to anon, authenticated;
grant execute on function public.chat_rotate_identity_key(uuid) to authenticated;
-- Each of these asks for its own right at the visitor's site.
grant execute on function
    public.chat_person(uuid),
    public.chat_merge_visitors(uuid, uuid),
    public.chat_unmerge_visitor(uuid),
    public.chat_block_visitor(uuid, text, timestamptz),
    public.chat_block_address(uuid, text, text, timestamptz),
    public.chat_unblock(uuid),
    public.chat_blocks(uuid),
    public.chat_tag_visitor(uuid, text[], text[]),
    public.chat_set_custom_data(uuid, jsonb),
    public.chat_erase_visitor(uuid),
    public.chat_erasures(uuid),
    public.chat_export_visitor(uuid),
    public.chat_live_visitors(uuid, integer, integer, timestamptz),
    public.chat_visits(uuid, integer, bigint)
to authenticated;
-- Invoker triggers: whoever writes the columns runs the check.
grant execute on function chat.one_line(text, integer), chat.address_of(text) to authenticated, service_role;
-- An index is kept with the rights of whoever writes the row.
grant execute on function chat.visitor_words(text, text, text, text) to authenticated, service_role;
