-- What: the one door to Supabase Realtime.
-- Why: all topics of a change go out in one insert; realtime.send would cost a subtransaction a topic. The times are
--      given in UTC, because the columns have no zone and a session's own would put the row into the wrong day's
--      partition. A broadcast is a hint: its failure is a warning and a count, never the fault of the message.
--      Where there is no Realtime not even the subtransaction is paid for.
-- Leaves out: which topics a change has (the callers know), and who may join them.

create sequence if not exists chat.broadcast_failures;
comment on sequence chat.broadcast_failures is
    'Counts broadcasts that could not be written. A sequence, so that the count survives a rollback.';

create or replace function chat.broadcast(p_topics text[], p_payload jsonb, p_changes_before bigint[])
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if to_regclass('realtime.messages') is null then
        return;
    end if;
    begin
        insert into realtime.messages (topic, extension, event, payload, private, inserted_at, updated_at)
        select m.topic, 'broadcast', p_payload ->> 'type',
            case when m.before is null then p_payload else p_payload || jsonb_build_object('prev', m.before) end,
            true, now() at time zone 'UTC', now() at time zone 'UTC'
        from unnest(p_topics, p_changes_before) as m (topic, before)
        where m.topic is not null;
    exception when others then
        perform nextval('chat.broadcast_failures');
        raise warning 'pg_chat: a broadcast was not written: %', sqlerrm;
    end;
end
$$;
comment on function chat.broadcast(text[], jsonb, bigint[]) is
    'Writes a payload to each topic of Realtime, null topics left out, with `prev`, the change before it on that topic. The payload''s `type` is the event. Does nothing where Realtime is absent.';
