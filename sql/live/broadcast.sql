-- What: the one door to Supabase Realtime.
-- Why: all topics of a change go out in one insert; realtime.send would cost a subtransaction a topic. The times are
--      given in UTC, because the columns have no zone and a session's own would put the row into the wrong day's
--      partition. A broadcast is a hint: its failure is a warning and a count, never the fault of the message.
-- Leaves out: which topics a change has (the callers know), and who may join them.

create sequence if not exists chat.broadcast_failures;
comment on sequence chat.broadcast_failures is
    'Counts broadcasts that could not be written. A sequence, so that the count survives a rollback.';

create or replace function chat.broadcast(p_topics text[], p_payloads jsonb[])
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if to_regclass('realtime.messages') is null then
        return;
    end if;
    insert into realtime.messages (topic, extension, event, payload, private, inserted_at, updated_at)
    select m.topic, 'broadcast', m.payload ->> 'type', m.payload, true, now() at time zone 'UTC', now() at time zone 'UTC'
    from unnest(p_topics, p_payloads) as m (topic, payload)
    where m.topic is not null;
exception when others then
    perform nextval('chat.broadcast_failures');
    raise warning 'pg_chat: a broadcast was not written: %', sqlerrm;
end
$$;
comment on function chat.broadcast(text[], jsonb[]) is
    'Writes one payload a topic to Realtime, null topics left out; the payload''s `type` is the event. Does nothing where Realtime is absent.';
