-- What: what a number tells of itself that the business uses in its phone as well: its address book, how far the import of its
--      past has come, and of groups.
-- Why: names come before the people: somebody whose past is imported, or to whom the business writes first, has no name of
--      their own yet. A refused import is shown where the number is; what happened to a group is kept as it was told.
-- Leaves out: messages (echo.sql, history.sql). Members of a group are nobody who wrote to us.

create table if not exists chat.phone_contacts (
    site_id uuid not null references public.sites (id) on delete cascade,
    portfolio text not null,
    value text not null,
    name text,
    at timestamptz not null,
    primary key (site_id, portfolio, value)
);
comment on table chat.phone_contacts is 'Names in the address books of the phones that share a number with us.';
comment on column chat.phone_contacts.value is 'Phone or BSUID, as an alias of an identity has it.';
comment on column chat.phone_contacts.name is 'Null once it was taken out: an older telling that comes late does not bring it back.';
alter table chat.phone_contacts enable row level security;

create or replace function chat.name_in_phone(p_site uuid, p_portfolio text, p_item jsonb)
returns text
language plpgsql
stable
as $$
begin
    return (
        select c.name from chat.phone_contacts c
        where c.site_id = p_site and c.portfolio = p_portfolio and c.name is not null
            and c.value = any (array[p_item ->> 'bsuid', p_item ->> 'phone']
                || array(select jsonb_array_elements_text(p_item -> 'phone_variants')))
        order by c.at desc
        limit 1);
end
$$;
comment on function chat.name_in_phone(uuid, text, jsonb) is
    'What the business''s phone calls the person of a parsed item, in any spelling of their number; null when nothing.';

create or replace function chat.receive_contacts(p_app uuid, p_items jsonb[])
returns jsonb
language plpgsql
as $$
declare
    item jsonb;
    number record;
    people uuid[] := '{}';
    taken integer := 0;
begin
    -- Items of one call are of one number.
    select * into number from chat.receiving_number(p_app, p_items[1] ->> 'phone_number_id');
    if not found then
        insert into chat.dead_letters (app_id, phone_number_id, reason, item)
        select p_app, i.item ->> 'phone_number_id',
            case when i.item ->> 'phone_number_id' is null then 'no_phone_number_id' else 'unknown_number' end, i.item
        from unnest(p_items) i (item);
        return jsonb_build_object('dead', cardinality(p_items));
    end if;
    foreach item in array p_items loop
        people := people || chat.find_identity(number.site_id, number.portfolio, item);
    end loop;
    perform chat.lock_identities(people);
    perform chat.lock_visitors(array(select i.visitor_id from chat.identities i where i.id = any (people)));
    for place in 1 .. cardinality(p_items) loop
        item := p_items[place];
        insert into chat.phone_contacts as c (site_id, portfolio, value, name, at)
        values (number.site_id, number.portfolio, coalesce(item ->> 'phone', item ->> 'bsuid'), left(item ->> 'name', 200),
            coalesce((item ->> 'at')::timestamptz, clock_timestamp()))
        on conflict (site_id, portfolio, value) do update set name = excluded.name, at = excluded.at
        where c.at < excluded.at;
        if found then
            taken := taken + 1;
            -- How somebody calls themselves, or what an agent wrote, goes before what the phone calls them.
            perform chat.name_visitor(i.visitor_id, item ->> 'name') from chat.identities i where i.id = people[place];
        end if;
    end loop;
    return jsonb_build_object('stored', taken, 'duplicate', cardinality(p_items) - taken);
end
$$;
comment on function chat.receive_contacts(uuid, jsonb[]) is
    'Names from the address book of a number''s phone: kept, and given to people who have none. Answers those of {stored, duplicate, dead} that are not 0.';

create or replace function chat.number_told_of(p_app uuid, p_item jsonb)
returns setof chat.whatsapp_numbers
language plpgsql
stable
rows 1
as $$
declare
    numbers uuid[];
begin
    -- That sharing was declined has been seen without the number; it is the account's where it has one only.
    numbers := array(
        select n.id
        from chat.whatsapp_numbers n
        join chat.whatsapp_accounts a on a.id = n.account_id
        where n.confirmed_at is not null and a.app_id = p_app
            and case when p_item ->> 'phone_number_id' is null then a.waba_id = p_item ->> 'waba_id'
                else n.phone_number_id = p_item ->> 'phone_number_id' end);
    return query select n.* from chat.whatsapp_numbers n where cardinality(numbers) = 1 and n.id = numbers[1];
end
$$;
comment on function chat.number_told_of(uuid, jsonb) is 'Confirmed number of an app that a telling is of; none when nobody can tell.';

create or replace function chat.tell_of_number(p_app uuid, p_item jsonb)
returns text
language plpgsql
as $$
declare
    number chat.whatsapp_numbers;
    account chat.whatsapp_accounts;
    kept text;
    now_at jsonb;
begin
    select n.* into number from chat.number_told_of(p_app, p_item) n;
    if not found then
        return null;
    end if;
    select a.* into account from chat.whatsapp_accounts a where a.id = number.account_id;
    if p_item ->> 'about' = 'group' then
        return chat.keep_told(account, p_item -> 'metadata' ->> 'group_id', p_item);
    elsif p_item ->> 'event' = 'declined' then
        kept := chat.keep_told(account, number.phone_number_id, p_item);
        if kept <> 'new' then
            return kept;
        end if;
        now_at := jsonb_build_object('state', 'declined', 'error', p_item -> 'facts' -> 'error');
    else
        now_at := jsonb_build_object('state',
            case when (p_item -> 'facts' ->> 'progress')::bigint >= 100 then 'done' else 'importing' end) || (p_item -> 'facts');
    end if;
    -- Parts come in any order; how far it has come only grows.
    update chat.whatsapp_numbers n
    set details = n.details || jsonb_build_object('history', now_at || jsonb_build_object('at', clock_timestamp())),
        updated_at = clock_timestamp()
    where n.id = number.id
        and (now_at ? 'error' or n.details -> 'history' ->> 'progress' is null
            or (n.details -> 'history' ->> 'progress')::bigint < (now_at ->> 'progress')::bigint);
    return case when found then 'new' else 'known' end;
end
$$;
comment on function chat.tell_of_number(uuid, jsonb) is
    'A telling about a number''s groups, or about the import of its past, which stands in its details as `history`: {state importing, done or declined, phase, chunk_order, progress, error, at}. Answers as chat.keep_told; null when there is no such number.';
