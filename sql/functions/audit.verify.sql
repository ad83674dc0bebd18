-- Is the trail what was recorded? One row for each problem, none when it is. It reads every sealed row, so
-- it takes as long as reading them; it writes nothing and runs on a replica. What it finds, and where:
--
--   a seal changed, gone, or not following the one before          the number of the seal
--   rows changed, gone, added or in another order in a batch       the seal, and the first such row
--   rows added to a range that was sealed without them             the row
--   values changed, or emptied without a redaction                 the row
--   a month detached or truncated without being retired            the month
--   a trigger gone or off, a function replaced                     its name, now or at the seal that saw it
--
-- Whoever reads the trail may ask: the auditor of all agencies, owners and admins of their own. Who sees
-- nothing is refused, for an empty answer would say that all is well. What was cut off at the end, seals
-- included, only an anchor outside shows: see audit.head and audit.holds.
create or replace function audit.verify(
    agency uuid default null,
    from_seal bigint default 1,
    to_seal bigint default null
)
returns table (agency_id uuid, seal bigint, log_id uuid, problem text)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    present constant record := audit.machinery();
    one uuid;
    earlier audit.seals;
    this audit.seals;
    gone audit.retired;
    found_rows record;
    wanted bigint;
begin
    if current_user = 'authenticated' then
        if not app.may('audit.log:select', 'owner', 'admin')
            or coalesce(verify.agency, app.agency_id()) is distinct from app.agency_id() then
            raise exception 'Only owners and admins verify the trail, and only that of their agency.'
                using errcode = '42501';
        end if;
    elsif row_security_active('audit.log') and current_user not in ('gardenos_auditor', 'gardenos_audit_sealer') then
        raise exception '% sees no row of the trail, so it cannot verify it.', current_user
            using errcode = '42501',
            hint = 'Ask as gardenos_auditor.';
    end if;

    return query
        select null::uuid, null::bigint, null::uuid, d.problem
          from audit.defects() as d (problem);

    for one in
        select a.id
          from audit.agencies() as a (id)
         where verify.agency is null
            or a.id = verify.agency
    loop
        earlier := null;
        wanted := 0;
        select *
          into earlier
          from audit.seals as s
         where s.agency_id = one
           and s.seq = from_seal - 1;

        for this in
            select *
              from audit.seals as s
             where s.agency_id = one
               and s.seq >= from_seal
               and (to_seal is null or s.seq <= to_seal)
             order by s.seq
        loop
            agency_id := one;
            seal := this.seq;
            log_id := null;
            if this.seq <> coalesce(earlier.seq + 1, from_seal) then
                problem := format('seal %s is missing', coalesce(earlier.seq + 1, from_seal));
                return next;
            elsif this.prev_hash is distinct from earlier.seal_hash then
                problem := 'does not follow the seal before it';
                return next;
            elsif this.epoch < earlier.epoch
                or this.from_xid <> (case when this.epoch = earlier.epoch then earlier.to_xid else '0' end)
                and not (
                    this.epoch = earlier.epoch
                    and this.from_xid = earlier.from_xid
                    and this.to_xid = earlier.to_xid
                    and this.month > earlier.month
                ) then
                problem := 'does not begin where the seal before it ends';
                return next;
            end if;
            if this.seal_hash is distinct from audit.seal_hash(this) then
                problem := 'the seal itself was changed';
                return next;
            end if;
            if this.machinery <> earlier.machinery and this.revision = earlier.revision then
                problem := format(
                    'what records was changed before this seal, by no revision: %s',
                    audit.machinery_changes(earlier.machinery, this.machinery)
                );
                return next;
            end if;

            gone := null;
            select *
              into gone
              from audit.retired as r
             where r.agency_id = one
               and r.month = this.month;
            select
                count(*) as row_count,
                sha256(string_agg(r.row_hash, ''::bytea order by r.timeline, r.seq)) as rows_hash,
                (array_agg(r.id order by r.timeline, r.seq) filter (where not r.values_hold))[1] as changed_values
              into found_rows
              from audit.row_hashes as r
             where r.agency_id = one
               and r.epoch = this.epoch
               and r.xid >= this.from_xid
               and r.xid < this.to_xid
               and audit.month_of(r.partition) = this.month;
            if gone.month is not null then
                if found_rows.row_count > 0 then
                    problem := format('%s rows are there of %s, which was retired', found_rows.row_count, this.month);
                    return next;
                end if;
                if this.seq = gone.last_seal and this.seal_hash <> gone.head_hash
                    or this.seq not between gone.first_seal and gone.last_seal then
                    problem := format('is not as it was when %s was retired', this.month);
                    return next;
                end if;
            else
                wanted := wanted + this.row_count;
                if found_rows.row_count <> this.row_count or found_rows.rows_hash <> this.rows_hash then
                    select d.log_id, d.problem
                      into log_id, problem
                      from audit.first_difference(this) as d;
                    return next;
                    log_id := null;
                end if;
                if found_rows.changed_values is not null then
                    log_id := found_rows.changed_values;
                    problem := 'it holds values that were not recorded';
                    return next;
                    log_id := null;
                end if;
            end if;
            earlier := this;
        end loop;

        continue when to_seal is not null;
        agency_id := one;
        seal := null;
        log_id := null;
        if from_seal > 1 and earlier.seq is null then
            problem := format('there is no seal %s', from_seal);
            return next;
        end if;
        if earlier.machinery <> present.machinery and earlier.revision = present.revision then
            problem := format(
                'what records was changed since the last seal, by no revision: %s',
                audit.machinery_changes(earlier.machinery, present.machinery)
            );
            return next;
        end if;
        if from_seal = 1 and earlier.seq is not null and wanted <> (
            select count(*)
              from audit.log as l
             where l.agency_id = one
               and (l.epoch < earlier.epoch or (l.epoch = earlier.epoch and l.xid < earlier.to_xid))
        ) then
            for log_id in
                select r.id
                  from audit.row_hashes as r
                 where r.agency_id = one
                   and (r.epoch < earlier.epoch or (r.epoch = earlier.epoch and r.xid < earlier.to_xid))
                   and not exists (
                       select 1
                         from audit.seals as s
                        where s.agency_id = one
                          and s.month = audit.month_of(r.partition)
                          and s.epoch = r.epoch
                          and s.from_xid <= r.xid
                          and s.to_xid > r.xid
                   )
                 order by r.epoch, r.timeline, r.seq
                 limit 1
            loop
                problem := 'was added to a range that was sealed without it';
                return next;
            end loop;
        end if;
        for log_id, problem in
            select
                r.id,
                case
                    when r.values_hold then 'its values were emptied, and no redaction says so'
                    else 'it holds values that were not recorded (not sealed yet)'
                end
              from audit.row_hashes as r
             where r.agency_id = one
               and (
                   (
                       r.is_emptied
                       and not exists (
                           select 1
                             from audit.log as l
                             join audit.log as m
                               on m.agency_id = l.agency_id
                              and m.schema_name = l.schema_name
                              and m.table_name = l.table_name
                              and m.record_id = l.record_id
                            where l.agency_id = r.agency_id
                              and l.id = r.id
                              and m.op = 'redact'
                              and (m.epoch, m.timeline, m.seq) > (l.epoch, l.timeline, l.seq)
                       )
                   )
                   or (
                       not r.values_hold
                       and not r.is_emptied
                       and (
                           earlier.seq is null
                           or r.epoch > earlier.epoch
                           or (r.epoch = earlier.epoch and r.xid >= earlier.to_xid)
                       )
                   )
               )
             order by r.epoch, r.timeline, r.seq
             limit 1
        loop
            return next;
        end loop;
    end loop;
end;
$function$;

revoke all on function audit.verify(uuid, bigint, bigint) from public;
grant execute on function audit.verify(uuid, bigint, bigint) to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

comment on function audit.verify(uuid, bigint, bigint) is
'Every problem of the trail of an agency, or of all; no row when it is what was recorded.';
