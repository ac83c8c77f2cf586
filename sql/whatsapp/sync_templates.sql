-- What: a complete look at an account's templates, page by page.
-- Why: pages are added as they come, and what is gone goes only when the last page was seen: a pass that breaks off takes
--      nothing away. Of two passes the later counts; the earlier finds itself stale.
-- Leaves out: calling Graph and reading its JSON, which the worker does (chat_rules::whatsapp::template).

create or replace function chat.want_templates(p_account uuid)
returns void
language plpgsql
as $$
begin
    -- The tick puts it into the queue: a lane that many conversations share is never written in a message's transaction.
    insert into chat.template_syncs as s (account_id, site_id, due_at)
    select a.id, a.site_id, clock_timestamp() from chat.whatsapp_accounts a where a.id = p_account
    on conflict (account_id) do update
    set due_at = greatest(clock_timestamp(), s.asked_at + interval '30 seconds')
    where s.due_at > clock_timestamp() + interval '30 seconds';
end
$$;
comment on function chat.want_templates(uuid) is
    'Has an account''s templates looked at within a second, or half a minute after the last look began.';

create or replace function chat.enqueue_template_sync(p_account uuid)
returns boolean
language plpgsql
as $$
declare
    account record;
begin
    select a.id, a.site_id, a.waba_id, a.graph_version, n.phone_number_id into account
    from chat.whatsapp_accounts a
    join chat.whatsapp_numbers n on n.account_id = a.id and n.confirmed_at is not null
    where a.id = p_account
    order by n.is_default desc, n.created_at
    limit 1;
    if not found then
        return false;
    end if;
    insert into chat.template_syncs as s (account_id, site_id, due_at, asked_at)
    values (account.id, account.site_id, clock_timestamp() + interval '1 day', clock_timestamp())
    on conflict (account_id) do update set due_at = excluded.due_at, asked_at = excluded.asked_at;
    perform chat.enqueue(
        'templates:' || account.id, 'whatsapp.sync_templates', 'bulk', account.site_id,
        jsonb_build_object('account_id', account.id, 'site_id', account.site_id, 'waba_id', account.waba_id,
            'phone_number_id', account.phone_number_id, 'graph_version', account.graph_version),
        true, true);
    return true;
end
$$;
comment on function chat.enqueue_template_sync(uuid) is
    'Puts a complete look at an account''s templates into the queue. False when no number of it is confirmed.';

create or replace function chat.sync_due_templates(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    account uuid;
    asked integer := 0;
begin
    for account in
        select a.id
        from chat.whatsapp_accounts a
        left join chat.template_syncs s on s.account_id = a.id
        where (s.account_id is null or s.due_at <= p_now)
            and exists (select from chat.whatsapp_numbers n where n.account_id = a.id and n.confirmed_at is not null)
        order by a.id
        limit p_batch
    loop
        -- Of two ticks one has it.
        insert into chat.template_syncs as s (account_id, site_id, due_at)
        select a.id, a.site_id, p_now + interval '1 day' from chat.whatsapp_accounts a where a.id = account
        on conflict (account_id) do update set due_at = excluded.due_at where s.due_at <= p_now;
        if found then
            asked := asked + chat.enqueue_template_sync(account)::integer;
        end if;
    end loop;
    return asked;
end
$$;
comment on function chat.sync_due_templates(integer, timestamptz) is
    'Has the templates of accounts looked at: at the first confirmation of a number, once a day, and when asked for. Returns how many.';

create or replace function public.chat_begin_template_sync(account uuid, job_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    at constant timestamptz := clock_timestamp();
    pass_row chat.template_syncs;
begin
    insert into chat.template_syncs as s (account_id, site_id, due_at, pass, job_id, began_at, touched_at)
    select a.id, a.site_id, at + interval '1 day', gen_random_uuid(), chat_begin_template_sync.job_id, at, at
    from chat.whatsapp_accounts a where a.id = chat_begin_template_sync.account
    on conflict (account_id) do update
    set pass = excluded.pass, job_id = excluded.job_id, began_at = at, touched_at = at, next_page = null
    -- The same job again goes on where it was, while Graph still knows the place.
    where s.pass is null or s.job_id is distinct from chat_begin_template_sync.job_id or s.next_page is null
        or s.touched_at < at - interval '10 minutes';
    select s.* into pass_row from chat.template_syncs s where s.account_id = chat_begin_template_sync.account;
    return jsonb_build_object('pass', pass_row.pass, 'after', pass_row.next_page);
end
$$;
comment on function public.chat_begin_template_sync(uuid, bigint) is
    'For the worker: begins a pass over an account''s templates, or goes on with the job''s own. Answers {pass, after}; pass null when the account is gone.';

create or replace function public.chat_store_templates(account uuid, pass uuid, templates jsonb, after text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    at constant timestamptz := clock_timestamp();
    mine chat.template_syncs;
    removed integer := 0;
begin
    select s.* into mine from chat.template_syncs s
    where s.account_id = chat_store_templates.account and s.pass = chat_store_templates.pass
    for update;
    if not found then
        return jsonb_build_object('state', 'stale', 'removed', 0);
    end if;
    insert into chat.whatsapp_templates as t (
        site_id, account_id, meta_id, name, language, category, status, quality, parameter_format, components,
        rejected_reason, seen_in)
    select distinct on (g.name, g.language) mine.site_id, mine.account_id, g.meta_id, g.name, g.language, g.category,
        g.status, g.quality, g.parameter_format, g.components, g.rejected_reason, mine.pass
    from jsonb_to_recordset(chat_store_templates.templates) as g (
        meta_id text, name text, language text, category text, status text, quality text, parameter_format text,
        components jsonb, rejected_reason text)
    order by g.name, g.language
    on conflict on constraint whatsapp_templates_key do update
    -- What a webhook told since the pass began is newer than the page; the page still brings the format.
    set (category, status, quality, components, rejected_reason) = (
            select case when newer.than then t.category else excluded.category end,
                case when newer.than then t.status else excluded.status end,
                case when newer.than then t.quality else excluded.quality end,
                case when newer.than then t.components else excluded.components end,
                case when newer.than then t.rejected_reason else excluded.rejected_reason end
            from (select coalesce(t.told_at > mine.began_at, false) as than) newer),
        meta_id = excluded.meta_id, parameter_format = excluded.parameter_format, seen_in = excluded.seen_in,
        note = case when t.status = excluded.status or t.told_at > mine.began_at then t.note end,
        next_category = nullif(t.next_category, excluded.category),
        next_category_at = case when t.next_category is distinct from excluded.category then t.next_category_at end,
        updated_at = at;

    if chat_store_templates.after is null then
        delete from chat.whatsapp_templates t
        where t.account_id = mine.account_id and t.seen_in is distinct from mine.pass;
        get diagnostics removed = row_count;
    end if;
    update chat.template_syncs s
    set next_page = chat_store_templates.after, touched_at = at,
        complete_at = case when chat_store_templates.after is null then at else s.complete_at end,
        pass = case when chat_store_templates.after is null then null else s.pass end
    where s.account_id = mine.account_id;
    return jsonb_build_object('state', 'stored', 'removed', removed);
end
$$;
comment on function public.chat_store_templates(uuid, uuid, jsonb, text) is
    'For the worker: one page of a pass, [{meta_id, name, language, category, status, quality, parameter_format, components, rejected_reason}], and the cursor of the next. Without one it was the last: what no page had goes. Answers {state: stored | stale, removed}.';
