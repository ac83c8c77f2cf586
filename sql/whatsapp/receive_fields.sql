-- What: the webhook items that are no messages and no statuses, of one delivery.
-- Why: apart from messages, whose path pays nothing for them. People's rows are locked first, by id, then accounts' in
--      their order, then numbers': as everywhere.
-- Leaves out: what each telling changes (told.sql, marketing.sql, phone_app.sql).

create or replace function chat.receive_fields(p_app uuid, p_items jsonb)
returns jsonb
language plpgsql
as $$
declare
    item jsonb;
    account chat.whatsapp_accounts;
    counts jsonb := '{"stored": 0, "duplicate": 0, "dead": 0, "enqueued": 0}';
    contacts constant jsonb[] := array(
        select i.item from jsonb_array_elements(p_items) with ordinality i (item, place)
        where i.item ->> 'about' = 'contact' order by i.place);
    kept text;
    one text;
begin
    counts := chat.sum_counts(counts, chat.receive_wishes(p_app, array(
        select i.item from jsonb_array_elements(p_items) i (item) where i.item ->> 'about' in ('preference', 'person'))));
    if contacts <> '{}' then
        counts := chat.sum_counts(counts, chat.receive_contacts(p_app, contacts));
    end if;
    for item in
        select i.item from jsonb_array_elements(p_items) with ordinality i (item, place)
        where i.item ->> 'about' is null or i.item ->> 'about' not in ('preference', 'person', 'contact')
        order by coalesce(i.item ->> 'about' in ('group', 'history'), false), i.item ->> 'waba_id', i.place
    loop
        kept := null;
        if item ->> 'about' in ('group', 'history') then
            kept := chat.tell_of_number(p_app, item);
        elsif item ->> 'about' in ('template', 'number', 'account') then
            -- Whoever merely names an account has no number that Graph confirmed with its token, and hears nothing.
            for account in
                select a.* from chat.whatsapp_accounts a
                where a.waba_id = item ->> 'waba_id' and a.app_id = p_app
                    and exists (select from chat.whatsapp_numbers n where n.account_id = a.id and n.confirmed_at is not null)
                order by a.id
                for no key update of a
            loop
                one := case item ->> 'about'
                    when 'template' then chat.tell_template(account, item)
                    when 'number' then chat.tell_number(account, item)
                    else chat.tell_account(account, item)
                end;
                kept := case when 'new' in (kept, one) then 'new' else coalesce(kept, one) end;
            end loop;
        end if;
        if kept is null then
            insert into chat.dead_letters (app_id, phone_number_id, reason, item)
            values (p_app, item ->> 'phone_number_id', case
                when item ->> 'about' is null then coalesce(item ->> 'reason', 'field_not_handled')
                when item ->> 'about' in ('group', 'history') then 'unknown_number'
                when account.id is null then 'unknown_account'
                else 'unknown_number' end, item);
        end if;
        counts := chat.sum_counts(counts, jsonb_build_object(case
            when kept is null then 'dead' when kept = 'known' then 'duplicate' else 'stored' end, 1));
    end loop;
    return counts;
end
$$;
comment on function chat.receive_fields(uuid, jsonb) is
    'Stores the items of a delivery that are no messages and no statuses. Answers {stored, duplicate, dead, enqueued}.';

create or replace function chat.receive_wishes(p_app uuid, p_items jsonb[])
returns jsonb
language plpgsql
as $$
declare
    item jsonb;
    number record;
    people uuid[] := '{}';
    one uuid;
    stored integer := 0;
    duplicate integer := 0;
    dead integer := 0;
begin
    foreach item in array p_items loop
        select * into number from chat.receiving_number(p_app, item ->> 'phone_number_id');
        if not found then
            insert into chat.dead_letters (app_id, phone_number_id, reason, item)
            values (p_app, item ->> 'phone_number_id',
                case when item ->> 'phone_number_id' is null then 'no_phone_number_id' else 'unknown_number' end, item);
            dead := dead + 1;
            one := null;
        elsif item ->> 'about' = 'preference' then
            -- Somebody we do not know may say stop, too; it counts when we come to write to them.
            one := coalesce(
                chat.find_identity(number.site_id, number.portfolio, item),
                chat.make_identity(number.site_id, number.portfolio, item));
        else
            one := chat.find_identity(number.site_id, number.portfolio, item);
            -- Taken, and there is nobody to learn it of.
            stored := stored + (one is null)::integer;
        end if;
        people := people || one;
    end loop;
    perform chat.lock_identities(people);
    for place in 1 .. cardinality(people) loop
        continue when people[place] is null;
        item := p_items[place];
        perform chat.learn_aliases(i.site_id, i.portfolio, i.id, item) from chat.identities i where i.id = people[place];
        if item ->> 'about' = 'preference' and item ->> 'event' in ('stop', 'resume', 'signup')
            and not chat.note_wish(people[place], item ->> 'event', (item ->> 'at')::timestamptz)
        then
            duplicate := duplicate + 1;
        else
            stored := stored + 1;
        end if;
    end loop;
    return jsonb_build_object('stored', stored, 'duplicate', duplicate, 'dead', dead, 'enqueued', 0);
end
$$;
comment on function chat.receive_wishes(uuid, jsonb[]) is
    'What people decided about us, and new ids of theirs. Somebody unknown with a new id brings nothing. Answers {stored, duplicate, dead, enqueued}.';

create or replace function chat.sum_counts(p_counts jsonb, p_more jsonb)
returns jsonb
language sql
immutable
as $$
    select jsonb_object_agg(c.key, c.value::integer + coalesce((p_more ->> c.key)::integer, 0))
    from jsonb_each_text(p_counts) c
$$;
comment on function chat.sum_counts(jsonb, jsonb) is 'Counts of two, by the names of the first.';
