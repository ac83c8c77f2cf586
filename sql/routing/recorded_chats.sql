-- What: the chats of a period, as a simulation needs them.
-- Why: what happened and what is replayed are made from the same rows.
-- Leaves out: agents and settings (recording.sql). Chats that came back to the queue came once here.

create or replace function chat.millis(p_at timestamptz)
returns bigint
language sql
immutable
as $$ select floor(extract(epoch from p_at) * 1000)::bigint $$;
comment on function chat.millis(timestamptz) is 'A moment in milliseconds since 1970.';

create or replace function chat.recorded_chats(p_site uuid, p_since timestamptz, p_until timestamptz)
returns table (
    chat public.mod_chat_conversations, first_agent uuid, assigned_at timestamptz, held_by uuid,
    talk bigint, answer bigint, patience bigint)
language plpgsql
stable
as $$
begin
    return query
    select c, f.agent_id, f.at,
        case when c.created_at < p_since then h.agent_id end,
        case when f.at is not null then
            chat.millis(least(coalesce(c.archived_at, p_until), p_until)) - chat.millis(greatest(f.at, p_since)) end,
        case when f.at is not null and c.first_response_time_seconds is not null then
            greatest(c.first_response_time_seconds * 1000 - (chat.millis(f.at) - chat.millis(c.created_at)), 0) end,
        case when f.at is null and c.abandoned_at is not null then chat.millis(c.abandoned_at) - chat.millis(c.created_at) end
    from public.mod_chat_conversations c
    left join lateral (
        select k.agent_id, k.at from chat.choices k
        where k.conversation_id = c.id and k.agent_id is not null
        order by k.id limit 1) f on true
    left join lateral (
        select k.agent_id from chat.choices k
        where k.conversation_id = c.id and k.at < p_since
        order by k.id desc limit 1) h on true
    where c.site_id = p_site and c.created_at < p_until and (c.archived_at is null or c.archived_at > p_since);
end
$$;
comment on function chat.recorded_chats(uuid, timestamptz, timestamptz) is
    'What came to a site in a period or was open when it began: who got it first and when, who had it at the beginning, how long they had it, how long their first answer took and how long whoever left waited; in milliseconds.';
