-- What: what a filter of the inbox means, as a condition on conversations `c` whose place in the order is `{at}`.
-- Why: pages, counts and saved views read a filter the same way. The keys are LC-01's ConversationFilters and ours; every
--      value is quoted as a literal, so the planner sees it.
-- Leaves out: who may see what, and `search`, which is looked up before (find_conversations.sql).

create or replace function chat.bad_filter(p_key text, p_value jsonb, p_hint text)
returns text
language plpgsql
immutable
as $$
begin
    raise exception 'the filter % cannot be %', p_key, left(p_value::text, 100)
        using errcode = 'PT422', detail = 'chat/bad_filter', hint = p_hint;
end
$$;
comment on function chat.bad_filter(text, jsonb, text) is 'Raises PT422 chat/bad_filter for one key of a filter.';

create or replace function chat.filter_word(p_key text, p_value jsonb, p_words text[])
returns text
language plpgsql
immutable
as $$
begin
    if p_value #>> '{}' = any (p_words) then
        return p_value #>> '{}';
    end if;
    return chat.bad_filter(p_key, p_value, 'use one of ' || array_to_string(p_words, ', '));
end
$$;
comment on function chat.filter_word(text, jsonb, text[]) is 'A word of a filter, which must be one of a list. PT422 chat/bad_filter.';

create or replace function chat.filter_id(p_key text, p_value jsonb)
returns uuid
language plpgsql
immutable
as $$
begin
    if p_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return (p_value #>> '{}')::uuid;
    end if;
    return chat.bad_filter(p_key, p_value, 'use an id (uuid)');
end
$$;
comment on function chat.filter_id(text, jsonb) is 'An id of a filter. PT422 chat/bad_filter.';

create or replace function chat.filter_time(p_key text, p_value jsonb, p_end boolean)
returns timestamptz
language plpgsql
stable
as $$
declare
    words constant text := p_value #>> '{}';
begin
    if jsonb_typeof(p_value) = 'string' and words ~ '^\d{4}-\d\d-\d\d' then
        -- A day without a time means all of it.
        return words::timestamptz + case when p_end and length(words) = 10 then interval '1 day' else interval '0' end;
    end if;
    return chat.bad_filter(p_key, p_value, 'use a date or a time, as 2026-01-31 or 2026-01-31T12:00:00Z');
exception when data_exception then
    return chat.bad_filter(p_key, p_value, 'use a date or a time, as 2026-01-31 or 2026-01-31T12:00:00Z');
end
$$;
comment on function chat.filter_time(text, jsonb, boolean) is
    'A time of a filter; a day alone is its beginning, or with p_end the beginning of the next. PT422 chat/bad_filter.';

create or replace function chat.inbox_condition(p_filters jsonb)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    limited constant uuid[] := chat.my_limited_sites();
    me constant uuid[] := array(select a.id from public.mod_chat_agents a where a.user_id = auth.uid() and a.is_active);
    parts text[] := array['true'];
    filter record;
begin
    if jsonb_typeof(p_filters) is distinct from 'object' then
        perform chat.bad_filter('filters', p_filters, 'use an object, as {"status": "open"}');
    end if;
    if limited <> '{}' then
        parts := parts || format('(c.site_id <> all (%L) or chat.in_part(%L, c.site_id, c.assigned_agent_id, c.last_agent_id,
            c.department_id, c.phone_number_id))', limited, chat.my_part());
    end if;
    for filter in
        select e.key, e.value, e.value #>> '{}' as word from jsonb_each(p_filters) e
        where e.value not in ('null', '"all"') or e.key = 'search'
        order by e.key
    loop
        parts := parts || case filter.key
            when 'status' then case
                    chat.filter_word('status', filter.value, array['pending', 'active', 'waiting', 'resolved', 'closed',
                        'missed', 'open', 'archived', 'snoozed', 'all'])
                when 'open' then 'c.archived_at is null'
                when 'archived' then 'c.archived_at is not null'
                when 'snoozed' then 'c.archived_at is null and c.snoozed_until is not null'
                else format('c.status = %L and c.archived_at is %s', filter.word,
                    case when filter.word in ('pending', 'active', 'waiting') then 'null' else 'not null' end)
            end
            when 'channel' then format('c.channel = %L',
                chat.filter_word('channel', filter.value, array['widget', 'whatsapp', 'api', 'all']))
            when 'priority' then format('c.priority = %L',
                chat.filter_word('priority', filter.value, array['low', 'normal', 'high', 'urgent', 'all']))
            when 'assignedAgentId' then case filter.word
                when 'unassigned' then 'c.assigned_agent_id is null'
                -- One agent as an equality, so that an index gives the order; who works at several sites has several.
                when 'me' then format(case cardinality(me) when 1 then 'c.assigned_agent_id = %L'
                    else 'c.assigned_agent_id = any (%L::uuid[])' end,
                    case cardinality(me) when 1 then me[1]::text else me::text end)
                else format('c.assigned_agent_id = %L', chat.filter_id('assignedAgentId', filter.value))
            end
            when 'departmentId' then case filter.word
                when 'none' then 'c.department_id is null'
                else format('c.department_id = %L', chat.filter_id('departmentId', filter.value))
            end
            -- A person may be several rows.
            when 'visitorId' then format('c.visitor_id = any (%L::uuid[])',
                chat.person_rows(chat.filter_id('visitorId', filter.value)))
            when 'phoneNumberId' then format('c.phone_number_id = %L', filter.word)
            when 'tags' then format('c.tags @> %L::text[]', case jsonb_typeof(filter.value)
                when 'array' then array(select jsonb_array_elements_text(filter.value))
                when 'string' then array[filter.word]
                else chat.bad_filter('tags', filter.value, 'use a tag, or a list of tags that all must be there')::text[]
            end)
            when 'unread' then case filter.value::text
                when 'true' then 'c.unread_agent_count > 0'
                when 'false' then 'c.unread_agent_count = 0'
                else chat.bad_filter('unread', filter.value, 'use true or false')
            end
            when 'sla' then format('exists (select from chat.sla_cases k where k.conversation_id = c.id and k.due_at is not null%s)',
                case chat.filter_word('sla', filter.value, array['running', 'warned', 'breached', 'all'])
                    when 'warned' then ' and k.warned and not k.breached'
                    when 'breached' then ' and k.breached' end)
            -- An order is no condition, but may be misspelt.
            when 'sort' then case chat.filter_word('sort', filter.value, array['last_message', 'sla']) when '' then 'true' end
            when 'dateFrom' then format('{at} >= %L', chat.filter_time('dateFrom', filter.value, false))
            when 'dateTo' then format('{at} < %L', chat.filter_time('dateTo', filter.value, true))
            when 'siteId' then format('c.site_id = %L', chat.filter_id('siteId', filter.value))
            when 'search' then null
            else chat.bad_filter(filter.key, filter.value, 'the filters are status, channel, assignedAgentId, departmentId,'
                ' priority, search, dateFrom, dateTo, siteId, phoneNumberId, visitorId, tags, unread, sla, sort')
        end;
    end loop;
    return array_to_string(parts, ' and ');
end
$$;
comment on function chat.inbox_condition(jsonb) is
    'A filter as a condition on conversations `c` that hides what the caller''s role does not see; {at} stands for its place in the order. PT422 chat/bad_filter.';
