-- What: visitors who wait hear that they moved.
-- Why: by the tick and not in the transaction that moved them, which would write to the whole line. A site is looked at
--      every five seconds by one of the ticks, and nobody is told more often than every ten.
-- Leaves out: whoever stands behind the first 500 of a line, who may ask (chat_queue_position); WhatsApp, where nobody listens.

create or replace function chat.know_sites()
returns integer
language plpgsql
as $$
declare
    known integer;
begin
    insert into chat.site_looks (site_id)
    select r.site_id from chat.routing r
    where not exists (select from chat.site_looks l where l.site_id = r.site_id)
    order by r.site_id
    on conflict do nothing;
    get diagnostics known = row_count;
    return known;
end
$$;
comment on function chat.know_sites() is
    'Makes the rows of chat.site_looks. Two may wait for each other''s rows here and nowhere later, so it is the first thing a tick does.';

create or replace function chat.tell_queue(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    look uuid;
    one record;
    told integer := 0;
begin
    for look in
        select l.site_id
        from chat.site_looks l
        where l.queue_at < p_now - interval '5 seconds'
            and (exists (select from chat.queue_of(l.site_id, 1))
                or exists (select from chat.queue_told t where t.site_id = l.site_id))
        order by l.queue_at
        limit p_batch
        for no key update of l skip locked
    loop
        update chat.site_looks l set queue_at = p_now where l.site_id = look;
        delete from chat.queue_told t
        where t.site_id = look and not exists (
            select from public.mod_chat_conversations c
            where c.id = t.conversation_id and c.status = 'pending' and c.assigned_agent_id is null);
        for one in
            with queue as materialized (
                select q.* from chat.queue_of(look, 500) q
            ), line as materialized (
                select x.department_id, chat.line_facts(look, x.department_id, p_now) as facts
                from (select distinct q.department_id from queue q) x
            )
            select q.conversation_id, q.place, c.visitor_id, w.wait
            from queue q
            join public.mod_chat_conversations c on c.id = q.conversation_id and c.channel = 'widget'
            join line l on l.department_id is not distinct from q.department_id
            cross join lateral (
                select chat.expected_wait(l.facts || jsonb_build_object('position', q.place)) as wait offset 0) w
            left join chat.queue_told t on t.conversation_id = q.conversation_id
            where (t.told_at < p_now - interval '10 seconds') is not false
                and chat.queue_news(t.place, t.expected_seconds, q.place, (w.wait ->> 'seconds')::bigint)
            order by t.told_at nulls first, q.place
            limit p_batch
        loop
            insert into chat.queue_told as t (conversation_id, site_id, place, expected_seconds, told_at)
            values (one.conversation_id, look, one.place, (one.wait ->> 'seconds')::bigint, p_now)
            on conflict (conversation_id) do update
            set place = excluded.place, expected_seconds = excluded.expected_seconds, told_at = excluded.told_at;
            perform chat.broadcast(
                array['chat:visitor:' || one.visitor_id, 'chat:conversation:' || one.conversation_id],
                jsonb_build_object('v', 1, 'type', 'queue_position', 'conversation_id', one.conversation_id,
                    'position', one.place, 'expected_seconds', one.wait -> 'seconds', 'from_chats', one.wait -> 'from_chats'),
                array[null, null]::bigint[]);
            told := told + 1;
        end loop;
    end loop;
    return told;
end
$$;
comment on function chat.tell_queue(integer, timestamptz) is
    'Tells visitors who wait their place and expected wait, where either differs by what they would notice from what they were told last. Returns how many.';
