-- What: a refusal that is an answer instead of an error.
-- Why: an error would roll back the count that led to it. The body has the form of PostgREST's errors, so clients
--      treat both alike.
-- Leaves out: refusals that count nothing; they are raised.

create or replace function chat.answer_refusal(
    p_status integer, p_detail text, p_message text, p_hint text, p_retry_after integer default null)
returns jsonb
language plpgsql
as $$
begin
    perform set_config('response.status', p_status::text, true);
    if p_retry_after is not null then
        perform set_config(
            'response.headers', jsonb_build_array(jsonb_build_object('Retry-After', p_retry_after::text))::text, true);
    end if;
    return jsonb_strip_nulls(jsonb_build_object('code', 'PT' || p_status, 'message', p_message, 'details', p_detail,
        'hint', p_hint, 'retry_after', p_retry_after));
end
$$;
comment on function chat.answer_refusal(integer, text, text, text, integer) is
    'Sets the HTTP status and answers {code, message, details, hint, retry_after}; what was counted stays counted.';

create or replace function chat.answer_wait(p_seconds integer)
returns jsonb
language plpgsql
as $$
begin
    return chat.answer_refusal(429, 'chat/too_many', 'too many requests at once',
        format('try again in %s seconds', p_seconds), p_seconds);
end
$$;
comment on function chat.answer_wait(integer) is 'The answer to somebody over an allowance: 429 chat/too_many.';
