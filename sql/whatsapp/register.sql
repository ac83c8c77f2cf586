-- What: what the worker's environment or configuration says about an app, its account and its number.
-- Why: the secrets stay in the environment; the database only learns which app signs and which site's number it is.
-- Leaves out: what people save themselves (save_number.sql), which stands above it.

create or replace function public.chat_register_whatsapp(
    app_name text, site_id uuid default null, waba_id text default null, phone_number_id text default null,
    graph_version text default null, app_id text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    app uuid;
    account uuid;
    number record;
begin
    insert into chat.whatsapp_apps as a (name, meta_app_id)
    values (chat_register_whatsapp.app_name, chat_register_whatsapp.app_id)
    on conflict (name) do update set meta_app_id = coalesce(excluded.meta_app_id, a.meta_app_id)
    returning a.id into app;
    if chat_register_whatsapp.phone_number_id is null then
        return jsonb_build_object('app', app, 'account', null, 'number', null, 'confirmed', false);
    end if;
    if not exists (select from public.sites s where s.id = chat_register_whatsapp.site_id) then
        raise exception 'there is no site %', chat_register_whatsapp.site_id
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'set CHAT_WHATSAPP_SITE_ID to the id of a row of public.sites';
    end if;

    insert into chat.whatsapp_accounts as a (site_id, app_id, waba_id, graph_version)
    values (chat_register_whatsapp.site_id, app, chat_register_whatsapp.waba_id, chat_register_whatsapp.graph_version)
    on conflict (site_id, waba_id) do update
    -- What people saved stands above a worker's configuration.
    set app_id = case when a.sealed_token is null then excluded.app_id else a.app_id end,
        graph_version = case when a.sealed_token is null then excluded.graph_version else a.graph_version end
    returning a.id into account;
    number := chat.claim_number(
        chat_register_whatsapp.site_id, chat_register_whatsapp.phone_number_id, account, null);
    return jsonb_build_object(
        'app', app, 'account', account, 'number', number.id, 'confirmed', number.confirmed_at is not null);
end
$$;
comment on function public.chat_register_whatsapp(text, uuid, text, text, text, text) is
    'For the worker, at its start: makes app, account and number known; an unconfirmed number gets its confirming job. PT404 chat/no_such_site, PT409 chat/number_taken.';

create or replace function chat.ask_to_confirm(p_number chat.whatsapp_numbers)
returns void
language plpgsql
as $$
begin
    perform chat.enqueue(
        'confirm:' || p_number.id, 'whatsapp.confirm_number', 'notification', p_number.site_id,
        jsonb_build_object('number', p_number.id, 'phone_number_id', p_number.phone_number_id,
            'account_id', a.id, 'site_id', p_number.site_id, 'graph_version', a.graph_version),
        true, true)
    from chat.whatsapp_accounts a where a.id = p_number.account_id;
end
$$;
comment on function chat.ask_to_confirm(chat.whatsapp_numbers) is
    'Has Graph asked about a number with its site''s token: whether it is the site''s, and what it may.';

create or replace function chat.claim_number(p_site uuid, p_phone_number_id text, p_account uuid, p_display text)
returns chat.whatsapp_numbers
language plpgsql
as $$
declare
    number chat.whatsapp_numbers;
begin
    if exists (
        select from chat.whatsapp_numbers n
        where n.phone_number_id = p_phone_number_id and n.confirmed_at is not null and n.site_id <> p_site)
    then
        raise exception 'the number % belongs to another site', p_phone_number_id
            using errcode = 'PT409', detail = 'chat/number_taken', hint = 'disconnect it there first, or use another number';
    end if;
    insert into chat.whatsapp_numbers as n (site_id, phone_number_id, account_id, display_number, is_default)
    values (p_site, p_phone_number_id, p_account, p_display,
        not exists (select from chat.whatsapp_numbers x where x.site_id = p_site and x.is_default))
    on conflict (site_id, phone_number_id) do update
    set account_id = coalesce(excluded.account_id, n.account_id),
        display_number = coalesce(excluded.display_number, n.display_number),
        updated_at = clock_timestamp()
    returning n.* into number;
    -- Without an account there is no token to ask Graph with; the claim waits until there is one.
    if number.confirmed_at is null and number.account_id is not null and number.disconnected_at is null then
        perform chat.ask_to_confirm(number);
    end if;
    return number;
end
$$;
comment on function chat.claim_number(uuid, text, uuid, text) is
    'A site''s claim on a number: unconfirmed until Graph answers for it with the site''s token. PT409 chat/number_taken.';

create or replace function public.chat_confirm_number(number uuid, details jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    claimed chat.whatsapp_numbers;
begin
    update chat.whatsapp_numbers n
    set confirmed_at = coalesce(n.confirmed_at, clock_timestamp()),
        -- What webhooks told and Graph does not say stays.
        details = n.details || chat_confirm_number.details,
        display_number = coalesce(chat_confirm_number.details ->> 'display_phone_number', n.display_number),
        verified_name = coalesce(chat_confirm_number.details ->> 'verified_name', n.verified_name),
        updated_at = clock_timestamp()
    where n.id = chat_confirm_number.number and n.disconnected_at is null
        and not exists (
            select from chat.whatsapp_numbers x
            where x.phone_number_id = n.phone_number_id and x.confirmed_at is not null and x.id <> n.id)
    returning n.* into claimed;
    if not found then
        return jsonb_build_object('confirmed', false, 'why', 'another site has confirmed this number, or it was disconnected, or the claim is gone');
    end if;
    perform chat.follow_throughput(claimed.phone_number_id, claimed.details);
    notify chat_accounts;
    return jsonb_build_object('confirmed', true, 'why', null);
end
$$;
comment on function public.chat_confirm_number(uuid, jsonb) is
    'For the worker: Graph answered for a claimed number with its site''s token; from now on it routes. Answers {confirmed, why}.';

create or replace function chat.claim_number_by_settings()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not new.whatsapp_enabled or new.whatsapp_phone_number_id is null then
        return null;
    end if;
    perform chat.claim_number(
        new.site_id, new.whatsapp_phone_number_id,
        (select a.id from chat.whatsapp_accounts a
            where a.site_id = new.site_id
                and (new.whatsapp_business_account_id is null or a.waba_id = new.whatsapp_business_account_id)
            order by a.created_at limit 1),
        new.whatsapp_phone_number);
    return null;
end
$$;
comment on function chat.claim_number_by_settings() is
    'After LC-01''s whatsapp_* settings were written: the site claims that number, unconfirmed.';
