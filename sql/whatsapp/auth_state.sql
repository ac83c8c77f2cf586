-- What: whether Graph accepts an account's token, and what waits while it does not.
-- Why: only an explicit answer about credentials says so, and only about the token it was said of: a token that was
--      replaced meanwhile is not to blame. The queue of the account's numbers stands still and keeps everything; nothing
--      that comes in is stopped.
-- Leaves out: which answers those are (chat_rules::whatsapp::errors).

create or replace function chat.token_refused(p_account uuid, p_mark text, p_error jsonb)
returns boolean
language plpgsql
as $$
declare
    site uuid;
begin
    update chat.whatsapp_accounts a
    set auth_failed_at = coalesce(a.auth_failed_at, clock_timestamp()), auth_error = p_error
    where a.id = p_account and a.token_mark is not distinct from p_mark
    returning a.site_id into site;
    if not found then
        return false;
    end if;
    -- Claims put the lanes aside as they come to them.
    insert into chat.pauses (what, name, reason)
    select 'token', n.phone_number_id, 'Graph does not accept the account''s access token'
    from chat.whatsapp_numbers n
    where n.account_id = p_account and n.confirmed_at is not null
    on conflict do nothing;
    if found then
        insert into chat.events (site_id, name) values (site, 'chat.whatsapp.auth_failed');
    end if;
    return true;
end
$$;
comment on function chat.token_refused(uuid, text, jsonb) is
    'Graph does not accept an account''s token: its numbers'' sends wait, and the site''s owner gets an event, once. False when the account has another token by now.';

create or replace function chat.hold_for_token(p_job bigint, p_lease uuid, p_outcome jsonb)
returns void
language plpgsql
as $$
begin
    if chat.token_refused((p_outcome #>> '{token,account}')::uuid, p_outcome #>> '{token,mark}',
        p_outcome - '{is,http,after_seconds,token}'::text[] || jsonb_build_object('at', clock_timestamp()))
    then
        -- As if it had not been tried: the wait for a token is not held against it.
        perform chat.give_back(p_lease);
    else
        -- Another token is there already.
        perform chat.finish_job(p_job, p_lease, '{"is": "retry", "after_seconds": 2}');
    end if;
end
$$;
comment on function chat.hold_for_token(bigint, uuid, jsonb) is
    'Ends the lease of a send whose token Graph refused: it goes out first when there is another token.';

create or replace function chat.token_good(p_account uuid)
returns void
language plpgsql
as $$
declare
    numbers constant text[] := array(
        select n.phone_number_id from chat.whatsapp_numbers n where n.account_id = p_account order by 1);
    well record;
begin
    update chat.whatsapp_accounts a
    set auth_failed_at = null, auth_error = null
    where a.id = p_account and a.auth_failed_at is not null
    returning a.site_id into well;
    if found then
        insert into chat.events (site_id, name) values (well.site_id, 'chat.whatsapp.auth_restored');
    end if;
    perform chat.lift_pauses('token', numbers);
    -- What waited for a token in other ways need not wait on; what somebody has is passed by, as it is tried again anyway.
    update chat.lanes l set next_at = clock_timestamp()
    from (
        select x.key from chat.lanes x
        where x.ready and not x.busy and x.next_at > clock_timestamp() and x.next_at < 'infinity'
            and split_part(x.key, ':', 2) = any (numbers)
        for update skip locked) waiting
    where l.key = waiting.key;
    notify chat_jobs;
end
$$;
comment on function chat.token_good(uuid) is
    'An account has a new token, or a test went well: its numbers go on at once.';

create or replace function public.chat_token_in_use(account uuid, mark text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
    is_new boolean;
begin
    update chat.whatsapp_accounts a set token_mark = chat_token_in_use.mark
    where a.id = chat_token_in_use.account and a.sealed_token is null
        and a.token_mark is distinct from chat_token_in_use.mark;
    is_new := found;
    if is_new then
        perform chat.token_good(chat_token_in_use.account);
    end if;
    return is_new;
end
$$;
comment on function public.chat_token_in_use(uuid, text) is
    'For the worker: the mark of the token that its configuration has for an account. Another one than before ends the wait for it. Answers whether it was another; an account whose token people saved is left alone.';
