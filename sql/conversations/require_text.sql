-- What: how long the words of a message may be. Why: one limit for every way in. Leaves out: WhatsApp's own, which is shorter.

create or replace function chat.require_text(p_content text)
returns void
language plpgsql
immutable
as $$
begin
    if coalesce(btrim(p_content), '') = '' then
        raise exception 'a message without words'
            using errcode = 'PT422', detail = 'chat/text_length', hint = 'write something';
    end if;
    if char_length(p_content) > 10000 then
        raise exception 'a message has at most 10000 characters, this one %', char_length(p_content)
            using errcode = 'PT422', detail = 'chat/text_length', hint = 'split it into several messages';
    end if;
end
$$;
comment on function chat.require_text(text) is 'Raises PT422 chat/text_length unless a message may hold these words.';
