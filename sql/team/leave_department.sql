-- What: what a deleted department leaves behind: its chats and agents belong to none.
-- Why: a DELETE has its row before anything else, while everybody else locks a conversation, or the routing row, and then
--      looks at the department. So this waits for nobody for long: whoever is in its way is asked to be let through.
--      The keys alone would wait, in the order of the heap, until one of two is chosen as a deadlock's victim.
-- Leaves out: a department that is only switched off (save_department.sql).

create or replace function chat.leave_department()
returns trigger
language plpgsql
security definer
set search_path = ''
-- Shorter than the second after which PostgreSQL looks for a deadlock and may choose the other one.
set lock_timeout = '200ms'
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
exception when lock_not_available then
    raise exception 'somebody is at work in the chats of this department'
        using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'call again';
end
$$;
comment on function chat.leave_department() is
    'Before a department is deleted: its chats and agents belong to none. PT409 chat/changed_meanwhile.';
