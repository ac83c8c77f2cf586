-- What: a status of Meta's, applied to the message it speaks of.
-- Why: statuses come out of order, twice, before the answer of the send, and sometimes beside each other (delivered and
--      failed): the rule decides, the first time of each word is kept.
-- Leaves out: finding rows for a whole run at once (receive.sql does, and locks the conversations in order).

create or replace function chat.message_of_status(p_site uuid, p_wamid text, p_callback text)
returns uuid
language plpgsql
stable
as $$
declare
    found_id uuid;
    written_as text;
begin
    select m.id, m.origin into found_id, written_as
    from public.mod_chat_messages m where m.site_id = p_site and m.whatsapp_message_id = p_wamid;
    -- A status may come before the answer that brings the wamid; then the callback data names the message. So it does where
    -- its echo was faster and stands for it.
    if (found_id is null or written_as = 'echo')
        and p_callback ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9]{1,9}$'
    then
        select coalesce(min(m.id::text)::uuid, found_id) into found_id
        from public.mod_chat_messages m
        where m.id = split_part(p_callback, ':', 1)::uuid and m.site_id = p_site;
    elsif found_id is null and p_callback ~ '^reaction:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:agent:' then
        select m.id into found_id
        from public.mod_chat_messages m
        where m.id = split_part(p_callback, ':', 2)::uuid and m.site_id = p_site;
    end if;
    return found_id;
end
$$;
comment on function chat.message_of_status(uuid, text, text) is
    'Message of a site that a status speaks of: by wamid, else by our callback data, `<message id>:<attempt>` or `reaction:<message id>:<actor>`.';

create or replace function chat.apply_status(p_message uuid, p_item jsonb)
returns void
language plpgsql
as $$
declare
    word constant text := p_item ->> 'status';
    at constant text := coalesce(p_item ->> 'at', clock_timestamp()::text);
    message public.mod_chat_messages;
    facts jsonb;
begin
    -- Of a reaction to the message, not of the message.
    if starts_with(p_item ->> 'callback', 'reaction:') then
        if word = 'failed' then
            perform chat.reaction_failed(p_item ->> 'callback', coalesce(p_item -> 'errors' -> 0, '{}'));
        end if;
        return;
    end if;
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    if message.sender_type = 'visitor' then
        return;
    end if;
    if message.delivery_state in ('queued', 'sending', 'unknown') or message.whatsapp_message_id is null then
        perform chat.message_left(
            p_message, p_item ->> 'wamid', nullif(split_part(coalesce(p_item ->> 'callback', ''), ':', 2), '')::integer);
    end if;

    facts := jsonb_build_object('statuses',
        jsonb_build_object(word, at) || coalesce(message.metadata -> 'statuses', '{}'));
    if jsonb_typeof(p_item -> 'pricing') = 'object' then
        facts := facts || jsonb_build_object('pricing', p_item -> 'pricing');
    end if;
    if jsonb_typeof(p_item -> 'errors' -> 0) = 'object' then
        facts := facts || jsonb_build_object('error', p_item -> 'errors' -> 0);
    end if;
    if p_item -> 'metadata' ? 'free_entry_until' then
        update public.mod_chat_conversations c
        set whatsapp_free_entry_until = (p_item -> 'metadata' ->> 'free_entry_until')::timestamptz
        where c.id = message.conversation_id
            and (c.whatsapp_free_entry_until < (p_item -> 'metadata' ->> 'free_entry_until')::timestamptz) is not false;
    end if;
    if chat.set_delivery(p_message, word, facts) then
        update public.mod_chat_messages m
        set whatsapp_status = word
        where m.id = p_message and m.delivery_state = word;
    end if;
    if p_item -> 'errors' @> '[{"code": 131047}]' then
        perform chat.close_window(message.conversation_id);
    elsif p_item -> 'errors' @> '[{"code": 131050}]' then
        perform chat.note_wish(c.identity_id, 'stop', at::timestamptz)
        from public.mod_chat_conversations c where c.id = message.conversation_id;
    elsif message.kind = 'template' then
        perform chat.refuse_template(p_message, (p_item -> 'errors' -> 0 ->> 'code')::integer);
    end if;
end
$$;
comment on function chat.apply_status(uuid, jsonb) is
    'Applies a parsed status to a message; the caller holds its conversation. Repetitions and older words change nothing.';

create or replace function chat.keep_orphan(p_site uuid, p_item jsonb)
returns void
language plpgsql
as $$
begin
    insert into chat.orphan_statuses (site_id, wamid, status, at, item)
    values (p_site, p_item ->> 'wamid', p_item ->> 'status',
        coalesce((p_item ->> 'at')::timestamptz, clock_timestamp()), p_item)
    on conflict do nothing;
end
$$;
comment on function chat.keep_orphan(uuid, jsonb) is 'Keeps a status whose message is not known yet.';

create or replace function chat.apply_orphans(p_site uuid, p_wamid text)
returns integer
language plpgsql
as $$
declare
    orphan record;
    applied integer := 0;
begin
    for orphan in
        delete from chat.orphan_statuses o
        where o.site_id = p_site and o.wamid = p_wamid
        returning o.item, chat.message_of_status(o.site_id, o.wamid, o.item ->> 'callback') as message
    loop
        -- A file of the past that came before this message has it already.
        continue when orphan.item ->> 'what' <> 'status';
        perform chat.apply_status(orphan.message, orphan.item);
        applied := applied + 1;
    end loop;
    return applied;
end
$$;
comment on function chat.apply_orphans(uuid, text) is
    'Applies the statuses kept for a wamid that a message has now; the caller holds its conversation.';
