-- What: the template that somebody names, whether it may be sent, and what is sent of it.
-- Why: Meta refuses with a number; here each refusal names the template's state or the parameter, in words of people who
--      run a business, before anything is queued.
-- Leaves out: what fits a template (chat_rules::whatsapp::template).

create or replace function chat.find_template(p_account uuid, p_name text, p_language text)
returns chat.whatsapp_templates
language plpgsql
stable
as $$
declare
    found_one chat.whatsapp_templates;
    languages text;
begin
    -- Without a language the only one is meant.
    select t.* into found_one from chat.whatsapp_templates t
    where t.account_id = p_account and t.name = p_name
        and (p_language is null or t.language = replace(p_language, '-', '_'))
        and (p_language is not null or not exists (
            select from chat.whatsapp_templates o
            where o.account_id = p_account and o.name = p_name and o.language <> t.language));
    if found then
        return found_one;
    end if;
    select string_agg(t.language, ', ' order by t.language) into languages
    from chat.whatsapp_templates t where t.account_id = p_account and t.name = p_name;
    if languages is null then
        raise exception 'this WhatsApp number has no template named %', coalesce(p_name, 'nothing')
            using errcode = 'PT422', detail = 'chat/template_unknown',
                hint = 'chat_templates lists those it has; chat_sync_whatsapp_templates fetches what was made a moment ago';
    end if;
    raise exception 'the template % is not there in %', p_name, coalesce(p_language, 'one language only')
        using errcode = 'PT422', detail = 'chat/template_unknown', hint = 'it is there in ' || languages;
end
$$;
comment on function chat.find_template(uuid, text, text) is
    'A template of an account; without a language the only one of its name. PT422 chat/template_unknown.';

create or replace function chat.why_not_sendable(p_template chat.whatsapp_templates)
returns text
language sql
immutable
as $$
    select case p_template.status
        when 'APPROVED' then null
        when 'PENDING' then 'WhatsApp has not approved this template yet'
        when 'IN_APPEAL' then 'WhatsApp is looking at this template again'
        when 'REJECTED' then 'WhatsApp rejected this template'
        when 'PAUSED' then 'WhatsApp has paused this template because people disliked it'
        when 'DISABLED' then 'WhatsApp has disabled this template because people disliked it again and again'
        when 'LIMIT_EXCEEDED' then 'the account has more templates than WhatsApp allows'
        when 'ARCHIVED' then 'WhatsApp has archived this template because it was not used for a year'
        when 'DELETED' then 'this template was deleted'
        when 'PENDING_DELETION' then 'this template is being deleted'
        else 'WhatsApp says of this template: ' || lower(replace(p_template.status, '_', ' '))
    end || coalesce(' (' || coalesce(p_template.rejected_reason, p_template.note) || ')', '')
$$;
comment on function chat.why_not_sendable(chat.whatsapp_templates) is 'Why a template cannot be sent, for people; null when it can.';

create or replace function chat.require_sendable(p_template chat.whatsapp_templates)
returns void
language plpgsql
immutable
as $$
declare
    why constant text := chat.why_not_sendable(p_template);
begin
    if p_template.status = 'PAUSED' then
        raise exception '%', why
            using errcode = 'PT409', detail = 'chat/template_paused',
                hint = 'use another template; a pause ends by itself after some hours, and again after a day';
    elsif why is not null then
        raise exception '%', why
            using errcode = 'PT409', detail = 'chat/template_not_approved',
                hint = 'use a template that chat_templates lists as sendable, or mend this one in the WhatsApp Manager';
    end if;
end
$$;
comment on function chat.require_sendable(chat.whatsapp_templates) is
    'Raises PT409 chat/template_paused or chat/template_not_approved unless a template may be sent now.';

create or replace function chat.require_parameters(p_parameters jsonb)
returns void
language plpgsql
immutable
as $$
begin
    if not chat.is_readable(p_parameters) then
        raise exception 'the parameters of a template take more than 64 kB or 16 levels, or hold a number that is too large'
            using errcode = 'PT422', detail = 'chat/template_parameters', hint = 'files go by their id or link';
    end if;
end
$$;
comment on function chat.require_parameters(jsonb) is 'Raises PT422 chat/template_parameters unless parameters can be read.';

create or replace function chat.fill_template(p_template chat.whatsapp_templates, p_parameters jsonb)
returns jsonb
language plpgsql
immutable
as $$
declare
    filled jsonb;
    wants text;
begin
    perform chat.require_parameters(p_parameters);
    filled := chat.template_message(p_template.components, p_template.parameter_format, p_parameters);
    if filled ? 'problems' then
        select string_agg(p.parameter ->> 'where', ', ') into wants
        from jsonb_array_elements(
            chat.template_form(p_template.components, p_template.parameter_format) -> 'parameters') p (parameter)
        where (p.parameter ->> 'required')::boolean;
        raise exception '%', (select string_agg(p.problem ->> 'says', '; ') from jsonb_array_elements(filled -> 'problems') p (problem))
            using errcode = 'PT422', detail = 'chat/template_parameters',
                hint = 'this template wants ' || coalesce(wants, 'nothing');
    end if;
    return filled;
end
$$;
comment on function chat.fill_template(chat.whatsapp_templates, jsonb) is
    'What is sent of a template and how it reads: {components, preview}. PT422 chat/template_parameters names what is missing, too much or wrong.';

create or replace function chat.require_wanted(p_template chat.whatsapp_templates, p_identity uuid)
returns void
language plpgsql
stable
as $$
begin
    if coalesce(p_template.category, 'MARKETING') = 'MARKETING' and not chat.may_market(p_identity) then
        raise exception 'this person wants no marketing messages'
            using errcode = 'PT409', detail = 'chat/marketing_refused',
                hint = 'send a utility template, or wait until they ask for it again; one that was made a moment ago comes with chat_sync_whatsapp_templates';
    end if;
end
$$;
comment on function chat.require_wanted(chat.whatsapp_templates, uuid) is
    'Raises PT409 chat/marketing_refused for marketing, or a template whose category nobody knows, to somebody who said stop.';

create or replace function chat.refuse_template(p_message uuid, p_code integer)
returns void
language plpgsql
as $$
declare
    account uuid;
    sent jsonb;
begin
    if p_code is null or p_code not in (132000, 132001, 132012, 132015, 132016) then
        return;
    end if;
    select n.account_id, m.metadata -> 'template' into account, sent
    from public.mod_chat_messages m
    join public.mod_chat_conversations c on c.id = m.conversation_id
    join chat.whatsapp_numbers n on n.site_id = c.site_id and n.phone_number_id = c.phone_number_id
    where m.id = p_message and m.kind = 'template';
    if not found or account is null then
        return;
    end if;
    update chat.whatsapp_templates t
    set status = case p_code when 132015 then 'PAUSED' else 'DISABLED' end, told_at = clock_timestamp(),
        updated_at = clock_timestamp()
    where p_code in (132015, 132016) and t.account_id = account and t.name = sent ->> 'name'
        and t.language = sent ->> 'language' and t.status = 'APPROVED';
    perform chat.want_templates(account);
end
$$;
comment on function chat.refuse_template(uuid, integer) is
    'Graph refused a message over its template: one that is paused (132015) or disabled (132016) is so here at once, and the account''s templates are looked at again. Any other code does nothing.';
