-- What: when what people write is marked as read: a number's policy, and the mark of one whose policy is that agents read.
-- Why: by default what arrives is marked at once (store_messages.sql), as LC-05 does; some want their ticks to mean that
--      somebody has looked.
-- Leaves out: when an agent counts as having read (conversations/read.sql).

create or replace function chat.mark_read_by_agent(p_conversation public.mod_chat_conversations, p_after bigint, p_up_to bigint)
returns void
language plpgsql
as $$
begin
    perform chat.enqueue_read_mark(
        p_conversation.site_id, n.phone_number_id, n.account_id, acc.graph_version, p_conversation.identity_id, m.wamid)
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    cross join lateral (
        select x.whatsapp_message_id as wamid from public.mod_chat_messages x
        where x.conversation_id = p_conversation.id and x.seq > p_after and x.seq <= p_up_to
            and x.sender_type = 'visitor' and x.whatsapp_message_id is not null
        order by x.seq desc limit 1) m
    where n.site_id = p_conversation.site_id and n.phone_number_id = p_conversation.phone_number_id
        and n.confirmed_at is not null;
    if found then
        notify chat_jobs;
    end if;
end
$$;
comment on function chat.mark_read_by_agent(public.mod_chat_conversations, bigint, bigint) is
    'Has Meta told that what a person wrote after a seq and up to another was seen; the newest stands for all.';

create or replace function public.chat_set_read_policy(number uuid, read_policy text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    n chat.whatsapp_numbers := chat.my_number(chat_set_read_policy.number);
begin
    if (chat_set_read_policy.read_policy in ('arrival', 'agent_reads', 'never')) is not true then
        raise exception 'read_policy is arrival, agent_reads or never'
            using errcode = 'PT422', detail = 'chat/bad_read_policy',
                hint = 'arrival marks what comes at once, agent_reads when an agent has read or answered it';
    end if;
    update chat.whatsapp_numbers x
    set read_policy = chat_set_read_policy.read_policy, updated_at = clock_timestamp()
    where x.id = n.id
    returning x.* into n;
    return jsonb_build_object('number', n.id, 'read_policy', n.read_policy);
end
$$;
comment on function public.chat_set_read_policy(uuid, text) is
    'When people see that a number read what they wrote: arrival (at once), agent_reads (when an agent has read or answered it) or never. It holds for what comes from now on. Answers {number, read_policy}. Needs live-chat.whatsapp.manage. PT404 chat/no_such_number, PT422 chat/bad_read_policy.';
