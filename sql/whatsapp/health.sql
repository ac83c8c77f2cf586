-- What: the numbers of a site, and how one of them fares.
-- Why: when nothing arrives or nothing leaves, one look says where it ends: signature, token, queue, limit or Meta.
-- Leaves out: every secret, sealed or not.

create or replace function chat.number_state(p_number chat.whatsapp_numbers)
returns text
language plpgsql
stable
as $$
begin
    return case
        when p_number.disconnected_at is not null then 'disconnected'
        when p_number.account_id is null then 'account_missing'
        when exists (select from chat.whatsapp_accounts a where a.id = p_number.account_id and a.auth_failed_at is not null)
            then 'auth_failed'
        when p_number.confirmed_at is null and exists (
            select from chat.whatsapp_accounts a
            where a.id = p_number.account_id and a.sealed_token is null and a.token_mark is null) then 'token_missing'
        when p_number.confirmed_at is null then 'unconfirmed'
        when exists (select from chat.pauses p where p.what = 'number' and p.name = p_number.phone_number_id) then 'paused'
        when exists (select from chat.number_stops s where s.number_id = p_number.id) then 'stopped'
        else 'connected'
    end;
end
$$;
comment on function chat.number_state(chat.whatsapp_numbers) is
    'connected, unconfirmed, token_missing, auth_failed, paused, stopped (Graph refuses the number itself), account_missing or disconnected.';

create or replace function public.chat_whatsapp_numbers(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_whatsapp_numbers.site, 'live-chat.whatsapp.manage');
    return coalesce((
        select jsonb_agg(jsonb_build_object(
            'number', n.id, 'phone_number_id', n.phone_number_id, 'display_number', n.display_number,
            'verified_name', n.verified_name, 'is_default', n.is_default, 'state', chat.number_state(n),
            'confirmed_at', n.confirmed_at, 'unknown_policy', n.unknown_policy, 'read_policy', n.read_policy,
            'account', acc.id, 'waba_id', acc.waba_id, 'graph_version', acc.graph_version,
            'app', a.id, 'meta_app_id', a.meta_app_id, 'is_configured', a.site_id is null,
            'has_access_token', acc.sealed_token is not null or acc.token_mark is not null,
            'has_app_secret', a.sealed_secret is not null or a.site_id is null)
            || case when a.id is null or a.site_id is null then '{}' else chat.callback_of(a) end
            order by n.created_at, n.id)
        from chat.whatsapp_numbers n
        left join chat.whatsapp_accounts acc on acc.id = n.account_id
        left join chat.whatsapp_apps a on a.id = acc.app_id
        where n.site_id = chat_whatsapp_numbers.site), '[]');
end
$$;
comment on function public.chat_whatsapp_numbers(uuid) is
    'Numbers of a site: [{number, phone_number_id, display_number, verified_name, is_default, state, confirmed_at, unknown_policy, read_policy, account, waba_id, graph_version, app, meta_app_id, is_configured, has_access_token, has_app_secret, callback_path, callback_url}]; no secret. state: connected, unconfirmed, token_missing, auth_failed, paused, stopped, account_missing, disconnected. is_configured: app and token are in the worker''s configuration. Needs live-chat.whatsapp.manage. PT403 chat/not_allowed.';

create or replace function public.chat_whatsapp_health(number uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    n constant chat.whatsapp_numbers := chat.my_number(chat_whatsapp_health.number);
    account chat.whatsapp_accounts;
    app chat.whatsapp_apps;
    rate chat.send_rates;
begin
    select a.* into account from chat.whatsapp_accounts a where a.id = n.account_id;
    select a.* into app from chat.whatsapp_apps a where a.id = account.app_id;
    select r.* into rate from chat.send_rates r where r.phone_number_id = n.phone_number_id;
    return jsonb_build_object(
        'number', n.id, 'phone_number_id', n.phone_number_id, 'state', chat.number_state(n),
        'auth', jsonb_build_object('failed_at', account.auth_failed_at, 'error', account.auth_error),
        'stopped', (
            select s.error || jsonb_build_object('since', s.since, 'last_at', s.last_at)
            from chat.number_stops s where s.number_id = n.id),
        'webhooks', jsonb_build_object(
            'last_at', app.last_webhook_at, 'last_refused_at', app.last_refused_at,
            'last_refused_why', app.last_refused_why, 'refused', app.refused_count),
        'throughput', jsonb_build_object(
            'per_second', coalesce(rate.per_second, chat.sends_per_second(n.details)),
            'halved', coalesce(chat.halvings(rate, clock_timestamp()), 0)),
        'queue', (
            select jsonb_build_object('waiting', count(*),
                'oldest_seconds', extract(epoch from clock_timestamp() - min(j.created_at))::integer)
            from chat.jobs j
            where j.site_id = n.site_id and j.died_at is null and j.lane like 'send:%'
                and split_part(j.lane, ':', 2) = n.phone_number_id),
        'last_error', n.last_error, 'details', n.details, 'test', n.test, 'test_send', n.test_send);
end
$$;
comment on function public.chat_whatsapp_health(uuid) is
    'How a number fares: {number, phone_number_id, state, auth: {failed_at, error}, stopped: {since, last_at, code, title, details, advice} while Graph refuses the number itself, webhooks: {last_at, last_refused_at, last_refused_why, refused}, throughput: {per_second, halved}, queue: {waiting, oldest_seconds}, last_error: {code, title, details, at}, details (Graph''s), test, test_send}. Needs live-chat.whatsapp.manage. PT404 chat/no_such_number.';
