-- What: ids of each site that calls may name: some of the newest, and some of any age.
-- Why: a client knows the ids that it has seen; most calls are about what happens now.
-- Leaves out: whether the caller may see them; that is for the calls to find out.

select s.id as site, k.kind, array(
    select x from unnest(k.ids) x where x is not null) as ids
from public.sites s
cross join lateral (values
    ('conversations',
        array(select c.id::text from public.mod_chat_conversations c where c.site_id = s.id and c.archived_at is null
            order by c.last_message_at desc nulls last limit 25)
        || array(select c.id::text from public.mod_chat_conversations c where c.site_id = s.id and c.archived_at is not null
            order by c.archived_at desc limit 10)
        || array(select x.id::text from (
            select c.id, c.site_id from public.mod_chat_conversations c where c.id > (select gen_random_uuid()) order by c.id limit 20) x
            where x.site_id = s.id limit 5)),
    ('whatsapp_conversations', array(
        select c.id::text from public.mod_chat_conversations c where c.site_id = s.id and c.channel = 'whatsapp'
            and c.archived_at is null order by c.last_message_at desc nulls last limit 10)),
    ('messages',
        array(select m.id::text from (
            select c.id from public.mod_chat_conversations c where c.site_id = s.id and c.archived_at is null
            order by c.last_message_at desc nulls last limit 12) c
            cross join lateral (
                select x.id from public.mod_chat_messages x where x.conversation_id = c.id order by x.seq desc limit 4) m)
        || array(select x.id::text from (
            select m.id, m.site_id from public.mod_chat_messages m where m.id > (select gen_random_uuid()) order by m.id limit 20) x
            where x.site_id = s.id limit 5)),
    ('unsent', array(select m.id::text
        from (select x.message_id from chat.attempts x order by x.started_at desc limit 200) a
        join public.mod_chat_messages m on m.id = a.message_id and m.site_id = s.id and m.delivery_state in ('unknown', 'failed')
        limit 10)),
    ('left', array(select m.id || ':' || a.number || '/' || coalesce(m.whatsapp_message_id, '') || '/' || c.phone_number_id
        from (select x.message_id, x.number from chat.attempts x order by x.started_at desc limit 60) a
        join public.mod_chat_messages m on m.id = a.message_id and m.site_id = s.id
        join public.mod_chat_conversations c on c.id = m.conversation_id)),
    ('wamids', array(select m.whatsapp_message_id from (
            select c.id from public.mod_chat_conversations c where c.site_id = s.id and c.channel = 'whatsapp'
                and c.archived_at is null order by c.last_message_at desc nulls last limit 10) c
            cross join lateral (
                select x.whatsapp_message_id from public.mod_chat_messages x
                where x.conversation_id = c.id and x.whatsapp_message_id is not null order by x.seq desc limit 3) m)),
    ('visitors',
        array(select distinct c.visitor_id::text from (
            select y.visitor_id from public.mod_chat_conversations y where y.site_id = s.id and y.archived_at is null
            order by y.last_message_at desc nulls last limit 20) c)
        || array(select x.id::text from (
            select v.id, v.site_id from public.mod_chat_visitors v where v.id > (select gen_random_uuid()) order by v.id limit 20) x
            where x.site_id = s.id limit 6)
        || array(select b.visitor_id::text from chat.blocks b where b.site_id = s.id limit 2)),
    ('merged', array(select v.id::text from public.mod_chat_visitors v
        where v.site_id = s.id and v.merged_into is not null limit 10)),
    ('blocks', array(select b.id::text from chat.blocks b where b.site_id = s.id order by b.id desc limit 10)),
    ('departments', array(select d.id::text from public.mod_chat_departments d where d.site_id = s.id limit 20)),
    ('policies', array(select y.id::text from chat.sla_policies y where y.site_id = s.id limit 20)),
    ('agents', array(select a.id::text from public.mod_chat_agents a where a.site_id = s.id limit 20)),
    ('users', array(select a.user_id::text from public.mod_chat_agents a where a.site_id = s.id limit 20)),
    ('canned', array(select r.id::text from public.mod_chat_canned_responses r where r.site_id = s.id limit 20)),
    ('articles', array(select r.id::text from public.mod_chat_knowledge_base r where r.site_id = s.id limit 20)),
    ('views', array(select w.id::text from chat.saved_views w where w.site_id = s.id limit 20)),
    ('planned', array(select p.id::text from chat.scheduled_messages p
        where p.site_id = s.id and p.state = 'waiting' order by p.due_at limit 10)),
    ('uploads', array(select u.id::text from chat.uploads u
        where u.site_id = s.id and u.message_id is null order by u.created_at desc limit 10)),
    ('dead_jobs', array(select j.id::text from chat.jobs j where j.site_id = s.id and j.died_at is not null limit 10)),
    ('numbers', array(select n.phone_number_id from chat.whatsapp_numbers n where n.site_id = s.id)),
    ('routing', array(select n.phone_number_id || '/' || a.app_id from chat.whatsapp_numbers n
        join chat.whatsapp_accounts a on a.id = n.account_id where n.site_id = s.id and n.confirmed_at is not null)),
    ('number_ids', array(select n.id::text from chat.whatsapp_numbers n where n.site_id = s.id)),
    ('waba_ids', array(select w.id::text from chat.waba_ids w where w.site_id = s.id order by w.id desc limit 10)),
    ('waba_rows', array(select w.id || '/' || c.phone_number_id || '/' || a.value from chat.waba_ids w
        join public.mod_chat_conversations c on c.id = w.conversation_id and c.archived_at is null
        join chat.identity_aliases a on a.identity_id = c.identity_id and a.kind = 'phone'
        where w.site_id = s.id order by w.id desc limit 10)),
    ('account_ids', array(select a.id::text from chat.whatsapp_accounts a where a.site_id = s.id)),
    ('template_passes', array(select y.pass::text from chat.template_syncs y where y.site_id = s.id and y.pass is not null)),
    ('public_departments', array(select d.id::text from public.mod_chat_departments d where d.site_id = s.id and d.is_active limit 20))
) k (kind, ids)
