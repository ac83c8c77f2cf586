-- What: tells the CRM that conversations began and ended, and fills what is empty of a visitor from there.
-- Why: it follows event rows by the tick, so no message waits for the host's tables; each event is told in a transaction
--      within the transaction, so one that fails takes nothing with it and is tried again.
--      Only verified identities find a contact: a typed e-mail or phone could be anybody's.
-- Leaves out: people of whom nothing is verified; they get a contact when they prove who they are, or by hand.

create or replace function chat.collect_crm(p_batch integer)
returns void
language plpgsql
as $$
declare
    progress chat.crm_progress;
    reached bigint;
begin
    select * into progress from chat.crm_progress;
    if progress.event_id >= progress.up_to then
        select max(e.id) into reached from chat.events e;
        if reached > progress.up_to then
            progress.up_to_xid := chat.xid_from_now('chat.crm_progress');
            update chat.crm_progress set up_to = reached, up_to_xid = progress.up_to_xid;
        end if;
        return;
    elsif not chat.all_ended(progress.up_to_xid) then
        return;
    end if;
    with next as (
        select e.* from chat.events e
        where e.id > progress.event_id and e.id <= progress.up_to
        order by e.id limit p_batch
    ), told as (
        insert into chat.crm_due (event_id, site_id, conversation_id, name, at)
        select n.id, n.site_id, n.conversation_id, n.name, n.at
        from next n
        -- Somebody may erase it in this moment; then there is nothing to tell.
        join lateral (
            select from public.mod_chat_conversations c where c.id = n.conversation_id for key share skip locked) c on true
        left join chat.crm_settings s on s.site_id = n.site_id
        where n.name in ('chat.conversation.created', 'chat.conversation.resolved', 'chat.conversation.closed', 'chat.conversation.missed')
            and coalesce(s.is_on, true)
    )
    update chat.crm_progress p set event_id = greatest(p.event_id, (select max(n.id) from next n));
end
$$;
comment on function chat.collect_crm(integer) is
    'Puts the next beginnings and ends of conversations into chat.crm_due. The caller holds chat.crm_progress.';

create or replace function chat.person_for_crm(p_visitor uuid)
returns jsonb
language plpgsql
stable
as $$
declare
    rows constant uuid[] := chat.person_rows(p_visitor);
    person jsonb;
    login_emails text[] := '{}';
begin
    if to_regclass('auth.users') is not null then
        select coalesce(array_agg(lower(to_jsonb(u) ->> 'email')), '{}') into login_emails
        from chat.identities i
        join chat.identity_aliases a on a.identity_id = i.id and a.kind = 'auth'
        join auth.users u on u.id::text = a.value
        where i.visitor_id = any (rows) and to_jsonb(u) ->> 'email_confirmed_at' is not null;
    end if;
    select jsonb_build_object(
        'verified', count(a.value) > 0,
        'phones', coalesce(jsonb_agg(a.value) filter (where a.kind = 'phone'), '[]'),
        'emails', to_jsonb(login_emails),
        'phone', '+' || min(a.value) filter (where a.kind = 'phone'))
    into person
    from chat.identities i
    join chat.identity_aliases a on a.identity_id = i.id
    where i.visitor_id = any (rows);
    return person || (
        select jsonb_build_object(
            'name', min(v.name),
            'email', coalesce(login_emails[1], min(v.email)),
            'phone', coalesce(person ->> 'phone', min(v.phone)),
            'contact', (array_agg(v.crm_contact_id) filter (where v.crm_contact_id is not null))[1])
        from public.mod_chat_visitors v where v.id = any (rows));
end
$$;
comment on function chat.person_for_crm(uuid) is
    'What chat.crm_contact_of is asked with: {verified, phones, emails, name, email, phone, contact}; contact: that of one of the person''s rows.';

create or replace function chat.crm_name(p_contact jsonb)
returns text
language sql
immutable
as $$
    select coalesce(p_contact ->> 'name', p_contact ->> 'full_name',
        nullif(concat_ws(' ', nullif(p_contact ->> 'first_name', ''), nullif(p_contact ->> 'last_name', '')), ''))
$$;
comment on function chat.crm_name(jsonb) is 'The name of a contact, as hosts write it: name, full_name, or first_name and last_name.';

create or replace function chat.link_contact(p_visitor public.mod_chat_visitors)
returns uuid
language plpgsql
as $$
declare
    person constant jsonb := chat.person_for_crm(p_visitor.id);
    contact uuid := (person ->> 'contact')::uuid;
    known jsonb;
begin
    -- A contact that was deleted over there is made anew.
    known := chat.crm_known(p_visitor.site_id, contact);
    if known is null and (person ->> 'verified')::boolean then
        contact := chat.crm_contact_of(p_visitor.site_id, person);
        known := chat.crm_known(p_visitor.site_id, contact);
    end if;
    if known is null then
        return null;
    end if;
    update public.mod_chat_visitors v
    set crm_contact_id = contact,
        -- A host's contact may be longer than a visitor can be: a cut name still says who it is, a cut address is another's.
        name = coalesce(nullif(v.name, ''), chat.one_line(chat.crm_name(known), 200)),
        email = coalesce(nullif(v.email, ''), case when char_length(known ->> 'email') <= 320 then known ->> 'email' end),
        phone = coalesce(nullif(v.phone, ''), case when char_length(known ->> 'phone') <= 50 then known ->> 'phone' end),
        updated_at = clock_timestamp()
    where v.id = p_visitor.id
        and (v.crm_contact_id is distinct from contact
            or coalesce(v.name, '') = '' or coalesce(v.email, '') = '' or coalesce(v.phone, '') = '');
    return contact;
end
$$;
comment on function chat.link_contact(public.mod_chat_visitors) is
    'The contact of a visitor the caller has locked: theirs, or found or made if they are verified, else null. Fills what is empty of the visitor.';

create or replace function chat.crm_words(p_conversation public.mod_chat_conversations, p_event text)
returns text
language sql
stable
as $$
    select case p_conversation.channel when 'whatsapp' then 'WhatsApp' else 'Chat' end || ' conversation ' || case p_event
        when 'chat.conversation.created' then 'started'
        else replace(p_event, 'chat.conversation.', '') || ': ' || p_conversation.message_count || ' messages'
            || coalesce(', with ' || a.display_name, '') || coalesce(', rated ' || p_conversation.rating || ' of 5', '')
    end || coalesce(' (' || p_conversation.session_number || ')', '')
    from (select) x
    left join public.mod_chat_agents a
        on a.id = coalesce(p_conversation.assigned_agent_id, p_conversation.last_agent_id)
$$;
comment on function chat.crm_words(public.mod_chat_conversations, text) is 'What an activity says of a conversation that began or ended.';

create or replace function chat.tell_crm(p_due chat.crm_due)
returns boolean
language plpgsql
as $$
declare
    conversation public.mod_chat_conversations;
    visitor public.mod_chat_visitors;
    contact uuid;
begin
    select c.* into conversation from public.mod_chat_conversations c where c.id = p_due.conversation_id;
    -- Whoever is at work with them is not waited for.
    select v.* into visitor from public.mod_chat_visitors v
    where v.id = conversation.visitor_id for no key update skip locked;
    if not found then
        return false;
    end if;
    contact := chat.link_contact(visitor);
    if contact is not null then
        perform chat.crm_note(p_due.site_id, contact, conversation.id, chat.crm_words(conversation, p_due.name));
    end if;
    return true;
end
$$;
comment on function chat.tell_crm(chat.crm_due) is 'Tells the CRM of one beginning or end; false when the visitor is locked just now.';

create or replace function chat.follow_crm(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    -- A host's tables may be slow, and the tick has more to do.
    until constant timestamptz := clock_timestamp() + interval '250 milliseconds';
    due chat.crm_due;
    told integer := 0;
begin
    -- One tick at a time, or two would each make a contact of one person.
    perform from chat.crm_progress for update skip locked;
    if not found then
        return 0;
    end if;
    perform chat.collect_crm(p_batch * 10);
    for due in
        select d.* from chat.crm_due d
        where d.next_at <= p_now
            -- What began before is told before.
            and not exists (
                select from chat.crm_due b where b.site_id = d.site_id and b.conversation_id = d.conversation_id and b.event_id < d.event_id)
        order by d.next_at, d.event_id
        limit p_batch
        for update skip locked
    loop
        begin
            if chat.tell_crm(due) then
                delete from chat.crm_due d where d.event_id = due.event_id;
                told := told + 1;
            end if;
        exception
            when query_canceled or admin_shutdown or serialization_failure or deadlock_detected then
                raise;
            when others then
                update chat.crm_due d
                set tries = d.tries + 1, error = sqlstate || ' ' || sqlerrm,
                    next_at = case when d.tries < 9 then p_now + make_interval(secs => 10 * 2 ^ d.tries) end
                where d.event_id = due.event_id;
        end;
        exit when clock_timestamp() > until;
    end loop;
    return told;
end
$$;
comment on function chat.follow_crm(integer, timestamptz) is
    'Tells the CRM what began and ended, in batches; how many. What fails is tried ten times within about two hours and then kept with its error. For the tick.';
