-- The way that comes to mind first: realtime.send once a topic.
create or replace function chat.broadcast(p_topics text[], p_payload jsonb, p_changes_before bigint[])
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    m record;
begin
    for m in select * from unnest(p_topics, p_changes_before) as x (topic, before) where x.topic is not null loop
        perform realtime.send(
            case when m.before is null then p_payload else p_payload || jsonb_build_object('prev', m.before) end,
            p_payload ->> 'type', m.topic, true);
    end loop;
end
$$;
