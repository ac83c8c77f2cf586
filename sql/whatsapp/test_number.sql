-- What: a person tries a number: what Graph says of it and its token now, and a message to a phone of their own.
-- Why: only the worker may call Graph, so a test is a job; its result stands in the number's row and in its health.
-- Leaves out: the calls (worker/src/jobs/test_number.rs, send_test.rs).

create or replace function chat.test_job(p_number chat.whatsapp_numbers, p_kind text, p_more jsonb)
returns void
language plpgsql
as $$
declare
    account chat.whatsapp_accounts;
begin
    select a.* into account from chat.whatsapp_accounts a where a.id = p_number.account_id;
    if not found or p_number.disconnected_at is not null then
        raise exception 'the number % is not connected', p_number.phone_number_id
            using errcode = 'PT409', detail = 'chat/number_not_connected', hint = 'connect it with chat_save_whatsapp_number';
    end if;
    perform chat.enqueue(
        'test:' || p_number.id, p_kind, 'notification', p_number.site_id,
        jsonb_build_object(
            'number', p_number.id, 'phone_number_id', p_number.phone_number_id, 'account_id', account.id,
            'waba_id', account.waba_id, 'meta_app_id', (select a.meta_app_id from chat.whatsapp_apps a where a.id = account.app_id),
            'site_id', p_number.site_id, 'graph_version', account.graph_version) || p_more,
        true, true);
end
$$;
comment on function chat.test_job(chat.whatsapp_numbers, text, jsonb) is
    'Queues a test of a number; one that waits is replaced. PT409 chat/number_not_connected.';

create or replace function public.chat_test_whatsapp_number(number uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    n chat.whatsapp_numbers := chat.my_number(chat_test_whatsapp_number.number);
begin
    update chat.whatsapp_numbers x set test = jsonb_build_object('state', 'queued', 'at', clock_timestamp())
    where x.id = n.id
    returning x.test into n.test;
    perform chat.test_job(n, 'whatsapp.test_number', '{}');
    return n.test;
end
$$;
comment on function public.chat_test_whatsapp_number(uuid) is
    'Has the worker ask Graph about a number with its site''s token. Answers {state: queued, at}; chat_whatsapp_health shows the result under `test`: {state: done, at, ok, token: {ok, expires_at, scopes, missing}, number: {ok, quality, throughput, limit, name_status}, subscription: {ok, apps, webhooks}, problems: [words]}. Needs live-chat.whatsapp.manage. PT404 chat/no_such_number, PT409 chat/number_not_connected.';

create or replace function public.chat_send_whatsapp_test(
    number uuid, "to" text, template text default 'hello_world', language text default 'en_US')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    n chat.whatsapp_numbers := chat.my_number(chat_send_whatsapp_test.number);
    phone constant text := regexp_replace(chat_send_whatsapp_test."to", '[ ()+.-]', '', 'g');
begin
    if (phone ~ '^[0-9]{7,15}$') is not true then
        raise exception 'this is no phone number'
            using errcode = 'PT422', detail = 'chat/bad_phone', hint = 'give country code and number, for example +1 555 010 0002';
    elsif (chat_send_whatsapp_test.template ~ '^[a-z0-9_]+$' and length(chat_send_whatsapp_test.template) <= 512 and chat_send_whatsapp_test.language ~ '^[a-zA-Z_]{2,10}$') is not true then
        raise exception 'this is no name of a template or no language'
            using errcode = 'PT422', detail = 'chat/bad_template_name', hint = 'for example hello_world and en_US';
    elsif n.test_send ->> 'state' in ('queued', 'sending')
        and (n.test_send ->> 'at')::timestamptz > clock_timestamp() - interval '1 minute'
    then
        raise exception 'a test message is on its way'
            using errcode = 'PT409', detail = 'chat/test_under_way', hint = 'wait a minute for its result in chat_whatsapp_health';
    end if;
    update chat.whatsapp_numbers x
    set test_send = jsonb_build_object('state', 'queued', 'at', clock_timestamp(), 'to', phone)
    where x.id = n.id
    returning x.test_send into n.test_send;
    perform chat.test_job(n, 'whatsapp.send_test', jsonb_build_object(
        'to', phone, 'template', chat_send_whatsapp_test.template, 'language', chat_send_whatsapp_test.language));
    return n.test_send;
end
$$;
comment on function public.chat_send_whatsapp_test(uuid, text, text, text) is
    'Sends a template without values, such as Meta''s own hello_world, to a phone. Answers {state: queued, at, to}; chat_whatsapp_health shows the result under `test_send`: {state: sent | failed | unknown, at, to, wamid, code, title, details, advice}. Never sent twice. Needs live-chat.whatsapp.manage. PT404 chat/no_such_number, PT409 chat/number_not_connected, chat/test_under_way, PT422 chat/bad_phone, chat/bad_template_name.';

create or replace function public.chat_note_number_test(number uuid, result jsonb, details jsonb default null)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    n chat.whatsapp_numbers;
begin
    perform chat.lock_account(x.account_id) from chat.whatsapp_numbers x where x.id = chat_note_number_test.number;
    update chat.whatsapp_numbers x
    set test = chat_note_number_test.result || jsonb_build_object('state', 'done', 'at', clock_timestamp()),
        details = coalesce(chat_note_number_test.details, x.details)
    where x.id = chat_note_number_test.number and x.disconnected_at is null
    returning x.* into n;
    if found and (chat_note_number_test.result ->> 'ok')::boolean then
        perform chat.token_good(n.account_id);
    end if;
    if chat_note_number_test.details is not null then
        perform chat.follow_throughput(n.phone_number_id, n.details);
    end if;
end
$$;
comment on function public.chat_note_number_test(uuid, jsonb, jsonb) is
    'For the worker: what a test found, and what Graph says of the number. A good one lets a number go on whose token had been refused.';

create or replace function public.chat_note_test_send(number uuid, result jsonb)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- Whoever begins one that was begun already must not send it: nobody knows whether it left.
    update chat.whatsapp_numbers x
    set test_send = x.test_send || chat_note_test_send.result || jsonb_build_object('at', clock_timestamp())
    where x.id = chat_note_test_send.number and x.disconnected_at is null
        and x.test_send ->> 'state' = case when chat_note_test_send.result ->> 'state' = 'sending' then 'queued' else 'sending' end;
    return found;
end
$$;
comment on function public.chat_note_test_send(uuid, jsonb) is
    'For the worker: a test message is being sent, or how that ended. False when it is not what was expected before.';
