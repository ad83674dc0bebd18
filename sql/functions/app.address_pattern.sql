-- A pattern that finds addresses and phones in texts: whole ones only, so that mia@x.test is not found in
-- anna.mia@x.test. A phone is found however its digits are grouped, with +, 00 or without; a number of a
-- country code of one to three digits also as it is dialled at home. A loose pattern finds more than is
-- meant, for texts with escapes (JSON): what it finds is looked at again.
create or replace function app.address_pattern(addresses text[], phones text[], loose boolean default false)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    gap constant text := '[ ()./\u00a0-]{0,3}';
    found text[] := '{}';
    address text;
    digits text;
    home text;
begin
    foreach address in array coalesce(addresses, '{}') loop
        found := found || (
            case when loose then '' else '(?<![[:alnum:].%_+-])' end
            || regexp_replace(address, '([^[:alnum:]@_-])', '\\\1', 'g')
            || case when loose then '' else '(?![[:alnum:]_-])(?!\.[[:alnum:]])' end
        );
    end loop;
    foreach digits in array coalesce(phones, '{}') loop
        home := '';
        if starts_with(digits, '+') then
            digits := substr(digits, 2);
            for cut in 1..3 loop
                if length(digits) - cut >= 8 then
                    home := home || '|0' || gap || array_to_string(
                        regexp_split_to_array(substr(digits, cut + 1), ''), gap
                    );
                end if;
            end loop;
            if starts_with(digits, '1') and length(digits) = 11 then
                home := home || '|' || array_to_string(regexp_split_to_array(substr(digits, 2), ''), gap);
            end if;
        end if;
        found := found || (
            case when loose then '' else '(?<![0-9])' end
            || '(?:(?:\+|00)?' || gap || array_to_string(regexp_split_to_array(digits, ''), gap) || home || ')'
            || case when loose then '' else '(?![0-9])' end
        );
    end loop;
    return nullif(array_to_string(found, '|'), '');
end;
$function$;

revoke all on function app.address_pattern(text[], text[], boolean) from public;
grant execute on function app.address_pattern(text[], text[], boolean) to
    gardenos_eraser;

comment on function app.address_pattern(text[], text[], boolean) is
'A regular expression that finds these addresses and phones in a text; null when there is none.';
