-- What: a person connects a number, or disconnects it.
-- Why: their word stands above what settings and configurations claim. What is disconnected neither sends nor receives, its
--      secrets are gone, and what still waited to be sent fails where people see it; nothing that was said is lost.
-- Leaves out: the claim itself (register.sql).

create or replace function chat.connect_number(
    p_site uuid, p_phone_number_id text, p_account uuid, p_is_default boolean, p_unknown_policy text)
returns chat.whatsapp_numbers
language plpgsql
as $$
declare
    number chat.whatsapp_numbers;
begin
    if p_is_default then
        update chat.whatsapp_numbers n set is_default = false
        where n.site_id = p_site and n.is_default and n.phone_number_id <> p_phone_number_id;
    end if;
    -- With another account it is another token that has to answer for it.
    update chat.whatsapp_numbers n
    set disconnected_at = null,
        confirmed_at = case when n.account_id = p_account then n.confirmed_at end
    where n.site_id = p_site and n.phone_number_id = p_phone_number_id;
    number := chat.claim_number(p_site, p_phone_number_id, p_account, null);
    update chat.whatsapp_numbers n
    set is_default = coalesce(p_is_default, n.is_default), unknown_policy = coalesce(p_unknown_policy, n.unknown_policy)
    where n.id = number.id
    returning n.* into number;
    return number;
end
$$;
comment on function chat.connect_number(uuid, text, uuid, boolean, text) is
    'Claims a number for a site with an account, on a person''s word. PT409 chat/number_taken.';

create or replace function chat.callback_of(p_app chat.whatsapp_apps)
returns jsonb
language plpgsql
stable
as $$
declare
    path constant text := '/webhooks/whatsapp/' || p_app.id;
begin
    return jsonb_build_object('callback_path', path, 'callback_url', (
        select rtrim(k.webhooks_url, '/') || path from chat.worker_keys k where k.is_current));
end
$$;
comment on function chat.callback_of(chat.whatsapp_apps) is
    'Where Meta is to deliver an app''s webhooks: {callback_path, callback_url}; the latter null when no worker says where it is reached.';

create or replace function chat.my_number(p_number uuid, p_permission text default 'live-chat.whatsapp.manage')
returns chat.whatsapp_numbers
language plpgsql
stable
as $$
declare
    number chat.whatsapp_numbers;
begin
    select n.* into number from chat.whatsapp_numbers n
    where n.id = p_number and n.site_id = any (chat.my_sites_with(p_permission));
    if not found then
        raise exception 'there is no WhatsApp number % that you may manage', p_number
            using errcode = 'PT404', detail = 'chat/no_such_number', hint = 'chat_whatsapp_numbers lists the numbers of a site';
    end if;
    return number;
end
$$;
comment on function chat.my_number(uuid, text) is 'A number at whose site the caller has a permission. PT404 chat/no_such_number.';

create or replace function chat.lock_account(p_account uuid)
returns void
language plpgsql
as $$
begin
    perform from chat.whatsapp_apps a
    where a.id = (select x.app_id from chat.whatsapp_accounts x where x.id = p_account)
    for no key update;
    perform from chat.whatsapp_accounts a where a.id = p_account for no key update;
end
$$;
comment on function chat.lock_account(uuid) is
    'Locks an account''s app and the account as a save does, for whoever changes a number and then them: app, account, number.';

create or replace function public.chat_disconnect_whatsapp_number(number uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    n chat.whatsapp_numbers := chat.my_number(chat_disconnect_whatsapp_number.number);
    app uuid;
    waiting integer;
begin
    perform chat.lock_account(n.account_id);
    update chat.whatsapp_numbers x
    set disconnected_at = coalesce(x.disconnected_at, clock_timestamp()), confirmed_at = null, is_default = false,
        test = null, test_send = null, updated_at = clock_timestamp()
    where x.id = n.id;
    -- Secrets go with the last number that needs them.
    update chat.whatsapp_accounts a
    set sealed_token = null, token_mark = null, auth_failed_at = null, auth_error = null
    where a.id = n.account_id
        and not exists (select from chat.whatsapp_numbers x where x.account_id = a.id and x.disconnected_at is null);
    update chat.whatsapp_apps a
    set sealed_secret = null, verify_token_hash = null
    where a.id = (select x.app_id from chat.whatsapp_accounts x where x.id = n.account_id) and a.site_id is not null
        and not exists (
            select from chat.whatsapp_accounts acc
            join chat.whatsapp_numbers x on x.account_id = acc.id and x.disconnected_at is null
            where acc.app_id = a.id)
    returning a.id into app;
    select count(*) into waiting from chat.jobs j
    where j.died_at is null and j.lane like 'send:%' and split_part(j.lane, ':', 2) = n.phone_number_id;
    -- The worker takes up each and is told that the number is not connected; so each message says why it failed.
    perform chat.lift_pauses('token', array[n.phone_number_id]);
    notify chat_jobs;
    notify chat_accounts;
    return jsonb_build_object(
        'number', n.id, 'disconnected', true, 'app_wiped', app is not null, 'failing', waiting);
end
$$;
comment on function public.chat_disconnect_whatsapp_number(uuid) is
    'Disconnects a number: it neither sends nor receives, its secrets are wiped unless another number needs them, and its conversations stay. Messages that still waited fail visibly. Answers {number, disconnected, app_wiped, failing}. Needs live-chat.whatsapp.manage. PT404 chat/no_such_number.';
