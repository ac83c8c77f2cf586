-- What: makes or changes a department.
-- Why: a function, because whether it assigns by itself, its capacity and its being active decide routing; and only one
--      department of a site is the default.
-- Leaves out: deletion, which is a plain DELETE; its chats and agents then belong to no department.

create or replace function public.chat_save_department(
    site uuid,
    name text,
    id uuid default null,
    description text default null,
    is_default boolean default false,
    is_active boolean default true,
    auto_assign boolean default true,
    max_concurrent_chats integer default 5,
    sort_order integer default 0)
returns setof public.mod_chat_departments
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    saved constant uuid := coalesce(chat_save_department.id, gen_random_uuid());
    waiting uuid[];
begin
    perform chat.require(chat_save_department.site, 'live-chat.agents.manage');
    if coalesce(btrim(chat_save_department.name), '') = '' then
        raise exception 'a department has a name'
            using errcode = 'PT422', detail = 'chat/name_missing', hint = 'give a name that people can choose by';
    end if;
    if chat_save_department.max_concurrent_chats is null or chat_save_department.max_concurrent_chats < 0 then
        raise exception 'a department''s capacity is a number of chats an agent, 0 or more'
            using errcode = 'PT422', detail = 'chat/capacity', hint = 'use 0 to hand out no chats in this department';
    end if;
    if exists (
        select from public.mod_chat_departments d where d.id = saved and d.site_id <> chat_save_department.site)
    then
        raise exception 'the site has no department %', saved
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or none for a new one';
    end if;
    if chat_save_department.is_active is false then
        -- Nobody waits for a department that is no more. Conversations are locked before the routing row, by id, and in a
        -- statement of their own (docs/architecture.md).
        waiting := array(
            select c.id from public.mod_chat_conversations c
            where c.site_id = chat_save_department.site and c.department_id = saved
                and c.status = 'pending' and c.assigned_agent_id is null
            order by c.id
            for no key update);
        update public.mod_chat_conversations c set department_id = null where c.id = any (waiting);
    end if;
    perform chat.lock_routing(chat_save_department.site);
    if chat_save_department.is_default then
        update public.mod_chat_departments d set is_default = false
        where d.site_id = chat_save_department.site and d.id <> saved and d.is_default;
    end if;
    insert into public.mod_chat_departments as d (
        id, site_id, name, description, is_default, is_active, auto_assign, max_concurrent_chats, sort_order)
    values (
        saved, chat_save_department.site, chat_save_department.name, chat_save_department.description,
        coalesce(chat_save_department.is_default, false), coalesce(chat_save_department.is_active, true),
        coalesce(chat_save_department.auto_assign, true), chat_save_department.max_concurrent_chats,
        coalesce(chat_save_department.sort_order, 0))
    on conflict (id) do update
    set name = excluded.name,
        description = excluded.description,
        is_default = excluded.is_default,
        is_active = excluded.is_active,
        auto_assign = excluded.auto_assign,
        max_concurrent_chats = excluded.max_concurrent_chats,
        sort_order = excluded.sort_order;
    perform chat.drain(chat_save_department.site);
    return query select d.* from public.mod_chat_departments d where d.id = saved;
end
$$;
comment on function public.chat_save_department(uuid, text, uuid, text, boolean, boolean, boolean, integer, integer) is
    'Makes a department, or changes the one with that id (whole row; is_active false = its waiting chats go to anybody). The default one replaces the former. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT404 chat/no_such_department; PT422 chat/name_missing, chat/capacity.';
