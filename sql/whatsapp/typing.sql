-- What: a person sees that somebody types an answer.
-- Why: Meta shows it for 25 seconds or until the answer, and takes it together with a read mark. It is worth nothing late:
--      the job names its end, waits behind nothing and is not tried again.
-- Leaves out: typing in the widget, which clients tell each other (live).

create or replace function public.chat_typing(conversation uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    target record;
    lane chat.lanes;
begin
    perform chat.author_of(chat_typing.conversation);
    select c.site_id, c.phone_number_id, c.identity_id, n.account_id, n.read_policy, acc.graph_version,
        'typing:' || c.phone_number_id || ':' || c.identity_id as lane,
        (select m.whatsapp_message_id from public.mod_chat_messages m
            where m.conversation_id = c.id and m.sender_type = 'visitor' and m.whatsapp_message_id is not null
            order by m.seq desc limit 1) as wamid
    into target
    from public.mod_chat_conversations c
    join chat.whatsapp_numbers n on n.site_id = c.site_id and n.phone_number_id = c.phone_number_id
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    where c.id = chat_typing.conversation and c.channel = 'whatsapp' and c.archived_at is null and n.confirmed_at is not null;
    if not found or target.wamid is null then
        return jsonb_build_object('shown', false, 'why', 'nothing of theirs can be answered over WhatsApp');
    end if;
    if target.read_policy = 'never' then
        return jsonb_build_object('shown', false, 'why', 'typing marks as read, which this number never does');
    end if;
    select l.* into lane from chat.lanes l where l.key = target.lane;
    -- What was shown a moment ago is shown still.
    if not found or not lane.ready and lane.idle_since < at - interval '20 seconds' then
        perform chat.enqueue(target.lane, 'whatsapp.typing', 'reply', target.site_id,
            jsonb_build_object('phone_number_id', target.phone_number_id, 'account_id', target.account_id,
                'site_id', target.site_id, 'graph_version', target.graph_version, 'wamid', target.wamid,
                'until', floor(extract(epoch from at))::bigint + 10),
            true, true);
    end if;
    return jsonb_build_object('shown', true, 'why', null);
end
$$;
comment on function public.chat_typing(uuid) is
    'Shows the person of a WhatsApp conversation for up to 25 seconds that somebody types; call it while they do, every 20 seconds or less. It marks what they wrote as read. Answers {shown, why}. Needs live-chat.conversations.reply. PT403 chat/not_an_agent, PT404 chat/no_such_conversation.';
