-- What: what the clocks have to know of a change that is no message: since when a conversation waits for its visitor or is
--       over, and that its department, priority or tags are others.
-- Why: at commit, beside routing, by whoever made the change; a site that promises nothing pays a look or
--      two into an index, and that only for such a change.
-- Leaves out: the clocks themselves, which the tick looks at (follow_sla.sql).

create or replace function chat.note_sla(p_before public.mod_chat_conversations, p_after public.mod_chat_conversations)
returns void
language plpgsql
as $$
declare
    -- Running, waiting for the visitor, or over.
    was constant text := case when p_before.status in ('pending', 'active') then 'runs'
        when p_before.archived_at is null then 'waits' else 'over' end;
    is_now constant text := case when p_after.status in ('pending', 'active') then 'runs'
        when p_after.archived_at is null then 'waits' else 'over' end;
    was_noted boolean := false;
begin
    if was = is_now and (p_before.department_id, p_before.priority, p_before.tags)
        is not distinct from (p_after.department_id, p_after.priority, p_after.tags)
    then
        return;
    end if;
    if was <> is_now then
        -- What was said while it was over was said to nobody.
        update chat.sla_pauses p
        set ended_at = p_after.updated_at,
            seq = case when p.is_end then greatest(p.seq, p_before.last_seq) else p.seq end
        where p.conversation_id = p_after.id and p.ended_at is null;
        was_noted := found;
    end if;
    if not exists (select from chat.sla_policies p where p.site_id = p_after.site_id)
        and not exists (select from chat.sla_cases k where k.conversation_id = p_after.id)
    then
        return;
    end if;
    -- It was over before the site had policies.
    if was = 'over' and is_now <> 'over' and not was_noted then
        insert into chat.sla_pauses (site_id, conversation_id, seq, began_at, ended_at, is_end)
        values (p_after.site_id, p_after.id, p_before.last_seq, p_before.archived_at, p_after.updated_at, true);
    end if;
    if is_now <> was and is_now <> 'runs' then
        insert into chat.sla_pauses (site_id, conversation_id, seq, began_at, is_end)
        values (p_after.site_id, p_after.id, p_after.last_seq, p_after.updated_at, is_now = 'over');
    end if;
    insert into chat.sla_changes (site_id, conversation_id) values (p_after.site_id, p_after.id);
end
$$;
comment on function chat.note_sla(public.mod_chat_conversations, public.mod_chat_conversations) is
    'Notes a change of a conversation for the clocks of its site''s promises. The caller has changed it, and so holds it.';

create or replace function chat.note_sla_hours()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.sla_changes (site_id)
    select new.site_id where exists (
        select from chat.sla_policies p where p.site_id = new.site_id and p.in_business_hours);
    return null;
end
$$;
comment on function chat.note_sla_hours() is
    'After hours or time zone of a site or a department changed: clocks that run in business hours follow.';
