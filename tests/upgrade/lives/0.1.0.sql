-- What: the life of a site under 0.1.0, by the functions that people and the worker had then.
-- Why: what an upgrade meets in a database. It runs on the released migration alone, so it stays as it is for ever.
-- Leaves out: no table; tests/upgrade/released.rs looks that each has a row.

create function pg_temp.be(p_role text, p_claims jsonb) returns void language plpgsql as $$
begin
    perform set_config('session_authorization', case p_role when 'chat_worker' then p_role else 'authenticator' end, true),
        set_config('role', p_role, true), set_config('search_path', 'public, extensions', true),
        set_config('request.jwt.claims', p_claims::text, true),
        set_config('request.headers', '{"x-forwarded-for": "203.0.113.7", "user-agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}', true);
end
$$;
create function pg_temp.be_user(p_user uuid) returns void language plpgsql as $$
begin
    perform pg_temp.be('authenticated', jsonb_build_object('sub', p_user, 'role', 'authenticated'));
end
$$;
create function pg_temp.be_newest_visitor() returns void language plpgsql as $$
begin
    perform pg_temp.be('anon', (
        select jsonb_build_object('role', 'anon', 'chat_session', s.id, 'chat_site', s.site_id,
            'exp', extract(epoch from now() + interval '1 hour')::bigint)
        from chat.sessions s order by s.created_at desc limit 1));
end
$$;

insert into public.agencies (id, name) values ('a0000000-0000-4000-8000-000000000001', 'Agency');
insert into public.sites (id, agency_id, name) values
    ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Shop'),
    ('b0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000001', 'Blog');
insert into public.agency_members (agency_id, user_id, role) values
    ('a0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'owner');

-- The owner makes the team, and says how the site works.
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000001');
select chat_save_department('b0000000-0000-4000-8000-000000000001', 'Sales', is_default => true);
select chat_save_department('b0000000-0000-4000-8000-000000000001', 'Claims', max_concurrent_chats => 2);
select chat_save_agent('b0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000002', 'Ada',
    department_id => (select id from mod_chat_departments where name = 'Sales'));
select chat_save_agent('b0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000003', 'Ben', 'supervisor');
select chat_save_skills('b0000000-0000-4000-8000-000000000001', a.id, '{german}') from mod_chat_agents a where a.display_name = 'Ada';
select chat_save_presence('b0000000-0000-4000-8000-000000000001', 300);
select chat_save_permission('b0000000-0000-4000-8000-000000000001', 'agent', 'live-chat.canned.manage', true);
select chat_save_role_limit('b0000000-0000-4000-8000-000000000001', 'agent', 'own');
select chat_save_routing('b0000000-0000-4000-8000-000000000001', null, 'sticky', unanswered_seconds => 600);
select chat_save_routing_rules('b0000000-0000-4000-8000-000000000001', jsonb_build_array(
    jsonb_build_object('name', 'Complaints', 'if', '{"form": {"message": {"contains": ["broken"]}}}'::jsonb,
        'then', '{"priority": "high", "tags": ["complaint"]}'::jsonb)));
select chat_save_sla('b0000000-0000-4000-8000-000000000001', first_response_seconds => 60, resolution_seconds => 3600, in_business_hours => false);
select chat_set_module('b0000000-0000-4000-8000-000000000002', false);
update mod_chat_widget_settings set company_name = 'Shop & Sons', privacy_text = 'We keep what you write'
where site_id = 'b0000000-0000-4000-8000-000000000001';
insert into mod_chat_knowledge_base (site_id, title, content)
values ('b0000000-0000-4000-8000-000000000001', 'Hours', 'Nine to five');
insert into mod_chat_canned_responses (site_id, title, content)
values ('b0000000-0000-4000-8000-000000000001', 'Hello', 'Hello {{visitor_name}}');
commit;

begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000002');
select chat_set_status('b0000000-0000-4000-8000-000000000001', 'online');
select chat_heartbeat('b0000000-0000-4000-8000-000000000001');
select chat_save_view('b0000000-0000-4000-8000-000000000001', 'Mine', '{"assignedAgentId": "me"}');
commit;

-- Zoe writes in the widget, with a file; Ada answers, corrects herself, and plans a reminder. Zoe is content.
begin;
select pg_temp.be('anon', '{"role": "anon"}');
select chat_open_session('b0000000-0000-4000-8000-000000000001');
commit;
begin;
select pg_temp.be_newest_visitor();
select chat_set_page('{"url": "https://shop.example/cart", "title": "Cart", "language": "de"}');
select chat_consent(2);
select chat_submit_form('pre_chat', '{"name": "Zoe", "email": "zoe@example.com", "message": "My parcel is broken"}');
commit;
begin;
select pg_temp.be_newest_visitor();
do $$
declare
    place constant jsonb := chat_request_upload('parcel.png', 2048, 'image/png');
begin
    insert into storage.objects (bucket_id, name) values ('chat-media', place ->> 'path');
    perform chat_post_message('See', upload => (place ->> 'upload')::uuid);
end
$$;
commit;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000002');
insert into mod_chat_messages (id, conversation_id, content)
select '20000000-0000-4000-8000-000000000001', id, 'That is bad' from mod_chat_conversations;
insert into mod_chat_messages (conversation_id, content, is_internal_note)
select id, 'The second one this week', true from mod_chat_conversations;
commit;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000002');
select chat_edit_message('20000000-0000-4000-8000-000000000001', 'I am sorry, Zoe');
select chat_schedule_message(id, 'Has the new one come?', now() + interval '3 days') from mod_chat_conversations;
commit;
begin;
select pg_temp.be_newest_visitor();
select chat_react('20000000-0000-4000-8000-000000000001', '👍');
select chat_read(id) from chat_my_conversations;
select chat_rate(id, 5, 'Quick') from chat_my_conversations;
commit;

-- WhatsApp: a number is confirmed, two people write, Ada answers one and resolves it; a webhook comes that nobody claims.
begin;
select pg_temp.be('chat_worker', '{}');
select chat_register_whatsapp('environment', 'b0000000-0000-4000-8000-000000000001', '9106540352242922', '106540352242922', 'v26.0', '1001');
commit;
select public.chat_confirm_number(n.id, '{"id": "106540352242922", "display_phone_number": "+1 555-010-0001", "verified_name": "Shop"}')
from chat.whatsapp_numbers n;
begin;
select public.chat_receive_whatsapp(a.id, jsonb_agg(jsonb_build_object(
    'what', 'message', 'phone_number_id', '106540352242922', 'phone', p.phone, 'name', p.name, 'wamid', 'wamid.' || p.phone,
    'at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'kind', 'text', 'content_type', 'text',
    'content', p.words, 'raw', '{}'::jsonb) order by p.phone))
from chat.whatsapp_apps a
cross join (values ('15550100002', 'Yuki', 'Do you ship to Japan?'), ('15550100003', 'Max', 'Hello')) p (phone, name, words)
group by a.id;
select public.chat_receive_whatsapp(a.id, jsonb_build_array(jsonb_build_object(
    'what', 'status', 'phone_number_id', '106540352242922', 'phone', '15550100002', 'wamid', 'wamid.nobody', 'status', 'delivered',
    'at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'raw', '{}'::jsonb)))
from chat.whatsapp_apps a;
select public.chat_keep_dead_letter(a.id, 'unknown_number', '{"phone_number_id": "1", "raw": {}}') from chat.whatsapp_apps a;
commit;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000002');
insert into mod_chat_messages (id, conversation_id, content)
select '20000000-0000-4000-8000-000000000002', c.id, 'We do' from mod_chat_conversations c join mod_chat_visitors v on v.id = c.visitor_id
where v.name = 'Yuki';
commit;
-- Graph takes the answer; what else is queued stays queued.
do $$
declare
    job jsonb;
    said jsonb;
begin
    for job in select jsonb_array_elements(public.chat_claim_jobs(10)) loop
        if job ->> 'kind' = 'whatsapp.send_text' then
            said := public.chat_begin_attempt((job ->> 'job_id')::bigint, (job ->> 'lease_token')::uuid);
            perform public.chat_finish_attempt((job ->> 'job_id')::bigint, (job ->> 'lease_token')::uuid,
                (said ->> 'message_id')::uuid, (said ->> 'attempt')::integer,
                '{"is": "accepted", "wamid": "wamid.sent", "wa_id": null, "http": 200}');
        else
            perform public.chat_finish_job((job ->> 'job_id')::bigint, (job ->> 'lease_token')::uuid,
                '{"is": "retry", "after_seconds": 3600, "why": "later"}');
        end if;
    end loop;
end
$$;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000002');
update mod_chat_conversations c set status = 'resolved'
where c.visitor_id = (select id from mod_chat_visitors where name = 'Yuki');
commit;

-- A second visitor waits for the other department; one person is erased, one blocked, two turn out to be the same.
begin;
select pg_temp.be('anon', '{"role": "anon"}');
select chat_open_session('b0000000-0000-4000-8000-000000000001');
commit;
begin;
select pg_temp.be_newest_visitor();
select chat_submit_form('pre_chat', jsonb_build_object('name', 'Kim', 'email', 'kim@example.com', 'message', 'A claim'));
commit;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000003');
select chat_transfer(c.id, null, d.id, 'One of yours') from mod_chat_conversations c
join mod_chat_visitors v on v.id = c.visitor_id and v.name = 'Kim'
join mod_chat_departments d on d.name = 'Claims';
select chat_merge_visitors(k.id, z.id) from mod_chat_visitors k join mod_chat_visitors z on z.name = 'Zoe' where k.name = 'Yuki';
commit;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000001');
select chat_block_address('b0000000-0000-4000-8000-000000000001', '203.0.113.9', 'Nothing but adverts');
commit;
begin;
select pg_temp.be('anon', '{"role": "anon"}');
select chat_open_session('b0000000-0000-4000-8000-000000000001');
commit;
begin;
select pg_temp.be_newest_visitor();
select chat_submit_form('pre_chat', '{"name": "Tom", "email": "tom@example.com", "message": "Hello"}');
commit;
begin;
select pg_temp.be_newest_visitor();
do $$
declare
    place constant jsonb := chat_request_upload('me.png', 10, 'image/png');
begin
    insert into storage.objects (bucket_id, name) values ('chat-media', place ->> 'path');
    perform chat_post_message('Forget me', upload => (place ->> 'upload')::uuid);
end
$$;
commit;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000001');
select chat_erase_visitor(v.id) from mod_chat_visitors v where v.name = 'Tom';
commit;
select public.chat_tick();
select public.chat_tick();

-- What the tick has not seen yet.
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000002');
insert into mod_chat_messages (conversation_id, content)
select c.id, 'Good day' from mod_chat_conversations c join mod_chat_visitors v on v.id = c.visitor_id where v.name = 'Max';
commit;
begin;
select pg_temp.be_user('c0000000-0000-4000-8000-000000000003');
update mod_chat_conversations c set priority = 'urgent' where c.visitor_id = (select id from mod_chat_visitors where name = 'Zoe');
commit;
select chat.pause(kind => 'whatsapp.mark_read', reason => 'Meta is slow');
insert into public.mod_chat_analytics (site_id, date, total_messages) values ('b0000000-0000-4000-8000-000000000001', '2026-01-02', 4);
