-- What: the inbox in the order of what is due first of what was promised.
-- Why: the clocks have that order in an index of their own, and only a part of the conversations has any that runs.
-- Leaves out: filters, which are the inbox's (inbox_condition.sql), and the clocks (routing/sla.sql).

create or replace function chat.inbox_by_sla(
    p_sites uuid[], p_condition text, p_found uuid[], p_after jsonb, p_page_size integer)
returns setof public.chat_conversation_list
language plpgsql
stable
as $$
declare
    after_at timestamptz;
    after_id uuid;
begin
    begin
        if p_after <> 'null' then
            after_at := p_after ->> 'sla_due_at';
            after_id := p_after ->> 'id';
            if after_at is null or after_id is null then
                raise data_exception;
            end if;
        end if;
    exception when data_exception then
        raise exception 'the page cannot go on after %', left(p_after::text, 100)
            using errcode = 'PT422', detail = 'chat/bad_after', hint = 'give the last row of the page before, with its sla_due_at and id';
    end;
    return query execute format('
        select v.* from (
            select c.id, k.due_at
            from chat.sla_cases k join public.mod_chat_conversations c on c.id = k.conversation_id
            where k.site_id = any ($1) and k.due_at is not null and (%s) and (%s)
            order by k.due_at, k.conversation_id limit $2) page
        join public.chat_conversation_list v on v.id = page.id
        order by page.due_at, page.id',
        replace(p_condition, '{at}', 'coalesce(c.last_message_at, c.created_at)'),
        case when after_id is null then 'true' else format('(k.due_at, k.conversation_id) > (%L, %L)', after_at, after_id) end)
    using p_sites, p_page_size, p_found;
end
$$;
comment on function chat.inbox_by_sla(uuid[], text, uuid[], jsonb, integer) is
    'A page of what is due of what was promised, the most overdue first; conversations whose clocks do not run are no part of it. PT422 chat/bad_after.';
