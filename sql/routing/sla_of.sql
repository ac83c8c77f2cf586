-- What: how one conversation stands with what was promised.
-- Why: read anew as of now, by the rule that the tick keeps the clocks by; what was told so far stands beside.
-- Leaves out: lists, which show what the tick kept (sla_due.sql, conversations/inbox.sql).

create or replace function public.chat_sla_of(conversation uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    c public.mod_chat_conversations;
    sla jsonb;
begin
    select * into c from public.mod_chat_conversations x where x.id = chat_sla_of.conversation;
    if not found or not chat.may_in(c.id, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_sla_of.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    sla := chat.sla_clocks(chat.sla_facts(c.id), clock_timestamp());
    return jsonb_build_object(
        'conversation_id', c.id,
        'policy', (select to_jsonb(p) - 'site_id' from chat.sla_policies p where p.id = (sla ->> 'policy_id')::uuid),
        'clocks', coalesce((
            select jsonb_agg(jsonb_build_object(
                    'target', coalesce(fresh.clock ->> 'target', kept.target),
                    'state', coalesce(fresh.clock ->> 'state', kept.state),
                    'started_at', coalesce((fresh.clock ->> 'started_at')::timestamptz, kept.started_at),
                    'ended_at', coalesce((fresh.clock ->> 'ended_at')::timestamptz, case when fresh.clock is null then kept.ended_at end),
                    'paused_at', fresh.clock -> 'paused_at',
                    'warn_at', coalesce((fresh.clock ->> 'warn_at')::timestamptz, case when fresh.clock is null then kept.warn_at end),
                    'due_at', coalesce((fresh.clock ->> 'due_at')::timestamptz, case when fresh.clock is null then kept.due_at end),
                    'left_seconds', fresh.clock -> 'left_seconds',
                    'breached', coalesce((fresh.clock ->> 'breached')::boolean, false) or kept.breached_at is not null
                        and kept.seq = coalesce((fresh.clock ->> 'seq')::bigint, kept.seq),
                    'warnings', coalesce(kept.warnings, 0),
                    'breaches', coalesce(kept.breaches, 0))
                order by coalesce(fresh.clock ->> 'target', kept.target))
            from (
                select distinct on (x.clock ->> 'target') x.clock
                from jsonb_array_elements(sla -> 'clocks') with ordinality x (clock, place)
                order by x.clock ->> 'target', x.place desc) fresh
            full join (select * from chat.sla_clocks k where k.conversation_id = c.id) kept
                on kept.target = fresh.clock ->> 'target'), '[]'));
end
$$;
comment on function public.chat_sla_of(uuid) is
    'How a conversation stands with what was promised, as of now: {conversation_id, policy, clocks: [{target first_response, next_response or resolution, state running, paused, kept, dropped (over before an answer) or withdrawn (promised no more), started_at, ended_at, paused_at, warn_at, due_at, left_seconds (of business time where that counts; negative: too late), breached, warnings, breaches (told so far, earlier clocks of the target included)}]}; policy null: nothing is promised. PT404 chat/no_such_conversation.';
