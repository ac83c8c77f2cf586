-- What: what Meta told, for the people who run a site's numbers, and how long it is kept.
-- Why: "why is this template paused, since when do we have this limit" is answered by Meta's own words. Meta repeats a
--      telling for seven days, and rows keep an older word from undoing a newer one for that long; three months are for people.
-- Leaves out: what each telling changed (told.sql).

create or replace function public.chat_whatsapp_told(
    site uuid, field text default null, before bigint default null, page_size integer default 50)
returns setof jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_whatsapp_told.site, 'live-chat.whatsapp.manage');
    perform chat.require_page_size(chat_whatsapp_told.page_size, 500);
    return query
        select jsonb_build_object(
            'id', t.id, 'account', t.account_id, 'waba_id', a.waba_id, 'field', t.field, 'subject', t.subject,
            'event', t.event, 'facts', t.facts, 'at', t.at, 'received_at', t.received_at)
        from chat.whatsapp_told t
        join chat.whatsapp_accounts a on a.id = t.account_id
        where t.site_id = chat_whatsapp_told.site
            and (chat_whatsapp_told.field is null or t.field = chat_whatsapp_told.field)
            and (chat_whatsapp_told.before is null or t.id < chat_whatsapp_told.before)
        order by t.id desc
        limit chat_whatsapp_told.page_size;
end
$$;
comment on function public.chat_whatsapp_told(uuid, text, bigint, integer) is
    'What Meta told of a site''s templates, numbers and accounts in the last 90 days, newest first: {id, account, waba_id, field, subject, event, facts, at, received_at}. field: one of Meta''s, message_template_status_update for example; before: the id of the last row of the page before. Needs live-chat.whatsapp.manage. PT403 chat/not_allowed, PT422 chat/page_size.';

create or replace function chat.forget_told(p_batch integer)
returns integer
language plpgsql
as $$
declare
    forgotten integer;
begin
    -- Ids are given in the order of coming, near enough: what is old stands first.
    delete from chat.whatsapp_told t
    using (
        select x.id from (
            select o.id, o.received_at from chat.whatsapp_told o order by o.id limit p_batch) x
        where x.received_at < clock_timestamp() - interval '90 days') old
    where t.id = old.id;
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
comment on function chat.forget_told(integer) is 'Removes what Meta told more than 90 days ago, at most so many.';
