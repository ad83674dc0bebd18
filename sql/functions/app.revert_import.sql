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
