-- What: makes, changes or deactivates an agent.
-- Why: a function, because capacity, department and being active decide routing.
-- Leaves out: deletion; an agent who leaves is deactivated and keeps their history.

create or replace function public.chat_save_agent(
    site uuid,
    user_id uuid,
    display_name text,
    role text default 'agent',
    department_id uuid default null,
    max_concurrent_chats integer default 5,
    is_active boolean default true,
    email text default null,
    avatar_url text default null)
returns setof public.mod_chat_agents
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    saved uuid;
begin
    perform chat.require(chat_save_agent.site, 'live-chat.agents.manage');
    -- Nobody makes an agent, or changes one, whose role is above their own.
    perform chat.require_rank(chat_save_agent.site, chat_save_agent.role, 0);
    perform chat.require_rank(chat_save_agent.site, a.role, 0)
    from public.mod_chat_agents a
    where a.site_id = chat_save_agent.site and a.user_id = chat_save_agent.user_id;
    if coalesce(btrim(chat_save_agent.display_name), '') = '' or chat_save_agent.user_id is null then
        raise exception 'an agent is a user with a name'
            using errcode = 'PT422', detail = 'chat/name_missing', hint = 'give user_id and display_name';
    end if;
    -- Whoever deletes a department has the routing row until it is gone.
    perform chat.lock_routing(chat_save_agent.site);
    if not exists (
        select from public.mod_chat_departments d
        where d.site_id = chat_save_agent.site and d.id = chat_save_agent.department_id
        union all
        select where chat_save_agent.department_id is null)
    then
        raise exception 'the site has no department %', chat_save_agent.department_id
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or null';
    end if;
    if chat_save_agent.max_concurrent_chats is null or chat_save_agent.max_concurrent_chats < 0 then
        raise exception 'an agent''s capacity is a number of chats, 0 or more'
            using errcode = 'PT422', detail = 'chat/capacity', hint = 'use 0 to hand out no chats to this agent';
    end if;
    insert into public.mod_chat_agents as a (
        site_id, user_id, display_name, role, department_id, max_concurrent_chats, is_active, email, avatar_url)
    values (
        chat_save_agent.site, chat_save_agent.user_id, chat_save_agent.display_name, chat_save_agent.role,
        chat_save_agent.department_id, chat_save_agent.max_concurrent_chats, coalesce(chat_save_agent.is_active, true),
        chat_save_agent.email, chat_save_agent.avatar_url)
    on conflict (site_id, user_id) do update
    set display_name = excluded.display_name,
        role = excluded.role,
        department_id = excluded.department_id,
        max_concurrent_chats = excluded.max_concurrent_chats,
        is_active = excluded.is_active,
        -- Somebody who may no longer work is not online.
        status = case when excluded.is_active then a.status else 'offline' end,
        email = excluded.email,
        avatar_url = excluded.avatar_url
    returning a.id into saved;
    delete from chat.heartbeats h using public.mod_chat_agents a where a.id = saved and not a.is_active and h.agent_id = a.id;
    perform chat.drain(chat_save_agent.site);
    return query select a.* from public.mod_chat_agents a where a.id = saved;
end
$$;
comment on function public.chat_save_agent(uuid, uuid, text, text, uuid, integer, boolean, text, text) is
    'Makes or changes the agent row of a user at a site (whole row; is_active false = deactivated). Needs live-chat.agents.manage and no lower role than the agent has or gets. PT403 chat/not_allowed, chat/role_too_high; PT404 chat/no_such_department; PT422 chat/unknown_role, chat/name_missing, chat/capacity.';
