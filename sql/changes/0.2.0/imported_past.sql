-- What: a conversation says whether it holds an imported past (whatsapp/history.sql). Why: it came over, and nothing that
-- counts arrivals counts it. Leaves out: its comment, which is said where the column is. The default is constant, so no row is
-- written.

alter table public.mod_chat_conversations add column is_history boolean not null default false;
