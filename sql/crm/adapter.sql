-- What: the one place that knows the CRM's tables: find or make a contact, what is known of one, note an activity.
-- Why: hosts have `crm_contacts` and `crm_activities` with columns of their own choice. Ours are written where they have
--      the name we use; a column they need and we do not know has to have a default. A host whose CRM is another one
--      replaces chat.crm_contact_of, chat.crm_known and chat.crm_note; they are made once, an upgrade does not undo that.
-- Leaves out: when it is told (follow.sql). Whatever fails here is tried again, and nobody's message waits for it.

create or replace function chat.crm_columns(p_table regclass)
returns setof name
language sql
stable
as $$
    select a.attname from pg_catalog.pg_attribute a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
$$;
comment on function chat.crm_columns(regclass) is 'The columns of a table of the CRM that can be written.';

create or replace function chat.crm_has(p_table regclass, p_column text)
returns boolean
language sql
stable
as $$
    select exists (select from chat.crm_columns(p_table) c (name) where c.name = p_column)
$$;
comment on function chat.crm_has(regclass, text) is 'Whether a table of the CRM has a column that can be written.';

create or replace function chat.crm_table(p_what text)
returns regclass
language sql
stable
as $$
    -- Both or neither: an activity of the host names a contact of the host.
    select case
        when chat.crm_has(to_regclass('public.crm_contacts'), 'site_id')
            and chat.crm_has(to_regclass('public.crm_activities'), 'contact_id')
            then format('public.crm_%s', p_what)::regclass
        else format('chat.crm_%s', p_what)::regclass
    end
$$;
comment on function chat.crm_table(text) is
    'The table of contacts or activities: the host''s where it has crm_contacts with a site_id and crm_activities with a contact_id, else ours.';

create or replace function chat.crm_insert(p_table regclass, p_facts jsonb)
returns uuid
language plpgsql
as $$
declare
    columns constant text := (
        select string_agg(format('%I', k), ', ' order by k)
        from jsonb_object_keys(jsonb_strip_nulls(p_facts)) k
        join chat.crm_columns(p_table) c (name) on c.name = k);
    id uuid;
begin
    execute format(
        'insert into %1$s as x (%2$s) select %2$s from jsonb_populate_record(null::%1$s, $1) returning x.id', p_table, columns)
    into id using p_facts;
    return id;
end
$$;
comment on function chat.crm_insert(regclass, jsonb) is 'Makes a row of those facts that the table has a column for; its id.';

create or replace function chat.crm_find(p_site uuid, p_emails text[], p_phones text[])
returns uuid
language plpgsql
stable
as $$
declare
    contacts constant regclass := chat.crm_table('contacts');
    asked record;
    found uuid;
begin
    -- As they are usually written first, which an index finds; then whatever stands between the digits. A host with many
    -- contacts makes the index that ours has for that (crm.sql).
    for asked in
        select s.condition
        from (values
            (1, 'email', 'lower(x.email) = any ($2)', p_emails),
            (2, 'phone', 'x.phone = any ($3)', p_phones),
            (3, 'phone', 'regexp_replace(x.phone, ''\D'', '''', ''g'') = any ($3)', p_phones)) s (place, name, condition, given)
        where chat.crm_has(contacts, s.name) and cardinality(s.given) > 0
        order by s.place
    loop
        execute format('select x.id from %s x where x.site_id = $1 and %s order by x.id limit 1', contacts, asked.condition)
        into found using p_site, p_emails, p_phones || array(select '+' || p from unnest(p_phones) p);
        exit when found is not null;
    end loop;
    return found;
end
$$;
comment on function chat.crm_find(uuid, text[], text[]) is
    'The contact of a site with one of these e-mails (lower case) or phones (digits); null when there is none.';

create or replace function chat.crm_make(p_site uuid, p_person jsonb)
returns uuid
language plpgsql
as $$
declare
    name constant text := coalesce(nullif(btrim(p_person ->> 'name'), ''), p_person ->> 'phone', p_person ->> 'email', 'Visitor');
begin
    return chat.crm_insert(chat.crm_table('contacts'), jsonb_build_object(
        'site_id', p_site,
        'name', name, 'full_name', name,
        'first_name', split_part(name, ' ', 1),
        'last_name', coalesce(nullif(substr(name, length(split_part(name, ' ', 1)) + 2), ''), ''),
        'email', p_person ->> 'email', 'phone', p_person ->> 'phone',
        'source', 'live-chat'));
end
$$;
comment on function chat.crm_make(uuid, jsonb) is 'Makes a contact of {name, email, phone}; its id.';

do $do$
begin
    if to_regprocedure('chat.crm_contact_of(uuid, jsonb)') is null then
        create function chat.crm_contact_of(p_site uuid, p_person jsonb)
        returns uuid
        language plpgsql
        as $$
        begin
            return coalesce(
                chat.crm_find(
                    p_site,
                    array(select jsonb_array_elements_text(p_person -> 'emails')),
                    array(select jsonb_array_elements_text(p_person -> 'phones'))),
                chat.crm_make(p_site, p_person));
        end
        $$;
        comment on function chat.crm_contact_of(uuid, jsonb) is
            'The contact of {name, email, phone, emails, phones}: found by the verified emails and phones, else made. Replaceable by the host; never made anew by an upgrade.';
    end if;
    if to_regprocedure('chat.crm_known(uuid, uuid)') is null then
        create function chat.crm_known(p_site uuid, p_contact uuid)
        returns jsonb
        language plpgsql
        stable
        as $$
        declare
            contact jsonb;
        begin
            execute format('select to_jsonb(x) from %s x where x.site_id = $1 and x.id = $2', chat.crm_table('contacts'))
            into contact using p_site, p_contact;
            return contact;
        end
        $$;
        comment on function chat.crm_known(uuid, uuid) is
            'A contact''s row, null when it is gone. Visitors get name (or full_name, or first_name and last_name), email and phone from it. Replaceable by the host; never made anew by an upgrade.';
    end if;
    if to_regprocedure('chat.crm_note(uuid, uuid, uuid, text)') is null then
        create function chat.crm_note(p_site uuid, p_contact uuid, p_conversation uuid, p_description text)
        returns void
        language plpgsql
        as $$
        begin
            perform chat.crm_insert(chat.crm_table('activities'), jsonb_build_object(
                'site_id', p_site, 'contact_id', p_contact, 'type', 'chat', 'related_entity', 'conversation',
                'entity_id', p_conversation, 'title', p_description, 'subject', p_description, 'description', p_description));
        end
        $$;
        comment on function chat.crm_note(uuid, uuid, uuid, text) is
            'Notes an activity of type chat. Replaceable by the host; never made anew by an upgrade.';
    end if;
end
$do$;
