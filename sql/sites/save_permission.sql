-- What: a site changes what its roles may do and which part of it they see; everybody asks what they may.
-- Why: functions, because nobody gives away what they have not, nor changes a role that is not below their own.
-- Leaves out: owners and admins of the agency, who may do everything everywhere in their sites.

create or replace function public.chat_may(site uuid, permission text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return coalesce(chat.may(chat_may.site, chat_may.permission), false);
end
$$;
comment on function public.chat_may(uuid, text) is
    'Whether the caller has a permission at a site, for interfaces that show or hide things. False for anything unknown.';

create or replace function public.chat_permissions(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if not coalesce(chat_permissions.site = any (chat.my_site_ids()), false) then
        raise exception 'there is no site % that you work in', chat_permissions.site
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'ask with the id of a site of yours';
    end if;
    return jsonb_build_object(
        'mine', (
            select coalesce(jsonb_agg(p.permission order by p.permission), '[]')
            from (select distinct x.permission from chat.permissions x where x.site_id is null) p
            where chat.may(chat_permissions.site, p.permission)),
        'roles', (
            select jsonb_object_agg(r.role, jsonb_build_object(
                'permissions', (
                    select jsonb_object_agg(p.permission, chat.role_may(chat_permissions.site, r.role, p.permission))
                    from (select distinct x.permission from chat.permissions x where x.site_id is null) p),
                'sees', coalesce(l.sees, 'site'),
                'phone_number_id', l.phone_number_id))
            from (values ('agent'), ('supervisor'), ('admin')) r (role)
            left join chat.role_limits l on l.site_id = chat_permissions.site and l.role = r.role));
end
$$;
comment on function public.chat_permissions(uuid) is
    'Permissions at a site: {mine: [permission], roles: {role: {permissions: {permission: boolean}, sees: site | own | department | number, phone_number_id}}}. PT404 chat/no_such_site.';

create or replace function public.chat_save_permission(site uuid, role text, permission text, allowed boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_permission.site, 'live-chat.agents.manage');
    perform chat.require_rank(chat_save_permission.site, chat_save_permission.role, 1);
    if not exists (select from chat.permissions p where p.permission = chat_save_permission.permission) then
        raise exception 'there is no permission %', coalesce(chat_save_permission.permission, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_permission', hint = 'chat_permissions names them all';
    end if;
    perform chat.require(chat_save_permission.site, chat_save_permission.permission);
    if chat_save_permission.allowed is null then
        delete from chat.permissions p
        where p.site_id = chat_save_permission.site and p.role = chat_save_permission.role
            and p.permission = chat_save_permission.permission;
    else
        insert into chat.permissions (site_id, role, permission, allowed)
        values (chat_save_permission.site, chat_save_permission.role, chat_save_permission.permission, chat_save_permission.allowed)
        on conflict on constraint permissions_key do update set allowed = excluded.allowed;
    end if;
    return public.chat_permissions(chat_save_permission.site);
end
$$;
comment on function public.chat_save_permission(uuid, text, text, boolean) is
    'Gives a role a permission at a site, takes it, or (null) goes back to the default. Needs live-chat.agents.manage, the permission itself and a role above that one. Answers as chat_permissions. PT403 chat/not_allowed, chat/role_too_high; PT422 chat/unknown_role, chat/unknown_permission.';

create or replace function public.chat_save_role_limit(site uuid, role text, sees text, phone_number_id text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_role_limit.site, 'live-chat.agents.manage');
    perform chat.require_rank(chat_save_role_limit.site, chat_save_role_limit.role, 1);
    if chat_save_role_limit.sees is null or chat_save_role_limit.sees not in ('site', 'own', 'department', 'number') then
        raise exception 'a role cannot see %', coalesce(chat_save_role_limit.sees, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_limit', hint = 'use site, own, department or number';
    end if;
    if chat_save_role_limit.sees = 'number' and not exists (
        select from chat.whatsapp_numbers n
        where n.site_id = chat_save_role_limit.site and n.phone_number_id = chat_save_role_limit.phone_number_id)
    then
        raise exception 'the site has no number %', coalesce(chat_save_role_limit.phone_number_id, 'null')
            using errcode = 'PT422', detail = 'chat/no_such_number', hint = 'use the phone_number_id of a number of the site';
    end if;
    if chat_save_role_limit.sees = 'site' then
        delete from chat.role_limits l where l.site_id = chat_save_role_limit.site and l.role = chat_save_role_limit.role;
    else
        insert into chat.role_limits (site_id, role, sees, phone_number_id)
        values (chat_save_role_limit.site, chat_save_role_limit.role, chat_save_role_limit.sees,
            case when chat_save_role_limit.sees = 'number' then chat_save_role_limit.phone_number_id end)
        on conflict on constraint role_limits_pkey do update
        set sees = excluded.sees, phone_number_id = excluded.phone_number_id;
    end if;
    return public.chat_permissions(chat_save_role_limit.site);
end
$$;
comment on function public.chat_save_role_limit(uuid, text, text, text) is
    'Which part of a site a role sees: site (all), own, department, or number with its phone_number_id. Needs live-chat.agents.manage and a role above that one. Answers as chat_permissions. PT403 chat/not_allowed, chat/role_too_high; PT422 chat/unknown_role, chat/unknown_limit, chat/no_such_number.';
