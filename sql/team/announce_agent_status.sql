-- What: the event row and broadcast of an agent's new status.
-- Why: presence that everyone sees comes from the row, not from sockets.
-- Leaves out: presence of browsers, which is Realtime's.

create or replace function chat.announce_agent_status()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.events (site_id, name, agent_id) values (new.site_id, 'chat.agent.status_changed', new.id);
    perform chat.broadcast(
        array['chat:site:' || new.site_id],
        jsonb_build_object('v', 1, 'type', 'status_change', 'agent_id', new.id, 'status', new.status),
        array[null::bigint]);
    return null;
end
$$;
comment on function chat.announce_agent_status() is 'After an agent''s status changed: event row and broadcast to the site.';
