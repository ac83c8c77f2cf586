-- What: who reads conversations and messages, who writes as whom, and which right each column of a PATCH needs.
-- Why: a policy says which rows; a column's right and an author's name need the old row and the token, so two invoker
--      triggers say the rest. They run for direct writes only (row_security_active): our own functions have asked before.
-- Leaves out: numbers and counters, which nobody may write.

-- Authors ------------------------------------------------------------------------------------------------------------
create or replace function chat.author_of(p_conversation uuid, out site_id uuid, out agent_id uuid, out name text, out avatar text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    select c.site_id into author_of.site_id from public.mod_chat_conversations c where c.id = p_conversation;
    if not found or not chat.may(author_of.site_id, 'live-chat.conversations.reply')
        or not chat.sees_conversation(p_conversation)
    then
        raise exception 'there is no conversation % that you may answer', p_conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'answer in a conversation of your site';
    end if;
    agent_id := chat.my_agent(author_of.site_id);
    select a.display_name, a.avatar_url into author_of.name, author_of.avatar
    from public.mod_chat_agents a where a.id = agent_id;
end
$$;
comment on function chat.author_of(uuid) is
    'Who the caller writes as in a conversation. PT404 chat/no_such_conversation, PT403 chat/not_an_agent.';

create or replace function chat.stamp_author()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    author record;
begin
    select * into author from chat.author_of(new.conversation_id);
    new.site_id := author.site_id;
    new.sender_type := 'agent';
    new.sender_id := author.agent_id::text;
    new.sender_name := author.name;
    new.sender_avatar := author.avatar;
    new.origin := 'live';
    return new;
end
$$;
comment on function chat.stamp_author() is
    'Before a client''s own insert: the author comes from the token, whatever the row says.';

create or replace trigger _100_author before insert on public.mod_chat_messages
    for each row when (row_security_active('public.mod_chat_messages'::regclass)) execute function chat.stamp_author();

-- Columns ------------------------------------------------------------------------------------------------------------
create or replace function chat.require_for_change(
    p_site uuid, p_status boolean, p_assignment boolean, p_claim uuid, p_text boolean)
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if p_status then
        perform chat.require(p_site, 'live-chat.conversations.resolve');
    end if;
    -- Taking an unassigned chat oneself needs no right to assign others.
    if exists (
        select from public.mod_chat_agents a
        where a.id = p_claim and a.site_id = p_site and a.user_id = auth.uid() and a.is_active)
    then
        perform chat.require(p_site, 'live-chat.conversations.reply');
    elsif p_assignment then
        perform chat.require(p_site, 'live-chat.conversations.assign');
    end if;
    if p_text then
        perform chat.require(p_site, 'live-chat.conversations.reply');
    end if;
end
$$;
comment on function chat.require_for_change(uuid, boolean, boolean, uuid, boolean) is
    'Rights that a direct change of a conversation needs: of its status, its assignment (a claim of an unassigned one names the agent), its words.';

create or replace function chat.guard_conversation()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    -- Back to pending takes it away from whoever has it.
    assigned constant boolean := new.assigned_agent_id is distinct from old.assigned_agent_id
        or new.status = 'pending' and old.assigned_agent_id is not null;
    claim constant boolean := assigned and old.assigned_agent_id is null
        and new.department_id is not distinct from old.department_id and new.priority = old.priority
        and new.skills is not distinct from old.skills;
begin
    perform chat.require_for_change(
        old.site_id,
        new.status <> old.status and not (claim and new.status = 'active'),
        assigned or new.department_id is distinct from old.department_id or new.priority <> old.priority
            or new.skills is distinct from old.skills,
        case when claim then new.assigned_agent_id end,
        new.subject is distinct from old.subject or new.tags <> old.tags or new.internal_notes is distinct from old.internal_notes);
    return new;
end
$$;
comment on function chat.guard_conversation() is 'Before a client''s own update: each column asks for its right.';

create or replace trigger _100_guard before update on public.mod_chat_conversations
    for each row when (row_security_active('public.mod_chat_conversations'::regclass))
    execute function chat.guard_conversation();

-- Rows ---------------------------------------------------------------------------------------------------------------
grant select on public.mod_chat_conversations to authenticated;
grant update (status, assigned_agent_id, department_id, priority, skills, subject, tags, internal_notes)
    on public.mod_chat_conversations to authenticated;
grant select, update (status, assigned_agent_id, department_id, priority, skills, subject, tags, internal_notes, metadata)
    on public.mod_chat_conversations to service_role;

drop policy if exists chat_conversations_select on public.mod_chat_conversations;
create policy chat_conversations_select on public.mod_chat_conversations for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[])
            or chat.in_part((select chat.my_part())::text[], site_id, assigned_agent_id, last_agent_id, department_id, phone_number_id)));
drop policy if exists chat_conversations_update on public.mod_chat_conversations;
create policy chat_conversations_update on public.mod_chat_conversations for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[])
            or chat.in_part((select chat.my_part())::text[], site_id, assigned_agent_id, last_agent_id, department_id, phone_number_id)));

grant select on public.mod_chat_messages to authenticated;
grant insert (id, conversation_id, site_id, sender_type, sender_id, sender_name, sender_avatar, content, content_type,
    is_internal_note, kind, reply_to_id, mentions, status, metadata, file_url, file_name, file_size, file_mime_type)
    on public.mod_chat_messages to authenticated;
grant select on public.mod_chat_messages to service_role;
grant insert (id, conversation_id, site_id, sender_type, sender_id, sender_name, sender_avatar, content, content_type,
    is_internal_note, kind, reply_to_id, mentions, status, metadata, file_url, file_name, file_size, file_mime_type,
    is_ai_generated, ai_confidence) on public.mod_chat_messages to service_role;

drop policy if exists chat_messages_select on public.mod_chat_messages;
create policy chat_messages_select on public.mod_chat_messages for select to authenticated
    using (site_id = any ((select chat.my_whole_sites('live-chat.conversations.view'))::uuid[])
        or site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
            and chat.sees_conversation(conversation_id));
drop policy if exists chat_messages_insert on public.mod_chat_messages;
create policy chat_messages_insert on public.mod_chat_messages for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.conversations.reply'))::uuid[]));

revoke all on function
    chat.author_of(uuid), chat.stamp_author(), chat.require_for_change(uuid, boolean, boolean, uuid, boolean),
    chat.guard_conversation()
from public, anon, authenticated, service_role;
grant execute on function chat.author_of(uuid), chat.require_for_change(uuid, boolean, boolean, uuid, boolean) to authenticated;
-- The lifecycle is an invoker trigger: who may PATCH may run the rule it asks.
grant execute on function chat.status_refusal(text, text, boolean) to authenticated, service_role;
grant execute on function chat_rules.status_refusal(text, text, boolean) to authenticated, service_role;
grant execute on function chat.clean_skills(text[]) to authenticated, service_role;

-- A bulk change runs as its caller, too, and has the people of its conversations first.
grant execute on function chat.lock_people_of(uuid[]) to authenticated;

-- Functions ------------------------------------------------------------------------------------------------------------
grant execute on function
    public.chat_mentions(uuid, boolean, timestamptz, integer),
    public.chat_snooze(uuid, timestamptz),
    public.chat_bulk(uuid[], jsonb),
    public.chat_schedule_message(uuid, text, timestamptz, boolean, uuid),
    public.chat_cancel_scheduled(uuid),
    public.chat_scheduled(uuid),
    public.chat_message_history(uuid),
    public.chat_find_canned(uuid, text, integer),
    public.chat_use_canned(uuid, uuid),
    public.chat_start_conversation(uuid, text, text, text, uuid),
    public.chat_send_text(uuid, text, uuid, uuid, boolean),
    public.chat_send_media(uuid, text, text, text, text, text, integer, uuid, uuid)
to authenticated;
-- Both sides; each tells agents and visitors apart itself.
grant execute on function
    public.chat_read(uuid, bigint, boolean),
    public.chat_edit_message(uuid, text),
    public.chat_delete_message(uuid),
    public.chat_react(uuid, text),
    public.chat_rate(uuid, integer, text),
    public.chat_end(uuid, integer, text)
to anon, authenticated;
grant execute on function public.chat_receive_api(uuid, text, text, uuid, jsonb, jsonb) to service_role;

-- Reading -------------------------------------------------------------------------------------------------------------
-- Lists and search ask for the right to view themselves; pages of messages run under the policies above.
grant select on public.chat_conversation_list to authenticated, service_role;
grant select on public.chat_saved_views to authenticated;
grant execute on function
    public.chat_inbox(jsonb, jsonb, integer), public.chat_counts(uuid), public.chat_inbox_count(jsonb, integer),
    public.chat_messages(uuid, bigint, bigint, integer), public.chat_changes(uuid, bigint, integer),
    public.chat_search(uuid, text, jsonb, integer, uuid),
    public.chat_save_view(uuid, text, jsonb, boolean, uuid, integer), public.chat_delete_view(uuid)
to authenticated;
grant execute on function chat.require_conversation(uuid), chat.require_page_size(integer, integer) to authenticated;

-- Canned responses ---------------------------------------------------------------------------------------------------
grant select on public.mod_chat_canned_responses to authenticated;
grant insert (id, site_id, title, content, shortcut, category, tags, is_shared, is_active)
    on public.mod_chat_canned_responses to authenticated;
grant update (title, content, shortcut, category, tags, is_shared, is_active) on public.mod_chat_canned_responses to authenticated;
grant delete on public.mod_chat_canned_responses to authenticated;
grant select, insert, update, delete, truncate on public.mod_chat_canned_responses to service_role;

drop policy if exists chat_canned_responses_select on public.mod_chat_canned_responses;
create policy chat_canned_responses_select on public.mod_chat_canned_responses for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]) and (is_shared or created_by = (select auth.uid())));
drop policy if exists chat_canned_responses_insert on public.mod_chat_canned_responses;
create policy chat_canned_responses_insert on public.mod_chat_canned_responses for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.canned.manage'))::uuid[]));
drop policy if exists chat_canned_responses_update on public.mod_chat_canned_responses;
create policy chat_canned_responses_update on public.mod_chat_canned_responses for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.canned.manage'))::uuid[])
        and (is_shared or created_by = (select auth.uid())));
drop policy if exists chat_canned_responses_delete on public.mod_chat_canned_responses;
create policy chat_canned_responses_delete on public.mod_chat_canned_responses for delete to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.canned.manage'))::uuid[])
        and (is_shared or created_by = (select auth.uid())));
