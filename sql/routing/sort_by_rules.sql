-- What: the site's rules are asked of a conversation that has just come and that nobody has.
-- Why: once, at commit, before it is handed out: its first message, page and form are there, and its row and the routing
--      row are locked by whoever commits. Whatever people sort afterwards stays so.
-- Leaves out: which rule holds (chat_rules::routing::site_rules).

create or replace function chat.hours_for_rules(p_site uuid, p_rules jsonb)
returns jsonb
language plpgsql
as $$
begin
    return coalesce((
        select jsonb_agg(jsonb_build_object('whose', coalesce(w.department, 'site'), 'hours', known.hours, 'zone', known.zone))
        from (select distinct h ->> 'department' as department from jsonb_path_query(p_rules, '$[*].if.hours[*]') h) w
        left join public.mod_chat_departments d on d.site_id = p_site and d.id::text = lower(w.department)
        cross join lateral chat.hours_of(p_site, d.id) known
        where w.department is null or d.id is not null), '[]');
end
$$;
comment on function chat.hours_for_rules(uuid, jsonb) is
    'The hours that rules ask for: [{whose, hours, zone}], whose being site or the id of a department that there is.';

create or replace function chat.facts_for_rules(
    p_conversation public.mod_chat_conversations, p_known jsonb, p_hours jsonb, p_at timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
    c constant public.mod_chat_conversations := p_conversation;
begin
    return (
        select jsonb_build_object(
            'channel', c.channel,
            'number', c.phone_number_id,
            'page', c.page_url,
            'language', v.language,
            'country', v.country,
            'department_id', c.department_id,
            'tags', to_jsonb(array_remove(c.tags || v.tags, null)),
            'form', jsonb_build_object(
                'name', v.name,
                'email', v.email,
                'phone', coalesce(v.phone, v.whatsapp_phone),
                'message', (
                    select m.content from public.mod_chat_messages m
                    where m.conversation_id = c.id and m.sender_type = 'visitor' order by m.seq limit 1)),
            -- Rules compare single values; what is nested, or a number beyond all of theirs, is only there.
            'visitor', coalesce((
                select jsonb_object_agg(d.key, case
                    when jsonb_typeof(d.value) in ('object', 'array') or d.value > '1e300' and jsonb_typeof(d.value) = 'number'
                        or d.value < '-1e300' and jsonb_typeof(d.value) = 'number' then '[]'
                    else d.value end)
                from jsonb_each(case jsonb_typeof(v.custom_data) when 'object' then v.custom_data end) d), '{}'),
            'departments', p_known -> 'departments',
            'open', coalesce((
                select jsonb_object_agg(lower(h ->> 'whose'), o.is_open)
                from jsonb_array_elements(p_hours) h
                cross join lateral chat.hours_at(nullif(h -> 'hours', 'null'), h ->> 'zone', p_at) o), '{}'))
        from public.mod_chat_visitors v
        where v.id = c.visitor_id);
end
$$;
comment on function chat.facts_for_rules(public.mod_chat_conversations, jsonb, jsonb, timestamptz) is
    'What rules are asked of, as chat_rules::routing takes it: a conversation and its visitor, what chat.known_to_rules and chat.hours_for_rules gave, and the moment whose hours count.';

create or replace function chat.sort_by_rules(p_conversation uuid, p_version integer)
returns void
language plpgsql
as $$
declare
    c public.mod_chat_conversations;
    the_rules jsonb;
    verdict jsonb;
    follows jsonb;
begin
    select x.* into c from public.mod_chat_conversations x
    where x.id = p_conversation and x.status = 'pending' and x.assigned_agent_id is null;
    if not found then
        return;
    end if;
    select r.rules into the_rules from chat.routing_rules r where r.site_id = c.site_id and r.version = p_version;
    verdict := chat.match_rules(the_rules, jsonb_build_array(chat.facts_for_rules(
        c, chat.known_to_rules(c.site_id), chat.hours_for_rules(c.site_id, the_rules), clock_timestamp()))) -> 0;
    if verdict ->> 'place' is null and verdict -> 'passed_over' = '[]' then
        return;
    end if;
    follows := verdict -> 'then';
    update public.mod_chat_conversations x
    set department_id = coalesce((follows ->> 'department')::uuid, x.department_id),
        priority = coalesce(follows ->> 'priority', x.priority),
        skills = case when follows ? 'skills' then array(select jsonb_array_elements_text(follows -> 'skills')) else x.skills end,
        assistant = coalesce((follows ->> 'assistant')::boolean, x.assistant),
        tags = (x.tags || array(select jsonb_array_elements_text(follows -> 'tags')))[:50],
        applied_rule = verdict || jsonb_build_object('version', p_version, 'came_with', jsonb_build_object(
            'department_id', c.department_id, 'tags', c.tags, 'priority', c.priority))
    where x.id = c.id;
end
$$;
comment on function chat.sort_by_rules(uuid, integer) is
    'Asks a version of the site''s rules of a conversation that waits, which the caller has locked with the routing row, does what the first one says that holds, and keeps which it was.';
