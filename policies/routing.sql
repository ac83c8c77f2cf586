-- What: who may ask why a chat is whose it is, who waits and who was how full, take, assign and hand it over, say how
--       chats are sorted and handed out and what is promised, and ask when a site is open.
-- Why: each function asks for its right itself; opening hours are what a widget shows to anybody, a place in the queue
--      to whoever stands there.
-- Leaves out: choices, settings and the routing row, which no client role touches.

grant execute on function
    public.chat_explain_assignment(uuid),
    public.chat_claim(uuid, boolean),
    public.chat_assign(uuid, uuid, boolean),
    public.chat_unassign(uuid),
    public.chat_transfer(uuid, uuid, uuid, text, boolean),
    public.chat_routing(uuid),
    public.chat_save_routing(uuid, uuid, text, integer, integer, integer, uuid, integer, integer),
    public.chat_queue(uuid, integer),
    public.chat_agent_load(uuid, timestamptz, timestamptz),
    public.chat_simulate_routing(uuid, timestamptz, timestamptz, jsonb),
    public.chat_save_skills(uuid, uuid, text[]),
    public.chat_routing_rules(uuid),
    public.chat_save_routing_rules(uuid, jsonb, integer),
    public.chat_try_routing_rules(uuid, jsonb, integer),
    public.chat_sla(uuid),
    public.chat_save_sla(uuid, uuid, text, text, integer, integer, integer, boolean, integer),
    public.chat_delete_sla(uuid, uuid),
    public.chat_sla_of(uuid)
to authenticated;
grant execute on function public.chat_hours(uuid, uuid, timestamptz), public.chat_queue_position(uuid) to anon, authenticated;
-- Read by chat_conversation_list, of rows that its reader sees.
grant execute on function chat.sla_due(uuid) to authenticated, service_role;
