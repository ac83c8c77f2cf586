-- What: a site connects a number: app, account and number in one call.
-- Why: a person has all three before them at Meta. Secrets come sealed; the verify token is ours, shown once and kept as a
--      hash. A number routes only after Graph answered for it with this token (confirm_number).
-- Leaves out: apps and accounts of the worker's configuration, which it makes known itself (register.sql).

create or replace function chat.app_to_save(p_site uuid, p_waba_id text, p_meta_app_id text, p_secret bytea)
returns chat.whatsapp_apps
language plpgsql
as $$
declare
    mine constant uuid[] := chat.my_sites_with('live-chat.whatsapp.manage');
    app chat.whatsapp_apps;
begin
    -- The account's app as it is; else one of the same name at Meta at a site whose numbers the caller manages, too.
    select a.* into app
    from chat.whatsapp_apps a
    left join chat.whatsapp_accounts acc on acc.app_id = a.id and acc.site_id = p_site and acc.waba_id = p_waba_id
    where (acc.id is not null or a.site_id = any (mine) and a.meta_app_id = p_meta_app_id)
        and (p_meta_app_id is null or a.meta_app_id = p_meta_app_id)
        -- What the worker's configuration says of an app is not changed here.
        and (p_secret is null or a.site_id is not null)
    order by acc.id is null, a.site_id <> p_site, a.created_at
    limit 1
    for no key update of a;
    if found and p_secret is null and app.site_id is not null and app.sealed_secret is null then
        raise exception 'the app''s secret is missing: without it no webhook can be believed'
            using errcode = 'PT422', detail = 'chat/app_secret_missing', hint = 'give app_secret, sealed; it stands at Meta under App settings, Basic';
    elsif found and (p_secret is null or app.site_id = any (mine)) then
        update chat.whatsapp_apps a set sealed_secret = coalesce(p_secret, a.sealed_secret) where a.id = app.id;
        return app;
    elsif found then
        raise exception 'the app belongs to another site, whose managers change its secret'
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'leave app_secret out, or name another meta_app_id';
    elsif p_secret is null then
        raise exception 'the app''s secret is missing: without it no webhook can be believed'
            using errcode = 'PT422', detail = 'chat/app_secret_missing', hint = 'give app_secret, sealed; it stands at Meta under App settings, Basic';
    end if;
    insert into chat.whatsapp_apps (name, meta_app_id, site_id, sealed_secret)
    values (gen_random_uuid()::text, p_meta_app_id, p_site, p_secret)
    returning * into app;
    return app;
end
$$;
comment on function chat.app_to_save(uuid, text, text, bytea) is
    'The app of an account that is being saved, made or given its secret. PT403 chat/not_allowed, PT422 chat/app_secret_missing.';

create or replace function public.chat_save_whatsapp_number(
    site uuid,
    phone_number_id text,
    waba_id text,
    access_token text default null,
    app_secret text default null,
    meta_app_id text default null,
    graph_version text default null,
    is_default boolean default null,
    unknown_policy text default null,
    renew_verify_token boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    token bytea;
    secret bytea;
    app chat.whatsapp_apps;
    account chat.whatsapp_accounts;
    number chat.whatsapp_numbers;
    verify_token text;
begin
    perform chat.require(chat_save_whatsapp_number.site, 'live-chat.whatsapp.manage');
    if (chat_save_whatsapp_number.phone_number_id ~ '^[0-9]{1,32}$' and chat_save_whatsapp_number.waba_id ~ '^[0-9]{1,32}$'
        and coalesce(chat_save_whatsapp_number.meta_app_id, '1') ~ '^[0-9]{1,32}$') is not true
    then
        raise exception 'phone_number_id, waba_id and meta_app_id are Meta''s ids: digits only'
            using errcode = 'PT422', detail = 'chat/bad_meta_id', hint = 'copy them from WhatsApp Manager; the id of a number is not the number itself';
    elsif coalesce(chat_save_whatsapp_number.graph_version, 'v26.0') !~ '^v[0-9]{1,3}\.[0-9]{1,2}$' then
        raise exception 'there is no Graph version %', left(chat_save_whatsapp_number.graph_version, 20)
            using errcode = 'PT422', detail = 'chat/bad_graph_version', hint = 'for example v26.0';
    elsif coalesce(chat_save_whatsapp_number.unknown_policy, 'ask') not in ('ask', 'resend') then
        raise exception 'unknown_policy is ask or resend'
            using errcode = 'PT422', detail = 'chat/bad_unknown_policy', hint = 'ask leaves it to the agent, resend sends again';
    end if;
    token := chat.sealed(chat_save_whatsapp_number.access_token, 'access token');
    secret := chat.sealed(chat_save_whatsapp_number.app_secret, 'app secret');
    app := chat.app_to_save(
        chat_save_whatsapp_number.site, chat_save_whatsapp_number.waba_id, chat_save_whatsapp_number.meta_app_id, secret);

    insert into chat.whatsapp_accounts as a (site_id, app_id, waba_id, graph_version)
    values (chat_save_whatsapp_number.site, app.id, chat_save_whatsapp_number.waba_id,
        coalesce(chat_save_whatsapp_number.graph_version, 'v26.0'))
    on conflict (site_id, waba_id) do update
    set app_id = excluded.app_id, graph_version = coalesce(chat_save_whatsapp_number.graph_version, a.graph_version)
    returning a.* into account;
    if token is not null then
        update chat.whatsapp_accounts a
        set sealed_token = token, token_mark = left(encode(sha256(token), 'hex'), 16)
        where a.id = account.id;
    elsif account.token_mark is null and account.sealed_token is null and app.site_id is not null then
        raise exception 'the account''s access token is missing'
            using errcode = 'PT422', detail = 'chat/access_token_missing', hint = 'give access_token, sealed: a system user''s token for messaging and management';
    end if;

    if app.site_id = any (chat.my_sites_with('live-chat.whatsapp.manage'))
        and (app.verify_token_hash is null or chat_save_whatsapp_number.renew_verify_token)
    then
        verify_token := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
        update chat.whatsapp_apps a set verify_token_hash = sha256(convert_to(verify_token, 'UTF8')) where a.id = app.id;
    end if;

    number := chat.connect_number(chat_save_whatsapp_number.site, chat_save_whatsapp_number.phone_number_id, account.id,
        chat_save_whatsapp_number.is_default, chat_save_whatsapp_number.unknown_policy);
    if token is not null then
        perform chat.token_good(account.id);
    end if;
    notify chat_accounts;
    return jsonb_build_object(
        'number', number.id, 'account', account.id, 'app', app.id, 'phone_number_id', number.phone_number_id,
        'confirmed', number.confirmed_at is not null, 'verify_token', verify_token) || chat.callback_of(app);
end
$$;
comment on function public.chat_save_whatsapp_number(uuid, text, text, text, text, text, text, boolean, text, boolean) is
    'Connects a number of a site, or changes how: access_token and app_secret are sealed (chat_worker_key) and stay as they were where left out. Answers {number, account, app, phone_number_id, confirmed, verify_token, callback_path, callback_url}; verify_token only when it was made now, and never again. The number routes once Graph has confirmed it. Needs live-chat.whatsapp.manage. PT403 chat/not_allowed, PT409 chat/number_taken, PT422 chat/bad_meta_id, chat/bad_graph_version, chat/bad_unknown_policy, chat/not_sealed, chat/unknown_worker_key, chat/app_secret_missing, chat/access_token_missing.';
