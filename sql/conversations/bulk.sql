-- What: one change to many conversations.
-- Why: clients that PATCH many rows lock them in the order of a plan; two such requests wait for each other. Here people and
--      then conversations are locked by id, and one refusal does not undo the rest.
-- Leaves out: rights and rules. It runs as its caller, so each row is changed as by that caller's own PATCH.

create or replace function chat.lock_people_of(p_conversations uuid[])
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.lock_identities(array(
        select c.identity_id from public.mod_chat_conversations c
        where c.id = any (p_conversations) and c.site_id = any (chat.my_sites_with('live-chat.conversations.view'))));
end
$$;
comment on function chat.lock_people_of(uuid[]) is
    'Locks the persons of conversations of the caller''s sites, by id: the first lock of whoever may open several conversations again (docs/architecture.md).';

create or replace function public.chat_bulk(conversations uuid[], change jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    known constant text[] := array[
        'status', 'assigned_agent_id', 'department_id', 'priority', 'subject', 'add_tags', 'remove_tags'];
    wanted constant uuid[] := array(select distinct u.id from unnest(chat_bulk.conversations) u (id) where u.id is not null);
    one record;
    changed uuid[] := '{}';
    refused jsonb := '[]';
    says text;
    code text;
    way_out text;
begin
    if jsonb_typeof(chat_bulk.change) is distinct from 'object' or chat_bulk.change = '{}'
        or exists (select from jsonb_object_keys(chat_bulk.change) k where k <> all (known))
    then
        raise exception 'a bulk change is an object with some of %', array_to_string(known, ', ')
            using errcode = 'PT422', detail = 'chat/bulk_change', hint = 'for example {"status": "resolved", "add_tags": ["done"]}';
    end if;
    if cardinality(wanted) > 500 then
        raise exception 'a bulk change takes up to 500 conversations, not %', cardinality(wanted)
            using errcode = 'PT422', detail = 'chat/bulk_size', hint = 'send several requests';
    end if;
    -- Routing follows at commit, a routing row a site: of one site, two bulks cannot wait for each other.
    if (select count(distinct c.site_id) from public.mod_chat_conversations c where c.id = any (wanted)) > 1 then
        raise exception 'a bulk change is about conversations of one site'
            using errcode = 'PT422', detail = 'chat/one_site', hint = 'send a request for each site';
    end if;

    perform chat.lock_people_of(wanted);
    for one in
        select c.id, c.tags from public.mod_chat_conversations c where c.id = any (wanted) order by c.id for no key update
    loop
        begin
            update public.mod_chat_conversations c
            set status = coalesce(change ->> 'status', c.status),
                assigned_agent_id = case when change ? 'assigned_agent_id'
                    then (change ->> 'assigned_agent_id')::uuid else c.assigned_agent_id end,
                department_id = case when change ? 'department_id' then (change ->> 'department_id')::uuid else c.department_id end,
                priority = coalesce(change ->> 'priority', c.priority),
                subject = case when change ? 'subject' then change ->> 'subject' else c.subject end,
                tags = case when change ?| array['add_tags', 'remove_tags'] then array(
                    select t.tag from unnest(c.tags || array(
                        select jsonb_array_elements_text(coalesce(change -> 'add_tags', '[]')))) with ordinality t (tag, place)
                    where not coalesce(change -> 'remove_tags', '[]') ? t.tag
                    order by t.place) else c.tags end
            where c.id = one.id;
            if found then
                changed := changed || one.id;
            end if;
        exception when others then
            -- Faults of the moment (deadlock, shutdown) are no refusals.
            if left(sqlstate, 2) not in ('PT', '22', '23', '42') then
                raise;
            end if;
            get stacked diagnostics says = message_text, code = pg_exception_detail, way_out = pg_exception_hint;
            refused := refused || jsonb_build_object('id', one.id, 'sqlstate', sqlstate, 'message', says,
                'detail', nullif(code, ''), 'hint', nullif(way_out, ''));
        end;
    end loop;
    return jsonb_build_object('changed', to_jsonb(changed), 'refused', refused,
        'absent', to_jsonb(array(select w.id from unnest(wanted) w (id)
            where w.id <> all (changed) and not refused @> jsonb_build_array(jsonb_build_object('id', w.id)))));
end
$$;
comment on function public.chat_bulk(uuid[], jsonb) is
    'One change to up to 500 conversations of a site: {status, assigned_agent_id, department_id, priority, subject, add_tags, remove_tags}. Answers {changed, refused: [{id, sqlstate, message, detail, hint}], absent}. PT422 chat/bulk_change, chat/bulk_size, chat/one_site.';
