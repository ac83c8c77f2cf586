-- What: who reads the figures.
-- Why: analytics.view; nobody writes them but the database.
-- Leaves out: how they are made.

grant select on public.mod_chat_analytics to authenticated, service_role;

drop policy if exists chat_analytics_select on public.mod_chat_analytics;
create policy chat_analytics_select on public.mod_chat_analytics for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.analytics.view'))::uuid[]));
