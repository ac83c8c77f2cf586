-- What: LC-01's rows as ours: each view is one of its tables with columns named adopted_<column of ours> beside.
-- Why: what a row needs that LC-01 did not have is said in one place: numbers, states, identities, dates.
-- Leaves out: columns that only became not null; those get their default (adopt_rows.sql).

do $do$
begin
    if to_regnamespace('chat_lc01') is null then
        return;
    end if;

    create view chat_lc01.from_mod_chat_agents as
    select o.*,
        greatest(0, coalesce(o.max_concurrent_chats, 5)) as adopted_max_concurrent_chats,
        -- Averages go on with the weight of the chats they were made of.
        coalesce(o.total_chats_handled, 0) as adopted_total_responses,
        coalesce(o.avg_response_time_seconds, 0)::bigint * coalesce(o.total_chats_handled, 0) as adopted_total_response_seconds,
        round(coalesce(o.avg_rating, 0) * coalesce(o.total_ratings, 0))::integer as adopted_total_rating_stars
    from chat_lc01.mod_chat_agents o;

    create view chat_lc01.from_mod_chat_departments as
    select o.*, greatest(0, coalesce(o.max_concurrent_chats, 5)) as adopted_max_concurrent_chats
    from chat_lc01.mod_chat_departments o;

    -- Numbered as if they had come one by one.
    create view chat_lc01.from_mod_chat_messages as
    with told as (
        select o.*,
            c.site_id as adopted_site_id,
            c.channel as its_channel,
            c.visitor_id as its_visitor,
            coalesce(o.created_at, c.created_at, now()) as adopted_created_at,
            k.kind as adopted_kind,
            e.is_public, e.inbound, e.outbound_public, e.preview,
            row_number() over in_order as adopted_seq,
            row_number() over (partition by c.site_id, o.whatsapp_message_id order by o.created_at, o.id) as time_of_wamid
        from chat_lc01.mod_chat_messages o
        join chat_lc01.mod_chat_conversations c on c.id = o.conversation_id
        cross join lateral (select case
            when coalesce(o.is_internal_note, false) then 'note'
            when o.content_type = 'whatsapp_template' then 'template'
            when o.content_type = 'system' then 'event'
            when o.content_type = 'file' then 'document'
            else coalesce(o.content_type, 'text') end as kind) k
        cross join lateral chat.message_effect(o.sender_type, k.kind, 'live', false) e
        window in_order as (partition by o.conversation_id order by o.created_at, o.id)
    )
    select t.*,
        t.adopted_seq as adopted_change,
        case when t.is_public then count(*) filter (where t.is_public) over before_and_this end as adopted_public_seq,
        case when t.is_public then coalesce(max(t.adopted_seq) filter (where t.is_public) over before_this, 0) end
            as adopted_change_before,
        t.adopted_created_at as adopted_sent_at,
        chat.content_type_of(t.adopted_kind) as adopted_content_type,
        t.adopted_kind = 'note' as adopted_is_internal_note,
        s.state as adopted_delivery_state,
        chat.shown_status(s.state) as adopted_status,
        case when t.status = 'read' then coalesce(t.updated_at, t.adopted_created_at) end as adopted_read_at,
        -- Ours is the row's id; LC-01's clients wrote the user's as well.
        case t.sender_type
            when 'visitor' then t.its_visitor::text
            when 'agent' then (
                select a.id::text from chat_lc01.mod_chat_agents a
                where a.site_id = t.adopted_site_id and t.sender_id in (a.id::text, a.user_id::text)
                order by a.id::text = t.sender_id desc limit 1)
            else t.sender_id end as adopted_sender_id,
        case when t.time_of_wamid = 1 then t.whatsapp_message_id end as adopted_whatsapp_message_id,
        case
            when t.whatsapp_message_id is not null and t.time_of_wamid > 1
                then jsonb_build_object('doubled_wamid', t.whatsapp_message_id)
            else '{}' end as adopted_metadata,
        case when t.file_url is not null then 'ready' end as adopted_file_state
    from told t
    cross join lateral (select case
        when t.sender_type = 'visitor' then 'received'
        when t.status = 'sending' and t.its_channel = 'whatsapp' and t.adopted_kind not in ('note', 'event') then 'unknown'
        when t.status in ('delivered', 'read', 'failed') then t.status
        else 'sent' end as state) s
    window before_and_this as (partition by t.conversation_id order by t.adopted_seq),
        before_this as (partition by t.conversation_id order by t.adopted_seq rows between unbounded preceding and 1 preceding);

    -- A WhatsApp person is known by their phone within the site's business account; of doubles, whoever was seen last.
    create view chat_lc01.persons as
    select distinct on (v.site_id, p.phone) v.id as visitor_id, v.site_id, p.phone, s.whatsapp_business_account_id as portfolio,
        s.whatsapp_phone_number_id as phone_number_id
    from chat_lc01.mod_chat_visitors v
    join chat_lc01.mod_chat_widget_settings s on s.site_id = v.site_id and s.whatsapp_business_account_id is not null
    cross join lateral (select regexp_replace(v.whatsapp_phone, '\D', '', 'g') as phone) p
    where v.channel = 'whatsapp' and p.phone <> ''
    order by v.site_id, p.phone, v.last_seen_at desc nulls last, v.id;

    create view chat_lc01.from_mod_chat_visitors as
    select o.*,
        (select count(*)::integer from chat_lc01.mod_chat_conversations c where c.visitor_id = o.id) as adopted_total_conversations,
        (select count(*)::integer from chat_lc01.mod_chat_messages m
            join chat_lc01.mod_chat_conversations c on c.id = m.conversation_id
            where c.visitor_id = o.id and m.sender_type = 'visitor') as adopted_total_messages
    from chat_lc01.mod_chat_visitors o;

    -- LC-01 forgot open chats and began new ones; a person has one open chat a number, so the older ones are resolved.
    create view chat_lc01.from_mod_chat_conversations as
    select o.*,
        s.status as adopted_status,
        coalesce(o.resolved_at, case when s.status = 'resolved' then coalesce(o.updated_at, now()) end) as adopted_resolved_at,
        case when s.status not in ('pending', 'active', 'waiting')
            then coalesce(o.closed_at, o.resolved_at, o.updated_at, now()) end as adopted_archived_at,
        case when s.status = 'pending' then coalesce(o.created_at, now()) end as adopted_pending_since,
        'CHAT-' || lpad((row_number() over (partition by o.site_id order by o.created_at, o.id))::text, 8, '0')
            as adopted_session_number,
        i.id as adopted_identity_id,
        case when o.channel = 'whatsapp' then w.whatsapp_phone_number_id end as adopted_phone_number_id,
        coalesce(n.messages, 0)::integer as adopted_message_count,
        coalesce(n.seq, 0) as adopted_last_seq,
        coalesce(n.seq, 0) as adopted_last_change,
        coalesce(n.public_seq, 0) as adopted_last_public_seq,
        coalesce(n.public_change, 0) as adopted_last_public_change,
        coalesce(n.inbound, 0) as adopted_inbound_count,
        coalesce(n.outbound, 0) as adopted_outbound_public_count,
        case when n.last is null then o.last_message_text else chat.preview_text(n.last ->> 'kind', n.last ->> 'content') end
            as adopted_last_message_text,
        coalesce((n.last ->> 'at')::timestamptz, o.last_message_at) as adopted_last_message_at,
        coalesce(n.last ->> 'by', o.last_message_by) as adopted_last_message_by
    from chat_lc01.mod_chat_conversations o
    left join chat_lc01.mod_chat_widget_settings w on w.site_id = o.site_id
    left join chat.identities i on i.visitor_id = o.visitor_id and o.channel = 'whatsapp'
    left join (
        select m.conversation_id, count(*) as messages, max(m.adopted_seq) as seq, max(m.adopted_public_seq) as public_seq,
            max(m.adopted_seq) filter (where m.is_public) as public_change,
            count(*) filter (where m.inbound) as inbound, count(*) filter (where m.outbound_public) as outbound,
            (array_agg(jsonb_build_object(
                'kind', m.adopted_kind, 'content', m.content, 'at', m.adopted_sent_at, 'by', m.sender_type)
                order by m.adopted_sent_at desc, m.adopted_seq desc) filter (where m.preview))[1] as last
        from chat_lc01.from_mod_chat_messages m
        group by m.conversation_id) n on n.conversation_id = o.id
    cross join lateral (select case
        when o.status not in ('pending', 'active', 'waiting') then o.status
        when exists (
            select from chat_lc01.mod_chat_conversations x
            join chat.identities xi on xi.visitor_id = x.visitor_id
            where xi.id = i.id and x.channel = 'whatsapp' and x.status in ('pending', 'active', 'waiting')
                and (coalesce(x.last_message_at, x.created_at), x.id) > (coalesce(o.last_message_at, o.created_at), o.id))
            then 'resolved'
        when o.assigned_agent_id is null then 'pending'
        when o.status = 'pending' then 'active'
        else o.status end as status) s;
end
$do$;
