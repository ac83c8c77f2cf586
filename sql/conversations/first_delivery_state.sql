-- What: where the delivery of a message to a visitor starts, and the refusal of what WhatsApp cannot take.
-- Why: the 24-hour window is refused at enqueue as well as at send, for every writer. A plain text, which most are, is
--      measured here; everything else by the rule (chat_rules::whatsapp::outgoing).
-- Leaves out: sending; the row's state makes the job (whatsapp/send_message.sql).

create or replace function chat.first_delivery_state(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages, p_at timestamptz)
returns text
language plpgsql
stable
as $$
begin
    if p_message.origin <> 'live' or p_message.sender_type = 'system' or p_message.kind in ('note', 'event')
        or p_conversation.channel <> 'whatsapp'
    then
        return 'sent';
    end if;

    if p_message.kind <> 'text' or p_message.metadata <> '{}' then
        perform chat.require_outgoing(p_message);
        if btrim(p_message.metadata ->> 'group_id') <> '' then
            perform chat.require_group(p_conversation.id, p_message.metadata ->> 'group_id');
        end if;
        if p_message.kind = 'template' then
            perform chat.require_template_wanted(p_conversation, p_message);
        end if;
    elsif coalesce(p_message.content, '') = '' or char_length(p_message.content) > 4096 then
        raise exception 'a WhatsApp text has 1 to 4096 characters, this one %', coalesce(char_length(p_message.content), 0)
            using errcode = 'PT422', detail = 'chat/text_length', hint = 'split it into several messages';
    end if;
    if not chat.window_allows(p_conversation.whatsapp_window_expires_at, p_message.kind, p_at) then
        raise exception 'the 24-hour window of this WhatsApp conversation is closed'
            using errcode = 'PT422', detail = 'chat/window_closed',
                hint = 'send a template, or wait until the person writes again';
    end if;
    return 'queued';
end
$$;
comment on function chat.first_delivery_state(public.mod_chat_conversations, public.mod_chat_messages, timestamptz) is
    'First delivery_state of a message that no visitor wrote; raises PT422 chat/window_closed, chat/text_length or as chat.require_outgoing, chat.require_group and chat.require_template_wanted.';

create or replace function chat.require_outgoing(p_message public.mod_chat_messages)
returns void
language plpgsql
immutable
as $$
declare
    refusal record;
begin
    if not chat.is_readable(p_message.metadata) then
        raise exception 'metadata takes more than 64 kB or 16 levels, or holds a number that is too large'
            using errcode = 'PT422', detail = 'chat/metadata', hint = 'send fewer facts, or leave it out';
    end if;
    select * into refusal from chat.check_outgoing(
        p_message.kind, p_message.content, p_message.metadata, p_message.file_name, p_message.file_url is not null);
    if found then
        raise exception '%', refusal.message using errcode = 'PT422', detail = refusal.code, hint = refusal.hint;
    end if;
end
$$;
comment on function chat.require_outgoing(public.mod_chat_messages) is
    'Raises PT422 with the code of chat.check_outgoing, naming the field, unless WhatsApp can take a message.';

create or replace function chat.require_own_file(p_site uuid, p_file_url text)
returns void
language plpgsql
immutable
as $$
begin
    if p_file_url !~ '^https?://[^/]' and not starts_with(p_file_url, 'chat/' || p_site || '/') then
        raise exception 'file_url names no file of this site'
            using errcode = 'PT422', detail = 'chat/not_your_file',
                hint = 'use the path chat/<site>/… that the upload had, or an https address';
    end if;
end
$$;
comment on function chat.require_own_file(uuid, text) is
    'Raises PT422 chat/not_your_file unless a path is in the site''s folder of the bucket, or it is an address elsewhere.';
