-- What: a kept choice, and why nobody can take a conversation, as sentences.
-- Why: people ask "why Ada?" and "why nobody?"; each reason of the rule has one sentence, here.
-- Leaves out: the facts (explain_assignment.sql gives them beside).

create or replace function chat.choice_in_words(p_agent text, p_choice jsonb, p_by text)
returns text
language sql
immutable
as $$
    select case p_choice ->> 'reason'
        when 'preferred' then p_agent || ' had it before and has room'
        when 'only_one_free' then p_agent || ' was the only one online with room'
        when 'own_department' then p_agent || ' is of its department, others only stand in'
        when 'least_busy' then p_agent || ' was the least busy'
        when 'waited_longest' then p_agent || ' had waited longest for a chat among the least busy'
        when 'next_in_turn' then p_agent || ' was next in turn'
        when 'knows_visitor' then p_agent || ' talked to this person last'
        when 'best_skills' then p_agent || ' has the most of the skills it needs'
        when 'first_by_id' then p_agent || ' came first among equals'
        when 'claimed' then p_agent || ' took it'
        when 'assigned' then p_agent || ' has it because ' || coalesce(p_by, 'somebody in charge') || ' assigned it'
        when 'transferred' then p_agent || ' has it because ' || coalesce(p_by, 'somebody in charge') || ' handed it over'
    end || case
        when p_choice -> 'beyond' ?| array['full', 'department_full'] then ', beyond their room'
        else '' end
$$;
comment on function chat.choice_in_words(text, jsonb, text) is
    'Why an agent has a conversation, from the kept choice and the names of the agent and of the person who chose.';

create or replace function chat.taken_back_in_words(p_agent text, p_choice jsonb)
returns text
language sql
immutable
as $$
    select '. It came back because ' || case p_choice ->> 'reason'
        when 'not_answered' then p_agent || ' did not answer within ' || (p_choice ->> 'seconds') || ' seconds'
        when 'went_offline' then p_agent || ' went offline'
        when 'left_team' then p_agent || ' has left the team'
    end
$$;
comment on function chat.taken_back_in_words(text, jsonb) is
    'Why a conversation waits again that an agent had; null unless it came back by itself.';

create or replace function chat.waiting_in_words(p_since timestamptz, p_auto_assign boolean, p_reason text)
returns text
language sql
stable
as $$
    select 'Nobody has it: it waits since ' || p_since || case
        when not p_auto_assign then ' for somebody to claim it'
        else ' for an agent with room; ' || case p_reason
            when 'full' then 'whoever could take it is full'
            when 'department_full' then 'whoever could take it has as many of this department as they may'
            when 'hourly_limit' then 'whoever could take it got as many within the hour as they may'
            when 'lacks_skills' then 'nobody who is there has the skills it needs'
            when 'gave_it_back' then 'the only one who is there gave it back'
            when 'other_department' then 'nobody of its department is there'
            when 'not_online' then 'nobody is online'
            when 'no_candidates' then 'the site has no agents'
            else 'it is about to be handed out' end
    end
$$;
comment on function chat.waiting_in_words(timestamptz, boolean, text) is
    'Why a conversation waits: since when, whether its department assigns by itself, and what the rule says now.';

create or replace function chat.rule_in_words(p_rule jsonb, p_department text)
returns text
language sql
immutable
as $$
    select string_agg(w.sentence, '. ' order by w.place)
    from (
        select (o ->> 'place')::integer as place,
            format('Rule %s, %s, was passed over: its department is gone', o ->> 'place', o ->> 'name') as sentence
        from jsonb_array_elements(p_rule -> 'passed_over') o
        union all
        select 1000, format('Rule %s, %s, ', p_rule ->> 'place', p_rule ->> 'name') || concat_ws(', ',
            case when p_rule -> 'then' ? 'department' then 'sent it to ' || coalesce(p_department, 'a department that is gone') end,
            case when p_rule -> 'then' ? 'priority' then 'made it ' || (p_rule #>> '{then,priority}') end,
            case p_rule #>> '{then,assistant}' when 'true' then 'lets the assistant answer' when 'false' then 'keeps the assistant out' end,
            'asks for ' || (select string_agg(s, ' and ') from jsonb_array_elements_text(p_rule #> '{then,skills}') s),
            'tagged it ' || (select string_agg(s, ', ') from jsonb_array_elements_text(p_rule #> '{then,tags}') s))
        where p_rule ->> 'place' is not null) w
$$;
comment on function chat.rule_in_words(jsonb, text) is
    'What the site''s rules did with a conversation, from its applied_rule and the name of the department it was sent to; null where no rule held.';
