-- What: a chat that is put aside until a time, and its return.
-- Why: a snoozed chat is waiting and takes none of its agent's room; the visitor's next message ends it early.
-- Leaves out: the states and what follows from them (lifecycle.sql, routing/).

create or replace function public.chat_snooze(conversation uuid, until timestamptz)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    chat_row public.mod_chat_conversations;
begin
    chat_row := chat.lock_conversation(chat_snooze.conversation, 'live-chat.conversations.resolve');
    if chat_snooze.until is null then
        update public.mod_chat_conversations c
        set status = 'active'
        where c.id = chat_row.id and c.snoozed_until is not null;
    else
        if chat_snooze.until <= at or chat_snooze.until > at + interval '1 year' then
            raise exception 'a chat is snoozed until a time within a year, not %', chat_snooze.until
                using errcode = 'PT422', detail = 'chat/snooze_time', hint = 'name a time to come, or null to wake it now';
        end if;
        update public.mod_chat_conversations c
        set status = 'waiting', snoozed_until = chat_snooze.until
        where c.id = chat_row.id;
    end if;
    return query select c.* from public.mod_chat_conversations c where c.id = chat_row.id;
end
$$;
comment on function public.chat_snooze(uuid, timestamptz) is
    'Puts an assigned chat aside until a time; null wakes it. PT404 chat/no_such_conversation, PT403 chat/not_allowed, PT409 chat/needs_agent and chat/reopen_first, PT422 chat/snooze_time.';

create or replace function chat.wake_snoozed(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c.id, c.site_id from public.mod_chat_conversations c
        where c.snoozed_until <= p_now and c.status = 'waiting'
        order by c.snoozed_until
        limit p_batch
        for no key update skip locked
    loop
        update public.mod_chat_conversations c set status = 'active' where c.id = one.id;
        sites := sites || one.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.wake_snoozed(integer, timestamptz) is
    'Snoozed chats whose time has come are their agent''s again. Returns the site of each.';
