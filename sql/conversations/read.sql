-- What: somebody has read so far.
-- Why: a cursor only moves forward. An agent's reading counts for the team while the chat is theirs or nobody's: it clears
--      unread_agent_count and shows the widget's visitor that they were read. The visitor's clears theirs.
-- Leaves out: the ticks of what went to WhatsApp, which Meta reports; how a person there sees that they were read
--             (whatsapp/read_marks.sql).

create or replace function chat.move_cursor(
    p_conversation public.mod_chat_conversations, p_agent uuid, p_seq bigint, p_clears boolean, p_now timestamptz)
returns chat.cursors
language plpgsql
as $$
declare
    unseen bigint;
    moved chat.cursors;
begin
    select count(*) into unseen
    from public.mod_chat_messages m
    cross join lateral chat.message_effect(m.sender_type, m.kind, m.origin, false) e
    where m.conversation_id = p_conversation.id and m.seq > p_seq
        and case when p_agent is null then e.outbound_public else e.inbound end;

    insert into chat.cursors as k (site_id, conversation_id, agent_id, read_seq, read_count, cleared_seq, read_at)
    values (p_conversation.site_id, p_conversation.id, p_agent, p_seq,
        case when p_agent is null then p_conversation.outbound_public_count else p_conversation.inbound_count end - unseen,
        case when p_clears then p_seq else 0 end, p_now)
    on conflict (conversation_id, agent_id) do update
    set read_seq = greatest(k.read_seq, excluded.read_seq),
        read_count = greatest(k.read_count, excluded.read_count),
        -- What was read before the chat became theirs counts from now on.
        cleared_seq = case when p_clears then greatest(k.read_seq, excluded.read_seq) else k.cleared_seq end,
        read_at = excluded.read_at
    returning * into moved;
    return moved;
end
$$;
comment on function chat.move_cursor(public.mod_chat_conversations, uuid, bigint, boolean, timestamptz) is
    'Moves the cursor of an agent, or with null of the visitor, up to a seq, never back. The caller holds the conversation.';

create or replace function chat.mark_messages(
    p_conversation public.mod_chat_conversations, p_inbound boolean, p_after bigint, p_seq bigint, p_word text, p_now timestamptz)
returns integer
language plpgsql
as $$
declare
    marked integer;
begin
    update public.mod_chat_messages m
    set delivery_state = n.state,
        status = case when p_inbound then p_word else chat.shown_status(n.state) end,
        read_at = case when p_word = 'read' then p_now end,
        change = p_conversation.last_change + n.place,
        change_before = case n.place
            when 1 then p_conversation.last_public_change else p_conversation.last_change + n.place - 1 end,
        updated_at = p_now
    from (
        select x.id, row_number() over (order by x.seq) as place,
            -- What comes in is received and stays so; LC-01's status alone says that it was read.
            case when p_inbound then x.delivery_state else chat.delivery_next(x.delivery_state, p_word) end as state
        from public.mod_chat_messages x
        where x.conversation_id = p_conversation.id and x.seq > p_after and x.seq <= p_seq
            and x.public_seq is not null and x.origin = 'live'
            and case when p_inbound then x.sender_type = 'visitor' and x.status <> p_word
                else x.sender_type in ('agent', 'ai') and chat.delivery_next(x.delivery_state, p_word) <> x.delivery_state end
    ) n
    where m.id = n.id;
    get diagnostics marked = row_count;
    return marked;
end
$$;
comment on function chat.mark_messages(public.mod_chat_conversations, boolean, bigint, bigint, text, timestamptz) is
    'Shows messages of one side after a seq and up to another as delivered or read; each takes the next change. The caller holds the conversation, and adds the returned number to last_change.';

create or replace function chat.read_as_agent(
    p_conversation public.mod_chat_conversations, p_agent uuid, p_seq bigint, p_clears boolean, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    up_to constant bigint := least(coalesce(p_seq, p_conversation.last_seq), p_conversation.last_seq);
    cleared bigint;
    policy text;
    moved chat.cursors;
    marked integer := 0;
    unread integer;
begin
    select coalesce(max(k.cleared_seq), 0), (
            select n.read_policy from chat.whatsapp_numbers n
            where n.site_id = p_conversation.site_id and n.phone_number_id = p_conversation.phone_number_id)
    into cleared, policy
    from chat.cursors k where k.conversation_id = p_conversation.id;
    moved := chat.move_cursor(p_conversation, p_agent, up_to, p_clears, p_now);
    unread := p_conversation.inbound_count - moved.read_count;
    if p_clears then
        if p_conversation.channel <> 'whatsapp' then
            marked := chat.mark_messages(p_conversation, true, cleared, moved.read_seq, 'read', p_now);
        end if;
        update public.mod_chat_conversations c
        set unread_agent_count = least(c.unread_agent_count, unread),
            last_change = c.last_change + marked,
            last_public_change = case when marked > 0 then c.last_change + marked else c.last_public_change end
        where c.id = p_conversation.id and (marked > 0 or c.unread_agent_count > unread);
        if policy = 'agent_reads' then
            perform chat.mark_read_by_agent(p_conversation, cleared, moved.read_seq);
        end if;
    end if;
    return jsonb_build_object('conversation_id', p_conversation.id, 'read_seq', moved.read_seq, 'unread', unread);
end
$$;
comment on function chat.read_as_agent(public.mod_chat_conversations, uuid, bigint, boolean, timestamptz) is
    'An agent has read up to a seq (null: all), for themselves or for the team.';

create or replace function chat.read_by_answering()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    conversation public.mod_chat_conversations;
begin
    if new.sender_id is null or new.origin <> 'live' or new.kind = 'note' then
        return null;
    end if;
    select c.* into conversation from public.mod_chat_conversations c where c.id = new.conversation_id;
    perform chat.read_as_agent(
        conversation, new.sender_id::uuid, new.seq, new.sender_id = conversation.assigned_agent_id::text, clock_timestamp());
    return null;
end
$$;
comment on function chat.read_by_answering() is
    'At commit of an agent''s own message: whoever answers has read what stands before. At commit, so that the message is told before what follows from it.';

create or replace function chat.read_as_visitor(
    p_conversation public.mod_chat_conversations, p_public_seq bigint, p_only_delivered boolean, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    read_before bigint;
    up_to bigint;
    moved chat.cursors;
    marked integer := 0;
    unread integer;
begin
    -- Visitors count what they see.
    select coalesce(max(m.seq), 0) into up_to from public.mod_chat_messages m
    where m.conversation_id = p_conversation.id
        and m.public_seq <= least(coalesce(p_public_seq, p_conversation.last_public_seq), p_conversation.last_public_seq);
    select coalesce(max(k.read_seq), 0) into read_before from chat.cursors k
    where k.conversation_id = p_conversation.id and k.agent_id is null;
    if p_conversation.channel <> 'whatsapp' then
        marked := chat.mark_messages(
            p_conversation, false, read_before, up_to, case when p_only_delivered then 'delivered' else 'read' end, p_now);
    end if;
    unread := p_conversation.unread_visitor_count;
    if not p_only_delivered then
        moved := chat.move_cursor(p_conversation, null, up_to, false, p_now);
        unread := p_conversation.outbound_public_count - moved.read_count;
    end if;
    update public.mod_chat_conversations c
    set unread_visitor_count = unread,
        last_change = c.last_change + marked,
        last_public_change = case when marked > 0 then c.last_change + marked else c.last_public_change end
    where c.id = p_conversation.id and (marked > 0 or c.unread_visitor_count <> unread);
    return jsonb_build_object('conversation_id', p_conversation.id, 'unread', unread);
end
$$;
comment on function chat.read_as_visitor(public.mod_chat_conversations, bigint, boolean, timestamptz) is
    'The visitor has, or has been shown, what stands up to a public_seq; null: all.';

create or replace function public.chat_read(conversation uuid, up_to bigint default null, only_delivered boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    actor record;
    chat_row public.mod_chat_conversations;
begin
    select a.* into actor from chat.actor_of(chat_read.conversation, 'live-chat.conversations.view') a;
    -- Erased meanwhile, it is there no more.
    if actor.agent_id is not null or actor.visitor_id is not null then
        select c.* into chat_row from public.mod_chat_conversations c where c.id = chat_read.conversation for no key update;
    end if;
    if chat_row.id is null then
        raise exception 'there is no conversation % that you may see', chat_read.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation you can see';
    end if;
    if actor.visitor_id is not null then
        return chat.read_as_visitor(
            chat_row, chat_read.up_to, coalesce(chat_read.only_delivered, false), clock_timestamp());
    end if;
    return chat.read_as_agent(chat_row, actor.agent_id, chat_read.up_to,
        coalesce(chat_row.assigned_agent_id, actor.agent_id) = actor.agent_id, clock_timestamp());
end
$$;
comment on function public.chat_read(uuid, bigint, boolean) is
    'The caller has read a conversation up to a message (null: all): agents name a seq, visitors a public_seq. With only_delivered a visitor''s program says that it has shown nothing yet. Answers {conversation_id, unread}, and read_seq to agents. PT401 as chat.my_session, PT404 chat/no_such_conversation, PT403 chat/not_allowed, chat/not_an_agent.';
