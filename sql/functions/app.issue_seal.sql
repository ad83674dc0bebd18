-- A service login of ours proves, once per transaction, that its own code chose the claims: it sends them
-- with an expiry (seconds since 1970, at most five minutes ahead) and the HMAC of "expiry|claims" under the
-- key of that login. The key is in the service's memory, never in the database session, so injected SQL
-- cannot make such a signature. The answer is a seal that holds for this transaction of this backend only.
--
-- SECURITY DEFINER: the sealer alone reads the keys. The login is session_user, which SET ROLE cannot
-- change.
set local role gardenos_sealer;

create or replace function app.issue_seal(claims text, expires_at bigint, signature text)
returns text
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if claims is null or expires_at is null or signature is null then
        raise exception 'The session is not bound: claims, expiry and signature are all needed.'
            using errcode = '22004';
    end if;
    if expires_at not between extract(epoch from clock_timestamp())
        and extract(epoch from clock_timestamp()) + 300 then
        raise exception 'The session is not bound: the expiry has passed or is more than five minutes ahead.'
            using errcode = '42501',
            hint = 'Sign the claims anew for each transaction, and keep the clocks together.';
    end if;
    if not exists (
        select 1
          from migration.seal_keys as k
         where k.login = session_user
           and (k.expires_at is null or k.expires_at > clock_timestamp())
           and sha256(convert_to(issue_seal.signature, 'UTF8')) = sha256(
                   convert_to(
                       encode(
                           app.hmac_sha256(
                               k.inner_key,
                               k.outer_key,
                               issue_seal.expires_at::text || '|' || issue_seal.claims
                           ),
                           'hex'
                       ),
                       'UTF8'
                   )
               )
    ) then
        raise exception 'The session is not bound: no live key of login % made this signature.', session_user
            using errcode = '42501',
            hint = 'Sign "expiry|claims" with the key that app.rotate_seal_key gave out for this login.';
    end if;
    return (
        select encode(app.hmac_sha256(k.inner_key, k.outer_key, app.sealed_text(issue_seal.claims)), 'hex')
          from migration.seal_keys as k
         where k.login = 'database'
           and k.expires_at is null
    );
end;
$function$;

revoke all on function app.issue_seal(text, bigint, text) from public;
grant execute on function app.issue_seal(text, bigint, text) to
    gardenos_app;

comment on function app.issue_seal(text, bigint, text) is
'Checks the signature of a service login over its claims and answers the seal for this transaction.';

set local role gardenos_owner;
