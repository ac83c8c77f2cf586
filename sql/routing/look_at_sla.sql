-- What: one conversation's clocks are read anew and kept, and what they say for the first time is told.
-- Why: a warning and a broken promise are told once a clock: whether it was told stands beside the clock, in the same
--      transaction as the event row.
-- Leaves out: when a conversation is looked at (follow_sla.sql), what its clocks show (the rule).

create or replace function chat.tell_sla(p_facts jsonb, p_conversation uuid, p_clock jsonb, p_what text)
returns void
language plpgsql
as $$
begin
    insert into chat.events (site_id, name, conversation_id, agent_id)
    values ((p_facts ->> 'site_id')::uuid, format('chat.sla.%s_%s', p_clock ->> 'target', p_what), p_conversation,
        (p_facts ->> 'assigned_agent_id')::uuid);
    perform chat.broadcast(
        array['chat:site:' || (p_facts ->> 'site_id')],
        jsonb_build_object('v', 1, 'type', 'sla_' || p_what, 'conversation_id', p_conversation,
            'target', p_clock -> 'target', 'due_at', p_clock -> 'due_at'),
        array[null::bigint]);
end
$$;
comment on function chat.tell_sla(jsonb, uuid, jsonb, text) is
    'Tells of a clock: what is `warning` or `breached`. An event row and a broadcast to the site.';

create or replace function chat.keep_sla_clock(p_facts jsonb, p_conversation uuid, p_clock jsonb)
returns void
language plpgsql
as $$
declare
    clock record;
    before chat.sla_clocks;
    warns boolean;
    breaks boolean;
begin
    select * into clock from jsonb_to_record(p_clock) x (
        target text, seq bigint, state text, started_at timestamptz, ended_at timestamptz, paused_at timestamptz,
        warn_at timestamptz, due_at timestamptz, warned boolean, breached boolean);
    select * into before from chat.sla_clocks x where x.conversation_id = p_conversation and x.target = clock.target;
    -- What has ended is judged once, by the policy of its time.
    if before.seq = clock.seq and before.ended_at = clock.ended_at then
        return;
    end if;
    if before.seq <> clock.seq then
        before.warned_at := null;
        before.breached_at := null;
    end if;
    breaks := clock.breached and before.breached_at is null;
    -- After the fact nobody has to be warned.
    warns := clock.warned and clock.state = 'running' and not clock.breached
        and before.warned_at is null and before.breached_at is null;
    insert into chat.sla_clocks as x (
        conversation_id, target, seq, state, started_at, ended_at, paused_at, warn_at, due_at, warned_at, breached_at,
        warnings, breaches)
    values (
        p_conversation, clock.target, clock.seq, clock.state, clock.started_at, clock.ended_at, clock.paused_at,
        clock.warn_at, clock.due_at,
        case when warns then clock.warn_at else before.warned_at end,
        case when breaks then clock.due_at else before.breached_at end,
        warns::integer, breaks::integer)
    on conflict (conversation_id, target) do update
    set seq = excluded.seq, state = excluded.state, started_at = excluded.started_at, ended_at = excluded.ended_at,
        paused_at = excluded.paused_at, warn_at = excluded.warn_at, due_at = excluded.due_at,
        warned_at = excluded.warned_at, breached_at = excluded.breached_at,
        warnings = x.warnings + excluded.warnings, breaches = x.breaches + excluded.breaches;
    if breaks then
        perform chat.tell_sla(p_facts, p_conversation, p_clock, 'breached');
    elsif warns then
        perform chat.tell_sla(p_facts, p_conversation, p_clock, 'warning');
    end if;
end
$$;
comment on function chat.keep_sla_clock(jsonb, uuid, jsonb) is
    'Keeps what a clock shows, and tells a warning or a broken promise that was not told of this clock.';

create or replace function chat.look_at_sla(p_conversation uuid, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    facts constant jsonb := chat.sla_facts(p_conversation);
    sla constant jsonb := chat.sla_clocks(facts, p_now);
    before chat.sla_cases;
    soonest record;
begin
    if facts is null then
        return;
    end if;
    select * into before from chat.sla_cases k where k.conversation_id = p_conversation;
    insert into chat.sla_cases as k (conversation_id, site_id, read_seq, answered, asked, policy_id)
    values (p_conversation, (facts ->> 'site_id')::uuid, (facts ->> 'read_seq')::bigint, (sla ->> 'answered')::boolean,
        nullif(sla -> 'asked', 'null'), (sla ->> 'policy_id')::uuid)
    on conflict (conversation_id) do update
    set read_seq = excluded.read_seq, answered = excluded.answered, asked = excluded.asked, policy_id = excluded.policy_id;

    perform chat.keep_sla_clock(facts, p_conversation, x.clock)
    from (select c.clock from jsonb_array_elements(sla -> 'clocks') with ordinality c (clock, place) order by c.place) x;
    update chat.sla_clocks x
    set state = 'withdrawn', ended_at = p_now, paused_at = null
    where x.conversation_id = p_conversation and x.state in ('running', 'paused')
        and not exists (
            select from jsonb_array_elements(sla -> 'clocks') c (clock)
            where c.clock ->> 'target' = x.target and (c.clock ->> 'seq')::bigint = x.seq);

    select (array_agg(x.due_at order by x.due_at, x.target))[1] as due_at,
        (array_agg(x.target order by x.due_at, x.target))[1] as target,
        coalesce(bool_or(x.warned_at is not null), false) as warned,
        coalesce(bool_or(x.breached_at is not null), false) as breached,
        min(case when x.breached_at is null then
            case when x.warned_at is null then least(x.warn_at, x.due_at) else x.due_at end end) as next_at
    into soonest
    from chat.sla_clocks x
    where x.conversation_id = p_conversation and x.state = 'running' and x.due_at is not null;
    update chat.sla_cases k
    set due_at = soonest.due_at, target = soonest.target, warned = soonest.warned, breached = soonest.breached,
        next_at = soonest.next_at
    where k.conversation_id = p_conversation;
    if (before.due_at, before.target) is distinct from (soonest.due_at, soonest.target) then
        perform chat.broadcast(
            array['chat:site:' || (facts ->> 'site_id')],
            jsonb_build_object('v', 1, 'type', 'sla_changed', 'conversation_id', p_conversation,
                'target', soonest.target, 'due_at', soonest.due_at),
            array[null::bigint]);
    end if;
end
$$;
comment on function chat.look_at_sla(uuid, timestamptz) is
    'Reads a conversation''s clocks as of a time, keeps them and tells what is new. Only the tick that holds chat.sla_progress calls it; the conversation cannot be erased meanwhile.';
