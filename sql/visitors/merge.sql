-- What: says that two visitors are one person, and takes it back.
-- Why: a pointer, so nothing is copied or lost and undoing is removing it. Identities, conversations and sessions stay
--      with their own row: an agent's mistake never shows one person's chats to another.
-- Leaves out: finding doubles; typed e-mails and phones prove nothing.

create or replace function public.chat_merge_visitors(visitor uuid, into_visitor uuid)
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
declare
    site constant uuid := chat.require_for_visitor(chat_merge_visitors.visitor, 'live-chat.conversations.reply');
    target constant uuid := chat_merge_visitors.into_visitor;
    root constant uuid := chat.person_of(target);
    merged public.mod_chat_visitors;
begin
    if chat.require_for_visitor(target, 'live-chat.conversations.view') <> site then
        raise exception 'these two belong to different sites'
            using errcode = 'PT422', detail = 'chat/different_sites', hint = 'a person is known to one site only';
    end if;
    -- Whoever would close a circle with this merge has to lock one of these rows too, and then sees the other's pointer.
    -- Identities first: whoever receives messages of several people holds theirs, and takes the visitors in any order.
    perform from chat.identities i
    where i.visitor_id in (chat_merge_visitors.visitor, target, root)
    order by i.id
    for no key update;
    perform chat.lock_visitors(array[chat_merge_visitors.visitor, target, root]);
    if chat.person_of(target) <> root then
        raise exception 'somebody merged one of these meanwhile'
            using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'call again';
    elsif root = chat.person_of(chat_merge_visitors.visitor) then
        raise exception 'these two are one person already'
            using errcode = 'PT409', detail = 'chat/already_merged', hint = 'chat_person shows all rows of a person';
    end if;
    update public.mod_chat_visitors v set merged_into = target
    where v.id = chat_merge_visitors.visitor and v.merged_into is null
    returning v.* into merged;
    if not found then
        raise exception 'this visitor is merged into somebody else'
            using errcode = 'PT409', detail = 'chat/already_merged', hint = 'undo that with chat_unmerge_visitor first';
    end if;
    return next merged;
end
$$;
comment on function public.chat_merge_visitors(uuid, uuid) is
    'Says that a visitor is the same person as another: a pointer, nothing is copied. Returns the pointing row. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT409 chat/already_merged, chat/changed_meanwhile, PT422 chat/different_sites.';

create or replace function public.chat_unmerge_visitor(visitor uuid)
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
declare
    alone public.mod_chat_visitors;
begin
    perform chat.require_for_visitor(chat_unmerge_visitor.visitor, 'live-chat.conversations.reply');
    update public.mod_chat_visitors v set merged_into = null
    where v.id = chat_unmerge_visitor.visitor and v.merged_into is not null
    returning v.* into alone;
    if not found then
        raise exception 'this visitor is not merged into anybody'
            using errcode = 'PT409', detail = 'chat/not_merged', hint = 'undo a merge at the row that points: its merged_into is set';
    end if;
    return next alone;
end
$$;
comment on function public.chat_unmerge_visitor(uuid) is
    'Takes back a merge: the visitor stands for itself again, with everything it had. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT409 chat/not_merged.';
