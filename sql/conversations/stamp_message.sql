-- What: what happens before a message row is written: its conversation is locked, a repetition is recognised, it gets
--       its numbers, and the conversation's counters move.
-- Why: the lock comes before the row's foreign key looks at the conversation, and the numbers after the row's own id and
--      wamid were looked up; so numbers are gapless and a repetition burns none.
-- Leaves out: who writes (author.sql, before this), the job that sends it (whatsapp/), events and broadcast (after).

create or replace function chat.stamp_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    at timestamptz;
    conversation public.mod_chat_conversations;
    effect record;
    newest boolean;
    home uuid;
    file record;
    is_nameless boolean;
begin
    select * into conversation
    from public.mod_chat_conversations where id = new.conversation_id
    for no key update;
    if not found then
        raise exception 'there is no conversation %', new.conversation_id
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'use the id of an existing conversation';
    end if;

    select m.conversation_id into home from public.mod_chat_messages m where m.id = new.id;
    if found then
        if home = new.conversation_id then
            return null;
        end if;
        raise exception 'message id % stands in another conversation', new.id
            using errcode = 'PT409', detail = 'chat/id_in_use', hint = 'make a new uuid for each message';
    end if;
    if new.whatsapp_message_id is not null and exists (
        select from public.mod_chat_messages m
        where m.site_id = conversation.site_id and m.whatsapp_message_id = new.whatsapp_message_id
    ) then
        return null;
    end if;

    at := clock_timestamp();
    new.site_id := conversation.site_id;
    new.kind := coalesce(new.kind, case
        when new.is_internal_note then 'note'
        when new.content_type = 'whatsapp_template' then 'template'
        when new.content_type = 'system' then 'event'
        when new.content_type = 'file' then 'document'
        else new.content_type
    end);
    new.content_type := chat.content_type_of(new.kind);
    new.is_internal_note := new.kind = 'note';
    new.sent_at := chat.sent_at_of(new.sent_at, at);
    if new.file_url is not null then
        perform chat.require_own_file(new.site_id, new.file_url);
    end if;
    if new.sender_type = 'visitor' then
        new.sender_id := conversation.visitor_id::text;
    elsif new.sender_type = 'agent' and new.sender_id is not null and not exists (
        select from public.mod_chat_agents a where a.site_id = conversation.site_id and a.id::text = new.sender_id)
    then
        raise exception 'there is no agent % at this site', new.sender_id
            using errcode = 'PT422', detail = 'chat/no_such_agent', hint = 'sender_id is the id of a row of mod_chat_agents';
    end if;

    -- Whoever is signed in sends what they may read; size and type are Storage's, whatever the row says.
    if new.file_url is not null and new.sender_type = 'agent' then
        select * into file from chat.file_to_send(conversation, new.file_url);
        new.file_name := coalesce(new.file_name, nullif(file.name, ''));
        new.file_size := coalesce(file.size_bytes, new.file_size);
        new.file_mime_type := coalesce(file.mime_type, new.file_mime_type);
        new.file_state := coalesce(new.file_state, 'ready');
    end if;

    if conversation.archived_at is not null and new.origin = 'live' and new.sender_type in ('agent', 'ai')
        and new.kind <> 'note'
    then
        raise exception 'the conversation is %', conversation.status
            using errcode = 'PT409', detail = 'chat/conversation_not_open',
                hint = 'set its status to pending, or claim it, before answering; notes are always welcome';
    end if;
    new.delivery_state := case
        when new.sender_type = 'visitor' then 'received'
        else chat.first_delivery_state(conversation, new, at)
    end;
    if new.delivery_state = 'queued' and new.kind <> 'text' then
        new.content := coalesce(chat.outgoing_words(new.kind, new.content, new.metadata), new.content);
    end if;
    new.status := chat.shown_status(new.delivery_state);

    select * into effect from chat.message_effect(
        new.sender_type, new.kind, new.origin, new.sender_id = conversation.assigned_agent_id::text);

    newest := effect.preview and new.sent_at >= coalesce(conversation.last_message_at, '-infinity');

    new.seq := conversation.last_seq + 1;
    new.change := conversation.last_change + 1;
    if effect.is_public then
        new.public_seq := conversation.last_public_seq + 1;
        new.change_before := conversation.last_public_change;
    end if;

    update public.mod_chat_conversations c
    set last_seq = new.seq,
        last_change = new.change,
        last_public_seq = coalesce(new.public_seq, c.last_public_seq),
        last_public_change = case when effect.is_public then new.change else c.last_public_change end,
        public_change_before = case when effect.is_public then c.last_public_change else c.public_change_before end,
        message_count = c.message_count + 1,
        inbound_count = c.inbound_count + effect.inbound::integer,
        outbound_public_count = c.outbound_public_count + effect.outbound_public::integer,
        unread_agent_count = case
            when effect.clears_unread_agent then 0
            else c.unread_agent_count + effect.unread_agent
        end,
        unread_visitor_count = c.unread_visitor_count + effect.unread_visitor,
        last_message_text = case when newest then chat.preview_text(new.kind, new.content) else c.last_message_text end,
        last_message_at = case when newest then new.sent_at else c.last_message_at end,
        last_message_by = case when newest then new.sender_type else c.last_message_by end,
        first_response_time_seconds = case
            when c.first_response_time_seconds is null and effect.outbound_public and new.sender_type = 'agent'
                then greatest(0, extract(epoch from new.sent_at - c.created_at))::integer
            else c.first_response_time_seconds
        end,
        whatsapp_window_expires_at = case
            when effect.inbound and c.channel = 'whatsapp'
                then chat.window_after(c.whatsapp_window_expires_at, new.kind, new.sent_at)
            else c.whatsapp_window_expires_at
        end,
        status = chat.status_after_message(c.status, new.sender_type, new.origin),
        updated_at = at
    where c.id = conversation.id;

    if effect.inbound then
        update public.mod_chat_visitors v
        set total_messages = v.total_messages + 1, last_seen_at = greatest(v.last_seen_at, new.sent_at), updated_at = at
        where v.id = conversation.visitor_id
        returning v.name is null into is_nameless;
        if is_nameless and conversation.channel = 'whatsapp' then
            perform chat.name_visitor(conversation.visitor_id, new.sender_name);
        end if;
    end if;
    return new;
end
$$;
comment on function chat.stamp_message() is
    'Before a message: lock, repetition, numbers, counters. Returns null for a repetition, which burns no number.';
