-- Seals what no transaction can add to any more: rows of transactions below the oldest one that still runs
-- (pg_snapshot_xmin), whatever they wrote and in whatever order they committed. Of an epoch before the
-- present one every transaction is over. Writers are never waited for and never wait; a transaction that
-- stays open holds the seals back, not the writes.
--
-- One batch ends before more than batch_rows rows, where transactions allow, and lies in one month: a month
-- can then leave with its seals. Two sealers at once: the unique rule lets one win, the other stops.
set local role gardenos_audit_sealer;

create or replace function audit.seal(agency uuid default null, batch_rows integer default 100000)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
    present constant record := audit.machinery();
    this_epoch constant integer := (select max(e.epoch) from migration.epochs as e);
    one uuid;
    last audit.seals;
    next audit.seals;
    rows_epoch integer;
    first_xid xid8;
    end_xid xid8;
    part record;
    sealed bigint := 0;
begin
    if batch_rows is null or batch_rows < 1 then
        raise exception 'A batch has at least one row, not %.', coalesce(batch_rows::text, 'null')
            using errcode = '22023';
    end if;
    insert into migration.machinery (machinery, revision, objects)
    values (present.machinery, present.revision, present.objects)
    on conflict (machinery) do nothing;

    <<agencies>>
    for one in
        select a.id
          from audit.agencies() as a (id)
         where seal.agency is null
            or a.id = seal.agency
    loop
        loop
            last := null;
            select *
              into last
              from audit.seals as s
             where s.agency_id = one
             order by s.seq desc
             limit 1;

            select l.epoch, l.xid
              into rows_epoch, first_xid
              from audit.log as l
             where l.agency_id = one
               and (
                   last.epoch is null
                   or l.epoch > last.epoch
                   or (l.epoch = last.epoch and l.xid >= last.to_xid)
               )
             order by l.epoch, l.xid
             limit 1;
            exit when first_xid is null or (rows_epoch = this_epoch and first_xid >= horizon);

            select l.xid
              into end_xid
              from audit.log as l
             where l.agency_id = one
               and l.epoch = rows_epoch
               and l.xid >= first_xid
             order by l.xid
            offset batch_rows
             limit 1;
            if end_xid = first_xid then
                -- one transaction wrote more than a batch: it is sealed whole
                select l.xid
                  into end_xid
                  from audit.log as l
                 where l.agency_id = one
                   and l.epoch = rows_epoch
                   and l.xid > first_xid
                 order by l.xid
                 limit 1;
            end if;
            if rows_epoch = this_epoch then
                end_xid := least(end_xid, horizon);
            elsif end_xid is null then
                select (max(l.xid::text::bigint) + 1)::text::xid8
                  into end_xid
                  from audit.log as l
                 where l.agency_id = one
                   and l.epoch = rows_epoch;
            end if;

            next.agency_id := one;
            next.epoch := rows_epoch;
            next.timeline := ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer;
            next.from_xid := case when last.epoch = rows_epoch then last.to_xid else '0' end;
            next.to_xid := end_xid;
            next.revision := present.revision;
            next.machinery := present.machinery;
            for part in
                select
                    audit.month_of(r.partition) as month,
                    count(*) as row_count,
                    sha256(string_agg(r.row_hash, ''::bytea order by r.timeline, r.seq)) as rows_hash,
                    string_agg(substring(r.row_hash from 1 for 4), ''::bytea order by r.timeline, r.seq) as row_marks
                  from audit.row_hashes as r
                 where r.agency_id = one
                   and r.epoch = rows_epoch
                   and r.xid >= next.from_xid
                   and r.xid < next.to_xid
                 group by r.partition
                 order by 1
            loop
                next.id := app.uuid_v7();
                next.seq := coalesce(last.seq, 0) + 1;
                next.month := part.month;
                next.row_count := part.row_count;
                next.rows_hash := part.rows_hash;
                next.row_marks := part.row_marks;
                next.prev_hash := last.seal_hash;
                next.sealed_at := clock_timestamp();
                next.seal_hash := audit.seal_hash(next);
                insert into audit.seals
                select next.*
                on conflict (agency_id, seq) do nothing;
                if not found then
                    continue agencies;
                end if;
                last := next;
                sealed := sealed + part.row_count;
            end loop;
        end loop;
    end loop;
    return sealed;
end;
$function$;

revoke all on function audit.seal(uuid, integer) from public;
grant execute on function audit.seal(uuid, integer) to
    gardenos_worker;

comment on function audit.seal(uuid, integer) is
'Seals what no transaction can add to any more, of one agency or of all; returns how many rows it sealed.';

set local role gardenos_owner;
