-- What: an agent's answer and a conversation's rating become deeds, and deeds become the agent's figures.
-- Why: exact, and without a lock on the agent's row in anybody's message: the tick adds them up under the routing row.
-- Leaves out: automatic answers, notes and echoes of the business's phone, which nobody at a desk wrote.

create or replace function chat.note_answer()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    answered bigint;
    asked_at timestamptz;
begin
    if new.public_seq is null or new.origin <> 'live' or new.sender_id is null then
        return null;
    end if;
    -- The first message since somebody last answered is what the visitor waited with.
    select m.seq into answered
    from public.mod_chat_messages m
    where m.conversation_id = new.conversation_id and m.seq < new.seq
        and m.sender_type in ('agent', 'ai') and m.public_seq is not null
    order by m.seq desc
    limit 1;
    select min(m.sent_at) into asked_at
    from public.mod_chat_messages m
    where m.conversation_id = new.conversation_id and m.seq > coalesce(answered, 0) and m.seq < new.seq
        and m.sender_type = 'visitor' and m.origin = 'live';

    insert into chat.agent_deeds (site_id, agent_id, chats, responses, response_seconds)
    select a.site_id, a.id, d.chats, d.responses, d.seconds
    from public.mod_chat_agents a
    cross join (select
        (not exists (
            select from public.mod_chat_messages m
            where m.conversation_id = new.conversation_id and m.seq < new.seq and m.sender_type = 'agent'
                and m.sender_id = new.sender_id and m.public_seq is not null and m.origin = 'live'))::integer as chats,
        (asked_at is not null)::integer as responses,
        coalesce(greatest(0, extract(epoch from new.sent_at - asked_at)), 0)::bigint as seconds) d
    where a.id = new.sender_id::uuid and (d.chats > 0 or d.responses > 0);
    return null;
end
$$;
comment on function chat.note_answer() is 'After an agent''s message: the conversation they now handle, the time somebody waited for it.';

create or replace function chat.note_rating()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.agent_deeds (site_id, agent_id, ratings, stars)
    select new.site_id, coalesce(new.assigned_agent_id, new.last_agent_id),
        (new.rating is not null)::integer - (old.rating is not null)::integer,
        coalesce(new.rating, 0) - coalesce(old.rating, 0)
    where new.rating is distinct from old.rating and coalesce(new.assigned_agent_id, new.last_agent_id) is not null;
    return null;
end
$$;
comment on function chat.note_rating() is 'After a conversation was rated: the stars of the agent who has it, or had it last.';

create or replace function chat.count_deeds(p_site uuid, p_batch integer)
returns integer
language plpgsql
as $$
declare
    counted integer;
begin
    with taken as (
        delete from chat.agent_deeds d
        where d.id in (
            select x.id from chat.agent_deeds x
            where x.site_id = p_site
            order by x.id
            limit p_batch
            for update skip locked)
        returning d.*
    ), added as (
        select t.agent_id, sum(t.chats) as chats, sum(t.responses) as responses, sum(t.response_seconds) as seconds,
            sum(t.ratings) as ratings, sum(t.stars) as stars, sum(t.unanswered) as unanswered
        from taken t
        group by t.agent_id
    ), total as (
        select a.id, a.total_chats_handled + n.chats as chats, a.total_responses + n.responses as responses,
            a.total_response_seconds + n.seconds as seconds, a.total_ratings + n.ratings as ratings,
            a.total_rating_stars + n.stars as stars, a.total_unanswered + n.unanswered as unanswered
        from public.mod_chat_agents a
        join added n on n.agent_id = a.id
        order by a.id
        for no key update of a
    ), written as (
        update public.mod_chat_agents a
        set total_chats_handled = t.chats,
            total_responses = t.responses,
            total_response_seconds = t.seconds,
            avg_response_time_seconds = coalesce(round(t.seconds / nullif(t.responses, 0)::numeric), 0),
            total_ratings = t.ratings,
            total_rating_stars = t.stars,
            total_unanswered = t.unanswered,
            avg_rating = coalesce(round(t.stars / nullif(t.ratings, 0)::numeric, 2), 0)
        from total t
        where a.id = t.id
        returning a.id)
    select count(*) into counted from taken;
    return counted;
end
$$;
comment on function chat.count_deeds(uuid, integer) is
    'Adds up to so many deeds of a site to its agents'' figures. The caller holds the site''s routing row. Returns how many.';
