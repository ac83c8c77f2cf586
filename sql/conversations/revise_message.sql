-- What: other words in place of a message's, or a tombstone in place of it.
-- Why: who may is a rule (chat_rules revision_refusal); what it said stays in chat.message_versions. The row keeps its
--      numbers, so nobody's unread or order changes.
-- Leaves out: who asks (edit_message.sql).

create or replace function chat.revise_message(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages, p_content text, p_delete boolean,
    p_by text, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    public_one constant boolean := p_message.public_seq is not null;
    next_change constant bigint := p_conversation.last_change + 1;
begin
    insert into chat.message_versions (site_id, message_id, version, content, file, replaced_at, replaced_by)
    select p_message.site_id, p_message.id,
        (select coalesce(max(v.version), 0) + 1 from chat.message_versions v where v.message_id = p_message.id),
        p_message.content,
        case when p_message.file_url is not null or p_message.file_name is not null then jsonb_build_object(
            'url', p_message.file_url, 'name', p_message.file_name, 'size', p_message.file_size, 'mime', p_message.file_mime_type) end,
        p_now, p_by;
    update public.mod_chat_messages m
    set content = p_content,
        edited_at = case when p_delete then m.edited_at else p_now end,
        deleted_at = case when p_delete then p_now end,
        file_url = case when not p_delete then m.file_url end,
        file_name = case when not p_delete then m.file_name end,
        file_size = case when not p_delete then m.file_size end,
        file_mime_type = case when not p_delete then m.file_mime_type end,
        file_state = case when not p_delete then m.file_state end,
        mentions = case when not p_delete then m.mentions end,
        reactions = case when p_delete then '{}' else m.reactions end,
        metadata = case when p_delete then '{}' else m.metadata end,
        change = next_change,
        change_before = case when public_one then p_conversation.last_public_change end,
        updated_at = p_now
    where m.id = p_message.id;
    update public.mod_chat_conversations c
    set last_change = next_change,
        last_public_change = case when public_one then next_change else c.last_public_change end,
        -- The inbox shows the words of the newest message, and must not go on showing those it had.
        last_message_text = case
            when public_one and c.last_message_at = p_message.sent_at
                and c.last_message_text = chat.preview_text(p_message.kind, p_message.content)
                then chat.preview_text(p_message.kind, p_content)
            else c.last_message_text end
    where c.id = p_conversation.id;
end
$$;
comment on function chat.revise_message(
    public.mod_chat_conversations, public.mod_chat_messages, text, boolean, text, timestamptz) is
    'Replaces a message''s words, or makes it a tombstone; the caller holds the conversation and has asked the rule.';

create or replace function chat.revise(p_message uuid, p_what text, p_content text)
returns jsonb
language plpgsql
as $$
declare
    at constant timestamptz := clock_timestamp();
    target record;
    refusal text;
begin
    target := chat.message_for_actor(p_message);
    if p_what = 'edit' then
        perform chat.require_text(p_content);
    end if;
    refusal := chat.revision_refusal(
        p_what, target.visitor_id is not null,
        case when target.visitor_id is null
            then (target.message).sender_type = 'agent' and (target.message).sender_id = target.agent_id::text
            else (target.message).sender_type = 'visitor' end,
        target.visitor_id is null and chat.may((target.message).site_id, 'live-chat.conversations.assign'),
        (target.conversation).channel, (target.message).sender_type, (target.message).kind, (target.message).delivery_state,
        (target.message).deleted_at is not null, extract(epoch from at - (target.message).created_at)::bigint,
        coalesce((select s.edit_minutes from public.mod_chat_widget_settings s where s.site_id = (target.message).site_id), 15));
    if refusal is not null then
        raise exception 'this message cannot be %', case p_what when 'edit' then 'edited' else 'deleted' end
            using errcode = case refusal when 'chat/not_your_message' then 'PT403' else 'PT409' end, detail = refusal,
                hint = case refusal
                    when 'chat/not_your_message' then 'write your own message; whoever may assign chats deletes those of others'
                    when 'chat/already_sent' then 'WhatsApp takes nothing back: write another message'
                    when 'chat/too_late' then 'write another message'
                    else 'leave it as it is' end;
    end if;
    if p_what = 'delete' or (target.message).content is distinct from p_content then
        perform chat.revise_message(
            target.conversation, target.message, p_content, p_what = 'delete',
            case when target.visitor_id is null then 'agent:' || target.agent_id else 'visitor:' || target.visitor_id end, at);
    end if;
    return chat.message_as_seen(p_message, target.visitor_id is not null);
end
$$;
comment on function chat.revise(uuid, text, text) is 'Edits or deletes a message for the caller, who may be refused.';

create or replace function public.chat_message_history(message uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    m public.mod_chat_messages;
begin
    select x.* into m from public.mod_chat_messages x where x.id = chat_message_history.message;
    if not found or not chat.may_in(m.conversation_id, 'live-chat.conversations.view') then
        raise exception 'there is no message % that you may see', chat_message_history.message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'ask with the id of a message of your site';
    end if;
    return coalesce((
        select jsonb_agg(jsonb_build_object('version', v.version, 'content', v.content, 'file', v.file,
            'replaced_at', v.replaced_at, 'replaced_by', v.replaced_by) order by v.version)
        from chat.message_versions v where v.message_id = m.id), '[]');
end
$$;
comment on function public.chat_message_history(uuid) is
    'What a message said before, for agents: [{version, content, file, replaced_at, replaced_by}]. PT404 chat/no_such_message.';
