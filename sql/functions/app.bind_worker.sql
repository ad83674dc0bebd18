-- How a worker opens a transaction: `begin; select app.bind_worker('<agency>')`. From then on it is under the
-- tenant floor of that agency, like everybody else, and has the policies that name gardenos_worker. Claims
-- and seal end with the transaction, whatever a pool does; outside of one nothing is bound.
--
-- A worker has no key of its own: it may bind any agency, one in each transaction. Binding a second one is
-- refused, because a loop that forgets its COMMIT would mix two agencies. It is no guard against injected
-- SQL, which can begin a transaction of its own: workers send fixed statements with parameters.
--
-- Agencies that are suspended, closing or deleted are bound as well, since the duty to erase and to retain
-- does not rest. There the policies show what serves that duty only (app.is_agency_active).
create or replace function app.bind_worker(agency_id uuid)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sealed record := app.issue_worker_seal(bind_worker.agency_id);
    bound uuid := app.agency_id();
begin
    if bound <> bind_worker.agency_id then
        raise exception 'This transaction is bound to agency % already.', bound
            using errcode = '42501',
            hint = 'Commit, and bind the next agency in a transaction of its own.';
    end if;
    perform set_config('request.jwt.claims', sealed.claims, true);
    perform set_config('gardenos.seal', sealed.seal, true);
    if app.agency_id() is distinct from bind_worker.agency_id then
        raise exception 'The transaction is not bound: there is no agency %.', bind_worker.agency_id
            using errcode = '42501';
    end if;
end;
$function$;

revoke all on function app.bind_worker(uuid) from public;
grant execute on function app.bind_worker(uuid) to
    gardenos_worker;

comment on function app.bind_worker(uuid) is
'Binds this transaction of a worker to one agency, until it ends.';
