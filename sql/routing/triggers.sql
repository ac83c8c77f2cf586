-- What: routing's place in a transaction: last, at commit.
-- Why: constraint triggers, deferred, with a `when`, so that a message's counters cost nothing here.
-- Leaves out: agents; their functions hold the routing row and drain themselves.

drop trigger if exists _700_route_new on public.mod_chat_conversations;
create constraint trigger _700_route_new after insert on public.mod_chat_conversations
    deferrable initially deferred
    for each row execute function chat.route_conversation();

drop trigger if exists _700_route_changed on public.mod_chat_conversations;
create constraint trigger _700_route_changed after update on public.mod_chat_conversations
    deferrable initially deferred
    -- Any change of a chat that nobody has counts: a drain that ran meanwhile could not touch the row and passed it by.
    for each row when ((new.row_change <> old.row_change
            or new.last_change <> old.last_change and new.status = 'pending' and new.assigned_agent_id is null)
        and (new.choice_id is null or new.choice_id is not distinct from old.choice_id))
    execute function chat.route_conversation();

-- Clocks that run in business hours follow the hours.
create or replace trigger _700_sla_hours after insert or update of business_hours, business_hours_enabled, timezone
    on public.mod_chat_widget_settings
    for each row execute function chat.note_sla_hours();
create or replace trigger _700_sla_hours after update of business_hours, timezone on public.mod_chat_departments
    for each row execute function chat.note_sla_hours();
