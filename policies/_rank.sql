-- What: how high somebody stands at a site.
-- Why: nobody raises anybody above themselves, nor changes what those above them have.
-- Leaves out: permissions; who stands high may still lack one.

create or replace function chat.rank_of(p_role text)
returns integer
language sql
immutable
as $$ select array_position(array['agent', 'supervisor', 'admin'], p_role) $$;
comment on function chat.rank_of(text) is 'agent 1, supervisor 2, admin 3; null for anything else.';

create or replace function chat.my_rank(p_site uuid)
returns integer
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return case when p_site = any (chat.sites_in_charge()) then 4 else coalesce((
        select chat.rank_of(a.role) from public.mod_chat_agents a
        where a.site_id = p_site and a.user_id = auth.uid() and a.is_active), 0) end;
end
$$;
comment on function chat.my_rank(uuid) is
    'The caller''s standing at a site: 4 in charge of the agency, else of their role as an agent, 0 without one.';

create or replace function chat.require_rank(p_site uuid, p_role text, p_least integer)
returns void
language plpgsql
stable
as $$
begin
    if p_role is null or chat.rank_of(p_role) is null then
        raise exception 'there is no role %', coalesce(p_role, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_role', hint = 'use agent, supervisor or admin';
    end if;
    if chat.my_rank(p_site) - chat.rank_of(p_role) < p_least then
        raise exception 'the role % is too high for you to change', p_role
            using errcode = 'PT403', detail = 'chat/role_too_high', hint = 'ask an owner or admin of the agency';
    end if;
end
$$;
comment on function chat.require_rank(uuid, text, integer) is
    'Raises unless the caller stands so far above a role (0: as high). PT403 chat/role_too_high, PT422 chat/unknown_role.';
