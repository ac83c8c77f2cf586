-- What: what a message points at: the message it replies to and the colleagues it names.
-- Why: a reply stays within its conversation and no public message quotes a note; only notes name colleagues, who are
--      ids that a client was given, since names in a text would be guessed.
-- Leaves out: quotes that WhatsApp reports, which may go back to an earlier conversation.

create or replace function chat.check_links()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    quoted record;
    stranger uuid;
begin
    if new.reply_to_id is not null and new.whatsapp_message_id is null then
        select m.conversation_id, m.public_seq into quoted from public.mod_chat_messages m where m.id = new.reply_to_id;
        if not found or quoted.conversation_id <> new.conversation_id then
            raise exception 'the message % it replies to is not in this conversation', new.reply_to_id
                using errcode = 'PT422', detail = 'chat/no_such_reply',
                    hint = 'reply_to_id is the id of a message of the same conversation';
        elsif quoted.public_seq is null and new.kind <> 'note' then
            raise exception 'a message to the visitor cannot quote an internal note'
                using errcode = 'PT422', detail = 'chat/reply_to_note', hint = 'reply with a note, or without quoting';
        end if;
    end if;

    new.mentions := nullif(new.mentions, '{}');
    if new.mentions is null then
        return new;
    end if;
    if new.kind <> 'note' then
        raise exception 'only internal notes name colleagues'
            using errcode = 'PT422', detail = 'chat/mention_outside_note', hint = 'leave mentions out, or write a note';
    end if;
    select u.id into stranger
    from unnest(new.mentions) u (id)
    where not exists (
        select from public.mod_chat_agents a where a.site_id = new.site_id and a.id = u.id and a.is_active)
    limit 1;
    if found or cardinality(new.mentions) > 50 then
        raise exception 'a note names up to 50 active agents of its site; % is none', coalesce(stranger::text, 'the 51st')
            using errcode = 'PT422', detail = 'chat/no_such_agent', hint = 'mentions are ids of active rows of mod_chat_agents';
    end if;
    new.mentions := array(select distinct u.id from unnest(new.mentions) u (id) order by u.id);
    return new;
end
$$;
comment on function chat.check_links() is
    'Before a message that replies or names colleagues. PT422 chat/no_such_reply, chat/reply_to_note, chat/mention_outside_note, chat/no_such_agent.';
