-- What: what a deleted department leaves behind: its chats and agents belong to none.
-- Why: a DELETE has its row before anything else, while everybody else locks a conversation, or the routing row, and then
--      looks at the department. So this never waits in a row of waiters, where one of two is a deadlock's victim: it looks
--      again for a while whether all it needs is free, and then asks to be called again.
--      The keys alone would wait, in the order of the heap.
-- Leaves out: a department that is only switched off (save_department.sql).

create or replace function chat.leave_department()
returns trigger
language plpgsql
security definer
set search_path = ''
-- Whose holder ends in the moment it is passed by, PostgreSQL waits for the next holder of that row all the same.
set lock_timeout = '100ms'
as $$
declare
    gives_up constant timestamptz := clock_timestamp() + interval '200 milliseconds';
    chats bigint;
begin
    loop
        perform from public.mod_chat_conversations c
        where c.site_id = old.site_id and c.department_id = old.id
        order by c.id
        for no key update skip locked;
        get diagnostics chats = row_count;
        if chats = (
            select count(*) from public.mod_chat_conversations c where c.site_id = old.site_id and c.department_id = old.id)
        then
            perform from chat.routing r where r.site_id = old.site_id for update skip locked;
            exit when found or not exists (select from chat.routing r where r.site_id = old.site_id);
        end if;
        if clock_timestamp() > gives_up then
            raise lock_not_available;
        end if;
        perform pg_sleep(0.01);
    end loop;
    update public.mod_chat_conversations c set department_id = null
    where c.site_id = old.site_id and c.department_id = old.id;
    update public.mod_chat_agents a set department_id = null
    where a.site_id = old.site_id and a.department_id = old.id;
    return old;
exception
    when lock_not_available then
        raise exception 'somebody is at work in the chats of this department'
            using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'call again';
end
$$;
comment on function chat.leave_department() is
    'Before a department is deleted: its chats and agents belong to none. PT409 chat/changed_meanwhile.';
