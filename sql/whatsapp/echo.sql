-- What: what the business writes in its own phone, beside us: where it stands, what it changes, and when it is our own message.
-- Why: the phone and we share one number. An echo is an answer of the business, of no agent: nothing sends it, nobody waits
--      because of it, and it opens no window. It is known by its wamid or by our callback data, never by its words.
-- Leaves out: writing the row (store_messages.sql); what was said before the number came to us (history.sql).

create or replace function chat.home_of_echo(p_site uuid, p_identity uuid, p_phone_number_id text, p_wamid text)
returns uuid
language plpgsql
as $$
declare
    at constant timestamptz := clock_timestamp();
    home uuid;
    old record;
    visitor uuid;
begin
    select c.id into home
    from public.mod_chat_conversations c
    where c.identity_id = p_identity and c.phone_number_id = p_phone_number_id and c.archived_at is null;
    if found then
        return home;
    end if;
    visitor := chat.visitor_of_new(p_site, p_identity, p_wamid);
    if visitor is null then
        return null;
    end if;
    select c.id, c.status, c.archived_at, c.inbound_count into old
    from public.mod_chat_conversations c
    where c.identity_id = p_identity and c.phone_number_id = p_phone_number_id
        and c.archived_at is not null and not c.is_history
    order by c.archived_at desc
    limit 1
    for no key update;
    -- Nobody waits for an agent because the business wrote: the conversation stays over until the person answers, and then
    -- it is the one that comes back.
    if found and old.status = 'resolved' and old.inbound_count = 0 then
        update public.mod_chat_conversations c set archived_at = at
        where c.id = old.id and c.archived_at < at - interval '1 minute';
        return old.id;
    elsif found and chat.next_home(old.status, old.archived_at,
        coalesce((select s.reopen_hours from public.mod_chat_widget_settings s where s.site_id = p_site), 24), at) = 'reopen'
    then
        return old.id;
    end if;
    insert into public.mod_chat_conversations (
        site_id, visitor_id, identity_id, channel, phone_number_id, status, archived_at, resolved_at, ended_by, pending_since)
    values (p_site, visitor, p_identity, 'whatsapp', p_phone_number_id, 'resolved', at, at, 'system', null)
    returning id into home;
    return home;
end
$$;
comment on function chat.home_of_echo(uuid, uuid, text, text) is
    'Conversation in which an echo to an identity the caller has locked stands: the open one, the one an answer would come back to, or a new one that is over; null for a wamid that is known. 40001 when the person was erased meanwhile.';

create or replace function chat.target_of_item(p_site uuid, p_item jsonb)
returns uuid
language plpgsql
stable
as $$
declare
    target uuid;
begin
    if p_item ->> 'kind' = 'reaction' then
        return chat.message_of_status(p_site, p_item -> 'reaction' ->> 'wamid', null);
    elsif p_item ->> 'what' = 'echo' and p_item ->> 'revises' is not null then
        select m.id into target from public.mod_chat_messages m
        where m.site_id = p_site and m.whatsapp_message_id = p_item ->> 'revises' and m.sender_type <> 'visitor';
    elsif p_item ->> 'what' = 'echo' and p_item ->> 'callback' is not null then
        target := chat.message_of_status(p_site, p_item ->> 'wamid', p_item ->> 'callback');
    end if;
    return target;
end
$$;
comment on function chat.target_of_item(uuid, jsonb) is
    'Message of a site that an item changes instead of being one: by a reaction, by the business''s own edit or revoke, or because it is ours; null when there is none.';

create or replace function chat.apply_echo(p_message uuid, p_item jsonb)
returns void
language plpgsql
as $$
declare
    at constant timestamptz := coalesce((p_item ->> 'at')::timestamptz, clock_timestamp());
    message public.mod_chat_messages;
    conversation public.mod_chat_conversations;
begin
    if p_item ->> 'kind' = 'reaction' then
        perform chat.apply_reaction(p_message, p_item);
        return;
    end if;
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    if p_item ->> 'revises' is null then
        if message.whatsapp_message_id is null then
            perform chat.message_left(
                p_message, p_item ->> 'wamid', nullif(split_part(p_item ->> 'callback', ':', 2), '')::integer);
        end if;
        return;
    end if;
    -- What comes twice, or late, does not undo what is newer.
    if message.deleted_at is not null or message.edited_at >= at
        or p_item ->> 'kind' = 'edit' and (p_item ->> 'content' is null or message.content = p_item ->> 'content')
    then
        return;
    end if;
    select c.* into conversation from public.mod_chat_conversations c where c.id = message.conversation_id;
    perform chat.revise_message(
        conversation, message, p_item ->> 'content', p_item ->> 'kind' = 'revoke', 'phone_app', at);
end
$$;
comment on function chat.apply_echo(uuid, jsonb) is
    'What the business did in its phone to a message: a reaction, an edit, a revoke; or that it is our own, which left. The caller holds the conversation. Older events change nothing.';

create or replace function chat.take_from_echo(p_message uuid, p_wamid text)
returns void
language plpgsql
as $$
declare
    echo public.mod_chat_messages;
    numbers record;
begin
    select e.* into echo
    from public.mod_chat_messages own
    join public.mod_chat_messages e on e.site_id = own.site_id and e.whatsapp_message_id = p_wamid
    where own.id = p_message and e.id <> p_message and e.origin = 'echo';
    if not found then
        return;
    end if;
    perform from public.mod_chat_conversations c where c.id = echo.conversation_id for no key update;
    select * into numbers from chat.next_change(echo.conversation_id, true);
    update public.mod_chat_messages m
    set whatsapp_message_id = null, content = null, file_url = null, file_name = null, file_state = null,
        metadata = jsonb_build_object('source', 'phone_app', 'same_as', p_message),
        deleted_at = clock_timestamp(), change = numbers.change, change_before = numbers.change_before,
        updated_at = clock_timestamp()
    where m.id = echo.id;
    update public.mod_chat_messages m set whatsapp_status = echo.whatsapp_status
    where m.id = p_message and echo.whatsapp_status is not null;
    perform chat.set_delivery(p_message, echo.delivery_state, case when echo.metadata ? 'statuses'
        then jsonb_build_object('statuses', echo.metadata -> 'statuses') end);
end
$$;
comment on function chat.take_from_echo(uuid, text) is
    'A message of ours whose echo came before its answer takes wamid and statuses over; the echo''s row becomes a tombstone that names it. The caller holds the conversation.';
