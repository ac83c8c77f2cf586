-- What: an agent goes online, away, busy or offline.
-- Why: a function, because status decides routing: it takes the site's routing row before the agent's, like everyone
--      else, and gives waiting chats out in the same transaction.
-- Leaves out: agents who fall silent, and what becomes of an offline agent's chats
--      (routing/take_back.sql).

create or replace function public.chat_set_status(site uuid, status text)
returns setof public.mod_chat_agents
language plpgsql
security definer
set search_path = ''
as $$
declare
    agent constant uuid := chat.my_agent(chat_set_status.site);
begin
    if chat_set_status.status not in ('online', 'away', 'busy', 'offline') or chat_set_status.status is null then
        raise exception 'there is no status %', coalesce(chat_set_status.status, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_status', hint = 'use online, away, busy or offline';
    end if;
    perform chat.lock_routing(chat_set_status.site);
    update public.mod_chat_agents a
    set status = chat_set_status.status, last_active_at = clock_timestamp()
    where a.id = agent;
    -- Whoever is there by their own word is watched from now on; whoever is not needs no watching.
    if chat_set_status.status = 'offline' then
        delete from chat.heartbeats h where h.agent_id = agent;
    else
        insert into chat.heartbeats (agent_id, site_id, seen_at) values (agent, chat_set_status.site, clock_timestamp())
        on conflict (agent_id) do update set seen_at = excluded.seen_at, status_when_lost = null;
    end if;
    perform chat.drain(chat_set_status.site);
    return query select a.* from public.mod_chat_agents a where a.id = agent;
end
$$;
comment on function public.chat_set_status(uuid, text) is
    'Sets the caller''s own status at a site (online, away, busy, offline); online hands out waiting chats at once. From then on chat_heartbeat is expected of them. PT403 chat/not_an_agent, PT422 chat/unknown_status.';
