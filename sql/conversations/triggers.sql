-- What: everything that happens by itself in the room, in name order.
-- Why: triggers of one event fire by name: 100 who, 200 stamp, 300 rule, 500 queue, 700 search, 900 announce.
-- Leaves out: who (policies/conversations.sql) and routing's own trigger (routing/triggers.sql), which runs last, at commit.

-- A row that comes with its number was counted by whoever numbered it (whatsapp/receive_plain.sql, a restored dump);
-- clients have no grant on the column.
create or replace trigger _200_stamp before insert on public.mod_chat_messages
    for each row when (new.seq is null) execute function chat.stamp_message();
create or replace trigger _500_send after insert on public.mod_chat_messages
    for each row when (new.delivery_state = 'queued') execute function chat.send_message();
create or replace trigger _250_links before insert on public.mod_chat_messages
    for each row when (new.reply_to_id is not null or new.mentions is not null) execute function chat.check_links();
create or replace trigger _700_words after update of content, file_name on public.mod_chat_messages
    for each row when (new.content is distinct from old.content or new.file_name is distinct from old.file_name)
    execute function chat.words_are_due();
create or replace trigger _900_announce after insert on public.mod_chat_messages
    for each row execute function chat.announce_new_message();
create or replace trigger _900_announce_change after update on public.mod_chat_messages
    for each row when (new.change is distinct from old.change) execute function chat.announce_changed_message();
drop trigger if exists _950_read on public.mod_chat_messages;
create constraint trigger _950_read after insert on public.mod_chat_messages
    deferrable initially deferred
    for each row when (new.sender_type = 'agent') execute function chat.read_by_answering();

-- A message's own update takes a change number; whoever does not changes the row itself. The conditions are short because
-- PostgreSQL reads them anew for each statement.
create or replace trigger _300_lifecycle before update on public.mod_chat_conversations
    for each row when (new.status <> old.status
        or new.last_change = old.last_change and new.session_number is not distinct from old.session_number)
    execute function chat.apply_lifecycle();
create or replace trigger _500_count after insert on public.mod_chat_conversations
    for each row execute function chat.count_conversation();
create or replace trigger _900_announce after insert on public.mod_chat_conversations
    for each row execute function chat.announce_conversation();
create or replace trigger _900_announce_change after update on public.mod_chat_conversations
    for each row when (new.row_change is distinct from old.row_change) execute function chat.announce_conversation();

create or replace trigger _200_stamp before update on public.mod_chat_canned_responses
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
