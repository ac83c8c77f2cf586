-- What: a visitor's own conversations and messages, as views.
-- Why: anon has no grant on the tables; a view shows the public columns, and `select=*` and embeds work on it. The barrier
--      keeps a caller's own functions from seeing rows before they are chosen.
-- Leaves out: notes and everything internal: tags, metadata, ids of agents, the names of agents where a site hides them.

create or replace view public.chat_my_conversations with (security_barrier = true) as
select c.id, c.site_id, c.visitor_id, c.session_number, c.status, c.channel, c.subject, c.last_message_text, c.last_message_at,
    c.last_message_by, c.last_public_seq, c.last_public_change, c.unread_visitor_count,
    c.assigned_agent_id is not null as has_agent,
    case when s.show_agent_name is not false then a.display_name end as agent_name,
    case when s.show_agent_avatar is not false then a.avatar_url end as agent_avatar,
    d.name as department_name, c.agent_joined_at, c.rating, c.rating_comment, c.rated_at, c.created_at, c.archived_at
from public.mod_chat_conversations c
left join public.mod_chat_agents a on a.id = c.assigned_agent_id
left join public.mod_chat_departments d on d.id = c.department_id
left join public.mod_chat_widget_settings s on s.site_id = c.site_id
where c.visitor_id = any ((select chat.my_visitor_ids())::uuid[]);
comment on view public.chat_my_conversations is
    'The caller''s own conversations, for visitors: by a session''s token or a Supabase login. PT401 as chat.my_session.';

create or replace view public.chat_my_messages with (security_barrier = true) as
select m.id, m.conversation_id, m.site_id, m.public_seq, m.change, m.change_before, m.sender_type,
    case
        when m.sender_type <> 'agent' or s.show_agent_name is not false then m.sender_name
        else s.company_name
    end as sender_name,
    case when m.sender_type <> 'agent' or s.show_agent_avatar is not false then m.sender_avatar end as sender_avatar,
    m.content, m.content_type, m.kind, m.file_url, m.file_name, m.file_size, m.file_mime_type, m.file_state, m.status,
    m.sent_at, m.read_at, m.reply_to_id,
    -- Whose reaction it is, but not which agent's.
    array(
        select jsonb_build_object('by', split_part(r.key, ':', 1), 'emoji', r.value -> 'emoji')
        from jsonb_each(m.reactions) r where r.value ->> 'emoji' is not null order by r.key) as reactions,
    m.created_at, m.updated_at
from public.mod_chat_conversations c
join public.mod_chat_messages m on m.conversation_id = c.id
left join public.mod_chat_widget_settings s on s.site_id = c.site_id
where c.visitor_id = any ((select chat.my_visitor_ids())::uuid[]) and m.public_seq is not null;
comment on view public.chat_my_messages is
    'Messages of the caller''s own conversations, for visitors; never notes. Read on with `change` greater than the last seen.';
