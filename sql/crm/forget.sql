-- What: what our own tables of contacts and activities hold of a person, for erasing and for handing it out.
-- Why: a person is erased whole, and sees before what that takes.
-- Leaves out: the host's tables. What was told to a CRM is the CRM's to erase, by the contact's id in the export.

create or replace function chat.own_contacts(p_visitors uuid[])
returns uuid[]
language sql
stable
as $$
    -- A contact that somebody else is linked to as well stays.
    select coalesce(array_agg(k.id), '{}')
    from chat.crm_contacts k
    where k.id in (select v.crm_contact_id from public.mod_chat_visitors v where v.id = any (p_visitors))
        and not exists (
            select from public.mod_chat_visitors o
            where o.site_id = k.site_id and o.crm_contact_id = k.id and o.id <> all (p_visitors))
$$;
comment on function chat.own_contacts(uuid[]) is 'Contacts in our own table that belong to these visitors and nobody else.';

create or replace function chat.erase_contacts(p_visitors uuid[], p_conversations uuid[])
returns jsonb
language plpgsql
as $$
declare
    contacts constant uuid[] := chat.own_contacts(p_visitors);
    activities integer;
begin
    delete from chat.crm_activities a where a.contact_id = any (contacts) or a.entity_id = any (p_conversations);
    get diagnostics activities = row_count;
    delete from chat.crm_contacts k where k.id = any (contacts);
    return jsonb_build_object('contacts', cardinality(contacts), 'activities', activities);
end
$$;
comment on function chat.erase_contacts(uuid[], uuid[]) is 'Deletes what our own tables hold of a person. Answers counts.';

create or replace function chat.export_contacts(p_visitors uuid[])
returns jsonb
language sql
stable
as $$
    select coalesce(jsonb_agg(to_jsonb(k) || jsonb_build_object('activities', coalesce((
        select jsonb_agg(to_jsonb(a) order by a.created_at, a.id) from chat.crm_activities a where a.contact_id = k.id), '[]'))
        order by k.created_at, k.id), '[]')
    from chat.crm_contacts k
    where k.id = any (chat.own_contacts(p_visitors))
$$;
comment on function chat.export_contacts(uuid[]) is 'What our own tables hold of a person: [{contact, activities}].';
