-- What: chats go back to the queue by themselves: of an agent who does not answer, who is offline, or who has left.
-- Why: a visitor should not wait for somebody who is not coming. The reason is kept like a choice, so it can be explained.
-- Leaves out: who gets it then, which is the drain's; people who give a chat back (claim.sql).

create or replace function chat.take_back(
    p_conversation public.mod_chat_conversations, p_choice jsonb, p_facts json, p_waits_since timestamptz, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    kept bigint;
begin
    insert into chat.choices (site_id, conversation_id, at, department_id, facts, choice)
    values (p_conversation.site_id, p_conversation.id, p_now, p_conversation.department_id, p_facts,
        p_choice || jsonb_build_object('agent_id', null, 'from_agent_id', p_conversation.assigned_agent_id))
    returning id into kept;
    update public.mod_chat_conversations c
    set status = 'pending',
        -- Whoever waited for an answer has waited already.
        pending_since = p_waits_since,
        returned_by = case when p_choice ->> 'reason' = 'not_answered' then c.assigned_agent_id end,
        choice_id = kept
    where c.id = p_conversation.id;
end
$$;
comment on function chat.take_back(public.mod_chat_conversations, jsonb, json, timestamptz, timestamptz) is
    'Puts a conversation the caller has locked back into the queue, as one that waits since then (null: now), and keeps why. The caller has its site routed.';

create or replace function chat.return_chats(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c as chat, a.is_active
        from public.mod_chat_agents a
        join public.mod_chat_conversations c on c.assigned_agent_id = a.id and c.status = 'active' and c.archived_at is null
        left join chat.presence_rules r on r.site_id = a.site_id
        -- Whoever has left will not answer, whatever the site does with people who are offline.
        where a.current_chat_count > 0 and (not a.is_active or a.status = 'offline' and r.offline_chats = 'return')
        order by c.id
        limit p_batch
        for no key update of c skip locked
    loop
        perform chat.take_back(one.chat,
            jsonb_build_object('reason', case when one.is_active then 'went_offline' else 'left_team' end), null, null, p_now);
        sites := sites || (one.chat).site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.return_chats(integer, timestamptz) is
    'Active chats of offline agents go back to the queue where the site wants it, those of agents who have left everywhere. Returns their sites, one a chat.';

create or replace function chat.return_unanswered(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    again public.mod_chat_conversations;
    facts json;
    judgement jsonb;
    sites uuid[] := '{}';
begin
    for one in
        select c as chat, s.unanswered_seconds, s.unanswered_limit, w.since, n.times
        from chat.routing_settings s
        join public.mod_chat_agents a on a.site_id = s.site_id and a.current_chat_count > 0
        join public.mod_chat_conversations c on c.assigned_agent_id = a.id and c.archived_at is null
        left join lateral (
            select m.seq, m.created_at as at from public.mod_chat_messages m
            where m.conversation_id = c.id and m.sender_type in ('agent', 'ai') and m.public_seq is not null
            order by m.seq desc
            limit 1) answer on true
        -- By their numbers: last_message_by goes by Meta's clock, which counts whole seconds.
        cross join lateral (
            select greatest(c.agent_joined_at, m.created_at) as since from public.mod_chat_messages m
            where m.conversation_id = c.id and m.seq > coalesce(answer.seq, 0)
                and m.sender_type = 'visitor' and m.origin = 'live'
            order by m.seq
            limit 1) w
        cross join lateral (
            select count(*) as times from chat.choices k
            where k.conversation_id = c.id and k.agent_id is null and k.choice ->> 'reason' = 'not_answered'
                and (k.at <= answer.at) is not true) n
        where s.unanswered_seconds is not null
            and (s.department_id = c.department_id or s.department_id is null and not exists (
                select from chat.routing_settings o where o.site_id = s.site_id and o.department_id = c.department_id))
            and c.status = 'active'
            and c.agent_joined_at <= p_now - make_interval(secs => s.unanswered_seconds)
            and w.since <= p_now - make_interval(secs => s.unanswered_seconds)
            and n.times < s.unanswered_limit
            and exists (
                select from public.mod_chat_agents o
                where o.site_id = s.site_id and o.id <> a.id and o.is_active and o.status = 'online')
        -- In no order: what the rule leaves where it is must not stand before the rest each time.
        order by random()
        limit p_batch
        for no key update of c skip locked
    loop
        -- The facts of the choice that would follow.
        again := one.chat;
        again.pending_since := one.since;
        again.last_agent_id := again.assigned_agent_id;
        again.returned_by := again.assigned_agent_id;
        facts := (chat.routing_facts(again, p_now)::jsonb || jsonb_build_object(
            'unanswered_seconds', one.unanswered_seconds, 'unanswered_limit', one.unanswered_limit, 'times', one.times))::json;
        judgement := chat.judge_unanswered(facts);
        continue when not (judgement ->> 'takes_back')::boolean;
        insert into public.mod_chat_messages (conversation_id, sender_type, kind, content, metadata, sent_at)
        values ((one.chat).id, 'system', 'event', 'Back in the queue for a colleague', jsonb_build_object(
            'event', 'taken_back', 'reason', judgement -> 'reason', 'from_agent_id', (one.chat).assigned_agent_id), p_now);
        insert into chat.agent_deeds (site_id, agent_id, unanswered)
        values ((one.chat).site_id, (one.chat).assigned_agent_id, 1);
        perform chat.take_back(
            one.chat, judgement || jsonb_build_object('seconds', one.unanswered_seconds), facts, one.since, p_now);
        sites := sites || (one.chat).site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.return_unanswered(integer, timestamptz) is
    'Chats whose agent lets the visitor wait for longer than the site allows go back to the queue, for somebody else who is there. Returns their sites, one a chat.';
