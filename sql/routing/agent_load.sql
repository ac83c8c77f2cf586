-- What: what agents got in a period, how full they were, and whether it was fairly shared.
-- Why: from what was kept as it happened: choices, and each change of an agent's status, capacity and load.
-- Leaves out: how well they answered (figures of mod_chat_agents); chats given by a plain write of assigned_agent_id, which
--      leaves no choice: they are in the load and in no count of chats.

create or replace function public.chat_agent_load(site uuid, since timestamptz, until timestamptz)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    ends constant timestamptz := least(chat_agent_load.until, now());
begin
    perform chat.require(chat_agent_load.site, 'live-chat.analytics.view');
    if (chat_agent_load.since < ends
        and extract(epoch from ends) - extract(epoch from chat_agent_load.since) <= 92 * 86400) is not true
    then
        raise exception 'a report is of a period of up to 92 days that has begun'
            using errcode = 'PT422', detail = 'chat/report_period', hint = 'give since before until, at most 92 days apart';
    end if;
    return (
        with agent as materialized (
            select a.* from public.mod_chat_agents a where a.site_id = chat_agent_load.site
        ), state as (
            -- How each agent was when the period began, and each change in it.
            select a.id as agent_id, s.status, s.capacity, s.load, s.begins,
                extract(epoch from lead(s.begins, 1, ends) over (partition by a.id order by s.begins, s.id))
                    - extract(epoch from s.begins) as seconds
            from agent a
            cross join lateral (
                (select x.id, x.status, x.capacity, x.load, chat_agent_load.since as begins from chat.agent_states x
                where x.agent_id = a.id and x.at <= chat_agent_load.since
                order by x.at desc, x.id desc
                limit 1)
                union all
                select x.id, x.status, x.capacity, x.load, x.at from chat.agent_states x
                where x.agent_id = a.id and x.at > chat_agent_load.since and x.at < ends) s
        ), was as (
            select s.agent_id, min(s.begins) as known_since, max(s.load) as peak_load,
                coalesce(sum(s.seconds) filter (where s.status = 'online'), 0) as online,
                coalesce(sum(s.seconds) filter (where s.status <> 'offline'), 0) as there,
                coalesce(sum(s.seconds) filter (where s.load > s.capacity), 0) as beyond,
                coalesce(sum(s.seconds * s.load) filter (where s.status = 'online'), 0) as carried,
                coalesce(sum(s.seconds * s.capacity) filter (where s.status = 'online'), 0) as offered
            from state s
            group by s.agent_id
        ), got as (
            select k.agent_id, count(*) filter (where k.by_user is null) as by_routing,
                count(*) filter (where k.by_user is not null) as by_hand
            from agent a
            join chat.choices k on k.agent_id = a.id and k.at >= chat_agent_load.since and k.at < ends
            group by k.agent_id
        ), lost as (
            select a.id as agent_id, count(*) as unanswered
            from agent a
            join chat.choices k on k.site_id = a.site_id and k.agent_id is null
                and k.choice ->> 'reason' = 'not_answered' and k.choice ->> 'from_agent_id' = a.id::text
                and k.at >= chat_agent_load.since and k.at < ends
            group by a.id
        ), figure as (
            select a.id, a.display_name, a.department_id, a.is_active, w.known_since, w.peak_load,
                coalesce(w.online, 0) as online, coalesce(w.there, 0) as there, coalesce(w.beyond, 0) as beyond,
                coalesce(w.carried, 0) as carried, coalesce(w.offered, 0) as offered,
                coalesce(g.by_routing, 0) as by_routing, coalesce(g.by_hand, 0) as by_hand,
                coalesce(l.unanswered, 0) as unanswered
            from agent a
            left join was w on w.agent_id = a.id
            left join got g on g.agent_id = a.id
            left join lost l on l.agent_id = a.id
            where a.is_active or w.there > 0 or g.agent_id is not null
        ), total as (
            select sum(f.by_routing) as by_routing, sum(f.by_hand) as by_hand, sum(f.unanswered) as unanswered,
                sum(f.offered) as offered, min(f.known_since) as known_since,
                -- Jain's index over what each got for the room they offered.
                power(sum(f.by_routing / nullif(f.offered, 0)), 2)
                    / nullif(count(nullif(f.offered, 0)) * sum(power(f.by_routing / nullif(f.offered, 0), 2)), 0) as fairness
            from figure f
        )
        select jsonb_build_object(
            'since', chat_agent_load.since, 'until', ends, 'known_since', t.known_since,
            'by_routing', coalesce(t.by_routing, 0), 'by_hand', coalesce(t.by_hand, 0),
            'unanswered', coalesce(t.unanswered, 0), 'fairness', trim_scale(round(t.fairness, 4)),
            'agents', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'agent_id', f.id, 'agent_name', f.display_name, 'department_id', f.department_id,
                    'is_active', f.is_active, 'by_routing', f.by_routing, 'by_hand', f.by_hand,
                    'unanswered', f.unanswered, 'online_seconds', round(f.online), 'there_seconds', round(f.there),
                    'mean_load', trim_scale(round(f.carried / nullif(f.online, 0), 2)),
                    'mean_capacity', trim_scale(round(f.offered / nullif(f.online, 0), 2)),
                    'used', trim_scale(round(f.carried / nullif(f.offered, 0), 4)), 'peak_load', f.peak_load,
                    'over_capacity_seconds', round(f.beyond), 'share', trim_scale(round(f.by_routing / nullif(t.by_routing, 0), 4)),
                    'fair_share', trim_scale(round(f.offered / nullif(t.offered, 0), 4)), 'known_since', f.known_since)
                    order by f.display_name, f.id)
                from figure f), '[]'))
        from total t);
end
$$;
comment on function public.chat_agent_load(uuid, timestamptz, timestamptz) is
    'What each agent got in a period of up to 92 days (until null: to now) and how full they were: {since, until, known_since, by_routing, by_hand, unanswered, fairness, agents: [{agent_id, agent_name, department_id, is_active, by_routing, by_hand, unanswered, online_seconds, there_seconds, mean_load, mean_capacity, used, peak_load, over_capacity_seconds, share, fair_share, known_since}]}. Loads and capacities are means over the time online; share is of what routing gave, fair_share of the room all offered while online (capacity times time); fairness is 1 where each got alike for the room they offered, and falls towards 1/n. Needs live-chat.analytics.view. PT403 chat/not_allowed, PT422 chat/report_period.';
