"""Import records

Reason:    files of contacts, companies and deals become records: checked first, written with the rights
           of whoever owns the import, each line once, undone until a date. app.proof learns who that
           is for a worker; an import does not bring back what was erased.
Locks:     none on tables, but for a grant on integration.import_rows.
Duration:  milliseconds.
Way back:  drops the functions; what was imported stays, and an import that runs stops where it is.
"""

from migrations.runner.execute import execute

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Tells the planner of the rows that an import has made. An agency that it knows nothing of looks like
        -- one with a single contact: then the policies of addresses look their contact up by any index that
        -- begins with the agency, and read all of them for each line. A worker calls it in a transaction of its
        -- own while an import grows; it reads a sample, and writes wait for nothing.
        --
        -- SECURITY DEFINER, as the owner: only the owner of a table analyses it.
        create or replace function app.analyze_imports()
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            analyze integration.import_rows, crm.contacts, crm.contact_points, crm.contact_companies, crm.companies,
                crm.deals;
        end;
        $function$;

        revoke all on function app.analyze_imports() from public;
        grant execute on function app.analyze_imports() to
            gardenos_worker;

        comment on function app.analyze_imports() is
        'Renews the statistics of what imports read and write.';
        """
    )
    execute(
        r"""
        -- From here on this transaction of a worker writes as the owner of an import: role authenticated, and
        -- whatever the policies give that member now. For a job that is validated or running only, and only while
        -- its owner may import; app.proof() asks again at each statement. The job stays locked until the end of
        -- the transaction, so that it is neither stopped nor worked on by a second worker in the middle of a
        -- batch.
        --
        -- `reset role` and app.bind_worker with the same agency lead back. SECURITY INVOKER, because a definer
        -- function cannot set a role.
        create or replace function app.bind_import(job_id uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            sealed record := app.issue_import_seal(agency, job_id);
            state app.import_status;
        begin
            select j.status
              into state
              from integration.import_jobs as j
             where j.agency_id = agency
               and j.id = job_id
               for no key update;
            if state is null or state not in ('validating', 'running') then
                raise exception 'The import is not bound: no job % of this agency is running.', job_id
                    using errcode = '42501',
                    hint = 'Its owner starts it: update integration.import_jobs set status = ''running''.';
            end if;
            perform set_config('request.jwt.claims', sealed.claims, true);
            perform set_config('gardenos.seal', sealed.seal, true);
            if not app.can_import() then
                raise exception 'The import is not bound: its owner is no active member who may import.'
                    using errcode = '42501',
                    hint = 'Give the owner the capability "import" again; the import goes on where it stopped.';
            end if;
            perform set_config('role', 'authenticated', true);
        end;
        $function$;

        revoke all on function app.bind_import(uuid) from public;
        grant execute on function app.bind_import(uuid) to
            gardenos_worker;

        comment on function app.bind_import(uuid) is
        'Lets the rest of this transaction of a worker write as the owner of a running import.';
        """
    )
    execute(
        r"""
        grant execute on function app.can_import() to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        -- custom holds what custom_field_defs says, for the kind of record that the trigger names. A field that was
        -- archived keeps its values and asks for none. An agent writes only the fields that are open to agents.
        -- SECURITY DEFINER: whoever writes a record need not be able to read the definitions.
        set local role gardenos_crm_writer;

        create or replace function app.check_custom()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            before jsonb := case when tg_op = 'UPDATE' then old.custom else '{}' end;
            found record;
            fault text;
        begin
            for found in
                select
                    coalesce(f.key, d.key) as key,
                    f.value,
                    d.key is not null as is_known,
                    d.data_type,
                    d.options,
                    d.agent_writable,
                    d.required and d.archived_at is null as is_required
                  from jsonb_each(new.custom) as f (key, value)
                  full join (
                      select c.key, c.data_type, c.options, c.agent_writable, c.required, c.archived_at
                        from crm.custom_field_defs as c
                       where c.agency_id = new.agency_id
                         and c.entity = tg_argv [0]::app.entity
                  ) as d
                    on d.key = f.key
            loop
                fault := case
                    when not found.is_known then 'is not a custom field of a ' || tg_argv [0]
                    when found.value is null and found.is_required then 'is required'
                    when found.value is not null and not app.is_value_of(found.data_type, found.options, found.value)
                        then 'must be of type ' || found.data_type
                end;
                if fault is not null then
                    raise exception 'custom: "%" %.', found.key, fault
                        using errcode = '23514',
                        schema = tg_table_schema,
                        table = tg_table_name,
                        column = 'custom',
                        hint = 'The fields are in crm.custom_field_defs. A field without a value is left out.';
                end if;
                if not found.agent_writable
                    and found.value is distinct from before -> found.key
                    and (select p.is_person from app.proof() as p) is false then
                    raise exception 'custom: "%" is not written by agents.', found.key
                        using errcode = '42501';
                end if;
            end loop;
            return new;
        end;
        $function$;

        revoke all on function app.check_custom() from public;
        grant execute on function app.check_custom() to
            gardenos_owner;

        comment on function app.check_custom() is
        'Refuses custom fields that do not agree with their definitions.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- An address that was erased does not come back by a machine: an agent, a key, a service, an import. A
        -- person who types it in has asked. It looks at the row as it was written, because the normalised form is
        -- made by the database. SECURITY DEFINER: nobody who writes an address may look into the list.
        set local role gardenos_crm_writer;

        create or replace function app.check_suppression()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if session_user <> 'gardenos_worker'
                and (select p.is_person and p.api_key_id is null from app.proof() as p) then
                return null;
            end if;
            if exists (
                select 1
                  from governance.suppressions as s
                 where s.agency_id = new.agency_id
                   and s.kind = new.kind
                   and s.value_hash = app.suppression_hash(new.agency_id, new.kind, new.value_norm)
            ) then
                raise exception 'This % was erased at the wish of its owner, and is only added by a person.',
                    new.kind
                    using errcode = '23514',
                    schema = tg_table_schema,
                    table = tg_table_name,
                    column = 'value';
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.check_suppression() from public;
        grant execute on function app.check_suppression() to
            gardenos_owner;

        comment on function app.check_suppression() is
        'Refuses that a machine brings an erased address back.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- A new record belongs to whoever makes it, unless it names somebody. A service is nobody, and a client
        -- owns nothing: what they make is unassigned.
        create or replace function app.default_owner()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            if proof.agency_role <> 'client' then
                new.owner_id := proof.membership_id;
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.default_owner() from public;

        comment on function app.default_owner() is
        'Sets the owner of a new record.';
        """
    )
    execute(
        r"""
        -- The team of new records of the writer, while there is such a team. SECURITY DEFINER: a key may be allowed
        -- to make records and not to read memberships.
        set local role gardenos_membership_reader;

        create or replace function app.default_team_id()
        returns uuid
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return (
                select t.id
                  from tenancy.memberships as m
                  join tenancy.teams as t
                    on t.agency_id = m.agency_id
                   and t.id = m.default_team_id
                   and t.deleted_at is null
                 where m.agency_id = proof.agency_id
                   and m.id = proof.membership_id
            );
        end;
        $function$;

        revoke all on function app.default_team_id() from public;
        grant execute on function app.default_team_id() to
            authenticated,
            service_role,
            gardenos_worker;

        comment on function app.default_team_id() is
        'The team of my new records; null when I have none.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Deletes (softly) records that an import made, as far as they have the row_version that is expected, with
        -- the rights of whoever calls and in one savepoint. Answers those that it deleted; null when one of several
        -- is refused, and the caller tries fewer. One record alone raises why.
        create or replace function app.delete_imported(entity app.entity, ids uuid[], versions integer[])
        returns uuid[]
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            deleted uuid[];
        begin
            case entity
                when 'contact' then
                    with gone as (
                        update crm.contacts as r
                           set deleted_at = now()
                          from unnest(ids, versions) as l (id, version)
                         where r.agency_id = agency
                           and r.id = l.id
                           and r.row_version = l.version
                           and r.deleted_at is null
                        returning r.id
                    )
                    select array_agg(g.id) into deleted from gone as g;
                when 'company' then
                    with gone as (
                        update crm.companies as r
                           set deleted_at = now()
                          from unnest(ids, versions) as l (id, version)
                         where r.agency_id = agency
                           and r.id = l.id
                           and r.row_version = l.version
                           and r.deleted_at is null
                        returning r.id
                    )
                    select array_agg(g.id) into deleted from gone as g;
                when 'deal' then
                    with gone as (
                        update crm.deals as r
                           set deleted_at = now()
                          from unnest(ids, versions) as l (id, version)
                         where r.agency_id = agency
                           and r.id = l.id
                           and r.row_version = l.version
                           and r.deleted_at is null
                        returning r.id
                    )
                    select array_agg(g.id) into deleted from gone as g;
            end case;
            return coalesce(deleted, '{}');
        exception
            when data_exception
                or integrity_constraint_violation
                or insufficient_privilege
                or sqlstate 'PT403'
                or sqlstate 'PT409' then
                if cardinality(ids) > 1 then
                    return null;
                end if;
                raise;
        end;
        $function$;

        revoke all on function app.delete_imported(app.entity, uuid[], integer[]) from public;
        grant execute on function app.delete_imported(app.entity, uuid[], integer[]) to
            authenticated;

        comment on function app.delete_imported(app.entity, uuid[], integer[]) is
        'Deletes records that an import made and nobody changed; null when one of several is refused.';
        """
    )
    execute(
        r"""
        -- The way of an import: draft, validating, ready, running, done or failed, reverted. What it does stands
        -- still once it left the draft. Only its owner starts it, in person or with a key that has no scopes: the
        -- worker will write with all that the owner may, so an admin who could start an owner's import would
        -- write as the owner. Whoever may change the import may stop it (running to ready) and revert it. The
        -- worker says how it ends.
        create or replace function app.guard_import()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            if tg_op = 'INSERT' then
                if current_user = 'authenticated' and new.status <> 'draft' then
                    raise exception 'An import begins as a draft.'
                        using errcode = '23514',
                        column = 'status';
                end if;
                return new;
            end if;
            if old.status <> 'draft' and (
                new.entity <> old.entity
                or new.mapping <> old.mapping
                or new.dedupe <> old.dedupe
                or new.owner_id <> old.owner_id
                or new.file_id <> old.file_id
            ) then
                raise exception 'An import is changed while it is a draft only; this one is %.', old.status
                    using errcode = '23514',
                    column = 'status',
                    hint = 'Set status to draft first, as long as it did not run.';
            end if;
            if new.status = old.status then
                return new;
            end if;
            if new.status <> all(
                case old.status
                    when 'draft' then '{validating}'
                    when 'validating' then '{draft,ready,failed}'
                    when 'ready' then case
                        when old.started_at is null then '{draft,validating,running}' else '{running,reverted}'
                    end
                    when 'running' then '{ready,done,failed}'
                    when 'failed' then case
                        when old.started_at is null then '{draft,validating}' else '{running,reverted}'
                    end
                    when 'done' then '{reverted}'
                    else '{}'
                end::app.import_status[]
            ) then
                raise exception 'An import that is % does not become %.', old.status, new.status
                    using errcode = '23514',
                    column = 'status';
            end if;
            if current_user = 'authenticated' and (
                new.status in ('done', 'failed') or (old.status = 'validating' and new.status = 'ready')
            ) or current_user = 'gardenos_worker' and (
                old.status not in ('validating', 'running') or new.status not in ('ready', 'done', 'failed')
            ) then
                raise exception 'This step of an import (% to %) is not yours.', old.status, new.status
                    using errcode = '42501';
            end if;
            if current_user = 'authenticated' and new.status in ('validating', 'running') and (
                proof.membership_id is distinct from old.owner_id
                or not proof.is_person
                or proof.scopes is not null
            ) then
                raise exception 'An import is started by its owner, with whose rights it writes.'
                    using errcode = '42501',
                    hint = 'Become its owner while it is a draft. Agents and keys with scopes start none.';
            end if;
            case new.status
                when 'running' then
                    new.started_at := coalesce(old.started_at, now());
                    new.finished_at := null;
                    new.revert_until := now() + interval '30 days';
                when 'done', 'failed' then
                    new.finished_at := now();
                when 'reverted' then
                    if now() > old.revert_until then
                        raise exception 'This import can no longer be reverted: it could until %.', old.revert_until
                            using errcode = '23514',
                            column = 'revert_until';
                    end if;
                    new.reverted_at := now();
                else
                    null;
            end case;
            return new;
        end;
        $function$;

        revoke all on function app.guard_import() from public;

        comment on function app.guard_import() is
        'Keeps imports to their way, and starts them for nobody but their owner.';
        """
    )
    execute(
        r"""
        -- As app.import_contacts, for companies: known by domain. A line without one is always new.
        create or replace function app.import_companies(dedupe app.dedupe, lines jsonb)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            domains text[];
            known jsonb := '{}';
            line jsonb;
            company crm.companies;
            version integer;
            before jsonb;
            created jsonb := '[]';
            results jsonb := '[]';
            field text;
            code text;
            reason text;
            violated text;
        begin
            if dedupe <> 'create' then
                domains := array(select d #>> '{}' from jsonb_path_query(lines, '$[*].fields.domain') as d);
                known := (
                    select coalesce(jsonb_object_agg(c.domain, c.id), '{}')
                      from crm.companies as c
                     where c.agency_id = agency
                       and c.domain = any(domains)
                       and c.deleted_at is null
                );
            end if;
            for line in select jsonb_array_elements(lines) loop
                if not known ? coalesce(line #>> '{fields,domain}', '') then
                    created := created || line;
                    continue;
                elsif dedupe = 'skip' then
                    results := results || jsonb_build_object(
                        'no', line -> 'no', 'status', 'skipped', 'id', known -> (line #>> '{fields,domain}')
                    );
                    continue;
                end if;
                select *
                  into company
                  from crm.companies as r
                 where r.agency_id = agency
                   and r.id = (known ->> (line #>> '{fields,domain}'))::uuid
                   and r.deleted_at is null
                   for update;
                if not found then
                    results := results || app.import_failure(
                        line, '42501', 'row', 'You may not change the company that has this domain.'
                    );
                    continue;
                end if;
                if line #> '{fields,custom}' is not null then
                    line := jsonb_set(line, '{fields,custom}', company.custom || (line #> '{fields,custom}'));
                end if;
                before := (
                    select jsonb_object_agg(f.key, to_jsonb(company) -> f.key)
                      from jsonb_each(line -> 'fields') as f
                     where f.value is distinct from to_jsonb(company) -> f.key
                );
                if before is null then
                    results := results || jsonb_build_object('no', line -> 'no', 'status', 'skipped', 'id', company.id);
                    continue;
                end if;
                update crm.companies as r
                   set (
                       name, industry_id, employees, annual_revenue, currency, street, city, region, postal_code, country,
                       owner_id, team_id, custom
                   ) = (
                       select
                           p.name, p.industry_id, p.employees, p.annual_revenue, p.currency, p.street, p.city, p.region,
                           p.postal_code, p.country, p.owner_id, p.team_id, p.custom
                         from jsonb_populate_record(r, line -> 'fields') as p
                   )
                 where r.agency_id = agency
                   and r.id = company.id
                returning r.row_version into version;
                results := results || jsonb_build_object(
                    'no', line -> 'no',
                    'status', 'updated',
                    'id', company.id,
                    'version', version,
                    'before', jsonb_build_object('fields', before)
                );
            end loop;

            if created <> '[]' then
                insert into crm.companies (
                    agency_id, id, name, domain, industry_id, employees, annual_revenue, currency, street, city, region,
                    postal_code, country, owner_id, team_id, custom
                )
                select
                    agency, l.id, l.name, f.domain, f.industry_id, f.employees, f.annual_revenue, f.currency, f.street,
                    f.city, f.region, f.postal_code, f.country, f.owner_id, f.team_id, coalesce(f.custom, '{}')
                  from jsonb_to_recordset(created) as l (id uuid, name text, fields jsonb)
                 cross join lateral jsonb_populate_record(null::crm.companies, l.fields) as f;
                results := results || (
                    select jsonb_agg(jsonb_build_object('no', l -> 'no', 'status', 'created', 'id', l -> 'id', 'version', 1))
                      from jsonb_array_elements(created) as l
                );
            end if;
            return results;
        exception
            when data_exception
                or integrity_constraint_violation
                or insufficient_privilege
                or program_limit_exceeded
                or sqlstate 'PT403'
                or sqlstate 'PT409' then
                if jsonb_array_length(lines) > 1 then
                    return null;
                end if;
                get stacked diagnostics
                    code = returned_sqlstate, reason = message_text, field = column_name, violated = constraint_name;
                field := case violated when 'companies_domain_key' then 'domain' else field end;
                return jsonb_build_array(app.import_failure(lines -> 0, code, field, reason));
        end;
        $function$;

        revoke all on function app.import_companies(app.dedupe, jsonb) from public;
        grant execute on function app.import_companies(app.dedupe, jsonb) to
            authenticated;

        comment on function app.import_companies(app.dedupe, jsonb) is
        'Writes lines of an import as companies, all or none; null when one of several failed.';
        """
    )
    execute(
        r"""
        -- Writes lines of an import as contacts, with the rights of whoever calls, in one savepoint: all of them,
        -- or none, and then the answer is null and the caller tries fewer. One line alone answers with its error.
        -- Only what another line would meet too (a deadlock, a node that goes down) is raised.
        --
        -- Known is who has one of the e-mail addresses or numbers, among live contacts that the caller sees. A
        -- known address of a contact that the caller does not see fails with 23505, as it does when typed in; a bound
        -- import asks for those beforehand (app.refused_addresses), so that they do not fail with the others.
        -- "update" changes the fields that the line fills and adds the addresses that are new; a line that
        -- changes nothing is skipped. "create" asks nobody, so a line whose address is taken fails.
        --
        -- The lines share no key: the caller cuts them so. Addresses are asked for in one array, by index: a plan
        -- that joins lines to contact_points would read them all as long as there are no statistics of a new
        -- agency.
        create or replace function app.import_contacts(dedupe app.dedupe, lines jsonb)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            norms text[];
            domains text[];
            known jsonb;
            refused jsonb := '{}';
            companies jsonb;
            line jsonb;
            people uuid[];
            points jsonb;
            refusal jsonb;
            employer uuid;
            person crm.contacts;
            version integer;
            before jsonb;
            added uuid[];
            linked uuid;
            kinds app.point_kind[] := '{email,phone}';
            one app.point_kind;
            created jsonb := '[]';
            results jsonb := '[]';
            field text;
            code text;
            reason text;
            named text;
        begin
            norms := array(select p ->> 'norm' from jsonb_path_query(lines, '$[*].points[*]') as p);
            domains := array(select d #>> '{}' from jsonb_path_query(lines, '$[*].links.company_domain') as d);
            known := (
                select coalesce(jsonb_object_agg(p.kind || ':' || p.value_norm, p.contact_id), '{}')
                  from crm.contact_points as p
                 where p.agency_id = agency
                   and p.value_norm = any(norms)
                   and p.deleted_at is null
                   and not p.is_shared
            );
            if session_user = 'gardenos_worker' then
                refused := app.refused_addresses(norms);
            end if;
            companies := (
                select coalesce(jsonb_object_agg(c.domain, c.id), '{}')
                  from crm.companies as c
                 where c.agency_id = agency
                   and c.domain = any(domains)
                   and c.deleted_at is null
            );
            for line in select jsonb_array_elements(lines) loop
                employer := companies ->> (line #>> '{links,company_domain}');
                if employer is null and line #> '{links,company_domain}' is not null then
                    results := results || app.import_failure(
                        line, '23503', 'company_domain', 'You see no company with this domain: import companies first.'
                    );
                    continue;
                end if;
                line := line || jsonb_build_object('company_id', employer);
                people := case when dedupe = 'create' then '{}' else array(
                    select distinct (known ->> k.key)::uuid
                      from jsonb_array_elements_text(line -> 'keys') as k (key)
                     where known ? k.key
                ) end;
                if cardinality(people) > 1 then
                    results := results || app.import_failure(
                        line, '23505', 'email', 'The e-mail addresses and numbers belong to several contacts: merge them.'
                    );
                    continue;
                elsif cardinality(people) = 1 and dedupe = 'skip' then
                    results := results || jsonb_build_object('no', line -> 'no', 'status', 'skipped', 'id', people[1]);
                    continue;
                end if;
                points := (
                    select coalesce(jsonb_agg(p), '[]')
                      from jsonb_array_elements(line -> 'points') as p
                     where cardinality(people) = 0
                        or not known ? concat(p ->> 'kind', ':', p ->> 'norm')
                );
                refusal := (
                    select jsonb_build_object('kind', p -> 'kind', 'code', refused -> key.word)
                      from jsonb_array_elements(points) as p
                     cross join lateral concat(p ->> 'kind', ':', p ->> 'norm') as key (word)
                     where refused ? key.word
                     order by p ->> 'kind'
                     limit 1
                );
                if refusal is not null then
                    results := results || app.import_failure(
                        line, refusal ->> 'code', refusal ->> 'kind', case refusal ->> 'code'
                            when '23505' then concat(
                                'Another contact has this ', refusal ->> 'kind', ', perhaps one that you do not see.'
                            )
                            else concat(
                                'This ', refusal ->> 'kind', ' was erased at the wish of its owner, and is only added by a person.'
                            )
                        end
                    );
                    continue;
                elsif cardinality(people) = 0 then
                    created := created || line;
                    continue;
                end if;

                field := 'row';
                select *
                  into person
                  from crm.contacts as r
                 where r.agency_id = agency
                   and r.id = people[1]
                   and r.deleted_at is null
                   for update;
                if not found then
                    results := results || app.import_failure(
                        line, '42501', 'row', 'You may not change the contact who has this address.'
                    );
                    continue;
                end if;
                if line #> '{fields,custom}' is not null then
                    line := jsonb_set(line, '{fields,custom}', person.custom || (line #> '{fields,custom}'));
                end if;
                before := (
                    select jsonb_object_agg(f.key, to_jsonb(person) -> f.key)
                      from jsonb_each(line -> 'fields') as f
                     where f.value is distinct from to_jsonb(person) -> f.key
                );
                version := person.row_version;
                if before is not null then
                    update crm.contacts as r
                       set (
                           full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale, timezone, owner_id,
                           team_id, do_not_contact, custom
                       ) = (
                           select
                               p.full_name, p.first_name, p.last_name, p.job_title, p.lifecycle_id, p.source_id, p.locale,
                               p.timezone, p.owner_id, p.team_id, p.do_not_contact, p.custom
                             from jsonb_populate_record(r, line -> 'fields') as p
                       )
                     where r.agency_id = agency
                       and r.id = person.id
                    returning r.row_version into version;
                end if;
                added := '{}';
                foreach one in array kinds loop
                    continue when not points @> jsonb_build_array(jsonb_build_object('kind', one));
                    field := one;
                    with new_points as (
                        insert into crm.contact_points (agency_id, contact_id, kind, value, e164, is_primary)
                        select agency, person.id, p.kind, p.value, p.e164, p.is_primary and not exists (
                            select 1
                              from crm.contact_points as o
                             where o.agency_id = agency
                               and o.contact_id = person.id
                               and o.kind = p.kind
                               and o.is_primary
                               and o.deleted_at is null
                        )
                          from jsonb_to_recordset(points) as p (
                              kind app.point_kind, value text, e164 text, is_primary boolean
                          )
                         where p.kind = one
                        returning id
                    )
                    select added || coalesce(array_agg(n.id), '{}')
                      into added
                      from new_points as n;
                end loop;
                field := 'company_domain';
                linked := null;
                if employer is not null and not exists (
                    select 1
                      from crm.contact_companies as l
                     where l.agency_id = agency
                       and l.contact_id = person.id
                       and l.company_id = employer
                       and l.ended_on is null
                ) then
                    insert into crm.contact_companies (agency_id, contact_id, company_id, role_title, is_primary)
                    values (
                        agency, person.id, employer, line #>> '{links,role_title}', not exists (
                            select 1
                              from crm.contact_companies as l
                             where l.agency_id = agency
                               and l.contact_id = person.id
                               and l.is_primary
                               and l.ended_on is null
                        )
                    )
                    returning id into linked;
                end if;
                if before is null and added = '{}' and linked is null then
                    results := results || jsonb_build_object('no', line -> 'no', 'status', 'skipped', 'id', person.id);
                    continue;
                end if;
                results := results || jsonb_build_object(
                    'no', line -> 'no',
                    'status', 'updated',
                    'id', person.id,
                    'version', version,
                    'before', jsonb_build_object('fields', coalesce(before, '{}'), 'points', added, 'link', linked)
                );
            end loop;

            if created <> '[]' then
                field := 'row';
                insert into crm.contacts (
                    agency_id, id, full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale, timezone,
                    owner_id, team_id, do_not_contact, custom
                )
                select
                    agency, l.id, l.name, f.first_name, f.last_name, f.job_title, f.lifecycle_id, f.source_id, f.locale,
                    f.timezone, f.owner_id, f.team_id, coalesce(f.do_not_contact, false), coalesce(f.custom, '{}')
                  from jsonb_to_recordset(created) as l (id uuid, name text, fields jsonb)
                 cross join lateral jsonb_populate_record(null::crm.contacts, l.fields) as f;
                foreach one in array kinds loop
                    field := one;
                    insert into crm.contact_points (agency_id, contact_id, kind, value, e164, is_primary)
                    select agency, l.id, p.kind, p.value, p.e164, p.is_primary
                      from jsonb_to_recordset(created) as l (id uuid, points jsonb)
                     cross join lateral jsonb_to_recordset(l.points) as p (
                         kind app.point_kind, value text, e164 text, is_primary boolean
                     )
                     where p.kind = one;
                end loop;
                field := 'company_domain';
                insert into crm.contact_companies (agency_id, contact_id, company_id, role_title, is_primary)
                select agency, l.id, l.company_id, l.links ->> 'role_title', true
                  from jsonb_to_recordset(created) as l (id uuid, company_id uuid, links jsonb)
                 where l.company_id is not null;
                results := results || (
                    select jsonb_agg(jsonb_build_object('no', l -> 'no', 'status', 'created', 'id', l -> 'id', 'version', 1))
                      from jsonb_array_elements(created) as l
                );
            end if;
            return results;
        exception
            when data_exception
                or integrity_constraint_violation
                or insufficient_privilege
                or program_limit_exceeded
                or sqlstate 'PT403'
                or sqlstate 'PT409' then
                if jsonb_array_length(lines) > 1 then
                    return null;
                end if;
                get stacked diagnostics code = returned_sqlstate, reason = message_text, named = column_name;
                if field = 'row' then
                    field := named;
                end if;
                return jsonb_build_array(app.import_failure(lines -> 0, code, field, reason));
        end;
        $function$;

        revoke all on function app.import_contacts(app.dedupe, jsonb) from public;
        grant execute on function app.import_contacts(app.dedupe, jsonb) to
            authenticated;

        comment on function app.import_contacts(app.dedupe, jsonb) is
        'Writes lines of an import as contacts, all or none; null when one of several failed.';
        """
    )
    execute(
        r"""
        -- As app.import_contacts, for deals. Nothing names a deal but its id, so every line is a new one. The
        -- company and the contact are found by domain and e-mail address, among those that the caller sees.
        create or replace function app.import_deals(lines jsonb)
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            emails text[];
            domains text[];
            people jsonb;
            companies jsonb;
            line jsonb;
            created jsonb := '[]';
            results jsonb := '[]';
            field text;
            code text;
            reason text;
        begin
            emails := array(select e #>> '{}' from jsonb_path_query(lines, '$[*].links.contact_email') as e);
            domains := array(select d #>> '{}' from jsonb_path_query(lines, '$[*].links.company_domain') as d);
            people := (
                select coalesce(jsonb_object_agg(p.value_norm, p.contact_id), '{}')
                  from crm.contact_points as p
                 where p.agency_id = agency
                   and p.value_norm = any(emails)
                   and p.kind = 'email'
                   and p.deleted_at is null
                   and not p.is_shared
            );
            companies := (
                select coalesce(jsonb_object_agg(c.domain, c.id), '{}')
                  from crm.companies as c
                 where c.agency_id = agency
                   and c.domain = any(domains)
                   and c.deleted_at is null
            );
            for line in select jsonb_array_elements(lines) loop
                if not companies ? coalesce(line #>> '{links,company_domain}', '')
                    and line #> '{links,company_domain}' is not null then
                    results := results || app.import_failure(
                        line, '23503', 'company_domain', 'You see no company with this domain: import companies first.'
                    );
                elsif not people ? coalesce(line #>> '{links,contact_email}', '')
                    and line #> '{links,contact_email}' is not null then
                    results := results || app.import_failure(
                        line, '23503', 'contact_email', 'You see no contact with this address: import contacts first.'
                    );
                else
                    created := created || (
                        line || jsonb_build_object(
                            'company_id', companies -> (line #>> '{links,company_domain}'),
                            'contact_id', people -> (line #>> '{links,contact_email}')
                        )
                    );
                end if;
            end loop;
            if created <> '[]' then
                insert into crm.deals (
                    agency_id, id, title, pipeline_id, stage_id, company_id, primary_contact_id, amount, currency,
                    expected_close_on, lost_reason_id, source_id, owner_id, team_id, custom
                )
                select
                    agency, l.id, l.name, f.pipeline_id, f.stage_id, l.company_id, l.contact_id, f.amount, f.currency,
                    f.expected_close_on, f.lost_reason_id, f.source_id, f.owner_id, f.team_id, coalesce(f.custom, '{}')
                  from jsonb_to_recordset(created) as l (id uuid, name text, fields jsonb, company_id uuid, contact_id uuid)
                 cross join lateral jsonb_populate_record(null::crm.deals, l.fields) as f;
                results := results || (
                    select jsonb_agg(jsonb_build_object('no', l -> 'no', 'status', 'created', 'id', l -> 'id', 'version', 1))
                      from jsonb_array_elements(created) as l
                );
            end if;
            return results;
        exception
            when data_exception
                or integrity_constraint_violation
                or insufficient_privilege
                or program_limit_exceeded
                or sqlstate 'PT403'
                or sqlstate 'PT409' then
                if jsonb_array_length(lines) > 1 then
                    return null;
                end if;
                get stacked diagnostics code = returned_sqlstate, reason = message_text, field = column_name;
                return jsonb_build_array(app.import_failure(lines -> 0, code, field, reason));
        end;
        $function$;

        revoke all on function app.import_deals(jsonb) from public;
        grant execute on function app.import_deals(jsonb) to
            authenticated;

        comment on function app.import_deals(jsonb) is
        'Writes lines of an import as deals, all or none; null when one of several failed.';
        """
    )
    execute(
        r"""
        -- What becomes of a line that failed: SQLSTATE, field and reason, for whoever reads the import.
        create or replace function app.import_failure(line jsonb, code text, field text, reason text)
        returns jsonb
        language plpgsql
        immutable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return jsonb_build_object(
                'no', line -> 'no',
                'status', 'failed',
                'code', code,
                'field', coalesce(nullif(field, ''), 'row'),
                'reason', left(reason, 1000)
            );
        end;
        $function$;

        revoke all on function app.import_failure(jsonb, text, text, text) from public;
        grant execute on function app.import_failure(jsonb, text, text, text) to
            authenticated,
            gardenos_worker;

        comment on function app.import_failure(jsonb, text, text, text) is
        'The result of a line of an import that failed.';
        """
    )
    execute(
        r"""
        -- Reads one line of a file as a record, by the mapping of its job: columns of the record with values of
        -- their types, addresses with their normalised form, and the keys by which the record may be known. The
        -- first value that is no good is refused with the name of its field in `column`; the message repeats no
        -- value, because it is kept when the line is erased. Empty values are left out: an import empties
        -- nothing.
        create or replace function app.import_fields(settings jsonb, raw jsonb)
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            entity constant app.entity := settings ->> 'entity';
            own constant text[] := case entity
                when 'contact' then array[
                    'full_name', 'first_name', 'last_name', 'job_title', 'locale', 'timezone', 'do_not_contact', 'lifecycle',
                    'source', 'email', 'phone', 'company_domain', 'role_title'
                ]
                when 'company' then array[
                    'name', 'domain', 'industry', 'employees', 'annual_revenue', 'currency', 'street', 'city', 'region',
                    'postal_code', 'country'
                ]
                when 'deal' then array[
                    'title', 'pipeline', 'stage', 'amount', 'currency', 'expected_close_on', 'lost_reason', 'source',
                    'company_domain', 'contact_email'
                ]
            end || array['owner_id', 'team_id'];
            cell record;
            field text;
            value text;
            expected text;
            typed jsonb;
            stage jsonb;
            definition record;
            fields jsonb := '{}';
            custom jsonb := '{}';
            links jsonb := '{}';
            points jsonb := '[]';
            keys text[] := '{}';
            name text;
        begin
            for cell in
                select m.value as field, btrim(raw ->> m.key) as value
                  from jsonb_each_text(settings -> 'mapping') as m
                 order by m.value, m.key
            loop
                field := cell.field;
                value := nullif(cell.value, '');
                if starts_with(field, 'custom.') then
                    expected := 'a custom field of a ' || entity;
                    select d.type, d.options
                      into definition
                      from jsonb_to_record(settings -> 'custom' -> substr(field, 8)) as d (
                          type app.field_type, options jsonb
                      );
                    if definition.type is null then
                        raise exception using errcode = '22023';
                    end if;
                    continue when value is null;
                    expected := 'of type ' || definition.type;
                    typed := case definition.type
                        when 'number' then to_jsonb(value::numeric)
                        when 'boolean' then to_jsonb(value::boolean)
                        when 'multi_select' then (
                            select to_jsonb(array_agg(distinct btrim(e.one)))
                              from unnest(string_to_array(value, ';')) as e (one)
                             where btrim(e.one) <> ''
                        )
                        else to_jsonb(value)
                    end;
                    if not app.is_value_of(definition.type, definition.options, typed) then
                        raise exception using errcode = '23514';
                    end if;
                    custom := custom || jsonb_build_object(substr(field, 8), typed);
                    continue;
                end if;
                expected := 'a field of a ' || entity;
                if field is null or not field = any(own) then
                    raise exception using errcode = '22023';
                end if;
                continue when value is null;
                case field
                    when 'email' then
                        expected := 'an e-mail address';
                        value := lower(value)::app.email;
                        continue when 'email:' || value = any(keys);
                        keys := keys || ('email:' || value);
                        points := points || jsonb_build_object(
                            'kind', 'email',
                            'value', value,
                            'norm', value,
                            'is_primary', not points @> '[{"kind": "email"}]'
                        );
                    when 'phone' then
                        expected := 'a phone number';
                        typed := to_jsonb(regexp_replace(value, '[^0-9+]', '', 'g'));
                        if length(typed #>> '{}') < 3 or length(value) > 1000 then
                            raise exception using errcode = '23514';
                        end if;
                        continue when 'phone:' || (typed #>> '{}') = any(keys);
                        keys := keys || ('phone:' || (typed #>> '{}'));
                        points := points || jsonb_build_object(
                            'kind', 'phone',
                            'value', value,
                            'norm', typed,
                            'e164', case when typed #>> '{}' ~ '^\+[1-9][0-9]{6,14}$' then typed end,
                            'is_primary', not points @> '[{"kind": "phone"}]'
                        );
                    when 'domain', 'company_domain' then
                        expected := 'a host name such as garden.example';
                        value := regexp_replace(lower(value), '^https?://(www\.)?|[/?#].*$', '', 'g')::app.hostname;
                        if field = 'domain' then
                            fields := fields || jsonb_build_object(field, value);
                            keys := keys || ('domain:' || value);
                        else
                            links := links || jsonb_build_object(field, value);
                        end if;
                    when 'contact_email' then
                        expected := 'an e-mail address';
                        links := links || jsonb_build_object(field, lower(value)::app.email);
                    when 'role_title' then
                        expected := 'at most 200 characters long';
                        links := links || jsonb_build_object(field, value::app.label);
                    when 'pipeline', 'stage' then
                        links := links || jsonb_build_object(field, lower(value));
                    when 'lifecycle', 'source', 'industry', 'lost_reason' then
                        expected := 'a value of the list';
                        typed := settings -> 'lists' -> (
                            case field when 'lifecycle' then 'lifecycle_stage' else field end || ':' || lower(value)
                        );
                        if typed is null then
                            raise exception using errcode = '23503';
                        end if;
                        fields := fields || jsonb_build_object(field || '_id', typed);
                    when 'do_not_contact' then
                        expected := 'yes or no';
                        fields := fields || jsonb_build_object(field, value::boolean);
                    when 'employees' then
                        expected := 'a whole number, 0 or more';
                        if value::integer < 0 then
                            raise exception using errcode = '23514';
                        end if;
                        fields := fields || jsonb_build_object(field, value::integer);
                    when 'amount', 'annual_revenue' then
                        expected := 'a number such as 1234.50, 0 or more';
                        if value::numeric(18, 4) < 0 then
                            raise exception using errcode = '23514';
                        end if;
                        fields := fields || jsonb_build_object(field, value::numeric(18, 4));
                    when 'currency' then
                        expected := 'a currency such as EUR';
                        -- a cast to char(n) would cut the rest off
                        if length(value) <> 3 then
                            raise exception using errcode = '22001';
                        end if;
                        fields := fields || jsonb_build_object(field, upper(value)::app.currency);
                    when 'country' then
                        expected := 'a country such as DE';
                        -- a cast to char(n) would cut the rest off
                        if length(value) <> 2 then
                            raise exception using errcode = '22001';
                        end if;
                        fields := fields || jsonb_build_object(field, upper(value)::app.country);
                    when 'expected_close_on' then
                        expected := 'a date such as 2026-05-31';
                        if value !~ '^\d{4}-\d{2}-\d{2}$' then
                            raise exception using errcode = '22007';
                        end if;
                        fields := fields || jsonb_build_object(field, value::date);
                    when 'owner_id', 'team_id' then
                        expected := 'an id';
                        fields := fields || jsonb_build_object(field, value::uuid);
                    else
                        expected := 'at most 200 characters long';
                        fields := fields || jsonb_build_object(field, value::app.label);
                end case;
            end loop;

            field := 'custom.' || (
                select d.key
                  from jsonb_each(settings -> 'custom') as d
                 where (d.value ->> 'required')::boolean
                   and not custom ? d.key
                 limit 1
            );
            expected := 'filled in';
            -- a record that is known has it already; whether this one is, only the run can tell
            if field is not null and keys = '{}' then
                raise exception using errcode = '23502';
            end if;
            case entity
                when 'contact' then
                    field := 'full_name';
                    name := coalesce(
                        fields ->> 'full_name',
                        nullif(concat_ws(' ', fields ->> 'first_name', fields ->> 'last_name'), ''),
                        points -> 0 ->> 'value'
                    );
                when 'company' then
                    field := 'name';
                    name := coalesce(fields ->> 'name', fields ->> 'domain');
                    if fields ? 'annual_revenue' and not fields ? 'currency' and keys = '{}' then
                        field := 'currency';
                        raise exception using errcode = '23502';
                    end if;
                when 'deal' then
                    field := 'currency';
                    if not fields ? field then
                        raise exception using errcode = '23502';
                    end if;
                    field := 'stage';
                    expected := 'a stage of the pipeline';
                    stage := settings -> 'stages' -> concat(links ->> 'pipeline', '/', links ->> 'stage');
                    if stage is null then
                        raise exception using errcode = '23503';
                    end if;
                    fields := fields || stage;
                    field := 'title';
                    expected := 'filled in';
                    name := fields ->> 'title';
            end case;
            if name is null then
                raise exception using errcode = '23502';
            end if;
            expected := 'at most 200 characters long';
            name := name::app.label;
            if custom <> '{}' then
                fields := fields || jsonb_build_object('custom', custom);
            end if;
            return jsonb_build_object('fields', fields, 'name', name, 'points', points, 'links', links, 'keys', keys);
        exception
            when data_exception or check_violation or foreign_key_violation or not_null_violation then
                raise exception '% must be %.', coalesce(field, 'The mapping'), expected
                    using errcode = sqlstate,
                    column = coalesce(field, 'mapping');
        end;
        $function$;

        revoke all on function app.import_fields(jsonb, jsonb) from public;
        grant execute on function app.import_fields(jsonb, jsonb) to
            authenticated;

        comment on function app.import_fields(jsonb, jsonb) is
        'One line of a file as a record, by the settings of its import; refuses what is no good, by field.';
        """
    )
    execute(
        r"""
        -- What the lines of an import are read with: its mapping, and what names stand for in this agency (custom
        -- fields, lists, stages), as far as whoever imports sees it. Read once for a batch, not once for a line.
        create or replace function app.import_settings(entity app.entity, mapping jsonb)
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
        begin
            return jsonb_build_object(
                'entity', import_settings.entity,
                'mapping', import_settings.mapping,
                'custom', (
                    select coalesce(
                        jsonb_object_agg(
                            d.key,
                            jsonb_build_object('type', d.data_type, 'options', d.options, 'required', d.required)
                        ),
                        '{}'
                    )
                      from crm.custom_field_defs as d
                     where d.agency_id = agency
                       and d.entity = import_settings.entity
                       and d.archived_at is null
                ),
                'lists', (
                    select coalesce(jsonb_object_agg(v.kind || ':' || lower(v.label), v.id), '{}')
                      from crm.lookup_values as v
                     where v.agency_id = agency
                       and v.archived_at is null
                ),
                -- "pipeline/stage"; without a pipeline the default one, without a stage the first
                'stages', (
                    select coalesce(
                        jsonb_object_agg(
                            pipeline.name || '/' || stage.name,
                            jsonb_build_object('pipeline_id', s.pipeline_id, 'stage_id', s.id)
                            order by s.position desc
                        ),
                        '{}'
                    )
                      from crm.pipelines as p
                      join crm.pipeline_stages as s
                        on s.agency_id = p.agency_id
                       and s.pipeline_id = p.id
                       and s.archived_at is null
                     cross join lateral unnest(array[lower(p.name), case when p.is_default then '' end]) as pipeline (name)
                     cross join lateral unnest(array[lower(s.name), '']) as stage (name)
                     where p.agency_id = agency
                       and p.deleted_at is null
                       and pipeline.name is not null
                )
            );
        end;
        $function$;

        revoke all on function app.import_settings(app.entity, jsonb) from public;
        grant execute on function app.import_settings(app.entity, jsonb) to
            authenticated;

        comment on function app.import_settings(app.entity, jsonb) is
        'What the lines of an import are read with: mapping, custom fields, lists and stages.';
        """
    )
    execute(
        r"""
        grant execute on function app.is_value_of(data_type app.field_type, options jsonb, value jsonb) to authenticated;
        """
    )
    execute(
        r"""
        -- What app.bind_import stores: the claims of an import and their seal. They name the job, not a person:
        -- app.proof() looks up, at each statement, who owns it and whether it runs. So a worker cannot choose
        -- whom it writes for, and an owner who was suspended writes nothing more.
        --
        -- SECURITY DEFINER: the sealer alone reads the keys. The login is session_user, which SET ROLE cannot
        -- change.
        set local role gardenos_sealer;

        create or replace function app.issue_import_seal(
            agency_id uuid,
            job_id uuid,
            out claims text,
            out seal text
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if session_user <> 'gardenos_worker' then
                raise exception 'The import is not bound: % is not the login of the workers.', session_user
                    using errcode = '42501',
                    hint = 'Workers log in as gardenos_worker.';
            end if;
            if agency_id is null or job_id is null then
                raise exception 'The import is not bound: say which job, in a transaction bound to its agency.'
                    using errcode = '22004';
            end if;
            claims := jsonb_build_object('role', 'authenticated', 'agency_id', agency_id, 'import_job_id', job_id)::text;
            seal := (
                select encode(app.hmac_sha256(k.inner_key, k.outer_key, app.sealed_text(claims)), 'hex')
                  from migration.seal_keys as k
                 where k.login = 'database'
                   and k.expires_at is null
            );
        end;
        $function$;

        revoke all on function app.issue_import_seal(uuid, uuid) from public;
        grant execute on function app.issue_import_seal(uuid, uuid) to
            gardenos_worker;

        comment on function app.issue_import_seal(uuid, uuid) is
        'The claims of an import of this agency, and the seal that they need.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.my_teams() to gardenos_crm_writer;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Marks lines as reverted, for app.revert_import: API roles do not write lines. SECURITY DEFINER for that
        -- reason, so it asks for itself what the policy of import_jobs asks: may the caller change this import? And
        -- it is an import that was set to reverted, in the caller's agency, until its date. A worker that is bound to
        -- an agency is nobody there, and marks nothing.
        set local role gardenos_crm_writer;

        create or replace function app.note_reverted(job_id uuid, row_numbers integer[])
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            reach app.record_scope := app.reach(
                'integration.import_jobs:update', agency => '{owner,admin}', team => '{manager}', own => '{member}'
            );
            noted integer;
        begin
            if not app.can_import() or reach is null or not exists (
                select 1
                  from integration.import_jobs as j
                 where j.agency_id = proof.agency_id
                   and j.id = note_reverted.job_id
                   and j.status = 'reverted'
                   and now() <= j.revert_until
                   and (
                       reach = 'all'
                       or j.owner_id = proof.membership_id
                       or reach = 'team' and j.team_id = any(app.my_teams())
                   )
            ) then
                raise exception 'This is no reverted import that you may change.'
                    using errcode = '42501';
            end if;
            update integration.import_rows as r
               set status = 'reverted'
             where r.agency_id = proof.agency_id
               and r.job_id = note_reverted.job_id
               and r.row_no = any(row_numbers)
               and r.status in ('created', 'updated');
            get diagnostics noted = row_count;
            if noted <> cardinality(row_numbers) then
                raise exception 'Some of these lines wrote nothing, or are reverted already.'
                    using errcode = '42501';
            end if;
        end;
        $function$;

        revoke all on function app.note_reverted(uuid, integer[]) from public;
        grant execute on function app.note_reverted(uuid, integer[]) to
            authenticated;

        comment on function app.note_reverted(uuid, integer[]) is
        'Marks lines of a reverted import as reverted, for whoever may change the import.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The proof of every claim. A token says who somebody was when it was signed; this says who they are now,
        -- from the live rows: the issuer active, the user active, the membership active, the agency active, and for
        -- a key the key neither revoked nor expired. A stable function reads with the snapshot of its statement, so
        -- a membership that was revoked a moment ago stops working at the next statement, not when the token
        -- expires. (Inside one REPEATABLE READ transaction all statements share a snapshot: there, at the next
        -- transaction.)
        --
        -- What cannot be resolved is never ignored: an `act` or `api_key_id` that is present but names nobody live
        -- means no proof at all, not the user's full rights. Without a membership the user stands alone (user_id).
        --
        -- A worker is bound to an agency and is nobody in it (app.bind_worker): only agency_id is answered. Its
        -- claims are those of app.issue_worker_seal, because app.claims() believes that login nothing without a seal.
        -- For an import (app.issue_import_seal) it is the owner of the job, as long as the job runs: the claims name
        -- the job, and the live rows say who that is.
        --
        -- SECURITY DEFINER: memberships are protected by policies that ask this very function. The membership
        -- reader has a policy of its own that calls nothing, and the tenant floor does not name it; else this would
        -- recurse until 54001.
        set local role gardenos_membership_reader;

        create or replace function app.proof(
            out user_id uuid,
            out agency_id uuid,
            out membership_id uuid,
            out agency_role app.agency_role,
            out record_scope app.record_scope,
            out capabilities text[],
            out agent_id uuid,
            out is_person boolean,
            out api_key_id uuid,
            out scopes text[]
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            claims jsonb := app.claims();
            claimed_user_id uuid;
            claimed_agency_id uuid;
            proven record;
            agent_scope app.record_scope;
        begin
            if claims is null then
                return;
            end if;
            if session_user = 'gardenos_worker' and not claims ? 'import_job_id' then
                agency_id := (
                    select a.id
                      from tenancy.agencies as a
                     where a.id = app.claimed_uuid(claims, 'agency_id')
                       and claims ->> 'role' = 'gardenos_worker'
                );
                return;
            end if;
            claimed_agency_id := app.claimed_uuid(claims, 'agency_id');
            if session_user = 'gardenos_worker' then
                claimed_user_id := (
                    select m.user_id
                      from integration.import_jobs as j
                      join tenancy.memberships as m
                        on m.agency_id = j.agency_id
                       and m.id = j.owner_id
                     where j.agency_id = claimed_agency_id
                       and j.id = app.claimed_uuid(claims, 'import_job_id')
                       and j.status in ('validating', 'running')
                );
            else
                claimed_user_id := app.claimed_user(claims);
            end if;

            select
                u.id as user_id,
                u.kind = 'person' as is_person,
                m.agency_id,
                m.id as membership_id,
                m.role,
                m.record_scope,
                m.capabilities
              into proven
              from tenancy.users as u
              left join (
                  tenancy.memberships as m
                  join tenancy.agencies as a
                    on a.id = m.agency_id
                   and a.status = 'active'
                   and a.deleted_at is null
              )
                on m.user_id = u.id
               and m.agency_id = claimed_agency_id
               and m.status = 'active'
             where u.id = claimed_user_id
               and u.status = 'active';
            if proven.user_id is null then
                return;
            end if;

            if claims ? 'act' then
                claimed_user_id := app.claimed_user(
                    case
                        when jsonb_typeof(claims -> 'act') = 'object'
                            then jsonb_build_object('iss', claims -> 'iss') || (claims -> 'act')
                    end
                );
                select m.id, m.record_scope
                  into agent_id, agent_scope
                  from tenancy.users as u
                  join tenancy.memberships as m
                    on m.user_id = u.id
                   and m.agency_id = proven.agency_id
                   and m.role = 'ai_agent'
                   and m.status = 'active'
                 where u.id = claimed_user_id
                   and u.kind = 'agent'
                   and u.status = 'active';
                if agent_id is null then
                    return;
                end if;
            end if;

            if claims ? 'api_key_id' then
                select k.id, nullif(k.scopes, '{}')
                  into api_key_id, scopes
                  from tenancy.api_keys as k
                 where k.agency_id = proven.agency_id
                   and k.id = app.claimed_uuid(claims, 'api_key_id')
                   and k.acts_as_id = proven.membership_id
                   and k.revoked_at is null
                   and (k.expires_at is null or k.expires_at > statement_timestamp());
                if api_key_id is null then
                    agent_id := null;
                    return;
                end if;
            end if;

            user_id := proven.user_id;
            agency_id := proven.agency_id;
            membership_id := proven.membership_id;
            agency_role := proven.role;
            record_scope := least(proven.record_scope, agent_scope);
            capabilities := proven.capabilities;
            is_person := proven.is_person and agent_id is null;
        end;
        $function$;

        revoke all on function app.proof() from public;
        -- the owner too: foreign keys clear a reference as the owner of the table, and its triggers stamp the row
        grant execute on function app.proof() to
            authenticated,
            service_role,
            gardenos_owner,
            gardenos_worker,
            gardenos_search,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_crm_writer;

        comment on function app.proof() is
        'Who is asking, proved against the live membership. Every column is null when nothing is proved.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function app.reach(action text, own app.agency_role[], scope app.agency_role[], team app.agency_role[], agency app.agency_role[]) to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        -- Which of these addresses a bound import cannot give to a new person, as kind:value to SQLSTATE: taken by a
        -- live contact, seen by the owner of the import or not (23505), or erased (23514). Known beforehand, such a
        -- line costs no rollback of those that are written with it; the unique rule and app.check_suppression decide
        -- all the same.
        --
        -- SECURITY DEFINER: it looks past what the owner sees. So it answers the workers only, who tell nobody but by
        -- the error of a line, as the unique rule itself does.
        set local role gardenos_crm_writer;

        create or replace function app.refused_addresses(norms text[])
        returns jsonb
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            kinds constant app.point_kind[] := '{email,phone}';
        begin
            if session_user <> 'gardenos_worker' or proof.membership_id is null then
                raise exception 'Only a bound import asks which addresses are refused.'
                    using errcode = '42501';
            end if;
            return (
                select coalesce(jsonb_object_agg(f.key, f.code), '{}')
                  from (
                      select p.kind || ':' || p.value_norm as key, '23505' as code
                        from crm.contact_points as p
                       where p.agency_id = proof.agency_id
                         and p.kind = any(kinds)
                         and p.value_norm = any(norms)
                         and p.deleted_at is null
                         and not p.is_shared
                      union all
                      select k.kind || ':' || n.norm, '23514'
                        from unnest(norms) as n (norm)
                       cross join unnest(kinds) as k (kind)
                        join governance.suppressions as s
                          on s.agency_id = proof.agency_id
                         and s.kind = k.kind
                         and s.value_hash = app.suppression_hash(proof.agency_id, k.kind, n.norm)
                  ) as f
            );
        end;
        $function$;

        revoke all on function app.refused_addresses(text[]) from public;
        grant execute on function app.refused_addresses(text[]) to
            authenticated;

        comment on function app.refused_addresses(text[]) is
        'Which addresses a bound import cannot give to a new person, and why.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Back from app.bind_import: the transaction of the worker is its own again, bound to its agency. Nobody
        -- but the login gardenos_worker may take that role.
        create or replace function app.release_import(agency uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            perform set_config('role', 'gardenos_worker', true);
            perform app.bind_worker(agency);
        end;
        $function$;

        revoke all on function app.release_import(uuid) from public;
        grant execute on function app.release_import(uuid) to
            authenticated,
            gardenos_worker;

        comment on function app.release_import(uuid) is
        'Ends app.bind_import: the transaction is the worker''s again.';
        """
    )
    execute(
        r"""
        -- Undoes an import, until its revert_until: what it made is deleted (softly), what it changed gets its
        -- old values back, addresses and links that it added go. A record that somebody changed since is left as
        -- it is and listed, and so is one that the caller may not change: the rights are those of whoever calls.
        --
        -- It goes from the last line to the first, n at a time: {"reverted": 480, "kept": [{"row_no", "id",
        -- "reason"}], "next": 520}. Call it again with before_row => next until that is null. Repeating a call
        -- does no harm.
        --
        -- Of these n, the changes are undone first, each in a savepoint, and then what was made is deleted, fifty at
        -- a time: a line that changed a record comes after the one that made it. Unchanged means: the row_version is
        -- what the import left behind, plus two for each later line that changed the record and was undone already,
        -- once by the import and once by undoing it.
        create or replace function app.revert_import(
            job_id uuid,
            before_row integer default null,
            n integer default 500
        )
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            job record;
            line record;
            lines integer[];
            version integer;
            is_undone boolean;
            reason text;
            made integer[];
            size integer := 50;
            chunk integer[];
            ids uuid[];
            versions integer[];
            deleted uuid[];
            reverted integer := 0;
            done integer[];
            kept jsonb := '[]';
        begin
            select j.status, j.entity, j.revert_until
              into job
              from integration.import_jobs as j
             where j.agency_id = agency
               and j.id = revert_import.job_id
               for no key update;
            if not found then
                raise exception 'There is no import % that you may revert.', job_id
                    using errcode = '42501';
            end if;
            if job.status = 'running' then
                raise exception 'This import is running: stop it first.'
                    using errcode = '23514',
                    hint = 'update integration.import_jobs set status = ''ready''';
            elsif job.status <> 'reverted' then
                update integration.import_jobs as j
                   set status = 'reverted'
                 where j.agency_id = agency
                   and j.id = revert_import.job_id;
            elsif now() > job.revert_until then
                raise exception 'This import can no longer be reverted: it could until %.', job.revert_until
                    using errcode = '23514';
            end if;
            lines := array(
                select r.row_no
                  from integration.import_rows as r
                 where r.agency_id = agency
                   and r.job_id = revert_import.job_id
                   and r.status in ('created', 'updated')
                   and r.row_no < coalesce(before_row, 2147483647)
                 order by r.row_no desc
                 limit n
            );
            for line in
                select
                    r.row_no, r.record_version, r.before, coalesce(r.contact_id, r.company_id) as record_id
                  from integration.import_rows as r
                 where r.agency_id = agency
                   and r.job_id = revert_import.job_id
                   and r.row_no = any(lines)
                   and r.status = 'updated'
                 order by r.row_no desc
            loop
                is_undone := false;
                reason := 'Somebody changed or deleted the record since, or you may not change it.';
                version := line.record_version + 2 * (
                    select count(*)
                      from integration.import_rows as r
                     where r.agency_id = agency
                       and r.job_id = revert_import.job_id
                       and r.row_no > line.row_no
                       and r.status = 'reverted'
                       and r.before -> 'fields' <> '{}'
                       and line.record_id = case job.entity when 'contact' then r.contact_id else r.company_id end
                );
                begin
                    if job.entity = 'contact' and line.before -> 'fields' = '{}' then
                        perform 1
                           from crm.contacts as r
                          where r.agency_id = agency
                            and r.id = line.record_id
                            and r.row_version = version
                            and r.deleted_at is null
                            for update;
                        is_undone := found;
                    elsif job.entity = 'contact' then
                        update crm.contacts as r
                           set (
                               full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale, timezone,
                               owner_id, team_id, do_not_contact, custom
                           ) = (
                               select
                                   p.full_name, p.first_name, p.last_name, p.job_title, p.lifecycle_id, p.source_id,
                                   p.locale, p.timezone, p.owner_id, p.team_id, p.do_not_contact, p.custom
                                 from jsonb_populate_record(r, line.before -> 'fields') as p
                           )
                         where r.agency_id = agency
                           and r.id = line.record_id
                           and r.row_version = version
                           and r.deleted_at is null;
                        is_undone := found;
                    else
                        update crm.companies as r
                           set (
                               name, industry_id, employees, annual_revenue, currency, street, city, region, postal_code,
                               country, owner_id, team_id, custom
                           ) = (
                               select
                                   p.name, p.industry_id, p.employees, p.annual_revenue, p.currency, p.street, p.city,
                                   p.region, p.postal_code, p.country, p.owner_id, p.team_id, p.custom
                                 from jsonb_populate_record(r, line.before -> 'fields') as p
                           )
                         where r.agency_id = agency
                           and r.id = line.record_id
                           and r.row_version = version
                           and r.deleted_at is null;
                        is_undone := found;
                    end if;
                    if is_undone and line.before -> 'points' <> '[]' then
                        update crm.contact_points as p
                           set deleted_at = now()
                         where p.agency_id = agency
                           and p.contact_id = line.record_id
                           and p.id = any(array(select jsonb_array_elements_text(line.before -> 'points')::uuid))
                           and p.deleted_at is null;
                    end if;
                    if is_undone and line.before ->> 'link' is not null then
                        delete from crm.contact_companies as l
                         where l.agency_id = agency
                           and l.id = (line.before ->> 'link')::uuid;
                    end if;
                    if is_undone then
                        perform app.note_reverted(job_id, array[line.row_no]);
                        reverted := reverted + 1;
                    end if;
                exception
                    when data_exception
                        or integrity_constraint_violation
                        or insufficient_privilege
                        or sqlstate 'PT403'
                        or sqlstate 'PT409' then
                        is_undone := false;
                        get stacked diagnostics reason = message_text;
                end;
                if not is_undone then
                    kept := kept || jsonb_build_object('row_no', line.row_no, 'id', line.record_id, 'reason', reason);
                end if;
            end loop;

            made := array(
                select r.row_no
                  from integration.import_rows as r
                 where r.agency_id = agency
                   and r.job_id = revert_import.job_id
                   and r.row_no = any(lines)
                   and r.status = 'created'
                 order by r.row_no desc
            );
            while cardinality(made) > 0 loop
                chunk := made[:size];
                reason := 'Somebody changed or deleted the record since, or you may not change it.';
                select
                    array_agg(l.row_no),
                    array_agg(l.record_id),
                    array_agg(l.record_version + 2 * l.undone)
                  into chunk, ids, versions
                  from (
                      select
                          r.row_no,
                          r.record_version,
                          coalesce(r.contact_id, r.company_id, r.deal_id) as record_id,
                          (
                              select count(*)
                                from integration.import_rows as later
                               where later.agency_id = agency
                                 and later.job_id = r.job_id
                                 and later.row_no > r.row_no
                                 and later.status = 'reverted'
                                 and later.before -> 'fields' <> '{}'
                                 and case job.entity
                                     when 'contact' then later.contact_id = r.contact_id
                                     when 'company' then later.company_id = r.company_id
                                     else false
                                 end
                          ) as undone
                        from integration.import_rows as r
                       where r.agency_id = agency
                         and r.job_id = revert_import.job_id
                         and r.row_no = any(chunk)
                  ) as l;
                begin
                    deleted := app.delete_imported(job.entity, ids, versions);
                exception
                    when data_exception
                        or integrity_constraint_violation
                        or insufficient_privilege
                        or sqlstate 'PT403'
                        or sqlstate 'PT409' then
                        deleted := '{}';
                        get stacked diagnostics reason = message_text;
                end;
                if deleted is null then
                    size := size / 2;
                    continue;
                end if;
                size := least(2 * size, 50);
                made := made[cardinality(chunk) + 1:];
                done := array(select l.row_no from unnest(chunk, ids) as l (row_no, id) where l.id = any(deleted));
                if done <> '{}' then
                    perform app.note_reverted(job_id, done);
                    reverted := reverted + cardinality(done);
                end if;
                kept := kept || (
                    select coalesce(
                        jsonb_agg(jsonb_build_object('row_no', l.row_no, 'id', l.id, 'reason', reason)), '[]'
                    )
                      from unnest(chunk, ids) as l (row_no, id)
                     where l.id is null
                        or l.id <> all(deleted)
                );
            end loop;
            return jsonb_build_object(
                'reverted', reverted,
                'kept', kept,
                'next', case when cardinality(lines) = n then lines[n] end
            );
        end;
        $function$;

        revoke all on function app.revert_import(uuid, integer, integer) from public;
        grant execute on function app.revert_import(uuid, integer, integer) to
            authenticated;

        comment on function app.revert_import(uuid, integer, integer) is
        'Undoes the last n lines of an import before this one; answers how many, what was kept, and where to go on.';
        """
    )
    execute(
        r"""
        -- Works through the next n pending lines of an import and answers how many are settled; 0 when none is
        -- left or the import does not run (any more). One transaction of a worker for each call: lines and
        -- records commit together, so a line is done once or not at all, whoever dies, and the next worker goes
        -- on at the first pending one.
        --
        -- Records are written as the owner of the job (app.bind_import), fifty at a time in one savepoint; what
        -- fails is parted into lines that name an owner or a team, which policies judge, and others, and then halved,
        -- until the line at fault stands alone and gets its error, as if each had a savepoint of its own. Lines that
        -- share a key are not written together: the second one must find what the first one made.
        --
        -- An owner who was suspended, or may no longer import, stops the job (failed): the lines stay pending,
        -- and the first of them says why. What is settled before that stays.
        create or replace function app.run_import_batch(job_id uuid, n integer default 500)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            job record;
            line record;
            lines jsonb;
            settings jsonb;
            parsed jsonb;
            code text;
            field text;
            reason text;
            chunk jsonb := '[]';
            chunk_keys text[] := '{}';
            keys text[];
            chunks jsonb[] := '{}';
            pieces jsonb[];
            half integer;
            written jsonb;
            results jsonb := '[]';
            numbers integer[];
            may_go_on boolean := true;
        begin
            select j.status, j.entity, j.mapping, j.dedupe
              into job
              from integration.import_jobs as j
             where j.agency_id = agency
               and j.id = job_id
               for no key update;
            if not found then
                raise exception 'There is no import % in this agency.', job_id
                    using errcode = 'P0002';
            end if;
            if job.status <> 'running' then
                return 0;
            end if;
            lines := (
                select jsonb_agg(jsonb_build_object('no', r.row_no, 'raw', r.raw) order by r.row_no)
                  from (
                      select o.row_no, o.raw
                        from integration.import_rows as o
                       where o.agency_id = agency
                         and o.job_id = run_import_batch.job_id
                         and o.status = 'pending'
                       order by o.row_no
                       limit n
                  ) as r
            );
            if lines is null then
                update integration.import_jobs as j
                   set status = 'done'
                 where j.agency_id = agency
                   and j.id = job_id;
                return 0;
            end if;

            begin
                perform app.bind_import(job_id);
                settings := app.import_settings(job.entity, job.mapping);
            exception
                when insufficient_privilege then
                    may_go_on := false;
            end;
            if may_go_on then
                for line in select * from jsonb_to_recordset(lines) as l (no integer, raw jsonb) loop
                    begin
                        parsed := app.import_fields(settings, line.raw) || jsonb_build_object(
                            'no', line.no, 'id', app.uuid_v7()
                        );
                    exception
                        when data_exception or integrity_constraint_violation then
                            get stacked diagnostics code = returned_sqlstate, field = column_name, reason = message_text;
                            results := results || app.import_failure(jsonb_build_object('no', line.no), code, field, reason);
                            continue;
                    end;
                    keys := array(select jsonb_array_elements_text(parsed -> 'keys'));
                    if keys && chunk_keys or jsonb_array_length(chunk) = 50 then
                        chunks := chunks || chunk;
                        chunk := '[]';
                        chunk_keys := '{}';
                    end if;
                    chunk := chunk || parsed;
                    chunk_keys := chunk_keys || keys;
                end loop;
                if chunk <> '[]' then
                    chunks := chunks || chunk;
                end if;
            end if;

            while may_go_on and cardinality(chunks) > 0 loop
                chunk := chunks[1];
                chunks := chunks[2:];
                written := case job.entity
                    when 'contact' then app.import_contacts(job.dedupe, chunk)
                    when 'company' then app.import_companies(job.dedupe, chunk)
                    when 'deal' then app.import_deals(chunk)
                end;
                may_go_on := app.can_import();
                if not may_go_on then
                    written := jsonb_path_query_array(coalesce(written, '[]'), '$[*] ? (@.status != "failed")');
                end if;
                if written is null then
                    pieces := array[
                        jsonb_path_query_array(chunk, '$[*] ? (exists (@.fields.owner_id) || exists (@.fields.team_id))'),
                        jsonb_path_query_array(chunk, '$[*] ? (!exists (@.fields.owner_id) && !exists (@.fields.team_id))')
                    ];
                    if '[]' = any(pieces) then
                        half := jsonb_array_length(chunk) / 2;
                        pieces := array[
                            jsonb_path_query_array(chunk, '$[0 to $last]', jsonb_build_object('last', half - 1)),
                            jsonb_path_query_array(chunk, '$[$first to last]', jsonb_build_object('first', half))
                        ];
                    end if;
                    chunks := pieces || chunks;
                else
                    results := results || written;
                end if;
            end loop;

            perform app.release_import(agency);
            numbers := array(select (x ->> 'no')::integer from jsonb_array_elements(results) as x);
            update integration.import_rows as r
               set status = x.status,
                   error_code = x.code,
                   error_field = x.field,
                   error_message = x.reason,
                   contact_id = case when job.entity = 'contact' and x.version is not null then x.id end,
                   company_id = case when job.entity = 'company' and x.version is not null then x.id end,
                   deal_id = case when job.entity = 'deal' and x.version is not null then x.id end,
                   record_version = x.version,
                   before = x.before
              from jsonb_to_recordset(results) as x (
                  no integer, status app.import_row_status, code text, field text, reason text, id uuid, version integer,
                  before jsonb
              )
             where r.agency_id = agency
               and r.job_id = run_import_batch.job_id
               and r.row_no = x.no
               and r.row_no = any(numbers);
            if not may_go_on then
                update integration.import_rows as r
                   set error_code = '42501',
                       error_field = 'owner_id',
                       error_message = 'The import stopped here: its owner is no active member who may import.'
                 where r.agency_id = agency
                   and r.job_id = run_import_batch.job_id
                   and r.row_no = (
                       select min((l ->> 'no')::integer)
                         from jsonb_array_elements(lines) as l
                        where (l ->> 'no')::integer <> all(numbers)
                   );
                update integration.import_jobs as j
                   set status = 'failed'
                 where j.agency_id = agency
                   and j.id = job_id;
            end if;
            update integration.import_jobs as j
               set created_rows = j.created_rows + c.created,
                   updated_rows = j.updated_rows + c.updated,
                   skipped_rows = j.skipped_rows + c.skipped,
                   failed_rows = j.failed_rows + c.failed
              from (
                  select
                      count(*) filter (where x ->> 'status' = 'created') as created,
                      count(*) filter (where x ->> 'status' = 'updated') as updated,
                      count(*) filter (where x ->> 'status' = 'skipped') as skipped,
                      count(*) filter (where x ->> 'status' = 'failed') as failed
                    from jsonb_array_elements(results) as x
              ) as c
             where j.agency_id = agency
               and j.id = job_id;
            return cardinality(numbers);
        end;
        $function$;

        revoke all on function app.run_import_batch(uuid, integer) from public;
        grant execute on function app.run_import_batch(uuid, integer) to
            gardenos_worker;

        comment on function app.run_import_batch(uuid, integer) is
        'Works through the next n lines of a running import; answers how many are settled, 0 at its end.';
        """
    )
    execute(
        r"""
        -- Checks the next lines of an import before anything is written: every value against its field, with the
        -- error by field. Answers the number of the last line that it looked at, to go on after; null when all
        -- were, and then the import is ready. Nothing is lost when a worker goes away: it begins at 0 again and
        -- finds the same.
        --
        -- What only the whole agency can tell (an address that is taken, a record out of reach) the run finds.
        create or replace function app.validate_import_batch(
            job_id uuid,
            after_row integer default 0,
            n integer default 1000
        )
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            job record;
            line record;
            lines jsonb;
            last_row integer;
            settings jsonb;
            code text;
            field text;
            reason text;
            results jsonb[] := '{}';
        begin
            select j.status, j.entity, j.mapping, j.started_at
              into job
              from integration.import_jobs as j
             where j.agency_id = agency
               and j.id = job_id
               for no key update;
            if not found then
                raise exception 'There is no import % in this agency.', job_id
                    using errcode = 'P0002';
            end if;
            if job.status <> 'validating' then
                return null;
            end if;
            select
                jsonb_agg(jsonb_build_object('no', r.row_no, 'raw', r.raw) order by r.row_no),
                max(r.row_no)
              into lines, last_row
              from (
                  select o.row_no, o.raw
                    from integration.import_rows as o
                   where o.agency_id = agency
                     and o.job_id = validate_import_batch.job_id
                     and o.row_no > after_row
                   order by o.row_no
                   limit n
              ) as r;
            if lines is null then
                update integration.import_jobs as j
                   set status = 'ready', total_rows = c.total, failed_rows = c.failed
                  from (
                      select count(*) as total, count(*) filter (where r.status = 'failed') as failed
                        from integration.import_rows as r
                       where r.agency_id = agency
                         and r.job_id = validate_import_batch.job_id
                  ) as c
                 where j.agency_id = agency
                   and j.id = job_id;
                return null;
            end if;
            begin
                perform app.bind_import(job_id);
            exception
                when insufficient_privilege then
                    update integration.import_jobs as j
                       set status = 'failed'
                     where j.agency_id = agency
                       and j.id = job_id;
                    return null;
            end;
            settings := app.import_settings(job.entity, job.mapping);
            for line in select * from jsonb_to_recordset(lines) as l (no integer, raw jsonb) loop
                begin
                    perform app.import_fields(settings, line.raw);
                    results := results || jsonb_build_object('no', line.no, 'status', 'pending');
                exception
                    when data_exception or integrity_constraint_violation then
                        get stacked diagnostics code = returned_sqlstate, field = column_name, reason = message_text;
                        results := results || app.import_failure(
                            jsonb_build_object('no', line.no), code, field, reason
                        );
                end;
            end loop;
            perform app.release_import(agency);
            update integration.import_rows as r
               set status = x.status, error_code = x.code, error_field = x.field, error_message = x.reason
              from jsonb_to_recordset(to_jsonb(results)) as x (
                  no integer, status app.import_row_status, code text, field text, reason text
              )
             where r.agency_id = agency
               and r.job_id = validate_import_batch.job_id
               and r.row_no = x.no
               and r.row_no > after_row
               and r.row_no <= last_row
               and r.status in ('pending', 'failed')
               and (r.status, r.error_code, r.error_field) is distinct from (x.status, x.code, x.field);
            return last_row;
        end;
        $function$;

        revoke all on function app.validate_import_batch(uuid, integer, integer) from public;
        grant execute on function app.validate_import_batch(uuid, integer, integer) to
            gardenos_worker;

        comment on function app.validate_import_batch(uuid, integer, integer) is
        'Checks the next n lines of an import; answers the last one, or null when it is ready or was stopped.';
        """
    )
    execute(
        r"""
        grant update (status) on table integration.import_rows to gardenos_crm_writer;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        revoke update (status) on table integration.import_rows from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        drop function app.validate_import_batch(job_id uuid, after_row integer, n integer);
        """
    )
    execute(
        r"""
        drop function app.run_import_batch(job_id uuid, n integer);
        """
    )
    execute(
        r"""
        drop function app.revert_import(job_id uuid, before_row integer, n integer);
        """
    )
    execute(
        r"""
        drop function app.release_import(agency uuid);
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        drop function app.refused_addresses(norms text[]);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.reach(action text, own app.agency_role[], scope app.agency_role[], team app.agency_role[], agency app.agency_role[]) from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        CREATE OR REPLACE FUNCTION app.proof(OUT user_id uuid, OUT agency_id uuid, OUT membership_id uuid, OUT agency_role app.agency_role, OUT record_scope app.record_scope, OUT capabilities text[], OUT agent_id uuid, OUT is_person boolean, OUT api_key_id uuid, OUT scopes text[])
         RETURNS record
         LANGUAGE plpgsql
         STABLE SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            claims jsonb := app.claims();
            claimed_user_id uuid;
            claimed_agency_id uuid;
            proven record;
            agent_scope app.record_scope;
        begin
            if claims is null then
                return;
            end if;
            if session_user = 'gardenos_worker' then
                agency_id := (
                    select a.id
                      from tenancy.agencies as a
                     where a.id = app.claimed_uuid(claims, 'agency_id')
                       and claims ->> 'role' = 'gardenos_worker'
                );
                return;
            end if;
            claimed_user_id := app.claimed_user(claims);
            claimed_agency_id := app.claimed_uuid(claims, 'agency_id');

            select
                u.id as user_id,
                u.kind = 'person' as is_person,
                m.agency_id,
                m.id as membership_id,
                m.role,
                m.record_scope,
                m.capabilities
              into proven
              from tenancy.users as u
              left join (
                  tenancy.memberships as m
                  join tenancy.agencies as a
                    on a.id = m.agency_id
                   and a.status = 'active'
                   and a.deleted_at is null
              )
                on m.user_id = u.id
               and m.agency_id = claimed_agency_id
               and m.status = 'active'
             where u.id = claimed_user_id
               and u.status = 'active';
            if proven.user_id is null then
                return;
            end if;

            if claims ? 'act' then
                claimed_user_id := app.claimed_user(
                    case
                        when jsonb_typeof(claims -> 'act') = 'object'
                            then jsonb_build_object('iss', claims -> 'iss') || (claims -> 'act')
                    end
                );
                select m.id, m.record_scope
                  into agent_id, agent_scope
                  from tenancy.users as u
                  join tenancy.memberships as m
                    on m.user_id = u.id
                   and m.agency_id = proven.agency_id
                   and m.role = 'ai_agent'
                   and m.status = 'active'
                 where u.id = claimed_user_id
                   and u.kind = 'agent'
                   and u.status = 'active';
                if agent_id is null then
                    return;
                end if;
            end if;

            if claims ? 'api_key_id' then
                select k.id, nullif(k.scopes, '{}')
                  into api_key_id, scopes
                  from tenancy.api_keys as k
                 where k.agency_id = proven.agency_id
                   and k.id = app.claimed_uuid(claims, 'api_key_id')
                   and k.acts_as_id = proven.membership_id
                   and k.revoked_at is null
                   and (k.expires_at is null or k.expires_at > statement_timestamp());
                if api_key_id is null then
                    agent_id := null;
                    return;
                end if;
            end if;

            user_id := proven.user_id;
            agency_id := proven.agency_id;
            membership_id := proven.membership_id;
            agency_role := proven.role;
            record_scope := least(proven.record_scope, agent_scope);
            capabilities := proven.capabilities;
            is_person := proven.is_person and agent_id is null;
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        drop function app.note_reverted(job_id uuid, row_numbers integer[]);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.my_teams() from gardenos_crm_writer cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_sealer;

        drop function app.issue_import_seal(agency_id uuid, job_id uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.is_value_of(data_type app.field_type, options jsonb, value jsonb) from authenticated cascade;
        """
    )
    execute(
        r"""
        drop function app.import_settings(entity app.entity, mapping jsonb);
        """
    )
    execute(
        r"""
        drop function app.import_fields(settings jsonb, raw jsonb);
        """
    )
    execute(
        r"""
        drop function app.import_failure(line jsonb, code text, field text, reason text);
        """
    )
    execute(
        r"""
        drop function app.import_deals(lines jsonb);
        """
    )
    execute(
        r"""
        drop function app.import_contacts(dedupe app.dedupe, lines jsonb);
        """
    )
    execute(
        r"""
        drop function app.import_companies(dedupe app.dedupe, lines jsonb);
        """
    )
    execute(
        r"""
        drop function app.guard_import();
        """
    )
    execute(
        r"""
        drop function app.delete_imported(entity app.entity, ids uuid[], versions integer[]);
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        CREATE OR REPLACE FUNCTION app.default_team_id()
         RETURNS uuid
         LANGUAGE plpgsql
         STABLE SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            return (
                select t.id
                  from tenancy.memberships as m
                  join tenancy.teams as t
                    on t.agency_id = m.agency_id
                   and t.id = m.default_team_id
                   and t.deleted_at is null
                 where m.agency_id = app.agency_id()
                   and m.id = app.membership_id()
            );
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.default_owner()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            if app.agency_role() <> 'client' then
                new.owner_id := app.membership_id();
            end if;
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        CREATE OR REPLACE FUNCTION app.check_suppression()
         RETURNS trigger
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            proof record := app.proof();
        begin
            if proof.is_person and proof.api_key_id is null then
                return null;
            end if;
            if exists (
                select 1
                  from governance.suppressions as s
                 where s.agency_id = new.agency_id
                   and s.kind = new.kind
                   and s.value_hash = app.suppression_hash(new.agency_id, new.kind, new.value_norm)
            ) then
                raise exception 'This % was erased at the wish of its owner, and is only added by a person.',
                    new.kind
                    using errcode = '23514',
                    schema = tg_table_schema,
                    table = tg_table_name,
                    column = 'value';
            end if;
            return null;
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        CREATE OR REPLACE FUNCTION app.check_custom()
         RETURNS trigger
         LANGUAGE plpgsql
         SECURITY DEFINER
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            proof record := app.proof();
            before jsonb := case when tg_op = 'UPDATE' then old.custom else '{}' end;
            found record;
            fault text;
        begin
            for found in
                select
                    coalesce(f.key, d.key) as key,
                    f.value,
                    d.key is not null as is_known,
                    d.data_type,
                    d.options,
                    d.agent_writable,
                    d.required and d.archived_at is null as is_required
                  from jsonb_each(new.custom) as f (key, value)
                  full join (
                      select c.key, c.data_type, c.options, c.agent_writable, c.required, c.archived_at
                        from crm.custom_field_defs as c
                       where c.agency_id = new.agency_id
                         and c.entity = tg_argv [0]::app.entity
                  ) as d
                    on d.key = f.key
            loop
                fault := case
                    when not found.is_known then 'is not a custom field of a ' || tg_argv [0]
                    when found.value is null and found.is_required then 'is required'
                    when found.value is not null and not app.is_value_of(found.data_type, found.options, found.value)
                        then 'must be of type ' || found.data_type
                end;
                if fault is not null then
                    raise exception 'custom: "%" %.', found.key, fault
                        using errcode = '23514',
                        schema = tg_table_schema,
                        table = tg_table_name,
                        column = 'custom',
                        hint = 'The fields are in crm.custom_field_defs. A field without a value is left out.';
                end if;
                if proof.is_person is false and not found.agent_writable and found.value is distinct from before -> found.key then
                    raise exception 'custom: "%" is not written by agents.', found.key
                        using errcode = '42501';
                end if;
            end loop;
            return new;
        end;
        $function$;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.can_import() from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        drop function app.bind_import(job_id uuid);
        """
    )
    execute(
        r"""
        drop function app.analyze_imports();
        """
    )
