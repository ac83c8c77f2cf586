-- What: takes over a host's own tables waba_accounts and phone_numbers, and leaves them as they are.
-- Why: who has connected numbers once need not type them again. A token that the host encrypted in its own way cannot be
--      read here; such accounts wait for one.
-- Leaves out: chat_conversations and chat_messages of such hosts.

create or replace function public.chat_import_waba(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    accounts integer := 0;
    numbers integer := 0;
    tokens_needed jsonb := '[]';
    skipped jsonb := '[]';
    host record;
    app uuid;
    account chat.whatsapp_accounts;
    claimed chat.whatsapp_numbers;
begin
    perform chat.require(chat_import_waba.site, 'live-chat.whatsapp.manage');
    if to_regclass('public.waba_accounts') is null or to_regclass('public.phone_numbers') is null then
        raise exception 'there are no tables waba_accounts and phone_numbers'
            using errcode = 'PT404', detail = 'chat/no_waba_tables', hint = 'connect numbers with chat_save_whatsapp_number';
    end if;
    -- Several accounts and numbers, and a job for each: accounts, numbers, lanes.
    perform from chat.whatsapp_accounts a where a.site_id = chat_import_waba.site order by a.id for no key update;
    perform from chat.whatsapp_numbers n where n.site_id = chat_import_waba.site order by n.id for no key update;
    for host in execute
        -- Whole rows, so that a table that has a column less or more is taken, too. Of each user their own.
        'select to_jsonb(w) as waba, to_jsonb(p) as number
        from public.waba_accounts w
        join public.phone_numbers p on p.waba_id::text = w.waba_id::text
        where w.user_id::text = $1::text
        order by w.waba_id, p.phone_number_id' using auth.uid()
    loop
        continue when (host.waba ->> 'waba_id' ~ '^[0-9]{1,32}$' and host.number ->> 'phone_number_id' ~ '^[0-9]{1,32}$') is not true;
        if account.waba_id is distinct from host.waba ->> 'waba_id' then
            app := coalesce(app, chat.app_for_import(chat_import_waba.site));
            insert into chat.whatsapp_accounts as a (site_id, app_id, waba_id, portfolio_id)
            values (chat_import_waba.site, app, host.waba ->> 'waba_id', nullif(host.waba ->> 'owner_business_id', ''))
            on conflict (site_id, waba_id) do update set portfolio_id = coalesce(a.portfolio_id, excluded.portfolio_id)
            returning a.* into account;
            accounts := accounts + 1;
            if account.sealed_token is null and account.token_mark is null then
                tokens_needed := tokens_needed || to_jsonb(account.waba_id);
            end if;
        end if;
        if exists (
            select from chat.whatsapp_numbers n
            where n.phone_number_id = host.number ->> 'phone_number_id' and n.confirmed_at is not null
                and n.site_id <> chat_import_waba.site)
        then
            skipped := skipped || jsonb_build_object(
                'phone_number_id', host.number ->> 'phone_number_id', 'why', 'chat/number_taken');
        else
            claimed := chat.claim_number(chat_import_waba.site, host.number ->> 'phone_number_id', account.id,
                host.number ->> 'display_phone_number');
            update chat.whatsapp_numbers n
            set verified_name = coalesce(n.verified_name, host.number ->> 'verified_name')
            where n.id = claimed.id;
            numbers := numbers + 1;
        end if;
    end loop;
    notify chat_accounts;
    return jsonb_build_object(
        'accounts', accounts, 'numbers', numbers, 'tokens_needed', tokens_needed, 'skipped', skipped);
end
$$;
comment on function public.chat_import_waba(uuid) is
    'Claims for a site the numbers that the caller has in the host''s waba_accounts and phone_numbers, which stay as they are. Repeatable. Answers {accounts, numbers, tokens_needed: [waba_id], skipped: [{phone_number_id, why}]}; give each of tokens_needed its token with chat_save_whatsapp_number. Needs live-chat.whatsapp.manage. PT403 chat/not_allowed, PT404 chat/no_waba_tables.';

create or replace function chat.app_for_import(p_site uuid)
returns uuid
language plpgsql
as $$
declare
    app uuid;
begin
    select a.id into app from chat.whatsapp_apps a
    where a.site_id = p_site or a.name = 'environment'
    order by a.site_id nulls last, a.created_at limit 1;
    if not found then
        -- It has no secret yet, so nothing is believed that claims to be signed by it.
        insert into chat.whatsapp_apps (name, site_id) values (gen_random_uuid()::text, p_site) returning id into app;
    end if;
    return app;
end
$$;
comment on function chat.app_for_import(uuid) is 'The app of imported accounts: the site''s first, else the environment''s, else a new one without a secret.';
