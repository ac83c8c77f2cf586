-- What: which department takes what nobody has sorted.
-- Why: asked when a chat comes, and when rules are tried or replayed over chats that came before.
-- Leaves out: rules (routing/sort_by_rules.sql), and who sets the default (save_department.sql).

create or replace function chat.default_department(p_site uuid)
returns uuid
language plpgsql
stable
as $$
begin
    return (
        select d.id from public.mod_chat_departments d
        where d.site_id = p_site and d.is_default and d.is_active
        order by d.sort_order, d.id
        limit 1);
end
$$;
comment on function chat.default_department(uuid) is 'The department of what nobody has sorted; null: the site has none.';
