-- What: what rules would have done with the conversations of the last days.
-- Why: whoever changes rules sees whom they meet before anybody waits in the wrong place. Nothing is written.
-- Leaves out: who would have got them then; that is a simulation of agents, too.

create or replace function chat.trial_of_rules(p_site uuid, p_rules jsonb, p_since timestamptz, p_most integer)
returns table (conversation_id uuid, session_number text, created_at timestamptz, place integer, differs boolean)
language plpgsql
as $$
declare
    newest public.mod_chat_conversations[];
begin
    -- Numbers follow the order in which conversations came, and have an index a site.
    newest := array(
        select x from (
            select c from public.mod_chat_conversations c
            where c.site_id = p_site and c.session_number is not null and not c.is_history
            order by c.session_number desc
            limit p_most) n (x)
        where (n.x).created_at >= p_since);
    return query
    select n.id, n.session_number, n.created_at, (v.verdict ->> 'place')::integer,
        case when v.verdict ->> 'place' is null then n.applied_rule ->> 'place' is not null
            else v.verdict -> 'then' ? 'department' and (v.verdict #>> '{then,department}') is distinct from n.department_id::text
                or coalesce(v.verdict #>> '{then,priority}' <> n.priority, false)
                or not coalesce(to_jsonb(n.skills), '[]') @> coalesce(v.verdict #> '{then,skills}', '[]')
                or not to_jsonb(n.tags) @> coalesce(v.verdict #> '{then,tags}', '[]')
        end
    from unnest(newest) n
    join chat.ask_rules(p_site, p_rules, array(select x.id from unnest(newest) x)) v on (v.came).id = n.id;
end
$$;
comment on function chat.trial_of_rules(uuid, jsonb, timestamptz, integer) is
    'Of the newest conversations of a site that came since then, which of these rules each meets (null: none), and whether it stands otherwise now than that rule would have made it. Looks at p_most at most.';

create or replace function public.chat_try_routing_rules(site uuid, rules jsonb default null, days integer default 7)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    most constant integer := 2000;
    since timestamptz;
    tried jsonb;
    trial jsonb;
begin
    perform chat.require(chat_try_routing_rules.site, 'live-chat.agents.manage');
    if chat_try_routing_rules.days not between 1 and 90 then
        raise exception 'rules are tried on 1 to 90 days, not %', chat_try_routing_rules.days
            using errcode = 'PT422', detail = 'chat/trial_days', hint = 'use 7, the default, or up to 90';
    end if;
    since := clock_timestamp() - make_interval(days => coalesce(chat_try_routing_rules.days, 7));
    tried := coalesce(chat_try_routing_rules.rules, (chat.rules_of(chat_try_routing_rules.site)).rules);
    perform chat.require_rules(chat_try_routing_rules.site, tried);
    select jsonb_agg(to_jsonb(t) order by t.created_at desc) into trial
    from chat.trial_of_rules(chat_try_routing_rules.site, tried, since, most) t;
    return jsonb_build_object(
        'since', since,
        'looked_at', coalesce(jsonb_array_length(trial), 0),
        'cut', coalesce(jsonb_array_length(trial), 0) = most,
        'rules', coalesce((
            select jsonb_agg(jsonb_build_object('place', r.place, 'name', r.rule ->> 'name') || chat.count_of_trial(trial, r.place::integer)
                order by r.place)
            from jsonb_array_elements(tried) with ordinality r (rule, place)), '[]'),
        'no_rule', chat.count_of_trial(trial, null),
        'assumes', jsonb_build_array(
            'visitors, their data and tags are as they are now',
            'departments and business hours are as they are now',
            'of what came before there were rules, only the default department was chosen by nobody'));
end
$$;
comment on function public.chat_try_routing_rules(uuid, jsonb, integer) is
    'What rules (null: the saved ones) would have done with what came in the last days, 1 to 90: {since, looked_at, cut, rules: [{place, name, matched, differs, examples}], no_rule: {matched, differs, examples}, assumes}. At most the 2,000 newest conversations are looked at; cut: there were perhaps more. differs: so many stand otherwise now. examples: three that the caller may see, [{conversation_id, session_number, differs}]. Writes nothing. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT422 chat/routing_rules, chat/trial_days.';

create or replace function chat.count_of_trial(p_trial jsonb, p_place integer)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        select jsonb_build_object(
            'matched', count(*),
            'differs', count(*) filter (where t.differs),
            'examples', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'conversation_id', e.conversation_id, 'session_number', e.session_number, 'differs', e.differs))
                from (
                    -- What differs is asked about first.
                    select x.* from jsonb_to_recordset(p_trial) x (conversation_id uuid, session_number text, place integer, differs boolean)
                    where x.place is not distinct from p_place and chat.may_in(x.conversation_id, 'live-chat.conversations.view')
                    order by x.differs desc, x.session_number desc
                    limit 3) e), '[]'))
        from jsonb_to_recordset(p_trial) t (place integer, differs boolean)
        where t.place is not distinct from p_place);
end
$$;
comment on function chat.count_of_trial(jsonb, integer) is
    'Of a trial of rules, those that met one rule (null: none): {matched, differs, examples}.';
