-- What: which rows of mod_chat_visitors are one person.
-- Why: a merge is a pointer and rows keep their visitor_id, so whoever speaks of a person follows the pointers.
-- Leaves out: what a visitor of the widget sees. That is their own session's row, never what an agent merged.

create or replace function chat.person_of(p_visitor uuid)
returns uuid
language sql
stable
as $$
    -- `union`, so that a circle that somebody made by hand ends.
    with recursive up (id, merged_into) as (
        select v.id, v.merged_into from public.mod_chat_visitors v where v.id = p_visitor
        union
        select v.id, v.merged_into from up join public.mod_chat_visitors v on v.id = up.merged_into)
    select coalesce((select up.id from up where up.merged_into is null), p_visitor)
$$;
comment on function chat.person_of(uuid) is 'The visitor a visitor was merged into in the end; itself when it was not.';

create or replace function chat.person_rows(p_visitor uuid)
returns uuid[]
language sql
stable
as $$
    with recursive down (id) as (
        select chat.person_of(p_visitor)
        union
        select v.id from down join public.mod_chat_visitors v on v.merged_into = down.id)
    select array_agg(down.id order by down.id) from down
$$;
comment on function chat.person_rows(uuid) is 'Every visitor that is the same person, by merges in any direction, in the order of locks.';

create or replace function chat.require_for_visitor(p_visitor uuid, p_permission text)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    site uuid;
begin
    select v.site_id into site from public.mod_chat_visitors v where v.id = p_visitor;
    if not found or not chat.may(site, 'live-chat.conversations.view')
        or site = any (chat.my_limited_sites()) and not chat.sees_visitor(p_visitor)
    then
        raise exception 'there is no visitor %', coalesce(p_visitor::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_visitor', hint = 'use the id of a visitor of your site';
    end if;
    perform chat.require(site, p_permission);
    return site;
end
$$;
comment on function chat.require_for_visitor(uuid, text) is
    'The site of a visitor the caller sees and has the permission for. PT404 chat/no_such_visitor, PT403 chat/not_allowed.';

create or replace function chat.lock_visitors(p_visitors uuid[])
returns void
language plpgsql
as $$
declare
    locked integer;
begin
    perform from public.mod_chat_visitors v where v.id = any (p_visitors) order by v.id for no key update;
    get diagnostics locked = row_count;
    if locked < (select count(distinct v.id) from unnest(p_visitors) v (id)) then
        raise exception 'a visitor was erased meanwhile'
            using errcode = 'PT404', detail = 'chat/no_such_visitor', hint = 'look again who is there';
    end if;
end
$$;
comment on function chat.lock_visitors(uuid[]) is
    'Locks visitors in the order of their ids. PT404 chat/no_such_visitor when one of them was erased meanwhile.';

create or replace function public.chat_person(visitor uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    person uuid;
    rows uuid[];
begin
    perform chat.require_for_visitor(chat_person.visitor, 'live-chat.conversations.view');
    person := chat.person_of(chat_person.visitor);
    rows := chat.person_rows(chat_person.visitor);
    return (
        select jsonb_build_object(
            'person', (select to_jsonb(v) from public.mod_chat_visitors v where v.id = person),
            'merged', coalesce((
                select jsonb_agg(to_jsonb(v) order by v.created_at, v.id)
                from public.mod_chat_visitors v where v.id = any (rows) and v.id <> person), '[]'),
            'total_visits', sum(v.total_visits),
            'total_conversations', sum(v.total_conversations),
            'total_messages', sum(v.total_messages),
            'first_seen_at', min(v.first_seen_at),
            'last_seen_at', max(v.last_seen_at),
            'tags', coalesce((
                select jsonb_agg(distinct t.tag)
                from public.mod_chat_visitors m cross join lateral unnest(m.tags) t (tag)
                where m.id = any (rows)), '[]'),
            'blocked', bool_or(chat.is_blocked(v.site_id, v.id, null)))
        from public.mod_chat_visitors v
        where v.id = any (rows));
end
$$;
comment on function public.chat_person(uuid) is
    'A person over all visitors merged with this one: {person, merged: [rows], totals, first_seen_at, last_seen_at, tags, blocked}. Needs live-chat.conversations.view. PT404 chat/no_such_visitor.';
