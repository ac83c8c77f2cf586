-- What: why a conversation is whose it is, in words and facts.
-- Why: every choice kept its facts; nothing is guessed afterwards.
-- Leaves out: replay under other rules.

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
begin
    select * into c from public.mod_chat_conversations x where x.id = chat_explain_assignment.conversation;
    if not found or not chat.may_in(c.id, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_explain_assignment.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    select a.display_name into agent from public.mod_chat_agents a where a.id = c.assigned_agent_id;
    select * into k from chat.choices x where x.id = c.choice_id;
    return jsonb_build_object(
        'conversation_id', c.id,
        'agent_id', c.assigned_agent_id,
        'agent_name', agent,
        'in_words', case
            when c.assigned_agent_id is null then
                'Nobody has it: ' || case c.status
                    when 'pending' then 'it waits since ' || c.pending_since || ' for an agent with room'
                    else 'it is ' || c.status end
            when k.id is null then agent || ' has it because a person assigned it'
            else agent || case k.choice ->> 'reason'
                when 'preferred' then ' had it before and has room'
                when 'only_one_free' then ' was the only one online with room'
                when 'least_busy' then ' was the least busy'
                when 'waited_longest' then ' had waited longest for a chat among the least busy'
                when 'first_by_id' then ' came first among equals'
            end
        end,
        'chosen_at', k.at,
        'choice', k.choice,
        'facts', k.facts);
end
$$;
comment on function public.chat_explain_assignment(uuid) is
    'Why a conversation is whose it is: words, the choice with each loser''s reason, and the facts it was made from. PT404 chat/no_such_conversation.';
