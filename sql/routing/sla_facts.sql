-- What: what the clocks of a conversation are read from, gathered in one statement and so as of one moment.
-- Why: chat_rules::routing::sla decides from nothing else, for the tick that keeps the clocks and for people who ask.
-- Leaves out: writing (look_at_sla.sql).

create or replace function chat.sla_start(p_conversation public.mod_chat_conversations, out read_seq bigint, out answered boolean)
language plpgsql
stable
as $$
begin
    -- What was before the site promised anything is not judged: of an older conversation only what is unanswered counts.
    read_seq := 0;
    if p_conversation.created_at < (
        select min(p.created_at) from chat.sla_policies p where p.site_id = p_conversation.site_id)
    then
        select m.seq into read_seq
        from public.mod_chat_messages m
        where m.conversation_id = p_conversation.id and m.public_seq is not null and m.sender_type in ('agent', 'ai')
            and m.origin <> 'history'
        order by m.seq desc
        limit 1;
    end if;
    read_seq := coalesce(read_seq, 0);
    answered := read_seq > 0;
end
$$;
comment on function chat.sla_start(public.mod_chat_conversations) is
    'From where the clocks of a conversation are read that have not been looked at before.';

create or replace function chat.sla_facts(p_conversation uuid)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        select jsonb_build_object(
            'site_id', c.site_id,
            'assigned_agent_id', c.assigned_agent_id,
            'read_seq', c.last_seq,
            'department_id', c.department_id,
            'priority', c.priority,
            'tags', c.tags,
            -- Nobody was promised anything about what was imported, until it was opened first.
            'opened_at', coalesce((
                select min(p.ended_at) from chat.sla_pauses p
                where c.is_history and p.conversation_id = c.id and p.is_end), c.created_at),
            'ended_at', c.archived_at,
            'answered', start.answered,
            'asked', k.asked,
            'hours', known.hours,
            'zone', known.zone,
            'policies', coalesce(offered.policies, '[]'),
            'since', offered.since,
            'pauses', coalesce((
                select jsonb_agg(jsonb_build_object('began_at', p.began_at, 'ended_at', p.ended_at) order by p.began_at, p.id)
                from chat.sla_pauses p where p.conversation_id = c.id), '[]'),
            'steps', coalesce((
                select jsonb_agg(jsonb_build_object('seq', s.seq, 'at', s.at, 'what', s.what) order by s.seq, s.what = 'end', s.at)
                from (
                    select m.seq, m.sent_at as at,
                        case m.sender_type when 'visitor' then 'question' else 'answer' end as what
                    from public.mod_chat_messages m
                    where m.conversation_id = c.id and m.seq > start.read_seq and m.public_seq is not null
                        and (m.sender_type = 'visitor' and m.origin = 'live'
                            or m.sender_type in ('agent', 'ai') and m.origin <> 'history')
                    union all
                    select p.seq, p.began_at, 'end' from chat.sla_pauses p
                    where p.conversation_id = c.id and p.is_end
                        and p.seq >= coalesce((k.asked ->> 'seq')::bigint, start.read_seq + 1)) s), '[]'))
        from public.mod_chat_conversations c
        left join chat.sla_cases k on k.conversation_id = c.id
        cross join lateral (
            select jsonb_agg(to_jsonb(p) - 'site_id' order by p.id) as policies, min(p.created_at) as since
            from chat.sla_policies p where p.site_id = c.site_id) offered
        cross join lateral (
            select k.read_seq, k.answered where k.conversation_id is not null
            union all
            select f.read_seq, f.answered from chat.sla_start(c) f where k.conversation_id is null) start
        cross join lateral chat.hours_of(c.site_id, c.department_id) known
        where c.id = p_conversation
            -- What was over before the site promised anything stays as it is.
            and (k.conversation_id is not null
                or offered.policies is not null
                    and (c.archived_at is null or c.created_at >= offered.since and not c.is_history)));
end
$$;
comment on function chat.sla_facts(uuid) is
    'What a conversation''s clocks are read from, as chat_rules::routing::sla takes it; null where nothing was ever promised to it. read_seq: up to where its messages have then been looked at.';
