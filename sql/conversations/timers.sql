-- What: chats that end because nothing happened for long: answered and not answered back, or never taken.
-- Why: a site says after how long (widget settings; 0 = never). The chat gets a line that says why it ended.
-- Leaves out: when, which is the tick's; the reopening by a later message, which is the same as of any resolved chat.

create or replace function chat.end_conversation(
    p_conversation uuid, p_status text, p_by text, p_words text, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    insert into public.mod_chat_messages (conversation_id, sender_type, kind, content, metadata, sent_at)
    values (p_conversation, 'system', 'event', p_words, jsonb_build_object('event', p_status, 'by', p_by), p_now);
    update public.mod_chat_conversations c set status = p_status, ended_by = p_by where c.id = p_conversation;
end
$$;
comment on function chat.end_conversation(uuid, text, text, text, timestamptz) is
    'Ends a conversation the caller has locked, with a line that says why.';

create or replace function chat.resolve_idle(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c.id, c.site_id, s.auto_resolve_hours
        from public.mod_chat_widget_settings s
        join public.mod_chat_conversations c on c.site_id = s.site_id and c.archived_at is null
        where s.auto_resolve_hours > 0
            and c.last_message_at < p_now - make_interval(hours => s.auto_resolve_hours)
            -- Whoever wrote last waits for the other: a chat that waits for us is never ended by time.
            and c.last_message_by in ('agent', 'ai')
            and c.status in ('active', 'waiting') and c.snoozed_until is null
        order by c.last_message_at
        limit p_batch
        for no key update of c skip locked
    loop
        perform chat.end_conversation(one.id, 'resolved', 'system',
            format('Resolved after %s hours without an answer', one.auto_resolve_hours), p_now);
        sites := sites || one.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.resolve_idle(integer, timestamptz) is
    'Resolves chats that were answered and heard nothing for auto_resolve_hours. Returns the site of each.';

create or replace function chat.miss_unanswered(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c.id, c.site_id, s.missed_after_minutes
        from public.mod_chat_widget_settings s
        join public.mod_chat_conversations c on c.site_id = s.site_id
        where s.missed_after_minutes > 0
            and c.status = 'pending' and c.assigned_agent_id is null
            and c.pending_since < p_now - make_interval(mins => s.missed_after_minutes)
            -- What came back from an agent keeps its place in the line, and has its time in it all the same.
            and not exists (
                select from chat.choices k
                where k.id = c.choice_id and k.at > p_now - make_interval(mins => s.missed_after_minutes))
        order by c.pending_since
        limit p_batch
        for no key update of c skip locked
    loop
        perform chat.end_conversation(one.id, 'missed', 'system',
            format('Nobody took it within %s minutes', one.missed_after_minutes), p_now);
        sites := sites || one.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.miss_unanswered(integer, timestamptz) is
    'Chats nobody took within missed_after_minutes are missed. Returns the site of each.';
