-- What: a conversation as a row of an inbox, LC-01's ConversationListItem, and where it stands in the inbox's order.
-- Why: one shape for chat_inbox and for clients that select it themselves; it runs with its reader's rights.
-- Leaves out: filters and pages (inbox.sql).

create or replace view public.chat_conversation_list with (security_invoker = true) as
select c.id, v.name as visitor_name, v.email as visitor_email, v.avatar_url as visitor_avatar, c.channel, c.status,
    c.priority, c.last_message_text, c.last_message_at, c.last_message_by, c.unread_agent_count as unread_count,
    a.display_name as assigned_agent_name, d.name as department_name, c.tags, c.created_at,
    -- beyond LC-01
    c.site_id, c.session_number, c.visitor_id, v.phone as visitor_phone, v.whatsapp_phone as visitor_whatsapp_phone,
    c.assigned_agent_id, c.department_id, c.phone_number_id, c.subject, c.rating, c.pending_since, c.snoozed_until,
    c.whatsapp_window_expires_at, c.archived_at, c.last_change,
    c.archived_at is null as is_open,
    coalesce(c.archived_at, c.last_message_at, c.created_at) as sort_at,
    (chat.sla_due(c.id)).due_at as sla_due_at, (chat.sla_due(c.id)).target as sla_target
from public.mod_chat_conversations c
join public.mod_chat_visitors v on v.site_id = c.site_id and v.id = c.visitor_id
left join public.mod_chat_agents a on a.site_id = c.site_id and a.id = c.assigned_agent_id
left join public.mod_chat_departments d on d.site_id = c.site_id and d.id = c.department_id;
comment on view public.chat_conversation_list is
    'Conversations as rows of an inbox. Its order is is_open desc, sort_at desc, id desc: open ones by their last message, then the archive by when each ended. sla_due_at: when the first of what was promised is due, and sla_target what that is; null: no clock runs.';
