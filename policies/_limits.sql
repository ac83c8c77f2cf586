-- What: the part of a site that somebody sees whose role is limited: own chats, those of a department or of a number.
-- Why: most people are not limited, so the policies ask two things once a query and the rows nothing:
--      site_id <> all ((select chat.my_limited_sites())::uuid[]) or …
--      A message is always asked for by its conversation and needs no index of the site, so there one question will do:
--      site_id = any ((select chat.my_whole_sites('…'))::uuid[]) or …
-- Leaves out: writing the limits (sql/sites/save_permission.sql). Owners and admins of the agency are never limited.

create or replace function chat.my_limited_sites()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return array(
        select a.site_id
        from public.mod_chat_agents a
        join chat.role_limits l on l.site_id = a.site_id and l.role = a.role
        where a.user_id = auth.uid() and a.is_active and a.site_id <> all (chat.sites_in_charge()));
end
$$;
comment on function chat.my_limited_sites() is 'Sites of which the caller sees only a part.';

create or replace function chat.my_whole_sites(p_permission text)
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return array(
        select unnest(chat.sites_in_charge())
        union
        select a.site_id
        from public.mod_chat_agents a
        where a.user_id = auth.uid() and a.is_active and chat.role_may(a.site_id, a.role, p_permission)
            and not exists (select from chat.role_limits l where l.site_id = a.site_id and l.role = a.role));
end
$$;
comment on function chat.my_whole_sites(text) is
    'Sites where the caller has a permission and sees everything: chat.my_sites_with() without those that limit their role.';

create or replace function chat.my_part()
returns text[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return array(
        select part.key
        from public.mod_chat_agents a
        join chat.role_limits l on l.site_id = a.site_id and l.role = a.role
        cross join lateral (values
            ('agent:' || a.id),
            (case when l.sees = 'department' then 'department:' || a.department_id end),
            ('number:' || l.site_id || ':' || l.phone_number_id)) part (key)
        where a.user_id = auth.uid() and a.is_active and part.key is not null);
end
$$;
comment on function chat.my_part() is
    'What the caller sees of sites that limit them: agent:<id>, department:<id>, number:<site>:<phone_number_id>.';

create or replace function chat.in_part(
    p_part text[], p_site uuid, p_agent uuid, p_last_agent uuid, p_department uuid, p_number text)
returns boolean
language sql
immutable
as $$
    select coalesce('agent:' || coalesce(p_agent, p_last_agent) = any (p_part), false)
        or coalesce('department:' || p_department = any (p_part), false)
        or coalesce('number:' || p_site || ':' || p_number = any (p_part), false)
$$;
comment on function chat.in_part(text[], uuid, uuid, uuid, uuid, text) is
    'Whether a conversation (its site, agent, last agent, department, number) lies in what chat.my_part() gave.';

create or replace function chat.sees_conversation(p_conversation uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return exists (
        select from public.mod_chat_conversations c
        where c.id = p_conversation
            and (c.site_id <> all (chat.my_limited_sites())
                or chat.in_part(chat.my_part(), c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id)));
end
$$;
comment on function chat.sees_conversation(uuid) is
    'Whether no limit of the caller''s role hides a conversation. Says nothing of permissions; ask chat.may_in for both.';

create or replace function chat.sees_visitor(p_visitor uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return exists (
        select from public.mod_chat_conversations c
        where c.visitor_id = p_visitor
            and chat.in_part(chat.my_part(), c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id));
end
$$;
comment on function chat.sees_visitor(uuid) is
    'For a caller whose role is limited: whether the visitor has a conversation in their part.';

create or replace function chat.may_in(p_conversation uuid, p_permission text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return chat.sees_conversation(p_conversation) and exists (
        select from public.mod_chat_conversations c where c.id = p_conversation and chat.may(c.site_id, p_permission));
end
$$;
comment on function chat.may_in(uuid, text) is
    'Whether the caller has a permission at a conversation''s site and sees the conversation. False when there is none.';
