-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/), and gathering the facts (the rest of this room).

create or replace function chat.choose_agent(facts jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.choose_agent(facts::text)::jsonb $$;
comment on function chat.choose_agent(jsonb) is
    'Who gets a conversation: {agent_id, reason, order, losers} from {department_id, preferred_agent_id, candidates}.';
