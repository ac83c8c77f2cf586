-- What: everything that is kept about a person, as one JSON document.
-- Why: people ask for it, and it shows what erasing would take.
-- Leaves out: secrets (keys of sessions), the files' content (their addresses are in it), what is about agents, and who else
--      was in a group.

create or replace function public.chat_export_visitor(visitor uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_export_visitor.visitor, 'live-chat.settings.manage');
    return chat.export_person(chat_export_visitor.visitor);
end
$$;
comment on function public.chat_export_visitor(uuid) is
    'Everything kept about a person, with all visitors merged with them: {format, exported_at, visitors, identities, conversations: [{…, messages}], visits, sessions, consents, blocks, contacts, names_in_phones, groups, waiting_items, dead_letters}. Needs live-chat.settings.manage. PT404 chat/no_such_visitor, PT403 chat/not_allowed.';

create or replace function chat.export_person(p_visitor uuid)
returns jsonb
language plpgsql
stable
as $$
declare
    rows constant uuid[] := chat.person_rows(p_visitor);
    site constant uuid := (select v.site_id from public.mod_chat_visitors v where v.id = p_visitor);
    identities constant uuid[] := array(select i.id from chat.identities i where i.visitor_id = any (rows));
    conversations constant uuid[] := array(select c.id from public.mod_chat_conversations c where c.visitor_id = any (rows));
begin
    return jsonb_build_object(
        'format', 'pg_chat.visitor/1',
        'exported_at', clock_timestamp(),
        'visitors', (
            select jsonb_agg(to_jsonb(v) order by v.created_at, v.id)
            from public.mod_chat_visitors v where v.id = any (rows)),
        'identities', coalesce((
            select jsonb_agg(to_jsonb(i) || jsonb_build_object('aliases', (
                select jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value, 'created_at', a.created_at)
                    order by a.created_at, a.kind, a.value)
                from chat.identity_aliases a where a.identity_id = i.id), 'marketing', (
                select jsonb_build_object('wish', w.wish, 'at', w.at)
                from chat.marketing_wishes w where w.identity_id = i.id)) order by i.created_at, i.id)
            from chat.identities i where i.visitor_id = any (rows)), '[]'),
        'conversations', coalesce((
            select jsonb_agg(to_jsonb(c) || jsonb_build_object(
                'messages', coalesce((
                    select jsonb_agg(to_jsonb(m) || jsonb_build_object('versions', coalesce((
                        select jsonb_agg(to_jsonb(v) order by v.version)
                        from chat.message_versions v where v.message_id = m.id), '[]')) order by m.seq)
                    from public.mod_chat_messages m where m.conversation_id = c.id), '[]'),
                'scheduled_messages', coalesce((
                    select jsonb_agg(to_jsonb(s) order by s.due_at, s.id)
                    from chat.scheduled_messages s where s.conversation_id = c.id), '[]'),
                'read', (select to_jsonb(u) from chat.cursors u where u.conversation_id = c.id and u.agent_id is null))
                order by c.created_at, c.id)
            from public.mod_chat_conversations c where c.visitor_id = any (rows)), '[]'),
        'visits', coalesce((
            select jsonb_agg(to_jsonb(v) || jsonb_build_object('page_views', coalesce((
                select jsonb_agg(jsonb_build_object('url', p.url, 'title', p.title, 'at', p.at) order by p.id)
                from chat.page_views p where p.visit_id = v.id), '[]')) order by v.id)
            from chat.visits v where v.visitor_id = any (rows)), '[]'),
        'sessions', coalesce((
            select jsonb_agg(to_jsonb(s) - 'key_hash' || jsonb_build_object('uploads', coalesce((
                select jsonb_agg(to_jsonb(u) order by u.created_at, u.id)
                from chat.uploads u where u.session_id = s.id), '[]')) order by s.created_at, s.id)
            from chat.sessions s where s.visitor_id = any (rows)), '[]'),
        'consents', coalesce((
            select jsonb_agg(to_jsonb(g) order by g.given_at, g.version)
            from chat.consents g where g.visitor_id = any (rows)), '[]'),
        'blocks', coalesce((
            select jsonb_agg(to_jsonb(b) order by b.created_at, b.id)
            from chat.blocks b where b.visitor_id = any (rows)), '[]'),
        'contacts', chat.export_contacts(rows),
        'names_in_phones', coalesce((
            select jsonb_agg(to_jsonb(p) - 'site_id' order by p.value) from chat.phone_contacts_of(identities) p), '[]'),
        'groups', coalesce((
            select jsonb_agg(jsonb_build_object('told', t.field, 'group', t.subject, 'event', t.event, 'at', t.at) order by t.id)
            from chat.told_of_groups_with(site, identities) t), '[]'),
        'waiting_items', coalesce((
            select jsonb_agg(to_jsonb(o) - 'site_id' order by o.received_at, o.wamid, o.status)
            from chat.orphan_statuses_of(site, identities, conversations) o), '[]'),
        'dead_letters', coalesce((
            select jsonb_agg(jsonb_build_object('reason', d.reason, 'item', d.item, 'received_at', d.received_at) order by d.id)
            from chat.dead_letters_of(site, identities) d), '[]'));
end
$$;
comment on function chat.export_person(uuid) is
    'The document of chat_export_visitor, whoever asks; the owner of the database may call this.';
