-- What: who I am and what I may: the helpers every policy and every function asks.
-- Why: policies are sentences that call one helper, evaluated once a query:
--      site_id = any ((select chat.my_sites_with('…'))::uuid[]).
-- Leaves out: visitors; their session comes with the widget.

-- Made once: a host that knows its people in another way replaces it, and an upgrade must not undo that.
do $do$
begin
    if to_regprocedure('chat.sites_in_charge()') is not null then
        return;
    end if;
    create function chat.sites_in_charge()
    returns uuid[]
    language plpgsql
    stable
    security definer
    set search_path = ''
    as $$
    begin
        return array(
            select s.id
            from public.agency_members m
            join public.sites s on s.agency_id = m.agency_id
            where m.user_id = auth.uid() and chat.member_role(m.user_id, m.agency_id) in ('owner', 'admin'));
    end
    $$;
    comment on function chat.sites_in_charge() is
        'Sites of agencies that the caller is owner or admin of; they may do everything there. Replaceable by the host; never made anew by an upgrade.';
end
$do$;

create or replace function chat.my_site_ids()
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
        select a.site_id from public.mod_chat_agents a where a.user_id = auth.uid() and a.is_active);
end
$$;
comment on function chat.my_site_ids() is
    'Sites the caller works in: as owner or admin of the agency (chat.sites_in_charge), or as an active agent.';

create or replace function chat.role_may(p_site uuid, p_role text, p_permission text)
returns boolean
language plpgsql
stable
as $$
begin
    return coalesce((
        select p.allowed from chat.permissions p
        where (p.site_id = p_site or p.site_id is null) and p.role = p_role and p.permission = p_permission
        order by p.site_id nulls last
        limit 1), false);
end
$$;
comment on function chat.role_may(uuid, text, text) is 'Whether a role has a permission at a site: its own row, else the default.';

create or replace function chat.my_sites_with(p_permission text)
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
        where a.user_id = auth.uid() and a.is_active and chat.role_may(a.site_id, a.role, p_permission));
end
$$;
comment on function chat.my_sites_with(text) is
    'Sites where the caller has a permission: owners and admins of the agency everywhere, agents by their role''s rows.';

create or replace function chat.may(p_site uuid, p_permission text)
returns boolean
language sql
stable
as $$ select p_site = any (chat.my_sites_with(p_permission)) $$;
comment on function chat.may(uuid, text) is 'Whether the caller has a permission at a site.';

create or replace function chat.require(p_site uuid, p_permission text)
returns void
language plpgsql
stable
as $$
begin
    if chat.may(p_site, p_permission) is not true then
        raise exception 'this needs the permission % at the site', p_permission
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'ask an admin of the site for it';
    end if;
end
$$;
comment on function chat.require(uuid, text) is 'Raises PT403 chat/not_allowed unless the caller has the permission.';

create or replace function chat.my_agent(p_site uuid)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    agent uuid;
begin
    select a.id into agent
    from public.mod_chat_agents a
    where a.site_id = p_site and a.user_id = auth.uid() and a.is_active;
    if not found then
        raise exception 'you are not an agent of this site'
            using errcode = 'PT403', detail = 'chat/not_an_agent', hint = 'have chat_save_agent make you one';
    end if;
    return agent;
end
$$;
comment on function chat.my_agent(uuid) is 'The caller''s active agent row at a site. PT403 chat/not_an_agent.';
