-- What: why a conversation is whose it is, in words and facts, and which rule sent it where.
-- Why: every choice kept its facts; nothing is guessed afterwards.
-- Leaves out: the sentences (in_words.sql); replay under other rules.

create or replace function public.chat_explain_assignment(conversation uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    c public.mod_chat_conversations;
    k chat.choices;
    agent text;
    by_name text;
    auto_assign boolean;
    came_back text;
begin
    select * into c from public.mod_chat_conversations x where x.id = chat_explain_assignment.conversation;
    if not found or not chat.may_in(c.id, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_explain_assignment.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    select a.display_name into agent from public.mod_chat_agents a where a.id = c.assigned_agent_id;
    select * into k from chat.choices x where x.id = c.choice_id;
    select a.display_name into by_name from public.mod_chat_agents a where a.id = (k.choice ->> 'by_agent_id')::uuid;
    if c.status = 'pending' then
        select chat.taken_back_in_words(a.display_name, k.choice) into came_back
        from public.mod_chat_agents a where a.id = (k.choice ->> 'from_agent_id')::uuid;
        -- What it waits for is a question of now.
        select coalesce(d.auto_assign, true) into auto_assign
        from (select) one left join public.mod_chat_departments d on d.id = c.department_id;
        k.facts := chat.routing_facts(c, clock_timestamp());
        k.choice := chat.choose_agent(k.facts);
        k.at := null;
    end if;
    return jsonb_build_object(
        'conversation_id', c.id,
        'agent_id', c.assigned_agent_id,
        'agent_name', agent,
        'in_words', concat_ws('. ', case
            when c.status = 'pending' then
                chat.waiting_in_words(c.pending_since, auto_assign, k.choice ->> 'reason') || coalesce(came_back, '')
            when c.assigned_agent_id is null then 'Nobody has it: it is ' || c.status
            when k.id is null then agent || ' has it because a person assigned it'
            else chat.choice_in_words(agent, k.choice, by_name)
        end, chat.rule_in_words(c.applied_rule, (
            select d.name from public.mod_chat_departments d where d.id::text = c.applied_rule #>> '{then,department}'))),
        'rule', c.applied_rule,
        'chosen_at', k.at,
        'choice', k.choice,
        'facts', chat.facts_in_full(k.facts),
        'history', coalesce((
            select jsonb_agg(jsonb_build_object('at', h.at, 'agent_id', h.agent_id, 'by_user', h.by_user, 'choice', h.choice - 'losers')
                order by h.id)
            from (
                select x.* from chat.choices x
                where x.conversation_id = c.id order by x.id desc limit 50) h), '[]'));
end
$$;
comment on function public.chat_explain_assignment(uuid) is
    'Why a conversation is whose it is, or why it waits: words, the rule of the site that sorted it, the choice with each loser''s reason, the facts it was made from, and the last 50 choices before. PT404 chat/no_such_conversation.';
