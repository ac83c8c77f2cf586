-- What: how the archive is found by each filter of the inbox.
-- Why: open conversations are few and one index in inbox order serves every filter; the archive grows for years, and a
--      filter that few rows meet would read all of it. These hold archived rows only and no column that a message
--      changes, so an open conversation never pays for them.
-- Leaves out: the orders themselves (conversations.sql).

create extension if not exists btree_gin with schema extensions;

-- LC-01 has these three over all rows. A message moves last_message_at, so each index that holds open rows takes an entry
-- a message.
create index if not exists idx_chat_conversations_site_status
    on public.mod_chat_conversations (site_id, status, archived_at desc) where archived_at is not null;
create index if not exists idx_chat_conversations_agent
    on public.mod_chat_conversations (assigned_agent_id, status, archived_at desc) where archived_at is not null;
create index if not exists idx_chat_conversations_channel
    on public.mod_chat_conversations (site_id, channel, archived_at desc) where archived_at is not null;

create index if not exists mod_chat_conversations_archived_agent_idx
    on public.mod_chat_conversations (assigned_agent_id, archived_at desc) where archived_at is not null;
create index if not exists mod_chat_conversations_archived_department_idx
    on public.mod_chat_conversations (department_id, archived_at desc)
    where archived_at is not null and department_id is not null;
create index if not exists mod_chat_conversations_archived_priority_idx
    on public.mod_chat_conversations (site_id, priority, archived_at desc) where archived_at is not null;
create index if not exists mod_chat_conversations_archived_number_idx
    on public.mod_chat_conversations (site_id, phone_number_id, archived_at desc)
    where archived_at is not null and phone_number_id is not null;
create index if not exists mod_chat_conversations_archived_unread_idx
    on public.mod_chat_conversations (site_id, archived_at desc)
    where archived_at is not null and unread_agent_count > 0;
create index if not exists mod_chat_conversations_archived_tags_idx
    on public.mod_chat_conversations using gin (site_id, tags) where archived_at is not null;
