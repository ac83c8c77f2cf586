-- What: a conversation knows until when it is free of charge (whatsapp/window.sql). Why: statuses tell it once.
-- Leaves out: its comment, which is said where the column is.

alter table public.mod_chat_conversations add column whatsapp_free_entry_until timestamptz;
