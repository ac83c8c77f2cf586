-- What: the conversation a new message of a person belongs to: the open one, one reopened, or a new one.
-- Why: one open conversation a person and number; whether an old one comes back is a rule (chat_rules next_home).
-- Leaves out: the lock of an open one, which receive.sql took in the order of ids.

create or replace function chat.visitor_of_new(p_site uuid, p_identity uuid, p_wamid text)
returns uuid
language plpgsql
as $$
declare
    visitor uuid;
begin
    -- Asked under the identity's lock: a repetition must not reopen or open a conversation.
    if exists (
        select from public.mod_chat_messages m where m.site_id = p_site and m.whatsapp_message_id = p_wamid)
    then
        return null;
    end if;
    select i.visitor_id into visitor from chat.identities i where i.id = p_identity;
    if not found then
        raise exception 'this person was erased while a message waited'
            using errcode = 'serialization_failure', hint = 'take the message again; it begins afresh';
    end if;
    return visitor;
end
$$;
comment on function chat.visitor_of_new(uuid, uuid, text) is
    'Whose message this is, of an identity the caller has locked; null for a wamid that is known. 40001 when the person was erased meanwhile.';

create or replace function chat.home_conversation(
    p_site uuid, p_identity uuid, p_phone_number_id text, p_channel text, p_wamid text, p_about jsonb default null)
returns uuid
language plpgsql
as $$
declare
    home uuid;
    old record;
    visitor uuid;
begin
    select c.id into home
    from public.mod_chat_conversations c
    where c.identity_id = p_identity and c.phone_number_id is not distinct from p_phone_number_id
        and c.archived_at is null;
    if found then
        return home;
    end if;
    visitor := chat.visitor_of_new(p_site, p_identity, p_wamid);
    if visitor is null then
        return null;
    elsif chat.is_blocked(p_site, visitor, null) then
        insert into chat.dead_letters (phone_number_id, reason, item)
        values (p_phone_number_id, 'sender_blocked', jsonb_build_object('wamid', p_wamid, 'identity_id', p_identity));
        return null;
    end if;

    select c.id, c.status, c.archived_at, c.assigned_agent_id into old
    from public.mod_chat_conversations c
    where c.identity_id = p_identity and c.phone_number_id is not distinct from p_phone_number_id
        and c.archived_at is not null and not c.is_history
    order by c.archived_at desc
    limit 1
    for no key update;
    if found and chat.next_home(old.status, old.archived_at,
        coalesce((select s.reopen_hours from public.mod_chat_widget_settings s where s.site_id = p_site), 24),
        clock_timestamp()) = 'reopen'
    then
        begin
            update public.mod_chat_conversations set status = 'pending' where id = old.id;
            return old.id;
        exception when unique_violation or sqlstate 'PT409' then
            -- An agent opened another one at this moment.
            return chat.home_conversation(p_site, p_identity, p_phone_number_id, p_channel, p_wamid, p_about);
        end;
    end if;

    insert into public.mod_chat_conversations (
        site_id, visitor_id, identity_id, channel, phone_number_id, department_id, page_url, page_title, user_agent,
        ip_address, metadata)
    values (p_site, visitor, p_identity, p_channel, p_phone_number_id, (p_about ->> 'department_id')::uuid,
        p_about ->> 'page_url', p_about ->> 'page_title', p_about ->> 'user_agent', (p_about ->> 'ip_address')::inet,
        case jsonb_typeof(p_about -> 'metadata') when 'object' then p_about -> 'metadata' else '{}' end)
    on conflict (identity_id, phone_number_id) where identity_id is not null and archived_at is null do nothing
    returning id into home;
    if not found then
        return chat.home_conversation(p_site, p_identity, p_phone_number_id, p_channel, p_wamid, p_about);
    end if;
    return home;
end
$$;
comment on function chat.home_conversation(uuid, uuid, text, text, text, jsonb) is
    'Open, reopened or new conversation of an identity the caller has locked; null for a wamid that is known and for somebody who is blocked (the refused wamid is a dead letter). `p_about` says of a new one {department_id, page_url, page_title, user_agent, ip_address, metadata}. 40001 when the person was erased meanwhile.';
