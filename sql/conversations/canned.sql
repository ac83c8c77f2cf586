-- What: finding a ready answer by its /shortcut or words, and using it.
-- Why: an agent types a few letters; their own answers and those used often come first. Using one fills its places and
--      counts. What it leaves empty is told, so that nobody sends a hole.
-- Leaves out: sending it; keeping the answers, which is plain rows (policies/conversations.sql).

create or replace function public.chat_find_canned(site uuid, query text default '', page_size integer default 10)
returns setof public.mod_chat_canned_responses
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    me constant uuid := auth.uid();
    -- A shortcut is the same with and without its stroke.
    wanted constant text := lower(ltrim(btrim(coalesce(chat_find_canned.query, '')), '/'));
begin
    perform chat.require(chat_find_canned.site, 'live-chat.conversations.reply');
    return query
        select r.*
        from public.mod_chat_canned_responses r
        cross join lateral (select lower(ltrim(btrim(r.shortcut), '/')) as shortcut) s
        where r.site_id = chat_find_canned.site and r.is_active and (r.is_shared or r.created_by = me)
            and (wanted = '' or starts_with(s.shortcut, wanted)
                or btrim(chat_find_canned.query) not like '/%'
                    and (strpos(lower(r.title), wanted) > 0 or strpos(lower(r.content), wanted) > 0
                        or strpos(lower(r.category), wanted) > 0 or wanted = any (lower(r.tags::text)::text[])))
        order by s.shortcut = wanted desc nulls last, starts_with(s.shortcut, wanted) and wanted <> '' desc nulls last,
            r.created_by = me and not r.is_shared desc nulls last, r.usage_count desc, r.title, r.id
        limit least(greatest(coalesce(chat_find_canned.page_size, 10), 1), 100);
end
$$;
comment on function public.chat_find_canned(uuid, text, integer) is
    'Ready answers the caller may use: `/re` finds shortcuts that begin so, other words also titles, texts, categories and tags. Best first. PT403 chat/not_allowed.';

create or replace function public.chat_use_canned(response uuid, conversation uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    me constant uuid := auth.uid();
    chat_row public.mod_chat_conversations;
    answer public.mod_chat_canned_responses;
    filled jsonb;
begin
    chat_row := chat.lock_conversation(chat_use_canned.conversation, 'live-chat.conversations.reply');
    update public.mod_chat_canned_responses r
    set usage_count = r.usage_count + 1, last_used_at = clock_timestamp()
    where r.id = chat_use_canned.response and r.site_id = chat_row.site_id and r.is_active
        and (r.is_shared or r.created_by = me)
    returning r.* into answer;
    if not found then
        raise exception 'there is no ready answer % that you may use', chat_use_canned.response
            using errcode = 'PT404', detail = 'chat/no_such_canned', hint = 'chat_find_canned lists them';
    end if;
    select chat.fill_variables(answer.content, jsonb_build_object(
        'visitor.name', v.name, 'visitor.first_name', split_part(btrim(v.name), ' ', 1), 'visitor.email', v.email,
        'visitor.phone', v.phone, 'visitor.city', v.city, 'visitor.country', v.country,
        'agent.name', a.display_name, 'agent.email', a.email, 'department.name', d.name,
        'conversation.number', chat_row.session_number, 'conversation.subject', chat_row.subject,
        'site.name', coalesce(w.company_name, to_jsonb(s) ->> 'name'))) into filled
    from public.mod_chat_visitors v
    join public.sites s on s.id = v.site_id
    left join public.mod_chat_agents a on a.site_id = v.site_id and a.user_id = me and a.is_active
    left join public.mod_chat_departments d on d.id = chat_row.department_id
    left join public.mod_chat_widget_settings w on w.site_id = v.site_id
    where v.id = chat_row.visitor_id;
    return jsonb_build_object('id', answer.id) || filled;
end
$$;
comment on function public.chat_use_canned(uuid, uuid) is
    'Counts one use of a ready answer and answers {id, content, missing, unknown}: the words with {{visitor.name|default}}, visitor.first_name, .email, .phone, .city, .country, agent.name, .email, department.name, conversation.number, .subject and site.name filled in. PT404 chat/no_such_canned and chat/no_such_conversation, PT403 chat/not_allowed.';
