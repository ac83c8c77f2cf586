-- What: which conversations the tick looks at, so that clocks follow what is written and done.
-- Why: one tick at a time, and it waits for nobody: whoever is being erased is left for later, so this may stand behind
--      everything else that a tick does. Events are followed twice. As soon as they are seen, because nobody's promise can
--      wait for a stranger's long transaction; and once more when all that ran at the time have ended, because an event
--      with a lower id may have become visible later. Looking twice changes nothing.
-- Leaves out: the looking (look_at_sla.sql).

create or replace function chat.sla_events(p_after bigint, p_up_to bigint, p_batch integer)
returns table (conversations uuid[], reached bigint)
language plpgsql
stable
as $$
begin
    return query
        select coalesce(array_agg(distinct x.conversation_id), '{}'),
            case when count(*) < p_batch then greatest(p_after, coalesce(p_up_to, (select max(n.id) from chat.events n), 0))
                else coalesce(max(x.id), p_after) end
        from (
            select e.id, e.conversation_id
            from chat.events e
            where e.id > p_after and (p_up_to is null or e.id <= p_up_to)
                and e.name in ('chat.message.received', 'chat.message.sent', 'chat.conversation.created')
                and exists (select from chat.sla_policies p where p.site_id = e.site_id)
            order by e.id
            limit p_batch) x;
end
$$;
comment on function chat.sla_events(bigint, bigint, integer) is
    'Conversations of sites with policies in which something was written, by events after an id and up to another (null: the newest), and how far that reaches.';

create or replace function chat.lacks_pause(p_conversation public.mod_chat_conversations)
returns boolean
language sql
stable
as $$
    select p_conversation.status not in ('pending', 'active')
        and not exists (
            select from chat.sla_pauses p where p.conversation_id = p_conversation.id and p.ended_at is null)
        and (exists (select from chat.sla_policies y where y.site_id = p_conversation.site_id)
            or exists (select from chat.sla_cases k where k.conversation_id = p_conversation.id))
$$;
comment on function chat.lacks_pause(public.mod_chat_conversations) is
    'Whether a conversation waits or is over, and whoever had it do so could not see yet that anything is promised (note_sla.sql).';

create or replace function chat.add_pauses(p_conversations uuid[])
returns void
language plpgsql
as $$
declare
    held constant uuid[] := array(
        select c.id from public.mod_chat_conversations c
        where c.id = any (p_conversations) and chat.lacks_pause(c)
        for no key update of c skip locked);
begin
    -- Asked again now that they are held. What waits since before there were promises, waits since now.
    insert into chat.sla_pauses (site_id, conversation_id, seq, began_at, is_end)
    select c.site_id, c.id, c.last_seq, coalesce(c.archived_at, clock_timestamp()), c.archived_at is not null
    from public.mod_chat_conversations c
    where c.id = any (held) and chat.lacks_pause(c);
    -- Whoever holds one may just go on with it: these are looked at once more.
    insert into chat.sla_changes (site_id, conversation_id)
    select c.site_id, c.id from public.mod_chat_conversations c
    where c.id = any (p_conversations) and c.id <> all (held) and chat.lacks_pause(c);
end
$$;
comment on function chat.add_pauses(uuid[]) is
    'Adds what chat.note_sla() would have noted of these conversations, had the site''s promises been seen.';

create or replace function chat.sla_sites(p_batch integer)
returns uuid[]
language plpgsql
as $$
declare
    due chat.sla_changes;
    swept uuid[];
begin
    select d.* into due from chat.sla_changes d where d.conversation_id is null order by d.id limit 1;
    if not found then
        return '{}';
    end if;
    if due.told_xid is null then
        -- What was told since has its turn with it.
        delete from chat.sla_changes d where d.site_id = due.site_id and d.conversation_id is null and d.id > due.id;
        update chat.sla_changes d set told_xid = chat.xid_from_now('chat.sla_progress') where d.id = due.id;
        return '{}';
    elsif not chat.all_ended(due.told_xid) then
        return '{}';
    end if;

    swept := array(
        select c.id from public.mod_chat_conversations c
        where c.site_id = due.site_id and c.archived_at is null and (due.reached is null or c.id > due.reached)
        order by c.id
        limit p_batch);
    if cardinality(swept) < p_batch then
        delete from chat.sla_changes d where d.id = due.id;
    else
        update chat.sla_changes d set reached = swept[cardinality(swept)] where d.id = due.id;
    end if;
    return swept;
end
$$;
comment on function chat.sla_sites(integer) is
    'The next open conversations of a site whose policies or hours changed.';

create or replace function chat.follow_sla(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    progress chat.sla_progress;
    told uuid[];
    seen record;
    settled record;
    found_ids uuid[];
    known uuid[];
    one uuid;
begin
    if not exists (select from chat.sla_policies) and not exists (select from chat.sla_changes) then
        return 0;
    end if;
    -- One tick at a time; the others have better things to do.
    select * into progress from chat.sla_progress for update skip locked;
    if not found then
        return 0;
    end if;

    with next as (
        select d.id from chat.sla_changes d where d.conversation_id is not null order by d.id limit p_batch),
    done as (
        delete from chat.sla_changes d using next n where d.id = n.id returning d.conversation_id)
    select coalesce(array_agg(distinct d.conversation_id), '{}') into told from done d;
    select * into seen from chat.sla_events(progress.seen_id, null, p_batch);
    select '{}'::uuid[] as conversations, progress.event_id as reached into settled;
    if progress.event_id >= progress.up_to then
        progress.up_to := seen.reached;
        progress.up_to_xid := chat.xid_from_now('chat.sla_progress');
    elsif chat.all_ended(progress.up_to_xid) then
        select * into settled from chat.sla_events(progress.event_id, progress.up_to, p_batch);
    end if;
    found_ids := array(
        select unnest(told || seen.conversations || chat.sla_sites(p_batch))
        union
        select c.id from public.mod_chat_conversations c
        left join chat.sla_cases k on k.conversation_id = c.id
        where c.id = any (settled.conversations)
            and (k.read_seq is null or k.read_seq < c.last_seq or chat.lacks_pause(c))
        union
        (select k.conversation_id from chat.sla_cases k where k.next_at <= p_now order by k.next_at limit p_batch));
    update chat.sla_progress
    set seen_id = seen.reached, event_id = settled.reached, up_to = progress.up_to, up_to_xid = progress.up_to_xid;

    perform chat.add_pauses(found_ids);
    -- Nobody is waited for who erases one of them.
    known := array(select c.id from public.mod_chat_conversations c where c.id = any (found_ids) for key share skip locked);
    insert into chat.sla_changes (site_id, conversation_id)
    select c.site_id, c.id from public.mod_chat_conversations c where c.id = any (found_ids) and c.id <> all (known);
    foreach one in array known loop
        perform chat.look_at_sla(one, p_now);
    end loop;
    return cardinality(known);
end
$$;
comment on function chat.follow_sla(integer, timestamptz) is
    'Looks at the conversations whose clocks something started, stopped or changed, or which warn or break now, in batches; how many. For the tick, which has other things to do first.';
