-- What: what a fresh standalone database starts with: an agency, its site, departments, agents Ada and Ben.
-- Why: the demo, `cargo x up` and first steps need somebody who answers. Ben has a chat, so the next goes to Ada.
-- Leaves out: users who can sign in; Auth makes those (locally local_stack does, with these user ids).
-- Applied again it changes nothing.

insert into public.agencies (id, name)
values ('10000000-0000-4000-8000-000000000001', 'Lighthouse Agency')
on conflict do nothing;

insert into public.sites (id, agency_id, name)
values ('11111111-1111-4111-8111-111111111111', '10000000-0000-4000-8000-000000000001', 'Harbour Parcel')
on conflict do nothing;

insert into public.mod_chat_departments (id, site_id, name, description, is_default, sort_order)
values
    ('d0000000-0000-4000-8000-000000000001', '11111111-1111-4111-8111-111111111111', 'Support', 'Parcels on their way', true, 1),
    ('d0000000-0000-4000-8000-000000000002', '11111111-1111-4111-8111-111111111111', 'Sales', 'New customers', false, 2)
on conflict do nothing;

insert into public.mod_chat_agents (id, site_id, user_id, display_name, email, role, status, max_concurrent_chats, department_id)
values
    ('a0000000-0000-4000-8000-000000000001', '11111111-1111-4111-8111-111111111111',
        'aaaaaaaa-0000-4000-8000-000000000001', 'Ada', 'ada@example.com', 'admin', 'online', 5,
        'd0000000-0000-4000-8000-000000000001'),
    ('a0000000-0000-4000-8000-000000000002', '11111111-1111-4111-8111-111111111111',
        'bbbbbbbb-0000-4000-8000-000000000002', 'Ben', 'ben@example.com', 'agent', 'online', 5,
        'd0000000-0000-4000-8000-000000000001')
on conflict do nothing;

insert into public.mod_chat_visitors (id, site_id, name, channel)
values ('e0000000-0000-4000-8000-000000000001', '11111111-1111-4111-8111-111111111111', 'Joan Clarke', 'widget')
on conflict do nothing;

insert into public.mod_chat_conversations (
    id, site_id, visitor_id, channel, status, assigned_agent_id, subject, pending_since, agent_joined_at)
values (
    'c0000000-0000-4000-8000-000000000001', '11111111-1111-4111-8111-111111111111',
    'e0000000-0000-4000-8000-000000000001', 'widget', 'active', 'a0000000-0000-4000-8000-000000000002',
    'Pick-up times', null, now())
on conflict do nothing;

insert into public.mod_chat_messages (id, conversation_id, sender_type, sender_name, content)
values (
    'f0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'visitor', 'Joan Clarke',
    'Can I pick my parcel up after six?')
on conflict do nothing;
