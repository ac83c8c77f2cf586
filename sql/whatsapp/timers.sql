-- What: WhatsApp's part of the tick: statuses that found their message meanwhile, and sends nobody told the end of.
-- Why: a status may be filed while its message's wamid is not committed yet; and an unknown send must come to an end.
-- Leaves out: when, which is the tick's.

create or replace function chat.adopt_orphans(p_batch integer)
returns uuid[]
language plpgsql
as $$
declare
    found_one record;
    sites uuid[] := '{}';
begin
    for found_one in
        select o.site_id, o.wamid, m.conversation_id
        from chat.orphan_statuses o
        -- A few are looked up among all messages: with a limit of its own it is never planned the other way round.
        cross join lateral (
            select x.conversation_id from public.mod_chat_messages x
            where x.site_id = o.site_id and x.whatsapp_message_id = o.wamid
            limit 1) m
        order by m.conversation_id
        limit p_batch
    loop
        perform from public.mod_chat_conversations c where c.id = found_one.conversation_id for no key update skip locked;
        if found then
            sites := sites || array_fill(found_one.site_id, array[chat.apply_orphans(found_one.site_id, found_one.wamid)]);
        end if;
    end loop;
    return sites;
end
$$;
comment on function chat.adopt_orphans(integer) is 'Applies kept statuses whose message has its wamid now. Returns the site of each.';

create or replace function chat.settle_unknown(p_batch integer)
returns uuid[]
language plpgsql
as $$
declare
    one record;
    verdict text;
    sites uuid[] := '{}';
begin
    for one in
        select m.id, m.conversation_id, m.site_id, m.updated_at, n.unknown_policy, c.phone_number_id, c.identity_id
        from public.mod_chat_messages m
        join public.mod_chat_conversations c on c.id = m.conversation_id
        left join chat.whatsapp_numbers n on n.site_id = m.site_id and n.phone_number_id = c.phone_number_id
        where m.delivery_state = 'unknown' and m.metadata -> 'error' is null
        order by m.conversation_id, m.seq
        limit p_batch
        for no key update of c skip locked
    loop
        verdict := chat.unknown_outcome(one.unknown_policy, one.updated_at, clock_timestamp(), 600);
        if verdict = 'ask' then
            perform chat.set_delivery(one.id, 'unknown', jsonb_build_object('error', jsonb_build_object(
                'code', null, 'title', 'Nobody knows whether this message arrived',
                'details', 'the connection broke while it was handed over, and no status has come since',
                'advice', 'Ask the person, or send it again with chat_resend_message.')));
            sites := sites || one.site_id;
        elsif verdict = 'resend' then
            perform chat.resend(one.id);
            sites := sites || one.site_id;
        end if;
    end loop;
    return sites;
end
$$;
comment on function chat.settle_unknown(integer) is
    'Sends unknown for ten minutes: left to the agent with an explanation, or sent again, as the number''s policy says. Returns the site of each.';

create or replace function chat.resend(p_message uuid)
returns void
language plpgsql
as $$
declare
    numbers record;
    message public.mod_chat_messages;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    select * into numbers from chat.next_change(message.conversation_id, true);
    -- A decision, not a report: the only step back that delivery ever takes.
    update public.mod_chat_messages m
    set delivery_state = 'queued', status = chat.shown_status('queued'), metadata = m.metadata - 'error',
        change = numbers.change, change_before = numbers.change_before, updated_at = clock_timestamp()
    where m.id = p_message;
    perform chat.enqueue(
        chat.send_lane(c.phone_number_id, c.identity_id), 'whatsapp.send_message', 'reply', message.site_id,
        jsonb_build_object('message_id', p_message), true)
    from public.mod_chat_conversations c
    where c.id = message.conversation_id;
end
$$;
comment on function chat.resend(uuid) is 'Sends a message again that was unknown or failed; the caller holds its conversation.';

create or replace function public.chat_resend_message(message uuid)
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
    m public.mod_chat_messages;
begin
    select x.* into m from public.mod_chat_messages x where x.id = chat_resend_message.message;
    if not found or not chat.may_in(m.conversation_id, 'live-chat.conversations.reply') then
        raise exception 'there is no message % that you may send', chat_resend_message.message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'ask with the id of a message of your site';
    end if;
    perform from public.mod_chat_conversations c where c.id = m.conversation_id for no key update;
    select x.* into m from public.mod_chat_messages x where x.id = m.id;
    -- What was written in the business's phone is that phone's to send.
    if m.delivery_state not in ('unknown', 'failed') or m.origin <> 'live' then
        raise exception 'the message is %', m.delivery_state
            using errcode = 'PT409', detail = 'chat/nothing_to_resend',
                hint = 'only unknown and failed messages that were written here are sent again';
    end if;
    perform chat.settle_send(m.id);
    perform chat.resend(m.id);
    return query select x.* from public.mod_chat_messages x where x.id = m.id;
end
$$;
comment on function public.chat_resend_message(uuid) is
    'Sends an unknown or failed message again, on a person''s word. PT404 chat/no_such_message, PT409 chat/nothing_to_resend.';
