-- What: templates for a picker, how one will read, what Meta told, and a refresh by hand.
-- Why: one call gives a dialog all it shows: what may be sent, what it wants, with Meta's own examples.
-- Leaves out: sending (send_template.sql).

create or replace function chat.number_for(p_site uuid, p_number uuid)
returns chat.whatsapp_numbers
language plpgsql
stable
as $$
declare
    number chat.whatsapp_numbers;
begin
    select n.* into number from chat.whatsapp_numbers n
    where n.site_id = p_site and n.confirmed_at is not null and n.account_id is not null
        and (n.id = p_number or p_number is null)
    order by n.is_default desc, n.created_at
    limit 1;
    if not found then
        raise exception 'the site has no such connected WhatsApp number'
            using errcode = 'PT404', detail = 'chat/no_such_number', hint = 'connect a number first, or leave it out for the default one';
    end if;
    return number;
end
$$;
comment on function chat.number_for(uuid, uuid) is
    'A connected number of a site: the one that is named, else its default. PT404 chat/no_such_number.';

create or replace function public.chat_templates(site uuid, filters jsonb default '{}')
returns setof jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    account uuid;
    other text;
begin
    perform chat.require(chat_templates.site, 'live-chat.conversations.reply');
    select f.key into other from jsonb_each(case jsonb_typeof(filters) when 'object' then filters else '{"": 1}' end) f
    where f.key not in ('number', 'status', 'category', 'language', 'search', 'sendable') limit 1;
    if found then
        raise exception 'the filter % cannot be %', coalesce(nullif(other, ''), 'filters'), coalesce(filters ->> other, filters::text)
            using errcode = 'PT422', detail = 'chat/bad_filter', hint = 'filters are number, status, category, language, search and sendable';
    end if;
    if filters ->> 'number' is not null then
        select n.account_id into account from chat.whatsapp_numbers n
        where n.site_id = chat_templates.site and filters ->> 'number' in (n.id::text, n.phone_number_id);
    end if;
    return query
        select jsonb_build_object(
            'id', t.id, 'account', t.account_id, 'name', t.name, 'language', t.language, 'category', t.category,
            'next_category', t.next_category, 'next_category_at', t.next_category_at, 'status', t.status,
            'quality', t.quality, 'sendable', w.why is null and form.is ->> 'beyond' is null,
            'why_not', coalesce(w.why, 'it has a ' || (form.is ->> 'beyond') || ', which cannot be filled from here'),
            'components', t.components, 'parameter_format', t.parameter_format, 'parameters', form.is -> 'parameters',
            'preview', form.is ->> 'preview', 'updated_at', t.updated_at)
        from chat.whatsapp_templates t
        cross join lateral (select chat.template_form(t.components, t.parameter_format)) form ("is")
        cross join lateral (select chat.why_not_sendable(t)) w (why)
        where t.site_id = chat_templates.site
            and (filters ->> 'number' is null or t.account_id = account)
            and (filters ->> 'status' is null or t.status = upper(filters ->> 'status'))
            and (filters ->> 'category' is null or t.category = upper(filters ->> 'category'))
            and (filters ->> 'language' is null or t.language = replace(filters ->> 'language', '-', '_'))
            and (filters ->> 'search' is null
                or position(lower(filters ->> 'search') in lower(t.name || ' ' || (form.is ->> 'preview'))) > 0)
            and (filters ->> 'sendable' is null
                or (filters ->> 'sendable' = 'true') = (w.why is null and form.is ->> 'beyond' is null))
        order by t.name, t.language, t.id;
end
$$;
comment on function public.chat_templates(uuid, jsonb) is
    'Message templates of a site''s WhatsApp accounts: {id, account, name, language, category, next_category, next_category_at, status, quality, sendable, why_not, components, parameter_format, parameters: [{where, part, card (of a carousel, from 0), key, kind, required, label, example}], preview, updated_at}. filters: {number, status, category, language, search, sendable}. Needs live-chat.conversations.reply. PT403 chat/not_allowed, PT422 chat/bad_filter.';

create or replace function public.chat_preview_template(
    site uuid, name text, language text default null, parameters jsonb default null, number uuid default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    template chat.whatsapp_templates;
begin
    perform chat.require(chat_preview_template.site, 'live-chat.conversations.reply');
    perform chat.require_parameters(chat_preview_template.parameters);
    template := chat.find_template(
        (chat.number_for(chat_preview_template.site, chat_preview_template.number)).account_id,
        chat_preview_template.name, chat_preview_template.language);
    return chat.template_form(template.components, template.parameter_format) - 'preview'
        || jsonb_build_object('name', template.name, 'language', template.language, 'category', template.category,
            'status', template.status, 'why_not', chat.why_not_sendable(template))
        || chat.template_message(template.components, template.parameter_format, chat_preview_template.parameters);
end
$$;
comment on function public.chat_preview_template(uuid, text, text, jsonb, uuid) is
    'How a template will read: {name, language, category, status, why_not, parameters, beyond} with {components, preview}, or with {problems: [{where, problem, says}]} while something is missing. Needs live-chat.conversations.reply. PT403 chat/not_allowed, PT404 chat/no_such_number, PT422 chat/template_unknown, chat/template_parameters.';

create or replace function public.chat_sync_whatsapp_templates(site uuid, number uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    account uuid;
    asked integer := 0;
begin
    perform chat.require(chat_sync_whatsapp_templates.site, 'live-chat.whatsapp.manage');
    perform chat.number_for(chat_sync_whatsapp_templates.site, chat_sync_whatsapp_templates.number);
    for account in
        select distinct n.account_id from chat.whatsapp_numbers n
        where n.site_id = chat_sync_whatsapp_templates.site and n.confirmed_at is not null and n.account_id is not null
            and (n.id = chat_sync_whatsapp_templates.number or chat_sync_whatsapp_templates.number is null)
        order by 1
    loop
        asked := asked + chat.enqueue_template_sync(account)::integer;
    end loop;
    return jsonb_build_object('asked', asked, 'accounts', (
        select jsonb_agg(jsonb_build_object('account', s.account_id, 'complete_at', s.complete_at, 'templates', (
            select count(*) from chat.whatsapp_templates t where t.account_id = s.account_id)) order by s.account_id)
        from chat.template_syncs s
        where s.site_id = chat_sync_whatsapp_templates.site));
end
$$;
comment on function public.chat_sync_whatsapp_templates(uuid, uuid) is
    'Fetches the templates of a site''s accounts, or of one number''s, anew; the worker does it. Answers {asked, accounts: [{account, complete_at, templates}]} as they are now. Needs live-chat.whatsapp.manage. PT403 chat/not_allowed, PT404 chat/no_such_number.';
