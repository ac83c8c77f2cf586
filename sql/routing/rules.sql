-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/), and gathering the facts (the rest of this room).

create or replace function chat.choose_agent(facts json)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.choose_agent(facts::text)::jsonb $$;
comment on function chat.choose_agent(json) is
    'Who gets a conversation: {agent_id, reason, losers: [{reason, agent_ids}]} from what chat.routing_facts gives.';

create or replace function chat.judge_by_hand(facts json, agent_id text, overrides boolean, claims boolean)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.judge_by_hand(facts::text, agent_id, overrides, claims)::jsonb $$;
comment on function chat.judge_by_hand(json, text, boolean, boolean) is
    'Whether a person may give a conversation to an agent: {refusal, beyond}; beyond is what would have kept routing from it. `overrides`: also beyond their room; `claims`: for themselves.';

create or replace function chat.rule_problems(rules jsonb, known jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.rule_problems(rules::text, known::text)::jsonb $$;
comment on function chat.rule_problems(jsonb, jsonb) is
    'Everything wrong with a site''s rules: [{at, problem, with}], empty where they can be used. `known` is what chat.known_to_rules gives.';

create or replace function chat.match_rules(rules jsonb, facts jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.match_rules(rules::text, facts::text)::jsonb $$;
comment on function chat.match_rules(jsonb, jsonb) is
    'Which of a site''s rules counts for each of a list of conversations: [{place, name, then, passed_over}], in their order, from what chat.facts_for_rules gives of each. place null: none.';

create or replace function chat.judge_unanswered(facts json)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.judge_unanswered(facts::text)::jsonb $$;
comment on function chat.judge_unanswered(json) is
    'Whether a chat goes back to the queue because its agent does not answer: {takes_back, reason}, from what chat.routing_facts gives and {unanswered_seconds, unanswered_limit, times}.';

create or replace function chat.expected_wait(place jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.expected_wait(place::text)::jsonb $$;
comment on function chat.expected_wait(jsonb) is
    'How long a place in the queue may still wait: {seconds, seconds_per_chat, from_chats, reason}, from {position} and what chat.line_facts gives. Null seconds: reason says why.';

create or replace function chat.queue_news(told_place bigint, told_seconds bigint, place bigint, seconds bigint)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.queue_news(told_place, told_seconds, place, seconds) $$;
comment on function chat.queue_news(bigint, bigint, bigint, bigint) is
    'Whether somebody in the queue would notice how their place and expected wait differ from what they were told last (nulls: nothing yet, unknown).';

create or replace function chat.simulate(recording jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.simulate(recording::text)::jsonb $$;
comment on function chat.simulate(jsonb) is
    'What would have been: {arrivals, assigned, gave_up, missed, waiting, answered_late, wait_seconds, agents} of a recording, replayed; all its moments and durations are milliseconds.';

create or replace function chat.hours_problems(hours jsonb, zone text)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.hours_problems(hours::text, zone)::jsonb $$;
comment on function chat.hours_problems(jsonb, text) is
    'Everything wrong with business hours and their time zone: [{at, problem}], empty where they can be used; the last may be never_open.';

create or replace function chat.hours_at(hours jsonb, zone text, at timestamptz)
returns table (is_open boolean, next_change timestamptz, holiday text)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.hours_at(hours::text, zone, at) $$;
comment on function chat.hours_at(jsonb, text, timestamptz) is
    'Whether it is open at a moment, when that is otherwise next (null: not within ten years), and the holiday''s name. Null hours: always open.';

create or replace function chat.business_add(hours jsonb, zone text, start timestamptz, seconds bigint)
returns timestamptz
language sql immutable parallel safe
as $$ select chat_rules.business_add(hours::text, zone, start, seconds) $$;
comment on function chat.business_add(jsonb, text, timestamptz, bigint) is
    'The earliest moment by which it was open for so many seconds since start; null where ten years do not give so much. Null hours: always open.';

create or replace function chat.business_between(hours jsonb, zone text, begins timestamptz, ends timestamptz)
returns bigint
language sql immutable parallel safe
as $$ select chat_rules.business_between(hours::text, zone, begins, ends) $$;
comment on function chat.business_between(jsonb, text, timestamptz, timestamptz) is
    'For how many seconds it is open between two moments; null for more than ten years. Null hours: always open.';

create or replace function chat.sla_clocks(facts jsonb, at timestamptz)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.sla_clocks(facts::text, at)::jsonb $$;
comment on function chat.sla_clocks(jsonb, timestamptz) is
    'How a conversation stands with what was promised: {policy_id, answered, asked, clocks} from what chat.sla_facts gives.';
