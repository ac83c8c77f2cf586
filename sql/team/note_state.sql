-- What: an agent's new state is written down, and forgotten when it is old.
-- Why: by a trigger, because several functions change it; the agent's row is locked then, so the rows are in order.
-- Leaves out: what is made of them (routing/agent_load.sql).

create or replace function chat.note_state()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' and (new.status, new.max_concurrent_chats, new.current_chat_count)
        is not distinct from (old.status, old.max_concurrent_chats, old.current_chat_count)
    then
        return null;
    end if;
    insert into chat.agent_states (site_id, agent_id, status, capacity, load)
    values (new.site_id, new.id, new.status, new.max_concurrent_chats, new.current_chat_count);
    return null;
end
$$;
comment on function chat.note_state() is 'After an agent was made, or their status, capacity or load changed: how they are now.';

create or replace function chat.forget_states(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    forgotten integer;
begin
    delete from chat.agent_states s
    using (
        select x.id from chat.agent_states x
        where x.at < p_now - interval '400 days'
        order by x.at
        limit p_batch
        for update skip locked) old
    where s.id = old.id;
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
comment on function chat.forget_states(integer, timestamptz) is 'Removes states of agents older than 400 days.';
