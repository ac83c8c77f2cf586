-- What: the persons behind the senders of a run, found or made, and locked.
-- Why: the identity is what two deliveries of one new person meet at. Known ones are locked by id; new ones are taken by
--      their alias, in the order of the run, so that of two transactions one makes the person and the other finds them.
-- Leaves out: e-mails and typed phones, which select nobody.

create or replace function chat.find_identity(p_site uuid, p_portfolio text, p_item jsonb)
returns uuid
language plpgsql
stable
as $$
declare
    known uuid;
begin
    if p_item ->> 'bsuid' is not null then
        select a.identity_id into known from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'bsuid' and a.value = p_item ->> 'bsuid';
        if found then
            return known;
        end if;
    end if;
    if p_item ->> 'phone' is not null then
        select a.identity_id into known from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'phone' and a.value = p_item ->> 'phone';
        if found then
            return known;
        end if;
        select a.identity_id into known from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'phone'
            and a.value = any (array(select jsonb_array_elements_text(p_item -> 'phone_variants')))
        order by a.created_at
        limit 1;
    end if;
    return known;
end
$$;
comment on function chat.find_identity(uuid, text, jsonb) is
    'Identity of a parsed item''s sender: by BSUID, else phone, else another spelling of the phone; null when new.';

create or replace function chat.make_identity(p_site uuid, p_portfolio text, p_item jsonb)
returns uuid
language plpgsql
as $$
declare
    made constant uuid := gen_random_uuid();
    visitor uuid;
    taken integer;
begin
    insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
    values (p_site, p_portfolio,
        case when p_item ->> 'bsuid' is not null then 'bsuid' else 'phone' end,
        coalesce(p_item ->> 'bsuid', p_item ->> 'phone'), made)
    on conflict do nothing;
    get diagnostics taken = row_count;
    if taken = 0 then
        return chat.find_identity(p_site, p_portfolio, p_item);
    end if;
    insert into public.mod_chat_visitors (site_id, name, phone, whatsapp_phone, channel)
    values (p_site, coalesce(p_item ->> 'name', chat.name_in_phone(p_site, p_portfolio, p_item)), p_item ->> 'phone',
        p_item ->> 'phone', 'whatsapp')
    returning id into visitor;
    insert into chat.identities (id, site_id, portfolio, visitor_id) values (made, p_site, p_portfolio, visitor);
    return made;
end
$$;
comment on function chat.make_identity(uuid, text, jsonb) is
    'Makes identity, visitor and first alias of a new sender; if somebody was faster, answers theirs.';

create or replace function chat.learn_aliases(p_site uuid, p_portfolio text, p_identity uuid, p_item jsonb)
returns void
language plpgsql
as $$
declare
    source text;
begin
    foreach source in array array['bsuid', 'phone', 'new_bsuid', 'new_phone'] loop
        -- Asked first: nearly always it is known, and a refused insert still costs a row version.
        if p_item ->> source is not null and not exists (
            select from chat.identity_aliases a
            where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = replace(source, 'new_', '')
                and a.value = p_item ->> source)
        then
            insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
            values (p_site, p_portfolio, replace(source, 'new_', ''), p_item ->> source, p_identity)
            on conflict do nothing;
        end if;
    end loop;
    update chat.identity_aliases a set seen_with = p_item ->> 'phone'
    where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'bsuid' and a.value = p_item ->> 'bsuid'
        and a.seen_with is distinct from p_item ->> 'phone' and p_item ->> 'phone' is not null;
end
$$;
comment on function chat.learn_aliases(uuid, text, uuid, jsonb) is
    'Ids that came with a known person become their aliases; one that names another person already stays theirs.';

create or replace function chat.lock_identities(p_identities uuid[])
returns void
language plpgsql
as $$
declare
    one uuid;
begin
    foreach one in array chat.in_order(p_identities) loop
        perform from chat.identities i where i.id = one for no key update;
    end loop;
end
$$;
comment on function chat.lock_identities(uuid[]) is 'Locks persons in the order of their ids; nulls are nobody.';
