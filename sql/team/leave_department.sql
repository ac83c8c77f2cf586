-- What: what a deleted department leaves behind: its chats and agents belong to none.
-- Why: the keys would set them to null too, but in the order of the heap and agents without the routing row, so that two
--      who meet there wait for each other. Here conversations come first, by id, then the routing row, then agents.
-- Leaves out: a department that is only switched off (save_department.sql).

create or replace function chat.leave_department()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.mod_chat_conversations c
    set department_id = null
    from (
        select x.id from public.mod_chat_conversations x
        where x.site_id = old.site_id and x.department_id = old.id
        order by x.id
        for no key update) theirs
    where c.id = theirs.id;
    perform chat.lock_routing(old.site_id);
    update public.mod_chat_agents a
    set department_id = null
    from (
        select x.id from public.mod_chat_agents x
        where x.site_id = old.site_id and x.department_id = old.id
        order by x.id
        for no key update) theirs
    where a.id = theirs.id;
    return old;
end
$$;
comment on function chat.leave_department() is
    'Before a department is deleted: its chats and agents belong to none, locked in the order that everybody keeps.';
