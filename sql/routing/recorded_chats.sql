-- What: the chats of a period, and who came in it as chat_rules::routing::simulation replays them, sorted by other rules
--      where there are some.
-- Why: what happened and what is replayed are made from the same rows.
-- Leaves out: agents and settings (recording.sql). Chats that came back to the queue came once here.

create or replace function chat.millis(p_at timestamptz)
returns bigint
language sql
immutable
as $$ select floor(extract(epoch from p_at) * 1000)::bigint $$;
comment on function chat.millis(timestamptz) is 'A moment in milliseconds since 1970.';

create or replace function chat.recorded_chats(p_site uuid, p_since timestamptz, p_until timestamptz)
returns table (
    chat public.mod_chat_conversations, first_agent uuid, assigned_at timestamptz, held_by uuid,
    talk bigint, answer bigint, patience bigint)
language plpgsql
stable
as $$
begin
    return query
    select c, f.agent_id, f.at,
        case when c.created_at < p_since then h.agent_id end,
        case when f.at is not null then
            chat.millis(least(coalesce(c.archived_at, p_until), p_until)) - chat.millis(greatest(f.at, p_since)) end,
        case when f.at is not null and c.first_response_time_seconds is not null then
            greatest(c.first_response_time_seconds * 1000 - (chat.millis(f.at) - chat.millis(c.created_at)), 0) end,
        case when f.at is null and c.abandoned_at is not null then chat.millis(c.abandoned_at) - chat.millis(c.created_at) end
    from public.mod_chat_conversations c
    left join lateral (
        select k.agent_id, k.at from chat.choices k
        where k.conversation_id = c.id and k.agent_id is not null
        order by k.id limit 1) f on true
    left join lateral (
        select k.agent_id from chat.choices k
        where k.conversation_id = c.id and k.at < p_since
        order by k.id desc limit 1) h on true
    where c.site_id = p_site and not c.is_history
        and c.created_at < p_until and (c.archived_at is null or c.archived_at > p_since);
end
$$;
comment on function chat.recorded_chats(uuid, timestamptz, timestamptz) is
    'What came to a site in a period or was open when it began: who got it first and when, who had it at the beginning, how long they had it, how long their first answer took and how long whoever left waited; in milliseconds.';

create or replace function chat.recorded_arrivals(p_site uuid, p_since timestamptz, p_until timestamptz, p_rules jsonb)
returns jsonb
language plpgsql
stable
as $$
declare
    catch_all constant uuid := chat.default_department(p_site);
    usual_talk bigint;
    usual_answer bigint;
begin
    select percentile_disc(0.5) within group (order by r.talk), percentile_disc(0.5) within group (order by r.answer)
    into usual_talk, usual_answer
    from chat.recorded_chats(p_site, p_since, p_until) r;
    return coalesce((
        with came as materialized (
            select r.* from chat.recorded_chats(p_site, p_since, p_until) r
        ), queued as (
            select (r.chat).id, (r.chat).department_id::text, (r.chat).priority, to_jsonb((r.chat).skills) as skills
            from came r
            where r.held_by is not null or p_rules is null
            union all
            select (v.came).id, coalesce(v.verdict #>> '{then,department}', (v.came).department_id::text, catch_all::text),
                coalesce(v.verdict #>> '{then,priority}', (v.came).priority),
                coalesce(v.verdict #> '{then,skills}', to_jsonb((v.came).skills))
            from chat.ask_rules(p_site, p_rules, array(
                select (r.chat).id from came r where r.held_by is null and p_rules is not null)) v)
        select jsonb_agg(jsonb_build_object(
            'conversation_id', (r.chat).id,
            'at', chat.millis(case when r.held_by is null then (r.chat).created_at else p_since end),
            'department_id', q.department_id,
            'priority', q.priority,
            'skills', coalesce(q.skills, '[]'),
            'known_agent_id', k.agent_id,
            'talk', coalesce(r.talk, usual_talk, 0),
            'answer', coalesce(r.answer, usual_answer, 0),
            'patience', r.patience,
            'held_by', r.held_by))
        from came r
        join queued q on q.id = (r.chat).id
        left join lateral (
            select coalesce(x.assigned_agent_id, x.last_agent_id) as agent_id
            from public.mod_chat_conversations x
            where x.visitor_id = (r.chat).visitor_id and x.created_at < (r.chat).created_at
                and coalesce(x.assigned_agent_id, x.last_agent_id) is not null
            order by x.created_at desc limit 1) k on true), '[]');
end
$$;
comment on function chat.recorded_arrivals(uuid, timestamptz, timestamptz, jsonb) is
    'Who came to a site in a period, or was there when it began, as chat.simulate takes it; where they waited, or where rules would have had them wait (null: as it was).';
