-- What: what webhooks keep of people beside their rows: items that wait or fit nothing, names in phones, members of groups.
-- Why: erasing takes it and an export shows it, so it is found in one place. Items that no row would take are kept as they
--      came, so a person's ids are looked for in all of it.
-- Leaves out: rows that name their visitor, identity or conversation.

create or replace function chat.speaks_of(p_text text, p_identities uuid[])
returns boolean
language sql
stable
as $$
    select exists (
        select from chat.identity_aliases a
        where a.identity_id = any (p_identities) and position(a.value in p_text) > 0)
$$;
comment on function chat.speaks_of(text, uuid[]) is 'Whether an id of one of these identities stands in a text.';

create or replace function chat.orphan_statuses_of(p_site uuid, p_identities uuid[], p_conversations uuid[])
returns setof chat.orphan_statuses
language sql
stable
as $$
    select o.* from chat.orphan_statuses o
    where o.site_id = p_site
        and (o.wamid in (
                select m.whatsapp_message_id from public.mod_chat_messages m where m.conversation_id = any (p_conversations))
            or chat.speaks_of(o.item::text, p_identities))
$$;
comment on function chat.orphan_statuses_of(uuid, uuid[], uuid[]) is
    'What waits for a message of these conversations or identities at a site.';

create or replace function chat.dead_letters_of(p_site uuid, p_identities uuid[])
returns setof chat.dead_letters
language sql
stable
as $$
    select d.* from chat.dead_letters d
    where d.phone_number_id in (select n.phone_number_id from chat.whatsapp_numbers n where n.site_id = p_site)
        and chat.speaks_of(d.item::text, p_identities)
$$;
comment on function chat.dead_letters_of(uuid, uuid[]) is 'What came to numbers of a site, fits no row and speaks of these identities.';

create or replace function chat.phone_contacts_of(p_identities uuid[])
returns setof chat.phone_contacts
language sql
stable
as $$
    select distinct p.*
    from chat.identities i
    join chat.identity_aliases a on a.identity_id = i.id
    left join lateral chat.dialled_phone(case a.kind when 'phone' then a.value end) d on true
    join chat.phone_contacts p on p.site_id = i.site_id and p.portfolio = i.portfolio
        and p.value = any (array[a.value] || coalesce(d.variants, '{}'))
    where i.id = any (p_identities)
$$;
comment on function chat.phone_contacts_of(uuid[]) is 'What the address books of phones say of these identities, in any spelling of their numbers.';

create or replace function chat.told_of_groups_with(p_site uuid, p_identities uuid[])
returns setof chat.whatsapp_told
language sql
stable
as $$
    select t.* from chat.whatsapp_told t
    where t.site_id = p_site and t.field like 'group%' and chat.speaks_of(t.facts::text, p_identities)
$$;
comment on function chat.told_of_groups_with(uuid, uuid[]) is 'What Meta told a site of groups that names one of these identities.';
