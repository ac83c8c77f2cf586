-- What: what Meta told besides messages, one row a telling, and what it changes: templates, numbers, accounts.
-- Why: it counts at once, not with the next look at Graph. Tellings come twice and in any order: a row is unique, and an
--      older word never undoes a newer one about the same thing.
-- Leaves out: Meta's forms (chat_rules::whatsapp::told) and whose account it is (receive_fields.sql).

create table if not exists chat.whatsapp_told (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    account_id uuid not null,
    field text not null,
    subject text not null,
    event text,
    facts jsonb not null,
    digest text not null,
    at timestamptz,
    received_at timestamptz not null default clock_timestamp(),
    constraint whatsapp_told_once unique nulls not distinct (account_id, field, subject, at, event, digest),
    constraint whatsapp_told_account_id_fkey foreign key (site_id, account_id)
        references chat.whatsapp_accounts (site_id, id) on delete cascade
);
comment on table chat.whatsapp_told is 'What Meta told of templates, numbers and accounts.';
comment on column chat.whatsapp_told.field is 'The webhook''s field.';
comment on column chat.whatsapp_told.subject is 'The template (name and language), Meta''s phone_number_id, the group''s id, or empty for the account.';
comment on column chat.whatsapp_told.digest is 'Of the facts, which may be long; the same telling again is known by it.';
create index if not exists whatsapp_told_site_id_idx on chat.whatsapp_told (site_id, id);
alter table chat.whatsapp_told enable row level security;

create or replace function chat.keep_told(p_account chat.whatsapp_accounts, p_subject text, p_item jsonb)
returns text
language plpgsql
as $$
begin
    insert into chat.whatsapp_told (site_id, account_id, field, subject, event, facts, digest, at)
    values (p_account.site_id, p_account.id, p_item ->> 'field', p_subject, p_item ->> 'event', p_item -> 'facts',
        md5(p_item ->> 'facts'), (p_item ->> 'at')::timestamptz)
    on conflict on constraint whatsapp_told_once do nothing;
    if not found then
        return 'known';
    elsif exists (
        select from chat.whatsapp_told t
        where t.account_id = p_account.id and t.field = p_item ->> 'field' and t.subject = p_subject
            and t.at > (p_item ->> 'at')::timestamptz)
    then
        return 'old';
    end if;
    insert into chat.events (site_id, name)
    values (p_account.site_id, 'chat.whatsapp.' || (p_item ->> 'about') || '_changed');
    return 'new';
end
$$;
comment on function chat.keep_told(chat.whatsapp_accounts, text, jsonb) is
    'Keeps a telling: new, known (it came before) or old (a newer one about the same was here first). Only a new one changes rows; its event is chat.whatsapp.template_changed, number_changed, account_changed, group_changed or history_changed.';

create or replace function chat.tell_template(p_account chat.whatsapp_accounts, p_item jsonb)
returns text
language plpgsql
as $$
declare
    facts constant jsonb := p_item -> 'facts';
    kept constant text := chat.keep_told(p_account, (facts ->> 'name') || ' ' || (facts ->> 'language'), p_item);
begin
    if kept <> 'new' then
        return kept;
    end if;
    update chat.whatsapp_templates t
    set status = coalesce(facts ->> 'status', t.status),
        rejected_reason = case when facts ? 'rejected_reason' then facts ->> 'rejected_reason' else t.rejected_reason end,
        note = case when p_item ->> 'event' is not null and facts ? 'status' or facts ? 'note' then facts ->> 'note' else t.note end,
        quality = coalesce(facts ->> 'quality', t.quality),
        category = coalesce(facts ->> 'category', t.category),
        next_category = case when facts ? 'next_category' then facts ->> 'next_category' else t.next_category end,
        next_category_at = case when facts ? 'next_category'
            then (facts ->> 'next_category_at')::timestamptz else t.next_category_at end,
        components = case when facts ? 'components'
            then chat.told_components(t.components, facts -> 'components') else t.components end,
        meta_id = coalesce(facts ->> 'meta_id', t.meta_id),
        told_at = clock_timestamp(), updated_at = clock_timestamp()
    where t.account_id = p_account.id and t.name = facts ->> 'name' and t.language = facts ->> 'language';
    -- One we have not seen yet, or whose examples and format were not told.
    if not found or facts ? 'components' then
        perform chat.want_templates(p_account.id);
    end if;
    return kept;
end
$$;
comment on function chat.tell_template(chat.whatsapp_accounts, jsonb) is
    'A telling about a template changes its row; one we do not have is fetched. Answers as chat.keep_told.';

create or replace function chat.told_components(p_stored jsonb, p_told jsonb)
returns jsonb
language sql
immutable
as $$
    select coalesce(jsonb_agg(c.part order by array_position(array['HEADER', 'BODY', 'FOOTER', 'BUTTONS'], c.part ->> 'type')), '[]')
    from (
        select t.part from jsonb_array_elements(p_told) t (part)
        union all
        select s.part from jsonb_array_elements(p_stored) s (part)
        where not exists (select from jsonb_array_elements(p_told) t (part) where t.part ->> 'type' = s.part ->> 'type')) c
$$;
comment on function chat.told_components(jsonb, jsonb) is
    'Components of a template with those that were told in place of the same ones before.';

create or replace function chat.tell_number(p_account chat.whatsapp_accounts, p_item jsonb)
returns text
language plpgsql
as $$
declare
    facts constant jsonb := p_item -> 'facts';
    number chat.whatsapp_numbers;
    kept text;
begin
    -- By Meta's id; else among the account's own numbers by how it reads, which is never asked of any other account.
    select n.* into number from chat.whatsapp_numbers n
    where n.account_id = p_account.id and n.confirmed_at is not null
        and (n.phone_number_id = p_item ->> 'phone_number_id'
            or regexp_replace(n.display_number, '[^0-9]', '', 'g') = facts ->> 'display_number')
    order by n.created_at
    limit 1;
    if not found then
        return null;
    end if;
    kept := chat.keep_told(p_account, number.phone_number_id, p_item);
    if kept = 'new' then
        update chat.whatsapp_numbers n
        set details = n.details || coalesce(facts -> 'details', '{}'),
            verified_name = coalesce(facts -> 'details' ->> 'verified_name', n.verified_name),
            updated_at = clock_timestamp()
        where n.id = number.id;
        if facts -> 'details' ? 'throughput' then
            -- Graph's own word on it sets the rate of its sends.
            perform chat.ask_to_confirm(number);
        end if;
    end if;
    return kept;
end
$$;
comment on function chat.tell_number(chat.whatsapp_accounts, jsonb) is
    'A telling about a number goes into its details. Answers as chat.keep_told; null when the account has no such number.';

create or replace function chat.tell_account(p_account chat.whatsapp_accounts, p_item jsonb)
returns text
language plpgsql
as $$
declare
    kept constant text := chat.keep_told(p_account, '', p_item);
begin
    if kept = 'new' then
        update chat.whatsapp_accounts a
        set details = a.details || coalesce(p_item -> 'facts' -> 'details', '{}')
        where a.id = p_account.id;
    end if;
    return kept;
end
$$;
comment on function chat.tell_account(chat.whatsapp_accounts, jsonb) is
    'A telling about an account goes into its details. Answers as chat.keep_told.';
