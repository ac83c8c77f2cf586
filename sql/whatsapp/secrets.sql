-- What: every sealed secret in one list; what the worker opens, and how all are sealed anew.
-- Why: a key is changed without a moment in which a secret is gone: each is replaced where it still is what was opened, so
--      a rotation may stop anywhere and go on, and a secret that somebody saves meanwhile wins.
-- Leaves out: hashes of verify tokens, which nobody opens.

create or replace view chat.sealed_secrets as
select 'app' as what, a.id, a.sealed_secret as sealed, encode(substr(a.sealed_secret, 2, 8), 'hex') as key_id
from chat.whatsapp_apps a where a.sealed_secret is not null
union all
select 'account', a.id, a.sealed_token, encode(substr(a.sealed_token, 2, 8), 'hex')
from chat.whatsapp_accounts a where a.sealed_token is not null;
comment on view chat.sealed_secrets is 'Every sealed secret with the key it is sealed for. Whoever adds a sealed column adds it here and to chat_store_resealed.';

create or replace function chat.base64(p_bytes bytea)
returns text
language sql
immutable
as $$ select translate(encode(p_bytes, 'base64'), E'\n', '') $$;
comment on function chat.base64(bytea) is 'Base64 in one line.';

create or replace function public.chat_whatsapp_secrets(known text default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    apps jsonb;
    accounts jsonb;
    version text;
begin
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', a.id, 'name', a.name, 'secret', chat.base64(a.sealed_secret),
        'verify_token_hash', chat.base64(a.verify_token_hash)) order by a.id), '[]')
    into apps
    from chat.whatsapp_apps a where a.sealed_secret is not null;
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', a.id, 'site_id', a.site_id, 'app', a.app_id, 'token', chat.base64(a.sealed_token), 'mark', a.token_mark,
        'numbers', (select coalesce(jsonb_agg(n.phone_number_id order by n.phone_number_id), '[]')
            from chat.whatsapp_numbers n where n.account_id = a.id and n.confirmed_at is not null)) order by a.id), '[]')
    into accounts
    from chat.whatsapp_accounts a;
    version := md5(apps::text || accounts::text);
    if version = chat_whatsapp_secrets.known then
        return jsonb_build_object('version', version);
    end if;
    return jsonb_build_object('version', version, 'apps', apps, 'accounts', accounts);
end
$$;
comment on function public.chat_whatsapp_secrets(text) is
    'For the worker: apps and accounts with their sealed secrets: {version, apps: [{id, name, secret, verify_token_hash}], accounts: [{id, site_id, app, token, mark, numbers}]}; only {version} when that is `known`.';

create or replace function public.chat_secrets_to_reseal(key_id text, after text default '', batch integer default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('what', s.what, 'id', s.id, 'sealed', chat.base64(s.sealed))
            order by s.what || ':' || s.id), '[]')
        from (
            select x.* from chat.sealed_secrets x
            where x.key_id <> chat_secrets_to_reseal.key_id and x.what || ':' || x.id > chat_secrets_to_reseal.after
            order by x.what || ':' || x.id
            limit chat_secrets_to_reseal.batch) s);
end
$$;
comment on function public.chat_secrets_to_reseal(text, text, integer) is
    'For `worker rotate-key`: secrets that are sealed for another key than this one: [{what, id, sealed}], those after `<what>:<id>`.';

create or replace function public.chat_store_resealed(secrets jsonb)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    one record;
    stored integer := 0;
begin
    for one in
        select s ->> 'what' as what, (s ->> 'id')::uuid as id, decode(s ->> 'sealed', 'base64') as old,
            chat.sealed(s ->> 'resealed', 'secret') as new
        from jsonb_array_elements(chat_store_resealed.secrets) s
        -- Apps before accounts, as a save has them.
        order by 1 desc, 2
    loop
        if one.what = 'app' then
            update chat.whatsapp_apps a set sealed_secret = one.new where a.id = one.id and a.sealed_secret = one.old;
        else
            update chat.whatsapp_accounts a set sealed_token = one.new where a.id = one.id and a.sealed_token = one.old;
        end if;
        stored := stored + found::integer;
    end loop;
    notify chat_accounts;
    return stored;
end
$$;
comment on function public.chat_store_resealed(jsonb) is
    'For `worker rotate-key`: takes [{what, id, sealed, resealed}], each where it still is `sealed`. Answers how many were. PT422 chat/not_sealed, PT422 chat/unknown_worker_key.';
