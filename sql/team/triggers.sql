-- What: what happens by itself to departments and agents. Why: LC-01's updated_at and the status event.
-- Leaves out: loads and the drain, which functions do under the routing row.

create or replace trigger _200_stamp before update on public.mod_chat_departments
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _200_stamp before update on public.mod_chat_agents
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _900_announce_status after update on public.mod_chat_agents
    for each row when (new.status is distinct from old.status) execute function chat.announce_agent_status();
