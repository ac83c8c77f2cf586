-- What: what happens by itself to departments and agents, and what answers and ratings add to an agent's figures.
-- Why: LC-01's updated_at, the status event, how agents were, and LC-01's totals.
-- Leaves out: loads and the drain, which functions do under the routing row.

create or replace trigger _200_stamp before update on public.mod_chat_departments
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _300_leave before delete on public.mod_chat_departments
    for each row execute function chat.leave_department();
create or replace trigger _300_hours before insert or update of business_hours, timezone on public.mod_chat_departments
    for each row when (new.business_hours is not null or new.timezone is not null)
    execute function chat.check_hours_of_department();
create or replace trigger _200_stamp before update on public.mod_chat_agents
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
-- By column, as below: PostgreSQL reads a condition anew for each statement, and routing changes the load only.
create or replace trigger _900_announce_status after update of status on public.mod_chat_agents
    for each row when (new.status is distinct from old.status) execute function chat.announce_agent_status();
create or replace trigger _600_note_answer after insert on public.mod_chat_messages
    for each row when (new.sender_type = 'agent') execute function chat.note_answer();
create or replace trigger _600_note_state after insert on public.mod_chat_agents
    for each row execute function chat.note_state();
create or replace trigger _600_note_change after update of status, max_concurrent_chats, current_chat_count on public.mod_chat_agents
    for each row execute function chat.note_state();
-- By column and without a condition, so that the counters of a message cost nothing here.
create or replace trigger _600_note_rating after update of rating on public.mod_chat_conversations
    for each row execute function chat.note_rating();
