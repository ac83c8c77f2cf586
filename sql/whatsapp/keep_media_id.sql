-- What: Meta's id of a file that we uploaded to send it.
-- Why: another try within its thirty days sends by the same id and uploads nothing.
-- Leaves out: sharing an id among messages; each has its own.

create or replace function public.chat_keep_media_id(message uuid, phone_number_id text, media_id text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- No change for clients: what they show of the message is as it was.
    update public.mod_chat_messages m
    set metadata = m.metadata || jsonb_build_object('uploaded', jsonb_build_object(
        'id', media_id, 'phone_number_id', chat_keep_media_id.phone_number_id,
        'until', clock_timestamp() + interval '29 days'))
    where m.id = chat_keep_media_id.message and m.sender_type <> 'visitor';
    return found;
end
$$;
comment on function public.chat_keep_media_id(uuid, text, text) is
    'For the worker: Meta has the file of an outgoing message under this id of that number, for thirty days; kept in metadata.uploaded, a day short. False when there is no such message.';

create or replace function chat.uploaded_media(p_metadata jsonb, p_phone_number_id text, p_now timestamptz)
returns text
language sql
immutable
as $$
    select p_metadata -> 'uploaded' ->> 'id'
    where p_metadata -> 'uploaded' ->> 'phone_number_id' = p_phone_number_id
        and (p_metadata -> 'uploaded' ->> 'until')::timestamptz > p_now
$$;
comment on function chat.uploaded_media(jsonb, text, timestamptz) is
    'The id under which Meta still has a message''s file for a number; null when it has not, or not any more.';
