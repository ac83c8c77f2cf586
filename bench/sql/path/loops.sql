-- What: the seeds' way with the rest of our path's work (an event row, a lane and its job, one broadcast of three),
--       and loops that do one message a transaction.
-- Why: with equal work the hot conversation compares locks and row versions, not features; and a loop inside one backend
--      shows a message's cost without the client's round trip.
-- Leaves out: what only we do: the sender's identity, gapless numbers, the window, the visitor's figures.

create table seeds.events (
    id bigint generated always as identity primary key,
    site_id uuid not null, name text not null, conversation_id uuid, message_id uuid, agent_id uuid,
    at timestamptz not null default clock_timestamp()
);
create index on seeds.events (site_id, id);

create table seeds.lanes (
    key text primary key, kind text not null, class text not null,
    ready boolean not null default true, busy boolean not null default false,
    next_at timestamptz not null default clock_timestamp(),
    lease_token uuid, lease_until timestamptz, attempts integer not null default 0
) with (fillfactor = 70);
create index on seeds.lanes (class, next_at) where ready and not busy;
insert into seeds.lanes (key, kind, class, ready)
select 'read:' || id, 'whatsapp.mark_read', 'notification', false from seeds.conversations;

create table seeds.jobs (
    id bigint generated always as identity primary key,
    lane text not null, kind text not null, site_id uuid not null, payload jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);
create index on seeds.jobs (lane, id);

create function seeds.receive(site uuid, conversation uuid, visitor text, name text, content text, wamid text)
returns void
language plpgsql
as $$
declare
    message constant uuid := gen_random_uuid();
    reading constant text := 'read:' || conversation;
begin
    insert into seeds.messages (
        id, conversation_id, site_id, sender_type, sender_id, sender_name, content, status, whatsapp_message_id)
    values (message, conversation, site, 'visitor', visitor, name, content, 'delivered', wamid);

    insert into seeds.events (site_id, name, conversation_id, message_id)
    values (site, 'chat.message.received', conversation, message);

    -- A newer read mark takes the place of one that still waits.
    insert into seeds.lanes as l (key, kind, class) values (reading, 'whatsapp.mark_read', 'notification')
    on conflict (key) do update set ready = true where not l.ready;
    update seeds.jobs j set payload = jsonb_build_object('wamid', wamid) where j.lane = reading;
    if not found then
        insert into seeds.jobs (lane, kind, site_id, payload)
        values (reading, 'whatsapp.mark_read', site, jsonb_build_object('wamid', wamid));
    end if;

    insert into realtime.messages (topic, extension, event, payload, private)
    select t.topic, 'broadcast', 'new_message',
        jsonb_build_object('v', 1, 'type', 'new_message', 'conversation_id', conversation, 'message_id', message), true
    from (values ('chat:site:' || site), ('chat:conversation:' || conversation), ('chat:visitor:' || visitor)) t (topic);
end
$$;

create procedure seeds.each(
    site uuid, conversations uuid[], visitors text[], names text[], texts text[], wamids text[])
language plpgsql
as $$
begin
    for n in 1 .. cardinality(conversations) loop
        insert into seeds.messages (
            conversation_id, site_id, sender_type, sender_id, sender_name, content, status, whatsapp_message_id)
        values (conversations[n], site, 'visitor', visitors[n], names[n], texts[n], 'delivered', wamids[n]);
        commit;
    end loop;
end
$$;

create procedure seeds.each_with_equal_work(
    site uuid, conversations uuid[], visitors text[], names text[], texts text[], wamids text[])
language plpgsql
as $$
begin
    for n in 1 .. cardinality(conversations) loop
        perform seeds.receive(site, conversations[n], visitors[n], names[n], texts[n], wamids[n]);
        commit;
    end loop;
end
$$;
