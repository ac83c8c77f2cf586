-- What: what rules say of conversations that came before, as they came.
-- Why: a trial of rules and a simulation with other rules ask the same in one way; and rules are read once for hundreds.
-- Leaves out: what has just come (sort_by_rules.sql).

create or replace function chat.as_it_came(p_conversation public.mod_chat_conversations, p_default uuid)
returns public.mod_chat_conversations
language plpgsql
immutable
as $$
begin
    return jsonb_populate_record(p_conversation,
        coalesce(p_conversation.applied_rule -> 'came_with',
            jsonb_build_object('department_id', nullif(p_conversation.department_id, p_default)))
        || case when p_conversation.applied_rule -> 'then' ? 'skills' then '{"skills": null}' else '{}' end::jsonb);
end
$$;
comment on function chat.as_it_came(public.mod_chat_conversations, uuid) is
    'A conversation before rules and the default department (p_default) had their say, as far as anybody knows.';

create or replace function chat.ask_rules(p_site uuid, p_rules jsonb, p_conversations uuid[])
returns table (came public.mod_chat_conversations, verdict jsonb)
language plpgsql
as $$
declare
    -- Their facts are one value, which has an end.
    at_once constant integer := 500;
    known constant jsonb := chat.known_to_rules(p_site);
    hours constant jsonb := chat.hours_for_rules(p_site, p_rules);
    catch_all constant uuid := chat.default_department(p_site);
begin
    for n in 0 .. (cardinality(p_conversations) - 1) / at_once loop
        return query
        with asked as materialized (
            select chat.as_it_came(x, catch_all) as came
            from public.mod_chat_conversations x
            where x.site_id = p_site and x.id = any (p_conversations[n * at_once + 1 : (n + 1) * at_once]))
        select a.came[v.place::integer], v.verdict
        from (
            select array_agg(k.came order by (k.came).id) as came,
                chat.match_rules(p_rules, jsonb_agg(
                    chat.facts_for_rules(k.came, known, hours, (k.came).created_at) order by (k.came).id)) as verdicts
            from asked k) a
        cross join lateral jsonb_array_elements(a.verdicts) with ordinality v (verdict, place);
    end loop;
end
$$;
comment on function chat.ask_rules(uuid, jsonb, uuid[]) is
    'What rules say of conversations of a site, each as it came and by the hours of its moment: the verdict of chat.match_rules.';
