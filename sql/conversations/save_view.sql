-- What: keeping a filter of the inbox under a name, changing it, and taking it away.
-- Why: a filter is judged when it is saved, so that a list never fails later. Everybody keeps lists of their own; lists
--      for all are made by whoever may assign conversations, who runs the desk.
-- Leaves out: using them; that is chat_inbox with the filter.

create or replace view public.chat_saved_views with (security_barrier = true) as
select v.id, v.site_id, v.name, v.filters, v.is_shared, v.created_by = me.id as is_mine, v.sort_order,
    v.created_at, v.updated_at
from chat.saved_views v
cross join (select auth.uid() as id) me
where v.site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
    and (v.is_shared or v.created_by = me.id);
comment on view public.chat_saved_views is 'Named filters for chat_inbox: those shared with the caller''s sites and the caller''s own.';

create or replace function chat.require_view_right(p_site uuid, p_is_shared boolean)
returns void
language plpgsql
stable
as $$
begin
    perform chat.require(p_site, 'live-chat.conversations.view');
    if p_is_shared then
        perform chat.require(p_site, 'live-chat.conversations.assign');
    end if;
end
$$;
comment on function chat.require_view_right(uuid, boolean) is
    'Who may keep a list at a site: one''s own, or one for all. PT403 chat/not_allowed.';

create or replace function chat.saved_view(p_view uuid)
returns chat.saved_views
language plpgsql
as $$
declare
    found_view chat.saved_views;
begin
    select * into found_view from chat.saved_views v
    where v.id = p_view and v.site_id = any (chat.my_sites_with('live-chat.conversations.view'))
        and (v.is_shared or v.created_by = auth.uid())
    for update;
    if found_view.id is null then
        raise exception 'there is no saved view %', coalesce(p_view::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_view', hint = 'use an id of chat_saved_views';
    end if;
    perform chat.require_view_right(found_view.site_id, found_view.is_shared);
    return found_view;
end
$$;
comment on function chat.saved_view(uuid) is
    'A list that the caller may change, locked. PT404 chat/no_such_view, PT403 chat/not_allowed.';

create or replace function public.chat_save_view(
    site uuid, name text, filters jsonb, is_shared boolean default false, view uuid default null, sort_order integer default 0
)
returns setof public.chat_saved_views
language plpgsql
security definer
set search_path = ''
as $$
declare
    saved uuid := chat_save_view.view;
begin
    if chat_save_view.view is not null and (chat.saved_view(chat_save_view.view)).site_id is distinct from chat_save_view.site then
        raise exception 'a saved view stays at its site'
            using errcode = 'PT409', detail = 'chat/view_of_another_site', hint = 'save a new one without its id';
    end if;
    perform chat.require_view_right(chat_save_view.site, chat_save_view.is_shared);
    perform chat.inbox_condition(chat_save_view.filters);
    if chat_save_view.name !~ '\S' or length(chat_save_view.name) > 80 or chat_save_view.name is null then
        raise exception 'a saved view needs a name'
            using errcode = 'PT422', detail = 'chat/view_name', hint = 'give it 1 to 80 characters';
    end if;
    if saved is null then
        insert into chat.saved_views (site_id, name, filters, created_by, is_shared, sort_order)
        values (chat_save_view.site, btrim(chat_save_view.name), chat_save_view.filters, auth.uid(),
            coalesce(chat_save_view.is_shared, false), coalesce(chat_save_view.sort_order, 0))
        returning id into saved;
    else
        update chat.saved_views v
        set name = btrim(chat_save_view.name), filters = chat_save_view.filters,
            is_shared = coalesce(chat_save_view.is_shared, v.is_shared),
            sort_order = coalesce(chat_save_view.sort_order, v.sort_order), updated_at = clock_timestamp()
        where v.id = saved;
    end if;
    return query select v.* from public.chat_saved_views v where v.id = saved;
end
$$;
comment on function public.chat_save_view(uuid, text, jsonb, boolean, uuid, integer) is
    'Keeps a filter of chat_inbox under a name, or changes the one with that id; for all (live-chat.conversations.assign) or for oneself. PT403 chat/not_allowed, PT404 chat/no_such_view, PT409 chat/view_of_another_site, PT422 chat/view_name, chat/bad_filter.';

create or replace function public.chat_delete_view(view uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    gone constant uuid := (chat.saved_view(chat_delete_view.view)).id;
begin
    delete from chat.saved_views v where v.id = gone;
    return jsonb_build_object('deleted', gone);
end
$$;
comment on function public.chat_delete_view(uuid) is
    'Takes a saved view away: {deleted}. PT403 chat/not_allowed, PT404 chat/no_such_view.';
