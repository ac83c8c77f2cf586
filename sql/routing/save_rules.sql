-- What: reads a site's rules, and replaces them.
-- Why: what contradicts itself, hides, loops or names what is gone is told to whoever types it, with its place; it would be
--      looked for in vain when a chat goes astray.
-- Leaves out: when they are asked (sort_by_rules.sql) and what they would have done (try_rules.sql).

create or replace function chat.known_to_rules(p_site uuid)
returns jsonb
language plpgsql
stable
as $$
begin
    return jsonb_build_object(
        'departments', coalesce((
            select jsonb_agg(d.id) from public.mod_chat_departments d where d.site_id = p_site and d.is_active), '[]'),
        'numbers', coalesce((
            select jsonb_agg(n.phone_number_id) from chat.whatsapp_numbers n where n.site_id = p_site), '[]'),
        'fallbacks', coalesce((
            select jsonb_object_agg(s.department_id, s.fallback_department_id)
            from chat.routing_settings s
            where s.site_id = p_site and s.department_id is not null and s.fallback_department_id is not null), '{}'));
end
$$;
comment on function chat.known_to_rules(uuid) is 'What rules of a site may name: {departments, numbers, fallbacks}.';

create or replace function chat.require_rules(p_site uuid, p_rules jsonb)
returns void
language plpgsql
stable
as $$
declare
    wrong text;
begin
    if pg_column_size(p_rules) > 65536 or p_rules @? '$.**{10}'
        or p_rules @? '$.** ? (@.type() == "number" && (@ > 1e300 || @ < -1e300))'
    then
        raise exception 'these rules take more than 64 kB or 9 levels, or hold a number that is too large'
            using errcode = 'PT422', detail = 'chat/routing_rules', hint = 'use fewer rules, or shorter lists in them';
    end if;
    select string_agg(format('%s: %s', p ->> 'at', replace(p ->> 'problem', '_', ' ')) || coalesce(format(' (see %s)', p ->> 'with'), ''),
        '; ') into wrong
    from (
        select p
        from jsonb_array_elements(chat.rule_problems(coalesce(p_rules, 'null'), chat.known_to_rules(p_site))) with ordinality x (p, place)
        order by place
        limit 10) told;
    if wrong is not null then
        raise exception 'these rules cannot be used: %', wrong
            using errcode = 'PT422', detail = 'chat/routing_rules',
                hint = 'for example [{"name": "Pricing", "if": {"page": ["/pricing*"]}, "then": {"priority": "high"}}]; docs/routing-rules.md says it all';
    end if;
end
$$;
comment on function chat.require_rules(uuid, jsonb) is
    'Raises unless rules can be used at a site; says where and why not. PT422 chat/routing_rules.';

create or replace function chat.rules_of(p_site uuid)
returns chat.routing_rules
language plpgsql
stable
as $$
declare
    saved chat.routing_rules;
begin
    select r.* into saved from chat.routing_rules r where r.site_id = p_site order by r.version desc limit 1;
    saved.version := coalesce(saved.version, 0);
    saved.rules := coalesce(saved.rules, '[]');
    return saved;
end
$$;
comment on function chat.rules_of(uuid) is 'The rules that count at a site; version 0 where none were ever saved.';

create or replace function chat.keep_rules(p_site uuid, p_rules jsonb, p_version integer, p_by uuid)
returns void
language plpgsql
as $$
begin
    insert into chat.routing_rules (site_id, version, rules, saved_by) values (p_site, p_version, p_rules, p_by);
    delete from chat.routing_rules r where r.site_id = p_site and r.version <= p_version - 100;
    update chat.routing r set rules_version = case when p_rules <> '[]' then p_version end where r.site_id = p_site;
end
$$;
comment on function chat.keep_rules(uuid, jsonb, integer, uuid) is
    'Makes a new version of a site''s rules the one that counts. The caller holds the routing row.';

create or replace function public.chat_routing_rules(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    saved chat.routing_rules;
begin
    perform chat.require(chat_routing_rules.site, 'live-chat.conversations.view');
    saved := chat.rules_of(chat_routing_rules.site);
    return jsonb_build_object(
        'version', saved.version,
        'saved_at', saved.saved_at,
        'saved_by', saved.saved_by,
        'rules', saved.rules,
        'problems', chat.rule_problems(saved.rules, chat.known_to_rules(chat_routing_rules.site)));
end
$$;
comment on function public.chat_routing_rules(uuid) is
    'The rules by which a site sorts what comes: {version, saved_at, saved_by, rules, problems}; version 0: none yet. problems [{at, problem, with}] says what has come between since they were saved, such as a department that was deleted: its rules are passed over. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

create or replace function public.chat_save_routing_rules(site uuid, rules jsonb, version integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    latest integer;
begin
    perform chat.require(chat_save_routing_rules.site, 'live-chat.agents.manage');
    perform chat.lock_routing(chat_save_routing_rules.site);
    perform chat.require_rules(chat_save_routing_rules.site, chat_save_routing_rules.rules);
    latest := (chat.rules_of(chat_save_routing_rules.site)).version;
    if chat_save_routing_rules.version <> latest then
        raise exception 'somebody saved version % of these rules meanwhile', latest
            using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'read them again with chat_routing_rules, then save with that version';
    end if;
    perform chat.keep_rules(chat_save_routing_rules.site, chat_save_routing_rules.rules, latest + 1, auth.uid());
    return public.chat_routing_rules(chat_save_routing_rules.site);
end
$$;
comment on function public.chat_save_routing_rules(uuid, jsonb, integer) is
    'Replaces the ordered rules of a site, [{name, enabled, if, then}] as docs/routing-rules.md says; an empty list is none. They sort what comes from now on, the first that holds alone. `version`: the one that was read, so that nobody''s change is lost; null: whatever there is. Answers as chat_routing_rules. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT409 chat/changed_meanwhile; PT422 chat/routing_rules.';
